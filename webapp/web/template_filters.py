"""The filters of every template: how values look (`webapp.kernel.formatting`)."""

from __future__ import annotations

from flask import Flask

from webapp.kernel.formatting import ago, day, moment, money, national_id, phone


def init_app(app: Flask) -> None:
    """Register the filters under the names of their functions."""
    for function in (money, phone, national_id, day, moment, ago):
        app.jinja_env.filters[function.__name__] = function
