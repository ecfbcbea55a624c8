"""Create users, sign them in and out, and renew the access of programs."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, CursorResult, delete, exists, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from webapp.accounts import grants, passwords, queries, trail
from webapp.accounts.actions import AccountAction
from webapp.accounts.models import RefreshToken, User, UserPermission, UserSession
from webapp.accounts.queries import SignedInUser, hash_token
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid, NotSignedIn
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import ROLE_PERMISSIONS, SYSTEM, Actor, Permission, Role
from webapp.kernel.text import is_storable

log = structlog.get_logger(__name__)

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_TOUCH_EVERY = timedelta(minutes=1)
REFRESH_LIFETIME = timedelta(days=30)
"""How long a program's sign-in can be renewed; renewing does not lengthen it."""
_KEPT_AFTER_THE_END = timedelta(days=30)


@dataclass(frozen=True)
class OpenedSession:
    """A new session; `refresh_token` is set where a program asked for one, and is known only here."""

    session: UserSession
    refresh_token: str | None = None


def create_user(  # noqa: PLR0913 - a user has so many columns
    *,
    email: str,
    full_name: str,
    password: str,
    role: Role,
    is_active: bool = True,
    permissions: frozenset[Permission] | None = None,
    national_id: str | None = None,
    phone_number: str | None = None,
    actor: Actor = SYSTEM,
) -> User:
    """Create a user with the permissions of the role, or with those given.

    The product itself (SYSTEM) creates who registers or is named on the command line. Raises Forbidden for
    another actor without `admin:access`, BeyondOwnPermissions where the user would hold what the actor lacks,
    AdministrationByKey where a key would create an administrator, Invalid with sentences by field, Conflict where the e-mail is taken.
    """
    if actor is not SYSTEM:
        actor.require(Permission.ADMIN_ACCESS)
    names = ROLE_PERMISSIONS[role] if permissions is None else permissions
    grants.require_may_give(actor, grants.held_now(actor), names)
    email, full_name = email.strip().lower(), " ".join(full_name.split())
    errors = field_errors(email=email, full_name=full_name, password=password)
    if errors:
        raise Invalid(errors=errors)
    user = User(
        id=uuid.uuid4(),
        email=email,
        full_name=full_name,
        password_hash=passwords.hash_password(password),
        role=role.value,
        is_active=is_active,
        national_id=national_id,
        phone_number=phone_number,
    )
    _add_user(user, names, actor)
    return user


def _add_user(user: User, names: frozenset[Permission], actor: Actor) -> None:
    user.grants = [
        UserPermission(permission=row, granted_by=actor.id)
        for row in queries.permission_rows({name.value for name in names})
    ]
    db.session.add(user)
    try:
        db.session.flush()
        trail.record(
            user_id=user.id,
            actor=actor,
            action=AccountAction.CREATED,
            changes={
                "role": user.role,
                "is_active": user.is_active,
                "permissions": sorted(names),
            },
        )
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("Ya existe un usuario con ese correo."), code="email_taken") from None


def field_errors(
    *, email: str | None = None, full_name: str | None = None, password: str | None = None
) -> dict[str, list[str]]:
    """Return what is wrong with the given fields of a user, as sentences by field."""
    found: dict[str, list[str]] = {}
    if email is not None and not (
        len(email) <= 255 and is_storable(email) and _EMAIL.fullmatch(email)
    ):
        found["email"] = [_("Escriba un correo como nombre@clinica.com.")]
    if full_name is not None and not (2 <= len(full_name) <= 255 and full_name.isprintable()):
        found["full_name"] = [_("Escriba el nombre y el apellido (de 2 a 255 letras).")]
    if password is not None and not (
        passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH and is_storable(password)
    ):
        found["password"] = [
            _(
                "La contraseña debe tener entre %(least)s y %(most)s caracteres.",
                least=passwords.MIN_LENGTH,
                most=passwords.MAX_LENGTH,
            )
        ]
    return found


def authenticate(*, email: str, password: str) -> User:
    """Return the active user with this e-mail and password.

    Raises NotSignedIn with one neutral sentence, whatever was wrong.
    """
    user = queries.user_by_email(email) if is_storable(email) else None
    db.session.close()  # frees the connection: hashing takes longer than all queries
    # A hash is always compared, so that neither the words nor the time tell what was wrong.
    fits = passwords.verify_password(
        password[: passwords.MAX_LENGTH + 1], user.password_hash if user else None
    )
    if user is None or not fits or not user.is_active:
        raise _wrong_credentials()
    return user


