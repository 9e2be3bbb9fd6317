"""Outside text on its way into the record: every string of a JSON value without its secrets (R82)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from storage.redact import redact

_T = TypeVar("_T")


def clean(value: _T) -> _T:
    """The same JSON value with secrets redacted in all its strings; keys are ours and stay, tuples become lists."""
    return cast(_T, _each(value, redact))


def as_json(value: _T) -> _T:
    """The same value as JSON would hold it: what `clean` gives if nothing looks like a secret."""
    return cast(_T, _each(value, lambda text: text))


def _each(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each(item, change) for item in value]
    return value
