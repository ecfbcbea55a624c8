"""Access tokens: cached, shared, replaced once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import responses
from cachelib import FileSystemCache, SimpleCache

from tests.support.banesco import AUTH_URL, SECRET, NotedCalls, access
from tests.support.receivers import receiving
from webapp.banking.gateway import (
    BankRateLimited,
    BankRefusedUs,
    BankUnavailable,
    BankUnreadable,
    Outcome,
)
from webapp.banking.http import BankHttp
from webapp.banking.oauth import REFRESH_BEFORE, REFUSED_FOR, OtherEnvironment, TokenSource


class Timer:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bank():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def calls() -> NotedCalls:
    return NotedCalls()


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def make(tmp_path, timer):
    """Return what makes sources of tokens that share a cache, a folder and a clock."""
    cache = SimpleCache()

    def source(*, timer: Callable[[], float] = timer, **changes: str) -> TokenSource:
        return TokenSource(
            access(**changes), http=BankHttp(), cache=cache, lock_folder=tmp_path, timer=timer
        )

    return source


JSON = {"Content-Type": "application/json"}


def hand_out(bank: responses.RequestsMock, *, expires_in: object = 300) -> None:
    """Let the bank give token-1, token-2 and so on."""
    numbers = iter(range(1, 1000))

    def give(request):
        lifetime = {} if expires_in is None else {"expires_in": expires_in}
        return 200, JSON, json.dumps({"access_token": f"token-{next(numbers)}", **lifetime})

    bank.add_callback(responses.POST, AUTH_URL, callback=give, content_type=None)


def test_the_form_of_client_credentials_is_sent(bank, make, calls):
    hand_out(bank)
    assert make().token(calls=calls, seconds=5) == "token-1"
    assert bank.calls[0].request.body == (
        f"grant_type=client_credentials&client_id=the-client&client_secret={SECRET}"
    )


def test_one_token_serves_all_until_shortly_before_its_end(bank, make, calls, timer):
    hand_out(bank, expires_in=300)
    source, another = make(), make()
    assert source.token(calls=calls, seconds=5) == "token-1"
    timer.now += 300 - REFRESH_BEFORE - 1
    assert another.token(calls=calls, seconds=5) == "token-1"
    timer.now += 1
    assert source.token(calls=calls, seconds=5) == "token-2"
    assert another.token(calls=calls, seconds=5) == "token-2"


def test_eight_threads_ask_for_one_token(bank, make, calls):
    hand_out(bank)
    sources = [make() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda source: source.token(calls=calls, seconds=5), sources))
    assert tokens == ["token-1"] * 8
    assert len(bank.calls) == 1


def test_a_refused_token_is_replaced_once_for_all_who_saw_it(bank, make, calls):
    hand_out(bank)
    source, another = make(), make()
    source.token(calls=calls, seconds=5)
    assert source.token(calls=calls, seconds=5, refused="token-1") == "token-2"
    assert another.token(calls=calls, seconds=5, refused="token-1") == "token-2"
    assert len(bank.calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "another"},
        {"client_id": "another"},
        {"environment": "production"},
        {"auth_url": AUTH_URL + "/2"},
    ],
)
def test_another_client_or_bank_never_gets_this_ones_token(bank, make, calls, change):
    hand_out(bank)
    bank.post(AUTH_URL + "/2", json={"access_token": "elsewhere"})
    first = make().token(calls=calls, seconds=5)
    assert make(**change).token(calls=calls, seconds=5) != first


@pytest.mark.parametrize("lifetime", [99_999_999_999, "1e300"])
def test_a_token_with_an_enormous_lifetime_can_be_cached(bank, tmp_path, calls, lifetime):
    hand_out(bank, expires_in=lifetime)
    cache = FileSystemCache(str(tmp_path / "cache"))
    source = TokenSource(access(), http=BankHttp(), cache=cache, lock_folder=tmp_path)
    assert source.token(calls=calls, seconds=5) == source.token(calls=calls, seconds=5)
    assert len(bank.calls) == 1


@pytest.mark.parametrize("lifetime", [None, "soon", "inf", [], 0, -5, 10, "300"])
def test_any_lifetime_gives_a_usable_token(bank, make, calls, lifetime):
    hand_out(bank, expires_in=lifetime)
    assert make().token(calls=calls, seconds=5) == "token-1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 400, "json": {"error": "invalid_client"}}, BankRefusedUs),
        ({"status": 401, "json": {"error": "invalid_client"}}, BankRefusedUs),
        ({"status": 403}, BankRefusedUs),
        ({"status": 302, "headers": {"Location": "https://elsewhere.test"}}, BankRefusedUs),
        ({"status": 429}, BankRateLimited),
        ({"status": 500}, BankUnavailable),
        ({"status": 503}, BankUnavailable),
        ({"body": "<html>"}, BankUnreadable),
        ({"json": ["access_token"]}, BankUnreadable),
        ({"json": {}}, BankUnreadable),
        ({"json": {"access_token": ""}}, BankUnreadable),
        ({"json": {"access_token": 5}}, BankUnreadable),
        ({"json": {"access_token": "a\r\nX-Evil: 1"}}, BankUnreadable),
        ({"json": {"access_token": "ñ"}}, BankUnreadable),
    ],
)
def test_each_failure_to_get_a_token_says_whether_a_repeat_can_help(
    bank, make, calls, answer, error
):
    bank.post(AUTH_URL, **answer)
    with pytest.raises(error) as failed:
        make().token(calls=calls, seconds=5)
    assert SECRET not in failed.value.detail
    assert calls.records[0].outcome is error.outcome


def test_a_failure_is_not_cached(bank, make, calls):
    bank.post(AUTH_URL, status=500)
    bank.post(AUTH_URL, json={"access_token": "at last"})
    source = make()
    with pytest.raises(BankUnavailable):
        source.token(calls=calls, seconds=5)
    assert source.token(calls=calls, seconds=5) == "at last"


def test_of_many_threads_that_need_a_token_of_a_hanging_bank_one_asks_and_all_end_in_time(
    make, calls
):
    with receiving() as bank:
        bank.will_answer("hang")
        url = bank.url.replace("hooks.clinic.test", "127.0.0.1")
        sources = [make(auth_url=url, timer=time.time) for _ in range(8)]
        gate = threading.Barrier(8)

        def ask(source: TokenSource) -> None:
            gate.wait(timeout=30)
            source.token(calls=calls, seconds=1)

        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(ask, one) for one in sources]
            failures = [one.exception(timeout=25) for one in asked]
        assert [type(failure) for failure in failures] == [BankUnavailable] * 8
        assert len(bank.received) == 1


def test_a_token_endpoint_that_asks_to_wait_is_not_asked_meanwhile(bank, make, calls, timer):
    bank.post(AUTH_URL, status=429, headers={"Retry-After": "120"})
    for source in (make(), make()):
        with pytest.raises(BankRateLimited) as limited:
            source.token(calls=calls, seconds=5)
        assert limited.value.retry_after == 120
    assert len(bank.calls) == 1
    timer.now += 121
    bank.replace(responses.POST, AUTH_URL, json={"access_token": "at last"})
    assert make().token(calls=calls, seconds=5) == "at last"


def test_a_new_token_that_the_bank_refuses_is_not_replaced_again(bank, make, calls, timer):
    hand_out(bank)
    source = make()
    first = source.token(calls=calls, seconds=5)
    second = source.token(calls=calls, seconds=5, refused=first)
    with pytest.raises(BankRefusedUs):
        source.token(calls=calls, seconds=5, refused=second)
    assert len(bank.calls) == 2
    timer.now += 11
    assert source.token(calls=calls, seconds=5, refused=second) == "token-3"


def test_the_reply_to_a_token_call_is_kept_without_its_secrets(bank, make, calls):
    refusal = {"error": "unauthorized_client", "seen": SECRET}
    bank.post(AUTH_URL, status=400, json=refusal)
    with pytest.raises(BankRefusedUs):
        make().token(calls=calls, seconds=5)
    (record,) = calls.of("token")
    assert record.response == {"error": "unauthorized_client", "seen": "•••"}


def test_the_record_of_a_token_call_holds_neither_secret_nor_token(bank, make, calls):
    hand_out(bank)
    make().token(calls=calls, seconds=5)
    (record,) = calls.of("token")
    assert record.outcome is Outcome.TOKEN
    assert SECRET not in repr(record) and "token-1" not in repr(record)


def test_refused_credentials_are_not_tried_again_for_a_minute_by_anybody(bank, make, calls, timer):
    bank.post(AUTH_URL, status=401, json={"error": "invalid_client"})
    source, another = make(), make()
    for one in (source, another, source):
        with pytest.raises(BankRefusedUs, match="HTTP 401"):
            one.token(calls=calls, seconds=5)
    assert len(bank.calls) == 1
    timer.now += REFUSED_FOR + 1
    with pytest.raises(BankRefusedUs):
        another.token(calls=calls, seconds=5)
    assert len(bank.calls) == 2


@pytest.mark.parametrize(("environment", "other"), [("qa", "production"), ("production", "qa")])
def test_credentials_filed_under_the_wrong_environment_are_recognised(
    bank, tmp_path, calls, environment, other
):
    there = "https://other.bank.test/token"
    bank.post(AUTH_URL, status=401, json={"error": "invalid_client"})
    bank.post(there, json={"access_token": "a-token-of-the-other", "expires_in": 300})
    source = TokenSource(
        access(environment=environment),
        http=BankHttp(),
        cache=SimpleCache(),
        lock_folder=tmp_path,
        other=OtherEnvironment(other, there),
    )
    with pytest.raises(BankRefusedUs, match=f"{other} accepts these credentials"):
        source.token(calls=calls, seconds=5)
    assert [record.environment for record in calls.of("token")] == [None, other]
    assert "a-token-of-the-other" not in repr(calls.records)


def test_credentials_that_fit_nowhere_are_just_wrong(bank, tmp_path, calls):
    bank.post(AUTH_URL, status=400, json={"error": "invalid_client"})
    bank.post("https://other.bank.test/token", status=503)
    source = TokenSource(
        access(),
        http=BankHttp(),
        cache=SimpleCache(),
        lock_folder=tmp_path,
        other=OtherEnvironment("production", "https://other.bank.test/token"),
    )
    with pytest.raises(BankRefusedUs) as refused:
        source.token(calls=calls, seconds=5)
    assert refused.value.detail == "token: HTTP 400"
