"""Prometheus' answers as numbers: values are strings, NaN is no data, and an error has more than one shape."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stas_tui.notify.alertmanager_v2 import CUT, Cleaner, clause
from stas_tui.web import Reply, WebError
from storage.canonical import well_formed
from storage.redact import redact

QUERY = "/api/v1/query"
RANGE = "/api/v1/query_range"
RULES = "/api/v1/rules"
MOST_SERIES = 2_000
LONGEST_LABEL = 200

Points = Sequence[tuple[int, float | None]]
"""(UTC milliseconds, value), oldest first."""

_RANGE = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_STEP = re.compile(r"(\d+)(ms|[smhdwy])")
_UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NO_METRIC = frozenset(("and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"))


class NoAnswer(Exception):
    """A question that was answered with an error; the text is one clause, `status` the HTTP status."""

    def __init__(self, why: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.status, self.retry_after_s = status, retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One number for each tenant."""

    values: Mapping[str, float | None]
    """None is «no data»: NaN, infinity, or two series for the same tenant."""
    unlabelled: int = 0
    """Series without the label."""
    repeated: tuple[str, ...] = ()
    """Tenants with more than one series: which one counts cannot be told."""
    more: int = 0
    """Series beyond the bound."""


@dataclass(slots=True)
class Warnings:
    """What Prometheus warned of besides answering."""

    texts: list[str] = field(default_factory=list)

    def take(self, raw: Any) -> None:
        """Keep the first few, redacted."""
        for text in raw if isinstance(raw, list) else ():
            if isinstance(text, str) and len(self.texts) < 8:
                self.texts.append(redact(well_formed(text[:1_000]))[:200])


def data_of(reply: Reply, where: str, warnings: Warnings) -> Any:
    """The data of a successful answer. Raises `NoAnswer`, and `WebError` (`not JSON`)."""
    if reply.status != 200:
        raise NoAnswer(_error(reply, where), reply.status, reply.retry_after_s)
    body = reply.json()
    if not isinstance(body, dict) or body.get("status") != "success" or "data" not in body:
        if isinstance(body, dict) and body.get("status") == "error":
            raise NoAnswer(_error(reply, where), reply.status)
        raise NoAnswer(f"{where} has another shape: is this a Prometheus?", reply.status)
    warnings.take(body.get("warnings"))
    return body["data"]


def _error(reply: Reply, where: str) -> str:
    """`{"status": "error", "errorType": …, "error": …}`, or whatever a proxy or a starting server writes."""
    text = clause(where, reply)
    try:
        body = reply.json() if reply.body[:1] == b"{" else {}
    except WebError:
        body = {}
    kind = body.get("errorType") if isinstance(body, dict) else None
    head = f"{where} answered {reply.status}"
    return f"{head}: {redact(kind[:40])}{text.removeprefix(head)}" if isinstance(kind, str) and kind else text


def number(raw: Any) -> float | None:
    """A sample's value; NaN, infinity and what is no number are no data, never 0."""
    if not isinstance(raw, str) or len(raw) > 64:
        return None
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def vector(data: Any, label: str, clean: Cleaner, where: str) -> Vector:
    """An instant query's answer by the value of `label`. Raises `NoAnswer` for another shape."""
    values: dict[str, float | None] = {}
    repeated: list[str] = []
    unlabelled = 0
    result = _result(data, "vector", where)
    for series in result[:MOST_SERIES]:
        tenant, value = _series(series, label, clean), series.get("value") if isinstance(series, dict) else None
        if tenant is None:
            unlabelled += 1
            continue
        if tenant in values:
            repeated.append(tenant)
            values[tenant] = None
            continue
        values[tenant] = number(value[1]) if isinstance(value, list) and len(value) == 2 else None
    more = max(len(result) - MOST_SERIES, 0)
    return Vector(values=values, unlabelled=unlabelled, repeated=tuple(repeated), more=more)


def matrix(data: Any, label: str, clean: Cleaner, where: str) -> dict[str, Points]:
    """A range query's answer by the value of `label`; repeated tenants are left out. Raises `NoAnswer`."""
    found: dict[str, Points] = {}
    repeated: set[str] = set()
    for series in _result(data, "matrix", where)[:MOST_SERIES]:
        tenant = _series(series, label, clean)
        raw = series.get("values") if isinstance(series, dict) else None
        if tenant is None or not isinstance(raw, list):
            continue
        if tenant in found:
            repeated.add(tenant)
        found[tenant] = [
            (int(at * 1000), number(value))
            for at, value in (p for p in raw if isinstance(p, list) and len(p) == 2)
            if isinstance(at, int | float) and abs(at) < 1e11
        ]
    return {tenant: points for tenant, points in found.items() if tenant not in repeated}


def _result(data: Any, kind: str, where: str) -> list[Any]:
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise NoAnswer(f"{where} has another shape: is this a Prometheus?", 200)
    if data.get("resultType") != kind:
        said = str(data.get("resultType"))[:20]
        raise NoAnswer(f"{where} gave a {redact(said)}, not numbers by tenant", 200)
    result: list[Any] = data["result"]
    return result


def _series(series: Any, label: str, clean: Cleaner) -> str | None:
    metric = series.get("metric") if isinstance(series, dict) else None
    tenant = metric.get(label) if isinstance(metric, dict) else None
    return clean(tenant, LONGEST_LABEL) if isinstance(tenant, str) and tenant else None


def window_s(query: str, default: float = 300.0) -> float:
    """Seconds of the first range in a query, e.g. 300 for `rate(x[5m])`."""
    found = _RANGE.search(_STRING.sub('""', query))
    if found is None:
        return default
    return sum(int(n) * _UNIT_S[unit] for n, unit in _STEP.findall(found.group(1))) or default


def metric_names(query: str) -> tuple[str, ...]:
    """Names of the metrics that a query reads, as far as its text tells (R118)."""
    bare = _LISTS.sub(" ", re.sub(r"\{[^}]*\}", "{}", _STRING.sub('""', query)))
    bare = _RANGE.sub("[]", bare)
    names = []
    for word in _WORD.finditer(bare):
        name, after = word.group(), bare[word.end() :].lstrip()
        before = bare[: word.start()][-1:]
        if after.startswith("(") or name.lower() in _NO_METRIC or before.isalnum() or name in names:
            continue
        names.append(name)
    return tuple(name[:LONGEST_LABEL] for name in names[:8])


def shown_query(query: str, limit: int = 300) -> str:
    """A query as the screen shows it."""
    text = redact(" ".join(query.split()))
    return text if len(text) <= limit else text[: limit - 1] + CUT
