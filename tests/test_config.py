"""Settings come from the environment; what is wrong stops the start with one line that names it."""

from __future__ import annotations

import base64
import secrets
import stat
from pathlib import Path

import pytest

from webapp.kernel.config import Settings, SettingsError

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "DATABASE_URL": "postgresql://app@db.internal/areamedica",
    "ALLOWED_HOSTS": "pagos.clinic.example",
    "BANESCO_ENVIRONMENT": "production",
    "BANESCO_PROD_API_URL": "https://api.bank.example/v1",
    "BANESCO_PROD_AUTH_URL": "https://sso.bank.example/token",
    "BANESCO_PROD_CLIENT_ID": "clinic",
    "BANESCO_PROD_CLIENT_SECRET": "bank-secret",
}


@pytest.fixture
def development(tmp_path: Path) -> dict[str, str]:
    return {"DATA_DIR": str(tmp_path)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WEB_CONCURRENCY", "0"),
        ("TRUSTED_PROXY_HOPS", "-1"),
        ("SESSION_COOKIE_SECURE", "sometimes"),
        ("SESSION_HOURS", "0"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "localhost"),
        ("DATABASE_URL", "postgresql://u@host:port/x"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_MAX_OVERFLOW", "-1"),
        ("REDIS_URL", "localhost:6379"),
        ("CACHE_TTL", "0"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("SECRET_KEY_FALLBACKS", "0123456789abcdef0123456789abcdef, short"),
        ("ALGORITHM", "none"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("REGISTRATION", "maybe"),
        ("REGISTRATION_ROLE", "root"),
        ("RATE_LIMIT_REQUESTS", "0"),
        ("RATE_LIMIT_PERIOD", "soon"),
        ("ALLOWED_ORIGINS", "his.clinica.com"),
        ("ALLOWED_ORIGINS", "https://his.clinica.com/page"),
        ("ALLOWED_ORIGINS", "https://a.example, ftp://b.example"),
        ("PROMETHEUS_PORT", "70000"),
        ("SENTRY_DSN", "nowhere"),
        ("WEBHOOKS_ALLOW_PRIVATE", "sometimes"),
        ("WEBHOOKS_ALLOWED_PORTS", "https"),
        ("WEBHOOKS_ALLOWED_PORTS", "443, 65536"),
        ("WEBHOOKS_ALLOWED_PORTS", "0"),
        ("WEBHOOKS_ALLOWED_PORTS", "443, 22"),
        ("WEBHOOKS_ALLOWED_PORTS", "25"),
        ("WEBHOOKS_ALLOWED_PORTS", ","),
        ("BANESCO_DEVICE_IP", "localhost"),
        ("BANESCO_MAINTENANCE_WINDOW", "2-6"),
        ("BANESCO_MAINTENANCE_WINDOW", "02:00-24:00"),
        ("BANESCO_ENVIRONMENT", "test"),
        ("BANESCO_API", "soap"),
        ("BANESCO_QA_API_URL", "not an address"),
        ("BANESCO_QA_AUTH_URL", "ftp://bank.example/token"),
        ("BANESCO_GRANT_TYPE", "implicit"),
        ("BANESCO_CLIENT_AUTH", "header"),
        ("BANESCO_CA_BUNDLE", "/no/such/file.pem"),
        ("BANESCO_ACCOUNT_ID", "123"),
        ("BANESCO_TIMEOUT", "0"),
        ("BANESCO_TIMEOUT", "inf"),
        ("BANESCO_TIMEOUT", "nan"),
        ("BANESCO_INTERACTIVE_SECONDS", "-1"),
        ("BANESCO_RATE_LIMIT", "0"),
        ("BANESCO_GIVE_UP_AFTER", "0"),
        ("BANESCO_GIVE_UP_AFTER", "NaN"),
    ],
)
def test_a_wrong_value_gives_one_line_that_names_the_variable(
    development: dict[str, str], name: str, value: str
):
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**development, name: value})
    sentence = str(refused.value)
    assert sentence.startswith(name)
    assert "\n" not in sentence


