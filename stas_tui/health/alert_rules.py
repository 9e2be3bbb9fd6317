"""Whether alert rules would see a small tenant (R119): read from their expressions, without running anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from stas_tui.health.promql import NoAnswer
from stas_tui.notify.alertmanager_v2 import Cleaner
from storage.watch_records import AlertRule

MOST_RULES = 1_000
_BLENDING = ("sum", "avg", "quantile", "stddev", "stdvar")
"""Aggregations in which one tenant's trouble drowns in the others' numbers; `max` and `count` keep it in sight."""
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_CALL = re.compile(rf"\b({'|'.join(_BLENDING)})\b\s*(?:(by|without)\s*\(([^)]*)\)\s*)?\(")
_TAIL = re.compile(r"\s*(by|without)\s*\(([^)]*)\)")
_GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def rules_of(data: Any, label: str, clean: Cleaner, where: str) -> list[AlertRule]:
    """The alerting rules of an answer of `/api/v1/rules`; recording rules are left out. Raises `NoAnswer`."""
    groups = data.get("groups") if isinstance(data, dict) else None
    if not isinstance(groups, list):
        raise NoAnswer(f"{where} has another shape: is this a Prometheus?", 200)
    found: dict[str, AlertRule] = {}
    for group in groups:
        rules = group.get("rules") if isinstance(group, dict) else None
        for raw in rules if isinstance(rules, list) else ():
            if len(found) >= MOST_RULES:
                return list(found.values())
            rule = _rule(raw, label, clean, f"{clean(group.get('name'), 200)}")
            if rule is not None:
                key, n = rule.key, 1
                while key in found:
                    n += 1
                    key = f"{rule.key}#{n}"
                found[key] = rule if n == 1 else AlertRule.from_json({**rule.to_json(), "key": key})
    return list(found.values())


def _rule(raw: Any, label: str, clean: Cleaner, group: str) -> AlertRule | None:
    if not isinstance(raw, dict) or raw.get("type") != "alerting":
        return None
    name, query = raw.get("name"), raw.get("query")
    if not isinstance(name, str) or not isinstance(query, str) or not name:
        return None
    hides = why_hidden(query, label)
    alerts = raw.get("alerts")
    seen = any(
        isinstance(a, dict) and isinstance(a.get("labels"), dict) and label in a["labels"]
        for a in (alerts if isinstance(alerts, list) else ())
    )
    name = clean(name, 200)
    return AlertRule(
        key=f"{group}/{name}",
        name=name,
        expression=clean(query),
        per_tenant=not hides and (seen or knows_tenant(query, label)),
        hides=hides,
    )


def covering(rules: Iterable[AlertRule], services: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each service the names of the rules that name it, in their own name or in their expression (R50)."""
    texts = [(rule.name, squeezed(f"{rule.name} {rule.expression}")) for rule in rules]
    return {
        service: tuple(dict.fromkeys(name for name, text in texts if squeezed(service) in text)) for service in services
    }


def squeezed(text: str) -> str:
    """Lower case, without what separates words: `pool-exhausted`, `pool_exhausted` and `PoolExhausted` are one."""
    return re.sub(r"[-_.\s]+", "", text.lower())


def knows_tenant(query: str, label: str) -> bool:
    """Whether an expression names the label: in a matcher, or in what it is grouped or joined by."""
    bare = _STRING.sub('""', query)
    grouped = any(label in _names(found) for found in _GROUPED.findall(bare))
    return grouped or bool(re.search(rf"[{{,]\s*{re.escape(label)}\s*(=|!)", bare))


def why_hidden(query: str, label: str) -> str:
    """One clause why a small tenant would not be seen by an expression; empty if it would."""
    bare = _STRING.sub(lambda m: '"' + "x" * (len(m.group()) - 2) + '"', query)
    for call in _CALL.finditer(bare):
        end = _closing(bare, call.end())
        kind, names = call.group(2), call.group(3)
        if kind is None:
            tail = _TAIL.match(bare, end)
            kind, names = (tail.group(1), tail.group(2)) if tail else (None, None)
        kept = names is not None and (label in _names(names)) == (kind == "by")
        one = re.search(rf"[{{,]\s*{re.escape(label)}\s*=(?!~)", bare[call.end() : end])
        if not kept and not one:
            return f"{call.group(1)} over all tenants: a small one drowns in it"
    return ""


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _closing(text: str, start: int) -> int:
    """The place after the bracket that closes the one before `start`."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return len(text)
