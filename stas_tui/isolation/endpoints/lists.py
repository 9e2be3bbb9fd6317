"""P3, P4, P5, P7: lists, named tenants, tokens in the wrong place, and caches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from stas_tui.isolation.declared import Canary, Tenant
from stas_tui.isolation.endpoints.asking import Asker, Seen, fill
from stas_tui.isolation.endpoints.case import Case
from stas_tui.isolation.endpoints.routes import Known, Routes
from stas_tui.isolation.endpoints.swap import NO_PAIR
from storage.check_records import CheckResult

MOST_PAGES = 5
_USUAL_HEADERS = ("X-Tenant-ID", "X-Tenant")


def listed(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P3: the owner's canaries in lists of the others. Without the owner seeing them itself, nothing is proved."""
    case = Case(asker, "P3", owner.name)
    for route in routes.lists:
        with case.trial():
            own = list(_pages(asker, route.path, owner))
            shown = [canary for canary in owner.canary if any(page.holds(canary) for page in own)]
            for other in others:
                pages = list(_pages(asker, route.path, other))
                leak = next(((c, page) for c in owner.canary for page in pages if page.shown and page.holds(c)), None)
                if leak is not None:
                    text = f"GET {route.path} lists {owner.name}'s {leak[0].kind} to {other.name}"
                    case.flag("list", route.path, text, leak[1])
                elif shown and any(page.shown for page in pages):
                    case.good += 1
                elif shown:
                    case.remarks.append(f"GET {route.path} shows {other.name} nothing at all")
    return case.result(
        "no list shows the owner its own canary, so nothing could leak there" if others and owner.canary else NO_PAIR
    )


def _pages(asker: Asker, path: str, who: Tenant) -> Iterator[Seen]:
    where: str | None = path
    for _ in range(MOST_PAGES):
        if where is None:
            return
        seen = asker.get(where, who)
        yield seen
        where = _next(seen, asker.api.base)


def _next(seen: Seen, base: str) -> str | None:
    """The next page as the answer or its `Link` header names it, on the same host only."""
    link = next((p for p in seen.headers.get("link", "").split(",") if 'rel="next"' in p), "")
    target: Any = link.partition("<")[2].partition(">")[0]
    if not target:
        try:
            read = json.loads(seen.text)
        except ValueError:
            return None
        target = read.get("next") if isinstance(read, dict) else None
    if not isinstance(target, str) or not target:
        return None
    parts = urlsplit(target)
    if parts.netloc and parts.netloc != urlsplit(base).netloc:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def forged(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P4: another tenant's token with the owner's name in a header or parameter."""
    case = Case(asker, "P4", owner.name)
    for route, canary, path in _targets(routes, owner):
        for other in others:
            with case.trial():
                own = asker.get(path, owner)
                if canary is not None and not own.holds(canary):
                    continue
                for how, seen in _claims(asker, path, owner, other):
                    if seen.shown and any(seen.holds(c) for c in owner.canary):
                        text = f"GET {route.path} believes {how}: {other.name} gets {owner.name}'s data"
                        case.flag("forged-tenant", route.path, text, seen)
                    elif seen.status >= 500:
                        case.weak.append(f"GET {route.path} answered {seen.status} to {how}")
                    elif own.shown and any(own.holds(c) for c in owner.canary):
                        case.good += 1
    return case.result("no route shows the owner its own canary" if others and owner.canary else NO_PAIR)


def _targets(routes: Routes, owner: Tenant) -> Iterator[tuple[Known, Canary | None, str]]:
    for canary in owner.canary:
        for route in routes.objects(canary.kind):
            yield route, canary, fill(route.path, {canary.kind: canary.id}) or ""
    for route in routes.lists:
        yield route, None, route.path


def _claims(asker: Asker, path: str, owner: Tenant, other: Tenant) -> Iterator[tuple[str, Seen]]:
    naming = [header.name for header in asker.api.header if not header.identity]
    if naming:
        yield f"the header {naming[0]}", asker.get(path, other, named=owner)
        yield "a malformed tenant header", asker.get(path, other, named="' or 1=1 --")
        yield "an empty tenant header", asker.get(path, other, named="")
    else:
        for name in _USUAL_HEADERS:
            yield f"the header {name}", asker.get(path, other, headers={name: owner.key})
    if asker.api.tenant_parameter:
        params = {asker.api.tenant_parameter: owner.key}
        yield f"the parameter {asker.api.tenant_parameter}", asker.get(path, other, params=params)
    if owner.host:
        yield f"the host {owner.host}", asker.get(path, other, headers={"Host": owner.host})


def mixed(asker: Asker, routes: Routes, owner: Tenant, others: Sequence[Tenant]) -> CheckResult:
    """P5: a tampered token, and the owner's token on another tenant's host."""
    case = Case(asker, "P5", owner.name)
    token = asker.token(owner)
    bound = False
    targets = [
        (route, path) for route, canary, path in _targets(routes, owner) if canary is not None or len(owner.canary) == 0
    ][:3]
    for route, path in targets:
        with case.trial():
            own = asker.get(path, owner)
            if not own.shown:
                case.weak.append(f"GET {route.path} does not show {owner.name} its own canary ({own.status})")
                continue
            bad = asker.get(path, owner, token=tampered(token))
            if bad.shown and bad.digest == own.digest:
                case.flag("tampered-token", route.path, f"GET {route.path} takes a token that was tampered with", bad)
                continue
            for other in others:
                if other.host:
                    bound = True
                    seen = asker.get(path, owner, headers={"Host": other.host})
                    if seen.shown:
                        text = f"GET {route.path} takes {owner.name}'s token on the host of {other.name}"
                        case.flag("foreign-host", route.path, text, seen, severity="warn")
                    else:
                        case.good += 1
    if not bound and not case.leads and not case.weak and targets and not asker.world.dry:
        case.weak.append("a tampered token is refused; no tenant declares a host, so a token's place is not known")
    return case.result("no token or no canary to try it on")


def tampered(token: str) -> str:
    """The token with one character in its last part changed."""
    at = len(token) // 2 if token.count(".") < 2 else token.rindex(".") + 1 + len(token.rpartition(".")[2]) // 2
    if not token:
        return "x"
    return token[:at] + ("A" if token[at : at + 1] != "A" else "B") + token[at + 1 :]


def cached(asker: Asker, routes: Routes, tenants: Sequence[Tenant]) -> CheckResult:
    """P7: one address as A, as B, as A again; B must not get A's answer."""
    case = Case(asker, "P7")
    if len(tenants) >= 2:
        first, second = tenants[0], tenants[1]
        for route in routes.lists:
            with case.trial():
                turn = {"Cache-Control": "max-age=3600"}
                one = asker.get(route.path, first, headers=turn)
                two = asker.get(route.path, second, headers=turn)
                asker.get(route.path, first, headers=turn)
                own = [canary for canary in first.canary if one.shown and one.holds(canary)]
                if own and two.shown and any(two.holds(canary) for canary in own):
                    text = f"GET {route.path} gives {second.name} what {first.name} got just before"
                    case.flag("cache", route.path, text, two)
                elif own and two.shown:
                    case.good += 1
                    if "vary" not in one.headers and "private" not in one.headers.get(
                        "cache-control", "no-store private"
                    ):
                        case.remarks.append(f"GET {route.path} may be cached and does not say by whom it varies")
    return case.result("no list shows a tenant its own canary" if len(tenants) >= 2 else NO_PAIR)
