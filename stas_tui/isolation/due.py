"""Which checks have to run again: all but those whose answers still hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stas_tui.isolation.base import Spec
from stas_tui.isolation.cells_said import AHEAD_MS
from storage.check_records import ALL_TENANTS, KeptResult, Verdict
from storage.checks_codec import is_blind


def due(
    specs: Iterable[Spec],
    kept: Iterable[KeptResult],
    tenants: Sequence[str],
    now: int,
    *,
    commit: str,
    tenancy: str,
) -> tuple[str, ...]:
    """Ids of the checks to run, in the order of the catalogue.

    `kept` is what stands, `commit` the code as it is now, `tenancy` the SHA-256 of the tenancy file now. What was
    verified on the running thing holds until it runs out, and what was read in the code for as long as the commit
    stays. A flag or an open question on the running thing is asked again: that is how one sees that it was mended.
    """
    found: dict[str, list[KeptResult]] = {}
    for one in kept:
        found.setdefault(one.result.check, []).append(one)
    return tuple(spec.id for spec in specs if not _holds(spec, found, tenants, now, commit, tenancy))


def _holds(
    spec: Spec, found: Mapping[str, Sequence[KeptResult]], tenants: Sequence[str], now: int, commit: str, tenancy: str
) -> bool:
    here = found.get(spec.id, ())
    if not here or any(one.run.tenancy != tenancy for one in here):
        return False
    said = {one.result.tenant for one in here}
    if spec.per_tenant and ALL_TENANTS not in said and not said >= set(tenants):
        return False
    return all(_fresh(spec, one, now, commit) for one in here)


def _fresh(spec: Spec, one: KeptResult, now: int, commit: str) -> bool:
    result = one.result
    if result.ended_at > now + AHEAD_MS:
        return False
    if result.verdict is Verdict.NOT_APPLICABLE:
        return True
    if not spec.live:
        return bool(commit) and one.run.commit == commit and not is_blind(result)
    return result.verdict is Verdict.VERIFIED and result.expires_at is not None and now < result.expires_at
