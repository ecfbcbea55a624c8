"""What administrators' programs send and get of users and of keys for programs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema

from webapp.accounts import api_keys
from webapp.accounts.models import ApiKey, User
from webapp.accounts.queries import UserFilter, UserPage
from webapp.api.access.schemas import Register, UserOut
from webapp.api.contract import formats, samples
from webapp.api.fields import Id, KeyName, NewPassword, PersonName
from webapp.api.strict_model import Body
from webapp.kernel.permissions import Permission, Role


def _whole(value: Any) -> Any:
    """Turn 30.0 into 30: to JSON it is the same integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Permissions = Annotated[list[Permission], Field(max_length=50)]
"""Bounded, so that a body of the greatest size costs no more to check than a small one."""


class YesOrNo(StrEnum):
    """A boolean in a query."""

    TRUE = "true"
    FALSE = "false"


class UserFilters(BaseModel):
    """The filters of a list of users; the parameters of its page are read elsewhere."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    q: Annotated[str, Field(max_length=255), WithJsonSchema(formats.SEARCH)] = ""
    role: Role | None = None
    is_active: YesOrNo | None = None

    def wanted(self) -> UserFilter:
        """Return the filter as the queries take it."""
        active = None if self.is_active is None else self.is_active is YesOrNo.TRUE
        return UserFilter(text=self.q, role=self.role, is_active=active)


class CreateUser(Register):
    """A user to create; without `permissions` the role's preset is granted."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.NEW_USER]})

    role: Role
    permissions: Permissions | None = None
    is_active: StrictBool = True


class ChangeUser(Body):
    """The parts of a user to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra=formats.never_null(
            *("full_name", "password", "role", "permissions", "is_active"),
            examples=[samples.USER_CHANGES],
        )
    )

    full_name: PersonName | None = None
    password: NewPassword | None = None
    role: Role | None = None
    permissions: Permissions | None = None
    is_active: StrictBool | None = None


class CreateKey(Body):
    """A key to make; without `permissions` its scope is all that its user and its maker may do now."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.WANTED_KEY]})

    name: KeyName
    permissions: Annotated[Permissions, Field(json_schema_extra={"minItems": 1})] | None = None
    expires_in_days: Annotated[
        int,
        BeforeValidator(_whole),
        Field(strict=True, json_schema_extra={"minimum": 1, "maximum": api_keys.MAX_DAYS}),
    ] = api_keys.DEFAULT_DAYS


class UserDetailOut(UserOut):
    """A user as administrators see it."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [samples.USER_DETAIL]}
    )

    national_id: str | None
    phone_number: str | None
    last_seen_at: datetime | None
    """When the user, or one of their keys, was last seen."""
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User, last_seen_at: datetime | None) -> UserDetailOut:
        """Fill the model from a user."""
        return cls(
            id=str(user.id),
            email=user.email,
            full_name=user.full_name,
            role=Role(user.role),
            is_active=user.is_active,
            permissions=sorted(user.permissions),
            national_id=user.national_id,
            phone_number=user.phone_number,
            last_seen_at=last_seen_at,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class UserList(BaseModel):
    """One page of users, by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.USERS]})

    items: list[UserDetailOut]
    total: int
    page: int
    size: int
    pages: int

    @classmethod
    def of(cls, page: UserPage) -> UserList:
        """Fill the model from a page of users."""
        return cls(
            items=[UserDetailOut.of(user, seen) for user, seen in page.items],
            total=page.total,
            page=page.number,
            size=page.size,
            pages=page.pages,
        )


class KeyOut(BaseModel):
    """A key as it is listed: never the key itself."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [samples.KEY]}
    )

    id: Id
    name: str
    prefix: str
    """How the key begins."""
    permissions: list[Permission]
    """What the key may do at most."""
    permissions_in_force: list[Permission]
    """What it may do now: no more than its user and its maker; `transaction:review` by setting only."""
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_by: Id | None
    created_at: datetime

    @classmethod
    def of(cls, key: ApiKey, in_force: frozenset[Permission]) -> KeyOut:
        """Fill the model from a key and what it may do now."""
        return cls(
            id=str(key.id),
            name=key.name,
            prefix=key.prefix,
            permissions=sorted(key.scope),
            permissions_in_force=sorted(in_force),
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            created_by=str(key.created_by) if key.created_by else None,
            created_at=key.created_at,
        )


class NewKeyOut(KeyOut):
    """A key that was just made."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.NEW_KEY]})

    key: str
    """The key itself: shown here, once."""

    @classmethod
    def showing(cls, key: ApiKey, secret: str) -> NewKeyOut:
        # Its whole scope is in force: no key is made that may do more than its user and its maker.
        """Fill the model from a new key and its secret."""
        return cls(**KeyOut.of(key, key.scope).model_dump(), key=secret)


class KeyList(BaseModel):
    """All keys of a user, the newest first; revoked ones too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [samples.KEY]}]})

    items: list[KeyOut]
