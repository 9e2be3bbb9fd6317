"""D1, D2, D4: what the database enforces, on whom, and whether the application could step round it."""

from __future__ import annotations

from stas_tui.isolation.database.answer import Answer, some
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.live import NotBecome, Refused
from stas_tui.isolation.database.model import Relation, Role
from stas_tui.isolation.database.tables import Held
from storage.check_records import CheckResult

FILE_ROLES = ("pg_execute_server_program", "pg_write_server_files", "pg_read_server_files")
NO_TABLES = "no table with a tenant column was found; declare [tables] and `columns`"
MOST_ASKED = 20


def strategy(case: Case) -> CheckResult:
    """D1: one line on what is enforced; with the strategy `rls`, every table without it."""
    answer = case.answer("D1")
    held = [one.relation for one in case.scope.held]
    off = [one for one in held if not one.rls]
    forced = [one for one in held if one.rls and one.forced]
    answer.counts = {"tenant tables": len(held), "without row level security": len(off), "forced": len(forced)}
    for name in case.scope.missing:
        text = f"{name} is declared and the database has no such table, or it has no tenant column"
        answer.ask("declared-missing", name, text)
    for relation in case.scope.undeclared[:MOST_ASKED]:
        column = next((name for name in case.tenancy.columns if name in relation.columns), "")
        what = f"has the column {column}; declare it in `scoped`" if column else "has no tenant column; declare it in"
        text = f"{relation.place} {what}{' or' if column else ''} [[tables.shared]] or [[tables.by_parent]]"
        answer.ask("undeclared-table", relation.place, text)
    if len(case.scope.undeclared) > MOST_ASKED:
        answer.remarks.append(f"{len(case.scope.undeclared) - MOST_ASKED} more tables are not declared")
    if not case.enforced:
        rls = len(held) - len(off)
        also = f"; {rls} of {len(held)} tenant tables have row level security all the same" if rls else ""
        answer.weak.append(
            "declared strategy row: the database enforces nothing, the code filters; Q4 and P2 carry the proof" + also
        )
        return answer.result("", NO_TABLES)
    for relation in off:
        text = f"row level security is off for {relation.place}, and the strategy rls is declared"
        answer.flag("rls-off", relation.place, text, f"alter table {relation.place} enable row level security")
    answer.proved = len(held) - len(off)
    return answer.result(f"row level security is on for all {len(held)} tenant tables", NO_TABLES)


def app_role(case: Case) -> CheckResult:
    """D2: attributes, memberships and ownership of the application's role, and of each tenant's."""
    answer = case.answer("D2")
    why = case.why_no_role() if not any(tenant.role for tenant in case.tenancy.tenant) else ""
    if why:
        return answer.unknown(why)
    for name in dict.fromkeys([case.role, *(tenant.role for tenant in case.tenancy.tenant)]):
        if name and name not in case.catalogue.roles and not case.world.dry:
            answer.weak.append(f"the database has no role {name}")
    for role in case.roles():
        before = len(answer.leads)
        _attributes(case, answer, role)
        if case.tenancy.strategy != "row" and not role.superuser:
            _memberships(case, answer, role)
            _ownership(case, answer, role)
        answer.proved += len(answer.leads) == before
    return answer.result(f"{some([r.name for r in case.roles()])} can bypass nothing", "no declared role was found")


def _attributes(case: Case, answer: Answer, role: Role) -> None:
    bound = case.tenancy.strategy != "row"
    for has, word, what in (
        (role.superuser, "superuser", "is a superuser: nothing applies to it"),
        (role.bypass and bound, "bypassrls", "has BYPASSRLS: no policy applies to it"),
        (role.creates_roles and bound, "createrole", "has CREATEROLE: it can give itself other roles"),
        (role.replicates, "replication", "has REPLICATION: it reads every row of every database"),
    ):
        if has:
            answer.flag(f"role-{word}", role.name, f"{role.name} {what}", f"role {role.name}: {word}")


