"""Writes docs/configuration.md from the settings themselves (`make docs`)."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stas_tui.config import Settings
from stas_tui.config_explain import submodel
from stas_tui.keys import ACTIONS, SCOPES

HEAD = """\
# Configuration

<!-- Written by `make docs` from the settings themselves; edit the docstrings in stas_tui/config.py instead. -->

Each profile has one file, `stas.toml`; `stas config` prints its path, `stas config --check` says what is wrong in it,
`stas config --show` prints what is in force with secrets masked. `stas init` writes a first one.

A setting comes from, in rising order: its default, the file, a variable of the environment, a flag. The variable's name
is `STAS_` and the setting's path in capitals, joined with two underscores: `STAS_THEME=day`,
`STAS_GATES__ASK_TTL_HOURS=8`. Lists and tables are written as JSON: `STAS_COLUMNS='["Review"]'`. A variable replaces a
whole list, and one entry of a table.

Two more variables choose the file: `STAS_PROFILE` names the profile, and `STAS_HOME` puts everything of Stas into one
folder (also `--profile` and `--home`). Without them, files lie where the platform keeps a user's data, on Linux in
`~/.local/share/stas/profiles/NAME/`.

Anything Stas does not know is refused with the file, the line and the nearest name. A name for the agent is the only
setting without a default: the routine's `AGENT_NAME`.
"""


def described(model: type[BaseModel]) -> dict[str, str]:
    """The sentence under each field of a model, read from its source: no start of Stas needs them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in itertools.pairwise(body.body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## At the top of the file\n", _table(Settings, ()), *_tables(Settings, ()), _keys()]
    return "\n".join(parts)


def _tables(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below, many = submodel(field.annotation)
        if below is None:
            continue
        here = (*path, name)
        dotted = ".".join(here)
        yield f"## `[[{dotted}]]`, any number\n" if many else f"## `[{dotted}]`\n"
        about = (below.__doc__ or "").split("`: ", 1)[-1].strip()
        yield f"{about[:1].upper()}{about[1:]}\n"
        yield _table(below, here)
        yield from _tables(below, here)


def _table(model: type[BaseModel], path: tuple[str, ...]) -> str:
    rows = ["| setting | default | what it is |", "| --- | --- | --- |"]
    sentences = described(model)
    for name, field in model.model_fields.items():
        if submodel(field.annotation)[0] is None:
            what = " ".join(sentences[name].split()).replace("|", "\\|")
            rows.append(f"| `{name}` | {_default(path, name, field)} | {what} |")
    return "\n".join(rows) + "\n"


def _default(path: tuple[str, ...], name: str, field: FieldInfo) -> str:
    if path == () and name == "mode":
        return "see right"
    if path == () and name == "profile":
        return "the folder's name"
    value: Any = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _keys() -> str:
    lines = [
        "## `[keymap]`\n",
        'An action\'s id, in quotation marks, and its keys: `"list.filter" = "f,/"`. Enter, space, escape and',
        "lower-case letters can never approve; escape in a gate always defers.\n",
        "| where | action | keys | what it does |",
        "| --- | --- | --- | --- |",
    ]
    for action in ACTIONS:
        keys = " ".join(f"`{key}`" for key in action.keys)
        fixed = " Fixed." if action.fixed else ""
        lines.append(f"| {SCOPES[action.scope]} | `{action.id}` | {keys} | {action.tooltip}{fixed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
