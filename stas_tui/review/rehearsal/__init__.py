"""C3 and C7 before a merge, V5 after it: migrations run for real, on a scratch database, in a child behind walls."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import LIVE_MS, Spec
from stas_tui.review.base import Change, result
from storage.check_records import CheckResult, Verdict

CHECKS = (
    Spec(
        id="C3",
        point="database",
        title="The way back works",
        method="Runs each new migration up, down and up on a scratch database in a child and compares the catalogues.",
        live=True,
        ttl_ms=LIVE_MS,
        precision="all 10 broken ways back that it named in 315 public revisions were broken",
    ),
    Spec(
        id="C7",
        point="database",
        title="New tables keep tenants apart",
        method="Compares the rehearsed schema with the tenancy file: tenant column, row security, policies, keys.",
        live=True,
        ttl_ms=LIVE_MS,
    ),
)

AFTER = (
    Spec(
        id="V5",
        point="database",
        title="The database is at the head",
        method="Reads the live database's applied revision and catalogue and compares them with rehearsed ones.",
        live=True,
        ttl_ms=LIVE_MS,
    ),
)
"""Asked after a merge only: before it the database is behind by design."""


def run(change: Change) -> Iterator[CheckResult]:
    """C3 and C7, one result for each; none if the change has nothing to do with migrations."""
    wanted = [spec.id for spec in CHECKS if change.wants(spec.id)]
    if not wanted:
        return
    from stas_tui.forges.base import ForgeError
    from stas_tui.review.migrations import graph
    from stas_tui.review.migrations.find import affected

    try:
        found = affected(change)
    except ForgeError as error:
        for check in wanted:
            yield result(change, check, Verdict.UNKNOWN, f"the migrations could not be read: {error}")
        return
    if found.nothing:
        return
    if not found.pairs:
        for check in wanted:
            yield graph.not_read(change, check, found)
        return
    if not change.rehearse:
        for check in wanted:
            yield result(change, check, Verdict.UNKNOWN, "not rehearsed: that was left out of this run")
        return
    from stas_tui.review.rehearsal import verdicts
    from stas_tui.review.rehearsal.conduct import rehearsed, scene
    from stas_tui.review.rehearsal.isolation import c7
    from stas_tui.review.rehearsal.walls import WallsMissing

    try:
        with scene(change) as stage:
            done = [(pair, rehearsed(stage, pair)) for pair in found.pairs]
    except WallsMissing as error:
        for check in wanted:
            yield result(change, check, Verdict.UNKNOWN, str(error))
        return
    if "C3" in wanted:
        yield verdicts.c3(change, found, done)
    if "C7" in wanted:
        yield c7(change, done)


def after(change: Change) -> Iterator[CheckResult]:
    """V5 for a merged change: its head is what the live database should be at."""
    if not change.wants("V5"):
        return
    from stas_tui.review.rehearsal.arrived import v5

    yield v5(change)
