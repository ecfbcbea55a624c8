"""The sign-in form."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from webapp.words import lazy_gettext as _l


class LoginForm(FlaskForm):
    """E-mail and password; `next` is where the person was going."""

    email = StringField(
        _l("Correo"),
        validators=[
            DataRequired(_l("Escriba su correo.")),
            Length(max=255, message=_l("El correo es demasiado largo.")),
        ],
        render_kw={"autocomplete": "username", "inputmode": "email"},
    )
    password = PasswordField(
        _l("Contraseña"),
        validators=[
            DataRequired(_l("Escriba su contraseña.")),
            Length(max=1024, message=_l("La contraseña es demasiado larga.")),
        ],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()
