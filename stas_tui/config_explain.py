"""Turns the validator's findings into sentences: which file, which line, which setting, what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stas_tui.config_errors import Loc, dotted, line_of, shown

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a text in quotation marks",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


class Explainer:
    """Explains what is wrong with one configuration. Values are never repeated: they could be secrets."""

    def __init__(
        self, model: type[BaseModel], file: Path, lines: dict[Loc, int], environment: Mapping[str, Any]
    ) -> None:
        self._model = model
        self._file = file
        self._lines = lines
        self._environment = environment

    def place(self, loc: Loc) -> str:
        """Where a setting comes from: `FILE, line 7: ` or the variable's name."""
        if self._in_environment(loc):
            return f"STAS_{'__'.join(str(part).upper() for part in loc if isinstance(part, str))} in the environment: "
        line = line_of(self._lines, loc)
        return f"{self._file}, line {line}: " if line else f"{self._file}: "

    def sentences(self, error: ValidationError) -> list[str]:
        """One sentence for each problem, in the order of the model, at most ten."""
        details = error.errors(include_url=False, include_context=True, include_input=False)
        told = [self._sentence(detail) for detail in details[:10]]
        return told + ([f"… and {len(details) - 10} more."] if len(details) > 10 else [])

    def mend(self, error: ValidationError) -> str:
        """What to do, if it is not plain from the sentences."""
        if any(detail["loc"] == ("agent_name",) for detail in error.errors(include_input=False)):
            return 'Write agent_name = "…" there, or set STAS_AGENT_NAME.'
        return ""

    def _sentence(self, detail: ErrorDetails) -> str:
        loc, kind = detail["loc"], detail["type"]
        loc = tuple(part for part in loc if part != "[key]")
        where = self.place(loc)
        if kind == "extra_forbidden":
            return f"{where}there is no setting {dotted(loc)}{self._suggestion(loc)}."
        if loc == ("agent_name",) and kind in {"missing", "value_error"}:
            said = "AGENT_NAME is not filled" if kind == "missing" else str(detail["ctx"]["error"])
            return f"{where}agent_name: {said}."
        if not loc:
            return f"{where}{detail['ctx']['error'] if kind == 'value_error' else 'this must be a table'}."
        return f"{where}{dotted(loc)} {self._complaint(detail)}."

    def _complaint(self, detail: ErrorDetails) -> str:
        kind, context, loc = detail["type"], detail.get("ctx", {}), detail["loc"]
        if kind == "tuple_type" and _model_at(self._model, loc) is not None:
            return f"must be written as [[{'.'.join(part for part in loc if isinstance(part, str))}]]"
        if kind == "value_error":
            return str(context["error"])
        if kind in {"literal_error", "enum"}:
            return f"must be one of {str(context['expected']).replace(chr(39), '')}"
        if kind == "string_too_long":
            return f"is longer than {context['max_length']} characters"
        if kind == "string_pattern_mismatch":
            return "is not written as it must be: " + _PATTERNS.get(str(detail["loc"][-1]), "see the documentation")
        if kind in _WORDS:
            return _WORDS[kind]
        for name, words in _BOUNDS.items():
            if name in context:
                return f"must be {words} {context[name]:g}"
        return "is not what it must be: " + shown(detail["msg"], 120)

    def _in_environment(self, loc: Loc) -> bool:
        here: Any = self._environment
        for part in loc:
            if not isinstance(here, Mapping):
                return True
            if part not in here:
                return False
            here = here[part]
        return bool(loc)

    def _suggestion(self, loc: Loc) -> str:
        key = str(loc[-1])
        siblings = _model_at(self._model, loc[:-1])
        if siblings is not None and (near := difflib.get_close_matches(key, siblings.model_fields, n=1)):
            return f"; the nearest is {near[0]}"
        elsewhere = [path for path in _all_fields(self._model) if path[-1] == key]
        if elsewhere:
            return f"; {shown(key)} belongs into {_table_name(self._model, elsewhere[0][:-1])}"
        every = {path[-1]: path for path in _all_fields(self._model)}
        if near := difflib.get_close_matches(key, every, n=1, cutoff=0.75):
            return f"; the nearest is {near[0]} in {_table_name(self._model, every[near[0]][:-1])}"
        return ""


_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

_PATTERNS = {
    "id": "letters, digits, dot, hyphen and underscore, at most 64",
    "url": "http:// or https://, a host, no user name or password",
}


def submodel(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model inside an annotation, and whether it stands in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in get_args(annotation):
        model, _ = submodel(argument)
        if model is not None:
            return model, True
    return None, False


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    here: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            continue
        if here is None or part not in here.model_fields:
            return None
        here, _ = submodel(here.model_fields[part].annotation)
    return here


def _all_fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        below, _ = submodel(field.annotation)
        if below is not None:
            yield from _all_fields(below, (*path, name))


def _table_name(model: type[BaseModel], path: tuple[str, ...]) -> str:
    if not path:
        return "the top of the file"
    here: type[BaseModel] | None = model
    many = False
    for name in path:
        assert here is not None
        here, many = submodel(here.model_fields[name].annotation)
    dotted_name = ".".join(path)
    return f"[[{dotted_name}]]" if many else f"[{dotted_name}]"
