"""One check while it runs: what was proved, what was weak, what was found; and the verdict made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stas_tui.isolation.base import LIVE_MS, World
from stas_tui.isolation.database.live import DRY
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.database.live import Live

MOST_NAMED = 5


def some(names: list[str]) -> str:
    """A few names and how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


@dataclass(slots=True)
class Answer:
    """Collects, and makes the verdict: verified only if something could have been found and nothing was."""

    world: World
    check: str
    target: str = ""
    tool: str = ""
    tenant: str = ALL_TENANTS
    live: Live | None = None
    leads: list[Lead] = field(default_factory=list)
    proved: int = 0
    """What was looked at with a positive control and nothing found."""
    weak: list[str] = field(default_factory=list)
    """Why parts of it prove nothing; each with what would settle it."""
    remarks: list[str] = field(default_factory=list)
    counts: dict[str, object] = field(default_factory=dict)
    control: str = ""
    executed: list[str] = field(default_factory=list)
    started: int = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.world.clock.now()

    def flag(
        self, rule: str, path: str, text: str, code: str = "", *, severity: str = "crit", anchor: str = ""
    ) -> None:
        """A counter-example."""
        self.leads.append(
            Lead(rule=rule, text=text, path=path, code=code[:500], severity=severity, anchor=anchor or f"{rule} {path}")
        )

    def ask(self, rule: str, path: str, text: str, code: str = "", *, severity: str = "warn", anchor: str = "") -> None:
        """A question to a person."""
        self.leads.append(
            Lead(
                rule=rule,
                text=text,
                path=path,
                code=code[:500],
                accuses=False,
                severity=severity,
                anchor=anchor or f"{rule} {path}",
            )
        )

    @property
    def accused(self) -> list[Lead]:
        """The counter-examples."""
        return [lead for lead in self.leads if lead.accuses]

    def result(self, good: str, nothing: str) -> CheckResult:
        """The verdict. `good` is the reason for verified, `nothing` what is missing if nothing could be looked at."""
        if self.world.dry:
            self.leads.clear()
            return self._made(Verdict.UNKNOWN, DRY)
        accused, asked = self.accused, [lead for lead in self.leads if not lead.accuses]
        if accused:
            more = f" (and {len(accused) - 1} more)" if len(accused) > 1 else ""
            verdict, reason = Verdict.FLAGGED, accused[0].text + more
        elif self.weak:
            more = f" (and {len(self.weak) - 1} more)" if len(self.weak) > 1 else ""
            verdict, reason = Verdict.UNKNOWN, self.weak[0] + more
        elif asked:
            more = f" (and {len(asked) - 1} more)" if len(asked) > 1 else ""
            verdict, reason = Verdict.UNKNOWN, f"somebody has to look: {asked[0].text}{more}"
        elif self.proved:
            verdict, reason = Verdict.VERIFIED, good
        else:
            verdict, reason = Verdict.UNKNOWN, nothing
        if self.remarks:
            reason += f"; {'; '.join(dict.fromkeys(self.remarks))}"
        return self._made(verdict, reason)

    def away(self, reason: str) -> CheckResult:
        """It has no meaning here, by the declared strategy."""
        return self._made(Verdict.NOT_APPLICABLE, reason)

    def unknown(self, reason: str) -> CheckResult:
        """Nothing could be said, and why."""
        return self._made(Verdict.UNKNOWN, reason)

    def _made(self, verdict: Verdict, reason: str) -> CheckResult:
        now = self.world.clock.now()
        order = {"crit": 0, "warn": 1, "note": 2}
        leads = sorted(self.leads, key=lambda lead: (not lead.accuses, order.get(lead.severity, 1)))
        counts = {"proved": self.proved, "found": len(self.accused), "to look at": len(leads) - len(self.accused)}
        return CheckResult(
            check=self.check,
            project_id=self.world.project_id,
            tenant=self.tenant,
            verdict=verdict,
            reason=reason,
            target=self.target,
            started_at=self.started,
            ended_at=now,
            expires_at=now + LIVE_MS,
            executed=tuple(self.executed),
            counts={**counts, "proved nothing": len(self.weak), **self.counts},
            control=self.control,
            leads=tuple(leads),
            tool=self.tool,
            live=not self.world.dry,
        )
