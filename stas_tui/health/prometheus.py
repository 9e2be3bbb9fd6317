"""Numbers by tenant, alert rules and comparisons around merges, from one Prometheus (R107, R116-R119)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stas_tui import config_sources
from stas_tui.health import promql
from stas_tui.health.alert_rules import rules_of
from stas_tui.health.base import Answer
from stas_tui.health.hosted import HostedSource
from stas_tui.health.promql import NoAnswer, Points, Vector
from stas_tui.health.slower import compare_latency
from stas_tui.health.tenants import BASELINE_MS, WATCHED_MS, compare_merge, judge, share
from stas_tui.web import Web, WebError
from storage.clock import DAY, HOUR, MINUTE
from storage.records import DataState, Json, Merge
from storage.watch_records import AlertRule, Comparison, SourceKind, TenantNumbers

HISTORY_EVERY_MS = MINUTE
HISTORY_KEPT_MS = 5 * MINUTE
"""A past hour that could not be renewed for so long is not shown any more."""
RULES_EVERY_MS = 5 * MINUTE
COMPARE_EVERY_MS = 30_000
COMPARE_AT_ONCE = 2
"""Merges that are measured in one round; the others wait for the next."""
MOST_MERGES = 20
STEP_MS = 15_000


def _no_merges() -> Sequence[Merge]:
    return ()


@dataclass(slots=True)
class _Round:
    """What one round of questions gathers."""

    now: int
    detail: Json = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    warnings: promql.Warnings = field(default_factory=promql.Warnings)
    partial: bool = False
    given_up: str = ""
    """The word of a broken question: further ones are not asked in this round."""


@dataclass(slots=True)
class _Compared:
    at: int
    final: bool
    comparisons: list[Comparison]


class PrometheusSource(HostedSource):
    """One Prometheus as a source.

    Each round asks the configured queries; once a minute the past hour, every five minutes the alert rules, and while a
    merge is watched (30 minutes) its comparison. If requests or errors cannot be asked the round is an error; any
    other part that fails is a doubt, and the numbers stand.
    """

    kind = SourceKind.METRICS
    main = promql.QUERY

    def __init__(
        self,
        config: config_sources.Prometheus,
        tenants: Sequence[str],
        token: Callable[[], str],
        merges: Callable[[], Sequence[Merge]] = _no_merges,
        *,
        project_id: str = "",
        every_s: float = 15.0,
        step_ms: int = STEP_MS,
    ) -> None:
        super().__init__(config, token, project_id=project_id, every_s=every_s)
        self._config = config
        self._tenants = tuple(tenants)
        self._merges = merges
        self._step_ms = step_ms
        core = {"requests": config.requests, "errors": config.errors}
        further = {"denied": config.denied, "latency": config.latency}
        usage = {name: query for name, query in config.usage.items() if name not in (*core, *further)}
        self.queries = {name: self._filled(query) for name, query in {**core, **further, **usage}.items()}
        """What is asked, by name, with the label filled in; a usage query may not take the name of another."""
        self.window_s = promql.window_s(self.queries["requests"])
        self._history: dict[str, tuple[float | None, ...]] = {}
        self._latencies: dict[str, tuple[float | None, ...]] = {}
        self._history_at = 0
        self._rules: list[AlertRule] | None = None
        self._rules_at = 0
        self._compared: dict[str, _Compared] = {}
        self._slow: frozenset[str] = frozenset()

    def _filled(self, query: str) -> str:
        return query.replace("{tenant}", self._config.tenant_label)

    # one round -------------------------------------------------------------------------------------

    def _ask(self, web: Web, now: int) -> Answer:
        """All numbers by tenant, and what is due besides."""
        try:
            return self._numbers_of(web, _Round(now=now))
        except NoAnswer as error:
            return self._refused(str(error), error.status, error.retry_after_s)

    def _numbers_of(self, web: Web, round_: _Round) -> Answer:
        answers: dict[str, Vector | None] = {name: self._instant(web, name, round_) for name in ("requests", "errors")}
        for name in self.queries:
            if name not in answers:
                answers[name] = self._further(name, round_, lambda name=name: self._instant(web, name, round_))  # type: ignore[misc]
        if round_.now - self._history_at >= HISTORY_EVERY_MS:
            self._further("history", round_, lambda: self._read_history(web, round_))
        if round_.now - self._history_at > HISTORY_KEPT_MS:
            self._history, self._latencies = {}, {}
        numbers = self._numbers(answers, round_)
        rules = self._read_rules(web, round_)
        comparisons = self._compare(web, round_, [n.tenant for n in numbers])
        if round_.warnings.texts:
            round_.detail["warnings"] = round_.warnings.texts
        silent = [name for name, found in answers.items() if found is not None and not found.values]
        if silent:
            round_.detail["no_series"] = {name: promql.shown_query(self.queries[name]) for name in silent}
            round_.detail["no_series_of"] = {name: promql.metric_names(self.queries[name]) for name in silent}
            round_.doubts.insert(0, f"no series for {', '.join(silent)}")
        seen = any(found is not None and found.values for found in answers.values())
        return Answer(
            state=DataState.OK if seen else DataState.EMPTY,
            things=[*numbers, *(rules or ()), *comparisons],
            reason="; ".join(round_.doubts),
            partial=round_.partial,
            detail=round_.detail,
        )

    def _instant(self, web: Web, name: str, round_: _Round) -> Vector:
        where = f"{name}: {promql.QUERY}"
        data = promql.data_of(web.get(promql.QUERY, {"query": self.queries[name]}), where, round_.warnings)
        return promql.vector(data, self._config.tenant_label, self._clean, where)

    def _range(self, web: Web, name: str, round_: _Round, start: int, end: int, step_ms: int) -> dict[str, Points]:
        where = f"{name}: {promql.RANGE}"
        params = {"query": self.queries[name], "start": start / 1000, "end": end / 1000, "step": step_ms / 1000}
        data = promql.data_of(web.get(promql.RANGE, params), where, round_.warnings)
        return promql.matrix(data, self._config.tenant_label, self._clean, where)

    @staticmethod
    def _further(name: str, round_: _Round, ask: Callable[[], Any]) -> Any:
        """A part without which the numbers stand; None with a doubt if it fails."""
        failed = round_.detail.setdefault("failed", {})
        try:
            if round_.given_up:
                raise NoAnswer(f"not asked after a {round_.given_up}", 0)
            found = ask()
        except NoAnswer as error:
            failed[name] = str(error)[:300]
        except WebError as error:
            failed[name] = error.word
            round_.given_up = error.word
        else:
            if not failed:
                del round_.detail["failed"]
            return found
        round_.doubts.append(f"{name} unknown: {failed[name]}"[:200])
        return None

    def _numbers(self, answers: Mapping[str, Vector | None], round_: _Round) -> list[TenantNumbers]:
        """One row for each tenant that is configured or seen, the configured ones first."""
        seen = {tenant for found in answers.values() if found is not None for tenant in found.values}
        tenants = list(dict.fromkeys([*self._tenants, *sorted(seen)]))
        for what, counted in (
            ("unlabelled", {name: found.unlabelled for name, found in answers.items() if found}),
            ("repeated", {name: list(found.repeated[:8]) for name, found in answers.items() if found}),
            ("not shown", {name: found.more for name, found in answers.items() if found}),
        ):
            if some := {name: value for name, value in counted.items() if value}:
                round_.detail[what] = some
                round_.doubts.append(f"{what} series in {', '.join(some)}")
        rows = [self._row(tenant, answers) for tenant in tenants]
        judged = judge(rows, window_s=self.window_s, latencies=self._latencies, slow_before=self._slow)
        self._slow = judged.slow
        round_.detail["window_s"] = self.window_s
        if judged.platform:
            round_.detail["platform"] = judged.platform
            round_.doubts.append(judged.platform)
        return [dataclasses.replace(row, remark=judged.remarks[row.tenant]) for row in rows]

    def _row(self, tenant: str, answers: Mapping[str, Vector | None]) -> TenantNumbers:
        def value(name: str) -> float | None:
            found = answers[name]
            return None if found is None else found.values.get(tenant)

        requests = value("requests")
        return TenantNumbers(
            key=tenant,
            tenant=tenant,
            requests=requests,
            errors=share(value("errors"), requests),
            denied=share(value("denied"), requests),
            latency=value("latency"),
            usage={name: value(name) for name in self._config.usage},
            history=self._history.get(tenant, ()),
            missing=tuple(name for name, found in answers.items() if found is not None and tenant not in found.values),
        )

    # what is asked less often ----------------------------------------------------------------------

    def _read_history(self, web: Web, round_: _Round) -> None:
        """The last hour by the minute: share of errors for the sparkline, and answer times."""
        end = round_.now // MINUTE * MINUTE
        start = end - HOUR + MINUTE
        times = range(start, end + 1, MINUTE)
        requests, errors, latency = (
            {t: dict(p) for t, p in self._range(web, name, round_, start, end, MINUTE).items()}
            for name in ("requests", "errors", "latency")
        )
        self._history = {
            tenant: tuple(share(errors.get(tenant, {}).get(at), rates.get(at)) for at in times)
            for tenant, rates in requests.items()
        }
        self._latencies = {tenant: tuple(points.get(at) for at in times) for tenant, points in latency.items()}
        self._history_at = round_.now

    def _read_rules(self, web: Web, round_: _Round) -> list[AlertRule] | None:
        """Alert rules (R119). If they cannot be read they are unknown, and what was known of them ages."""
        if self._rules is None or round_.now - self._rules_at >= RULES_EVERY_MS:

            def ask() -> list[AlertRule]:
                reply = web.get(promql.RULES, {"type": "alert"})
                data = promql.data_of(reply, promql.RULES, round_.warnings)
                return rules_of(data, self._config.tenant_label, self._clean, promql.RULES)

            self._rules = self._further("rules", round_, ask)
            self._rules_at = round_.now
        round_.partial |= self._rules is None
        round_.detail["rules"] = "unknown" if self._rules is None else len(self._rules)
        return self._rules

    def _compare(self, web: Web, round_: _Round, tenants: Sequence[str]) -> list[Comparison]:
        """Before and after each merge of the last day, until 30 minutes after it (R107)."""
        now = round_.now
        merges = sorted((m for m in self._merges() if now - DAY <= m.at <= now), key=lambda m: (-m.at, m.sha))[
            :MOST_MERGES
        ]
        self._compared = {m.sha: self._compared[m.sha] for m in merges if m.sha in self._compared}
        due = [m for m in merges if self._is_due(m, now)]
        for merge in due[:COMPARE_AT_ONCE]:
            done = self._further("comparison", round_, lambda merge=merge: self._measure(web, round_, merge, tenants))  # type: ignore[misc]
            if done is not None:
                self._compared[merge.sha] = done
        round_.partial |= any(m.sha not in self._compared for m in merges)
        return [c for m in merges if m.sha in self._compared for c in self._compared[m.sha].comparisons]

    def _is_due(self, merge: Merge, now: int) -> bool:
        known = self._compared.get(merge.sha)
        return known is None or (not known.final and now - known.at >= COMPARE_EVERY_MS)

    def _measure(self, web: Web, round_: _Round, merge: Merge, tenants: Sequence[str]) -> _Compared:
        end = min(round_.now, merge.at + WATCHED_MS)
        requests, errors = (
            self._range(web, name, round_, merge.at - BASELINE_MS, end, self._step_ms)
            for name in ("requests", "errors")
        )
        latency, problem = self._latency_around(web, round_, merge, end)
        looked_back = int(promql.window_s(self.queries["latency"]) * 1000)
        comparisons = []
        for tenant in dict.fromkeys([*tenants, *requests]):
            rates = requests.get(tenant)
            compared = compare_merge(
                merge,
                tenant,
                rates,
                errors.get(tenant),
                now=round_.now,
                step_ms=self._step_ms,
                window_ms=int(self.window_s * 1000),
            )
            times = compare_latency(
                merge,
                rates,
                latency.get(tenant),
                now=round_.now,
                step_ms=self._step_ms,
                window_ms=looked_back,
                problem=problem,
            )
            comparisons.append(
                dataclasses.replace(
                    compared,
                    latency=times.verdict,
                    latency_before=times.before,
                    latency_after=times.after,
                    latency_reason=times.reason,
                )
            )
        watched = WATCHED_MS if not problem else 2 * WATCHED_MS
        return _Compared(at=round_.now, final=round_.now >= merge.at + watched, comparisons=comparisons)

    def _latency_around(self, web: Web, round_: _Round, merge: Merge, end: int) -> tuple[dict[str, Points], str]:
        """(95th percentiles by tenant, why there are none): the comparison of errors stands without them."""
        try:
            return self._range(web, "latency", round_, merge.at - BASELINE_MS, end, self._step_ms), ""
        except NoAnswer as error:
            return {}, str(error)[:300]
        except WebError as error:
            round_.given_up = error.word
            return {}, f"the latency could not be asked: {error.word}"
