"""What migrations do to data and to the way back, read from their syntax tree: for the rollback row (R48, R64, D13).

A diff holds the files whole that it adds; of any other file, and of what is not understood, nothing is said here, and
it is searched for words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from stas_tui.texts.kinds import FileKind, kind_of
from stas_tui.texts.lines import one_line
from storage.check_records import Lead
from storage.records import Changes, Evidence

MOST_NAMED = 5
MOST_READ = 200
"""Migrations of one change that are read; the others are searched for words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMigrations:
    """What was read."""

    destroyed: tuple[Evidence, ...] = ()
    """Data that goes wherever there is some."""
    one_way: tuple[Evidence, ...] = ()
    """Where a migration has no way back."""
    judged: frozenset[tuple[str, int]] = frozenset()
    """(path, line) that need no search for words."""
    rest: str = ""
    """Of a plan: the lines that do."""


def of_changes(changes: Changes) -> ReadMigrations:
    """The migrations that a change adds."""
    added = ((path, text) for path, text in _added(changes) if kind_of(path) is FileKind.MIGRATION)
    files = dict(islice(added, MOST_READ))
    if not files:
        return ReadMigrations()
    from stas_tui.review.migrations.triage import triage_files

    found = triage_files(files)
    return ReadMigrations(destroyed=_places(found.lost), one_way=_places(found.one_way), judged=found.judged)


def of_plan(words: str, task_id: str) -> ReadMigrations:
    """The SQL in a plan's fenced blocks."""
    if "```" not in words and "~~~" not in words:
        return ReadMigrations(rest=words)
    from stas_tui.review.migrations.triage import triage_text

    found = triage_text(words)
    destroyed = tuple(
        Evidence(kind="task", ref=task_id, text=one_line(f"the plan {_sentence(lead)}", 120)) for lead in found.lost
    )
    judged = {line for _, line in found.judged}
    rest = "\n".join(line for n, line in enumerate(words.split("\n"), 1) if n not in judged)
    return ReadMigrations(destroyed=destroyed[:MOST_NAMED], rest=rest)


def _places(leads: tuple[Lead, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(kind="file", ref=lead.place, text=one_line(f"{lead.place} {_sentence(lead)}", 160))
        for lead in leads[:MOST_NAMED]
    )


def _sentence(lead: Lead) -> str:
    """The lead's text without the revision that it begins with."""
    return lead.text.partition(": ")[2] or lead.text


def _added(changes: Changes) -> Iterator[tuple[str, str]]:
    """(path, text) of each added file that the diff holds whole."""
    lengths = {file.path: file.insertions for file in changes.files if file.status == "A"}
    lines: list[str] = []
    path, new = "", False
    for line in [*changes.patch.split("\n"), "diff --git "]:
        if line.startswith("diff --git "):
            if path and lengths.get(path) == len(lines):
                yield path, "\n".join(lines)
            path, lines, new = "", [], False
        elif not path and line == "--- /dev/null":
            new = True
        elif not path and new and line.startswith("+++ "):
            path = line[4:].removeprefix("b/").split("\t")[0]
        elif path and line.startswith("+"):
            lines.append(line[1:])
