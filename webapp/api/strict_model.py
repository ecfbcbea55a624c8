"""The base of every body that programs send."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A body that a program sends: white space around texts is trimmed, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
