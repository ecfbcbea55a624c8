"""Tokens: forged ones are refused, reuse ends the session, and an end holds on every worker at once."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast, Person, create_person
from tests.support.programs import Program
from tests.support.threads import together
from webapp import create_app
from webapp.accounts import changes, queries, service
from webapp.accounts.changes import UserChanges
from webapp.accounts.models import RefreshToken, UserSession
from webapp.accounts.service import TokenReused
from webapp.api.tokens import signing_key
from webapp.kernel import clock
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.errors import NotSignedIn
from webapp.kernel.permissions import Permission, Role

Tokens = dict[str, Any]
OTHER_KEY = b"somebody else's key of 32 bytes!!"


@pytest.fixture
def other_worker(app: Flask, settings: Settings) -> Iterator[Flask]:
    """Make another application on the same database, like another process of the installation."""
    another = create_app(settings)
    yield another
    with another.app_context():
        db.engine.dispose()


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """Create a user who is not one of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.CASHIER)


def signed_in(app: Flask, person: Person) -> Tokens:
    answer = Program(app).post("/auth/login", {"email": person.email, "password": PASSWORD})
    tokens: Tokens = answer.get_json()
    return tokens


def bearing(app: Flask, token: str) -> Program:
    program = Program(app)
    program.token = token
    return program


def status_with(app: Flask, token: str) -> int:
    return bearing(app, token).get("/auth/me").status_code


