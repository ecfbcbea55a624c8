"""Pages of the administration: who uses the product, what they may do, and keys for programs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.accounts import api_keys, changes, key_queries, queries, service, wording
from webapp.accounts.changes import StaleUser, UserChanges
from webapp.accounts.forms import (
    ActivityForm,
    ChangeForm,
    DetailsForm,
    KeyForm,
    NewUserForm,
    PasswordForm,
    PermissionsForm,
    Refusable,
    UserFilterForm,
)
from webapp.accounts.models import User
from webapp.accounts.queries import UserFilter, UserPage
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import ROLE_PERMISSIONS, Permission, Role
from webapp.web.guard import actor, requires
from webapp.web.htmx import page_or_part

Saved = TypeVar("Saved")

bp = Blueprint("administration", __name__, url_prefix="/admin")

PAGE_SIZE = 25


@bp.get("/users")
@requires(Permission.ADMIN_ACCESS)
def users() -> ResponseReturnValue:
    """List the users by name, narrowed by the filters of the query."""
    filters = UserFilterForm(request.args)
    number = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    if filters.validate():
        offset = (number - 1) * PAGE_SIZE
        page = queries.user_page(filters.wanted(), offset=offset, size=PAGE_SIZE)
    else:
        page = UserPage(items=[], total=0, number=1, size=PAGE_SIZE)
    response = page_or_part(
        "accounts/users.html",
        "accounts/_users.html",
        filters=filters,
        filtered=filters.errors or filters.wanted() != UserFilter(),
        page=page,
        page_url=lambda to: url_for(".users", **{**request.args.to_dict(), "page": to}),
        roles=wording.ROLES,
    )
    response.status_code = 422 if filters.errors else 200
    return response


@bp.route("/users/new", methods=["GET", "POST"])
@requires(Permission.ADMIN_ACCESS)
def new_user() -> ResponseReturnValue:
    """Show the form of a new user, or create them."""
    form = NewUserForm()
    if request.method != "POST":
        return render_template("accounts/user_new.html", form=form)
    user, status = _save(form, lambda: _create(form))
    if user is None:
        return render_template("accounts/user_new.html", form=form), status
    flash(_("%(name)s ya puede entrar.", name=user.full_name), "success")
    return redirect(url_for(".show_user", user_id=user.id), code=303)


def _create(form: NewUserForm) -> User:
    return service.create_user(
        actor=actor(),
        email=form.email.data or "",
        full_name=form.full_name.data or "",
        password=form.password.data or "",
        role=Role(form.role.data),
    )


def _save(form: Refusable, save: Callable[[], Saved]) -> tuple[Saved | None, int]:
    """Return what `save` returns, or None after putting into the form why it was refused; and the status.

    Raises StaleUser, for which the form must be filled afresh.
    """
    if not form.validate():
        return None, 422
    try:
        return save(), 200
    except StaleUser:
        raise
    except (Invalid, Conflict, Forbidden) as refusal:
        db.session.rollback()
        form.show(refusal)
        return None, refusal.status


@bp.get("/users/<uuid:user_id>")
@requires(Permission.ADMIN_ACCESS)
def show_user(user_id: uuid.UUID) -> ResponseReturnValue:
    """Show a user with everything that can be changed, their keys and their trail."""
    return _user_page(user_id)


def _user_page(user_id: uuid.UUID, status: int = 200, **refused: Refusable) -> ResponseReturnValue:
    user, may_review = queries.find_user(user_id), _keys_may_review()
    body = render_template(
        "accounts/user.html",
        user=user,
        last_seen=queries.last_seen(user.id),
        keys=key_queries.listed_keys_of(user.id, may_review=may_review),
        depending=key_queries.keys_depending_on(user.id),
        events=queries.events_of(user.id),
        may_review=may_review,
        role_effects=_role_effects(user),
        lacking=frozenset(Permission) - actor().permissions,
        wording=wording,
        forms={name: refused.get(name) or make() for name, make in _forms(user).items()},
    )
    return body, status


def _forms(user: User) -> dict[str, Callable[[], Refusable]]:
    """Return what makes each form of a user's page, filled with how the user stands."""
    stands: dict[str, Any] = {"version": user.version}
    for_keys = user.permissions & actor().permissions
    if not _keys_may_review():
        for_keys -= api_keys.REVIEWING
    return {
        "details": lambda: DetailsForm(None, full_name=user.full_name, role=user.role, **stands),
        "permissions": lambda: PermissionsForm(
            None, permissions=sorted(user.permissions), **stands
        ),
        "password": lambda: PasswordForm(None, **stands),
        "activity": lambda: ActivityForm(None, **stands),
        "key": lambda: KeyForm(None, permissions=sorted(for_keys)),
    }


