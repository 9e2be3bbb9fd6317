"""Leads of the checks on queries: a filter that is optional, a tenant that is not used, a key without its tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stas_tui.isolation.code.known import Known
from stas_tui.isolation.code.natural import GUESSED
from stas_tui.isolation.code.sql.schema import GUESSED_KEYS
from storage.check_records import Lead

Facts = dict[str, Any]

OPTIONAL, UNUSED, NATURAL = "optional-filter", "unused-tenant", "natural-key"
NOWHERE, ALONE = "no-tenant", "key-alone"
"""Where the function has no tenant at hand: read by anything, or by the key of one row. Notes, not questions."""

_NOBODY = "the query"
_NOBODYS: Facts = {"q": ""}
_OF_A_USER = re.compile(r"^(user|member|owner|author|creator|assignee|created_by|requested_by)(_id)?$")
_CREDENTIAL = re.compile(
    r"(^|_)(hash|hashed|token|secret|digest|api_key|apikey|signature|nonce|fingerprint_hash|key_hash|password|otp|jti"
    r"|session_id|refresh|access_token|client_id|state|verifier|challenge|invite|invitation|code_hash|pin|magic\w*)(_|$)"
)
_NATURAL = re.compile(
    r"^(name|slug|email|email_address|key|code|number|title|external_id|handle|username|domain|identifier|reference|ref"
    r"|label|path|fingerprint|alias|sku|phone|phone_number|serial|hostname|\w+_(name|slug|email|number|identifier))$"
)


@dataclass(slots=True)
class Counted:
    """What was looked at, for the counts of a result."""

    statements: int = 0
    """Queries on tables of tenants."""
    bound: int = 0
    staff: int = 0
    """Without a tenant, in tools of the staff and work over all tenants."""
    cured: dict[str, int] = field(default_factory=dict)
    """Without a tenant's filter, and restricted in another way: reason to number."""
    unseen: int = 0
    """Restricted by something that cannot be seen."""
    unparsed: int = 0
    """SQL texts that were not understood."""

    def cure(self, why: str) -> None:
        """One more query that is restricted in another way."""
        self.cured[why] = self.cured.get(why, 0) + 1