def renewed(app: Flask, token: str) -> tuple[int, Tokens]:
    answer = Program(app).post("/auth/refresh", {"refresh_token": token})
    return answer.status_code, answer.get_json()


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def part(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(
    claims: dict[str, Any], key: bytes, *, typ: str | None = "at+jwt", algorithm: str = "HS256"
) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": typ})


def _without(name: str) -> Callable[[str, bytes], str]:
    def forge(good: str, key: bytes) -> str:
        return signed({k: v for k, v in claims_of(good).items() if k != name}, key)

    return forge


def _with(**others: Any) -> Callable[[str, bytes], str]:
    return lambda good, key: signed(claims_of(good) | others, key)


ATTACKS: dict[str, Callable[[str, bytes], str]] = {
    "alg none": lambda good, _: f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{good.split('.')[1]}.",
    "alg none, signature kept": lambda good, _: ".".join(
        [part({"alg": "none", "typ": "at+jwt"}), *good.split(".")[1:]]
    ),
    "alg missing": lambda good, _: ".".join([part({"typ": "at+jwt"}), *good.split(".")[1:]]),
    "our key, another algorithm": lambda good, key: signed(
        claims_of(good), key * 2, algorithm="HS512"
    ),
    "a wrong key": lambda good, _: signed(claims_of(good), OTHER_KEY),
    "the cookie's key itself": lambda good, _: signed(
        claims_of(good), b"a-secret-of-the-tests-only" + b" " * 6
    ),
    "no signature": lambda good, _: ".".join([*good.split(".")[:2], ""]),
    "other claims under the same signature": lambda good, _: ".".join(
        [good.split(".")[0], part(claims_of(good) | {"email": "x@y.test"}), good.split(".")[2]]
    ),
    "another type": lambda good, key: signed(claims_of(good), key, typ="JWT"),
    "a refresh type": lambda good, key: signed(claims_of(good), key, typ="rt+jwt"),
    "no type": lambda good, key: signed(claims_of(good), key, typ=None),
    "exp missing": _without("exp"),
    "sub missing": _without("sub"),
    "sid missing": _without("sid"),
    "iat missing": _without("iat"),
    "jti missing": _without("jti"),
    "expired": _with(exp=clock.now() - timedelta(seconds=1)),
    "exp is no number": _with(exp="later"),
    "exp is null": _with(exp=None),
    "exp is infinite": _with(exp=float("inf")),
    "not yet valid": _with(nbf=clock.now() + timedelta(hours=1)),
    "another session": _with(sid=str(uuid.uuid4())),
    "a session that is no uuid": _with(sid="1 OR 1=1"),
    "a session that is a list": _with(sid=["x"]),
    "another user": _with(sub=str(uuid.uuid4())),
    "sub is a number": _with(sub=1),
    "brackets within brackets": lambda good, _: ".".join([part("[" * 6000), *good.split(".")[1:]]),
    "braces within braces": lambda good, _: ".".join([part('{"a":' * 1500), *good.split(".")[1:]]),
    "a header that is a list": lambda good, _: ".".join([part([]), *good.split(".")[1:]]),
    "two parts": lambda good, _: ".".join(good.split(".")[:2]),
    "text": lambda *_: "nonsense",
    "accents": lambda *_: "ñandú.ñandú.ñandú",
    "dots": lambda *_: "..",
    "an api key of nobody": lambda *_: "amp_0123456789_0123456789abcdef",
    "only the mark of a key": lambda *_: "amp_",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_foreign_token_is_refused(app: Flask, cast: Cast, attack: str) -> None:
    good = signed_in(app, cast.integrator)["access_token"]
    key = signing_key(app.config["SETTINGS"].secret_key)
    refused = bearing(app, ATTACKS[attack](good, key)).get("/auth/me")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert status_with(app, good) == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dTpw", "bearer", "Token x", "Bearer\tx"]
)
def test_an_authorization_header_without_a_token_is_refused(app: Flask, header: str) -> None:
    refused = Program(app).get("/auth/me", headers={"Authorization": header})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_forged_without_a_mistake_is_accepted(app: Flask, cast: Cast) -> None:
    good = signed_in(app, cast.integrator)["access_token"]
    key = signing_key(app.config["SETTINGS"].secret_key)
    assert status_with(app, _with()(good, key)) == 200


def test_a_token_that_was_accepted_is_refused_once_it_expires(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed_in(app, cast.integrator)["access_token"]
    lifetime = app.config["SETTINGS"].access_token_expire_minutes * 60
    assert status_with(app, token) == 200
    begun = clock.now()
    for seconds, status in ((lifetime - 60, 200), (lifetime + 1, 401)):
        monkeypatch.setattr(clock, "now", lambda by=seconds: begun + timedelta(seconds=by))
        assert status_with(app, token) == status


def test_refresh_and_access_tokens_do_not_replace_each_other(app: Flask, cast: Cast) -> None:
    tokens = signed_in(app, cast.integrator)
    assert status_with(app, tokens["refresh_token"]) == 401
    status, problem = renewed(app, tokens["access_token"][:200])
    assert (status, problem["code"]) == (401, "invalid_token")
    assert status_with(app, tokens["access_token"]) == 200


@pytest.mark.parametrize("cookie_header", ["", "Bearer "])
def test_the_cookie_of_a_browser_does_not_open_the_api(
    cashier: Browser, cookie_header: str
) -> None:
    cookie = cashier.client.get_cookie("areamedica_session")
    assert cookie
    headers = {"Authorization": cookie_header + cookie.value} if cookie_header else {}
    refused = cashier._send("get", "/api/v1/auth/me", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_chain_of_renewals_goes_on(app: Flask, cast: Cast) -> None:
    tokens = signed_in(app, cast.integrator)
    for _ in range(3):
        status, tokens = renewed(app, tokens["refresh_token"])
        assert status == 200
        assert status_with(app, tokens["access_token"]) == 200


def test_a_refresh_token_used_twice_ends_its_session_on_any_worker(
    app: Flask, other_worker: Flask, newcomer: Person
) -> None:
    stolen = signed_in(app, newcomer)
    status, honest = renewed(app, stolen["refresh_token"])
    assert status == 200
    status, problem = renewed(other_worker, stolen["refresh_token"])
    assert (status, problem["code"]) == (401, "token_reused")
    for worker in (app, other_worker):
        assert status_with(worker, honest["access_token"]) == 401
        assert status_with(worker, stolen["access_token"]) == 401
        assert renewed(worker, honest["refresh_token"])[0] == 401
    actions = [event.action for event in queries.events_of(newcomer.id)]
    assert actions.count("TOKEN_REUSED") == 1


def test_the_end_of_one_session_leaves_the_others(app: Flask, newcomer: Person) -> None:
    stolen, other = signed_in(app, newcomer), signed_in(app, newcomer)
    renewed(app, stolen["refresh_token"])
    renewed(app, stolen["refresh_token"])
    assert status_with(app, other["access_token"]) == 200
    assert renewed(app, other["refresh_token"])[0] == 200


@pytest.mark.parametrize("exchanges", [2, 8])
def test_of_simultaneous_exchanges_one_succeeds_and_the_others_end_the_session(
    app: Flask, newcomer: Person, exchanges: int
) -> None:
    tokens = signed_in(app, newcomer)

    def exchange() -> str:
        return service.rotate_refresh(refresh_token=tokens["refresh_token"])[1]

    results = together(app, [exchange] * exchanges)
    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1
    assert all(isinstance(result, str | TokenReused) for result in results)
    assert renewed(app, won[0])[0] == 401
    assert status_with(app, tokens["access_token"]) == 401


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "ñ" * 100, "amp_x"])
def test_an_unknown_refresh_token_is_refused(app: Flask, token: str) -> None:
    answer = Program(app).post("/auth/refresh", {"refresh_token": token})
    assert answer.status_code in (401, 422)


def test_an_expired_session_is_not_renewed(app: Flask, newcomer: Person) -> None:
    tokens = signed_in(app, newcomer)
    session = db.session.scalar(select(UserSession).where(UserSession.user_id == newcomer.id))
    assert session
    session.expires_at = clock.now() - timedelta(seconds=1)
    db.session.commit()
    assert renewed(app, tokens["refresh_token"])[0] == 401
    assert status_with(app, tokens["access_token"]) == 401


ENDS = {
    "deactivation": UserChanges(is_active=False),
    "password": UserChanges(password="another long password"),
    "permissions": UserChanges(permissions=frozenset({Permission.TRANSACTION_READ})),
    "role": UserChanges(role=Role.SUPERVISOR),
}


@pytest.mark.parametrize("change", ENDS)
def test_a_change_ends_tokens_and_browsers_on_all_workers_at_once(
    app: Flask, other_worker: Flask, cast: Cast, newcomer: Person, change: str
) -> None:
    tokens = [signed_in(worker, newcomer) for worker in (app, other_worker)]
    browser = Browser(other_worker).sign_in(newcomer)
    for worker in (app, other_worker):
        assert [status_with(worker, given["access_token"]) for given in tokens] == [200, 200]
    changes.change_user(actor=cast.admin.actor, user_id=newcomer.id, changes=ENDS[change])
    for worker in (app, other_worker):
        assert [status_with(worker, given["access_token"]) for given in tokens] == [401, 401]
        assert [renewed(worker, given["refresh_token"])[0] for given in tokens] == [401, 401]
    assert browser.get("/transactions").status == 303


def test_a_new_name_ends_nothing(app: Flask, cast: Cast, newcomer: Person) -> None:
    tokens = signed_in(app, newcomer)
    changes.change_user(
        actor=cast.admin.actor, user_id=newcomer.id, changes=UserChanges(full_name="Otro Nombre")
    )
    assert status_with(app, tokens["access_token"]) == 200


def test_signing_out_ends_the_session_on_the_other_worker(
    app: Flask, other_worker: Flask, newcomer: Person
) -> None:
    tokens, other = signed_in(app, newcomer), signed_in(app, newcomer)
    assert bearing(app, tokens["access_token"]).call("POST", "/auth/logout").status_code == 204
    assert status_with(other_worker, tokens["access_token"]) == 401
    assert renewed(other_worker, tokens["refresh_token"])[0] == 401
    assert status_with(other_worker, other["access_token"]) == 200


@pytest.mark.parametrize("change", ["password", "deactivation"])
def test_a_sign_in_during_a_password_change_gets_no_session(
    app: Flask, cast: Cast, newcomer: Person, change: str
) -> None:
    user = service.authenticate(email=newcomer.email, password=PASSWORD)
    db.session.expunge_all()
    changes.change_user(actor=cast.admin.actor, user_id=newcomer.id, changes=ENDS[change])
    with pytest.raises(NotSignedIn):
        service.open_session(user=user, lifetime=timedelta(hours=1))


def rotated(settings: Settings, *, key: str, fallbacks: tuple[str, ...]) -> Flask:
    update = {"secret_key": key, "secret_key_fallbacks": fallbacks}
    return create_app(settings.model_copy(update=update))


def test_a_new_key_signs_and_the_old_one_is_accepted_until_it_is_removed(
    app: Flask, settings: Settings, newcomer: Person
) -> None:
    new = "a-new-secret-of-the-tests"
    old_tokens = signed_in(app, newcomer)
    old_browser = Browser(app).sign_in(newcomer)
    open_form = old_browser.get("/transactions/new").inputs["csrf_token"]
    after = rotated(settings, key=new, fallbacks=(settings.secret_key, "an-even-older-secret"))
    finally_ = rotated(settings, key=new, fallbacks=())
    try:
        new_tokens = signed_in(after, newcomer)
        assert status_with(after, old_tokens["access_token"]) == 200
        assert status_with(after, new_tokens["access_token"]) == 200
        assert status_with(app, new_tokens["access_token"]) == 401, "signed with the old key"
        moved = Browser(after)
        cookie = old_browser.client.get_cookie("areamedica_session")
        assert cookie
        moved.client.set_cookie("areamedica_session", cookie.value)
        assert moved.get("/transactions").status == 200
        sent = moved._send("post", "/transactions/new", data={"csrf_token": open_form})
        assert sent.status_code == 422, "the form that was open is read, and lacks its data"
        assert status_with(finally_, new_tokens["access_token"]) == 200
        assert status_with(finally_, old_tokens["access_token"]) == 401
        assert renewed(finally_, old_tokens["refresh_token"])[0] == 200
        left = Browser(finally_)
        left.client.set_cookie("areamedica_session", cookie.value)
        assert left.get("/transactions").status == 303
    finally:
        for worker in (after, finally_):
            with worker.app_context():
                db.engine.dispose()


def test_old_sessions_and_their_tokens_are_deleted_but_not_when_a_user_was_last_seen(
    app: Flask, cast: Cast, newcomer: Person
) -> None:
    old, kept, only = (signed_in(app, person) for person in (newcomer, newcomer, cast.integrator))
    long_ago = clock.now() - timedelta(days=31)
    for tokens in (old, only):
        session = db.session.get_one(UserSession, session_of(tokens))
        session.ended_at = session.last_seen_at = long_ago
    db.session.commit()
    service.forget_ended_sessions()
    db.session.expire_all()
    left = set(db.session.scalars(select(UserSession.id)))
    assert left == {session_of(kept), session_of(only)}
    assert set(db.session.scalars(select(RefreshToken.session_id))) == left
    assert renewed(app, kept["refresh_token"])[0] == 200
    assert queries.last_seen(cast.integrator.id) == long_ago


def session_of(tokens: Tokens) -> uuid.UUID:
    return uuid.UUID(claims_of(tokens["access_token"])["sid"])
