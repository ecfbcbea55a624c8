"""One POST: signed, bounded in time, never following anybody, TLS always verified."""

from __future__ import annotations

import json
import socket

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.certificates import Certificate, self_signed
from tests.support.receivers import Names, Receiver, receiving
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.events import Failure
from webapp.webhooks.sending import Message, Sender
from webapp.webhooks.signing import new_secret

BODY = json.dumps({"type": "transaction.completed", "data": {"reference": "ñ"}}).encode()
SECRET, OLD_SECRET = new_secret(), new_secret()


def message(url: str, *secrets: str) -> Message:
    return Message(id="m-1", url=url, body=BODY, signing_secrets=secrets or (SECRET,))


def test_a_receiver_verifies_the_signature_with_the_schemes_own_library(
    receiver: Receiver, sender: Sender
):
    result = sender.send(message(receiver.url))
    assert (result.failure, result.http_status) == (None, 204)
    (request,) = receiver.received
    assert Webhook(SECRET).verify(request.body, request.headers) == json.loads(BODY)
    assert request.headers["content-type"] == "application/json"
    assert (request.path, request.body) == ("/in", BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD_SECRET).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", request.headers)


def test_while_secrets_overlap_both_verify(receiver: Receiver, sender: Sender):
    sender.send(message(receiver.url, SECRET, OLD_SECRET))
    (request,) = receiver.received
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(request.body, request.headers)


def test_secrets_are_long_and_unique():
    assert SECRET.startswith("whsec_") and SECRET != OLD_SECRET
    assert len(SECRET.removeprefix("whsec_")) == 44


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    receiver: Receiver, other_receiver: Receiver, sender: Sender, status: int
):
    receiver.will_answer((status, {"Location": other_receiver.url}))
    result = sender.send(message(receiver.url))
    assert (result.failure, result.http_status) == (Failure.REDIRECT, status)
    assert other_receiver.received == []


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_only_2xx_is_delivered(receiver: Receiver, sender: Sender, status: int):
    receiver.will_answer(status)
    result = sender.send(message(receiver.url))
    assert (result.failure, result.http_status) == (Failure.STATUS, status)
    assert result.gone == (status == 410)


@pytest.mark.parametrize(("status", "seconds"), [(429, 120.0), (503, 120.0), (500, None)])
def test_retry_after_is_read_from_429_and_503_alone(
    receiver: Receiver, sender: Sender, status: int, seconds: float | None
):
    receiver.will_answer((status, {"Retry-After": "120"}))
    assert sender.send(message(receiver.url)).retry_after == seconds


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_an_attempt_ends_at_its_deadline(receiver: Receiver, manner: str):
    receiver.will_answer(manner)
    impatient = Sender(Addresses(allow_private=True, resolve=Names()), seconds=0.3)
    result = impatient.send(message(receiver.url))
    assert result.failure is Failure.TIMEOUT
    assert not receiver.release.is_set()


def test_a_response_that_is_not_http_is_a_failure(receiver: Receiver, sender: Sender):
    receiver.will_answer("noise")
    assert sender.send(message(receiver.url)).failure is Failure.PROTOCOL


def test_a_refused_connection_is_a_failure(sender: Sender):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = sender.send(message(f"http://hooks.clinic.test:{port}/in"))
    assert result.failure is Failure.CONNECTION


def test_a_name_that_no_longer_resolves_is_a_failure(receiver: Receiver):
    sender = Sender(Addresses(allow_private=True, resolve=Names([])), seconds=5)
    assert sender.send(message(receiver.url)).failure is Failure.NAME


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert sender.send(message(receiver.url)).failure is None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("tls"), "hooks.clinic.test")


def test_the_certificate_is_checked_against_the_name_not_the_address(
    certificate: Certificate,
):
    rule = Addresses(allow_private=True, resolve=Names())
    with receiving(certificate.serving()) as receiver:
        believing = Sender(rule, seconds=5, ca_bundle=str(certificate.path))
        assert believing.send(message(receiver.url)).failure is None
        other_name = receiver.url.replace("hooks.", "other.")
        assert believing.send(message(other_name)).failure is Failure.TLS
        assert len(receiver.received) == 1


def test_a_certificate_of_an_unknown_authority_is_refused(certificate: Certificate):
    with receiving(certificate.serving()) as receiver:
        sender = Sender(Addresses(allow_private=True, resolve=Names()), seconds=5)
        assert sender.send(message(receiver.url)).failure is Failure.TLS
        assert receiver.received == []
