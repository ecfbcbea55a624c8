"""A list's filter as conditions of a query, and which of them have kept totals."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union

from webapp.kernel import clock
from webapp.transactions import identifiers
from webapp.transactions.filtering import Filter
from webapp.transactions.models import Transaction
from webapp.transactions.totals import queries as totals

LEAST_DIGITS = 4
"""A search by the last digits of a reference needs as many."""
MOST_WORDS = 10


def narrowed(query: Select[Any], wanted: Filter) -> Select[Any]:
    """Add the filter's conditions to a query."""
    return query.where(*conditions(wanted))


def ids_of_few(
    wanted: Filter, *, offset: int, size: int, also: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """Select the ids of a page of a list that few payments match: all are found first, and sorted then.

    PostgreSQL would rather walk through the list until it has met enough of them, which can be long.
    """
    words = searched_words(wanted.q or "")
    if len(words) < 2:
        every = _found([*conditions(wanted), *also]).cte("found")
    else:
        others = [*conditions(replace(wanted, q=None)), *also]
        by_name = _found([*others, has_name_with(words)])
        every = union(by_name, _found([*others, has_id(wanted.q or "")])).cte("found")
    found = every.prefix_with("MATERIALIZED")
    newest = (found.c.created_at.desc(), found.c.id.desc())
    return select(found.c.id).order_by(*newest).offset(offset).limit(size)


def _found(conditions: list[ColumnElement[bool]]) -> Select[uuid.UUID, datetime]:
    columns = select(Transaction.id, Transaction.created_at)
    return columns.where(Transaction.deleted_at.is_(None), *conditions)


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the filter's conditions."""
    exact = {
        Transaction.status: wanted.status,
        Transaction.bank: wanted.bank,
        Transaction.transaction_type: wanted.transaction_type,
        Transaction.created_by: wanted.created_by,
        Transaction.reference: wanted.reference,
        Transaction.customer_phone: wanted.phone,
        Transaction.customer_national_id: wanted.national_id,
    }
    found = [column == value for column, value in exact.items() if value is not None]
    if wanted.q:
        found.append(_found_by_text(wanted.q))
    if wanted.from_date:
        found.append(Transaction.created_at >= clock.start_of_day(wanted.from_date))
    if wanted.to_date:
        found.append(Transaction.created_at < clock.end_of_day(wanted.to_date))
    return found


def searched_words(typed: str) -> list[str]:
    """Return the words whose beginnings a search looks for in names; none where it looks for digits.

    No name has a digit and no reference a letter, so one index answers.
    """
    if any(character.isdigit() for character in typed):
        return []
    return identifiers.searchable(typed).split()[:MOST_WORDS]


def word_query(words: list[str]) -> ColumnElement[Any]:
    """Return the text query that names match in which every one of these is the beginning of a word."""
    return func.to_tsquery("simple", " & ".join(f"{word}:*" for word in words))


def has_words(words: list[str]) -> ColumnElement[bool]:
    """Select payments in whose name every one of these is the beginning of a word, by their own index."""
    return Transaction.name_words.bool_op("@@")(word_query(words))


def has_word_read(word: str) -> ColumnElement[bool]:
    """Select the same for one word by reading names: for rows that another condition has made few."""
    return (literal(" ") + Transaction.customer_name_search).contains(f" {word}")


def has_name_with(words: list[str]) -> ColumnElement[bool]:
    """Select the same by the names that there are: for words that few names have together."""
    names = func.array(totals.names_with(word_query(words)).scalar_subquery())
    return Transaction.customer_name_search == func.any(names)


def has_id(typed: str) -> ColumnElement[bool]:
    """Select the payment with this transaction_id."""
    return Transaction.transaction_id == typed.strip()


def _found_by_text(typed: str) -> ColumnElement[bool]:
    """Match the beginnings of the words of a name, the last digits of a reference, or a reference or id as written."""
    words = searched_words(typed)
    if words:
        return or_(has_words(words), has_id(typed))
    return or_(*_by_reference(typed.strip()), has_id(typed))


def _by_reference(typed: str) -> list[ColumnElement[bool]]:
    """A whole reference is its own last digits: one index finds both."""
    if re.fullmatch(rf"[0-9]{{{LEAST_DIGITS},20}}", typed):
        return [func.reverse(Transaction.reference).like(f"{typed[::-1]}%")]
    return [Transaction.reference == typed]
