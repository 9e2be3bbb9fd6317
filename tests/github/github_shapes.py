"""GitHub's published shapes: validating bodies against them, and filling in what a test does not care about."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

DATA = json.loads((Path(__file__).resolve().parent / "schema.json").read_text("ascii"))
SCHEMAS: dict[str, Any] = DATA["components"]["schemas"]


def answer_of(method: str, path: str, status: int) -> Any | None:
    """The schema of an answer to a request below `/repos/owner/name`; None if GitHub does not describe it."""
    for wanted, answers in DATA["answers"].items():
        verb, _, template = wanted.partition(" ")
        if verb == method and _pattern(template).fullmatch(path):
            return answers.get(str(status))
    return None


def check(schema: Any, body: Any) -> list[str]:
    """What is wrong with a body, one line each."""
    errors = _validator(json.dumps(schema)).iter_errors(body)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def filled(name: str, given: dict[str, Any], root: str) -> dict[str, Any]:
    """The least object of a component that is valid, with `given` in place; `root` is where its addresses point."""
    made = _made({"$ref": f"#/components/schemas/{name}"}, given, root)
    assert isinstance(made, dict)
    return made


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    whole = {**json.loads(schema), "components": DATA["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def _made(schema: dict[str, Any], given: Any, root: str) -> Any:
    """A value with everything around it that its schema wants."""
    if isinstance(given, list):
        return [_made(_whole(schema).get("items", {}), item, root) for item in given]
    if not isinstance(given, dict):
        return given
    schema = _whole(schema)
    made = {name: _least(schema["properties"][name], root, frozenset()) for name in schema.get("required", ())}
    return made | {
        name: _made(schema.get("properties", {}).get(name, {}), value, root) for name, value in given.items()
    }


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """What an object's schema says itself, of several the first."""
    if "$ref" in schema:
        return _whole(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    options = [o for kind in ("anyOf", "oneOf") for o in schema.get(kind, ()) if o.get("type") != "null"]
    if options and "properties" not in schema:
        return _whole(options[0])
    if "allOf" in schema:
        parts = [_whole(part) for part in schema["allOf"]]
        return {
            "properties": {n: v for part in parts for n, v in part.get("properties", {}).items()},
            "required": [n for part in parts for n in part.get("required", ())],
        }
    return schema


def _least(schema: dict[str, Any], root: str, inside: frozenset[str]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _least(SCHEMAS[name], root, inside | {name})
    if "allOf" in schema:
        parts = [_least(part, root, inside) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()}
    for kind in ("anyOf", "oneOf"):
        if kind in schema and "properties" not in schema:
            options = [o for o in schema[kind] if o.get("type") != "null" and not _loops(o, inside)]
            return _least(options[0], root, inside) if options else None
    if "enum" in schema:
        return schema["enum"][0]
    types = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(types, list) and "null" in types:
        return None
    kind = types[0] if isinstance(types, list) else types
    if kind == "object":
        wanted = schema.get("required", ())
        return {n: _least(schema["properties"][n], root, inside) for n in wanted if n in schema.get("properties", {})}
    if kind == "array":
        return []
    if kind == "string":
        text = {"uri": f"{root}/nowhere", "date-time": "2026-11-17T00:00:00Z", "email": "a@example.test"}
        return text.get(schema.get("format", ""), "x" * max(schema.get("minLength", 1), 1))
    return {"integer": schema.get("minimum", 0), "number": 0, "boolean": False}.get(kind)


def _loops(option: dict[str, Any], inside: frozenset[str]) -> bool:
    return "$ref" in option and option["$ref"].rpartition("/")[2] in inside
