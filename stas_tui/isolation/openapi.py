"""What an OpenAPI or Swagger document says of its operations: who is asked for identity, and who is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

LARGEST = 8 * 1024 * 1024
"""Bytes of a document that is read."""
LARGEST_YAML = 2 * 1024 * 1024
"""The same where it is YAML, which takes its time."""
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

Asks = Literal["secured", "optional", "open", "undefined", "silent"]
"""What is asked for: credentials; credentials that may be left out; nothing, as it says so; a scheme that it does not
define; or it says nothing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    path: str
    method: str
    asks: Asks
    id: str = ""
    """Its `operationId`; empty if it has none."""


def parsed(data: str | bytes, *, name: str = "") -> Mapping[str, Any]:
    """A document in JSON, or in YAML. Raises `ValueError` with the reason."""
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1024 // 1024} MB")
    try:
        read = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        if name.endswith(".json"):
            raise ValueError("it is no JSON") from None
        read = _yaml(data)
    if not isinstance(read, dict) or not isinstance(read.get("paths"), dict):
        raise ValueError("it has no paths")  # noqa: TRY004 - what is wrong is the document
    return read


def _yaml(data: str | bytes) -> Any:
    import yaml

    if len(data) > LARGEST_YAML:
        raise ValueError(f"it is no JSON, and for YAML larger than {LARGEST_YAML // 1024 // 1024} MB")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(data, Loader=loader)  # noqa: S506 - both loaders are the safe ones
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError("it is neither JSON nor YAML") from None


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation that the document holds itself; what it refers to elsewhere is left out."""
    everywhere = document.get("security", _NOTHING)
    schemes = _schemes(document)
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(path, str) or not path.startswith("/") or not isinstance(item, dict):
            continue
        for method in METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                id_ = operation.get("operationId")
                asks = _asks(operation.get("security", everywhere), schemes)
                yield Operation(path=path, method=method, asks=asks, id=id_ if isinstance(id_, str) else "")


_NOTHING = object()


def _schemes(document: Mapping[str, Any]) -> frozenset[str]:
    components = document.get("components")
    defined = components.get("securitySchemes") if isinstance(components, dict) else document.get("securityDefinitions")
    return frozenset(name for name in defined if isinstance(name, str)) if isinstance(defined, dict) else frozenset()


def _asks(security: Any, schemes: frozenset[str]) -> Asks:
    """What a `security` entry asks for: one of its requirements is enough, and an empty one asks for nothing."""
    if not isinstance(security, list) or not all(isinstance(one, dict) for one in security):
        return "silent"
    if not security:
        return "open"
    if not all(security):
        return "optional"
    return "secured" if all(name in schemes for one in security for name in one) else "undefined"
