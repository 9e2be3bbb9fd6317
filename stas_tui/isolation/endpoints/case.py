"""One check on one tenant while it runs: what was tried, what the controls said, what was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stas_tui.isolation.base import LIVE_MS
from stas_tui.isolation.endpoints.asking import Asker, NotAllowed, Seen, Stopped
from stas_tui.web import WebError
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict


@dataclass(slots=True)
class Case:
    """Collects, and makes the verdict: verified only if something foreign could have been found."""

    asker: Asker
    check: str
    tenant: str = ALL_TENANTS
    leads: list[Lead] = field(default_factory=list)
    good: int = 0
    """Trials whose controls were positive and in which nothing was found."""
    weak: list[str] = field(default_factory=list)
    """Why trials proved nothing."""
    remarks: list[str] = field(default_factory=list)
    trouble: str = ""
    started: int = field(init=False)
    first: int = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.asker.world.clock.now()
        self.first = len(self.asker.executed)

    def flag(self, rule: str, path: str, text: str, seen: Seen, *, severity: str = "crit") -> None:
        """A counter-example. The answer itself is kept as status and digest only."""
        self.leads.append(
            Lead(
                rule=rule,
                text=text,
                path=path,
                code=f"answered {seen.status}, sha256 {seen.digest[:12]}",
                severity=severity,
                anchor=f"{path} {self.tenant}",
            )
        )

    @contextmanager
    def trial(self) -> Iterator[None]:
        """What the API does wrong ends this trial, never the run."""
        try:
            yield
        except (WebError, Stopped, NotAllowed) as error:
            self.trouble = self.trouble or str(error).rstrip(".")

    def result(self, nothing: str) -> CheckResult:
        """The verdict. `nothing` says which input is missing if nothing could be tried at all."""
        world = self.asker.world
        counts = {"proved": self.good, "found": len(self.leads), "proved nothing": len(self.weak)}
        if self.leads:
            verdict, reason = Verdict.FLAGGED, self.leads[0].text
        elif world.dry:
            verdict, reason = Verdict.UNKNOWN, "a dry run: nothing was sent"
        elif self.trouble:
            verdict, reason = Verdict.UNKNOWN, self.trouble
        elif self.weak:
            verdict, reason = Verdict.UNKNOWN, self.weak[0]
        elif self.good:
            verdict, reason = (
                Verdict.VERIFIED,
                f"{self.good} {'trial' if self.good == 1 else 'trials'}, nothing foreign shown",
            )
        else:
            verdict, reason = Verdict.UNKNOWN, nothing
        if self.remarks:
            reason += f"; {'; '.join(dict.fromkeys(self.remarks))}"
        now = world.clock.now()
        return CheckResult(
            check=self.check,
            project_id=world.project_id,
            tenant=self.tenant,
            verdict=verdict,
            reason=reason,
            target=self.asker.api.base,
            started_at=self.started,
            ended_at=now,
            expires_at=now + LIVE_MS,
            executed=tuple(self.asker.executed[self.first :]),
            counts=counts,
            control="positive" if self.good and not self.weak else "negative" if self.weak else "none",
            leads=tuple(self.leads),
            tool="httpx",
            live=not world.dry,
        )
