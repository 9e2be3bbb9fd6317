"""Reads a tenancy file; what is wrong with it is said in sentences with file and line."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from stas_tui.config_errors import ConfigError, ConfigMissing, broken_toml, lines_of
from stas_tui.config_explain import Explainer
from stas_tui.isolation.declared import Tenancy

LARGEST = 4 * 1024 * 1024
"""Bytes of a tenancy file."""


def load(file: Path) -> Tenancy:
    """What a tenancy file declares. Raises `ConfigMissing` if there is none, `ConfigError` for anything wrong in it."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigMissing(f"There is no tenancy file {file}.", "`stas tenancy init` drafts one.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Check its permissions.") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{file} is longer than {LARGEST // 1024 // 1024} MiB.", "It declares names, not data.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}, line {line}: the text is not UTF-8.", "Save the file as UTF-8.") from None
    return load_text(text, file)


def load_text(text: str, file: Path) -> Tenancy:
    """What a text declares; `file` is what sentences call it. Raises `ConfigError`."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(*broken_toml(text, file, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply.", "Three levels of tables are the most.") from None
    try:
        return Tenancy(**written)
    except ValidationError as error:
        problems = Explainer(Tenancy, file, lines_of(text), {}).sentences(error)
        raise ConfigError("\n".join(problems), "docs/tenancy.md lists every setting.") from None
