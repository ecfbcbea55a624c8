"""What a new contract of the API breaks for the programs that were written against an old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
# Bounds on what may be sent: +1 where a smaller number is narrower, -1 where a larger one is.
BOUNDS = {"maxLength": 1, "maximum": 1, "maxItems": 1, "minLength": -1, "minimum": -1, "minItems": -1}  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One thing that an operation no longer does."""

    operation: str
    """As the changelog names it: `POST /api/v1/transactions`."""
    what: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.what}"


def breaks(old: Json, new: Json) -> list[Break]:
    """Everything that programs relied on and that is gone, in the order of the old contract."""
    found = []
    for path, item in old["paths"].items():
        for method in (name for name in METHODS if name in item):
            name = f"{method.upper()} {path}"
            operation = new["paths"].get(path, {}).get(method)
            if operation is None:
                found.append(Break(name, "is gone"))
                continue
            comparison = _Comparison(old, new)
            found += [Break(name, what) for what in comparison.operation(item[method], operation)]
    return found


@dataclass
class _Comparison:
    old: Json
    new: Json
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def operation(self, old: Json, new: Json) -> Iterator[str]:
        if old.get("security") == [] and new.get("security") != []:
            yield "now asks for a token"
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"no longer answers {status}"
                continue
            yield from self._answer(status, answer, new["responses"][status])

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        before, after = _named(self.old, old), _named(self.new, new)
        for key, parameter in before.items():
            if key not in after:
                yield f"no longer takes {key}"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"now demands {key}"
            yield from self._sent(key, parameter["schema"], after[key]["schema"])
        for key, parameter in after.items():
            if key not in before and parameter.get("required"):
                yield f"now demands {key}"

    def _body(self, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield "now demands a body"
        if old is None:
            return
        for media_type, content in old["content"].items():
            if new is None or media_type not in new["content"]:
                yield f"no longer takes {media_type}"
                continue
            yield from self._sent("body", content["schema"], new["content"][media_type]["schema"])

    def _answer(self, status: str, old: Json, new: Json) -> Iterator[str]:
        old, new = _resolved(self.old, old), _resolved(self.new, new)
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"{status} no longer brings the header {name}"
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{status} is no longer {media_type}"
                continue
            after = new["content"][media_type]["schema"]
            yield from self._answered(f"{status} body", content["schema"], after)

    def _sent(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """What was accepted must still be accepted."""
        if self._repeats("sent", old, new):
            return
        before, after = _kinds(self.old, old), _kinds(self.new, new)
        for kind, was in before.items():
            if kind in after:
                yield from self._still_taken(where, was, after[kind])
            else:
                yield f"{where} no longer takes {kind}"

    def _still_taken(self, where: str, was: Json, now: Json) -> Iterator[str]:
        """Values of one kind that were accepted must still be accepted."""
        if lost := _values(was) and _lost(was, now):
            yield f"{where} no longer takes {lost}"
        if "enum" in now and "enum" not in was and "const" not in was:
            yield f"{where} now takes only {now['enum']}"
        if now.get("pattern") != was.get("pattern") and now.get("pattern"):
            yield f"{where} has another pattern"
        yield from _tighter(where, was, now)
        for name, schema in was.get("properties", {}).items():
            if name in now.get("properties", {}):
                yield from self._sent(f"{where}.{name}", schema, now["properties"][name])
            elif now.get("additionalProperties") is False:
                yield f"{where}.{name} is no longer taken"
        for name in set(now.get("required", [])) - set(was.get("required", [])):
            yield f"{where}.{name} is now demanded"
        if "items" in was and "items" in now:
            yield from self._sent(f"{where}[]", was["items"], now["items"])

    def _answered(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """What was promised must still be promised."""
        if self._repeats("answered", old, new):
            return
        before, after = _kinds(self.old, old), _kinds(self.new, new)
        for kind in after:
            if kind not in before:
                yield f"{where} may now be {kind}"
        for kind, was in before.items():
            now = after.get(kind)
            if now is None:
                continue
            for name, schema in was.get("properties", {}).items():
                if name not in now.get("properties", {}):
                    yield f"{where}.{name} is gone"
                    continue
                if name in was.get("required", []) and name not in now.get("required", []):
                    yield f"{where}.{name} may now be left out"
                yield from self._answered(f"{where}.{name}", schema, now["properties"][name])
            if "items" in was and "items" in now:
                yield from self._answered(f"{where}[]", was["items"], now["items"])

    def _repeats(self, direction: str, old: Json, new: Json) -> bool:
        """Schemas that contain themselves are compared once."""
        if "$ref" not in old or "$ref" not in new:
            return False
        pair = (direction, old["$ref"], new["$ref"])
        repeated = pair in self.seen
        self.seen.add(pair)
        return repeated


def _resolved(document: Json, given: Json) -> Json:
    while "$ref" in given:
        found: Any = document
        for part in given["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        given = found
    return given


def _named(document: Json, operation: Json) -> dict[str, Json]:
    resolved = [_resolved(document, given) for given in operation.get("parameters", [])]
    return {f"{given['in']} {given['name']}": given for given in resolved}


def _kinds(document: Json, schema: Json) -> dict[str, Json]:
    """The alternatives of a schema by their JSON type."""
    schema = _resolved(document, schema)
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts:
        return {kind: one for part in parts for kind, one in _kinds(document, part).items()}
    types = schema.get("type", "anything")
    return dict.fromkeys(types if isinstance(types, list) else [types], schema)


def _values(schema: Json) -> list[Any]:
    return schema.get("enum", []) or ([schema["const"]] if "const" in schema else [])


def _lost(was: Json, now: Json) -> list[Any]:
    allowed = _values(now)
    return [value for value in _values(was) if value not in allowed] if allowed else []


def _tighter(where: str, was: Json, now: Json) -> Iterator[str]:
    for name, sign in BOUNDS.items():
        if name in now and (name not in was or (now[name] - was[name]) * sign < 0):
            yield f"{where} has a narrower {name}"
