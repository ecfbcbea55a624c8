"""Forms of payments: what people type becomes canonical spelling, or sentences beside the fields."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    Form,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import Optional, StopValidation
from wtforms.widgets import DateInput, HiddenInput

from webapp.banking.gateway import BankType, Requirements, TransactionType
from webapp.kernel import clock
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.money import InvalidAmount, parse_amount
from webapp.transactions import filtering, identifiers, intake, wording
from webapp.transactions.declaration import Details, details_of
from webapp.transactions.identifiers import Misspelt, Problem
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.versions import UNSEEN
from webapp.web.form_fields import DayField

RequirementsOf = Callable[[BankType, str | None], Requirements]


class Spelled:
    """A validator that reads the field with a function of `identifiers` and keeps the canonical spelling."""

    def __init__(self, read: Callable[[str], str | None], *, optional: bool = False) -> None:
        self.read = read
        self.optional = optional

    def __call__(self, _form: Form, field: Any) -> None:
        """Set `field.canonical`. Raises StopValidation with a sentence."""
        text = field.data or ""
        if self.optional and not text.strip():
            field.canonical = None
            return
        try:
            field.canonical = self.read(text)
        except Misspelt as error:
            if error.problem is Problem.MISSING:
                raise StopValidation(wording.missing(field.name)) from None
            raise StopValidation(wording.misspelling(error.problem)) from None


class OneOf:
    """A validator that takes an enumeration's values only, with a sentence of ours for anything else."""

    def __init__(self, values: type[Any]) -> None:
        self.values = values

    def __call__(self, _form: Form, field: Any) -> None:
        """Set `field.canonical`. Raises StopValidation with a sentence."""
        try:
            field.canonical = self.values(field.data)
        except ValueError:
            raise StopValidation(_("Elija una de las opciones.")) from None


def _kinds() -> list[SelectChoice]:
    return [SelectChoice(kind.value, wording.KINDS[kind]) for kind in TransactionType]


def _banks() -> list[SelectChoice]:
    return [SelectChoice(bank.value, wording.BANKS[bank]) for bank in BankType]


def _bank_codes() -> list[SelectChoice]:
    codes = [SelectChoice(code, f"{code} {name}") for code, name in identifiers.BANKS.items()]
    return [SelectChoice("", _l("Sin indicar")), *codes]


