"""The schemas of the contract: the models that validate, with what the bank and the installation demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from webapp.api.contract import formats
from webapp.api.contract.operation import Operation
from webapp.api.problems import Problem
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import BankType, Requirements
from webapp.transactions import identifiers

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"
TRANSACTION_BODIES = ("CreateTransaction", "ChangeTransaction")
WEBHOOK_BODIES = ("CreateWebhook", "ChangeWebhook")


class Untitled(GenerateJsonSchema):
    """Generates schemas without the titles that pydantic derives from the names of fields."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """Never give a field a title."""
        return False


def schemas_of(app: Flask, operations: list[Operation]) -> dict[str, Schema]:
    """Return every schema of the operations' bodies by its name, as this installation validates them."""
    schemas = _generated(operations)
    for name in TRANSACTION_BODIES:
        _apply_requirements(schemas[name], _requirements(app), whole=name == "CreateTransaction")
    for name in WEBHOOK_BODIES:
        _apply_ports(schemas[name], app.extensions["webhooks"].addresses.ports)
    return schemas


def models_of(declared: Any) -> tuple[type[BaseModel], ...]:
    """Return the models of a declared response: none, one, or one of several."""
    if declared is None:
        return ()
    return declared if isinstance(declared, tuple) else (declared,)


def content_of(*models: type[BaseModel]) -> Schema:
    """Describe a body that has the shape of one of the models, with the first model's example."""
    extra = models[0].model_config.get("json_schema_extra")
    shapes = [{"$ref": REF.format(model=model.__name__)} for model in models]
    schema: Schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    examples = extra.get("examples") if isinstance(extra, dict) else None
    return {"schema": schema, **({"example": examples[0]} if isinstance(examples, list) else {})}


def _generated(operations: list[Operation]) -> dict[str, Schema]:
    sent = {operation.body for operation in operations if operation.body}
    queries = {operation.query for operation in operations if operation.query}
    answered = {
        model
        for one in operations
        for given in one.responses.values()
        for model in models_of(given)
    }
    _, generated = models_json_schema(
        [
            *((model, "validation") for model in _by_name(sent | queries)),
            *((model, "serialization") for model in _by_name(answered | {Problem})),
        ],
        ref_template=REF,
        schema_generator=Untitled,
    )
    schemas: dict[str, Schema] = {
        name: schema
        for name, schema in sorted(generated["$defs"].items())
        if name not in {model.__name__ for model in queries}
    }
    for schema in schemas.values():
        schema.pop("title", None)
    return schemas


def _by_name(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _requirements(app: Flask) -> list[Requirements]:
    bank: BankConnection = app.extensions["bank"]
    payers = (None, *identifiers.BANKS)
    return [bank.gateway.requirements(kind, payer) for kind in BankType for payer in payers]


def _apply_ports(schema: Schema, ports: Iterable[int]) -> None:
    """Publish the ports at which webhooks may listen in this installation."""
    url = schema["properties"]["url"]
    for part in (url, *url.get("anyOf", [])):
        if "pattern" in part:
            part["pattern"] = formats.webhook_url_pattern(ports)


def _apply_requirements(schema: Schema, needs: list[Requirements], *, whole: bool) -> None:
    """Publish how long a reference is and which fields cannot be left out in the dialect in force."""
    least = min(need.reference_digits[0] for need in needs)
    most = max(need.reference_digits[1] for need in needs)
    digits = f"{{{least}}}" if least == most else f"{{{least},{most}}}"
    schema["properties"]["reference"]["pattern"] = f"^[0-9]{digits}$"
    if whole:
        demanded: Mapping[str, bool] = {
            "operation_date": all(need.operation_date for need in needs),
            "payer_bank": all(need.payer_bank for need in needs),
            "amount": all(need.amount for need in needs),
        }
        schema["required"] += [name for name, wanted in demanded.items() if wanted]