def _wrong_credentials() -> NotSignedIn:
    return NotSignedIn(_("El correo o la contraseña no son correctos."), code="invalid_credentials")


def open_session(*, user: User, lifetime: timedelta, refreshable: bool = False) -> OpenedSession:
    """Begin a session; a refreshable one, of a program, can renew its access with a token.

    Raises NotSignedIn where the password changed, or the user was deactivated, since `authenticate`.
    """
    if queries.locked_password_hash(user.id) != user.password_hash:
        db.session.rollback()
        raise _wrong_credentials()
    session = UserSession(id=uuid.uuid4(), user_id=user.id, expires_at=clock.now() + lifetime)
    db.session.add(session)
    db.session.flush()
    token = _new_refresh_token(session.id) if refreshable else None
    db.session.commit()
    return OpenedSession(session=session, refresh_token=token)


def _new_refresh_token(session_id: uuid.UUID) -> str:
    token = secrets.token_urlsafe(32)
    db.session.add(RefreshToken(token_hash=hash_token(token), session_id=session_id))
    return token


class TokenReused(NotSignedIn):
    """A used refresh token was sent again: two programs hold it, so the session ends for both."""

    code = "token_reused"
    sentence = _l("Este token ya se usó, así que la sesión se cerró. Inicie sesión de nuevo.")


def rotate_refresh(*, refresh_token: str) -> tuple[SignedInUser, str]:
    """Exchange a refresh token for a new one; the old one ends at once.

    A token works once. A used one, even an instant after its exchange, ends the whole session with every token of
    it. Raises TokenReused for that, NotSignedIn where the token is unknown or its session has ended.
    """
    token = queries.locked_refresh_token(hash_token(refresh_token))
    if token is not None and token.used_at is not None:
        _end_reused_session(token.session_id)
        raise TokenReused()
    session = queries.open_session(token.session_id) if token else None
    if token is None or session is None:
        db.session.rollback()
        raise NotSignedIn(_("La sesión terminó. Inicie sesión de nuevo."), code="invalid_token")
    token.used_at = clock.now()
    db.session.flush()
    fresh = _new_refresh_token(session.session_id)
    _set_last_seen(session.session_id)
    db.session.commit()
    return session, fresh


def _end_reused_session(session_id: uuid.UUID) -> None:
    session = db.session.get_one(UserSession, session_id)
    if _end_open_sessions(UserSession.id == session_id):
        log.warning("refresh_token_reused", session_id=str(session_id))
        trail.record(
            user_id=session.user_id, actor=SYSTEM, action=AccountAction.TOKEN_REUSED, changes={}
        )
    db.session.commit()


def touch_session(*, signed_in: SignedInUser) -> None:
    """Note when the session was last used, to the minute."""
    if clock.now() - signed_in.last_seen_at > _TOUCH_EVERY:
        _set_last_seen(signed_in.session_id)
        db.session.commit()


def _set_last_seen(session_id: uuid.UUID) -> None:
    db.session.execute(
        update(UserSession).where(UserSession.id == session_id).values(last_seen_at=clock.now())
    )


def close_session(*, session_id: uuid.UUID) -> None:
    """End one session with its cookie and its access and refresh tokens."""
    _end_open_sessions(UserSession.id == session_id)
    db.session.commit()


def close_all_sessions(*, user_id: uuid.UUID) -> None:
    """End every session of a user in a unit of work of its own."""
    end_sessions_of(user_id)
    db.session.commit()


def end_sessions_of(user_id: uuid.UUID) -> None:
    """End every session of a user within the unit of work of the caller."""
    _end_open_sessions(UserSession.user_id == user_id)


def _end_open_sessions(condition: ColumnElement[bool]) -> int:
    """End the open sessions that fulfil a condition; return how many."""
    result = db.session.execute(
        update(UserSession)
        .where(condition, UserSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - an UPDATE always gives one
    return result.rowcount


def forget_ended_sessions() -> None:
    """Delete sessions, with their refresh tokens, that have opened nothing for a month.

    The latest of each user stays: it says when they were last seen.
    """
    past = clock.now() - _KEPT_AFTER_THE_END
    later = aliased(UserSession)
    was_seen_later = exists().where(
        later.user_id == UserSession.user_id, later.last_seen_at > UserSession.last_seen_at
    )
    over = or_(UserSession.expires_at < past, UserSession.ended_at < past)
    db.session.execute(
        delete(UserSession).where(over, was_seen_later).execution_options(synchronize_session=False)
    )
    db.session.commit()
