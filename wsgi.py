"""The WSGI entry: `gunicorn wsgi:app`, `flask …`."""

from __future__ import annotations

import sys
from pathlib import Path

from dotenv import load_dotenv

from webapp import create_app
from webapp.kernel.config import SettingsError

load_dotenv(Path(__file__).with_name(".env"))

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"Cannot start: {error}")
