"""P1, P2, P6, P8: an object asked for by nobody, by its owner, by another tenant, and by a made-up id."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from stas_tui.isolation.declared import Canary, Tenant
from stas_tui.isolation.endpoints.asking import Asker, Seen, fill
from stas_tui.isolation.endpoints.case import Case
from stas_tui.isolation.endpoints.routes import Known, Routes
from storage.check_records import CheckResult

NO_ROUTE = "no route shows a declared canary; declare [[tenant.canary]] and a route with its {kind}"
NO_PAIR = "two tenants with probe = true, a token and canaries are needed"


def made_up(canary: Canary) -> str:
    """An id of the same shape that nothing has."""
    if canary.id.isdigit():
        return str(10**12 + int(canary.id[:9]))
    return str(uuid.uuid4()) if len(canary.id) == 36 else canary.id + "-none"


def no_token(asker: Asker, routes: Routes, tenants: Sequence[Tenant]) -> CheckResult:
    """P1: each route without credentials."""
    case = Case(asker, "P1")
    canaries = {canary.kind: canary for tenant in tenants for canary in tenant.canary}
    for route in routes.routes:
        path = fill(route.path, {kind: canary.id for kind, canary in canaries.items()})
        if route.open or path is None:
            continue
        with case.trial():
            seen = asker.get(path, None)
            data = any(seen.holds(canary) for canary in canaries.values())
            if seen.shown and (route.secured or data or route.kinds):
                what = "shows a tenant's object" if data else "answers"
                case.flag("no-token", route.path, f"GET {route.path} {what} without any credentials", seen)
            elif seen.refused:
                case.good += 1
            elif seen.shown and route.secured is False:
                case.remarks.append(f"GET {route.path} is open by the API's own document")
            elif seen.shown:
                case.weak.append(f"GET {route.path} answers anybody; if it may, declare it open with its reason")
            else:
                case.weak.append(f"GET {route.path} answered {seen.status}")
    return case.result(routes.trouble or "no route is known; declare openapi or [[api.route]]")


def swapped(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P2: the owner's canaries with the others' tokens."""
    case = Case(asker, "P2", owner.name)
    for canary in owner.canary:
        for route in routes.objects(canary.kind):
            for other in others:
                with case.trial():
                    _swap(case, route, canary, owner, other)
    return case.result(NO_PAIR if not others or not owner.canary else NO_ROUTE)


def _swap(case: Case, route: Known, canary: Canary, owner: Tenant, other: Tenant) -> None:
    ask = case.asker.get
    path, nowhere = fill(route.path, {canary.kind: canary.id}), fill(route.path, {canary.kind: made_up(canary)})
    if path is None or nowhere is None:
        return
    own, foreign = ask(path, owner), ask(path, other)
    if foreign.shown and (foreign.holds(canary) or foreign.digest == own.digest):
        text = f"GET {route.path} shows {owner.name}'s {canary.kind} to {other.name}"
        case.flag("swap", route.path, text, foreign)
        return
    if not own.shown or not own.holds(canary):
        case.weak.append(f"GET {route.path} does not show {owner.name} its own canary ({own.status})")
        return
    none = ask(nowhere, other)
    _judge(case, route, foreign, none)


def _judge(case: Case, route: Known, foreign: Seen, none: Seen) -> None:
    if none.shown and foreign.shown and none.digest != foreign.digest:
        case.weak.append(f"GET {route.path} answers something for a made-up id too; it cannot be told apart")
    elif foreign.refused:
        case.good += 1
        if foreign.status != none.status:
            case.remarks.append(f"{foreign.status} against {none.status} for a made-up id tells that an id exists")
    else:
        case.weak.append(f"GET {route.path} answered {foreign.status} to the other tenant")


def nested(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P6: the owner's child under a parent of another tenant, asked by that tenant."""
    case = Case(asker, "P6", owner.name)
    for route in routes.routes:
        if len(route.kinds) != 2 or route.open:
            continue
        parent, child = (
            route.parent or route.kinds[0],
            next(k for k in route.kinds if k != (route.parent or route.kinds[0])),
        )
        mine = {canary.kind: canary for canary in owner.canary}
        for other in others:
            theirs = {canary.kind: canary for canary in other.canary}
            if parent not in theirs or parent not in mine or child not in mine:
                continue
            with case.trial():
                own = asker.get(fill(route.path, {parent: mine[parent].id, child: mine[child].id}) or "", owner)
                mixed = asker.get(fill(route.path, {parent: theirs[parent].id, child: mine[child].id}) or "", other)
                if mixed.shown and (mixed.holds(mine[child]) or mixed.digest == own.digest):
                    text = f"GET {route.path} shows {owner.name}'s {child} under a {parent} of {other.name}"
                    case.flag("nested", route.path, text, mixed)
                elif not own.shown or not own.holds(mine[child]):
                    case.weak.append(f"GET {route.path} does not show {owner.name} its own canary ({own.status})")
                elif mixed.refused:
                    case.good += 1
                else:
                    case.weak.append(f"GET {route.path} answered {mixed.status}")
    return case.result("no route with a parent and a child whose canaries two tenants have")


def written(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P8: an empty change to the owner's canary by another tenant; only where a person allowed it by name."""
    case = Case(asker, "P8", owner.name)
    if not asker.api.write_probe:
        return case.result("writes are never tried unless [api] says write_probe = true")
    for canary in owner.canary:
        for route in routes.objects(canary.kind):
            path = fill(route.path, {canary.kind: canary.id}) or ""
            for other in others:
                with case.trial():
                    own = asker.get(path, owner)
                    seen = asker.get(path, other, method="PATCH")
                    if seen.shown:
                        text = f"PATCH {route.path} lets {other.name} change {owner.name}'s {canary.kind}"
                        case.flag("write", route.path, text, seen)
                    elif seen.refused and own.shown:
                        case.good += 1
                    else:
                        case.weak.append(f"PATCH {route.path} answered {seen.status}; it may not be there at all")
    return case.result(NO_PAIR if not others else NO_ROUTE)
