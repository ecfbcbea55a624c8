"""The main job over real HTTP, from the cashier's form to the bank's answer and the supervisor.

What must wait for the worker starts first and is looked at last, so that the waits overlap.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.e2e.processes import NEXT_CHECK_SECONDS, Processes, wait_until
from tests.e2e.visitor import Visitor, amount_of, reference, words

pytestmark = pytest.mark.processes


@dataclass
class Waiting:
    """Payments on their way, and the pages that show them."""

    bank_was_down: str
    late: str
    late_reference: str
    hanging: str
    hanging_reference: str


@pytest.fixture(scope="module", autouse=True)
def waiting(processes: Processes, cashier: Visitor) -> Waiting:
    """One logged while nothing listens at the bank, one that appears late, one that hangs."""
    processes.stop_bank()
    down = cashier.log(reference(100), full_name="María D'Angelo")
    assert cashier.status(down) == "En proceso"
    processes.start_bank()
    # The restarted bank knows no old token: for this payment a second call is needed.
    cashier.sees(cashier.log(reference(100)), "Verificado")
    hanging = reference(100)
    processes.bank.fail("hang", prefix=hanging)
    late = reference(500)
    started = Waiting(
        bank_was_down=down,
        late=cashier.log(late, full_name="Ñusta Pérez-López"),
        late_reference=late,
        hanging=cashier.log(hanging, full_name="José Gregorio Peña"),
        hanging_reference=hanging,
    )
    wait_until(
        lambda: processes.bank.calls(late) and processes.bank.calls(hanging),
        seconds=30,
        describe="the bank was asked right after logging",
    )
    processes.bank.advance(61)
    return started


def test_an_approved_payment_is_verified_right_after_it_was_logged(
    processes: Processes, cashier: Visitor
) -> None:
    number = reference(100)
    page = cashier.log(number)
    text = cashier.sees(page, "Verificado", seconds=20)
    assert f"Bs. {int(number[3:]) // 100:,}".replace(",", ".") in text
    assert "Rosa Elena Villegas" in text
    assert len(processes.bank.calls(number)) == 1


def test_a_wrong_amount_goes_to_the_supervisor_who_approves_it(
    cashier: Visitor, other_cashier: Visitor, supervisor: Visitor
) -> None:
    number = reference(200)
    page = cashier.log(number)
    text = cashier.sees(page, "Por revisar", seconds=20)
    declared, shown = amount_of(number), amount_of(f"{int(number) + 100}")
    for amount in (declared, shown):
        assert f"{amount[0]}.{amount[1:]}" in text
    assert "El monto" in text or "monto" in text.partition("Por qué")[2]

    for person in (cashier, other_cashier):
        refused = person.send(
            f"{page}/review",
            {"decision": "approve", "reason": "Me lo dijo el paciente"},
            form="/transactions/new",
        )
        assert refused.status_code == 403
        assert person.status(page) == "Por revisar"
    assert number in words(supervisor.get("/reviews").text)
    without_reason = supervisor.review(page, "approve", "")
    assert without_reason.status_code == 422
    assert supervisor.status(page) == "Por revisar"

    approved = supervisor.review(page, "approve", "Se ve completo en el estado de cuenta")
    assert approved.status_code == 303
    text = cashier.sees(page, "Verificado")
    assert "Se ve completo en el estado de cuenta" in text and "Beatriz Márquez" in text
    assert number not in words(supervisor.get("/reviews").text)


def test_nobody_decides_a_payment_that_they_logged(supervisor: Visitor) -> None:
    page = supervisor.log(reference(200))
    text = supervisor.sees(page, "Por revisar", seconds=20)
    assert "debe decidirlo otra persona" in text
    refused = supervisor.review(page, "approve", "Yo misma lo vi")
    assert refused.status_code == 403
    assert supervisor.status(page) == "Por revisar"


def test_what_the_bank_rejected_is_rejected(cashier: Visitor) -> None:
    page = cashier.log(reference(300))
    text = cashier.sees(page, "Rechazado", seconds=20)
    assert "Por qué" in text


def test_an_unknown_status_word_proves_nothing(cashier: Visitor, supervisor: Visitor) -> None:
    page = cashier.log(reference(920))
    cashier.sees(page, "Desconocido", seconds=20)
    rejected = supervisor.review(page, "reject", "El paciente reconoció que no pagó")
    assert rejected.status_code == 303
    assert cashier.status(page) == "Rechazado"


def test_a_second_cashier_gets_the_link_to_the_first_payment(
    cashier: Visitor, other_cashier: Visitor
) -> None:
    number = reference(100)
    page = cashier.log(number, full_name="Ana Isabel Núñez")
    answer = other_cashier.send("/transactions/new", other_cashier.payment(number))
    assert answer.status_code == 409
    assert f'href="{page}"' in answer.text
    text = words(answer.text)
    assert "Carmen Rondón" in text and "Ana Isabel Núñez" in text
    assert 'value="0414-1234567"' in answer.text  # what was typed is still there


def test_two_cashiers_at_the_same_instant_and_one_wins(
    cashier: Visitor, other_cashier: Visitor
) -> None:
    number = reference(100)
    forms = [
        (person, {**person.hidden("/transactions/new"), **person.payment(number)})
        for person in (cashier, other_cashier)
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: one[0].post("/transactions/new", one[1]), forms))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert f'href="{won.headers["Location"]}"' in lost.text


def test_one_form_sent_twenty_times_at_once_makes_one_row(
    processes: Processes, cashier: Visitor
) -> None:
    number = reference(100)
    form = {**cashier.hidden("/transactions/new"), **cashier.payment(number)}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: cashier.post("/transactions/new", form), range(20)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert "1 pago " in words(cashier.get(f"/transactions?reference={number}").text)
    cashier.sees(answers[0].headers["Location"], "Verificado", seconds=20)
    assert len(processes.bank.calls(number)) == 1


def test_killing_the_worker_in_the_middle_of_a_question_loses_nothing(
    processes: Processes, cashier: Visitor, waiting: Waiting
) -> None:
    number = waiting.hanging_reference
    processes.wait_until_nobody_asks()
    processes.let_time_pass(NEXT_CHECK_SECONDS)
    wait_until(
        lambda: len(processes.bank.calls(number)) == 2,
        seconds=45,
        describe="the worker asks about the payment whose answer hangs",
    )
    processes.kill_worker()
    assert cashier.status(waiting.hanging) == "En proceso"
    processes.bank.mend()
    processes.start_worker()


def test_what_was_logged_while_the_bank_was_down_is_verified_without_anybody(
    cashier: Visitor, waiting: Waiting
) -> None:
    cashier.sees(waiting.bank_was_down, "Verificado", seconds=45)


def test_what_appears_late_is_verified_by_the_worker(
    processes: Processes, cashier: Visitor, waiting: Waiting
) -> None:
    text = cashier.sees(waiting.late, "Verificado", seconds=45)
    assert "Ñusta Pérez-López" in text
    calls = processes.bank.calls(waiting.late_reference)
    assert len(calls) == 2, calls


def test_a_new_worker_takes_over_what_the_killed_one_had_begun(
    processes: Processes, cashier: Visitor, waiting: Waiting
) -> None:
    assert cashier.status(waiting.hanging) == "En proceso"
    processes.let_time_pass(processes.lease_seconds)
    cashier.sees(waiting.hanging, "Verificado", seconds=75)


def test_the_bank_was_never_asked_more_than_twice_in_a_minute_about_one_payment(
    processes: Processes,
) -> None:
    assert processes.bank.calls()
    assert processes.bank.worst_window() <= 2


def test_no_process_printed_a_traceback(processes: Processes) -> None:
    for name in ("web", "worker", "sandbox"):
        assert "Traceback" not in processes.log(name), processes.log(name)[-3000:]
