"""Which movement of the bank pays which payment: each pays once, however the bank spells it (DESIGN 3, 4).

A movement that paid stays with its payment, also when that is reopened, rejected or deleted; `settlement` frees it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from webapp.banking.gateway import Movement, MovementState
from webapp.transactions import matching, movements, queries
from webapp.transactions.models import Transaction


def choose(transaction: Transaction, identity: str) -> bool:
    """Put one of several shown movements beside what was declared; False where the bank no longer shows it."""
    chosen = next((one for one in _shown(transaction) if one.identity == identity), None)
    if chosen is None:
        return False
    transaction.shown_movement = chosen.identity
    transaction.bank_reference, transaction.bank_amount = chosen.reference, chosen.amount
    return True


def take(transaction: Transaction, identity: str | None) -> None:
    """Let a movement pay this payment; the database allows it to pay only one.

    An `identity` of None means that nobody said which movement paid it: then no movement that may have paid it
    pays another payment without a person's decision.
    """
    reference = _shown_as(transaction, identity).reference if identity else transaction.reference
    tail = matching.tail(reference or "")
    queries.lock_tails({tail})
    transaction.matched_movement, transaction.movement_tail = identity, tail
    transaction.kept_movements = []


def release_movement(transaction: Transaction) -> None:
    """Free the movement for another payment."""
    transaction.matched_movement = transaction.movement_tail = None
    transaction.kept_movements = []


def keep_movement(transaction: Transaction) -> None:
    """Remember what pays this payment in full, before a correction or the bank's next answer replaces it."""
    if transaction.holds_movement and not transaction.kept_movements:
        kept = [movements.as_json(one) for one in _settled_by(transaction)]
        transaction.kept_movements = kept


def held_elsewhere(transaction: Transaction, shown: Collection[Movement]) -> dict[str, str]:
    """Return which of these movements pay, or may pay, which other payment: transaction_ids by identities."""
    found: dict[str, str] = {}
    for movement, holder in _holders(transaction, shown):
        found.setdefault(movement.identity, holder.transaction_id)
    return found


def holders(transaction: Transaction, identity: str | None) -> list[Transaction]:
    """Return the other payments that the same movement pays or may pay, deleted ones included.

    An `identity` of None stands for every movement that may pay this payment, as in `take`.
    """
    candidates = [_shown_as(transaction, identity)] if identity else _candidates(transaction)
    found = {holder.id: holder for _, holder in _holders(transaction, candidates)}
    return list(found.values())


def payments_settled_by(transaction: Transaction, identity: str) -> list[Transaction]:
    """Return the other payments that this movement pays for certain, deleted ones included."""
    return [holder for holder in holders(transaction, identity) if holder.matched_movement]


def is_another(transaction: Transaction, identity: str) -> bool:
    """Tell whether this is another movement than the one that pays the payment; spelling does not count."""
    if transaction.matched_movement is None:
        return False
    movement = _shown_as(transaction, identity)
    return not any(matching.may_be_the_same(movement, paid) for paid in _settled_by(transaction))


def _holders(
    transaction: Transaction, shown: Collection[Movement]
) -> Iterator[tuple[Movement, Transaction]]:
    """Yield each movement with each other payment that it may pay.

    Locks the movements' tails, so that nobody else decides about them until the unit of work ends.
    """
    named = [_with_reference(movement, transaction) for movement in shown if movement.is_credit]
    tails = {matching.tail(movement.reference or "") for movement in named}
    queries.lock_tails(tails)
    identities = {movement.identity for movement in named}
    for holder in queries.movement_holders(tails, identities, other_than=transaction):
        settled_by = _settled_by(holder)
        for movement in named:
            if any(matching.may_be_the_same(movement, other) for other in settled_by):
                yield movement, holder


def _settled_by(holder: Transaction) -> list[Movement]:
    """Return the movement that pays this payment, or all that may pay it where nobody said which."""
    if holder.kept_movements:
        return [movements.from_json(kept) for kept in holder.kept_movements]
    if holder.matched_movement is not None:
        return [_shown_as(holder, holder.matched_movement)]
    return _candidates(holder)


def _candidates(transaction: Transaction) -> list[Movement]:
    """Return every movement that may pay this payment: the declared one, and those that the bank shows."""
    declared = Movement(
        identity=f"declared:{transaction.id}",
        state=MovementState.SETTLED,
        word="",
        reference=transaction.reference,
        amount=transaction.amount,
    )
    return [declared, *_shown(transaction)]


def _shown_as(transaction: Transaction, identity: str) -> Movement:
    """Return a movement as the bank showed it, or what is known of it where the bank no longer shows it."""
    shown = {movement.identity: movement for movement in _shown(transaction)}
    return shown.get(identity) or Movement(
        identity=identity,
        state=MovementState.SETTLED,
        word="",
        reference=transaction.bank_reference or transaction.reference,
        amount=transaction.bank_amount,
    )


def _shown(transaction: Transaction) -> list[Movement]:
    read = map(movements.from_json, transaction.shown_movements)
    return [_with_reference(movement, transaction) for movement in read]


def _with_reference(movement: Movement, transaction: Transaction) -> Movement:
    return replace(movement, reference=movement.reference or transaction.reference)
