"""D6: views, materialised views, functions with their owner's rights, and grants to everybody.

Each view is read through as the application's role with `row_security = off`: the server then refuses to run a query to
which a policy would apply, so an answer proves that none does, even where there is no row to see.
"""

from __future__ import annotations

import re

from psycopg import sql

from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.enforce import cannot_become
from stas_tui.isolation.database.live import Refused
from stas_tui.isolation.database.model import Function, Relation
from stas_tui.isolation.database.tables import ident, named
from stas_tui.isolation.declared import Tenant
from storage.check_records import CheckResult

_KINDS = {"v": "view", "m": "materialised view"}


def side_doors(case: Case) -> CheckResult:
    """Every way to rows of tenant tables that does not pass their policies."""
    answer = case.answer("D6")
    if not case.enforced:
        return answer.away("declared: strategy row, where there is no policy to get round")
    held = {oid for one in case.scope.held for oid in (one.relation.oid, *_oids(case, one.relation))}
    views = [
        relation
        for relation in case.catalogue.relations.values()
        if relation.kind in _KINDS and case.catalogue.tables_behind(relation.oid) & held
    ]
    answer.counts = {
        "views and materialised views": len(views),
        "functions with their owner's rights": len(case.catalogue.functions),
    }
    _everybody(case, answer, held, views)
    if why := case.why_no_role():
        answer.weak.append(why)
        return answer.result("", "")
    with case.live.transaction():
        try:
            with case.live.acting(case.role):
                case.live.fetch("set local row_security = off")
        except Refused as error:
            answer.weak.append(cannot_become(case.role, error))
        else:
            for view in views:
                if view.readable:
                    _through(case, answer, view)
            for function in case.catalogue.functions:
                if function.granted:
                    _called(case, answer, function, held)
    answer.executed += case.live.executed
    for one in case.scope.held:
        if one.relation.kind == "f" and one.relation.readable:
            answer.ask(
                "foreign-table", one.place, f"{one.place} is a foreign table, which can have no policy of its own"
            )
    if not case.scope.held:
        return answer.result("", "no table with a tenant column was found; declare [tables] and `columns`")
    answer.proved += 1
    functions = len(case.catalogue.functions)
    return answer.result(
        f"none of {len(views)} views and {functions} functions with their owner's rights leads round", ""
    )


def _oids(case: Case, relation: Relation) -> list[int]:
    return [child.oid for child in case.catalogue.below(relation)]


def _everybody(case: Case, answer: Answer, held: set[int], views: list[Relation]) -> None:
    relations = [case.catalogue.relations[oid] for oid in sorted(held)] + views
    for relation in relations:
        if not relation.public:
            continue
        rights = ", ".join(sorted(relation.public))
        text = f"everybody who can log in may {rights} on {relation.place}"
        code = f"revoke all on {relation.place} from public"
        if (relation.rls or relation.invoker) and "TRUNCATE" not in relation.public:
            answer.ask("public-grant", relation.place, f"{text}; only its policies stand before them", code)
        else:
            answer.flag("public-grant", relation.place, f"{text}, where no policy stands before them", code)


def _through(case: Case, answer: Answer, view: Relation) -> None:
    """Read one view as the application's role, past the policies if it can."""
    live = case.live
    kind = _KINDS[view.kind]
    some = sql.SQL("select exists(select 1 from {})").format(named(view))
    try:
        with live.acting(case.role):
            live.fetch("set local row_security = off")
            rows = bool(live.one(some))
    except Refused as error:
        if error.state == "42501":
            answer.proved += 1  # a policy applies, or the role may not read what is behind it
        elif error.state == "55000" and not view.populated:
            answer.remarks.append(f"{view.place} was never filled")
        else:
            answer.weak.append(f"{kind} {view.place}: {error}")
        return
    if case.world.dry:
        return
    if view.kind == "m":
        what = "holds a copy of tenants' rows that no policy guards"
        if rows:
            text = f"materialised view {view.place} {what}, and {case.role} may read it"
            answer.flag("materialised-view", view.place, text, f"revoke select on {view.place} from {case.role}")
        else:
            answer.ask("materialised-view", view.place, f"materialised view {view.place} is empty now and {what}")
        return
    own = _foreign_rows(case, view)
    if own == "none":
        answer.proved += 1
        answer.remarks.append(f"{view.place} passes no policy and shows each probe tenant its own rows only")
        return
    text = f"view {view.place} reads with the rights of {view.owner}, to whom no policy applies"
    code = f"alter view {view.place} set (security_invoker = true)"
    if rows or own == "some":
        answer.flag("owner-view", view.place, f"{text}; {case.role} sees rows through it past the policies", code)
    else:
        answer.ask("owner-view", view.place, f"{text}; it shows no row now", code)


