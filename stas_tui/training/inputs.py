"""What people did in a run, as lines of JSON or as a script in TOML, and back. Pure.

{"at": 95000, "verb": "reject", "target": "a1"}             the trainee; `at` may be "+1m35s" too
{"at": 95000, "verb": "snooze", "target": "al1", "detail": {"until": 7295000}}    with what is needed to do it again
{"at": 60000, "order": "mark", "body": {"text": "here"}}    the instructor

[[act]]
at = "+1m35s"
verb = "reject"
target = "a1"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stas_tui.config_errors import shown
from stas_tui.training import grammar
from stas_tui.training.engine import Act, Order
from stas_tui.training.injects import AnyInject
from stas_tui.training.words import LOOKS, ORDERS, VERBS
from storage.canonical import CanonicalError, canonical
from storage.clock import DAY
from storage.errors import StasError
from storage.records import Json

Input = Act | Order
MOST_BYTES = 10_000_000
LONGEST_TEXT = 20_000
LONGEST_DETAIL = 200_000
"""Bytes of an act's detail in canonical form."""

_INJECT: TypeAdapter[AnyInject] = TypeAdapter(AnyInject)


class InputWrong(StasError):
    """A line or a table is nothing that a person could have done."""


def as_json(thing: Input) -> Json:
    """One input as a JSON object."""
    if isinstance(thing, Act):
        words = {"target": thing.target, "text": thing.text}
        said: Json = {name: value for name, value in (*words.items(), ("detail", thing.detail)) if value}
        return {"at": thing.at, "verb": thing.verb, **said}
    found: Json = {"at": thing.at, "order": thing.what}
    if thing.body:
        found["body"] = thing.body
    if thing.inject is not None:
        times = {"at", "when", "after", "else_at"}
        found["inject"] = thing.inject.model_dump(mode="json", by_alias=True, exclude=times, exclude_unset=True)
    return found


def from_json(value: Any) -> Input:
    """The input of a JSON object. Raises `InputWrong`."""
    if not isinstance(value, dict):
        raise InputWrong("this is no table")
    known = {"at", "order", "body", "inject"} if "order" in value else {"at", "verb", "target", "text", "detail"}
    if extra := sorted(set(value) - known):
        raise InputWrong(f"there is no key {shown(extra[0])}; known: {', '.join(sorted(known))}")
    at = _at(value.get("at"))
    if "order" in value:
        what, body, inject = value["order"], value.get("body", {}), value.get("inject")
        if what not in ORDERS or not isinstance(body, dict):
            raise InputWrong(f"order is none of {', '.join(ORDERS)}")
        return Order(at=at, what=what, body=body, inject=_inject(inject) if inject is not None else None)
    words = {name: value.get(name, "") for name in ("verb", "target", "text")}
    if not all(isinstance(word, str) and len(word) <= LONGEST_TEXT for word in words.values()):
        raise InputWrong(f"verb, target and text are texts of at most {LONGEST_TEXT} characters")
    if words["verb"] not in (*VERBS, *LOOKS):
        raise InputWrong(f"verb is none of {', '.join((*VERBS, *LOOKS))}")
    return Act(at=at, detail=_detail(value.get("detail", {})), **words)


def script(text: str, file: object) -> list[Input]:
    """What a script does, by time: TOML with `[[act]]`, or one JSON object a line. Raises `InputWrong`.

    A file whose first sign is a brace is read as lines of JSON; the `inputs.jsonl` of a run that was stored is one.
    """
    rows = _json_rows(text, file) if text.lstrip().startswith("{") else _toml_rows(text, file)
    done: list[Input] = []
    for place, value in rows:
        try:
            done.append(from_json(value))
        except InputWrong as error:
            raise InputWrong(f"{file}, {place}: {error.what}.") from None
    return standing(done)


def standing(done: Iterable[Input]) -> list[Input]:
    """The inputs that still hold: going back to a time undoes what was done after it."""
    held: list[Input] = []
    for thing in done:
        if isinstance(thing, Order) and thing.what == "rewind":
            held = [earlier for earlier in held if earlier.at <= thing.at]
        held.append(thing)
    return sorted(held, key=lambda thing: thing.at)


def _json_rows(text: str, file: object) -> Sequence[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise InputWrong(f"{file}, line {number}: this is not JSON.", "One object stands on a line.") from None
        if isinstance(value, dict) and ("run" in value or "reached" in value or "ended" in value):
            continue
        rows.append((f"line {number}", value))
    return rows


def _toml_rows(text: str, file: object) -> Sequence[tuple[str, Any]]:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        why = shown(error, 200) if isinstance(error, ValueError) else "it is nested too deeply"
        raise InputWrong(f"{file}: this is not TOML: {why}.") from None
    acts = tables.get("act", [])
    if set(tables) - {"act"} or not isinstance(acts, list):
        raise InputWrong(f"{file}: a script holds [[act]] and nothing else.", "Each with at, verb, target and text.")
    return [(f"act[{number}]", value) for number, value in enumerate(acts, 1)]


def _at(value: Any) -> int:
    if isinstance(value, str):
        try:
            return grammar.offset_ms(value)
        except ValueError as error:
            raise InputWrong(f"at: {error}") from None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DAY:
        raise InputWrong("at is an offset such as +1m30s, or milliseconds")
    return value


def _detail(value: Any) -> Json:
    if not isinstance(value, dict):
        raise InputWrong("detail is no table")
    try:
        size = len(canonical(value))
    except CanonicalError:
        raise InputWrong("detail holds what is not plain JSON") from None
    if size > LONGEST_DETAIL:
        raise InputWrong(f"detail is longer than {LONGEST_DETAIL} bytes")
    return value


def _inject(value: Any) -> AnyInject:
    if not isinstance(value, dict):
        raise InputWrong("inject is no table")
    try:
        return _INJECT.validate_python({**value, "at": "+0s"})
    except ValidationError as error:
        raise InputWrong(f"inject: {shown(error.errors()[0]['msg'], 120)}") from None
