"""Typed settings, read once from the environment (names: ERD 16, DESIGN 5; documented in `.env.example`).

A value that is missing or makes no sense stops the start with one line that names the variable.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic.functional_validators import AfterValidator, BeforeValidator

from webapp.kernel.clock import DailyWindow
from webapp.kernel.database import normalise_database_url
from webapp.kernel.production import are_loopback, host_problem, is_loopback, key_weakness

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent

SANDBOX_ADDRESS = "http://127.0.0.1:8765"
SANDBOX_ACCOUNT = "01340000000000008514"
SANDBOX_DEFAULTS = {
    "banesco_qa_api_url": f"{SANDBOX_ADDRESS}/v1",
    "banesco_qa_auth_url": f"{SANDBOX_ADDRESS}/oauth/token",
    "banesco_qa_client_id": "sandbox-client",
    "banesco_qa_client_secret": "sandbox-secret",
}


class SettingsError(Exception):
    """A setting is missing, wrong or unsafe; the message is one line that names the variable."""


def _split_at_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _serves_https(port: int) -> int:
    if port < 1024 and port != 443:
        raise ValueError("must be 443 or from 1024: below listen mail, shells and the like")
    return port


def _read_window(value: object) -> object:
    if isinstance(value, str):
        return None if value.lower() == "off" else DailyWindow.parse(value)
    return value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)]
WebhookPort = Annotated[int, Field(ge=1, le=65535), AfterValidator(_serves_https)]
Ports = Annotated[
    tuple[WebhookPort, ...],
    BeforeValidator(_split_at_commas),
    Field(min_length=1),
]
OptionalWindow = Annotated[DailyWindow | None, BeforeValidator(_read_window)]


class BankAccess(BaseModel):
    """The bank's two URLs and our credentials, in the environment in force."""

    model_config = ConfigDict(frozen=True)

    environment: Literal["qa", "production"]
    api_url: str
    auth_url: str
    client_id: str
    client_secret: str = Field(repr=False)


