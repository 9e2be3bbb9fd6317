"""Numbers by tenant over seven days, as one Prometheus tells them; every question is kept for the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from stas_tui.config_sources import Prometheus
from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.health import promql
from stas_tui.health.alert_rules import rules_of
from stas_tui.isolation.base import World
from stas_tui.isolation.declared import Metrics
from stas_tui.notify.alertmanager_v2 import Cleaner
from stas_tui.web import Web, WebError
from storage.clock import DAY, MINUTE
from storage.redact import redact
from storage.watch_records import AlertRule

T = TypeVar("T")
BUCKET_MS = 15 * MINUTE
STEP_S = 300
DAYS = 7
AROUND = 2
"""Buckets before and after the same time of day that count as usual: five in all."""


class NoNumbers(Exception):
    """Prometheus gave no answer that can be used; the text is a clause."""


Series = dict[str, list[float | None]]
"""Tenant to one value a bucket, the latest last."""


@dataclass(slots=True)
class Asker:
    """One Prometheus. Raises `NoNumbers`."""

    world: World
    source: Prometheus
    metrics: Metrics
    executed: list[str] = field(default_factory=list)
    clean: Cleaner = field(default_factory=Cleaner)
    _web: Web | None = None

    @property
    def label(self) -> str:
        """The label that names the tenant."""
        return self.metrics.label if self.metrics.requests else self.source.tenant_label

    def queries(self) -> dict[str, str]:
        """`requests`, `errors`, `latency`: declared metrics first, else the queries of the source."""
        label, m = self.label, self.metrics
        found = {
            "requests": f"sum by ({label}) (rate({m.requests}[5m]))" if m.requests else self.source.requests,
            "errors": f"sum by ({label}) (rate({m.errors}[5m]))" if m.errors else self.source.errors,
            "latency": f"histogram_quantile(0.95, sum by ({label}, le) (rate({m.latency}_bucket[5m])))"
            if m.latency
            else self.source.latency,
        }
        return {name: query.replace("{tenant}", label) for name, query in found.items() if query}

    def cost(self, metric: str) -> str:
        """The rate of a counter of cost by tenant."""
        return f"sum by ({self.label}) (rate({metric}[5m]))"

    def now(self, query: str) -> promql.Vector:
        """One number by tenant."""
        data = self._ask(promql.QUERY, {"query": query, "time": self.world.clock.now() / 1000}, query)
        return self._read(lambda: promql.vector(data, self.label, self.clean, "Prometheus"))

    def week(self, query: str) -> Series:
        """A value for each bucket of seven days and a bit: the mean of its points; None where there is none."""
        end = self.world.clock.now()
        first = end - DAYS * DAY - (AROUND + 1) * BUCKET_MS
        params = {"query": query, "start": first / 1000, "end": end / 1000, "step": STEP_S}
        data = self._ask(promql.RANGE, params, f"{query} over {DAYS} days")
        found = self._read(lambda: promql.matrix(data, self.label, self.clean, "Prometheus"))
        buckets = (end - first) // BUCKET_MS + 1
        series: Series = {}
        for tenant, points in found.items():
            sums, numbers = [0.0] * buckets, [0] * buckets
            for at, value in points:
                index = buckets - 1 - (end - at) // BUCKET_MS
                if value is not None and 0 <= index < buckets:
                    sums[index] += value
                    numbers[index] += 1
            series[tenant] = [s / n if n else None for s, n in zip(sums, numbers, strict=True)]
        return series

    def rules(self) -> list[AlertRule]:
        """The alerting rules."""
        data = self._ask(promql.RULES, {"type": "alert"}, "alert rules")
        return self._read(lambda: rules_of(data, self.label, self.clean, "Prometheus"))

    def close(self) -> None:
        """Let the connection go."""
        if self._web is not None:
            self._web.close()

    def _ask(self, path: str, params: dict[str, object], said: str) -> object:
        self.world.step(f"Prometheus: {said[:60]}")
        self.executed.append(redact(said))
        if self.world.dry:
            raise NoNumbers("a dry run: nothing was asked")
        try:
            if self._web is None:
                token = token_of(self.source.credential, self.world.environ)
                self._web = Web(self.source.url, timeout_s=self.source.timeout_s, token=token)
            reply = self._web.get(path, params)
            return promql.data_of(reply, "Prometheus", promql.Warnings())
        except promql.NoAnswer as error:
            raise NoNumbers(str(error)) from error
        except (WebError, CredentialMissing) as error:
            raise NoNumbers(error.what.rstrip(".")) from error

    @staticmethod
    def _read(read: Callable[[], T]) -> T:
        try:
            return read()
        except promql.NoAnswer as error:
            raise NoNumbers(str(error)) from error


def usual(values: list[float | None]) -> list[float]:
    """What a tenant had at this time of day on the seven days before, five buckets around, and nothing of today."""
    a_day = DAY // BUCKET_MS
    last = len(values) - 1
    found = []
    for day in range(1, DAYS + 1):
        for offset in range(-AROUND, AROUND + 1):
            index = last - day * a_day + offset
            if 0 <= index <= last and (value := values[index]) is not None:
                found.append(value)
    return found
