"""Counters in the Prometheus text format. Every series carries the tenant."""

from __future__ import annotations

import threading
from typing import Dict, Mapping, Tuple

NO_TENANT = "none"
_Key = Tuple[str, Tuple[Tuple[str, str], ...]]


class Metrics:
    """Thread-safe counters; gauges are passed in when the page is drawn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Dict[_Key, float] = {}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Increase a counter."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + amount

    def put(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[(name, tuple(sorted(labels.items())))] = value

    def request(self, tenant: str, path: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.add("ledger_requests_total", tenant=tenant, path=path, status=str(status))
        self.add("ledger_request_seconds_sum", seconds, tenant=tenant)
        self.add("ledger_request_seconds_count", tenant=tenant)

    def page(self, gauges: Mapping[str, Mapping[str, float]]) -> str:
        """The text of `/metrics`; `gauges` is name -> tenant -> value."""
        with self._lock:
            values = dict(self._values)
        for name, by_tenant in gauges.items():
            for tenant, value in by_tenant.items():
                values[(name, (("tenant", tenant),))] = float(value)
        return "".join("%s{%s} %s\n" % (name, _labels(labels), _number(value)) for (name, labels), value in sorted(values.items()))


def _labels(labels: Tuple[Tuple[str, str], ...]) -> str:
    return ",".join('%s="%s"' % (name, value) for name, value in labels)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else "%.6f" % value
