"""What every body that programs send has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Something that is sent to us: white space is trimmed, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
