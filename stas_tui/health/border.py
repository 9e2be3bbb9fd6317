"""The border that everything from outside crosses before it is kept: secrets stay out (R82)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from storage.records import Json
from storage.redact import redact
from storage.watch_records import Observed


def clean_things(things: Sequence[Observed]) -> list[Observed]:
    """The things with every text in them redacted, names and keys of tables included."""
    return [type(thing).from_json(clean_json(data)) if _found(data) else thing for thing, data in _with_json(things)]


def clean_json(value: Any) -> Any:
    """The same for plain JSON. A text beside a name is judged together with it: `password: …` gives itself away."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {clean_json(name): _beside(name, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def clean_detail(detail: Json) -> Json:
    """The further facts of an answer, redacted."""
    cleaned: Json = clean_json(detail)
    return cleaned


def _beside(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return clean_json(value)
    mark = f"{name}="
    text = redact(mark + value)
    return text[len(mark) :] if text.startswith(mark) else redact(value)


def _with_json(things: Sequence[Observed]) -> Iterator[tuple[Observed, Json]]:
    for thing in things:
        yield thing, thing.to_json()


def _found(data: Json) -> bool:
    """Whether there is anything to redact: one look over all texts of a thing, which is far cheaper than one each."""
    text = "\n".join(_lines(data))
    return redact(text) != text


def _lines(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        yield f"{name}={value}" if name else value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _lines(item)
