"""A payment as its page shows it: declared beside shown, the timeline, and what may be done (no database)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.banking.gateway import BankType, Movement
from webapp.kernel import formatting
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import ActorType
from webapp.transactions import identifiers, matching, movements, wording
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.settlement import Release
from webapp.transactions.versions import Change

ICONS = {
    Status.IN_PROGRESS: "clock",
    Status.COMPLETED: "circle-check",
    Status.TO_REVIEW: "triangle-alert",
    Status.UNKNOWN: "circle-question-mark",
    Status.CANCELED: "circle-x",
}
KIND_ICONS = {BankType.BANESCO: "landmark", BankType.MOBILE_TRANSFER: "smartphone"}


@dataclass(frozen=True)
class ComparedField:
    """One field as it was declared and as the bank shows it."""

    label: str
    declared: str
    shown: str
    state: str
    """`same`, `differs`, `declared_only`, `bank_only` or `empty`."""


@dataclass(frozen=True)
class TimelineEntry:
    """One event in words."""

    title: str
    detail: str | None
    who: str
    at: Any
    changes: list[str]
    icon: str


def comparison(transaction: Transaction) -> list[ComparedField]:
    """Return what was declared beside what the bank shows, field by field, where it shows one movement."""
    differing = {item["code"] for item in transaction.reasons}
    return [
        ComparedField(
            label=str(wording.FIELDS[name]),
            declared=declared,
            shown=shown or formatting.NOTHING,
            state=_state(declared, shown, codes, differing),
        )
        for name, declared, shown, codes in _side_by_side(transaction, _only_shown(transaction))
    ]


def _side_by_side(
    t: Transaction, shown: Movement | None
) -> Iterator[tuple[str, str, str | None, tuple[ReasonCode, ...]]]:
    """Yield each field as declared and as shown, with the reasons by which it differs (none: never compared)."""
    money_codes = (ReasonCode.AMOUNT_DIFFERS, ReasonCode.CURRENCY_DIFFERS)
    yield "amount", formatting.money(t.amount), _money_shown(shown), money_codes
    reference = shown.reference if shown else None
    yield "reference", t.reference, reference, (ReasonCode.REFERENCE_DIFFERS,)
    day = formatting.day(shown.day) if shown and shown.day else None
    yield "operation_date", formatting.day(t.operation_date), day, (ReasonCode.DATE_DIFFERS,)
    yield "payer_bank", wording.field_value("payer_bank", t.payer_bank), None, ()
    yield "full_name", t.customer_full_name, None, ()
    national_id = _text(shown and shown.national_id, _national_id)
    declared_id = formatting.national_id(t.customer_national_id)
    yield "national_id", declared_id, national_id, (ReasonCode.NATIONAL_ID_DIFFERS,)
    phone = _text(shown and shown.phone, _phone)
    yield "phone", formatting.phone(t.customer_phone), phone, (ReasonCode.PHONE_DIFFERS,)
    yield "concept", t.concept or formatting.NOTHING, _text(shown and shown.concept, str), ()


def _national_id(text: str) -> str:
    return formatting.national_id(identifiers.national_id(text))


def _phone(text: str) -> str:
    return formatting.phone(identifiers.phone(text))


def _only_shown(transaction: Transaction) -> Movement | None:
    """Return the movement that stands beside what was declared, where the bank shows just one; else None."""
    shown = {kept["identity"]: kept for kept in transaction.shown_movements}
    kept = shown.get(transaction.shown_movement) if transaction.shown_movement else None
    return movements.from_json(kept) if kept else None


def _money_shown(shown: Movement | None) -> str | None:
    if shown is None or shown.amount is None:
        return None
    return formatting.money(shown.amount, matching.currency(shown.currency or "VES"))


@dataclass(frozen=True)
class ShownMovement:
    """One of several movements of the bank, with what it has against the claim."""

    identity: str
    reference: str
    amount: str
    day: str
    time: str
    concept: str
    differences: list[str]


def shown_movements(transaction: Transaction) -> list[ShownMovement]:
    """Return every movement that the bank shows, where it shows more than one; else nothing."""
    if len(transaction.shown_movements) < 2:
        return []
    claim = transaction.as_claim()
    return [
        ShownMovement(
            identity=movement.identity,
            reference=movement.reference or formatting.NOTHING,
            amount=_money_shown(movement) or formatting.NOTHING,
            day=formatting.day(movement.day),
            time=movement.time or "",
            concept=movement.concept or "",
            differences=[wording.in_words(item) for item in matching.differences(claim, movement)],
        )
        for movement in map(movements.from_json, transaction.shown_movements)
    ]


def choices(transaction: Transaction) -> list[tuple[str, str]]:
    """Return the movements that a supervisor may choose from, as (identity, words); "" stands for none of them."""
    different = {one.identity: one for one in shown_movements(transaction)}
    if len(different) < 2:
        return []
    told = [
        (
            one.identity,
            " · ".join(filter(None, (one.reference, one.amount, f"{one.day} {one.time}"))),
        )
        for one in different.values()
    ]
    return [*told, ("", _("No se sabe cuál, o ninguno de estos"))]


def _state(
    declared: str, shown: str | None, codes: Collection[ReasonCode], differing: Collection[str]
) -> str:
    """Return how declared and shown stand to each other, as `ComparedField.state` names it."""
    if declared == formatting.NOTHING:
        return "bank_only" if shown else "empty"
    if not shown:
        return "declared_only"
    if not codes:
        return "empty"
    return "differs" if any(code.value in differing for code in codes) else "same"


def _text(value: Any, show: Callable[[str], str]) -> str | None:
    """Return a value of the bank's answer as pages show it, or as it came where it cannot be read."""
    if value is None or str(value).strip() == "":
        return None
    try:
        return show(str(value).strip())
    except ValueError:
        return str(value).strip()[:200]


