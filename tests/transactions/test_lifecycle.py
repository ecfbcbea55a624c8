"""The one table of moves."""

from __future__ import annotations

import ast
from itertools import product

import pytest

from webapp.kernel.config import PROJECT_ROOT
from webapp.transactions.lifecycle import CHECKABLE, DECIDABLE, FINAL, Cause, Status, allows

IN_PROGRESS, COMPLETED, CANCELED, UNKNOWN, TO_REVIEW = (
    Status.IN_PROGRESS,
    Status.COMPLETED,
    Status.CANCELED,
    Status.UNKNOWN,
    Status.TO_REVIEW,
)
ALLOWED = {
    (Cause.BANK_ANSWER, IN_PROGRESS, COMPLETED),
    (Cause.BANK_ANSWER, IN_PROGRESS, CANCELED),
    (Cause.BANK_ANSWER, IN_PROGRESS, TO_REVIEW),
    (Cause.BANK_ANSWER, IN_PROGRESS, UNKNOWN),
    (Cause.BANK_ANSWER, UNKNOWN, IN_PROGRESS),
    (Cause.BANK_ANSWER, UNKNOWN, COMPLETED),
    (Cause.BANK_ANSWER, UNKNOWN, CANCELED),
    (Cause.BANK_ANSWER, UNKNOWN, TO_REVIEW),
    (Cause.GIVING_UP, IN_PROGRESS, UNKNOWN),
    (Cause.DECISION, TO_REVIEW, COMPLETED),
    (Cause.DECISION, TO_REVIEW, CANCELED),
    (Cause.DECISION, UNKNOWN, COMPLETED),
    (Cause.DECISION, UNKNOWN, CANCELED),
    (Cause.CORRECTION, TO_REVIEW, IN_PROGRESS),
    (Cause.CORRECTION, UNKNOWN, IN_PROGRESS),
    (Cause.REOPENING, COMPLETED, TO_REVIEW),
    (Cause.REOPENING, CANCELED, TO_REVIEW),
}


@pytest.mark.parametrize(("cause", "old", "new"), list(product(Cause, Status, Status)))
def test_a_move_is_allowed_only_if_it_is_in_the_table(cause, old, new):
    assert allows(cause, old, new) is ((cause, old, new) in ALLOWED)


def test_what_is_final_is_neither_asked_about_nor_decided():
    assert FINAL.isdisjoint(CHECKABLE)
    assert FINAL.isdisjoint(DECIDABLE)
    assert set(Status) == FINAL | CHECKABLE


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.REOPENING])
def test_nothing_but_reopening_leaves_a_final_status(cause):
    assert not any(allows(cause, old, new) for old in FINAL for new in Status)


def test_only_one_module_writes_a_status_and_one_raises_a_version():
    writers: dict[str, set[str]] = {"status": set(), "version": set()}
    for path in sorted((PROJECT_ROOT / "webapp" / "transactions").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AugAssign):
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in writers:
                    writers[target.attr].add(path.stem)
    assert writers == {"status": {"status_changes"}, "version": {"versions"}}
