"""A database as far as migrations let one infer it: what they made, changed and removed, never what was really there.

What is not known stays unknown. Objects are named `table t`, `column t.c`, `constraint t.n`, `index n`, `type n` etc.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stas_tui.review.migrations.model import NOT_KNOWN, POSTGRESQL, Kind, Op
from stas_tui.review.migrations.names import canonical_default, canonical_rule, given_name, needs_using

Facts = dict[str, object]
MAYBE_MADE, MAYBE_TAKEN = "maybe made", "maybe taken"
"""An object that was touched under a condition, so that nobody knows whether it was there before."""
_RLS = {
    "enable": ("enabled", True),
    "disable": ("enabled", False),
    "force": ("forced", True),
    "no force": ("forced", False),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that an operation would run into, or that differs afterwards."""

    rule: str
    text: str
    op: Op | None = None
    sure: bool = True
    """False if it rests on something that was not understood."""


@dataclass(slots=True)
class Sketch:
    """Objects by name: their facts, or None for one that is known to be missing."""

    known: dict[str, Facts | None] = field(default_factory=dict)
    dialect: str = POSTGRESQL
    first: dict[str, Facts | str | None] | None = None
    """What touched objects were before, while somebody watches; a text for those of which nobody knows."""
    faults: list[Fault] = field(default_factory=list)
    hazy: str = ""
    """What was not understood since somebody watches; empty if everything was."""
    hazy_before: str = ""

    def watch(self) -> None:
        """Remember from now on what each touched object was before."""
        self.first = {}
        self.faults = []
        self.hazy_before = self.hazy_before or self.hazy
        self.hazy = ""

    def keep(self) -> dict[str, Facts | None]:
        """A copy of everything known, to come back to by assigning it to `known`."""
        return {key: dict(facts) if facts is not None else None for key, facts in self.known.items()}

    def apply_all(self, ops: Iterable[Op]) -> None:
        """Apply operations in order."""
        for op in ops:
            self.apply(op)

    def apply(self, op: Op) -> None:
        """Do to the sketch what an operation does to a database."""
        match op.kind:
            case Kind.CREATE_TABLE:
                if self._make(f"table {op.table}", {"temporary": op.temporary}, op):
                    for part in op.parts:
                        self.apply(part)
            case Kind.DROP_TABLE:
                if self._take(f"table {op.table}", op):
                    self._take_inside(op.table)
            case Kind.RENAME_TABLE:
                self._rename_table(op)
            case Kind.ADD_COLUMN:
                facts: Facts = {"type": _fact(op.type), "nullable": op.nullable, "default": _default(op.default)}
                self._make(f"column {op.table}.{op.name}", facts, op)
            case Kind.DROP_COLUMN:
                self._drop_column(op)
            case Kind.ALTER_COLUMN:
                self._alter_column(op)
            case Kind.RENAME_COLUMN:
                self._move(f"column {op.table}.{op.name}", f"column {op.table}.{op.to}", op)
            case Kind.ADD_CONSTRAINT:
                name = op.name or self._given_name(op)
                rule = canonical_rule(op.rule) if op.rule is not None else None
                facts = {"kind": op.what, "columns": op.columns, "rule": rule}
                self._make(f"constraint {op.table}.{name}", facts, op)
            case Kind.DROP_CONSTRAINT:
                self._drop_constraint(op)
            case Kind.CREATE_INDEX:
                name = op.name or given_name(op.table, "idx", op.columns or ())
                facts = {"table": op.table, "columns": op.columns, "unique": op.unique}
                self._make(f"index {name}", facts, op)
            case Kind.DROP_INDEX:
                self._take(f"index {op.name}", op)
            case Kind.CREATE_ENUM:
                self._make(f"type {op.name}", {"labels": op.labels or None}, op)
            case Kind.DROP_ENUM:
                self._take(f"type {op.name}", op)
            case Kind.ADD_LABEL:
                self._add_label(op)
            case Kind.CREATE:
                if op.where == "replace":
                    self._note(f"{op.what} {_owned(op)}", MAYBE_MADE)
                    self.known[f"{op.what} {_owned(op)}"] = {"text": None}
                else:
                    self._make(f"{op.what} {_owned(op)}", {"text": op.rule}, op)
            case Kind.DROP:
                self._take(f"{op.what} {_owned(op)}", op)
            case Kind.RENAME:
                self._rename(op)
            case Kind.ROW_SECURITY:
                self._row_security(op)
            case Kind.UNCLEAR:
                self.hazy = self.hazy or op.why
            case _:
                pass

    def _given_name(self, op: Op) -> str:
        """Only PostgreSQL gives names; elsewhere an unnamed constraint is what it demands."""
        if self.dialect == POSTGRESQL:
            return given_name(op.table, op.what, op.columns or ())
        return f"{op.what} {', '.join(op.columns or ())}"

    # making and taking -----------------------------------------------------------------------------

    def _note(self, key: str, before: Facts | str | None) -> None:
        if self.first is None or key in self.first:
            return
        self.first[key] = dict(known) if (known := self.known.get(key)) else None if key in self.known else before

    def _make(self, key: str, facts: Facts, op: Op) -> bool:
        """Create an object; False if it is there already and that is fine."""
        self._note(key, MAYBE_MADE if op.only_if else None)
        if self.known.get(key) is not None:
            if op.only_if:
                return False
            self._fault("made-twice", f"{key} is made although it is there already", op)
        self.known[key] = dict(facts)
        return True

    def _take(self, key: str, op: Op) -> bool:
        """Remove an object; False if it is known to be missing."""
        self._note(key, MAYBE_TAKEN if op.only_if else {})
        if key in self.known and self.known[key] is None:
            if not op.only_if:
                self._fault("not-there", f"{key} is removed although it is not there", op)
            return False
        self.known[key] = None
        return True

    def _fault(self, rule: str, text: str, op: Op) -> None:
        self.faults.append(Fault(rule, text, op, sure=not self.hazy and not self.hazy_before and not op.only_if))

    def _change(self, key: str, facts: Facts) -> Facts:
        """The facts of an object that must be there, to be changed."""
        self._note(key, dict(facts))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = dict(facts)
        return found

    def _inside(self, table: str) -> list[str]:
        starts = (f"column {table}.", f"constraint {table}.", f"policy {table}.", f"trigger {table}.")
        keys = [
            key for key in self.known if key.startswith(starts) and key.partition(" ")[2].rpartition(".")[0] == table
        ]
        keys += [
            key
            for key, facts in self.known.items()
            if key.startswith("index ") and facts and facts.get("table") == table
        ]
        return [*keys, *([f"row security {table}"] if f"row security {table}" in self.known else [])]

    def _take_inside(self, table: str) -> None:
        for key in self._inside(table):
            self._note(key, {})
            self.known[key] = None

    def _move(self, old: str, new: str, op: Op) -> None:
        facts = self.known.get(old)
        moved = dict(facts) if facts else {}
        self._take(old, op)
        self._make(new, moved, op)

    # single kinds ----------------------------------------------------------------------------------

    def _rename_table(self, op: Op) -> None:
        for key in self._inside(op.table):
            facts = self.known.get(key)
            if key.startswith("index ") and facts is not None:
                self._note(key, {})
                self.known[key] = {**facts, "table": op.to}
            elif facts is not None:
                kind, _, rest = key.partition(" ")
                if key.startswith("row security "):
                    kind, rest = "row security", ""
                    new = f"{kind} {op.to}"
                else:
                    new = f"{kind} {op.to}{rest[len(op.table) :]}"
                self._note(key, {})
                self._note(new, None)
                self.known[new], self.known[key] = dict(facts), None
        self._move(f"table {op.table}", f"table {op.to}", op)

    def _drop_column(self, op: Op) -> None:
        if not self._take(f"column {op.table}.{op.name}", op):
            return
        for key in self._inside(op.table):
            facts = self.known.get(key)
            columns = facts.get("columns") if facts else None
            if isinstance(columns, tuple) and op.name in columns and (key.startswith("index ") or len(columns) == 1):
                self._note(key, {})
                self.known[key] = None

    def _alter_column(self, op: Op) -> None:
        guess: Facts = {}
        if op.existing_type is not None:
            guess["type"] = op.existing_type
        if op.existing_nullable is not None:
            guess["nullable"] = op.existing_nullable
        facts = self._change(f"column {op.table}.{op.name}", guess)
        old = str(facts.get("type") or op.existing_type or "")
        if self.dialect == POSTGRESQL and op.type and not op.using and needs_using(old, op.type):
            text = f"makes column {op.table}.{op.name} {op.type} out of {old} without USING, which PostgreSQL refuses"
            self._fault("cast-without-using", text, op)
        if op.type is not None:
            facts["type"] = _fact(op.type)
        if op.nullable is not None:
            facts["nullable"] = op.nullable
        if op.default is not None:
            facts["default"] = _default(op.default)

    def _drop_constraint(self, op: Op) -> None:
        if not op.name:
            self.faults.append(
                Fault("constraint-without-name", "drops a constraint without saying which: it always fails", op)
            )
            return
        self._take(f"constraint {op.table}.{op.name}", op)

    def _add_label(self, op: Op) -> None:
        facts = self._change(f"type {op.name}", {})
        before = facts.get("labels")
        if self.first is not None:
            added = self.first.get(f"type {op.name}")
            if isinstance(added, dict) and added.get("labels") is None:
                added["labels"] = ()
        facts["labels"] = (*(before if isinstance(before, tuple) else ()), *op.labels)

    def _rename(self, op: Op) -> None:
        if op.what == "constraint":
            self._move(f"constraint {op.table}.{op.name}", f"constraint {op.table}.{op.to}", op)
        elif op.what == "label":
            self._change(f"type {op.table}", {})["labels"] = None
        else:
            self._move(f"{op.what} {op.name}", f"{op.what} {op.to}", op)

    def _row_security(self, op: Op) -> None:
        name, value = _RLS[op.what]
        key = f"row security {op.table}"
        facts = self._change(key, {})
        if self.first is not None and isinstance(before := self.first.get(key), dict):
            before.setdefault(name, not value)
        facts[name] = value

    # comparing -------------------------------------------------------------------------------------

    def differences(self) -> list[Fault]:
        """What differs between now and when `watch` was called, among what was touched since."""
        found: list[Fault] = []
        for key, before in (self.first or {}).items():
            now = self.known.get(key)
            if isinstance(before, str):
                if before == MAYBE_MADE and now is None:
                    text = f"{key} is made only if it is missing and removed in any case: one from before would be lost"
                    found.append(Fault("maybe-older", text, sure=False))
            elif (now is not None and now.get("temporary")) or self._part_of_other(key):
                continue
            elif before is None and now is not None:
                found.append(self._differs("left-behind", f"{key} stays behind"))
            elif before is not None and now is None:
                found.append(self._differs("not-put-back", f"{key} is not put back"))
            elif before is not None and now is not None:
                found += [self._differs("changed", text) for text in _changes(key, before, now)]
        return found

    def _differs(self, rule: str, text: str) -> Fault:
        return Fault(rule, text, None, sure=not self.hazy)

    def _part_of_other(self, key: str) -> bool:
        """Whether the table of an object came or went as a whole, which then says it for all of its parts."""
        kind, _, rest = key.partition(" ")
        if kind == "index":
            before = (self.first or {}).get(key)
            facts = self.known.get(key) or (before if isinstance(before, dict) else {})
            table = str(facts.get("table", ""))
        elif kind == "row":
            table = rest.removeprefix("security ")
        elif kind in ("column", "constraint", "policy", "trigger"):
            table = rest.rpartition(".")[0]
        else:
            return False
        if self.first is None or f"table {table}" not in self.first:
            return False
        return self.first[f"table {table}"] is None or self.known.get(f"table {table}") is None


