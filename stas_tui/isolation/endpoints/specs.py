"""P1-P8: what each proves on the running API."""

from __future__ import annotations

from stas_tui.isolation.base import LIVE_MS, Spec


def _spec(id_: str, title: str, method: str, *, each: bool = True) -> Spec:
    return Spec(
        id=id_, point="endpoints", title=title, method=method, live=True, per_tenant=each, ttl_ms=LIVE_MS,
        precision="every planted fault found, none on the sound service",
    )  # fmt: skip


CHECKS = (
    _spec("P1", "Identity is asked for", "GET of every route without credentials", each=False),
    _spec(
        "P2",
        "An object is shown to its tenant only",
        "each canary with another tenant's token; the owner and a made-up id are the controls",
    ),
    _spec("P3", "Lists hold the tenant's own rows", "another tenant's canaries in every list, up to five pages"),
    _spec("P4", "A named tenant does not win over identity", "another tenant in header and query; malformed too"),
    _spec("P5", "A token is bound to its tenant", "the token on another tenant's host, and a tampered token"),
    _spec("P6", "Parent and child are tied", "a foreign child's id under a parent of one's own"),
    _spec("P7", "A shared cache does not mix tenants", "one address as one, another, and the first again", each=False),
    _spec("P8", "Writes are checked", "PATCH with an empty body on a foreign canary; only if allowed by name"),
)
