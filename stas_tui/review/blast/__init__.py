"""C16: what a change touches: services that depend on it, tables, routes, tenants. Shown; it gives no verdict (R47)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stas_tui.isolation.base import Spec
from stas_tui.review.base import Change, result
from stas_tui.review.files.introduced import Unreadable
from stas_tui.review.files.yaml_lines import Map, items
from stas_tui.texts.kinds import FileKind, kind_of, service_of
from stas_tui.texts.lines import count, listed, one_line
from storage.check_records import CheckResult, Verdict

CHECKS = (
    Spec(
        id="C16",
        point="blast",
        title="what it touches",
        method="dependencies of the compose files, tables and routes in changed lines, declared tenants (R47)",
        live=False,
    ),
)
_TABLE = re.compile(
    r"\b(?:from|join|into|update|table(?:\s+if\s+(?:not\s+)?exists)?)\s+(?:only\s+)?\"?([a-z_][a-z0-9_.]{1,60})\"?",
    re.IGNORECASE,
)
_NO_TABLE = frozenset({"select", "set", "the", "a", "if", "exists", "import", "where", "values", "__future__", "only"})
_ROUTE = re.compile(r"@\w+\.(get|post|put|patch|delete|route)\(\s*[\"']([^\"']{1,100})[\"']")


def run(change: Change) -> Iterator[CheckResult]:
    """One result that says it in a line."""
    services = {name for file in change.files if (name := service_of(file.path, change.services))}
    services |= _changed_services(change)
    depending = _depending(change, services)
    tables, routes = set(), set()
    for file in change.files:
        kind = kind_of(file.path)
        for _, line in (*file.added, *file.removed):
            if kind in (FileKind.MIGRATION, FileKind.CODE, FileKind.ISOLATION):
                tables |= {name.lower() for name in _TABLE.findall(line) if name.lower() not in _NO_TABLE}
                routes |= {f"{verb.upper()} {path}" for verb, path in _ROUTE.findall(line)}
    if change.tenancy is not None:
        known = {name.rpartition(".")[2] for name in change.tenancy.tables.scoped}
        tables = {name for name in tables if not known or name.rpartition(".")[2] in known} or tables
    parts = [
        _part("service", services, "none by name"),
        _part("depending on it", depending, "", plural="depending on it"),
        _part("table", tables, ""),
        _part("route", routes, ""),
        f"{count(len(change.tenants), 'tenant')} share it" if change.tenants else "tenants not declared",
    ]
    reason = "; ".join(part for part in parts if part)
    counts = {
        "services": len(services),
        "depending": len(depending),
        "tables": len(tables),
        "routes": len(routes),
        "tenants": len(change.tenants),
    }
    yield result(change, "C16", Verdict.UNKNOWN, reason, counts=counts)


def _part(noun: str, names: set[str], none: str, *, plural: str = "") -> str:
    if not names:
        return f"{noun}s: {none}" if none else ""
    return f"{count(len(names), noun, plural)} ({listed([one_line(name, 60) for name in sorted(names)])})"


def _services(change: Change) -> dict[str, Map]:
    from stas_tui.review.files.compose import services_of

    found: dict[str, Map] = {}
    for path in change.head.files():
        if kind_of(path) is FileKind.COMPOSE:
            try:
                found |= services_of((change.head.read(path) or b"").decode("utf-8", "replace"))
            except Unreadable:
                continue
    return found


def _changed_services(change: Change) -> set[str]:
    """Services of a compose file whose own lines the change touches."""
    from stas_tui.review.files.compose import services_of

    changed = set()
    for file in change.files:
        if kind_of(file.path) is FileKind.COMPOSE and file.status != "deleted":
            try:
                after = services_of((change.head.read(file.path) or b"").decode("utf-8", "replace"))
            except Unreadable:
                continue
            starts = sorted((service.line - 1, name) for name, service in after.items())
            for number, _ in file.added:
                own = [name for line, name in starts if line <= number]
                changed |= set(own[-1:])
    return changed


def _depending(change: Change, services: set[str]) -> set[str]:
    """Services that need one of these, directly or through others."""
    needs = {
        name: {text for text, _, _ in items(service.get("depends_on"))} for name, service in _services(change).items()
    }
    reached = set(services)
    while more := {name for name, wanted in needs.items() if wanted & reached} - reached:
        reached |= more
    return reached - services
