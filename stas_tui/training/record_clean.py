"""What comes out of a record into a lesson: texts without secrets, names that a lesson can use. Pure."""

from __future__ import annotations

import re
from typing import Any

from stas_tui.health.border import clean_json
from storage.canonical import tame, well_formed
from storage.records import Json
from storage.redact import redact

LINE, TEXT = 300, 18_000
_NO_REF = re.compile(r"[^A-Za-z0-9_-]+")


def clean(text: object, limit: int = TEXT) -> str:
    """A text from the record: without secrets, printable by TOML, cut to the limit."""
    whole = redact(well_formed(str(text))).replace("\x00", "\ufffd")
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def clean_line(text: object, limit: int = LINE, *, otherwise: str = "unnamed") -> str:
    """The same on one line, never empty."""
    flat = " ".join(clean(text, TEXT).split()) or otherwise
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


class Refs:
    """Names of a lesson for ids of the record: letters, digits, `_` and `-`, each once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, id_: str) -> str:
        """The name of an id, the same every time."""
        if id_ not in self._known:
            plain = _NO_REF.sub("-", redact(well_formed(id_))).strip("-")[:36] or "x"
            name = plain if plain[0].isalpha() else f"r-{plain[:34]}"
            taken = set(self._known.values())
            new = name
            for n in range(2, 10_000):
                if new not in taken:
                    break
                new = f"{name[:34]}-{n}"
            self._known[id_] = new
        return self._known[id_]

    def known(self, id_: str) -> str:
        """The name of an id that has one; empty otherwise."""
        return self._known.get(id_, "")


def arguments(args: Json) -> Json:
    """What was asked for, without secrets, as a lesson can hold it: no empty values, nothing that is no JSON."""
    kept: Json = _kept(clean_json(tame(args)), 0)
    return kept


def _kept(value: Any, depth: int) -> Any:
    if depth > 6:
        return clean(str(value), LINE)
    if isinstance(value, dict):
        return {clean_line(name, 80): _kept(item, depth + 1) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_kept(item, depth + 1) for item in value if item is not None]
    return clean(value) if isinstance(value, str) else value
