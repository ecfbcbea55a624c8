"""Forms of the sign-in and of the administration of users and keys."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    Form,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, StopValidation
from wtforms.widgets import CheckboxInput

from webapp.accounts import api_keys, wording
from webapp.accounts.queries import UserFilter
from webapp.kernel.errors import DomainError
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import Permission, Role
from webapp.kernel.text import is_storable


class LoginForm(FlaskForm):
    """E-mail and password; `next` is the path that the person wanted to open."""

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


class Choice(SelectField):
    """A choice of one option, with a sentence of ours for anything else."""

    def pre_validate(self, _form: Form) -> None:
        """Refuse a value that is not among the options."""
        if self.data not in [choice.value for choice in self.choices]:
            raise StopValidation(_("Elija una de las opciones."))


class Checkboxes(SelectMultipleField):
    """A choice of any number of options as check boxes, with a sentence of ours for anything else."""

    option_widget = CheckboxInput()

    def pre_validate(self, _form: Form) -> None:
        """Refuse values that are not among the options."""
        known = {choice.value for choice in self.choices}
        if not set(self.data or []) <= known:
            raise StopValidation(_("Elija una de las opciones."))


def _role_choices() -> list[SelectChoice]:
    return [SelectChoice(role.value, words) for role, words in wording.ROLES.items()]


def _permission_choices() -> list[SelectChoice]:
    return [SelectChoice(item.value, words) for item, words in wording.PERMISSIONS.items()]


def _role_filter_choices() -> list[SelectChoice]:
    return [SelectChoice("", _l("Todos")), *_role_choices()]


def _activity_filter_choices() -> list[SelectChoice]:
    return [
        SelectChoice("", _l("Todos")),
        SelectChoice("true", _l("Activos")),
        SelectChoice("false", _l("Inactivos")),
    ]


def _require_storable(_form: Form, field: Any) -> None:
    if not is_storable(field.data or ""):
        raise StopValidation(_("Este texto tiene caracteres que no se pueden buscar."))


class UserFilterForm(Form):
    """The filters of the list of users."""

    q = StringField(
        _l("Nombre o correo"),
        validators=[Length(max=255, message=_l("El texto es demasiado largo.")), _require_storable],
    )
    role = Choice(_l("Rol"), choices=_role_filter_choices, default="")
    is_active = Choice(_l("Actividad"), choices=_activity_filter_choices, default="")

    def wanted(self) -> UserFilter:
        """Return the filter as the queries take it."""
        return UserFilter(
            text=(self.q.data or "").strip(),
            role=Role(self.role.data) if self.role.data else None,
            is_active={"true": True, "false": False}.get(self.is_active.data),
        )


class Refusable(FlaskForm):
    """A form that can show why a service refused it."""

    def show(self, refusal: DomainError) -> None:
        """Put each sentence of a refusal beside its field, and those without a field above the form."""
        for name, sentences in refusal.errors.items():
            if name in self:
                self[name].errors = [*self[name].errors, *sentences]
            else:
                self.form_errors.extend(sentences)
        if not refusal.errors:
            self.form_errors.append(str(refusal.sentence))


def _full_name_field() -> StringField:
    return StringField(
        _l("Nombre y apellido"),
        validators=[DataRequired(_l("Escriba el nombre y el apellido (de 2 a 255 letras)."))],
    )


def _password_field() -> PasswordField:
    return PasswordField(
        _l("Contraseña nueva"),
        description=_l("Al menos 8 caracteres. Désela en persona."),
        validators=[DataRequired(_l("Escriba la contraseña nueva."))],
    )


class NewUserForm(Refusable):
    """A new user with the permissions of their role."""

    full_name = _full_name_field()
    email = StringField(
        _l("Correo"), validators=[DataRequired(_l("Escriba un correo como nombre@clinica.com."))]
    )
    role = Choice(_l("Rol"), choices=_role_choices, description=_l("El rol da sus permisos."))
    password = _password_field()


class ChangeForm(Refusable):
    """A change of a user, decided on the version of them that the page showed."""

    version: HiddenField


class DetailsForm(ChangeForm):
    """Name and role of a user."""

    version = HiddenField()
    full_name = _full_name_field()
    role = Choice(
        _l("Rol"),
        choices=_role_choices,
        description=_l("Un rol distinto da los permisos de ese rol."),
    )


class PermissionChoice(Refusable):
    """A choice of permissions."""

    permissions: Checkboxes

    def chosen(self) -> frozenset[Permission]:
        """Return the permissions that are ticked."""
        return frozenset(Permission(name) for name in self.permissions.data or [])


class PermissionsForm(PermissionChoice, ChangeForm):
    """The permissions of a user."""

    version = HiddenField()
    permissions = Checkboxes(_l("Permisos"), choices=_permission_choices)


class PasswordForm(ChangeForm):
    """A new password for a user."""

    version = HiddenField()
    password = _password_field()


class ActivityForm(ChangeForm):
    """Whether a user is active, as the pressed button says."""

    version = HiddenField()
    is_active = HiddenField()


class KeyForm(PermissionChoice):
    """A new key for a program."""

    permissions = Checkboxes(_l("Permisos"), choices=_permission_choices)
    name = StringField(
        _l("Nombre de la llave"),
        description=_l("Qué programa la usará, como «Laboratorio»."),
        validators=[DataRequired(_l("Escriba un nombre que diga quién usará la llave."))],
    )
    expires_in_days = Choice(
        _l("Vence"),
        default=str(api_keys.DEFAULT_DAYS),
        choices=lambda: [
            SelectChoice("30", _l("En 30 días")),
            SelectChoice("90", _l("En 90 días")),
            SelectChoice(str(api_keys.DEFAULT_DAYS), _l("En un año")),
            SelectChoice(str(api_keys.MAX_DAYS), _l("En tres años")),
        ],
    )
