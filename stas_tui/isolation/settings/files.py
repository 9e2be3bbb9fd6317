"""Names of settings with hashes of their values, from env, TOML, JSON, YAML and compose files; no value is kept."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stas_tui.isolation.base import World

LARGEST = 1024 * 1024
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")
_HOLDER = re.compile(r"\{(tenant|environment)\}")


@dataclass(frozen=True, slots=True)
class Read:
    """One file: names to hashes, and whether it is the deployed one (an absolute path) or a commit's."""

    path: str
    names: Mapping[str, str]
    deployed: bool
    trouble: str = ""


def read(world: World, template: str, *, tenant: str = "", environment: str = "") -> Read:
    """A declared file, filled for a tenant and an environment. What is wrong with it is `trouble`, a clause."""
    path = _HOLDER.sub(lambda match: tenant if match[1] == "tenant" else environment, template)
    where = Path(path).expanduser()
    deployed = where.is_absolute()
    try:
        data = _content(world, path, where, deployed=deployed)
        return Read(path, dict(_names(path, data)), deployed)
    except FileNotFoundError:
        return Read(path, {}, deployed, "is not there")
    except OSError as error:
        return Read(path, {}, deployed, f"cannot be read: {(error.strerror or 'no reason given').lower()}")
    except (ValueError, RecursionError):
        return Read(path, {}, deployed, "is not in a form that can be read")


def _content(world: World, path: str, where: Path, *, deployed: bool) -> str:
    if deployed:
        with where.open("rb") as file:
            data = file.read(LARGEST + 1)
    else:
        found = world.tree.read(path) if world.tree is not None else None
        if found is None:
            raise FileNotFoundError(path)
        data = found
    if len(data) > LARGEST:
        raise ValueError("too large")
    return data.decode("utf-8-sig")


def _names(path: str, text: str) -> Iterator[tuple[str, str]]:
    name = path.rpartition("/")[2].lower()
    if name.endswith(".json"):
        yield from _flat(json.loads(text))
    elif name.endswith(".toml"):
        yield from _flat(tomllib.loads(text))
    elif name.endswith((".yml", ".yaml")):
        yield from _yaml(text)
    else:
        for line in text.splitlines():
            if not line.lstrip().startswith("#") and (match := _ENV_LINE.match(line)):
                yield match[1], hashed(match[2].strip("\"'"))


def _yaml(text: str) -> Iterator[tuple[str, str]]:
    import yaml

    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
    services = read.get("services") if isinstance(read, dict) else None
    if isinstance(services, dict):
        for service in services.values():
            environment = service.get("environment") if isinstance(service, dict) else None
            if isinstance(environment, list):
                environment = dict(str(item).partition("=")[::2] for item in environment)
            for key, value in environment.items() if isinstance(environment, dict) else ():
                yield str(key), hashed(value)
        return
    yield from _flat(read)


def _flat(value: Any, before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 20:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{before}.{key}" if before else str(key), depth + 1)
    elif before:
        yield before, hashed(value)


def hashed(value: object) -> str:
    """What tells two values apart without keeping one; empty for an empty value."""
    text = "" if value is None else str(value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""
