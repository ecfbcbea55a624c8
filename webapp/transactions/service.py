"""Payments are logged, corrected, decided and deleted: the one writer of their status (DESIGN 3).

Every function is one unit of work: it locks the row, asks the lifecycle, writes row and event together and commits once.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import IntegrityError

from webapp import clock, formatting
from webapp.banking.gateway import BankAnswer, BankType, TransactionType
from webapp.errors import Conflict, Invalid
from webapp.extensions import db
from webapp.observability import TRANSACTION_COUNT
from webapp.permissions import SYSTEM, Actor, Permission
from webapp.text import is_storable
from webapp.transactions import identifiers, matching, queries, rules
from webapp.transactions.lifecycle import Cause, Status, allows
from webapp.transactions.matching import Decision, Reason, ReasonCode
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.words import gettext as _

MAX_REASON = 500


@dataclass(frozen=True)
class Details:
    """What is declared of a payment, in canonical spelling (see `identifiers`)."""

    bank: BankType
    reference: str
    full_name: str
    phone: str
    national_id: str
    amount: Decimal | None = None
    payer_bank: str | None = None
    operation_date: date | None = None
    concept: str | None = None
    transaction_type: TransactionType = TransactionType.TRANSACTION


COLUMNS = {
    "bank": "bank",
    "reference": "reference",
    "full_name": "customer_full_name",
    "phone": "customer_phone",
    "national_id": "customer_national_id",
    "amount": "amount",
    "payer_bank": "payer_bank",
    "operation_date": "operation_date",
    "concept": "concept",
    "transaction_type": "transaction_type",
}
"""Where each declared field is stored."""
NOT_ASKED = frozenset({"full_name", "concept"})
"""Declared fields that the bank is not asked about: correcting them needs no new answer."""


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
                "Esta referencia ya está registrada: pago %(id)s, de %(who)s, el %(when)s.",
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


class StaleVersion(Conflict):
    """Somebody else changed the payment in the meantime."""

    code = "stale_version"

    def __init__(self) -> None:
        super().__init__(
            _(
                "Este pago cambió mientras usted lo editaba. Revise cómo quedó, abajo está lo que "
                "usted escribió, y guarde de nuevo si hace falta."
            )
        )


@dataclass(frozen=True)
class Logged:
    """The payment, and whether this call made it (or an earlier one of the same form)."""

    transaction: Transaction
    created: bool


def details_of(transaction: Transaction) -> Details:
    """What is declared of a stored payment."""
    return Details(**{name: getattr(transaction, column) for name, column in COLUMNS.items()})


def log(
    *, actor: Actor, details: Details, transaction_id: str | None, submission_key: str
) -> Logged:
    """Record a payment and its first event, due to be asked about at once.

    The same form (or API request) sent again gives the payment that it made. Raises Forbidden,
    ReferenceTaken, TransactionIdTaken.
    """
    actor.require(Permission.TRANSACTION_CREATE)
    content = _digest(details, transaction_id)
    for _attempt in range(3):
        made = queries.by_submission(actor.id, submission_key)
        if (
            made is not None
            and made.deleted_at is None
            and made.metadata_.get("submission") == content
        ):
            return Logged(made, created=False)
        if made is not None:
            submission_key = uuid.uuid4().hex  # the same form with other content is another payment
        transaction = _new(actor, details, transaction_id, submission_key, content)
        db.session.add(transaction)
        _event(transaction, None, actor, None)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            _explain_collision(actor, details, transaction_id, submission_key)
            continue
        TRANSACTION_COUNT.labels(transaction.status.value, transaction.bank.value).inc()
        return Logged(queries.by_id(transaction.id), created=True)
    raise Conflict(_("Otra persona guardó lo mismo en este momento. Inténtelo de nuevo."))


def _digest(details: Details, transaction_id: str | None) -> str:
    """Tells one form's content from another's without keeping it twice."""
    return hashlib.sha256(repr((details, transaction_id)).encode()).hexdigest()


def _new(
    actor: Actor, details: Details, transaction_id: str | None, submission_key: str, content: str
) -> Transaction:
    transaction = Transaction(
        id=uuid.uuid4(),
        transaction_id=transaction_id or identifiers.new_transaction_id(),
        id_assigned=transaction_id is None,
        status=Status.IN_PROGRESS,
        submission_key=submission_key,
        created_by=actor.id,
        updated_by=actor.id,
        next_check_at=clock.now(),
        reasons=[],
        version=1,
        metadata_={"submission": content},
    )
    _declare(transaction, details)
    return transaction


def _declare(transaction: Transaction, details: Details) -> None:
    for name, column in COLUMNS.items():
        setattr(transaction, column, getattr(details, name))
    transaction.reference_key = details.reference
    # Cut to its column: without ligatures (ﬃ) a name can become longer than it was.
    transaction.customer_name_search = identifiers.searchable(details.full_name)[:255]
    transaction.waiting_since = clock.now()


def _explain_collision(
    actor: Actor, details: Details, transaction_id: str | None, submission_key: str
) -> None:
    """Raise what the database refused, in words; return where it can no longer be seen."""
    if queries.by_submission(actor.id, submission_key) is not None:
        return  # the same form, sent twice at once
    holder = queries.holder_of_reference(details.reference, details.transaction_type)
    if holder is not None:
        raise ReferenceTaken(holder)
    if transaction_id and queries.by_transaction_id(transaction_id):
        raise TransactionIdTaken()


def correct(
    *, actor: Actor, row_id: uuid.UUID, version: int | None, details: Details
) -> Transaction:
    """Change what was declared; the bank is asked anew where it matters.

    Raises Forbidden, StaleVersion (with a `version` other than the row's), Conflict for a final
    payment, ReferenceTaken.
    """
    transaction = queries.locked(row_id)
    rules.require_may_correct(actor, transaction)
    if version is not None and version != transaction.version:
        raise StaleVersion()
    changes = _changes(details_of(transaction), details)
    if not changes:
        db.session.rollback()
        return queries.by_id(row_id)
    old_status = transaction.status
    _declare_again(transaction, details, ask_again=bool(changes.keys() - NOT_ASKED))
    transaction.remember_editor(actor.id)
    transaction.updated_by = actor.id
    transaction.version += 1
    _event(transaction, old_status, actor, None, changes=changes)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        holder = queries.holder_of_reference(details.reference, details.transaction_type)
        raise ReferenceTaken(holder) if holder else StaleVersion() from None
    return queries.by_id(row_id)


def _declare_again(transaction: Transaction, details: Details, *, ask_again: bool) -> None:
    waiting_since = transaction.waiting_since
    _declare(transaction, details)
    if not ask_again:
        transaction.waiting_since = waiting_since
        return
    if allows(Cause.CORRECTION, transaction.status, Status.IN_PROGRESS):
        transaction.status = Status.IN_PROGRESS
    transaction.reasons = []
    transaction.shown_movement = transaction.bank_reference = transaction.bank_amount = None
    transaction.banesco_payload = None
    transaction.next_check_at = clock.now()


def _changes(old: Details, new: Details) -> dict[str, list[Any]]:
    before, after = asdict(old), asdict(new)
    return {
        name: [_as_json(before[name]), _as_json(after[name])]
        for name in before
        if before[name] != after[name]
    }


def _as_json(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


def delete(
    *, actor: Actor, row_id: uuid.UUID, reason: str, version: int | None = None
) -> Transaction:
    """Take a payment out of the lists, for a reason; its reference is free again, its trail stays.

    A movement of the bank that it used stays used. Raises Forbidden, Invalid without a reason,
    StaleVersion.
    """
    actor.require(Permission.TRANSACTION_DELETE)
    reason = _required_reason(reason)
    transaction = queries.locked(row_id)
    if version is not None and version != transaction.version:
        raise StaleVersion()
    transaction.deleted_at = clock.now()
    transaction.reference_key = None
    transaction.next_check_at = None
    transaction.version += 1
    _event(transaction, transaction.status, actor, reason, deleted=True)
    db.session.commit()
    return transaction


def decide(*, actor: Actor, row_id: uuid.UUID, verdict: Verdict, reason: str) -> Transaction:
    """A supervisor approves or rejects, for a reason.

    Raises Forbidden (permission, or one's own entry), Invalid without a reason, Conflict where it
    is decided already or its movement pays another payment.
    """
    actor.require(Permission.TRANSACTION_REVIEW)
    reason = _required_reason(reason)
    transaction = queries.locked(row_id)
    if transaction.status not in rules.DECIDABLE:
        raise Conflict(_not_decidable(transaction), code="not_decidable")
    rules.require_may_decide(actor, transaction)
    if verdict is Verdict.APPROVE:
        _take_movement(transaction, transaction.shown_movement)
    new_status = Status.COMPLETED if verdict is Verdict.APPROVE else Status.CANCELED
    _move(transaction, new_status, Cause.DECISION, actor, reason, decision=verdict.value)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_movement_taken(None), code="movement_used") from None
    return queries.by_id(row_id)


def _not_decidable(transaction: Transaction) -> str:
    if not transaction.is_final:
        return _("Este pago todavía está en proceso: aún no hay nada que decidir.")
    last = next(
        (event for event in reversed(queries.events_of(transaction.id)) if event.old_status), None
    )
    who = last.actor.full_name if last and last.actor else _("el sistema")
    return _(
        "Este pago ya fue decidido: %(who)s, el %(when)s.",
        who=who,
        when=formatting.moment(last.created_at if last else transaction.updated_at),
    )


def _take_movement(transaction: Transaction, movement: str | None) -> None:
    """Let the movement that the bank shows pay this payment; a deleted or rejected one gives it up."""
    if movement is None:
        return
    holder = queries.holders([movement], other_than=transaction.id).get(movement)
    if holder is not None:
        if holder.deleted_at is None and holder.status is Status.COMPLETED:
            raise Conflict(_movement_taken(holder), code="movement_used")
        holder.matched_movement = None
        db.session.flush()
    transaction.matched_movement = movement


def _movement_taken(holder: Transaction | None) -> str:
    return _(
        "No se puede aprobar: el movimiento del banco ya paga otro registro (%(holder)s).",
        holder=holder.transaction_id if holder else "—",
    )


def record_answer(
    *, row_id: uuid.UUID, version: int, answer: BankAnswer, give_up_after: timedelta
) -> Transaction:
    """Let an answer of the bank decide, if the payment is still the one that was asked about.

    A payment that does not appear for longer than `give_up_after` goes to a person. Raises NotFound
    where it was deleted meanwhile.
    """
    try:
        return _record_answer(row_id, version, answer, give_up_after)
    except IntegrityError:
        # Another payment took the movement in this very moment: weigh again, knowing that.
        db.session.rollback()
        return _record_answer(row_id, version, answer, give_up_after)


def _record_answer(
    row_id: uuid.UUID, version: int, answer: BankAnswer, give_up_after: timedelta
) -> Transaction:
    transaction = queries.locked(row_id)
    transaction.checking_until = None
    transaction.last_checked_at = clock.now()
    if transaction.version != version:
        transaction.next_check_at = None if transaction.is_final else clock.now()
        db.session.commit()
        return transaction
    held = queries.holders([m.identity for m in answer.movements], other_than=row_id)
    decision = matching.decide(
        transaction.as_claim(),
        answer.movements,
        {movement: holder.transaction_id for movement, holder in held.items()},
    )
    _keep_shown(transaction, decision, answer)
    _follow(transaction, decision, give_up_after)
    waiting = transaction.status is Status.IN_PROGRESS
    transaction.next_check_at = rules.next_check(transaction) if waiting else None
    db.session.commit()
    return transaction


def _follow(transaction: Transaction, decision: Decision, give_up_after: timedelta) -> None:
    """Move where the decision leads, if the lifecycle allows it."""
    if decision.status is Status.IN_PROGRESS and decision.movement is None:
        _give_up_if_old(transaction, give_up_after)
        return
    if not allows(Cause.BANK_ANSWER, transaction.status, decision.status):
        return
    if decision.status is Status.COMPLETED and decision.movement:
        transaction.matched_movement = decision.movement.identity
    if decision.status is Status.IN_PROGRESS:
        transaction.waiting_since = clock.now()
    _move(transaction, decision.status, Cause.BANK_ANSWER, SYSTEM, None, reasons=decision.reasons)


def _give_up_if_old(transaction: Transaction, give_up_after: timedelta) -> None:
    """Only after an answer, so that an outage of the bank never makes a payment unknown."""
    if clock.now() - transaction.waiting_since <= give_up_after:
        return
    if allows(Cause.GIVING_UP, transaction.status, Status.UNKNOWN):
        hours = int(give_up_after.total_seconds() // 3600)
        reasons = [matching.reason(ReasonCode.GAVE_UP, hours=hours)]
        transaction.reasons = [dict(item) for item in reasons]
        _move(transaction, Status.UNKNOWN, Cause.GIVING_UP, SYSTEM, None, reasons=reasons)


def _keep_shown(transaction: Transaction, decision: Decision, answer: BankAnswer) -> None:
    """Keep what the bank shows beside what was declared, never over it."""
    if not transaction.is_final:
        transaction.reasons = [dict(reason) for reason in decision.reasons]
    if answer.payload is not None:
        transaction.banesco_payload = dict(answer.payload)
    movement = decision.movement
    transaction.shown_movement = movement.identity[:120] if movement else None
    transaction.bank_reference = (movement.reference or "")[:50] or None if movement else None
    transaction.bank_amount = movement.amount if movement else None


def reopen(*, actor: Actor, row_id: uuid.UUID, reason: str) -> Transaction:
    """An administrator puts a decided payment back before the supervisors, for a reason.

    Its movement is free until it is decided again. Raises Forbidden, Invalid, Conflict.
    """
    actor.require(Permission.ADMIN_ACCESS)
    reason = _required_reason(reason)
    transaction = queries.locked(row_id)
    if not allows(Cause.REOPENING, transaction.status, Status.TO_REVIEW):
        raise Conflict(_("Este pago no está cerrado: no hace falta reabrirlo."))
    transaction.matched_movement = None
    _move(transaction, Status.TO_REVIEW, Cause.REOPENING, actor, reason)
    db.session.commit()
    return queries.by_id(row_id)


def _move(
    transaction: Transaction,
    new_status: Status,
    cause: Cause,
    actor: Actor,
    reason: str | None,
    **about: Any,
) -> None:
    """The one place where a status changes after logging. Raises Conflict for a forbidden move."""
    old_status = transaction.status
    if not allows(cause, old_status, new_status):
        raise Conflict(_("El pago no puede pasar a ese estado."), code="move_not_allowed")
    transaction.status = new_status
    transaction.version += 1
    if new_status is not Status.IN_PROGRESS:
        transaction.next_check_at = None
    _event(transaction, old_status, actor, reason, cause=cause.value, **about)
    TRANSACTION_COUNT.labels(new_status.value, transaction.bank.value).inc()


def _event(
    transaction: Transaction,
    old_status: Status | None,
    actor: Actor,
    reason: str | None,
    *,
    reasons: Sequence[Reason] = (),
    **about: Any,
) -> None:
    if reasons:
        about["reasons"] = [dict(item) for item in reasons]
        reason = reason or ", ".join(item["code"] for item in reasons)
    db.session.add(
        TransactionEvent(
            id=uuid.uuid4(),
            transaction_id=transaction.id,
            old_status=old_status,
            new_status=transaction.status,
            reason=reason,
            actor_type=actor.type.value,
            actor_id=actor.id,
            metadata_=about,
            created_at=clock.now(),
        )
    )


def _required_reason(reason: str) -> str:
    """The reason, trimmed. Raises Invalid where it is empty, too long or cannot be stored."""
    text = " ".join(reason.split())
    if not text or not is_storable(text):
        raise Invalid(errors={"reason": [_("Escriba el motivo: quedará en el historial.")]})
    if len(text) > MAX_REASON:
        raise Invalid(errors={"reason": [_("El motivo admite hasta 500 caracteres.")]})
    return text
