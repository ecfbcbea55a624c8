"""The WSGI entry: `gunicorn wsgi:app`, `flask …`."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

# Of what is loaded here nothing is garbage: looking for some takes a tenth of the start.
gc.disable()
# structlog loads it where it is installed, for traces on terminals, which no log of ours has: 8 MiB.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

from dotenv import load_dotenv  # noqa: E402

from webapp import create_app  # noqa: E402
from webapp.kernel.config import SettingsError  # noqa: E402

load_dotenv(Path(__file__).with_name(".env"))

# As gunicorn calls an application that cannot be loaded: it stops instead of starting workers for ever.
EXIT_CODE = 4

try:
    app = create_app()
except SettingsError as error:
    print(f"Cannot start: {error}", file=sys.stderr)
    sys.exit(EXIT_CODE)

if sys.modules.get("rich") is None:
    sys.modules.pop("rich", None)
gc.collect()
gc.freeze()  # later searches leave out what was loaded
gc.enable()
