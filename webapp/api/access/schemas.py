"""What programs send and get to register, to sign in and to know who they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from webapp.api.contract import samples
from webapp.api.fields import Email, Id, NationalId, NewPassword, Password, PersonName, Phone
from webapp.api.strict_model import Body
from webapp.kernel.permissions import Permission, Role


class Register(Body):
    """A new user (ERD 15.4)."""

    email: Email
    password: NewPassword
    full_name: PersonName
    national_id: NationalId | None = None
    phone_number: Phone | None = None


class Login(Body):
    """E-mail and password."""

    email: Annotated[str, Field(strict=True, max_length=255, examples=["integrador@demo.test"])]
    password: Annotated[Password, Field(examples=["demo-pagos-2026"])]


class Refresh(Body):
    """A refresh token."""

    refresh_token: Annotated[
        str, Field(strict=True, max_length=200, examples=["what the sign-in gave you"])
    ]


class UserOut(BaseModel):
    """A user, without anything secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.USER]})

    id: Id
    email: str
    full_name: str
    role: Role
    is_active: bool
    permissions: list[Permission]


class TokenOut(BaseModel):
    """What a sign-in gives (RFC 6749's names)."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.TOKENS]})

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
    """Seconds until the access token ends."""
    refresh_token: str
