"""The table of counted attempts and requests (ERD 4.1, `rate_limits`)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.kernel import clock
from webapp.kernel.database import Base


class RateLimit(Base):
    """How often something was tried in one window of time."""

    __tablename__ = "rate_limits"
    __table_args__ = (
        UniqueConstraint("resource_type", "resource_identifier", "window_start"),
        Index("idx_rate_limits_resource", "resource_type", "resource_identifier"),
        Index("idx_rate_limits_window_start", "window_start"),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    resource_type: Mapped[str] = mapped_column(String(50))
    resource_identifier: Mapped[str] = mapped_column(String(255))
    window_start: Mapped[datetime]
    expires_at: Mapped[datetime]
    request_count: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
