"""The WSGI entry: `gunicorn wsgi:app`, `flask …`."""

from __future__ import annotations

import sys
from pathlib import Path

from dotenv import load_dotenv

from webapp import create_app
from webapp.kernel.config import SettingsError

load_dotenv(Path(__file__).with_name(".env"))

# As gunicorn calls an application that cannot be loaded: it stops instead of starting workers for ever.
EXIT_CODE = 4

try:
    app = create_app()
except SettingsError as error:
    print(f"Cannot start: {error}", file=sys.stderr)
    sys.exit(EXIT_CODE)
