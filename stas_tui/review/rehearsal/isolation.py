"""C7: whether the tables that a change makes or alters keep tenants apart, judged on the rehearsed schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from stas_tui.isolation.base import LIVE_MS, UNDECLARED
from stas_tui.isolation.border import DRAFT
from stas_tui.isolation.declared import Tenancy
from stas_tui.review.base import Change, result
from stas_tui.review.migrations.find import Pair
from stas_tui.review.migrations.leads import said
from stas_tui.review.migrations.model import SQLITE, Kind, Revision
from stas_tui.review.rehearsal.catalogue import Catalogue
from stas_tui.review.rehearsal.rehearse import Rehearsal
from stas_tui.review.rehearsal.tables import Doors, Policy, TableFacts, bare, doors_of, tables_of
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict

_RANDOM = re.compile(r"(^|_)(token|uuid|guid|hash|secret|digest|fingerprint|nonce|jti|checksum)s?($|_)", re.IGNORECASE)
_NATURAL = re.compile(r"^(text|varchar|character|char|citext|integer|bigint|smallint|numeric|date|name)", re.IGNORECASE)

_Fault = tuple[str, str, bool, str]
"""(rule, sentence, whether it accuses, severity)."""


def c7(change: Change, done: list[tuple[Pair, Rehearsal]]) -> CheckResult:
    """One result over all chains."""
    tenancy = change.tenancy
    if tenancy is None:
        return result(change, "C7", Verdict.UNKNOWN, UNDECLARED)
    if why := tenancy.not_applicable_because("C7"):
        return result(change, "C7", Verdict.NOT_APPLICABLE, why)
    if tenancy.strategy in ("schema", "database"):
        reason = f"tenants are kept apart by {tenancy.strategy}, so a new table needs no column or policy of its own"
        return result(change, "C7", Verdict.UNKNOWN, reason)
    leads: list[Lead] = []
    problems: list[str] = []
    seen = tenants = 0
    for pair, rehearsal in done:
        if rehearsal.base is None or rehearsal.head is None:
            problems.append(rehearsal.problem or "the schema was not rehearsed")
            continue
        judge = Judge(tenancy, rehearsal.base, rehearsal.head, sqlite=pair.chain.dialect == SQLITE)
        for table, fault in judge.faults():
            leads.append(_lead(pair, table, fault))
        seen += len(judge.after)
        tenants += judge.tenant_tables
    counts: dict[str, object] = {"tables": seen, "tables of tenants": tenants, "leads": len(leads)}
    verdict, reason = _judged(change, tenancy, leads, problems, tenants)
    ran = any(rehearsal.head is not None for _, rehearsal in done)
    made = result(change, "C7", verdict, reason, leads=tuple(leads), counts=counts, live=ran)
    return replace(
        made,
        target="; ".join(dict.fromkeys(f"rehearsed schema, {r.what}" for _, r in done if r.what)) or made.target,
        control=f"{count(tenants, 'table')} of tenants seen in the rehearsed schema",
        expires_at=change.clock.now() + LIVE_MS if ran else None,
    )


def _judged(
    change: Change, tenancy: Tenancy, leads: list[Lead], problems: list[str], tenants: int
) -> tuple[Verdict, str]:
    accused = [one for one in leads if one.accuses]
    if accused:
        return Verdict.FLAGGED, accused[0].text
    if problems:
        return Verdict.UNKNOWN, said(problems[0], 500)
    if not tenants:
        return Verdict.UNKNOWN, "the rehearsed schema has no table of tenants; is the tenancy file about this database?"
    asked = [one for one in leads if one.severity != "note"]
    if asked:
        return Verdict.UNKNOWN, f"{count(len(asked), 'question')}: {asked[0].text}"
    if not tenancy.completed_by.strip():
        return Verdict.UNKNOWN, DRAFT
    if change.cut:
        return Verdict.UNKNOWN, f"what was read is fine, but {change.cut}"
    return (
        Verdict.VERIFIED,
        f"every table that the change makes or alters follows the tenancy file ({tenants} of tenants)",
    )


def _lead(pair: Pair, table: str, fault: _Fault) -> Lead:
    rule, text, accuses, severity = fault
    revision, line = _where(pair, table)
    path = revision.path if revision else table
    return Lead(
        rule=rule, text=said(text), path=path, line=line, anchor=f"{table} {rule} {said(text)}", accuses=accuses,
        severity=severity,
    )  # fmt: skip


def _where(pair: Pair, table: str) -> tuple[Revision | None, int]:
    """The first place in the change that names a table."""
    for revision in pair.introduced:
        for op in revision.up.ops:
            if table and table in (op.table, op.to) and op.kind is not Kind.UNCLEAR:
                return revision, op.line
    last = pair.introduced[-1] if pair.introduced else None
    return last, last.up.line if last else 0


class Judge:
    """The rules, on one database before and after."""

    def __init__(self, tenancy: Tenancy, before: Catalogue, after: Catalogue, *, sqlite: bool) -> None:
        self._tenancy = tenancy
        self._sqlite = sqlite
        self.before, self.after = tables_of(before), tables_of(after)
        self._doors_before, self._doors = doors_of(before), doors_of(after)
        self._scoped = {bare(name.lower()) for name in tenancy.tables.scoped}
        self._shared = {bare(table.name.lower()) for table in tenancy.tables.shared}
        self._by_parent = {bare(table.name.lower()): table for table in tenancy.tables.by_parent}
        self.tenant_tables = sum(self._holds_tenants(name) for name in self.after)

    @property
    def _rls(self) -> bool:
        return self._tenancy.strategy == "rls" and not self._sqlite

    def _column(self, table: TableFacts) -> str:
        return next((name for name in self._tenancy.columns if name in table.columns), "")

    def _free(self, name: str) -> bool:
        """Whether a table belongs to no tenant by declaration."""
        return name in self._shared or name == bare(self._tenancy.root.lower())

    def _holds_tenants(self, name: str) -> bool:
        if self._free(name):
            return False
        return name in self._scoped or name in self._by_parent or bool(self._column(self.after[name]))

    def faults(self) -> Iterator[tuple[str, _Fault]]:
        """(table, fault) for everything that the change makes worse."""
        for name, table in sorted(self.after.items()):
            if self._free(name):
                continue
            old = self.before.get(name)
            found = self._new(table) if old is None else self._altered(old, table)
            for fault in found:
                yield name, fault
        yield from self._side_doors(self._doors_before, self._doors)

    # new tables ------------------------------------------------------------------------------------

    def _new(self, table: TableFacts) -> Iterator[_Fault]:
        column = self._column(table)
        if table.name in self._by_parent:
            yield from self._of_parent(table)
        elif not column:
            wanted = " or ".join(self._tenancy.columns)
            text = f"the new table {table.name} has no {wanted}; add it, or declare the table as shared or by parent"
            yield "no-tenant-column", text, True, "crit"
            return
        elif table.columns[column].get("nullable") == "yes":
            text = f"{table.name}.{column} may be NULL: such a row belongs to nobody"
            yield "tenant-may-be-null", text, False, "warn"
        if self._rls:
            yield from self._secured(table, column)
        if column:
            for key in table.unique:
                yield from self._key(table, column, key)
            for key in table.references:
                yield from self._reference(table, column, key)
            if column not in table.leads:
                yield "no-tenant-index", f"no index of {table.name} begins with {column}", False, "note"

    def _of_parent(self, table: TableFacts) -> Iterator[_Fault]:
        declared = self._by_parent[table.name]
        facts = table.columns.get(declared.column)
        target = bare(declared.parent.lower())
        ties = any(declared.column in own and other == target for other, own in table.references.values())
        if facts is None:
            text = f"the new table {table.name} is declared as {target}'s child and has no column {declared.column}"
            yield "no-parent-column", text, True, "crit"
        elif facts.get("nullable") == "yes":
            text = f"{table.name}.{declared.column} may be NULL: such a row belongs to nobody"
            yield "parent-may-be-null", text, False, "warn"
        elif not ties:
            text = f"{table.name}.{declared.column} has no foreign key to {target}"
            yield "parent-not-tied", text, False, "warn"

    def _secured(self, table: TableFacts, column: str) -> Iterator[_Fault]:
        if not table.secured:
            text = f"row security is off on {table.name}, and the strategy is rls"
            yield "row-security-off", text, True, "crit"
        if not table.policies:
            yield "no-policy", f"{table.name} has no row security policy", True, "crit"
        if table.secured and not table.forced:
            text = f"row security of {table.name} is not forced: its owner sees every row"
            yield "row-security-not-forced", text, False, "note"
        for policy in table.policies.values():
            yield from self._policy(table, policy, column)

    def _policy(self, table: TableFacts, policy: Policy, column: str) -> Iterator[_Fault]:
        name = f"policy {policy.name} of {table.name}"
        conditions = [text for text in (policy.using, policy.check) if text]
        if policy.permissive and any(text.strip("() ").lower() == "true" for text in conditions):
            yield "policy-always-true", f"{name} lets every row through", True, "crit"
        elif policy.permissive and not self._names_tenant(policy, column):
            text = f"{name} does not name {column or 'the parent'}: it lets rows of every tenant through"
            yield "policy-without-tenant", text, True, "crit"
        elif policy.permissive and _opens_without(policy.text):
            yield "policy-opens", f"{name} lets rows through when no tenant is set", True, "crit"
        if policy.command == "UPDATE" and not policy.check and policy.permissive:
            return  # USING then holds for the new row too
        if "current_setting" in policy.text and "::" in policy.text and "nullif" not in policy.text.lower():
            text = f"{name} casts the setting without NULLIF: an empty one is an error instead of no rows"
            yield "policy-cast", text, False, "note"

    def _names_tenant(self, policy: Policy, column: str) -> bool:
        names = [column] if column else []
        if not names:
            names = [*self._tenancy.columns, *(table.column for table in self._by_parent.values())]
        return any(re.search(rf"\b{re.escape(name)}\b", policy.text) for name in names)

    def _key(self, table: TableFacts, column: str, key: str) -> Iterator[_Fault]:
        columns = table.unique[key]
        if column in columns or (columns == table.primary and _surrogate(table, columns)):
            return
        if any(_RANDOM.search(name) for name in columns):
            return
        types = [table.columns.get(name, {}).get("type", "") for name in columns]
        if any(type_.lower().startswith("uuid") for type_ in types):
            return
        natural = all(_NATURAL.match(type_) or not type_ for type_ in types)
        text = f"{', '.join(columns)} of {table.name} is unique over all tenants; put {column} into the key"
        yield "key-without-tenant", text, natural, "warn"

    def _reference(self, table: TableFacts, column: str, key: str) -> Iterator[_Fault]:
        target, columns = table.references[key]
        if column in columns or self._free(target) or target not in self.after:
            return
        if self._column(self.after[target]):
            text = f"{', '.join(columns)} of {table.name} may point at a row of another tenant in {target}"
            yield "reference-without-tenant", text, False, "warn"

    # tables from before ----------------------------------------------------------------------------

    def _altered(self, old: TableFacts, new: TableFacts) -> Iterator[_Fault]:
        had, has = self._column(old), self._column(new)
        if had and not has:
            yield "tenant-column-gone", f"the change takes {had} away from {new.name}", True, "crit"
            return
        if not has and new.name not in self._by_parent:
            return
        if had and old.columns[had].get("nullable") == "no" and new.columns[has].get("nullable") == "yes":
            text = f"the change lets {new.name}.{has} be NULL: such a row belongs to nobody"
            yield "tenant-may-be-null", text, True, "crit"
        elif not had and has and new.columns[has].get("nullable") == "yes":
            text = f"{new.name} gets {has}, and it may be NULL: such a row belongs to nobody"
            yield "tenant-may-be-null", text, False, "warn"
        if not self._sqlite:
            yield from self._security_changed(old, new, has)
        if has:
            for key in new.unique.keys() - old.unique.keys():
                yield from self._key(new, has, key)
            for key in new.references.keys() - old.references.keys():
                yield from self._reference(new, has, key)

    def _security_changed(self, old: TableFacts, new: TableFacts, column: str) -> Iterator[_Fault]:
        if old.secured and not new.secured:
            yield "row-security-off", f"the change switches row security of {new.name} off", True, "crit"
        if old.forced and not new.forced:
            yield "row-security-not-forced", f"the change lets the owner of {new.name} see every row", True, "crit"
        if old.policies and not new.policies:
            yield "no-policy", f"the change takes the last policy of {new.name} away", True, "crit"
        for name, policy in new.policies.items():
            if old.policies.get(name) != policy:
                yield from self._policy(new, policy, column)
        if new.public and new.public != old.public:
            text = f"the change lets everybody {new.public} on {new.name}"
            yield "granted-to-all", text, False, "warn"

    def _side_doors(self, before: Doors, after: Doors) -> Iterator[tuple[str, _Fault]]:
        if not self._rls:
            return
        names = [name for name in self.after if self._holds_tenants(name)]
        for view, facts in after.views.items():
            if before.views.get(view) == facts:
                continue
            read = next((name for name in names if _mentions(facts.get("definition", ""), name)), "")
            invoker = "security_invoker=true" in facts.get("options", "").replace("=on", "=true")
            if read and not invoker:
                text = f"the {facts['kind']} {view} reads {read} as its owner, past row security"
                yield view, ("view-as-owner", text, False, "warn")
        for function, definition in after.definers.items():
            read = next((name for name in names if _mentions(definition, name)), "")
            if read and before.definers.get(function) != definition:
                text = f"the function {function} reads {read} with its owner's rights"
                yield read, ("definer-function", text, False, "warn")


def _mentions(text: str, table: str) -> bool:
    return bool(re.search(rf"(?<![\w]){re.escape(table)}(?![\w])", text))


def _surrogate(table: TableFacts, columns: tuple[str, ...]) -> bool:
    """Whether a primary key is a number that the database hands out, or one column called id."""
    if len(columns) != 1:
        return False
    facts = table.columns.get(columns[0], {})
    return columns[0] == "id" or "nextval" in facts.get("default", "") or bool(facts.get("identity"))


def _opens_without(text: str) -> bool:
    """`OR setting = ''`, `OR setting IS NULL`: no tenant opens all rows."""
    lower = text.lower()
    return bool(
        re.search(r"\bor\b[^;]*current_setting\([^)]*\)\)?\s*(=\s*''|is null)", lower)
        or re.search(r"current_setting\([^)]*\)\)?\s*(=\s*''(::text)?|is null)\)*\s+or\b", lower)
        or re.search(r"coalesce\(\s*(nullif\()?current_setting\([^)]*\)[^)]*\)?[^,]*,\s*\(?\w*tenant", lower)
    )
