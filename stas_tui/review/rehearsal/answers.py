"""What a step in the jail came to, and whether its failure says something about the migration or about our means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stas_tui.review.migrations.leads import said

OTHER_PYTHON = "name an interpreter that has it as `[project.rehearse] python`"
OWN_SERVER = "name a server of your own as `[project.rehearse] server`, whose account may do that"

_MEANS = ("08", "28", "53", "57", "58", "F0", "XX")
"""Classes of PostgreSQL's codes that are about the server: connection, login, room, shutdown, system, bug."""
_NO_RIGHT, _NOT_SUPPORTED, _NO_SUCH_OBJECT = "42501", "0A000", "58P01"


@dataclass(frozen=True, slots=True)
class Step:
    """One way up or down as it went."""

    ok: bool
    statements: tuple[str, ...] = ()
    error: str = ""
    """In a sentence, redacted; empty if it went well."""
    means: str = ""
    """Why the failure says nothing about the migration, and what to do; empty if it does."""
    line: int = 0
    """Line of the migration's file in which it failed; 0 if that is not known."""
    dialect: str = ""
    """Set if `env.py` wants another kind of database."""


def step_of(answer: Mapping[str, Any], file: str = "") -> Step:
    """The child's answer in words; `file` is the migration's path in the tree."""
    statements = tuple(said(str(text), 500) for text in answer.get("statements", ()))
    if "error" not in answer:
        return Step(True, statements)
    kind, code = str(answer.get("class", "")), str(answer.get("sqlstate", ""))
    words = said(str(answer["error"]).strip().split("\n", 1)[0], 240)
    words = re.sub(r" (object )?at 0x[0-9a-f]+", "", words)
    error = f"{kind}: {words}" if words else kind
    places = answer.get("places", ())
    line = next((int(at) for name, at in reversed(places) if file and str(name).endswith(f"/{file}")), 0)
    return Step(False, statements, error, _means(answer, error, kind, code), line, str(answer.get("dialect", "")))


def _means(answer: Mapping[str, Any], error: str, kind: str, code: str) -> str:
    bases = set(answer.get("bases", ()))
    if answer.get("dialect"):
        return f"its environment wants another database ({said(str(answer['dialect']), 60)})"
    if "ImportError" in bases:
        missing = (
            "the project's migrations cannot be loaded"
            if answer.get("phase") == "load"
            else "a migration cannot be run"
        )
        return f"{missing}: {error}; {OTHER_PYTHON}"
    if "OperationalError" in bases and not code and not answer.get("statements"):
        return f"the scratch database could not be reached: {error}"
    if answer.get("phase") == "load":
        return f"the project's Alembic environment cannot be loaded: {error}; `[project.rehearse]` names what it needs"
    if code == _NO_RIGHT:
        return f"the rehearsal's account may not do that ({error}); {OWN_SERVER}"
    if code == _NO_SUCH_OBJECT or (code == _NOT_SUPPORTED and "extension" in error):
        return f"the scratch server lacks something ({error}); install it, or {OWN_SERVER}"
    if code[:2] in _MEANS:
        return f"the scratch server failed: {error}"
    if kind == "KeyError" and any(str(name).endswith("/os.py") for name, _ in answer.get("places", ())):
        return f"a variable of the environment is missing: {error}; set it in `[project.rehearse] env`"
    if bases & {"ConnectionError", "TimeoutError", "gaierror", "OSError"} and not code:
        return f"it reaches for something outside of the database, which a rehearsal does not allow ({error})"
    return ""
