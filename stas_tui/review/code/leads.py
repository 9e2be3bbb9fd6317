"""Which leads a change introduced, and which of them stand on its lines."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from stas_tui.isolation.code import ON_A_CHANGE, introduced, scan_source
from stas_tui.review.base import Change, ChangedFile
from storage.check_records import Lead
from storage.errors import StoreError

LARGEST = 2 * 1024 * 1024
"""Bytes of a file in which lines of the change are looked for."""


def introduced_leads(change: Change, files: Sequence[ChangedFile]) -> list[Lead]:
    """What the head has and the base had not, accusations first. Raises `ForgeError`, `Cancelled`.

    A rule accuses where it stands on lines of the change and the tenancy is declared. What appeared elsewhere, because
    a model or a helper changed, asks; so does everything without a declared tenancy.
    """
    changed = {file.path: file for file in files}
    found = []
    for lead in _found(change):
        file = changed.get(lead.path)
        if file is None and lead.severity == "note":
            continue
        here = file is not None and stands_on(change, file, lead)
        accuses = change.tenancy is not None and here and (lead.accuses or lead.rule in ON_A_CHANGE)
        severity = "crit" if accuses and lead.accuses else "warn"
        found.append(replace(lead, accuses=accuses, severity=severity))
    return sorted(found, key=lambda lead: (not lead.accuses, lead.severity != "crit", lead.path, lead.line))


def _found(change: Change) -> list[Lead]:
    renamed = {file.path: file.old_path for file in change.files if file.old_path}
    try:
        leads = introduced(change.base, change.head, change.tenancy, change.scans, step=change.step)
    except StoreError:
        leads = introduced(change.base, change.head, change.tenancy, None, step=change.step)
    return [lead for lead in leads if not _moved(change, lead, renamed)]


def _moved(change: Change, lead: Lead, renamed: dict[str, str]) -> bool:
    """Whether a lead was there before, in a file of another name."""
    old = renamed.get(lead.path)
    if old is None:
        return False
    before = change.base.read(old)
    if before is None:
        return False
    known = {replace(one, path=lead.path).fingerprint for one in scan_source(old, before, change.tenancy)}
    return lead.fingerprint in known


def stands_on(change: Change, file: ChangedFile, lead: Lead) -> bool:
    """Whether a lead's function, or its line outside of any, is new or was changed. Raises `ForgeError`.

    A filter that was taken away leaves no line of its own: so what counts is that the function differs.
    """
    if not file.before:
        return True
    head, base = change.head.read(file.path), change.base.read(file.before)
    if head is None or base is None or len(head) > LARGEST:
        return True
    after, before = _text(head), _text(base)
    span = next(iter(_around(after, lead.line)), None) if file.path.endswith(".py") else None
    if span is None:
        if any(number == lead.line for number, _ in file.added):
            return True
        line = after.split("\n")[lead.line - 1 : lead.line]
        return not line or line[0] not in before.split("\n")
    segment = "\n".join(after.split("\n")[span[0] - 1 : span[1]])
    return _flush(segment) not in _flush(before)


def _around(source: str, line: int) -> Iterator[tuple[int, int]]:
    """(first, last line) of the smallest function around a line, its decorators included."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if first <= line <= (node.end_lineno or node.lineno):
                spans.append((first, node.end_lineno or node.lineno))
    yield from sorted(spans, key=lambda span: span[1] - span[0])[:1]


def _flush(text: str) -> str:
    """A text without indentation: a function that only moved in or out is the same."""
    return "\n".join(line.strip() for line in textwrap.dedent(text).split("\n"))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def unread(change: Change, files: Sequence[ChangedFile]) -> list[str]:
    """Changed Python files that are not understood. Raises `ForgeError`."""
    found = []
    for file in files:
        data = change.head.read(file.path) if file.path.endswith(".py") else None
        if data is None:
            continue
        try:
            ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found.append(file.path)
    return found