def _changes(key: str, before: Facts, now: Facts) -> list[str]:
    found = []
    for name in sorted(before.keys() & now.keys()):
        old, new = before[name], now[name]
        if old is None or new is None or _same(name, old, new):
            continue
        if name == "labels" and isinstance(old, tuple) and isinstance(new, tuple):
            more, less = [x for x in new if x not in old], [x for x in old if x not in new]
            found += [f"label {label} stays in {key}" for label in more]
            found += [f"label {label} of {key} is not put back" for label in less]
        else:
            found.append(f"{name} of {key} was {_said(old)} and is {_said(new)} afterwards")
    return found


def _owned(op: Op) -> str:
    return f"{op.table}.{op.name}" if op.table else op.name


def _fact(text: str | None) -> str | None:
    return None if text == NOT_KNOWN else text


def _default(text: str | None) -> str | None:
    return None if text is None or text == NOT_KNOWN else canonical_default(text)


def _same(name: str, before: object, now: object) -> bool:
    if name == "labels" and isinstance(before, tuple) and isinstance(now, tuple):
        return sorted(map(str, before)) == sorted(map(str, now))
    return before == now


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    return (
        {True: "on", False: "off", "": "none"}.get(value, str(value)) if isinstance(value, bool | str) else str(value)
    )
