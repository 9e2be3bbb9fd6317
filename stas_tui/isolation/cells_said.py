"""What a kept result says now: a live one that has run out is unknown, and so is one whose time cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from stas_tui.isolation.base import Spec
from storage.check_records import CheckResult, Lead, Verdict, Waiver
from storage.clock import DAY, HOUR, MINUTE, SECOND

AHEAD_MS = 5 * MINUTE
"""How far a result may lie in the future: clocks of two processes differ a little, not more."""

NOT_RUN = "not run yet; `stas isolation` runs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one check says about one tenant, as it reads now."""

    spec: Spec
    verdict: Verdict
    reason: str
    result: CheckResult | None = None
    """The result itself; None if it was never run."""
    tenant: str = ""
    """Whom the result is about."""
    was: Verdict | None = None
    """What it said before it ran out."""
    commit: str = ""
    """The code it was run on."""
    accepted: Waiver | None = None
    """Under which acceptance its leads stand."""
    settled_by: str = ""
    """Check whose proof answers for it; it does not make its cell unknown then."""

    @property
    def leads(self) -> tuple[Lead, ...]:
        """Places to look; also those of a flag that has run out."""
        return self.result.leads if self.result is not None else ()

    @property
    def at(self) -> int | None:
        """When it was said."""
        return self.result.ended_at if self.result is not None else None


def ago(ms: int) -> str:
    """How long ago, to the hour for two days: `12 s`, `40 min`, `26 h`, `5 d`."""
    ms = max(ms, 0)
    for size, unit, below in ((SECOND, "s", 2 * MINUTE), (MINUTE, "min", 2 * HOUR), (HOUR, "h", 2 * DAY)):
        if ms < below:
            return f"{ms // size} {unit}"
    return f"{ms // DAY} d"


def read(spec: Spec, result: CheckResult, now: int, *, commit: str = "", away: bool = True) -> Said:
    """A result as it reads now. `away` is false if the tenancy file is another than the one it was run with."""
    verdict, reason, was = result.verdict, result.reason, None
    passed = ago(now - result.ended_at)
    if result.ended_at > now + AHEAD_MS:
        verdict, was = Verdict.UNKNOWN, result.verdict
        reason = f"its time lies in the future, so nobody knows whether it still holds: {result.reason}"
    elif verdict is Verdict.NOT_APPLICABLE:
        if not away:
            verdict, was = Verdict.UNKNOWN, result.verdict
            reason = f"was n/a {passed} ago, and the tenancy file has changed since: {result.reason}"
    elif result.expires_at is not None and now >= result.expires_at:
        verdict, was = Verdict.UNKNOWN, result.verdict
        reason = f"was {result.verdict} {passed} ago: {result.reason}"
    elif verdict is Verdict.VERIFIED and (result.expires_at is None or not result.live):
        verdict, was = Verdict.UNKNOWN, result.verdict
        reason = f"holds no live result with an end: {result.reason}"
    return Said(
        spec=spec,
        verdict=verdict,
        reason=reason,
        result=result,
        tenant=result.tenant,
        was=None if was is Verdict.UNKNOWN else was,
        commit=commit,
    )
