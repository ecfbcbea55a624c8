"""Who may do what to a payment: correct, decide, reopen, free its movement, see the evidence (DESIGN 3, 7)."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from webapp.kernel.errors import Conflict, Forbidden
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor, Permission
from webapp.transactions.models import Transaction


def may_correct(actor: Actor, transaction: Transaction) -> bool:
    """Tell whether this person may correct the payment: their own, or any if they supervise; never a final one."""
    return not transaction.is_final and _may_touch(actor, transaction)


def _may_touch(actor: Actor, transaction: Transaction) -> bool:
    if transaction.created_by == actor.id:
        return actor.may(Permission.TRANSACTION_CREATE) or actor.may(Permission.TRANSACTION_UPDATE)
    supervises = actor.may(Permission.TRANSACTION_REVIEW)
    return actor.may(Permission.TRANSACTION_UPDATE) and supervises


def require_may_correct(actor: Actor, transaction: Transaction) -> None:
    """Raise Forbidden for a payment that is not this person's to correct, Conflict for a final one."""
    if not _may_touch(actor, transaction):
        raise Forbidden(_("Solo quien registró este pago, o un supervisor, puede corregirlo."))
    if transaction.is_final:
        raise Conflict(
            _("Este pago ya está cerrado y no se puede corregir."), code="final_transaction"
        )


def may_reopen(actor: Actor, transaction: Transaction) -> bool:
    """Tell whether this person may put a decided payment back before the supervisors."""
    return transaction.is_final and actor.may(Permission.ADMIN_ACCESS)


def may_see_evidence(actor: Actor) -> bool:
    """Tell whether this person sees what the bank answered, word for word: who decides, and who administers."""
    return actor.may(Permission.TRANSACTION_REVIEW) or actor.may(Permission.ADMIN_ACCESS)


def why_not_decide(actor: Actor, transaction: Transaction) -> str | None:
    """Say why this person may not decide this payment; None where they may."""
    if not actor.may(Permission.TRANSACTION_REVIEW):
        return _("Solo un supervisor puede decidir este pago.")
    if actor.id == transaction.created_by:
        return _("Usted registró este pago: debe decidirlo otra persona.")
    if str(actor.id) in transaction.edited_by:
        return _("Usted corrigió este pago: debe decidirlo otra persona.")
    if {str(maker) for maker in actor.key_makers} & transaction.declared_by:
        return _(
            "Quien creó esta llave registró o corrigió este pago: debe decidirlo otra persona."
        )
    if str(actor.id) in transaction.key_makers:
        return _(
            "Este pago se registró o corrigió con una llave que usted creó: debe decidirlo otra persona."
        )
    if {str(one) for one in actor.eyes} & transaction.reopened_by:
        return _("Usted reabrió este pago: debe decidirlo otra persona.")
    return None


def require_may_decide(actor: Actor, transaction: Transaction) -> None:
    """Hold a decision to four eyes: nobody decides what they logged, corrected or reopened. Raises Forbidden."""
    why_not = why_not_decide(actor, transaction)
    if why_not:
        raise Forbidden(why_not, code="own_transaction")


def why_not_release(
    actor: Actor, holder: Transaction, ended_by: Collection[uuid.UUID]
) -> str | None:
    """Say why this person may not free the movement of a payment that ended; None where they may.

    `ended_by` are the ids of the people who count as having deleted or rejected the holder.
    """
    if actor.eyes & set(ended_by):
        return _(
            "Usted eliminó o rechazó el pago %(id)s, que este movimiento ya pagó: debe decidir "
            "otra persona.",
            id=holder.transaction_id,
        )
    if {str(one) for one in actor.eyes} & holder.declared_by:
        return _(
            "Usted registró o corrigió el pago %(id)s, que este movimiento ya pagó: debe decidir "
            "otra persona.",
            id=holder.transaction_id,
        )
    return None


def require_may_release(actor: Actor, holder: Transaction, ended_by: Collection[uuid.UUID]) -> None:
    """Hold the freeing of a movement to a second person. Raises Forbidden."""
    why_not = why_not_release(actor, holder, ended_by)
    if why_not:
        raise Forbidden(why_not, code="release_needs_another")
