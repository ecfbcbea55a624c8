"""Unbound instances of the extensions; `create_app` binds them."""

from __future__ import annotations

from flask_babel import Babel
from flask_caching import Cache
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from webapp.background import BoundedPool
from webapp.database import Base

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()
csrf = CSRFProtect()
login_manager = LoginManager()
cache = Cache()
babel = Babel()
htmx = Htmx()
bank_pool = BoundedPool(size=4)
"""Threads of this process that may talk to the bank; a hanging bank can never take more."""
