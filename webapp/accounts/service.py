"""Users are created, sign in and sign out: the only writer of the accounts' tables."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.accounts import passwords, queries
from webapp.accounts.models import User, UserPermission, UserSession
from webapp.accounts.queries import SignedInUser
from webapp.errors import Conflict, Invalid, NotSignedIn
from webapp.extensions import db
from webapp.permissions import ROLE_PERMISSIONS, Permission, Role
from webapp.text import is_storable
from webapp.words import gettext as _

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_TOUCH_EVERY = timedelta(minutes=1)
REFRESH_LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class OpenedSession:
    """A new session; `refresh_token` only where a program asked for one, and only this once."""

    session: UserSession
    refresh_token: str | None = None


def create_user(
    *,
    email: str,
    full_name: str,
    password: str,
    role: Role,
    is_active: bool = True,
    permissions: frozenset[Permission] | None = None,
    national_id: str | None = None,
    phone_number: str | None = None,
    granted_by: uuid.UUID | None = None,
) -> User:
    """Create a user with the permissions of the role, or with those given.

    Raises Invalid with sentences by field, Conflict where the e-mail is taken.
    """
    email, full_name = email.strip().lower(), " ".join(full_name.split())
    errors = _problems(email=email, full_name=full_name, password=password)
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
    names = ROLE_PERMISSIONS[role] if permissions is None else permissions
    user.grants = [
        UserPermission(permission=row, granted_by=granted_by)
        for row in queries.permission_rows({name.value for name in names})
    ]
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("Ya existe un usuario con ese correo."), code="email_taken") from None
    return user


def _problems(*, email: str, full_name: str, password: str) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    if len(email) > 255 or not is_storable(email) or not _EMAIL.fullmatch(email):
        problems["email"] = [_("Escriba un correo como nombre@clinica.com.")]
    if not 2 <= len(full_name) <= 255 or not full_name.isprintable():
        problems["full_name"] = [_("Escriba el nombre y el apellido (de 2 a 255 letras).")]
    if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH or not is_storable(
        password
    ):
        problems["password"] = [
            _(
                "La contraseña debe tener entre %(least)s y %(most)s caracteres.",
                least=passwords.MIN_LENGTH,
                most=passwords.MAX_LENGTH,
            )
        ]
    return problems


def authenticate(*, email: str, password: str) -> User:
    """The active user with this e-mail and password.

    Raises NotSignedIn with one neutral sentence, whatever was wrong.
    """
    user = queries.user_by_email(email) if is_storable(email) else None
    # Both are always weighed, so that neither the words nor the time tell which was wrong.
    fits = passwords.verify_password(
        password[: passwords.MAX_LENGTH + 1], user.password_hash if user else None
    )
    if user is None or not fits or not user.is_active:
        raise NotSignedIn(
            _("El correo o la contraseña no son correctos."), code="invalid_credentials"
        )
    return user


def open_session(*, user: User, lifetime: timedelta, refreshable: bool = False) -> OpenedSession:
    """Begin a session; a refreshable one (of a program) can renew its access with a token."""
    token = secrets.token_urlsafe(32) if refreshable else None
    session = UserSession(
        id=uuid.uuid4(),
        user_id=user.id,
        refresh_hash=hash_token(token) if token else None,
        expires_at=clock.now() + lifetime,
    )
    db.session.add(session)
    db.session.commit()
    return OpenedSession(session=session, refresh_token=token)


def rotate_refresh(*, refresh_token: str) -> tuple[SignedInUser, str]:
    """Exchange a refresh token for a new one; the old one ends at once.

    Raises NotSignedIn where the token opens nothing (any more).
    """
    found = queries.session_by_refresh(hash_token(refresh_token))
    session = queries.open_session(found.id) if found else None
    if session is None:
        raise NotSignedIn(_("La sesión terminó. Inicie sesión de nuevo."), code="invalid_token")
    fresh = secrets.token_urlsafe(32)
    rotated = db.session.execute(
        update(UserSession)
        .where(
            UserSession.id == session.session_id,
            UserSession.refresh_hash == hash_token(refresh_token),
        )
        .values(refresh_hash=hash_token(fresh), last_seen_at=clock.now())
    )
    db.session.commit()
    if rotated.rowcount != 1:  # type: ignore[attr-defined]
        raise NotSignedIn(_("La sesión terminó. Inicie sesión de nuevo."), code="invalid_token")
    return session, fresh


def touch_session(*, signed_in: SignedInUser) -> None:
    """Remember that the session is in use, at most once a minute."""
    if clock.now() - signed_in.last_seen_at > _TOUCH_EVERY:
        db.session.execute(
            update(UserSession)
            .where(UserSession.id == signed_in.session_id)
            .values(last_seen_at=clock.now())
        )
        db.session.commit()


def close_session(*, session_id: uuid.UUID) -> None:
    """End one session: its cookie, access and refresh tokens open nothing from now on."""
    _end(UserSession.id == session_id)


def close_all_sessions(*, user_id: uuid.UUID) -> None:
    """End every session of a user: after a change of password, permissions, role or activity."""
    _end(UserSession.user_id == user_id)


def _end(condition: object) -> None:
    db.session.execute(
        update(UserSession)
        .where(condition, UserSession.ended_at.is_(None))  # type: ignore[arg-type]
        .values(ended_at=clock.now())
    )
    db.session.commit()


def hash_token(token: str) -> str:
    """What is stored of a random token: it cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
