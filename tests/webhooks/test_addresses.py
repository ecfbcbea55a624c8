"""Addresses that messages may be sent to, and that they are sent exactly there."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from tests.support.receivers import Names, Receiver
from webapp.webhooks.addresses import (
    Addresses,
    AddressProblem,
    AddressRefused,
    is_public,
    system_resolver,
)
from webapp.webhooks.events import Failure
from webapp.webhooks.sending import Message, Sender
from webapp.webhooks.signing import new_secret

PUBLIC = "93.184.215.14"


def refusal(url: str, rule: Addresses) -> AddressProblem | None:
    try:
        rule.locate(url)
    except AddressRefused as refused:
        return refused.problem
    return None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.88.99.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.215.14",
        "::ffff:a00:1",
        "::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001:0:53aa:64c::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "100::1",
        "5f00::1",
        "hooks.example",
        "",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_of_the_open_internet(address: str):
    assert not is_public(address)
    rule = Addresses(resolve=Names([address]))
    assert refusal("https://hooks.example/in", rule) is AddressProblem.FORBIDDEN


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2a00:1450::1"])
def test_addresses_of_the_open_internet_are_taken(address: str):
    assert is_public(address)


def test_one_forbidden_address_among_several_is_enough():
    rule = Addresses(resolve=Names([PUBLIC, "10.0.0.7"]))
    assert refusal("https://hooks.example/in", rule) is AddressProblem.FORBIDDEN


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "localhost"]
)
def test_no_spelling_of_loopback_is_accepted(host: str):
    assert refusal(f"https://{host}/in", Addresses()) in (
        AddressProblem.FORBIDDEN,
        AddressProblem.UNRESOLVED,
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example/in", AddressProblem.SCHEME),
        ("ftp://hooks.example/in", AddressProblem.SCHEME),
        ("file:///etc/passwd", AddressProblem.SCHEME),
        ("hooks.example/in", AddressProblem.SCHEME),
        ("https://user@hooks.example/in", AddressProblem.CREDENTIALS),
        ("https://user:word@hooks.example/in", AddressProblem.CREDENTIALS),
        ("https://@hooks.example/in", AddressProblem.CREDENTIALS),
        ("https://hooks.example/in#part", AddressProblem.FRAGMENT),
        ("https://hooks.example/in#", AddressProblem.FRAGMENT),
        ("https://hooks.example:0/in", AddressProblem.SPELLING),
        ("https://hooks.example:22/in", AddressProblem.PORT),
        ("https://hooks.example:25/in", AddressProblem.PORT),
        ("https://hooks.example:80/in", AddressProblem.PORT),
        ("https://hooks.example:5432/in", AddressProblem.PORT),
        ("https://hooks.example:65535/in", AddressProblem.PORT),
        ("https://hooks.example:65536/in", AddressProblem.SPELLING),
        ("https://hooks.example:https/in", AddressProblem.SPELLING),
        ("https:///in", AddressProblem.SPELLING),
        ("https://./in", AddressProblem.SPELLING),
        ("https://[::1/in", AddressProblem.SPELLING),
        ("https://hooks.example\\@10.0.0.1/in", AddressProblem.SPELLING),
        ("https://hooks.example/in\r\nHost: other", AddressProblem.SPELLING),
        ("https://hooks.example/a b", AddressProblem.SPELLING),
        ("https://clínica.example/in", AddressProblem.SPELLING),
        ("https://hooks.example/\x00", AddressProblem.SPELLING),
        ("", AddressProblem.SPELLING),
        ("https://hooks.example/" + "a" * 1980, AddressProblem.SPELLING),
    ],
)
def test_an_address_that_is_not_plain_https_is_refused_before_its_name_is_resolved(
    url: str, problem: AddressProblem
):
    names = Names([PUBLIC])
    assert refusal(url, Addresses(resolve=names)) is problem
    assert names.asked == []


@calmly
@given(st.text(max_size=80))
def test_any_text_is_refused_without_an_error(text: str):
    rule = Addresses(resolve=Names(["10.0.0.1"]))
    assert refusal(text, rule) is not None
    assert refusal(f"https://{text}", rule) is not None


def test_a_name_that_does_not_exist_is_refused():
    assert (
        refusal("https://hooks.example/in", Addresses(resolve=Names([])))
        is AddressProblem.UNRESOLVED
    )
    assert refusal("https://" + "a" * 70 + ".example/", Addresses()) is AddressProblem.UNRESOLVED


def test_port_path_and_name_are_read_from_the_address():
    rule = Addresses(resolve=Names([PUBLIC]))
    target = rule.locate("https://Hooks.Example:8443/in?key=1")
    assert (target.authority, target.path) == ("hooks.example:8443", "/in?key=1")
    assert rule.locate("https://hooks.example").authority == "hooks.example"
    assert rule.locate("https://hooks.example").path == "/"
    assert rule.locate("https://[2606:4700::1111]:8443/").authority == "[2606:4700::1111]:8443"


def test_the_operator_chooses_the_ports():
    rule = Addresses(ports=(4443,), resolve=Names([PUBLIC]))
    assert rule.locate("https://hooks.example:4443/in").port == 4443
    assert refusal("https://hooks.example/in", rule) is AddressProblem.PORT


def test_the_development_setting_admits_http_and_loopback():
    rule = Addresses(allow_private=True)
    assert rule.locate("http://127.0.0.1:9000/in").addresses == ("127.0.0.1",)
    assert rule.locate("http://127.0.0.1/in").port == 80


@pytest.mark.parametrize("port", [22, 25, 110, 1023])
def test_privileged_ports_are_refused_in_development_too(port: int):
    rule = Addresses(allow_private=True)
    assert refusal(f"http://127.0.0.1:{port}/in", rule) is AddressProblem.PORT


def test_the_machines_resolver_knows_this_machine():
    assert set(system_resolver("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match="cannot be resolved"):
        system_resolver("no-such-name.invalid", 443)


def message(url: str) -> Message:
    return Message(id="m-1", url=url, body=b"{}", signing_secrets=(new_secret(),))


def test_a_name_is_resolved_once_and_the_connection_leads_to_the_checked_address(
    receiver: Receiver,
):
    """Only the test's resolver knows the name: resolving it a second time would lead elsewhere."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    result = Sender(Addresses(allow_private=True, resolve=names), seconds=5).send(
        message(receiver.url)
    )
    assert result.failure is None
    assert len(names.asked) == 1
    (request,) = receiver.received
    assert request.headers["host"] == receiver.url.split("/")[2]


def test_a_name_that_resolves_elsewhere_since_registration_gets_nothing(receiver: Receiver):
    names = Names([PUBLIC], ["127.0.0.1"])
    url = receiver.url.replace("http:", "https:")
    rule = Addresses(resolve=names, ports=(urlsplit(url).port or 0,))
    assert refusal(url, rule) is None
    result = Sender(rule, seconds=5).send(message(url))
    assert (result.failure, result.http_status) == (Failure.ADDRESS, None)
    assert receiver.received == []


def test_an_endpoint_registered_before_its_port_was_refused_gets_nothing():
    names = Names([PUBLIC])
    result = Sender(Addresses(resolve=names), seconds=5).send(message("https://hooks.example:25/"))
    assert (result.failure, result.http_status) == (Failure.ADDRESS, None)
    assert names.asked == []


def test_the_next_address_is_tried_where_the_first_does_not_answer(receiver: Receiver):
    names = Names(["::1", "127.0.0.1"])
    sender = Sender(Addresses(allow_private=True, resolve=names), seconds=5)
    assert sender.send(message(receiver.url)).failure is None