def reasons(transaction: Transaction) -> list[str]:
    """Return in words why the payment stands where it stands."""
    return [wording.in_words(item) for item in transaction.reasons]


def timeline(events: list[TransactionEvent]) -> list[TimelineEntry]:
    """Return everything that happened in words, oldest first."""
    return [_entry(event) for event in events]


def _entry(event: TransactionEvent) -> TimelineEntry:
    about = event.metadata_
    detail = event.reason
    if about.get("reasons"):
        detail = " ".join(wording.in_words(item) for item in about["reasons"])
    changes = [_change(name, *values) for name, values in about.get("changes", {}).items()]
    if about.get("released_from"):
        changes.append(
            _("El movimiento pagaba antes: %(ids)s.", ids=", ".join(about["released_from"]))
        )
    return TimelineEntry(
        title=_title(event),
        detail=detail,
        who=actor_name(event),
        at=event.created_at,
        changes=changes,
        icon=_icon(event),
    )


def changes(found: Iterable[Change]) -> list[str]:
    """Say what became of each field since somebody read the payment, by whom and when."""
    return [
        _(
            "%(change)s (%(who)s, %(when)s)",
            change=_change(one.field, one.before, one.after),
            who=actor_name(one.event),
            when=formatting.moment(one.event.created_at),
        )
        for one in found
    ]


def _change(name: str, before: Any, after: Any) -> str:
    return _(
        "%(field)s: %(before)s → %(after)s",
        field=_("Estado") if name == "status" else wording.FIELDS[name],
        before=wording.field_value(name, before),
        after=wording.field_value(name, after),
    )


def _icon(event: TransactionEvent) -> str:
    about = event.metadata_
    if about.get("deleted"):
        return "trash-2"
    if about.get("changes"):
        return "pencil"
    return "arrow-left-right" if about.get("released") else ICONS[event.new_status]


def _title(event: TransactionEvent) -> str:
    about = event.metadata_
    status = str(wording.STATUSES[event.new_status])
    if event.old_status is None:
        return _("Pago registrado")
    if about.get("deleted"):
        return _("Pago eliminado")
    if about.get("changes"):
        return _("Datos corregidos")
    if about.get("released"):
        return _released(about["released"])
    if about.get("decision") == "approve":
        return _("Aprobado por un supervisor")
    if about.get("decision") == "reject":
        return _("Rechazado por un supervisor")
    if about.get("cause") == "reopening":
        return _("Reabierto para revisión")
    return status


def _released(freed: Mapping[str, Any]) -> str:
    if freed.get("to"):
        return _("Su movimiento del banco pasó al pago %(id)s", id=freed["to"])
    return _("El movimiento del banco que lo pagaba quedó libre")


def releases(foreseen: list[Release]) -> list[str]:
    """Say what approving a payment would free from earlier ones."""
    return [
        _(
            "El pago %(id)s, que este movimiento ya pagó, fue eliminado o rechazado. Si usted aprueba "
            "este, el movimiento pasa a pagarlo y queda en el historial de los dos.",
            id=one.holder.transaction_id,
        )
        for one in foreseen
    ]


def actor_name(event: TransactionEvent) -> str:
    """Return the name of the person who did it, or what acted in place of a person."""
    if event.actor is not None and event.key is not None:
        return _("%(who)s, con la llave «%(key)s»", who=event.actor.full_name, key=event.key.name)
    if event.actor is not None:
        return event.actor.full_name
    return _("Sistema") if event.actor_type == ActorType.SYSTEM else _("Integración")