@pytest.mark.parametrize("name", sorted(PRODUCTION.keys() - {"ENVIRONMENT", "BANESCO_ENVIRONMENT"}))
def test_production_does_not_start_without_it(name: str):
    given = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(SettingsError, match=rf"^{name} is missing") as refused:
        Settings.from_environment(given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "a" * 16),
        ("SECRET_KEY", "a" * 64),
        ("SECRET_KEY", "9f86d081884c7d659a2feaa0c55ad01"),
        ("SECRET_KEY", "kX3/p9Qz" * 5),
        ("SECRET_KEY", "0123456789abcdefghijklmnopqrstuvwxyz"),
        ("SECRET_KEY", "your-secret-key-here-1x5Q9zLw3Ku7Rt2Vb8"),
        ("SECRET_KEY", "CHANGE_ME_CHANGE_THIS_BEFORE_YOU_START"),
        ("SECRET_KEY", "qwertyuiopqwertyuiopqwertyuiopqw"),
        ("SECRET_KEY", "aZbYcXdWaZbYcXdWaZbYcXdWaZbYcXdWa"),
        ("SECRET_KEY", "this-insecure-key-is-for-tests-X9b3"),
        ("SECRET_KEY_FALLBACKS", "the-key-of-last-year-1"),
        ("SECRET_KEY_FALLBACKS", f"{PRODUCTION['SECRET_KEY'][::-1]},{'b' * 40}"),
        ("DEBUG", "true"),
        ("FLASK_DEBUG", "1"),
        ("SESSION_COOKIE_SECURE", "false"),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "pagos.clinic.example, *.example"),
        ("ALLOWED_HOSTS", "."),
        ("ALLOWED_HOSTS", ".example"),
        ("ALLOWED_HOSTS", "https://pagos.clinic.example"),
        ("ALLOWED_ORIGINS", "https://his.clinic.example, *"),
        ("WEBHOOKS_ALLOW_PRIVATE", "true"),
    ],
)
def test_production_refuses_what_is_unsafe_in_one_line_that_names_it(name: str, value: str):
    with pytest.raises(SettingsError, match=rf"^{name} ") as refused:
        Settings.from_environment({**PRODUCTION, name: value})
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert not ("KEY" in name and value in sentence), "the key itself is not shown"


@pytest.mark.parametrize("role", ["supervisor", "admin"])
def test_production_lets_no_stranger_become_a_supervisor_or_administrator(role: str):
    chosen = {**PRODUCTION, "REGISTRATION": "open", "REGISTRATION_ROLE": role}
    with pytest.raises(
        SettingsError, match=r"^REGISTRATION_ROLE is refused as .*REGISTRATION=open"
    ):
        Settings.from_environment(chosen)
    for harmless in ({"REGISTRATION": "approval"}, {"REGISTRATION_ROLE": "cashier"}):
        Settings.from_environment({**chosen, **harmless})


@pytest.mark.parametrize(
    ("hosts", "starts"),
    [
        ("localhost", True),
        ("localhost,127.0.0.1,[::1]", True),
        ("localhost:8000, .localhost", True),
        ("127.0.0.1:8000,[::1]:8000,::1", True),
        ("10.0.0.7:8000", False),
        ("localhost,pagos.clinic.example", False),
        ("localhost.clinic.example", False),
        ("10.0.0.7", False),
    ],
)
def test_cookies_travel_without_https_only_where_nothing_but_this_machine_is_served(
    hosts: str, starts: bool
):
    chosen = {**PRODUCTION, "SESSION_COOKIE_SECURE": "false", "ALLOWED_HOSTS": hosts}
    if starts:
        assert not Settings.from_environment(chosen).cookie_secure
    else:
        with pytest.raises(SettingsError, match=r"^SESSION_COOKIE_SECURE is refused"):
            Settings.from_environment(chosen)


@pytest.mark.parametrize(
    "key",
    [
        secrets.token_hex(32),
        secrets.token_hex(16),
        secrets.token_urlsafe(24),
        secrets.token_urlsafe(48),
        base64.b64encode(secrets.token_bytes(32)).decode(),
        "correct horse battery staple, and four more words",
    ],
    ids=["hex 64", "hex 32", "url-safe 32", "url-safe 64", "base64", "words"],
)
def test_production_takes_every_random_key(key: str):
    settings = Settings.from_environment({**PRODUCTION, "SECRET_KEY": key})
    assert settings.secret_key == key


def test_development_is_not_asked_for_what_production_needs(development: dict[str, str]):
    lax = {
        "SECRET_KEY": "a" * 16,
        "DEBUG": "true",
        "SESSION_COOKIE_SECURE": "false",
        "REGISTRATION": "open",
        "REGISTRATION_ROLE": "admin",
        "ALLOWED_ORIGINS": "*",
    }
    assert Settings.from_environment({**development, **lax}).registration_role == "admin"


def test_production_takes_nothing_from_the_other_environment_of_the_bank():
    given = {**PRODUCTION, "BANESCO_ENVIRONMENT": "qa"}
    with pytest.raises(SettingsError, match=r"^BANESCO_QA_API_URL is missing"):
        Settings.from_environment(given)


