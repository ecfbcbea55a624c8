"""The parameters of an operation: those of its path, its headers and its query."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from werkzeug.routing import Rule

from webapp.api.contract.operation import Operation
from webapp.api.contract.shared_parameters import PARAMETERS
from webapp.api.openapi.schemas import REF, Untitled
from webapp.api.paging import DEFAULT_SIZE, MAX_OFFSET, MAX_SIZE

Schema = dict[str, Any]


def _number(name: str, about: str, **bounds: int) -> Schema:
    schema: Schema = {"type": "integer", **bounds}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


# Without `default`: clients that send defaults would contradict `cursor`, `offset` and `limit`.
PAGE_PARAMETERS = [
    _number("page", "The page, from 1; it begins within the first 10,000,000 rows.", minimum=1, maximum=MAX_OFFSET),
    _number("size", f"How many to a page; {DEFAULT_SIZE} unless given.", minimum=1, maximum=MAX_SIZE),
    _number("limit", "In place of `size`.", minimum=1, maximum=MAX_SIZE),
    _number("offset", "In place of `page`: how many to leave out.", minimum=0, maximum=MAX_OFFSET),
]  # fmt: skip
CURSOR_PARAMETER: Schema = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "allowEmptyValue": True,
    "description": "In place of `page` and `offset`: the `next_cursor` of the answer before, with the same filter; empty "
    "to begin. Such an answer counts no total.",
    "schema": {"type": "string", "maxLength": 1000},
}


def parameters_of(operation: Operation, rule: Rule) -> list[Schema]:
    """Describe every parameter of an operation."""
    parameters = [*_path_parameters(rule), *_shared_parameters(operation)]
    if operation.query:
        parameters += _query_parameters(operation.query)
    if operation.paged:
        parameters += PAGE_PARAMETERS
    if operation.cursored:
        parameters.append(CURSOR_PARAMETER)
    return parameters


def _path_parameters(rule: Rule) -> list[Schema]:
    found: list[Schema] = []
    for name in sorted(rule.arguments):
        if name in PARAMETERS:
            found.append({"$ref": f"#/components/parameters/{name}"})
            continue
        is_uuid = f"<uuid:{name}>" in rule.rule
        schema = {"type": "string", **({"format": "uuid"} if is_uuid else {})}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _shared_parameters(operation: Operation) -> list[Schema]:
    names = ["Idempotency-Key"] if operation.idempotent else []
    names += ["If-Match"] if operation.versioned else []
    names += ["If-None-Match"] if operation.conditional else []
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _query_parameters(model: type[BaseModel]) -> list[Schema]:
    schema = model.model_json_schema(ref_template=REF, schema_generator=Untitled)
    required = schema.get("required", [])
    parameters = []
    for name, given in schema["properties"].items():
        value = _not_null(given)
        about = value.pop("description", None)
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                **({"allowEmptyValue": True} if name not in required else {}),
                **({"description": about} if about else {}),
                "schema": value,
            }
        )
    return parameters


def _not_null(schema: Schema) -> Schema:
    """Return the schema without null, which a query cannot express."""
    parts = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**parts[0], **rest} if len(parts) == 1 else rest
