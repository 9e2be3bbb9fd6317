"""Leads of the checks on routes: a route that knows no caller, and a tenant that the client chooses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stas_tui.isolation.code.known import Known
from stas_tui.isolation.code.routes import is_identity, is_open, touches
from stas_tui.isolation.code.shapes import is_input
from stas_tui.isolation.code.words import CALLERS, snake
from storage.check_records import Lead

Facts = dict[str, Any]

BARE, CLIENT = "bare-route", "client-tenant"
TOO_MANY = 1 / 3
"""Share of bare routes above which the rule does not understand how the project asks who calls."""


@dataclass(slots=True)
class Routes:
    """What was seen of routes."""

    total: int = 0
    judged: int = 0
    """Routes with an id in their path, or whose function reads a tenant's table."""
    bare: list[Lead] = field(default_factory=list)
    client: list[Lead] = field(default_factory=list)
    middleware: str = ""

    @property
    def too_many(self) -> bool:
        """Whether so many routes look bare that the rule must have missed how the caller is asked for."""
        return self._many(self.bare)

    @property
    def too_many_sent(self) -> bool:
        """The same for routes that seem to take the tenant from the client."""
        return self._many(self.client)

    def _many(self, leads: list[Lead]) -> bool:
        return too_many(len(leads), self.judged)


def too_many(number: int, judged: int) -> bool:
    """Whether a rule that finds so many of the judged routes must have missed something."""
    return judged > 0 and number > 2 and number / judged > TOO_MANY


def judge_routes(known: Known) -> Routes:
    """Every route of a project."""
    seen = Routes(middleware=known.middleware)
    for path in sorted(known.files):
        facts = known.files[path]
        staff = known.words.is_staff(path, "")
        if "p" in facts:
            seen.total += facts["p"][0]
            seen.judged += 0 if staff else facts["p"][1]
        reading = {f["q"] for f in facts.get("f", ()) if "s" in f or "B" in f} if "r" in facts else set()
        for route in facts.get("r", ()):
            seen.total += 1
            how = _asked(known, path, route)
            inside = list(_in_body(known, path, route, how))
            if not staff and (touches(route, route["f"] in reading) or inside):
                seen.judged += 1
                if not how:
                    seen.bare.append(_bare(path, route))
            seen.client += _client(known, path, route, how)
            seen.client += inside
        for function in facts.get("f", ()):
            if "c" in function:
                seen.client += _sent(known, path, function)
    return seen


def _asked(known: Known, path: str, route: Facts) -> str:
    """How a route looks at the caller: its function, its decorators, its router, or a router around that."""
    if route.get("i"):
        return str(route["i"])
    for name in route.get("d", ()):
        if found := known.asks_who(name):
            return found
    if route.get("c") and (found := known.class_asks(route["c"])):
        return found
    return known.guarded_routers.get((path, route["v"]), "")


def _bare(path: str, route: Facts) -> Lead:
    text = f"{route['m'].upper()} {route['p'] or '/'} ({route['f']}) asks nobody who calls"
    return Lead(
        rule=BARE, text=text, path=path, line=route["l"], code=f"{route['m'].upper()} {route['p']}", accuses=False,
        anchor=f"{route['f']} {route['m']} {route['p']}",
    )  # fmt: skip


def _client(known: Known, path: str, route: Facts, how: str) -> Iterator[Lead]:
    """Tenants that a route takes from the client and holds against nothing."""
    for tenant, beside in route.get("t", {}).items():
        own = route.get("n", {}).get(tenant, [])
        if any(known.asks_who(name) or name.removeprefix("@") in known.aliases for name in own):
            continue
        if not beside or known.words.is_staff(path, route["f"]):
            continue
        if _met(known, route, beside) or known.checks_tenant(route.get("d", []), tenant):
            continue
        why = "and nothing in it asks who calls" if not how else "and it is held against nothing that the caller is"
        text = f"{route['m'].upper()} {route['p'] or '/'} takes {tenant} from the client, {why}"
        yield Lead(
            rule=CLIENT, text=text, path=path, line=route["l"], code=f"{route['m'].upper()} {route['p']}",
            accuses=False, anchor=f"{route['f']} {tenant}",
        )  # fmt: skip


def _in_body(known: Known, path: str, route: Facts, how: str) -> Iterator[Lead]:
    """Tenants that a route takes from a field of the body's model and holds against nothing."""
    for tenant, (of, *beside) in route.get("b", {}).items():
        owner, _, attribute = tenant.partition(".")
        if not beside or is_open(route["p"]) or known.words.is_staff(path, route["f"]):
            continue
        if not _is_body(known, owner, of, route.get("n", {}).get(owner, [])):
            continue
        checked = known.checks_tenant(route.get("d", []), attribute)
        if checked or _met(known, route, [name for name in beside if name != owner]):
            continue
        why = "and nothing in it asks who calls" if not how else "and it is held against nothing that the caller is"
        text = f"{route['m'].upper()} {route['p'] or '/'} takes {attribute} from the body ({of}), {why}"
        yield Lead(
            rule=CLIENT, text=text, path=path, line=route["l"], code=f"{route['m'].upper()} {route['p']}",
            accuses=False, anchor=f"{route['f']} {route['m']} {route['p']} {tenant}",
        )  # fmt: skip


def _is_body(known: Known, owner: str, of: str, depends: list[str]) -> bool:
    """Whether a parameter is a model that the client fills in, and no caller, service or dependency."""
    if any(not name.startswith("@") or name[1:] in known.aliases for name in depends if name not in _FROM_BODY):
        return False
    if owner in CALLERS or is_identity(owner):
        return False
    return is_input(owner) or is_input(snake(of)) or known.is_filled_in(of)


_FROM_BODY = frozenset({"Body", "Form", "Json"})


def _met(known: Known, route: Facts, beside: list[str]) -> bool:
    """Whether the tenant stands in one call or comparison with the caller, so that it can be held against it."""
    if any(name == "compared" or name.endswith("()") or name in CALLERS for name in beside):
        return True
    callers = {name for name, depends in route.get("n", {}).items() if any(known.asks_who(to) for to in depends)}
    return bool(callers & set(beside)) or any(is_identity(name) for name in beside if name in route.get("n", {}))


def _sent(known: Known, path: str, function: Facts) -> Iterator[Lead]:
    """Tenants that a function reads out of a request by itself."""
    for sent in function.get("c", ()):
        beside = sent.get("b", [])
        if not sent.get("n") or not ("s" in function or "B" in function) or known.words.is_staff(path, function["q"]):
            continue
        if function.get("g", "").endswith("()") or any(
            n == "compared" or n.endswith("()") or n in CALLERS for n in beside
        ):
            continue
        text = f"{function['q']} reads {sent['n']} from what the client sent ({sent['w']}) and holds it against nothing"
        yield Lead(
            rule=CLIENT, text=text, path=path, line=sent["l"], code=sent["w"], accuses=False,
            anchor=f"{function['q']} {sent['n']}",
        )  # fmt: skip
