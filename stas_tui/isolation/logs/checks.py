"""What the checks of logs are."""

from __future__ import annotations

from stas_tui.isolation.base import LIVE_MS, Spec


def _spec(id_: str, title: str, method: str, *, each: bool = False) -> Spec:
    return Spec(id=id_, point="logs", title=title, method=method, live=True, per_tenant=each, ttl_ms=LIVE_MS)


CHECKS = (
    _spec("G1", "Log lines name the tenant", "every line decoded; 95 % of request lines and every error line (R112)"),
    _spec("G2", "One request has one tenant", "lines joined by request or trace id"),
    _spec("G3", "No secret stands in the logs", "known forms of secrets in the last lines"),
    _spec("G4", "One tenant's marker never stands under another", "markers of canaries looked for", each=True),
)
