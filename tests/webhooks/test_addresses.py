"""Where deliveries may go, and that they go exactly there."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from tests.support.receivers import Names, Receiver
from webapp.webhooks.addresses import Addresses, Problem, Refused, is_public, system_resolver
from webapp.webhooks.events import Failure
from webapp.webhooks.sending import Message, Sender
from webapp.webhooks.signing import new_secret

PUBLIC = "93.184.215.14"


def refusal(url: str, rule: Addresses) -> Problem | None:
    try:
        rule.locate(url)
    except Refused as refused:
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
    assert refusal("https://hooks.example/in", rule) is Problem.FORBIDDEN


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2a00:1450::1"])
def test_addresses_of_the_open_internet_are_taken(address: str):
    assert is_public(address)


def test_one_forbidden_address_among_several_is_enough():
    rule = Addresses(resolve=Names([PUBLIC, "10.0.0.7"]))
    assert refusal("https://hooks.example/in", rule) is Problem.FORBIDDEN


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "localhost"]
)
def test_no_spelling_of_this_very_machine_gets_through(host: str):
    assert refusal(f"https://{host}/in", Addresses()) in (Problem.FORBIDDEN, Problem.UNRESOLVED)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example/in", Problem.SCHEME),
        ("ftp://hooks.example/in", Problem.SCHEME),
        ("file:///etc/passwd", Problem.SCHEME),
        ("hooks.example/in", Problem.SCHEME),
        ("https://user@hooks.example/in", Problem.CREDENTIALS),
        ("https://user:word@hooks.example/in", Problem.CREDENTIALS),
        ("https://@hooks.example/in", Problem.CREDENTIALS),
        ("https://hooks.example/in#part", Problem.FRAGMENT),
        ("https://hooks.example/in#", Problem.FRAGMENT),
        ("https://hooks.example:0/in", Problem.SPELLING),
        ("https://hooks.example:22/in", Problem.PORT),
        ("https://hooks.example:25/in", Problem.PORT),
        ("https://hooks.example:80/in", Problem.PORT),
        ("https://hooks.example:5432/in", Problem.PORT),
        ("https://hooks.example:65535/in", Problem.PORT),
        ("https://hooks.example:65536/in", Problem.SPELLING),
        ("https://hooks.example:https/in", Problem.SPELLING),
        ("https:///in", Problem.SPELLING),
        ("https://./in", Problem.SPELLING),
        ("https://[::1/in", Problem.SPELLING),
        ("https://hooks.example\\@10.0.0.1/in", Problem.SPELLING),
        ("https://hooks.example/in\r\nHost: other", Problem.SPELLING),
        ("https://hooks.example/a b", Problem.SPELLING),
        ("https://clínica.example/in", Problem.SPELLING),
        ("https://hooks.example/\x00", Problem.SPELLING),
        ("", Problem.SPELLING),
        ("https://hooks.example/" + "a" * 1980, Problem.SPELLING),
    ],
)
def test_what_is_no_plain_https_address_is_refused_before_anything_is_asked(
    url: str, problem: Problem
):
    names = Names([PUBLIC])
    assert refusal(url, Addresses(resolve=names)) is problem
    assert names.asked == []


@calmly
@given(st.text(max_size=80))
def test_no_text_is_ever_an_error(text: str):
    rule = Addresses(resolve=Names(["10.0.0.1"]))
    assert refusal(text, rule) is not None
    assert refusal(f"https://{text}", rule) is not None


def test_a_name_that_does_not_exist_is_refused():
    assert refusal("https://hooks.example/in", Addresses(resolve=Names([]))) is Problem.UNRESOLVED
    assert refusal("https://" + "a" * 70 + ".example/", Addresses()) is Problem.UNRESOLVED


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
    assert refusal("https://hooks.example/in", rule) is Problem.PORT


def test_the_development_setting_admits_http_and_loopback():
    rule = Addresses(allow_private=True)
    assert rule.locate("http://127.0.0.1:9000/in").addresses == ("127.0.0.1",)
    assert rule.locate("http://127.0.0.1/in").port == 80


@pytest.mark.parametrize("port", [22, 25, 110, 1023])
def test_not_even_in_development_is_a_mail_server_or_a_terminal_spoken_to(port: int):
    rule = Addresses(allow_private=True)
    assert refusal(f"http://127.0.0.1:{port}/in", rule) is Problem.PORT


def test_the_machines_resolver_knows_this_machine():
    assert set(system_resolver("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match="cannot be resolved"):
        system_resolver("no-such-name.invalid", 443)


def message(url: str) -> Message:
    return Message(id="m-1", url=url, body=b"{}", signing_secrets=(new_secret(),))


def test_a_name_is_asked_about_once_and_the_line_leads_to_what_was_checked(receiver: Receiver):
    """Nobody but the test's resolver knows the name: whoever asks again would not arrive."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    result = Sender(Addresses(allow_private=True, resolve=names), seconds=5).send(
        message(receiver.url)
    )
    assert result.failure is None
    assert len(names.asked) == 1
    (request,) = receiver.received
    assert request.headers["host"] == receiver.url.split("/")[2]


def test_a_name_that_changed_its_mind_since_it_was_registered_gets_nothing(receiver: Receiver):
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
