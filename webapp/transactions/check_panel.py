"""What a payment's page says about asking the bank: whether it may be asked, when, and how the last attempt ended."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.banking.connection import BankConnection
from webapp.kernel import clock
from webapp.kernel.i18n import gettext as _
from webapp.transactions import checking, presenting, wording
from webapp.transactions.checking import CheckOutcome, CheckResult
from webapp.transactions.lifecycle import CHECKABLE, Status
from webapp.transactions.models import Transaction


@dataclass(frozen=True)
class CheckPanel:
    """The button that asks the bank, and the sentence beside it."""

    allowed: bool
    wait_seconds: int
    """Until the limit of calls allows the next question; 0 where it allows it now."""
    incomplete: bool
    sentence: str
    ticking: int
    """The seconds that the sentence names; the page counts them down by itself. 0 where it names none."""

    @property
    def state(self) -> tuple[object, ...]:
        """Return what is shown, without the seconds that the page counts."""
        steady = "" if self.ticking else self.sentence
        return (self.allowed, self.wait_seconds > 0, self.incomplete, self.ticking > 0, steady)


def panel(
    transaction: Transaction, result: CheckResult | None, *, bank: BankConnection
) -> CheckPanel | None:
    """Say whether the bank in force may be asked about a payment; None where it never will be.

    `result` is how the attempt ended that this page answers, if it answers one.
    """
    foreign = transaction.bank_environment != bank.policy.environment
    if foreign or transaction.status not in CHECKABLE:
        return None
    wait = checking.waiting_seconds(transaction, bank=bank)
    missing = _missing(transaction, bank)
    busy = transaction.checking_until is not None and transaction.checking_until > clock.now()
    sentence, ticking = _sentence(transaction, result, missing=missing, wait=wait, busy=busy)
    return CheckPanel(
        allowed=wait == 0 and not busy and not missing,
        wait_seconds=wait,
        incomplete=bool(missing),
        sentence=sentence,
        ticking=ticking,
    )


def outcome(transaction: Transaction, result: CheckResult, *, bank: BankConnection) -> str:
    """Say how an attempt to ask ended, where no panel shows it."""
    if result.outcome is CheckOutcome.ANSWERED:
        return " ".join(presenting.reasons(transaction)) or _("Banesco respondió.")
    if result.outcome is CheckOutcome.NOT_CHECKABLE:
        return _("Este pago ya está cerrado: no hace falta consultarlo.")
    sentence, _ticking = _sentence(
        transaction,
        result,
        missing=_missing(transaction, bank),
        wait=checking.waiting_seconds(transaction, bank=bank),
        busy=result.outcome is CheckOutcome.BUSY,
    )
    return sentence


def _sentence(
    transaction: Transaction,
    result: CheckResult | None,
    *,
    missing: tuple[str, ...],
    wait: int,
    busy: bool,
) -> tuple[str, int]:
    """Return the sentence, and the seconds that it names."""
    if missing:
        return wording.incomplete(missing), 0
    if busy:
        return _("Consultando a Banesco en este momento…"), 0
    if result and result.outcome is CheckOutcome.BANK_SILENT:
        return str(wording.SILENCES[result.silence]), 0
    if wait:
        return _("Próxima consulta en %(seconds)s s.", seconds=wait), wait
    if transaction.next_check_at and transaction.status is Status.IN_PROGRESS:
        return _next_check((transaction.next_check_at - clock.now()).total_seconds())
    return _("Puede consultar a Banesco ahora."), 0


def _next_check(seconds: float) -> tuple[str, int]:
    if seconds < 1:
        return _("El sistema lo va a consultar en seguida."), 0
    count = int(seconds)
    ticking = count if count < 120 else 0
    time = _("%(count)s s", count=count) if ticking else _("%(count)s min", count=count // 60)
    return _("El sistema vuelve a consultar solo en %(time)s.", time=time), ticking


def _missing(transaction: Transaction, bank: BankConnection) -> tuple[str, ...]:
    """Return the fields that the bank would need to find this payment and that are not declared."""
    needs = bank.gateway.requirements(transaction.bank, transaction.payer_bank)
    return needs.missing(transaction.as_claim())
