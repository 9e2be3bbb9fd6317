"""What a plan or a diff says about migrations, by reading alone: for gates that must answer at once (R48, R64, D13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stas_tui.review.migrations.alembic_file import looks_like_revision, read_revision
from stas_tui.review.migrations.data import Loss, losing
from stas_tui.review.migrations.find import Pair
from stas_tui.review.migrations.leads import lead
from stas_tui.review.migrations.model import Chain, Kind, Revision, Way
from stas_tui.review.migrations.plain_sql import File, by_folder, chain_of, guess_dialect
from stas_tui.review.migrations.rollback import ONE_WAY, judged
from stas_tui.review.migrations.sql_ops import ops_of_text
from storage.check_records import Lead

MOST_FILES = 200
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_PLANS = re.compile(
    r"\b(schema|database|db|alembic|django|sql)\s+migrations?\b|\bmigrations?/|\b(add|drop|rename|alter)(s|ing)?\s+"
    r"(a\s+|the\s+)?(new\s+)?(table|column|index|constraint|enum)\b|\balembic\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Triage:
    """The short answer about migrations."""

    schema: bool
    """Whether a schema migration is part of it; D13 then wants a person's recorded yes."""
    reversible: bool | None
    """False if a way down is missing or declared impossible; None if nobody can tell by reading. Never True."""
    leads: tuple[Lead, ...] = ()
    """Places, gravest rules first."""
    why: str = ""
    """One clause."""
    one_way: tuple[Lead, ...] = ()
    """Places that say that nobody means a migration to be undone."""
    lost: tuple[Lead, ...] = ()
    """Operations that lose data wherever there is some; those that often lose none are among `leads` only."""
    judged: frozenset[tuple[str, int]] = frozenset()
    """(path, line from 1) of operations of which is known whether they lose something; of a plan the path is `plan`."""


def triage_files(files: Mapping[str, str], base: Mapping[str, str] | None = None) -> Triage:
    """New and changed files of a diff by path, and those of before that are known.

    `base` may be empty: then each file is judged for itself.
    """
    pairs = list(_pairs(dict(files), dict(base or {})))
    if not pairs:
        return Triage(schema=False, reversible=None, why="no migration among the files")
    leads: list[Lead] = []
    lost: list[Lead] = []
    lines = _Lines()
    revisions = 0
    for pair in pairs:
        for revision, said, _ in judged(pair):
            leads += said
            revisions += 1
            lines.add(revision)
        for _, losses, _ in losing(pair):
            leads += map(_lossy, losses)
            lost += map(_lossy, filter(_sure, losses))
    leads.sort(key=lambda one: (one.rule not in ONE_WAY, not one.accuses))
    one_way = [one for one in leads if one.rule in ONE_WAY and one.accuses]
    why = (
        one_way[0].text
        if one_way
        else leads[0].text
        if leads
        else f"no lead in {revisions} revisions, by reading alone"
    )
    return Triage(
        schema=True,
        reversible=False if one_way else None,
        leads=tuple(leads),
        why=why,
        one_way=tuple(one_way),
        lost=tuple(lost),
        judged=lines.judged,
    )


def triage_text(text: str) -> Triage:
    """A plan's text: whether it announces a schema migration, and what the SQL in its fenced blocks would lose."""
    leads: list[Lead] = []
    lost: list[Lead] = []
    lines = _Lines()
    acts = False
    for block in _FENCE.finditer(text):
        language, body = block[2].lower(), block[3]
        if language not in ("sql", "postgresql", "psql", "sqlite", ""):
            continue
        line = text.count("\n", 0, block.start(3)) + 1
        ops = ops_of_text(body, guess_dialect([body]), line)
        if language == "" and any(op.kind is Kind.UNCLEAR for op in ops):
            continue
        acts = acts or any(op.kind not in _HARMLESS for op in ops)
        revision = Revision(id="plan", path="plan", up=Way(ops=ops, line=line))
        pair = Pair(None, Chain(framework="plan", folder="", revisions={"plan": revision}))
        lines.add(revision)
        for _, losses, _ in losing(pair):
            leads += map(_lossy, losses)
            lost += map(_lossy, filter(_sure, losses))
    planned = _PLANS.search(text)
    if not acts and planned is None:
        return Triage(schema=False, reversible=None, why="the text announces no schema migration", judged=lines.judged)
    why = leads[0].text if leads else "the text announces a schema migration"
    if not leads and planned is not None:
        why = f"the text says “{' '.join(planned.group().split())}”"
    return Triage(schema=True, reversible=None, leads=tuple(leads), why=why, lost=tuple(lost), judged=lines.judged)


class _Lines:
    """Lines of operations. One is judged if everything in it was read, and what it means for rows is known."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()
        self._open: set[tuple[str, int]] = set()

    def add(self, revision: Revision) -> None:
        for path, way in ((revision.path, revision.up), (revision.place, revision.down)):
            # whether a table is there is not known without the migrations of before
            maybe = {op.table for op in way.ops if op.only_if}
            for op in way.ops:
                sure = op.kind in _JUDGED and op.table not in maybe
                (self._known if sure else self._open).add((path, op.line))

    @property
    def judged(self) -> frozenset[tuple[str, int]]:
        return frozenset(self._known - self._open)


_JUDGED = frozenset(
    {
        *(Kind.CREATE_TABLE, Kind.DROP_TABLE, Kind.RENAME_TABLE, Kind.ADD_COLUMN, Kind.DROP_COLUMN, Kind.RENAME_COLUMN),
        *(Kind.ALTER_COLUMN, Kind.CREATE_INDEX, Kind.DROP_INDEX, Kind.ADD_CONSTRAINT, Kind.DROP_CONSTRAINT),
        *(Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.TRUNCATE),
    }
)
_HARMLESS = frozenset({Kind.OTHER, Kind.SET, Kind.LOCK, Kind.UNCLEAR, Kind.INSERT, Kind.UPDATE, Kind.DELETE})


def _lossy(loss: Loss) -> Lead:
    return lead(loss.rule, loss.revision, loss.text, op=loss.op, accuses=False, severity="crit")


def _sure(loss: Loss) -> bool:
    """Whether it loses data wherever there is some. PostgreSQL refuses a value that is too long for a narrowed type."""
    return not loss.asks and loss.rule != "narrow"


def _pairs(files: dict[str, str], base: dict[str, str]) -> Iterator[Pair]:
    folders: dict[str, tuple[dict[str, Revision], dict[str, Revision]]] = {}
    for texts, at in ((base, 0), ({**base, **files}, 1)):
        for path, text in list(texts.items())[: MOST_FILES * 20]:
            if path.endswith(".py") and looks_like_revision(text):
                revision = read_revision(path, text, str(hash(text)))
                if revision is not None:
                    folders.setdefault(path.rpartition("/")[0], ({}, {}))[at][revision.id] = revision
    for folder, (old, new) in folders.items():
        yield Pair(
            Chain(framework="alembic", folder=folder, revisions=old),
            Chain(framework="alembic", folder=folder, revisions=new),
        )
    for folder, paths in by_folder({**base, **files}).items():
        if not any(path in files for path in paths):
            continue
        old_files = [File(path, str(hash(base[path])), base[path]) for path in paths if path in base]
        all_texts = {**base, **files}
        new_files = [File(path, str(hash(all_texts[path])), all_texts[path]) for path in paths]
        dialect = guess_dialect(file.text for file in new_files)
        yield Pair(chain_of(folder, old_files, dialect) if old_files else None, chain_of(folder, new_files, dialect))