def _memberships(case: Case, answer: Answer, role: Role) -> None:
    owners = {one.relation.owner for one in case.scope.held}
    for name in case.catalogue.member_of.get(role.name, ()):
        other = case.catalogue.roles.get(name)
        what = ""
        if other is not None and (other.superuser or other.bypass):
            what = "to which no policy applies"
        elif name in FILE_ROLES:
            what = "which reads or writes the server's files"
        elif name in owners:
            what = "which owns tenant tables"
        elif any(tenant.role == name for tenant in case.tenancy.tenant if role.name != case.role):
            what = "which acts for another tenant"
        if what:
            text = f"{role.name} may become {name}, {what}"
            answer.flag(
                "role-member", role.name, text, f"{role.name} is a member of {name}", anchor=f"{role.name} {name}"
            )


def _ownership(case: Case, answer: Answer, role: Role) -> None:
    for held in case.scope.held:
        one = held.relation
        if one.owner == role.name:
            free = "its policies do not apply to the owner" if not one.forced else "the owner can switch it off"
            text = f"{role.name} owns {one.place}: {free}"
            answer.flag(
                "role-owner", one.place, text, f"{one.place} is owned by {role.name}",
                severity="warn" if one.forced else "crit",
            )  # fmt: skip
        elif "TRUNCATE" in one.granted and role.name == case.role:
            text = f"{role.name} may TRUNCATE {one.place}, which no policy stops"
            answer.ask("role-truncate", one.place, text, f"revoke truncate on {one.place} from {role.name}")
    if role.name != case.role:
        return
    for schema in case.catalogue.schemas.values():
        if schema.creates:
            who = "everybody" if schema.public_creates else role.name
            text = (
                f"{role.name} may CREATE in the schema {schema.name}: it can put its own objects in the way of others"
            )
            answer.flag(
                "schema-create",
                schema.name,
                text,
                f"create on schema {schema.name} is granted to {who}",
                severity="warn",
            )


def active(case: Case) -> CheckResult:
    """D4: whether policies apply, as the server says to the role itself; partitions and children too."""
    answer = case.answer("D4")
    if not case.enforced:
        return answer.away("declared: strategy row, where no policies are expected")
    if why := case.why_no_role():
        return answer.unknown(why)
    tables = [relation for held in case.scope.held for relation in _with_leaves(case, held)]
    answer.counts = {"tables, partitions and leaves": len(tables)}
    asked = 0
    with case.live.transaction():
        try:
            with case.live.acting(case.role):
                rows = case.live.fetch(
                    "select c.oid::int8, row_security_active(c.oid) from pg_class c"
                    " where c.oid = any(%s::int8[]::oid[])",
                    ([one.oid for one in tables],),
                )
        except Refused as error:
            answer.executed += case.live.executed
            return answer.unknown(cannot_become(case.role, error))
    answer.executed += case.live.executed
    applies = dict(rows)
    for one in tables:
        if not one.granted & {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            continue
        asked += 1
        if applies.get(one.oid, True):
            answer.proved += 1
            continue
        rights = ", ".join(sorted(one.granted))
        kind = "the partition " if one.parents else ""
        text = f"no policy applies to {case.role} on {kind}{one.place}, and it may {rights} there"
        answer.flag("rls-inactive", one.place, text, f"row_security_active({one.place}) is false as {case.role}")
    good = f"policies apply to {case.role} on all {asked} tables and partitions that it may use"
    return answer.result(good, f"{case.role} may use none of the tenant tables" if tables else NO_TABLES)


def _with_leaves(case: Case, held: Held) -> list[Relation]:
    return [held.relation, *case.catalogue.below(held.relation)]


def cannot_become(role: str, error: Refused) -> str:
    """Why the role could not be taken, and what to grant."""
    if isinstance(error, NotBecome):
        return f"the account may not become {role}: `grant {role} to` it (docs/isolation-database.md)"
    return f"as {role}: {error}"