def _foreign_rows(case: Case, view: Relation) -> str:
    """Whether probe tenants see others' rows through a view: `some`, `none`, or empty if that cannot be told.

    `none` needs two tenants who each see rows of their own.
    """
    column = next((name for name in case.tenancy.columns if name in view.columns), "")
    if not column or len(case.probes) < 2:
        return ""
    mine = sql.SQL("select exists(select 1 from {} as v where {} = %s)").format(named(view), ident("v", column))
    theirs = sql.SQL("select exists(select 1 from {} as v where {} is distinct from %s)").format(
        named(view), ident("v", column)
    )
    seen = 0
    for tenant in case.probes:
        try:
            own, foreign = _both(case, tenant, mine, theirs)
        except Refused:
            return ""
        if foreign:
            return "some"
        seen += own
    return "none" if seen >= 2 else ""


def _both(case: Case, tenant: Tenant, mine: sql.Composable, theirs: sql.Composable) -> tuple[bool, bool]:
    with case.live.acting(case.role, tenant):
        return bool(case.live.one(mine, (tenant.key,))), bool(case.live.one(theirs, (tenant.key,)))


def _called(case: Case, answer: Answer, function: Function, held: set[int]) -> None:
    """A function with its owner's rights: its search_path, and what it shows."""
    if function.path is None:
        text = f"function {function.place} runs with the rights of {function.owner} and has no fixed search_path"
        code = f"alter function {function.place} set search_path = pg_catalog, pg_temp"
        answer.flag("definer-path", function.place, text, code, severity="warn")
    free = [
        relation
        for oid in held
        if _free_of(case, function.owner, relation := case.catalogue.relations[oid])
        and re.search(rf"(?<![\w$]){re.escape(relation.name)}(?![\w$])", function.source)
    ]
    if not free:
        return
    names = ", ".join(sorted(relation.place for relation in free)[:3])
    asks = re.search(r"current_setting|current_tenant|session_user|auth\.|jwt", function.source, re.IGNORECASE)
    text = f"function {function.place} reads {names} with the rights of {function.owner}, to whom no policy applies"
    if function.takes == 0 and not function.volatile and function.language == "sql":
        shown = sql.SQL("select exists(select 1 from {}() as f where f is not null)").format(
            ident(function.schema, function.name)
        )
        try:
            with case.live.acting(case.role):
                case.live.fetch("set local row_security = off")
                rows = bool(case.live.one(shown))
        except Refused as error:
            if error.state == "42501":
                return
            rows = False
        if rows and not case.world.dry:
            answer.flag(
                "definer-function", function.place, f"{text}; {case.role} sees rows through it without a tenant"
            )
            return
    more = "" if asks else ", and nothing in it asks for the tenant"
    answer.ask("definer-function", function.place, f"{text}{more}; read it")


def _free_of(case: Case, role: str, relation: Relation) -> bool:
    """Whether no policy of a table applies to a role, by the catalogue."""
    known = case.catalogue.roles.get(role)
    if known is not None and (known.superuser or known.bypass):
        return True
    return not relation.rls or (relation.owner == role and not relation.forced)