class PaymentForm(FlaskForm):
    """The form of one payment, of either kind; the dialect's requirements say what it must bring."""

    bank = RadioField(
        wording.FIELDS["bank"],
        choices=_banks(),
        default=BankType.MOBILE_TRANSFER.value,
        validate_choice=False,
        validators=[OneOf(BankType)],
    )
    reference = StringField(wording.FIELDS["reference"], render_kw={"inputmode": "numeric"})
    amount = StringField(
        wording.FIELDS["amount"],
        description=_l("Como 1.234,56"),
        render_kw={"inputmode": "decimal"},
    )
    payer_bank = SelectField(
        wording.FIELDS["payer_bank"],
        choices=_bank_codes(),
        validate_choice=False,
        validators=[Spelled(identifiers.payer_bank, optional=True)],
    )
    operation_date = DayField(wording.FIELDS["operation_date"])
    full_name = StringField(
        wording.FIELDS["full_name"], validators=[Spelled(identifiers.full_name)]
    )
    national_id = StringField(
        wording.FIELDS["national_id"],
        description=_l("Como V-12.345.678"),
        validators=[Spelled(identifiers.national_id)],
    )
    phone = StringField(
        wording.FIELDS["phone"],
        description=_l("Como 0414-1234567"),
        validators=[Spelled(identifiers.phone)],
        render_kw={"inputmode": "tel"},
    )
    concept = TextAreaField(
        wording.FIELDS["concept"],
        description=_l("Hasta 500 caracteres"),
        validators=[Spelled(identifiers.concept, optional=True)],
    )
    transaction_id = StringField(
        _l("Identificador propio"),
        description=_l("En blanco, el sistema asigna uno"),
        validators=[Spelled(identifiers.transaction_id, optional=True)],
    )
    transaction_type = SelectField(
        wording.FIELDS["transaction_type"],
        choices=_kinds(),
        default=TransactionType.TRANSACTION.value,
        validate_choice=False,
        validators=[OneOf(TransactionType)],
    )
    submission_key = HiddenField(default=lambda: uuid.uuid4().hex)
    version = IntegerField(validators=[Optional()], widget=HiddenInput())

    def __init__(self, *, requirements_of: RequirementsOf, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._requirements_of = requirements_of
        if (
            self._starts_empty()
            and self._requirements_of(BankType.MOBILE_TRANSFER, None).operation_date
        ):
            self.operation_date.data = clock.today()
        self.reference.description = self._reference_hint()
        self.payer_bank.description = self._payer_bank_hint()

    @property
    def requirements(self) -> Requirements:
        """Return what the dialect needs of a payment of the kind, and from the bank, that were chosen."""
        payer_bank = (self.payer_bank.data or "").strip() or None
        try:
            return self._requirements_of(BankType(self.bank.data), payer_bank)
        except ValueError:
            return self._requirements_of(BankType.BANESCO, payer_bank)

    @property
    def payer_bank_matters(self) -> bool:
        """Tell whether the bank that a transfer came from changes how it is found."""
        of_transfers = {self._requirements_of(BankType.BANESCO, code) for code in (None, "0102")}
        return len(of_transfers) > 1

    def _starts_empty(self) -> bool:
        return not self.is_submitted() and not self.reference.data

    def _reference_hint(self) -> str:
        ranges = {self._requirements_of(kind, None).reference_digits for kind in BankType}
        if len(ranges) == 1:
            ((least, most),) = ranges
            if least == most:
                return _("%(count)s dígitos, como aparece en el comprobante", count=least)
            return _("De %(least)s a %(most)s dígitos", least=least, most=most)
        least, most = self._requirements_of(BankType.BANESCO, None).reference_digits
        return _(
            "Transferencia: de %(least)s a %(most)s dígitos. Pago móvil: al menos los últimos %(tail)s.",
            least=least,
            most=most,
            tail=self._requirements_of(BankType.MOBILE_TRANSFER, None).reference_digits[0],
        )

    def _payer_bank_hint(self) -> str:
        if self._requirements_of(BankType.MOBILE_TRANSFER, None).payer_bank:
            return _("De donde salió el dinero. Una transferencia sin indicar es de Banesco.")
        return ""

    def validate_amount(self, field: Any) -> None:
        """Set `field.canonical` to the amount as a Decimal. Raises StopValidation with a sentence."""
        if not (field.data or "").strip():
            raise StopValidation(wording.missing(field.name))
        try:
            field.canonical = parse_amount(field.data)
        except InvalidAmount as error:
            raise StopValidation(wording.amount_problem(error.problem)) from None

    def validate(self, extra_validators: Any = None) -> bool:
        """Judge each field by itself, and then what the dialect demands of them."""
        valid: bool = super().validate(extra_validators)
        for complaint in intake.complaints(
            reference=self.reference.data or "",
            payer_bank=getattr(self.payer_bank, "canonical", None),
            operation_date=self.operation_date.data,
            amount=getattr(self.amount, "canonical", None),
            needs=self.requirements,
        ):
            field = self[complaint.field]
            if not field.errors:
                field.errors, valid = [complaint.sentence], False
        return valid

    def details(self) -> Details:
        """Return the declared payment in canonical spelling; only after `validate`."""
        return Details(
            bank=self.bank.canonical,
            reference=identifiers.reference(
                self.reference.data, self.requirements.reference_digits
            ),
            amount=self.amount.canonical,
            payer_bank=self.payer_bank.canonical,
            operation_date=self.operation_date.data,
            full_name=self.full_name.canonical,
            national_id=self.national_id.canonical,
            phone=self.phone.canonical,
            concept=self.concept.canonical,
            transaction_type=self.transaction_type.canonical,
        )

    def fill(self, values: Mapping[str, str]) -> None:
        """Put values into the fields, by name, as if a person had typed them; the other fields keep theirs."""
        for name, value in values.items():
            field = self[name]
            field.raw_data = [value]
            field.process_formdata([value])

    def seen_version(self) -> int:
        """Return the version of the payment that the person read, or UNSEEN where the form names none."""
        version: int | None = self.version.data
        return UNSEEN if version is None else version

    def bind_to(self, version: int) -> None:
        """Attach the version of the payment that is corrected."""
        self.version.raw_data, self.version.data = None, version

    def own_submission_key(self) -> str:
        """Return the key that the page carried, or a fresh one where it is not one of ours."""
        key = self.submission_key.data or ""
        return key if len(key) == 32 and key.isascii() and key.isalnum() else uuid.uuid4().hex


def declared(transaction: Transaction) -> Mapping[str, Any]:
    """Return a stored payment as the form shows it for correction."""
    details = details_of(transaction)
    shown = {name: getattr(details, name) for name in Details.__dataclass_fields__}
    if details.amount is not None:
        shown["amount"] = f"{details.amount:.2f}".replace(".", ",")
    shown["bank"], shown["transaction_type"] = details.bank.value, details.transaction_type.value
    return {**shown, "transaction_id": transaction.transaction_id, "version": transaction.version}


class FilterForm(Form):
    """The list's filter as it stands in the address, which `filtering` reads."""

    q = StringField(_l("Nombre o referencia"))
    status = SelectField(_l("Estado"), validate_choice=False)
    bank = SelectField(wording.FIELDS["bank"], validate_choice=False)
    transaction_type = SelectField(wording.FIELDS["transaction_type"], validate_choice=False)
    reference = StringField(wording.FIELDS["reference"], render_kw={"inputmode": "numeric"})
    phone = StringField(wording.FIELDS["phone"], render_kw={"inputmode": "tel"})
    national_id = StringField(wording.FIELDS["national_id"])
    from_date = StringField(_l("Desde"), widget=DateInput())
    to_date = StringField(_l("Hasta"), widget=DateInput())
    created_by = SelectField(_l("Registrado por"), validate_choice=False)

    def __init__(self, given: MultiDict[str, str], *, people: Iterable[tuple[str, str]]) -> None:
        """Take the address, and ids and names of the people who log payments."""
        super().__init__(given)
        everything = [SelectChoice("", _l("Todos"))]
        self.status.choices = everything + [
            SelectChoice(s.value, wording.STATUSES[s]) for s in Status
        ]
        self.bank.choices = everything + _banks()
        self.transaction_type.choices = everything + _kinds()
        self.created_by.choices = everything + [SelectChoice(*person) for person in people]
        self.wanted, problems = filtering.read(given)
        for problem in problems:
            self[str(problem.location[0])].errors = [problem.detail]
