"""A catalogue table by table, as the rules on tenants need it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stas_tui.review.rehearsal.catalogue import Catalogue

_PUBLIC = re.compile(r"^(public|main)\.")
_COLUMNS = re.compile(r"\(((?:[^()]|\([^()]*\))*)\)")


@dataclass(slots=True)
class Policy:
    """A row security policy."""

    name: str
    command: str
    permissive: bool
    using: str
    check: str

    @property
    def text(self) -> str:
        """Both of its conditions."""
        return f"{self.using} {self.check}".strip()


@dataclass(slots=True)
class TableFacts:
    """One table."""

    name: str
    """Without `public.`."""
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    unique: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Constraint or index to its columns; primary keys included."""
    primary: tuple[str, ...] = ()
    references: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Foreign key to (referenced table, own columns)."""
    leads: set[str] = field(default_factory=set)
    """Columns that come first in an index."""
    policies: dict[str, Policy] = field(default_factory=dict)
    secured: bool = False
    forced: bool = False
    public: str = ""
    """What everybody may do with it."""


@dataclass(slots=True)
class Doors:
    """Other ways to rows: name to (attributes)."""

    views: dict[str, dict[str, str]] = field(default_factory=dict)
    definers: dict[str, str] = field(default_factory=dict)
    """Functions that run with their owner's rights, with their text."""


def bare(name: str) -> str:
    """A name without the schema that everybody has, and without quotes."""
    return _PUBLIC.sub("", name.replace('"', ""))


def tables_of(catalogue: Catalogue) -> dict[str, TableFacts]:
    """The tables by name."""
    found: dict[str, TableFacts] = {}
    for key, facts in catalogue.items():
        kind, _, rest = key.partition(" ")
        if kind == "table":
            name = bare(rest)
            found[name] = TableFacts(
                name,
                secured=facts.get("row security") == "on",
                forced=facts.get("forced row security") == "on",
                public=facts.get("grants to PUBLIC", ""),
            )
    for key, facts in catalogue.items():
        kind, _, rest = key.partition(" ")
        if kind == "constraint":
            _constraint(found, rest, facts)
        elif kind in ("column", "policy"):
            table, _, name = rest.rpartition(".")
            if (owner := found.get(bare(table))) is None:
                continue
            if kind == "column":
                owner.columns[name.strip('"')] = dict(facts)
            else:
                owner.policies[name] = Policy(
                    name, facts.get("command", "ALL"), facts.get("kind") == "permissive", facts.get("using", ""),
                    facts.get("with check", ""),
                )  # fmt: skip
        elif kind == "index":
            _index(found, rest, facts)
    return found


def _constraint(found: dict[str, TableFacts], rest: str, facts: dict[str, str] | object) -> None:
    assert isinstance(facts, dict)
    rule = str(facts.get("rule", ""))
    match = re.match(r"(.+?)\.(primary key|unique \(.*\)|foreign key \(.*\))$", rest)
    if match:  # SQLite's constraints have no names
        owner = found.get(bare(match[1]))
        if owner is None:
            return
        what = match[2]
        columns = _split(_COLUMNS.search(what)[1]) if "(" in what else _split(rule)  # type: ignore[index]
        if what.startswith("foreign"):
            target = re.match(r"references (\S+)", rule)
            owner.references[what] = (target[1] if target else "", columns)
            return
        owner.unique[what] = columns
        owner.leads.update(columns[:1])
        if what == "primary key":
            owner.primary = columns
        return
    table, _, name = rest.rpartition(".")
    owner = found.get(bare(table))
    if owner is None:
        return
    if rule.startswith(("PRIMARY KEY", "UNIQUE")):
        inside = _COLUMNS.search(rule)
        owner.unique[name] = _split(inside[1]) if inside else ()
        if rule.startswith("PRIMARY KEY"):
            owner.primary = owner.unique[name]
    elif rule.startswith("FOREIGN KEY"):
        key = re.match(r"FOREIGN KEY \((.*?)\) REFERENCES (\S+?)\(", rule)
        if key:
            owner.references[name] = (bare(key[2]), _split(key[1]))


def _index(found: dict[str, TableFacts], rest: str, facts: object) -> None:
    assert isinstance(facts, dict)
    definition = str(facts.get("definition", ""))
    match = re.search(r"\bON (?:ONLY )?([^\s(]+)\s*(?:USING \w+ )?\((.*)", definition, re.IGNORECASE)
    owner = found.get(bare(match[1])) if match else None
    if match is None or owner is None:
        return
    inside = _COLUMNS.match(f"({match[2]}")
    columns = _split(inside[1]) if inside else ()
    owner.leads.update(columns[:1])
    if re.match(r"CREATE UNIQUE", definition, re.IGNORECASE):
        owner.unique.setdefault(rest.rpartition(".")[2], columns)


def _split(text: str) -> tuple[str, ...]:
    """Columns of a list, without direction, operator class and what is behind INCLUDE."""
    parts, depth, piece = [], 0, ""
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and not depth:
            parts.append(piece)
            piece = ""
        else:
            piece += char
    parts.append(piece)
    return tuple(_first(part) for part in parts if part.strip())


def _first(part: str) -> str:
    part = part.strip()
    return part if "(" in part else part.split()[0].strip('"')


def doors_of(catalogue: Catalogue) -> Doors:
    """Views and functions that may lead around row security."""
    found = Doors()
    for key, facts in catalogue.items():
        for kind in ("materialized view ", "view "):
            if key.startswith(kind):
                found.views[bare(key.removeprefix(kind))] = {**facts, "kind": kind.strip()}
                break
        if key.startswith("function ") and "SECURITY DEFINER" in facts.get("definition", ""):
            found.definers[bare(key.removeprefix("function "))] = facts["definition"]
    return found
