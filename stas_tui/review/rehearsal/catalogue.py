"""What a database consists of, by name, and how two of them differ in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

Catalogue = Mapping[str, Mapping[str, str]]
"""Object (`table public.invoice`, `column public.invoice.id`) to its attributes."""

BOOKKEEPING = (
    "alembic_version",
    "schema_migrations",
    "goose_db_version",
    "gorp_migrations",
    "flyway_schema_history",
    "sqlite_sequence",
)
"""Tables in which runners note what was applied: no part of what is compared."""

LONGEST_VALUE = 160
_PUBLIC = re.compile(r"(?<![\w.\"])public[.]")


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute of one object, before and after; empty for «not there»."""

    object: str
    attribute: str
    before: str
    after: str

    def text(self, words: Words) -> str:
        """In a sentence, e.g. `column invoice.note: nullable was yes and is no after its way down`."""
        name = shown(self.object)
        if not self.attribute:
            return f"{name} {words.gone if self.before else words.come}"
        if self.attribute == "labels" and (one := self._labels(words, name)):
            return one
        if max(len(self.before), len(self.after)) > LONGEST_VALUE:
            return f"{name}: {self.attribute} {words.other}"
        return f"{name}: {self.attribute} {words.was} {_short(self.before)} and is {_short(self.after)}{words.end}"

    def _labels(self, words: Words, name: str) -> str:
        """Which labels of an enum differ; empty if only their order does."""
        old, new = (re.findall(r"'(?:[^']|'')*'", text) for text in (self.before, self.after))
        gone = [f"label {label} of {name} {words.gone}" for label in old if label not in new]
        come = [f"label {label} of {name} {words.come}" for label in new if label not in old]
        return "; ".join([*gone, *come])


@dataclass(frozen=True, slots=True)
class Words:
    """How a comparison is told."""

    gone: str
    come: str
    other: str
    was: str
    end: str


BACK = Words("is not put back", "stays behind", "is another one after its way down", "was", " after its way down")
AGAIN = Words(
    "is missing after the second way up",
    "is there after the second way up only",
    "is another one after the second way up",
    "was",
    " after the second way up",
)
LIVE = Words(
    "is missing in the live database",
    "is in the live database and in no migration",
    "is another one in the live database",
    "is, by the migrations,",
    " in the live database",
)


def shown(name: str) -> str:
    """An object's name without the schema that everybody has."""
    kind, _, rest = name.partition(" ")
    return f"{kind} {_PUBLIC.sub('', rest)}" if rest else name


def _short(value: str) -> str:
    line = _PUBLIC.sub("", " ".join(value.split())) or "nothing"
    return line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 1]}…"


@lru_cache(maxsize=4)
def _query(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


def read_postgres(
    connection: psycopg.Connection[tuple[Any, ...]], *, roles: bool = False, without: Iterable[str] = ()
) -> dict[str, dict[str, str]]:
    """The catalogue of a PostgreSQL database, without bookkeeping. Raises `psycopg.Error`."""
    connection.execute(b"set local search_path = pg_catalog")
    rows = connection.execute(_query("catalogue_postgres.sql")).fetchall()
    if roles:
        rows += connection.execute(_query("roles_postgres.sql")).fetchall()
    return gathered(rows, without)


def gathered(rows: Iterable[tuple[Any, ...]], without: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Rows of (object, attribute, value) as a catalogue; bookkeeping tables with their parts are left out."""
    names = {*BOOKKEEPING, *without}
    ours: dict[str, dict[str, str]] = {}
    left_out: set[str] = set()
    for name, attribute, value in rows:
        if _books(name, names):
            left_out.add(name)
            continue
        ours.setdefault(name, {})[attribute] = value
    indexes = {
        name
        for name, facts in ours.items()
        if name.startswith("index ")
        and any(re.search(rf"\bON (ONLY )?(\w+\.)?{n} ", facts.get("definition", "")) for n in names)
    }
    sequences = {
        name
        for name, facts in ours.items()
        if name.startswith("sequence ") and any(f"{n}." in facts.get("owned by", "") for n in names)
    }
    return {name: facts for name, facts in ours.items() if name not in indexes | sequences}


def _books(name: str, names: set[str]) -> bool:
    kind, _, rest = name.partition(" ")
    if kind not in ("table", "column", "constraint", "trigger", "policy"):
        return False
    parts = rest.split(".")
    return bool(names & set(parts[:2] if kind == "table" else parts[:-1]))


def differences(before: Catalogue, after: Catalogue) -> list[Difference]:
    """Every difference, by name; parts of an object that came or went as a whole are left out."""
    found: list[Difference] = []
    gone = before.keys() - after.keys()
    come = after.keys() - before.keys()
    for names, was in ((gone, True), (come, False)):
        for name in sorted(names):
            if not _inside(name, names, before if was else after):
                found.append(Difference(name, "", "there" if was else "", "" if was else "there"))
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        for attribute in sorted(old.keys() | new.keys()):
            a, b = old.get(attribute, ""), new.get(attribute, "")
            if a != b:
                found.append(Difference(name, attribute, a, b))
    return found


def _inside(name: str, names: set[str] | frozenset[str], catalogue: Catalogue) -> bool:
    """Whether the table of an object came or went with it."""
    kind, _, rest = name.partition(" ")
    table = rest.rpartition(".")[0]
    if kind in ("column", "constraint", "trigger", "policy", "rule"):
        return any(f"{word} {table}" in names for word in ("table", "view", "materialized view", "foreign table"))
    if kind == "index":
        match = re.search(r"\bON (?:ONLY )?(\S+) ", catalogue[name].get("definition", ""))
        return _same_constraint(name, names) or (match is not None and f"table {match[1]}" in names)
    if kind == "sequence":
        owner = catalogue[name].get("owned by", "").rpartition(".")[0]
        return bool(owner) and any(f"table {schema}{owner}" in names for schema in ("", "public."))
    return False


def _same_constraint(name: str, names: set[str] | frozenset[str]) -> bool:
    """Whether an index only serves a constraint of the same name that is named already."""
    own = name.partition(" ")[2].rpartition(".")[2]
    return any(other.startswith("constraint ") and other.rpartition(".")[2] == own for other in names)
