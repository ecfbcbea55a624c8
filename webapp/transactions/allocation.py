"""Which movement of the bank pays which payment: each pays once, in whatever spelling the bank shows it (DESIGN 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from webapp.banking.gateway import Movement, MovementState
from webapp.transactions import matching, movements, queries
from webapp.transactions.models import Transaction


def choose(transaction: Transaction, identity: str) -> bool:
    """Put one of several shown movements beside what was declared; False where the bank shows it no more."""
    chosen = next((one for one in _kept(transaction) if one.identity == identity), None)
    if chosen is None:
        return False
    transaction.shown_movement = chosen.identity
    transaction.bank_reference, transaction.bank_amount = chosen.reference, chosen.amount
    return True


def take(transaction: Transaction, identity: str | None) -> None:
    """Let a movement pay this payment, as the database allows it to pay only one.

    Without an identity nobody said which movement it was: whatever the bank showed, or would show under
    this reference, then pays nothing else unseen.
    """
    reference = _shown_as(transaction, identity).reference if identity else transaction.reference
    tail = matching.tail(reference or "")
    queries.lock_tails({tail})
    transaction.matched_movement, transaction.movement_tail = identity, tail


def give_up(transaction: Transaction) -> None:
    """What paid this payment may pay another."""
    transaction.matched_movement = transaction.movement_tail = None


def held(transaction: Transaction, shown: Collection[Movement]) -> dict[str, str]:
    """Which of these movements pay, or may pay, which other payment: ids by identities."""
    found: dict[str, str] = {}
    for movement, holder in _holders(transaction, shown):
        found.setdefault(movement.identity, holder.transaction_id)
    return found


def payers(transaction: Transaction, identity: str) -> list[Transaction]:
    """The other payments that this movement pays for certain, in whatever spelling; deleted ones count."""
    movement = _shown_as(transaction, identity)
    return [holder for _, holder in _holders(transaction, [movement]) if holder.matched_movement]


def _holders(
    transaction: Transaction, shown: Collection[Movement]
) -> Iterator[tuple[Movement, Transaction]]:
    """Until the unit of work ends nobody else decides about movements with these tails."""
    named = [_with_reference(movement, transaction) for movement in shown if movement.is_credit]
    tails = {matching.tail(movement.reference or "") for movement in named}
    queries.lock_tails(tails)
    identities = {movement.identity for movement in named}
    for holder in queries.paying(tails, identities, other_than=transaction):
        paid = _paid(holder)
        for movement in named:
            if any(matching.may_be_the_same(movement, other) for other in paid):
                yield movement, holder


def _paid(holder: Transaction) -> list[Movement]:
    """What pays this payment; where nobody said which movement it was, everything that it may be."""
    if holder.matched_movement is not None:
        return [_shown_as(holder, holder.matched_movement)]
    declared = Movement(
        identity="",
        state=MovementState.SETTLED,
        word="",
        reference=holder.reference,
        amount=holder.amount,
    )
    return [declared, *_kept(holder)]


def _shown_as(transaction: Transaction, identity: str) -> Movement:
    """A movement as the bank showed it; as far as that is known where it shows it no more."""
    kept = {movement.identity: movement for movement in _kept(transaction)}
    return kept.get(identity) or Movement(
        identity=identity,
        state=MovementState.SETTLED,
        word="",
        reference=transaction.bank_reference or transaction.reference,
        amount=transaction.bank_amount,
    )


def _kept(transaction: Transaction) -> list[Movement]:
    read = map(movements.from_json, transaction.shown_movements)
    return [_with_reference(movement, transaction) for movement in read]


def _with_reference(movement: Movement, transaction: Transaction) -> Movement:
    return replace(movement, reference=movement.reference or transaction.reference)
