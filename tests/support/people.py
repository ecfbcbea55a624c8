"""The fixed cast."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields

from argon2 import PasswordHasher
from sqlalchemy import update

from webapp.accounts import queries, service
from webapp.accounts.models import User
from webapp.kernel.database import db
from webapp.kernel.permissions import Actor, Role

PASSWORD = "a long test password"
CHEAP_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Argon2 reads its cost out of the hash: hundreds of sign-ins by the cast take 25 ms less each."""


@dataclass(frozen=True)
class Person:
    """One of the cast, usable without a database session."""

    email: str
    full_name: str
    role: Role
    actor: Actor

    @property
    def id(self) -> uuid.UUID:
        assert self.actor.id is not None
        return self.actor.id


@dataclass(frozen=True)
class Cast:
    """Everybody who plays a part."""

    cashier: Person
    other_cashier: Person
    supervisor: Person
    other_supervisor: Person
    admin: Person
    integrator: Person

    @property
    def everybody(self) -> list[Person]:
        return [getattr(self, field.name) for field in fields(self)]

    @property
    def emails(self) -> list[str]:
        return [person.email for person in self.everybody]


def create_person(email: str, full_name: str, role: Role) -> Person:
    """Create somebody with the permissions of a role; the password is PASSWORD."""
    service.create_user(email=email, full_name=full_name, password=PASSWORD, role=role)
    db.session.execute(update(User).where(User.email == email).values(password_hash=CHEAP_HASH))
    db.session.commit()
    user = queries.user_by_email(email)
    assert user is not None
    return Person(email, full_name, role, user.as_actor())


def create_cast() -> Cast:
    """Create the cast."""
    return Cast(
        cashier=create_person("cashier@clinic.test", "Carmen Rondón", Role.CASHIER),
        other_cashier=create_person("other.cashier@clinic.test", "Luis Alfonzo", Role.CASHIER),
        supervisor=create_person("supervisor@clinic.test", "Beatriz Márquez", Role.SUPERVISOR),
        other_supervisor=create_person("second@clinic.test", "Omar Landaeta", Role.SUPERVISOR),
        admin=create_person("admin@clinic.test", "Andrés Ibarra", Role.ADMIN),
        integrator=create_person("his@clinic.test", "Sistema Interno", Role.INTEGRATOR),
    )
