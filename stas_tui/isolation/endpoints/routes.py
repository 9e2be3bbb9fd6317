"""The routes that are probed: those of the OpenAPI document and those that the tenancy file names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stas_tui.isolation.declared import Api
from stas_tui.isolation.endpoints.asking import Asker, Stopped, placeholders
from stas_tui.isolation.openapi import operations, parsed
from stas_tui.web import WebError

MOST_ROUTES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One route that answers GET."""

    path: str
    secured: bool | None = None
    """Whether the document says that it asks for identity; None if it says nothing."""
    open: str = ""
    """Why anybody may read it, by declaration."""
    parent: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What its placeholders stand for."""
        return tuple(placeholders(self.path))


@dataclass(slots=True)
class Routes:
    """All routes, and why the document could not be read."""

    routes: list[Known] = field(default_factory=list)
    trouble: str = ""

    @property
    def lists(self) -> list[Known]:
        """Routes without a placeholder that are not open."""
        return [route for route in self.routes if not route.kinds and not route.open]

    def objects(self, kind: str) -> list[Known]:
        """Routes that show one object of a kind by its id alone."""
        return [route for route in self.routes if route.kinds == (kind,) and not route.open]


def routes_of(asker: Asker, api: Api, root: Path | None) -> Routes:
    """Declared routes first, then those of the document; each path once. Raises `Cancelled`."""
    found = Routes()
    known: dict[str, Known] = {}
    for route in api.route:
        why = (route.reason or "declared open") if route.open else ""
        known[route.path] = Known(path=route.path, open=why, parent=route.parent)
    if api.openapi:
        try:
            document = _document(asker, api, root)
        except (WebError, Stopped, OSError, ValueError) as error:
            found.trouble = f"the OpenAPI document could not be read ({str(error)[:120]})"
            document = {}
        for operation in _operations(document):
            known.setdefault(operation.path, operation)
    found.routes = list(known.values())[:MOST_ROUTES]
    return found


def _document(asker: Asker, api: Api, root: Path | None) -> Mapping[str, Any]:
    file = Path(api.openapi)
    if file.is_absolute() and file.is_file():
        text = file.read_text("utf-8")
    elif root is not None and not api.openapi.startswith("/") and (root / file).is_file():
        text = (root / file).read_text("utf-8")
    else:
        seen = asker.get(api.openapi, None)
        if not seen.shown:
            raise ValueError(f"status {seen.status}")
        text = seen.text
    return parsed(text, name=api.openapi)


def _operations(document: Mapping[str, Any]) -> Iterator[Known]:
    says = {"secured": True, "undefined": True, "optional": False, "open": False}
    for operation in operations(document):
        if operation.method == "get":
            yield Known(path=operation.path, secured=says.get(operation.asks))
