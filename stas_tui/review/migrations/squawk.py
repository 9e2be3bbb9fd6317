"""What squawk says about plain SQL, if that program is there; only the rules about locks and downtime are kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

from stas_tui.review.base import Change
from stas_tui.review.migrations.find import Found
from stas_tui.review.migrations.leads import lead
from stas_tui.review.migrations.model import POSTGRESQL, Kind, Op, Revision
from storage.check_records import Lead

KEPT = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-required-field",
        "adding-serial-primary-key-field",
        "ban-concurrent-index-creation-in-transaction",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "require-concurrent-partition-detach",
    }
)
"""Of its rules those about what waits; the others are about style."""

TIME_S = 20.0
MOST = 200


def squawk(change: Change, found: Found, known: set[tuple[str, int]]) -> tuple[list[Lead], str]:
    """(questions about lines that are not in `known`, name and version of the program).

    Without the program, or if it fails, nothing: its rules are a second opinion on ours.
    """
    revisions = [r for p in found.pairs if p.chain.dialect == POSTGRESQL for r in p.introduced if r.sql]
    program = shutil.which("squawk", path=change.environ.get("PATH", os.defpath)) if revisions else None
    if program is None:
        return [], ""
    leads: list[Lead] = []
    for revision in revisions:
        change.step(f"C6: squawk reads {revision.path}")
        leads += _read(program, revision, known)
    return leads[:MOST], _version(program)


def _run(program: str, *arguments: str, text: str = "") -> str:
    try:
        done = subprocess.run(
            [program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_S,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "HOME": "/nonexistent", "NO_COLOR": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _version(program: str) -> str:
    return _run(program, "--version").strip().split("\n")[0][:40]


def _read(program: str, revision: Revision, known: set[tuple[str, int]]) -> list[Lead]:
    said = _run(program, "--reporter", "json", text=revision.sql)
    try:
        entries = json.loads(said or "[]")
    except ValueError:
        return []
    lines = revision.sql.split("\n")
    first = revision.up.line - 1
    found = []
    for entry in entries if isinstance(entries, list) else []:
        rule, at = str(entry.get("rule_name", "")), entry.get("line")
        if rule not in KEPT or not isinstance(at, int) or (revision.path, first + at + 1) in known:
            continue
        code = lines[at].strip() if at < len(lines) else ""
        op = Op(kind=Kind.OTHER, line=first + at + 1, code=code)
        found.append(lead(f"squawk:{rule}", revision, str(entry.get("message", rule)), op=op, accuses=False))
    return found
