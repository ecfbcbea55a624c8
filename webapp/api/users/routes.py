"""/api/v1/users: who uses the product, what they may do, and their keys for programs."""

from __future__ import annotations

import uuid

from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue

from webapp.accounts import api_keys, changes, key_queries, queries, service
from webapp.accounts.changes import StaleUser, UserChanges
from webapp.accounts.models import User
from webapp.api import paging, request_bodies
from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.api.json_responses import json_response
from webapp.api.users import schemas
from webapp.kernel.config import Settings
from webapp.kernel.errors import FieldProblem, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.kernel.text import is_storable
from webapp.web.guard import actor, requires

ADMINISTRATION = ("own_administration", "last_administrator", "not_administrator")
"""Codes of refusals by which somebody who can administer remains."""
GRANTING = ("forbidden", "beyond_own_permissions", "beyond_own_key")
"""Codes of refusals to give what the actor lacks, or what would outlive the actor's key."""
KEYING = (*GRANTING, "key_may_not_review")
"""Codes of refusals to make a key that may do more, or last longer, than its maker."""


def _one(user: User, status: int = 200) -> Response:
    response = json_response(schemas.UserDetailOut.of(user, queries.last_seen(user.id)), status)
    response.set_etag(user.version)
    return response


def _changed(user_id: uuid.UUID, wanted: UserChanges) -> User:
    """Change a user as If-Match allows. Raises VersionMismatch where the user has another version."""
    versions = None
    if "If-Match" in request.headers and not request.if_match.star_tag:
        # Weak tags count as well: proxies that compress weaken them.
        versions = request.if_match.as_set(include_weak=True)
    try:
        return changes.change_user(
            actor=actor(), user_id=user_id, changes=wanted, versions=versions
        )
    except StaleUser:
        raise request_bodies.VersionMismatch(
            _("El usuario cambió desde que lo leyó. Léalo de nuevo.")
        ) from None


def _keys_may_review() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.api_keys_may_review


@bp.get("/users", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "listUsers",
    "List users by name",
    tag="Users",
    query=schemas.UserFilters,
    paged=True,
    responses={200: schemas.UserList},
)
def list_users() -> ResponseReturnValue:
    """List users by name, narrowed by `q`, `role` and `is_active`."""
    offset, size = paging.requested_page()
    filters = paging.query(schemas.UserFilters)
    if not is_storable(filters.q):
        sentence = _("Este texto tiene caracteres que no se pueden buscar.")
        raise paging.wrong_parameter("q", sentence)
    page = queries.user_page(filters.wanted(), offset=offset, size=size)
    return json_response(schemas.UserList.of(page))


@bp.post("/users", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "createUser",
    "Create a user",
    tag="Users",
    body=schemas.CreateUser,
    response_headers=("Location", "ETag"),
    idempotent=True,
    codes={403: GRANTING, 409: ("email_taken",)},
    responses={201: schemas.UserDetailOut},
)
def create_user() -> ResponseReturnValue:
    """Create a user with a role's permissions, or with those given."""
    given = request_bodies.body(schemas.CreateUser)
    user = service.create_user(
        actor=actor(),
        email=given.email,
        full_name=given.full_name,
        password=given.password,
        role=given.role,
        permissions=None if given.permissions is None else frozenset(given.permissions),
        is_active=given.is_active,
        national_id=given.national_id,
        phone_number=given.phone_number,
    )
    response = _one(user, 201)
    response.headers["Location"] = url_for("api.get_user", user_id=user.id)
    return response


@bp.get("/users/<uuid:user_id>", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "getUser",
    "Read a user",
    tag="Users",
    response_headers=("ETag",),
    responses={200: schemas.UserDetailOut},
)
def get_user(user_id: uuid.UUID) -> ResponseReturnValue:
    """Read one user."""
    return _one(queries.find_user(user_id))


@bp.patch("/users/<uuid:user_id>", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "changeUser",
    "Change a user",
    tag="Users",
    body=schemas.ChangeUser,
    versioned=True,
    response_headers=("ETag",),
    codes={403: GRANTING, 409: ADMINISTRATION},
    responses={200: schemas.UserDetailOut},
)
def change_user(user_id: uuid.UUID) -> ResponseReturnValue:
    """Change parts of a user; all but a new name ends their sessions at once."""
    given = request_bodies.body(schemas.ChangeUser)
    emptied = [name for name in given.model_fields_set if getattr(given, name) is None]
    if emptied:
        sentence = _("Falta este dato.")
        raise Invalid(
            problems=[FieldProblem((name,), sentence, "missing") for name in sorted(emptied)]
        )
    wanted = UserChanges(
        full_name=given.full_name,
        password=given.password,
        role=given.role,
        permissions=None if given.permissions is None else frozenset(given.permissions),
        is_active=given.is_active,
    )
    return _one(_changed(user_id, wanted))


@bp.delete("/users/<uuid:user_id>", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "deactivateUser",
    "Deactivate a user",
    tag="Users",
    versioned=True,
    codes={409: ADMINISTRATION},
    responses={204: None},
)
def deactivate_user(user_id: uuid.UUID) -> ResponseReturnValue:
    """Deactivate a user; the row stays, because payments and their trail name it."""
    _changed(user_id, UserChanges(is_active=False))
    return Response(status=204)


@bp.get("/users/<uuid:user_id>/api-keys", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "listApiKeys",
    "List the keys of a user",
    tag="API keys",
    responses={200: schemas.KeyList},
)
def list_keys(user_id: uuid.UUID) -> ResponseReturnValue:
    """List the keys of a user, without the keys themselves."""
    user = queries.find_user(user_id)
    listed = key_queries.listed_keys_of(user.id, may_review=_keys_may_review())
    items = [schemas.KeyOut.of(one.key, one.in_force) for one in listed]
    return json_response(schemas.KeyList(items=items))


@bp.post("/users/<uuid:user_id>/api-keys", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "createApiKey",
    "Make a key for a program",
    tag="API keys",
    body=schemas.CreateKey,
    idempotent=True,
    shows_secret=True,
    codes={403: KEYING, 409: ("key_name_taken",)},
    responses={201: schemas.NewKeyOut},
)
def create_key(user_id: uuid.UUID) -> ResponseReturnValue:
    """Make a key that acts as the user; only this answer shows it."""
    given = request_bodies.body(schemas.CreateKey)
    issued = api_keys.issue(
        actor=actor(),
        user_id=user_id,
        name=given.name,
        permissions=None if given.permissions is None else frozenset(given.permissions),
        expires_in_days=given.expires_in_days
        if "expires_in_days" in given.model_fields_set
        else None,
        may_review=_keys_may_review(),
    )
    return json_response(schemas.NewKeyOut.showing(issued.key, issued.secret), 201)


@bp.delete("/users/<uuid:user_id>/api-keys/<uuid:key_id>", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "revokeApiKey",
    "End a key",
    tag="API keys",
    responses={204: None},
)
def revoke_key(user_id: uuid.UUID, key_id: uuid.UUID) -> ResponseReturnValue:
    """End a key, and every key that was made with it, at once."""
    api_keys.revoke(actor=actor(), user_id=user_id, key_id=key_id)
    return Response(status=204)
