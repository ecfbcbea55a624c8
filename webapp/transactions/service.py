"""What people do with payments: log, correct, delete, decide, reopen (DESIGN 3).

Every function is one unit of work: it locks the row, asks the rules, lets `status_changes` write status and event,
and commits once.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import IntegrityError

from webapp.kernel import clock, formatting
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict
from webapp.kernel.i18n import gettext as _
from webapp.kernel.metrics import TRANSACTION_COUNT
from webapp.kernel.permissions import Actor, Permission
from webapp.transactions import allocation, declaration, identifiers, queries, rules, settlement
from webapp.transactions.declaration import COLUMNS, NOT_ASKED, Details, details_of
from webapp.transactions.lifecycle import DECIDABLE, Cause, Status, allows
from webapp.transactions.models import Transaction
from webapp.transactions.settlement import MovementUsed
from webapp.transactions.status_changes import begin, event, move, required_reason
from webapp.transactions.versions import StaleVersion, raise_version, require_version


class Verdict(StrEnum):
    """What a supervisor decides."""

    APPROVE = "approve"
    REJECT = "reject"


class ReferenceTaken(Conflict):
    """Another payment holds this reference; `holder` is that payment."""

    code = "reference_taken"

    def __init__(self, holder: Transaction) -> None:
        super().__init__(
            _(
                "Esta referencia ya está registrada: pago %(id)s, de %(who)s (%(when)s).",
                id=holder.transaction_id,
                who=holder.creator.full_name if holder.creator else "—",
                when=formatting.moment(holder.created_at),
            ),
            extra={
                "holder": {
                    "id": str(holder.id),
                    "transaction_id": holder.transaction_id,
                    "created_by": holder.creator.full_name if holder.creator else None,
                    "created_at": holder.created_at.isoformat(),
                }
            },
        )
        self.holder = holder


class TransactionIdTaken(Conflict):
    """A payment with other content has this transaction_id."""

    code = "transaction_id_taken"

    def __init__(self) -> None:
        super().__init__(_("Ese identificador ya lo usa otro pago. Use otro, o déjelo en blanco."))


@dataclass(frozen=True)
class Logged:
    """The payment, and whether this call made it (or an earlier one of the same form)."""

    transaction: Transaction
    created: bool


def log(
    *,
    actor: Actor,
    details: Details,
    transaction_id: str | None,
    submission_key: str,
    bank_environment: str,
    receiving_account: str | None,
) -> Logged:
    """Record a payment and its first event, due to be asked about at once.

    `bank_environment` (`qa` or `production`) marks it for good; `receiving_account` is our account in force, in
    which it is searched even after another account is set, or None where the bank needs none to find it. The same form
    (or API request) sent again gives the payment that it made. Raises Forbidden, ReferenceTaken, TransactionIdTaken.
    """
    content = declaration.digest(details, transaction_id)
    for _attempt in range(3):
        new = log_if_new(
            actor=actor,
            details=details,
            transaction_id=transaction_id,
            submission_key=submission_key,
            bank_environment=bank_environment,
            receiving_account=receiving_account,
        )
        if new is not None:
            return Logged(new, created=True)
        made = queries.by_submission(actor.id, submission_key)
        if made is None:
            _raise_for_conflict(details, bank_environment, transaction_id)
        elif _is_made_by(made, content):
            return Logged(made, created=False)
        else:
            submission_key = uuid.uuid4().hex  # the same form with other content is another payment
    raise Conflict(_("Otra persona guardó lo mismo en este momento. Inténtelo de nuevo."))


def log_if_new(
    *,
    actor: Actor,
    details: Details,
    transaction_id: str | None,
    submission_key: str,
    bank_environment: str,
    receiving_account: str | None,
) -> Transaction | None:
    """Record a payment as `log` does, or return None where another has its id, its reference or its form.

    The payment is as it was stored, and outside of the session. Raises Forbidden.
    """
    actor.require(Permission.TRANSACTION_CREATE)
    content = declaration.digest(details, transaction_id)
    transaction = _new(actor, details, transaction_id, submission_key, content)
    transaction.bank_environment = bank_environment
    transaction.receiving_account = receiving_account
    if not begin(transaction, actor):
        return None
    TRANSACTION_COUNT.labels(transaction.status.value, transaction.bank.value).inc()
    return transaction


def _is_made_by(made: Transaction, content: str) -> bool:
    """Tell whether a form with this content made the payment, and nobody deleted it since."""
    return made.deleted_at is None and made.metadata_.get("submission") == content


def _new(
    actor: Actor, details: Details, transaction_id: str | None, submission_key: str, content: str
) -> Transaction:
    now = clock.now()
    transaction = Transaction(
        id=uuid.uuid4(),
        transaction_id=transaction_id or identifiers.new_transaction_id(),
        id_assigned=transaction_id is None,
        submission_key=submission_key,
        currency="VES",
        created_by=actor.id,
        updated_by=actor.id,
        created_at=now,
        updated_at=now,
        next_check_at=now,
        reasons=[],
        shown_movements=[],
        version=1,
        metadata_={"submission": content},
    )
    transaction.remember_key_makers(actor.key_makers)
    _declare(transaction, details)
    return transaction


def _declare(transaction: Transaction, details: Details) -> None:
    for name, column in COLUMNS.items():
        setattr(transaction, column, getattr(details, name))
    transaction.reference_key = details.reference_key
    # Cut to its column: without ligatures (ﬃ) a name can become longer than it was.
    transaction.customer_name_search = identifiers.searchable(details.full_name)[:255]
    transaction.waiting_since = clock.now()


def _raise_for_conflict(
    details: Details, bank_environment: str, transaction_id: str | None
) -> None:
    """Raise ReferenceTaken or TransactionIdTaken for what the database refused; return where it is gone by now."""
    holder = _holder_of(details, bank_environment)
    if holder is not None:
        raise ReferenceTaken(holder)
    if transaction_id and queries.by_transaction_id(transaction_id):
        raise TransactionIdTaken()


def _holder_of(details: Details, bank_environment: str) -> Transaction | None:
    return queries.holder_of_reference(
        details.reference_key, details.transaction_type, bank_environment=bank_environment
    )


def correct(
    *,
    actor: Actor,
    row_id: uuid.UUID,
    version: int | None,
    details: Details,
    receiving_account: str | None = None,
) -> Transaction:
    """Change what was declared; the bank is asked again where it is asked about the changed fields.

    `receiving_account` is for a payment that needed none so far; one that was noted stays. Raises Forbidden,
    StaleVersion (with a `version` other than the row's), Conflict for a final payment, ReferenceTaken.
    """
    transaction = queries.locked(row_id)
    rules.require_may_correct(actor, transaction)
    require_version(
        transaction,
        version,
        sentence=_(
            "Este pago cambió mientras usted lo editaba. Revise cómo quedó, abajo está lo que "
            "usted escribió, y guarde de nuevo si hace falta."
        ),
    )
    changes = declaration.changes(details_of(transaction), details)
    if not changes:
        db.session.rollback()
        return queries.by_id(row_id)
    bank_environment = transaction.bank_environment
    transaction.receiving_account = transaction.receiving_account or receiving_account
    _declare_again(transaction, actor, details, changes)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        holder = _holder_of(details, bank_environment)
        raise ReferenceTaken(holder) if holder else StaleVersion() from None
    return queries.by_id(row_id)


def _declare_again(
    transaction: Transaction, actor: Actor, details: Details, changes: dict[str, Any]
) -> None:
    """Write the corrected declaration and its event; the bank is asked again where it is asked about the changes."""
    ask_again = bool(changes.keys() - NOT_ASKED)
    waiting_since = transaction.waiting_since
    _declare(transaction, details)
    transaction.remember_editor(actor.id)
    transaction.remember_key_makers(actor.key_makers)
    transaction.updated_by = actor.id
    if ask_again:
        _forget_answer(transaction)
    else:
        transaction.waiting_since = waiting_since
    if ask_again and allows(Cause.CORRECTION, transaction.status, Status.IN_PROGRESS):
        move(transaction, Status.IN_PROGRESS, Cause.CORRECTION, actor, None, changes=changes)
    else:
        raise_version(transaction)
        event(transaction, transaction.status, actor, None, changes=changes)


def _forget_answer(transaction: Transaction) -> None:
    """Take away what the bank showed for the earlier declaration, and make the payment due at once."""
    transaction.reasons, transaction.shown_movements = [], []
    transaction.shown_movement = transaction.bank_reference = transaction.bank_amount = None
    transaction.banesco_payload = None
    transaction.next_check_at = clock.now()


def delete(
    *, actor: Actor, row_id: uuid.UUID, reason: str, version: int | None = None
) -> Transaction:
    """Take a payment out of the lists, for a reason; its reference is free again, its trail stays.

    A movement of the bank that paid it stays with it (see `settlement`). Raises Forbidden, Invalid without a reason,
    StaleVersion.
    """
    actor.require(Permission.TRANSACTION_DELETE)
    reason = required_reason(reason)
    transaction = queries.locked(row_id)
    require_version(transaction, version)
    transaction.deleted_at = clock.now()
    transaction.reference_key = None
    transaction.next_check_at = None
    raise_version(transaction)
    event(transaction, transaction.status, actor, reason, deleted=True)
    db.session.commit()
    return transaction


def decide(
    *,
    actor: Actor,
    row_id: uuid.UUID,
    verdict: Verdict,
    reason: str,
    version: int | None = None,
    movement: str | None = None,
) -> Transaction:
    """Approve or reject a payment that waits for a decision, for a reason.

    `movement` says by its identity which of several shown movements it is; without it, it is the one
    that the bank shows. Raises Forbidden (permission, or four eyes), Invalid without a reason,
    StaleVersion (with a `version` other than the row's), Conflict where it is decided already,
    MovementNotShown, and MovementUsed or Forbidden where its movement paid another payment (see `settlement`).
    """
    actor.require(Permission.TRANSACTION_REVIEW)
    reason = required_reason(reason)
    transaction = queries.locked(row_id)
    _require_decidable(transaction, actor, version)
    about = {}
    if verdict is Verdict.APPROVE:
        about = settlement.settle(transaction, chosen=movement, actor=actor, reason=reason)
    else:
        settlement.require_may_reject(transaction, actor=actor)
    new_status = Status.COMPLETED if verdict is Verdict.APPROVE else Status.CANCELED
    move(transaction, new_status, Cause.DECISION, actor, reason, decision=verdict.value, **about)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise MovementUsed(None) from None
    return queries.by_id(row_id)


def _require_decidable(transaction: Transaction, actor: Actor, version: int | None) -> None:
    """Refuse a decision on what waits for none, on one's own payment, or on what changed since it was read."""
    if transaction.status not in DECIDABLE:
        raise Conflict(_not_decidable(transaction), code="not_decidable")
    rules.require_may_decide(actor, transaction)
    require_version(
        transaction,
        version,
        sentence=_(
            "Este pago cambió mientras usted lo revisaba. Mire cómo quedó y decida de nuevo."
        ),
    )


def _not_decidable(transaction: Transaction) -> str:
    if not transaction.is_final:
        return _("Este pago todavía está en proceso: aún no hay nada que decidir.")
    last = next(
        (event for event in reversed(queries.events_of(transaction.id)) if event.old_status), None
    )
    who = last.actor.full_name if last and last.actor else _("el sistema")
    return _(
        "Este pago ya fue decidido: %(who)s (%(when)s).",
        who=who,
        when=formatting.moment(last.created_at if last else transaction.updated_at),
    )


def reopen(
    *, actor: Actor, row_id: uuid.UUID, reason: str, version: int | None = None
) -> Transaction:
    """Put a decided payment back before the supervisors, for a reason; its movement stays with it.

    Who reopens it does not decide it. Raises Forbidden without `admin:access`, Invalid without a reason,
    StaleVersion (with a `version` other than the row's), Conflict for a payment that is not decided.
    """
    actor.require(Permission.ADMIN_ACCESS)
    reason = required_reason(reason)
    transaction = queries.locked(row_id)
    if not allows(Cause.REOPENING, transaction.status, Status.TO_REVIEW):
        raise Conflict(
            _("Este pago no está cerrado: no hace falta reabrirlo."), code="not_reopenable"
        )
    require_version(transaction, version)
    allocation.keep_movement(transaction)
    transaction.remember_reopeners(actor.eyes)
    move(transaction, Status.TO_REVIEW, Cause.REOPENING, actor, reason)
    db.session.commit()
    return queries.by_id(row_id)
