"""Due messages are sent, tried again and at last abandoned; none is lost, and no receiver delays another."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.logs import watched
from tests.support.people import Cast
from tests.support.receivers import Receiver
from tests.support.threads import together
from tests.webhooks.conftest import (
    Listen,
    deliveries,
    endpoint_now,
    let_time_pass,
    send_all,
    staged_for,
)
from webapp.accounts.models import User
from webapp.kernel import clock
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import db
from webapp.kernel.metrics import WEBHOOK_DELIVERIES
from webapp.transactions.lifecycle import Status
from webapp.transactions.worker import Worker
from webapp.webhooks import delivery, queries, retry_schedule, service
from webapp.webhooks.delivery import deliver_due, lease_next
from webapp.webhooks.events import DeliveryState, DisabledReason, Failure
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint
from webapp.webhooks.sending import Message, Result, Sender


def log_of(row: WebhookDelivery) -> list[tuple[int | None, str | None]]:
    found = queries.delivery(row.endpoint_id, str(row.id)).log
    db.session.rollback()
    return [(attempt.http_status, attempt.failure) for attempt in found]


def test_the_worker_sends_a_message_about_a_verified_payment(
    app: Flask, cast: Cast, bank: FakeGateway, receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    assert Worker(app=app, bank=app.extensions["bank"], sender=sender).run_once() == 1
    (request,) = receiver.received
    told = Webhook(endpoint.secret).verify(request.body, request.headers)
    assert told["type"] == "transaction.completed"
    assert told["data"]["transaction_id"] == payment.transaction_id
    (row,) = deliveries()
    assert (row.state, str(row.id)) == (DeliveryState.DELIVERED, request.id)
    assert log_of(row) == [(204, None)]
    assert payments.reread(payment).status is Status.COMPLETED


def test_a_receiver_that_fails_twice_gets_it_the_third_time_under_the_same_id(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 1)
    receiver.will_answer(500, 503, 200)
    for _ in range(3):
        assert send_all(sender) == 1
        let_time_pass()
    assert send_all(sender) == 0
    (row,) = deliveries()
    assert receiver.ids == [str(row.id)] * 3
    assert len({request.body for request in receiver.received}) == 1
    assert log_of(row) == [(500, "status"), (503, "status"), (200, None)]
    assert endpoint_now(endpoint).failing_since is None


def test_after_a_failure_it_waits_longer_and_longer_and_then_gives_up(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 1)
    receiver.will_answer(500)
    gave_up = WEBHOOK_DELIVERIES.labels("gave_up")._value.get()
    for delay in retry_schedule.DELAYS:
        begun = clock.now()
        send_all(sender)
        (row,) = deliveries()
        assert row.next_attempt_at is not None
        assert row.next_attempt_at >= begun + delay
        let_time_pass()
    send_all(sender)
    (row,) = deliveries()
    assert (row.state, row.attempts) == (DeliveryState.GAVE_UP, 10)
    assert len(log_of(row)) == 10
    let_time_pass()
    assert send_all(sender) == 0
    assert WEBHOOK_DELIVERIES.labels("gave_up")._value.get() == gave_up + 1


def test_the_delays_are_those_of_the_documents_and_never_all_at_once():
    waits = [retry_schedule.delay_after(attempts) for attempts in range(1, 11)]
    for wait, delay in zip(waits, retry_schedule.DELAYS, strict=False):
        assert wait is not None and delay <= wait <= delay * 1.1
    assert waits[-1] is None
    assert len({retry_schedule.delay_after(5) for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "hours"), [(7200.0, 2), (1e9, 24), (0.0, 0), (None, 0)])
def test_a_receiver_may_ask_for_more_time_but_not_for_ever(asked: float | None, hours: int):
    wait = retry_schedule.delay_after(1, asked)
    assert wait is not None
    assert wait == max(timedelta(hours=hours), wait)
    assert wait <= max(timedelta(hours=hours), timedelta(seconds=6))


def test_a_receiver_that_answers_410_is_disabled(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 2)
    receiver.will_answer(410)
    with watched() as lines:
        send_all(sender)
    let_time_pass()
    assert send_all(sender) == 0
    assert len(receiver.received) == 1
    assert endpoint_now(endpoint).disabled_reason == DisabledReason.GONE
    assert {row.state for row in deliveries()} == {DeliveryState.GAVE_UP, DeliveryState.PENDING}
    assert lines.entries("webhook_disabled")


def test_a_receiver_that_failed_for_five_days_is_disabled(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 1)
    receiver.will_answer(500)
    send_all(sender)
    assert endpoint_now(endpoint).is_active
    _fail_since(timedelta(days=5))
    let_time_pass()
    send_all(sender)
    assert endpoint_now(endpoint).disabled_reason == DisabledReason.FAILING


def test_one_success_in_between_keeps_a_receiver_enabled(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 2)
    receiver.will_answer(500, 200, 500)
    send_all(sender)
    _fail_since(timedelta(days=5))
    let_time_pass()
    send_all(sender)
    assert endpoint_now(endpoint).is_active


def _fail_since(age: timedelta) -> None:
    db.session.execute(update(WebhookEndpoint).values(failing_since=clock.now() - age))
    db.session.commit()


def test_two_workers_never_send_the_same_message_and_never_two_at_once_to_one_receiver(
    app: Flask, receiver: Receiver, other_receiver: Receiver, sender: Sender, listen: Listen
):
    staged = staged_for(listen(receiver.url), 6) + staged_for(listen(other_receiver.url), 6)

    def work() -> None:
        while any(row.state is DeliveryState.PENDING for row in deliveries()):
            send_all(sender)

    assert together(app, [work, work, work]) == [None, None, None]
    assert sorted(receiver.ids + other_receiver.ids) == sorted(map(str, staged))
    assert (receiver.at_once, other_receiver.at_once) == (1, 1)


def test_a_worker_killed_before_it_sent_loses_nothing(
    receiver: Receiver, sender: Sender, listen: Listen
):
    (staged,) = staged_for(listen(receiver.url), 1)
    assert lease_next() is not None  # and then it dies
    assert send_all(sender) == 0
    let_time_pass()
    assert send_all(sender) == 1
    assert receiver.ids == [str(staged)]


class _Killed(BaseException):
    """An exception that no code catches, as a kill."""


class _DiesAfterSending(Sender):
    def send(self, message: Message) -> Result:
        super().send(message)
        raise _Killed()


def test_a_worker_killed_after_it_sent_repeats_the_same_id_once(
    receiver: Receiver, sender: Sender, listen: Listen
):
    (staged,) = staged_for(listen(receiver.url), 1)
    with pytest.raises(_Killed):
        deliver_due(sender=_DiesAfterSending(sender.addresses))
    db.session.rollback()
    assert send_all(sender) == 0
    let_time_pass()
    send_all(sender)
    let_time_pass()
    send_all(sender)
    assert receiver.ids == [str(staged)] * 2
    (row,) = deliveries()
    assert (row.state, row.attempts) == (DeliveryState.DELIVERED, 2)


@pytest.mark.processes
def test_a_worker_process_killed_while_it_sends_loses_nothing_and_doubles_nothing(
    settings: Settings, receiver: Receiver, sender: Sender, listen: Listen
):
    (staged,) = staged_for(listen(receiver.url.replace("hooks.clinic.test", "127.0.0.1")), 1)
    receiver.will_answer("hang", 200)
    process = _start_worker(settings)
    try:
        assert receiver.arrived.wait(30)
    finally:
        process.kill()
        process.wait(10)
    receiver.release.set()
    assert send_all(sender) == 0
    let_time_pass()
    assert send_all(sender) == 1
    assert receiver.ids == [str(staged)] * 2
    (row,) = deliveries()
    assert (row.state, log_of(row)) == (DeliveryState.DELIVERED, [(200, None)])


def _start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url or "",
        "DATA_DIR": str(settings.data_dir),
        "SECRET_KEY": settings.secret_key,
        "WEBHOOKS_ALLOW_PRIVATE": "true",
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL)


def test_a_slow_worker_whose_lease_expired_undoes_nothing(
    receiver: Receiver, sender: Sender, listen: Listen
):
    staged_for(listen(receiver.url), 1)
    slow = lease_next()
    assert slow is not None
    let_time_pass()
    send_all(sender)
    delivery.record_attempt(slow, Result(failure=None, http_status=200))
    delivery.record_attempt(slow, Result(failure=Failure.STATUS, http_status=500))
    (row,) = deliveries()
    assert row.state is DeliveryState.DELIVERED
    assert len(log_of(row)) == 3


def test_a_receiver_that_hangs_does_not_delay_others(
    app: Flask, receiver: Receiver, other_receiver: Receiver, sender: Sender, listen: Listen
):
    staged_for(listen(receiver.url), 3)
    receiver.will_answer("hang")

    def answered_meanwhile() -> None:
        assert receiver.arrived.wait(30)
        staged_for(listen(other_receiver.url), 3)
        send_all(sender)
        receiver.release.set()

    together(app, [lambda: deliver_due(sender=sender), answered_meanwhile])
    assert len(other_receiver.received) == 3
    assert len(receiver.received) == 1


def test_healthy_receivers_are_served_while_others_fail(
    receiver: Receiver, other_receiver: Receiver, sender: Sender, listen: Listen
):
    staged_for(listen(receiver.url), 2)
    receiver.will_answer(500)
    send_all(sender)
    let_time_pass()
    staged_for(listen(other_receiver.url), 2)
    while deliver_due(sender=sender, healthy_only=True):
        pass
    assert len(other_receiver.received) == 2
    assert len(receiver.received) == 1


def test_receivers_take_turns(
    receiver: Receiver, other_receiver: Receiver, sender: Sender, listen: Listen
):
    staged_for(listen(receiver.url), 5)
    staged_for(listen(other_receiver.url), 1)
    deliver_due(sender=sender)
    deliver_due(sender=sender)
    assert (len(receiver.received), len(other_receiver.received)) == (1, 1)


def test_nothing_is_sent_to_an_endpoint_of_an_inactive_user(
    cast: Cast, receiver: Receiver, sender: Sender, listen: Listen
):
    staged_for(listen(receiver.url), 1)
    _set_active(cast.integrator.id, False)
    try:
        assert send_all(sender) == 0
    finally:
        _set_active(cast.integrator.id, True)
    assert send_all(sender) == 1


def _set_active(user_id: uuid.UUID, active: bool) -> None:
    db.session.execute(update(User).where(User.id == user_id).values(is_active=active))
    db.session.commit()


def test_an_endpoint_can_be_removed_while_a_message_is_being_sent_to_it(
    cast: Cast, receiver: Receiver, listen: Listen
):
    endpoint = listen(receiver.url)
    staged_for(endpoint, 1)
    leased = lease_next()
    assert leased is not None
    service.remove(actor=cast.integrator.actor, key=str(endpoint.id))
    delivery.record_attempt(leased, Result(failure=None, http_status=200))
    assert deliveries() == []


def test_neither_address_nor_secret_reaches_the_log(
    receiver: Receiver, sender: Sender, listen: Listen
):
    endpoint = listen(f"{receiver.url}?key=very-private")
    staged_for(endpoint, 1)
    receiver.will_answer(500)
    with watched() as lines:
        send_all(sender)
    (line,) = lines.entries("webhook_failed")
    assert (line["webhook"], line["status"], line["gave_up"]) == (str(endpoint.id), 500, False)
    assert "very-private" not in lines.text
    assert "hooks.clinic.test" not in lines.text
    assert endpoint.secret not in lines.text