class Settings(BaseModel):
    """All that an operator can set; an attribute is a variable's name in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_name: str = "areamedica-pagos"
    app_version: str = "1.0.0"
    environment: Literal["development", "production"] = "development"
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    data_dir: Path = PROJECT_ROOT / ".data"

    port: int = Field(8000, ge=1, le=65535)
    web_concurrency: int = Field(2, ge=1, le=64)
    allowed_hosts: CommaSeparated = ()
    trusted_proxy_hops: int = Field(0, ge=0, le=5)
    session_cookie_secure: bool | None = None
    session_hours: int = Field(12, ge=1, le=168)

    database_url: str | None = Field(None, repr=False)
    database_pool_size: int = Field(20, ge=1, le=200)
    database_max_overflow: int = Field(30, ge=0, le=200)
    redis_url: str | None = Field(None, repr=False)
    cache_ttl: int = Field(300, ge=1)

    secret_key: str = Field("", repr=False)
    secret_key_fallbacks: CommaSeparated = Field((), repr=False)
    algorithm: Literal["HS256"] = "HS256"
    access_token_expire_minutes: int = Field(30, ge=1, le=1440)
    registration: Literal["approval", "open", "closed"] = "approval"
    api_keys_may_review: bool = False
    registration_role: Literal["cashier", "supervisor", "integrator", "admin"] = "cashier"
    rate_limit_requests: int = Field(5000, ge=1)
    rate_limit_period: int = Field(3600, ge=1)
    allowed_origins: CommaSeparated = ()
    allowed_methods: CommaSeparated = ("GET", "POST", "PUT", "PATCH", "DELETE")
    allowed_headers: CommaSeparated = ("*",)

    prometheus_port: int | None = Field(None, ge=1, le=65535)
    sentry_dsn: str | None = Field(None, repr=False)

    webhooks_allow_private: bool = False
    webhooks_allowed_ports: Ports = (443, 8443)

    banesco_environment: Literal["qa", "production"] = "qa"
    banesco_api: Literal["status", "confirmation"] = "status"
    banesco_qa_api_url: str | None = None
    banesco_qa_auth_url: str | None = None
    banesco_qa_client_id: str | None = None
    banesco_qa_client_secret: str | None = Field(None, repr=False)
    banesco_prod_api_url: str | None = None
    banesco_prod_auth_url: str | None = None
    banesco_prod_client_id: str | None = None
    banesco_prod_client_secret: str | None = Field(None, repr=False)
    banesco_grant_type: Literal["client_credentials", "password"] = "client_credentials"
    banesco_client_auth: Literal["body", "basic"] = "body"
    banesco_scope: str = ""
    banesco_ca_bundle: Path | None = None
    banesco_account_id: str = Field("", pattern=r"^(\d{20})?$")
    banesco_device_ip: str = "127.0.0.1"
    banesco_maintenance_window: OptionalWindow = DailyWindow.parse("02:00-06:00")
    banesco_timeout: float = Field(30, gt=0, le=120)
    banesco_interactive_seconds: float = Field(8, gt=0, le=60)
    banesco_rate_limit: int = Field(2, ge=1, le=60)
    banesco_give_up_after: Decimal = Field(Decimal(72), gt=0)

    @field_validator("database_url")
    @classmethod
    def _normalise_database_url(cls, value: str | None) -> str | None:
        return normalise_database_url(value) if value else None

    @field_validator("secret_key_fallbacks")
    @classmethod
    def _require_long_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(key) < 16 for key in value):
            raise ValueError("holds a key that is too short: each has at least 16 characters")
        return value

    @field_validator("redis_url")
    @classmethod
    def _require_redis_scheme(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _require_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            bare = (
                parts.scheme in ("http", "https") and origin == f"{parts.scheme}://{parts.netloc}"
            )
            if origin != "*" and not (bare and parts.hostname):
                raise ValueError("must be origins like https://his.clinica.com, or *")
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _require_dsn(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://key@host/1")
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
            raise ValueError("is not the address of an error collector")
        return value

    @field_validator("banesco_device_ip")
    @classmethod
    def _require_address(cls, value: str) -> str:
        return str(ip_address(value))

    @field_validator("banesco_ca_bundle")
    @classmethod
    def _require_file(cls, value: Path | None) -> Path | None:
        if value and not value.is_file():
            raise ValueError("is not a file")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problem = next(self._production_problems(), None) if self.is_production else None
        if problem:
            raise SettingsError(f"{problem}.")
        if self.banesco_api == "confirmation" and not self.account:
            raise SettingsError(
                "BANESCO_ACCOUNT_ID is missing: BANESCO_API=confirmation searches by the clinic's account."
            )
        if self.secret_key and len(self.secret_key) < 16:
            raise SettingsError("SECRET_KEY is too short: use at least 16 random characters.")
        _ = self.bank
        return self

    def _production_problems(self) -> Iterator[str]:
        """Yield what makes a start in production unsafe, each naming its variable (DESIGN 5)."""
        if not self.secret_key:
            yield "SECRET_KEY is missing: production has no default secret"
        if not self.database_url:
            yield "DATABASE_URL is missing: production embeds no database"
        if not self.allowed_hosts:
            yield "ALLOWED_HOSTS is missing: name the hosts that production answers to"
        for variable, checked, problem_of in (
            ("SECRET_KEY", (self.secret_key,), key_weakness),
            ("SECRET_KEY_FALLBACKS", self.secret_key_fallbacks, key_weakness),
            ("ALLOWED_HOSTS", self.allowed_hosts, host_problem),
        ):
            yield from (f"{variable} {problem}" for problem in map(problem_of, checked) if problem)
        if self.debug:
            yield "DEBUG is refused: production does not run in debug mode"
        if self.session_cookie_secure is False and not are_loopback(self.allowed_hosts):
            yield (
                "SESSION_COOKIE_SECURE is refused as false: only where ALLOWED_HOSTS names "
                "nothing but this machine may the cookie travel without https"
            )
        if self.registration == "open" and self.registration_role in ("supervisor", "admin"):
            yield (
                f"REGISTRATION_ROLE is refused as {self.registration_role}: with REGISTRATION=open "
                "strangers become cashier or integrator at most"
            )
        if "*" in self.allowed_origins:
            yield "ALLOWED_ORIGINS is refused as *: name the sites whose pages may call the API"
        if self.webhooks_allow_private:
            yield "WEBHOOKS_ALLOW_PRIVATE is refused: in production webhooks go to public addresses"

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The key that signs, followed by the older ones whose signatures still count."""
        return (self.secret_key, *self.secret_key_fallbacks)

    @property
    def is_production(self) -> bool:
        """Whether ENVIRONMENT is production."""
        return self.environment == "production"

    @property
    def cookie_secure(self) -> bool:
        """Whether cookies travel over https only: as set, else in production."""
        return (
            self.is_production if self.session_cookie_secure is None else self.session_cookie_secure
        )

    @property
    def account(self) -> str:
        """The clinic's own account, 20 digits; in development, unless set, an invented one of the sandbox."""
        return self.banesco_account_id or ("" if self.is_production else SANDBOX_ACCOUNT)

    @cached_property
    def bank(self) -> BankAccess:
        """The bank in force. Raises SettingsError naming what its environment lacks (BANESCO.md)."""
        prefix = "banesco_qa_" if self.banesco_environment == "qa" else "banesco_prod_"
        values: dict[str, str] = {}
        for part in ("api_url", "auth_url", "client_id", "client_secret"):
            name = prefix + part
            value = getattr(self, name)
            if not value and not self.is_production:
                value = SANDBOX_DEFAULTS.get(name)
                if value and part == "api_url" and self.banesco_api == "confirmation":
                    value += "/confirmation"
            if not value:
                raise SettingsError(
                    f"{name.upper()} is missing: BANESCO_ENVIRONMENT={self.banesco_environment} needs it."
                )
            if part.endswith("_url"):
                _require_bank_url(name.upper(), value, https_only=self.is_production)
            values[part] = value
        return BankAccess(environment=self.banesco_environment, **values)

    def for_bank(self, environment: str, dialect: str) -> Settings:
        """Return the same settings with another environment or dialect of the bank in force.

        Raises SettingsError naming what that environment lacks: nothing is derived from the other.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        changed = {"banesco_environment": environment, "banesco_api": dialect}
        return type(self).model_validate({**values, **changed})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings that the environment names; an empty variable counts as not set.

        Raises SettingsError with one line that names the variable.
        """
        _refuse_debug_mode_of_flask(environ)
        given = {
            name: environ[name.upper()].strip()
            for name in cls.model_fields
            if environ.get(name.upper(), "").strip()
        }
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper() if first["loc"] else "settings"
            raise SettingsError(f"{name} {_sentence_of(first)}.") from None
        if not settings.secret_key:
            settings = settings.model_copy(
                update={"secret_key": _development_secret(settings.data_dir)}
            )
        return settings

    @classmethod
    def variables(cls) -> dict[str, FieldInfo]:
        """Return every variable that is read, by its name in the environment."""
        return {name.upper(): field for name, field in cls.model_fields.items()}


def _refuse_debug_mode_of_flask(environ: Mapping[str, str]) -> None:
    """Refuse in production the variable by which Flask itself is put into debug mode. Raises SettingsError."""
    production = environ.get("ENVIRONMENT", "").strip() == "production"
    if production and environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        raise SettingsError("FLASK_DEBUG is refused: production does not run in debug mode.")


def _sentence_of(problem: Any) -> str:
    message: str = problem["msg"]
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]


def _require_bank_url(name: str, value: str, *, https_only: bool) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name} is not a web address.")
    if https_only and parts.scheme != "https" and not is_loopback(parts.hostname):
        raise SettingsError(f"{name} must be https in production.")


def _development_secret(data_dir: Path) -> str:
    """Return a secret for development that survives restarts; of several processes, one writes it."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile("w", dir=data_dir, prefix="secret_key.") as draft:  # mode 0600
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text()