class QueryJudge:
    """Goes over the functions of a project."""

    def __init__(self, known: Known, *, accuse: bool) -> None:
        self._known, self._words, self._accuse = known, known.words, accuse
        self.counted = Counted()
        self.naturals: dict[str, list[str]] = {}
        """Fingerprint of a lead on a natural key, to its table, or its model where no table is known, and column."""
        self._owned_names: dict[str, bool] = {}

    def leads(self, paths: list[str] | None = None) -> Iterator[Lead]:
        """Every lead, in order of path and line."""
        for path in sorted(self._known.files) if paths is None else paths:
            facts = self._known.files[path]
            if "b" in facts:
                self._bound(path, _NOBODYS, facts["b"])
            for function in facts.get("f", ()):
                if bound := function.get("B"):
                    self._bound(path, function, bound)
                if "s" not in function:
                    continue
                seen: dict[str, int] = {}
                reported = False
                for site in sorted(function["s"], key=lambda site: site.get("n", 0)):
                    if site.get("n") and reported:
                        continue
                    found = list(self._site(path, function, site, seen))
                    reported |= bool(found)
                    yield from found

    def _bound(self, path: str, function: Facts, bound: dict[str, int]) -> None:
        """Count queries that are bound, if they are on tables of tenants."""
        imported = "x" in self._known.files[path]
        for names, number in bound.items():
            owned = None if imported or "*" in names else self._owned_names.get(names)
            if owned is None:
                owned = bool(self._owned(path, function, {"m": names.split(",")}))
                if not imported and "*" not in names:
                    self._owned_names[names] = owned
            if owned:
                self.counted.statements += number
                self.counted.bound += number

    def _site(self, path: str, function: Facts, site: Facts, seen: dict[str, int]) -> Iterator[Lead]:
        if site.get("e"):
            self.counted.unparsed += 1
            return
        owned = self._owned(path, function, site)
        if not owned:
            if site.get("o") and not self._only_root(site) and not self._begun_elsewhere(site):
                yield from self._optional(path, function, site, self._subject(site), seen)
            return
        self.counted.statements += 1
        if not self._open(site, owned) or all(self._known.managed(name) for name in owned):
            self.counted.bound += 1
            return
        if site.get("x") or self._begun_elsewhere(site):
            self.counted.unseen += 1
        elif site.get("o"):
            yield from self._optional(path, function, site, owned[0], seen)
        elif site.get("v") != "insert":
            yield from self._unscoped(path, function, site, owned[0], seen)

    # whose rows ------------------------------------------------------------------------------------

    def _owned(self, path: str, function: Facts, site: Facts) -> list[str]:
        """Models or tables of tenants in a query."""
        imported = self._known.files[path].get("x", {})
        if tables := site.get("t"):
            return [table for table, _, _ in tables if self._owns_table(table)]
        names = []
        for model in site.get("m", ()):
            name = self._known.repository_model(self._class(function)) if model == "*" else model
            name = imported[name].rpartition(".")[2] if name in imported else name
            if name and name not in site.get("z", ()) and self._known.belongs(name):
                names.append(name)
        return names

    def _owns_table(self, table: str) -> bool:
        schema = self._words.schema
        if schema.scoped or table in schema.parents:
            return schema.belongs(table)
        return table not in schema.shared and self._known.tables.get(table, False)

    def _open(self, site: Facts, owned: list[str]) -> bool:
        """Whether anything in a query is left without a tenant."""
        if tables := site.get("t"):
            return any(not how and table in owned for table, how, _ in tables)
        return True

    def _begun_elsewhere(self, site: Facts) -> bool:
        """Whether a query comes from a function that may have restricted it."""
        return bool(site.get("r")) and not self._known.begun_open(site["r"])

    @staticmethod
    def _class(function: Facts) -> str:
        return str(function["q"]).rpartition(".")[0].rpartition(".")[2]

    def _only_root(self, site: Facts) -> bool:
        names = [model for model in site.get("m", ()) if model != "*"]
        return bool(names) and all(self._words.is_root(name) for name in names)

    @staticmethod
    def _subject(site: Facts) -> str:
        tables = [table for table, how, _ in site.get("t", ()) if not how]
        return str((tables or [model for model in site.get("m", ()) if model != "*"] or [_NOBODY])[0])

    # what is said ----------------------------------------------------------------------------------

    def _optional(self, path: str, function: Facts, site: Facts, subject: str, seen: dict[str, int]) -> Iterator[Lead]:
        name, line, surely = site["o"]
        staff = self._words.is_staff(path, function["q"])
        accuses = self._accuse and bool(surely) and not staff and subject != _NOBODY
        text = f"{function['q']} reads {subject} of every tenant when {name} is missing"
        if staff:
            self.counted.staff += 1
        yield self._lead(OPTIONAL, text, path, function, site, subject, seen, line=line, accuses=accuses)

    def _unscoped(self, path: str, function: Facts, site: Facts, subject: str, seen: dict[str, int]) -> Iterator[Lead]:
        if self._words.is_staff(path, function["q"]) or function.get("a"):
            self.counted.staff += 1
            return
        equal = [tuple(entry) for entry in site.get("w", ())]
        if cure := self._cure(function, site, equal):
            self.counted.cure(cure)
            return
        by_key = [column for column, kind, _ in equal if kind in ("param", "input", "local") and _NATURAL.match(column)]
        unique = any(self._known.is_unique(subject, column) for column, kind, _ in equal if kind != "const")
        ids = [column for column, kind, _ in equal if column.endswith("_id") and kind != "const"]
        if by_key and not unique and not ids:
            text = f"{function['q']} looks up {subject} by {by_key[0]}{GUESSED} without the tenant"
            lead = self._lead(NATURAL, text, path, function, site, subject, seen)
            self.naturals[lead.fingerprint] = [self._known.table_of(subject), by_key[0]]
            yield lead
        elif holds := self._holds(function):
            where = holds.partition(" ")[2]
            text = f"{function['q']} holds the tenant ({where}) and reads {subject} without it"
            yield self._lead(UNUSED, text, path, function, site, subject, seen)
        else:
            key = next((c for c, kind, _ in equal if kind != "const" and (c in GUESSED_KEYS or c.endswith("_id"))), "")
            by = f" by {key} alone" if key else ""
            text = f"{function['q']} reads {subject}{by} without a tenant, and has none at hand"
            rule = ALONE if key else NOWHERE
            yield self._lead(rule, text, path, function, site, subject, seen, severity="note")

    def _holds(self, function: Facts) -> str:
        for kind in ("param", "field", "self", "caller"):
            for entry in function.get("h", ()):
                if entry.startswith(f"{kind} "):
                    return str(entry)
        owner = self._class(function)
        return f"self {owner}" if function.get("S") and self._known.class_holds(owner) else ""

    @staticmethod
    def _cure(function: Facts, site: Facts, equal: list[tuple[str, ...]]) -> str:
        """What restricts a query instead of the tenant's filter; empty if nothing does."""
        together = set(function.get("p", ()))
        if any(_CREDENTIAL.search(column) or _CREDENTIAL.search(name) for column, _, name in equal):
            return "found by a secret"
        if site.get("A"):
            return "for staff only"
        if site.get("y") and equal:
            return "finds the tenant"
        if any(_OF_A_USER.match(column) for column, kind, _ in equal if kind != "const"):
            return "rows of one user"
        if any(kind == "row" for _, kind, _ in equal):
            return "row in hand"
        if any(kind == "caller" for _, kind, _ in equal):
            return "the caller's own"
        if function.get("g"):
            return "compared in the same function"
        if any(kind in ("param", "local", "input") and name in together for _, kind, name in equal):
            return "checked together with the tenant"
        if "B" in function and any(kind == "local" for _, kind, _ in equal):
            return "found by rows of the tenant"
        return ""

    def _lead(
        self, rule: str, text: str, path: str, function: Facts, site: Facts, subject: str, seen: dict[str, int],
        *, line: int = 0, accuses: bool = False, severity: str = "",
    ) -> Lead:  # fmt: skip
        anchor = f"{function['q']} {site.get('v', '')} {subject}"
        seen[rule + anchor] = count = seen.get(rule + anchor, 0) + 1
        return Lead(
            rule=rule, text=text, path=path, line=line or site["l"], code=site["c"], accuses=accuses,
            severity=severity or ("crit" if accuses else "warn"), anchor=anchor if count == 1 else f"{anchor} {count}",
        )  # fmt: skip
