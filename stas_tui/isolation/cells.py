"""The matrix: tenants by points, made of kept results, acceptances and the time. Pure.

A cell is as bad as the worst that is said in it: flagged before unknown before verified before n/a. What was never run,
or has run out, is unknown; an acceptance changes no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stas_tui.isolation.base import POINTS, Spec
from stas_tui.isolation.catalog import SETTLED_BY
from stas_tui.isolation.cells_said import NOT_RUN, Said, read
from stas_tui.isolation.waivers import accepted_by, open_leads
from storage.check_records import ALL_TENANTS, WORST_FIRST, CheckRun, KeptResult, Lead, Verdict, Waiver
from storage.checks_codec import is_blind
from storage.clock import iso_seconds

EVERYBODY = "all tenants"
"""How the row is called that is about all tenants together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One tenant, or all of them, at one point."""

    tenant: str
    point: str
    verdict: Verdict
    reason: str
    """Why, by the check that counts most."""
    said: tuple[Said, ...]
    """What each check of the point says, the worst first."""
    at: int | None = None
    """When the oldest of what makes the verdict was said; None if nothing ever was."""
    expires_at: int | None = None
    """When a verified cell stops being so."""
    accepted_until: int | None = None
    """Until when a person accepted everything that is flagged or asked here; the flag is a flag all the same."""

    @property
    def word(self) -> str:
        """The verdict in words: `flagged, accepted until 2027-01-31`."""
        if self.accepted_until is None:
            return self.verdict.value
        return f"{self.verdict.value}, accepted until {iso_seconds(self.accepted_until)[:10]}"

    @property
    def flags(self) -> tuple[tuple[Said, Lead], ...]:
        """Every accusation with the check that raises it, gravest first; accepted ones too."""
        grave = {"crit": 0, "warn": 1, "note": 2}
        found = [(s, lead) for s in self.said if s.verdict is Verdict.FLAGGED for lead in s.leads if lead.accuses]
        return tuple(sorted(found, key=lambda pair: grave.get(pair[1].severity, 1)))

    @property
    def questions(self) -> tuple[tuple[Said, Lead], ...]:
        """Every lead that asks a person, those of flags that have run out too."""
        flags = {(id(s), lead) for s, lead in self.flags}
        return tuple((s, lead) for s in self.said for lead in s.leads if (id(s), lead) not in flags)

    @property
    def open_flags(self) -> bool:
        """Whether anything is flagged that nobody accepted."""
        return any(s.verdict is Verdict.FLAGGED and s.accepted is None for s in self.said)

    @property
    def open_unknown(self) -> tuple[Said, ...]:
        """What is unknown, is not settled by another check's proof, and is no question that a person accepted."""
        return tuple(s for s in self.said if s.verdict is Verdict.UNKNOWN and not s.settled_by and s.accepted is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Cells of the tenants' rows, or of the one row there is; a point at which no check looks is not counted."""

    flagged: int = 0
    """Cells with a flag that nobody accepted."""
    accepted: int = 0
    """Cells in which every flag, or every question, is accepted."""
    unknown: int = 0
    """Cells in which anything is unknown, also beside a flag."""
    verified: int = 0
    not_applicable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The matrix of one project at one moment."""

    project_id: str
    tenants: tuple[str, ...]
    at: int
    cells: Mapping[tuple[str, str], Cell]
    waivers: tuple[Waiver, ...] = ()
    """Every acceptance there ever was, the latest first."""
    run: CheckRun | None = None
    """The latest round, also one that is under way."""
    problem: str = ""
    """Why the tenancy file cannot be used; empty if it can."""

    @property
    def rows(self) -> tuple[str, ...]:
        """All tenants together first, then each."""
        return (ALL_TENANTS, *self.tenants)

    def cell(self, tenant: str, point: str) -> Cell:
        """A cell. Raises `KeyError` for a tenant or point that there is not."""
        return self.cells[tenant, point]

    def row(self, tenant: str) -> tuple[Cell, ...]:
        """The cells of a tenant in the order of the points."""
        return tuple(self.cells[tenant, point] for point in POINTS)

    @property
    def counted(self) -> tuple[Cell, ...]:
        """The cells that are counted: those of the tenants, else of the one row."""
        return tuple(cell for tenant in self.tenants or (ALL_TENANTS,) for cell in self.row(tenant) if cell.said)

    @property
    def counts(self) -> Counts:
        """How many cells are how; unknown is counted beside flagged."""
        cells = self.counted
        return Counts(
            flagged=sum(cell.open_flags for cell in cells),
            accepted=sum(cell.accepted_until is not None for cell in cells),
            unknown=sum(bool(cell.open_unknown) for cell in cells),
            verified=sum(cell.verdict is Verdict.VERIFIED for cell in cells),
            not_applicable=sum(cell.verdict is Verdict.NOT_APPLICABLE for cell in cells),
        )

    @property
    def header(self) -> str:
        """One line: `2 flagged, 1 accepted, 14 unknown, 3 verified, 0 n/a`."""
        c = self.counts
        accepted = f"{c.accepted} accepted, " if c.accepted else ""
        return f"{c.flagged} flagged, {accepted}{c.unknown} unknown, {c.verified} verified, {c.not_applicable} n/a"


def board(
    project_id: str,
    tenants: Sequence[str],
    specs: Iterable[Spec],
    kept: Iterable[KeptResult],
    waivers: Iterable[Waiver],
    now: int,
    *,
    run: CheckRun | None = None,
    tenancy: str | None = None,
    problem: str = "",
) -> Board:
    """The matrix as it is at `now`. `tenancy` is the SHA-256 of the tenancy file now; None if that does not matter."""
    found: dict[tuple[str, str], list[KeptResult]] = {}
    for one in kept:
        found.setdefault((one.result.check, one.result.tenant), []).append(one)
    table = _Table(tuple(specs), found, tuple(waivers), now, tenancy)
    names = tuple(tenants)
    by_tenant = {name: table.settled(table.of(name)) for name in names}
    by_tenant[ALL_TENANTS] = table.together(by_tenant) if names else table.settled(table.of(ALL_TENANTS))
    cells = {(name, point): _cell(name, point, said) for name, said in by_tenant.items() for point in POINTS}
    return Board(
        project_id=project_id,
        tenants=names,
        at=now,
        cells=cells,
        waivers=tuple(waivers),
        run=run,
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    specs: tuple[Spec, ...]
    kept: Mapping[tuple[str, str], Sequence[KeptResult]]
    """By check and tenant."""
    waivers: tuple[Waiver, ...]
    now: int
    tenancy: str | None

    def of(self, tenant: str) -> list[Said]:
        """What each check says about one tenant.

        What concerns all counts for each, except that a check which answers for each tenant proves nothing of one that
        it does not name.
        """
        return [said for spec in self.specs for said in self._of(spec, tenant)]

    def _of(self, spec: Spec, tenant: str) -> list[Said]:
        found = [
            self._read(spec, kept, tenant)
            for whom in dict.fromkeys((tenant, ALL_TENANTS))
            for kept in self.kept.get((spec.id, whom), ())
        ]
        if spec.per_tenant:
            found = [one for one in found if one.tenant != ALL_TENANTS or one.verdict is not Verdict.VERIFIED]
        return found or [Said(spec=spec, verdict=Verdict.UNKNOWN, reason=NOT_RUN, tenant=tenant)]

    def _read(self, spec: Spec, kept: KeptResult, tenant: str) -> Said:
        same = self.tenancy is None or kept.run.tenancy == self.tenancy
        said = read(spec, kept.result, self.now, commit=kept.run.commit, away=same)
        if said.was is not None or said.verdict not in (Verdict.FLAGGED, Verdict.UNKNOWN):
            return said
        return replace(said, accepted=accepted_by(kept.result, tenant, self.waivers, self.now))

    @staticmethod
    def settled(said: list[Said]) -> list[Said]:
        """Marks what another check's proof answers for: it was read, and nothing was found."""
        verdicts: dict[str, set[Verdict]] = {}
        for one in said:
            verdicts.setdefault(one.spec.id, set()).add(one.verdict)
        return [
            replace(one, settled_by=SETTLED_BY[one.spec.id])
            if one.verdict is Verdict.UNKNOWN
            and one.was is None
            and one.result is not None
            and not one.leads
            and not is_blind(one.result)
            and verdicts.get(SETTLED_BY.get(one.spec.id, "")) == {Verdict.VERIFIED}
            else one
            for one in said
        ]

    def together(self, by_tenant: Mapping[str, Sequence[Said]]) -> list[Said]:
        """What holds for all tenants together: everything that is said of any, each result once."""
        found: dict[object, Said] = {}
        for one in (one for row in by_tenant.values() for one in row):
            key = id(one.result) if one.result is not None else (one.spec.id, one.tenant)
            seen = found.get(key)
            if seen is None:
                found[key] = one
            else:
                accepted = min(filter(None, (seen.accepted, one.accepted)), key=lambda w: w.until, default=None)
                found[key] = replace(
                    seen,
                    accepted=accepted if seen.accepted and one.accepted else None,
                    settled_by=seen.settled_by if seen.settled_by and one.settled_by else "",
                )
        return list(found.values())


def _cell(tenant: str, point: str, said: Iterable[Said]) -> Cell:
    here = [one for one in said if one.spec.point == point]
    here.sort(key=lambda one: (WORST_FIRST.index(one.verdict), one.accepted is not None, bool(one.settled_by)))
    counting = [one for one in here if not one.settled_by] or here
    if not counting:
        return Cell(tenant=tenant, point=point, verdict=Verdict.UNKNOWN, reason="no check looks at this", said=())
    first = counting[0]
    verdict, reason = first.verdict, first.reason
    if verdict is Verdict.NOT_APPLICABLE and len(counting) < len(here):
        first = here[0]
        verdict, reason = Verdict.UNKNOWN, first.reason
    deciding = [one for one in counting if one.verdict is verdict] or [first]
    times = [one.at for one in deciding if one.at is not None]
    ends = [one.result.expires_at for one in deciding if one.result is not None and one.result.expires_at is not None]
    return Cell(
        tenant=tenant,
        point=point,
        verdict=verdict,
        reason=_named(first, reason, tenant),
        said=tuple(here),
        at=min(times, default=None),
        expires_at=min(ends, default=None) if verdict is Verdict.VERIFIED else None,
        accepted_until=_accepted(deciding) if verdict in (Verdict.FLAGGED, Verdict.UNKNOWN) else None,
    )


def _named(said: Said, reason: str, row: str) -> str:
    """The reason with its check, and in the row of all tenants with whom it is about."""
    whom = f" for {said.tenant}" if row == ALL_TENANTS and said.tenant else ""
    return f"{said.spec.id}{whom}: {reason}"


def _accepted(deciding: Sequence[Said]) -> int | None:
    """The first end of the acceptances, if all that makes the verdict is accepted."""
    ends = [one.accepted.until if one.accepted is not None and open_leads_of(one) else None for one in deciding]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None


def open_leads_of(said: Said) -> tuple[Lead, ...]:
    """What a person has to answer for in what a check says now."""
    return open_leads(said.result) if said.result is not None else ()