def test_a_complete_production_starts_with_secure_cookies():
    settings = Settings.from_environment(PRODUCTION)
    assert settings.cookie_secure
    assert settings.bank.api_url == "https://api.bank.example/v1"
    assert settings.bank.client_id == "clinic"


@pytest.mark.parametrize("name", ["BANESCO_PROD_API_URL", "BANESCO_PROD_AUTH_URL"])
def test_production_refuses_a_bank_without_encryption(name: str):
    with pytest.raises(SettingsError, match=rf"^{name} must be https"):
        Settings.from_environment({**PRODUCTION, name: "http://api.bank.example/v1"})


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]:9000"])
def test_production_allows_a_bank_on_this_very_machine(host: str):
    settings = Settings.from_environment(
        {**PRODUCTION, "BANESCO_PROD_API_URL": f"http://{host}/v1"}
    )
    assert settings.bank.api_url == f"http://{host}/v1"


def test_production_never_sends_webhooks_to_private_addresses():
    assert not Settings.from_environment(PRODUCTION).webhooks_allow_private


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@h/d",
        "postgresql://u:p@h/d",
        "postgresql+psycopg2://u:p@h/d",
        "postgresql+asyncpg://u:p@h/d",
        "  postgres://u:p@h/d ",
    ],
)
def test_every_spelling_of_a_postgresql_address_is_understood(
    development: dict[str, str], url: str
):
    settings = Settings.from_environment({**development, "DATABASE_URL": url})
    assert settings.database_url == "postgresql+psycopg2://u:p@h/d"


def test_development_keeps_its_own_secret_and_knows_the_sandbox(development: dict[str, str]):
    first = Settings.from_environment(development)
    assert len(first.secret_key) >= 32
    assert Settings.from_environment(development).secret_key == first.secret_key
    kept = Path(development["DATA_DIR"]) / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert first.bank.api_url == "http://127.0.0.1:8765/v1"
    assert not first.cookie_secure


def test_an_empty_variable_counts_as_not_set(development: dict[str, str]):
    settings = Settings.from_environment({**development, "PORT": "", "REDIS_URL": "  "})
    assert (settings.port, settings.redis_url) == (8000, None)


def test_hosts_are_separated_by_commas(development: dict[str, str]):
    given = {**development, "ALLOWED_HOSTS": "pagos.clinic.test, .clinic.test ,"}
    assert Settings.from_environment(given).allowed_hosts == ("pagos.clinic.test", ".clinic.test")


def test_older_keys_are_kept_in_order_and_never_shown(development: dict[str, str]):
    older = ["the-key-of-last-year-1", "the-key-of-last-year-2"]
    given = {**development, "SECRET_KEY": "the-key-of-this-year", "SECRET_KEY_FALLBACKS": ""}
    assert Settings.from_environment(given).signing_keys == ("the-key-of-this-year",)
    settings = Settings.from_environment({**given, "SECRET_KEY_FALLBACKS": " , ".join(older)})
    assert settings.signing_keys == ("the-key-of-this-year", *older)
    assert "last-year" not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**given, "SECRET_KEY_FALLBACKS": "last-year"})
    assert "last-year" not in str(refused.value)


def test_nothing_secret_is_shown_by_a_settings_object():
    shown = repr(Settings.from_environment(PRODUCTION))
    assert PRODUCTION["SECRET_KEY"] not in shown
    assert PRODUCTION["DATABASE_URL"] not in shown
    assert "bank-secret" not in shown
    assert "bank-secret" not in repr(Settings.from_environment(PRODUCTION).bank)


def test_the_banks_other_environment_and_dialect_can_be_taken_without_changing_what_is_in_force():
    production = {
        "BANESCO_PROD_API_URL": "https://api.bank.test/v1",
        "BANESCO_PROD_AUTH_URL": "https://oauth.bank.test/token",
        "BANESCO_PROD_CLIENT_ID": "real",
        "BANESCO_PROD_CLIENT_SECRET": "real-secret",
        "SECRET_KEY": "a-secret-of-the-tests-only",
    }
    in_force = Settings.from_environment(production)
    other = in_force.for_bank("production", "confirmation")
    assert (other.bank.environment, other.bank.client_id) == ("production", "real")
    assert other.banesco_api == "confirmation"
    assert (in_force.bank.environment, in_force.banesco_api) == ("qa", "status")
    assert {**other.model_dump(), "banesco_environment": "qa", "banesco_api": "status"} == (
        in_force.model_dump()
    )
    with pytest.raises(SettingsError, match="BANESCO_PROD_CLIENT_SECRET is missing"):
        Settings.from_environment({**production, "BANESCO_PROD_CLIENT_SECRET": ""}).for_bank(
            "production", "status"
        )
