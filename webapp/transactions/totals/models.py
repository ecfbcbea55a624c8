"""Tables of the kept totals; only triggers and `keeping` write them."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    String,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.database import Base
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import BANK, KIND, STATUS

NOBODY = uuid.UUID(int=0)
"""Stands in `created_by` for payments without a creator."""


class TransactionTotal(Base):
    """What the payments of one period and one combination of dimensions add up to."""

    __tablename__ = "transaction_totals"
    __table_args__: Any = (
        CheckConstraint("grain BETWEEN 0 AND 3", name="grain_known"),
        Index(
            "ix_transaction_totals_of_creator",
            "created_by",
            "grain",
            "status",
            "transaction_type",
            "bank",
            "bank_environment",
            "period",
        ),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    period: Mapped[date] = mapped_column(primary_key=True)
    """The first day of the period, in Caracas; `periods.ALWAYS` for all time."""
    bank_environment: Mapped[str] = mapped_column(String(20), primary_key=True)
    status: Mapped[Status] = mapped_column(STATUS, primary_key=True)
    bank: Mapped[BankType] = mapped_column(BANK, primary_key=True)
    transaction_type: Mapped[TransactionType] = mapped_column(KIND, primary_key=True)
    created_by: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payments: Mapped[int] = mapped_column(BigInteger)
    declared: Mapped[Decimal] = mapped_column(Numeric(20, 2))
    """The sum of the amounts as declared, in bolívares."""
    arrived: Mapped[Decimal] = mapped_column(Numeric(20, 2))
    """The sum of the amounts as the bank showed them, where it showed any, else as declared."""


class TransactionSum(Base):
    """What the payments of one period add up to over all creators; a trigger keeps it equal to `transaction_totals`."""

    __tablename__ = "transaction_sums"
    __table_args__: Any = (
        CheckConstraint("grain BETWEEN 0 AND 3", name="grain_known"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    status: Mapped[Status] = mapped_column(STATUS, primary_key=True)
    transaction_type: Mapped[TransactionType] = mapped_column(KIND, primary_key=True)
    bank: Mapped[BankType] = mapped_column(BANK, primary_key=True)
    bank_environment: Mapped[str] = mapped_column(String(20), primary_key=True)
    period: Mapped[date] = mapped_column(primary_key=True)
    payments: Mapped[int] = mapped_column(BigInteger)
    declared: Mapped[Decimal] = mapped_column(Numeric(20, 2))
    arrived: Mapped[Decimal] = mapped_column(Numeric(20, 2))


class TransactionNameTotal(Base):
    """How many payments have a word in their name that begins so; a trigger adds to it what is folded."""

    __tablename__ = "transaction_name_totals"
    __table_args__ = {"postgresql_with": {"fillfactor": "80"}}  # noqa: RUF012 - as SQLAlchemy declares it

    prefix: Mapped[str] = mapped_column(String(255, collation="C"), primary_key=True)
    """The beginning of a word of `customer_name_search`, or all of it."""
    status: Mapped[Status] = mapped_column(STATUS, primary_key=True)
    transaction_type: Mapped[TransactionType] = mapped_column(KIND, primary_key=True)
    bank: Mapped[BankType] = mapped_column(BANK, primary_key=True)
    created_by: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payments: Mapped[int] = mapped_column(BigInteger)


class TransactionNameMonth(Base):
    """How many payments of a month have a word in their name that begins so; kept like those of all time."""

    __tablename__ = "transaction_name_months"
    __table_args__ = {"postgresql_with": {"fillfactor": "80"}}  # noqa: RUF012 - as SQLAlchemy declares it

    prefix: Mapped[str] = mapped_column(String(255, collation="C"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    """The first day of the month in which the payments were logged, in Caracas."""
    payments: Mapped[int] = mapped_column(BigInteger)


class TransactionName(Base):
    """A name, as searches compare it, and how many payments have it; kept like the totals."""

    __tablename__ = "transaction_names"
    __table_args__: Any = (
        Index("ix_transaction_names_words", "words", postgresql_using="gin"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    payments: Mapped[int] = mapped_column(BigInteger)
    words: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple', name)", persisted=True), deferred=True
    )


class TransactionTotalChange(Base):
    """What one commit changed in the totals, not yet folded into them."""

    __tablename__ = "transaction_total_changes"
    __table_args__ = {  # noqa: RUF012 - as SQLAlchemy declares it
        "postgresql_with": {
            "autovacuum_vacuum_scale_factor": "0",
            "autovacuum_vacuum_threshold": "2000",
        }
    }

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bank_environment: Mapped[str] = mapped_column(String(20))
    status: Mapped[Status] = mapped_column(STATUS)
    bank: Mapped[BankType] = mapped_column(BANK)
    transaction_type: Mapped[TransactionType] = mapped_column(KIND)
    created_by: Mapped[uuid.UUID]
    day: Mapped[date]
    """The day on which the payments were logged, in Caracas."""
    name: Mapped[str | None] = mapped_column(String(255))
    """The name as searches compare it; NULL in changes from before migration 0017."""
    payments: Mapped[int] = mapped_column(BigInteger)
    declared: Mapped[Decimal] = mapped_column(Numeric(20, 2))
    arrived: Mapped[Decimal] = mapped_column(Numeric(20, 2))
