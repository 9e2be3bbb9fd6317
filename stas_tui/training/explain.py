"""What the model of a lesson refuses, as sentences about keys. Values are not repeated: they could be secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stas_tui.config_errors import Loc, dotted, shown
from stas_tui.training.injects import AnyInject, Inject
from stas_tui.training.scenario import Scenario

_WORDS: Final = {
    "missing": "is missing",
    "string_type": "must be a text in quotation marks",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "datetime_type": "must be a date with a time and a zone, without quotation marks, e.g. 2026-03-09T08:00:00Z",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}
_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_NAMES: Final = "a name: a letter, then letters, digits, hyphen and underscore, at most 40"
_ID: Final = "lower-case letters, digits and hyphens, at most 50"
_SOURCE: Final = "a source's name: lower-case letters, digits, colon, hyphen and underscore, at most 60"


def _kinds() -> dict[str, type[Inject]]:
    found: dict[str, type[Inject]] = {}
    for model in get_args(get_args(AnyInject)[0]):
        for kind in get_args(model.model_fields["kind"].annotation):
            found[kind] = model
    return found


KINDS: Final = _kinds()
"""What can happen, by `kind`."""


def complaints(error: ValidationError, raw: dict[str, Any]) -> Iterator[tuple[Loc, str]]:
    """(place, sentence without its full stop) of every problem, in the order of the model."""
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        loc = _in_file(detail["loc"])
        yield (*loc, "kind") if detail["type"] == "union_tag_invalid" else loc, _sentence(detail, loc, raw)


def _in_file(loc: Loc) -> Loc:
    """The place as it is in the file: without the kind that the model puts into it."""
    if len(loc) > 2 and loc[0] == "inject":
        loc = (*loc[:2], *loc[3:])
    return tuple(part for part in loc if part != "[key]")


def _sentence(detail: ErrorDetails, loc: Loc, raw: dict[str, Any]) -> str:
    kind, context, name = detail["type"], detail.get("ctx", {}), dotted(loc) or "the file"
    if kind == "extra_forbidden":
        return f"there is no key {name}{_suggestion(loc, raw)}"
    if kind == "union_tag_not_found":
        return f"{name} has no kind; known: {', '.join(KINDS)}"
    if kind == "union_tag_invalid":
        near = difflib.get_close_matches(str(context.get("tag", "")), KINDS, n=1)
        return f"{name}.kind is none of {', '.join(KINDS)}" + (f"; the nearest is {near[0]}" if near else "")
    if kind == "value_error":
        return f"{name}: {context['error']}"
    if kind == "literal_error":
        return f"{name} must be one of {str(context['expected']).replace(chr(39), '')}"
    if kind == "string_too_long":
        return f"{name} is longer than {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return f"{name} must be {_pattern(loc)}"
    if kind == "tuple_type" and _model(loc, raw) is not None:
        return f"{name} must be written as [[{'.'.join(part for part in loc if isinstance(part, str))}]]"
    if kind in _WORDS:
        return f"{name} {_WORDS[kind]}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"{name} must be {words} {context[bound]:g}"
    return f"{name} is not what it must be: {shown(detail['msg'], 120)}"


def _pattern(loc: Loc) -> str:
    if loc == ("id",):
        return _ID
    return _SOURCE if loc[-1] == "source" or loc[:2] == ("world", "source") else _NAMES


def _suggestion(loc: Loc, raw: dict[str, Any]) -> str:
    model = _model(loc[:-1], raw)
    if model is None:
        return ""
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"; the nearest is {near[0]}" if near else f"; known: {', '.join(known)}"


def _model(loc: Loc, raw: dict[str, Any]) -> type[BaseModel] | None:
    """The model that a place of the file is read with; None where it is read as a plain value."""
    here: type[BaseModel] | None = Scenario
    data: Any = raw
    for part in loc:
        data = _below(data, part)
        if isinstance(part, int):
            if here is Inject:
                here = KINDS.get(str(data.get("kind"))) if isinstance(data, dict) else None
            continue
        fields = {} if here is None else {field.alias or name: field for name, field in here.model_fields.items()}
        here = _inside(fields[part].annotation) if part in fields else None
    return here


def _below(data: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return data[part] if isinstance(data, list) and part < len(data) else None
    return data.get(part) if isinstance(data, dict) else None


def _inside(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Inject if issubclass(annotation, Inject) else annotation
    return next((model for part in get_args(annotation) if (model := _inside(part)) is not None), None)
