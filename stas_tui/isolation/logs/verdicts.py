"""What the counted lines mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.declared import LogSource, Tenancy
from stas_tui.isolation.logs.counting import Counted, Form
from stas_tui.isolation.logs.reading import Looked, files_of, look
from stas_tui.texts.lines import one_line
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict
from storage.redact import scan

ENOUGH_LINES = 200
SHARE = 0.95
WINDOW = 8 * 1024 * 1024
"""Bytes at the end of each file in which secrets are looked for."""


def all_of(world: World, tenancy: Tenancy) -> Iterator[CheckResult]:
    """G1-G4 over all declared logs. Raises `Cancelled`."""
    started = world.clock.now()
    looked: list[Looked] = []
    missing: list[str] = []
    for source in tenancy.log:
        files = files_of(source.path)
        if not files:
            missing.append(f"{source.path} names no file")
        looked += [look(world, path, _form(source, tenancy)) for path in files if not world.dry]
    total = Counted()
    for one in looked:
        total.add(one.counted)
    troubles = missing + [f"{one.path.name}: {one.trouble}" for one in looked if one.trouble]
    made = _Made(world, started, looked, troubles)
    if world.wants("G1"):
        yield _context(made, total)
    if world.wants("G2"):
        yield _requests(made, total)
    if world.wants("G3"):
        yield _secrets(made)
    if world.wants("G4"):
        yield from _markers(made, tenancy, total)


def _form(source: LogSource, tenancy: Tenancy) -> Form:
    markers = [(t.key, c.marker) for t in tenancy.tenant for c in t.canary if c.marker]
    return Form(
        kind=source.format, pattern=source.pattern, tenant=source.tenant, request=source.request, level=source.level,
        logger=source.logger, background=source.background, markers=tuple(markers),
    )  # fmt: skip


class _Made:
    """Makes results that share what was looked at."""

    def __init__(self, world: World, started: int, looked: Sequence[Looked], troubles: Sequence[str]) -> None:
        self.world, self.started, self.looked, self.troubles = world, started, looked, troubles

    def result(
        self, check: str, verdict: Verdict, reason: str, *, tenant: str = ALL_TENANTS, leads: Sequence[Lead] = (),
        control: str = "", counts: Mapping[str, int] | None = None,
    ) -> CheckResult:  # fmt: skip
        now = self.world.clock.now()
        names = [one.path.name for one in self.looked]
        return CheckResult(
            check=check, project_id=self.world.project_id, tenant=tenant, verdict=verdict, reason=reason,
            target=", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "logs",
            started_at=self.started, ended_at=now, expires_at=now + LIVE_MS,
            counts={"files": len(names), "bytes read": sum(one.fresh for one in self.looked), **(counts or {})},
            leads=tuple(leads), control=control, live=not self.world.dry, tool="msgspec",
        )  # fmt: skip


def _context(made: _Made, total: Counted) -> CheckResult:
    read = total.lines - total.unreadable
    counts = {
        "lines": total.lines, "without tenant": total.without, "request lines": total.requests,
        "request lines without": total.requests_without, "error lines without": total.errors_without,
        "background": total.background, "unreadable": total.unreadable,
    }  # fmt: skip
    share = 1 - total.requests_without / total.requests if total.requests else 1.0
    leads = []
    if total.errors_without or (total.requests >= ENOUGH_LINES and share < SHARE):
        worst = total.where.most_common(5)
        offsets = [f"{one.path.name} at byte {at}" for one in made.looked for at in one.counted.places[:2]]
        for name, number in worst:
            text = f"{number} lines of «{one_line(name, 80)}» name no tenant"
            leads.append(
                Lead(rule="no-tenant", text=text, path=made.looked[0].path.name, code=offsets[0] if offsets else name)
            )
    if leads and read >= ENOUGH_LINES:
        what = (
            f"{total.errors_without} error lines name no tenant"
            if total.errors_without
            else f"only {share:.1%} of request lines do"
        )
        return made.result("G1", Verdict.FLAGGED, what, leads=leads, counts=counts)
    if made.world.dry:
        return unknown(made.world, "G1", "a dry run: no file was read")
    if made.troubles:
        return made.result("G1", Verdict.UNKNOWN, made.troubles[0], counts=counts)
    if read < ENOUGH_LINES:
        return made.result("G1", Verdict.UNKNOWN, f"{read} lines; {ENOUGH_LINES} are needed to judge", counts=counts)
    if total.unreadable > total.lines // 20:
        return made.result(
            "G1",
            Verdict.UNKNOWN,
            f"{total.unreadable} of {total.lines} lines are not in the declared form",
            counts=counts,
        )
    if not total.requests:
        return made.result(
            "G1", Verdict.UNKNOWN, "no line carries a request or trace id; name its field in [[log]]", counts=counts
        )
    reason = f"{share:.1%} of {total.requests} request lines name the tenant, and every error line"
    return made.result("G1", Verdict.VERIFIED, reason, control="lines with a tenant were seen", counts=counts)


def _requests(made: _Made, total: Counted) -> CheckResult:
    leads = [
        Lead(
            rule="mixed-request", text=f"one request has lines of {one_line(a, 60)} and of {one_line(b, 60)}",
            path=made.looked[0].path.name, code=f"request {one_line(request, 80)}", severity="crit", anchor=request,
        )
        for request, a, b, _ in total.mixed
    ]  # fmt: skip
    counts = {"requests joined": total.joined}
    if leads:
        return made.result("G2", Verdict.FLAGGED, leads[0].text, leads=leads, counts=counts)
    if made.world.dry:
        return unknown(made.world, "G2", "a dry run: no file was read")
    if made.troubles:
        return made.result("G2", Verdict.UNKNOWN, made.troubles[0], counts=counts)
    if total.joined < ENOUGH_LINES:
        reason = f"{total.joined} requests with a tenant; {ENOUGH_LINES} are needed to judge"
        return made.result("G2", Verdict.UNKNOWN, reason, counts=counts)
    latest = "the latest " if total.forgot else ""
    return made.result("G2", Verdict.VERIFIED, f"{latest}{total.joined} requests, each with one tenant", counts=counts)


def _secrets(made: _Made) -> CheckResult:
    leads: list[Lead] = []
    read = 0
    for one in made.looked:
        made.world.step(f"{one.path.name}, secrets")
        text = _last(one.path)
        read += len(text)
        for hit in islice(scan(text, one.path.name), 5):
            where = hit.place.rpartition(":")[2]
            leads.append(
                Lead(
                    rule=f"secret: {hit.rule}", text=f"{one.path.name} holds what looks like a secret ({hit.rule})",
                    path=one.path.name, code=f"line {where} of the last {WINDOW // 1024 // 1024} MiB: {hit.masked}",
                    severity="crit", anchor=f"{hit.rule} {hit.masked}",
                )
            )  # fmt: skip
    if leads:
        return made.result("G3", Verdict.FLAGGED, leads[0].text, leads=leads[:20], counts={"characters": read})
    if made.world.dry or made.troubles:
        return unknown(made.world, "G3", "a dry run: no file was read" if made.world.dry else made.troubles[0])
    if read < 10_000:
        return made.result(
            "G3", Verdict.UNKNOWN, f"{read} characters are too few to judge", counts={"characters": read}
        )
    reason = f"no known form of a secret in the last {read // 1024} KiB; patterns know known forms only"
    return made.result("G3", Verdict.VERIFIED, reason, counts={"characters": read})


def _last(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - WINDOW, 0))
            return file.read(WINDOW).decode("utf-8", "replace")
    except OSError:
        return ""


def _markers(made: _Made, tenancy: Tenancy, total: Counted) -> Iterator[CheckResult]:
    for tenant in tenancy.tenant:
        if tenant.name not in made.world.tenants:
            continue
        markers = [canary.marker for canary in tenant.canary if canary.marker]
        bled = [(other, at) for key, other, at in total.bled if key == tenant.key]
        if bled:
            leads = [
                Lead(
                    rule="marker-bled", text=f"a line of {one_line(other, 60)} holds the marker of {tenant.name}",
                    path=made.looked[0].path.name, code=f"at byte {at}", severity="crit",
                    anchor=f"{tenant.name} {other}",
                )
                for other, at in bled
            ]  # fmt: skip
            yield made.result("G4", Verdict.FLAGGED, leads[0].text, tenant=tenant.name, leads=leads)
        elif made.world.dry or made.troubles:
            reason = "a dry run: no file was read" if made.world.dry else made.troubles[0]
            yield unknown(made.world, "G4", reason, tenant=tenant.name)
        elif not markers:
            yield unknown(made.world, "G4", "it has no canary with a marker", tenant=tenant.name)
        elif not _seen(made, markers):
            reason = "its marker stands in no line, so it could stand under no other; probe first, then look again"
            yield made.result("G4", Verdict.UNKNOWN, reason, tenant=tenant.name)
        else:
            reason = "its marker stands in lines of its own only"
            yield made.result("G4", Verdict.VERIFIED, reason, tenant=tenant.name, control="the marker was seen")


def _seen(made: _Made, markers: Sequence[str]) -> bool:
    return any(marker in text for one in made.looked if (text := _last(one.path)) for marker in markers)