def _role_effects(user: User) -> list[tuple[str, str]]:
    """Return what the user would gain and lose by the permissions of each role."""
    unchanged = _("No cambia sus permisos.")
    return [
        (str(words), wording.exchange(user.permissions, ROLE_PERMISSIONS[role]) or unchanged)
        for role, words in wording.ROLES.items()
    ]


def _keys_may_review() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.api_keys_may_review


def _change(
    user: User, name: str, form: ChangeForm, wanted: Callable[[], UserChanges]
) -> ResponseReturnValue:
    """Change the user, and say what they gained and lost; else show their page with the refusal.

    `name` is the form's name on the page; `wanted` reads the form once it is valid.
    """
    user_id, before = user.id, user.permissions
    try:
        changed, status = _save(form, lambda: _change_as_shown(user_id, form, wanted()))
    except StaleUser as refusal:
        db.session.rollback()
        # Filled with how the user stands now: saving what was typed would restore what was taken away.
        fresh = _forms(queries.find_user(user_id))[name]()
        fresh.show(refusal)
        return _user_page(user_id, refusal.status, **{name: fresh})
    if changed is None:
        return _user_page(user_id, status, **{name: form})
    exchange = wording.exchange(before, changed.permissions)
    flash(" ".join(filter(None, [_("Los cambios quedaron guardados."), exchange])), "success")
    return redirect(url_for(".show_user", user_id=user_id), code=303)


def _change_as_shown(user_id: uuid.UUID, form: ChangeForm, wanted: UserChanges) -> User:
    versions = {form.version.data or ""}
    return changes.change_user(actor=actor(), user_id=user_id, changes=wanted, versions=versions)


@bp.post("/users/<uuid:user_id>/details")
@requires(Permission.ADMIN_ACCESS)
def change_details(user_id: uuid.UUID) -> ResponseReturnValue:
    """Change the name or the role; the same role again leaves chosen permissions as they are."""
    form, user = DetailsForm(), queries.find_user(user_id)

    def wanted() -> UserChanges:
        role = Role(form.role.data)
        return UserChanges(full_name=form.full_name.data, role=None if role == user.role else role)

    return _change(user, "details", form, wanted)


@bp.post("/users/<uuid:user_id>/permissions")
@requires(Permission.ADMIN_ACCESS)
def change_permissions(user_id: uuid.UUID) -> ResponseReturnValue:
    """Change the permissions, to those that are ticked or to those of the role."""
    form, user = PermissionsForm(), queries.find_user(user_id)
    if request.form.get("preset"):
        return _change(user, "permissions", form, lambda: UserChanges(role=Role(user.role)))
    return _change(user, "permissions", form, lambda: UserChanges(permissions=form.chosen()))


@bp.post("/users/<uuid:user_id>/password")
@requires(Permission.ADMIN_ACCESS)
def change_password(user_id: uuid.UUID) -> ResponseReturnValue:
    """Set another password for somebody who forgot theirs."""
    form, user = PasswordForm(), queries.find_user(user_id)
    return _change(user, "password", form, lambda: UserChanges(password=form.password.data))


@bp.post("/users/<uuid:user_id>/activity")
@requires(Permission.ADMIN_ACCESS)
def change_activity(user_id: uuid.UUID) -> ResponseReturnValue:
    """Deactivate somebody, or let them in again."""
    form, user = ActivityForm(), queries.find_user(user_id)
    is_active = form.is_active.data == "true"
    return _change(user, "activity", form, lambda: UserChanges(is_active=is_active))


@bp.post("/users/<uuid:user_id>/api-keys")
@requires(Permission.ADMIN_ACCESS)
def create_key(user_id: uuid.UUID) -> ResponseReturnValue:
    """Make a key and show it; no other page ever does, so nothing is redirected."""
    form, user = KeyForm(), queries.find_user(user_id)
    issued, status = _save(form, lambda: _issue(user_id, form))
    if issued is None:
        return _user_page(user_id, status, key=form)
    return render_template("accounts/key_made.html", user=user, issued=issued), 201


def _issue(user_id: uuid.UUID, form: KeyForm) -> api_keys.IssuedKey:
    return api_keys.issue(
        actor=actor(),
        user_id=user_id,
        name=form.name.data or "",
        permissions=form.chosen(),
        expires_in_days=int(form.expires_in_days.data),
        may_review=_keys_may_review(),
    )


@bp.post("/users/<uuid:user_id>/api-keys/<uuid:key_id>/revoke")
@requires(Permission.ADMIN_ACCESS)
def revoke_key(user_id: uuid.UUID, key_id: uuid.UUID) -> ResponseReturnValue:
    """End a key, and every key that was made with it, at once."""
    api_keys.revoke(actor=actor(), user_id=user_id, key_id=key_id)
    flash(_("La llave ya no abre nada."), "success")
    return redirect(url_for(".show_user", user_id=user_id, _anchor="keys"), code=303)
