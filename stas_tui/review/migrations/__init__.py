"""C1, C2, C4, C5, C6: what a change does to migrations, read from their text and counted in the live database.

Nothing of the project is imported or run here; `stas_tui.review.rehearsal` does that in a child.
"""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import LIVE_MS, Spec
from stas_tui.review.base import Change, result
from storage.check_records import CheckResult, Verdict

CHECKS = (
    Spec(
        id="C1",
        point="database",
        title="Migrations make one line",
        method="Reads ids and parents of all migrations on both sides: one head, every parent, no old one altered.",
        live=False,
        precision="same heads as Alembic's own in 7 of 7 public repositories",
    ),
    Spec(
        id="C2",
        point="database",
        title="The way back looks complete",
        method="Follows both ways in a sketch of the database and names what differs; a rehearsal (C3) settles it.",
        live=False,
        precision="8 of 9 flags were right on 315 public revisions; 2 broken ways back were missed then",
    ),
    Spec(
        id="C4",
        point="database",
        title="Rows survive",
        method="Names drops, deletes, overwritten and narrowed values; counts them in the live database, read-only.",
        live=True,
        ttl_ms=LIVE_MS,
    ),
    Spec(
        id="C5",
        point="database",
        title="Rows do not block the way back",
        method="Asks the live database for rows that the way down refuses: NULLs, duplicates, orphans, long values.",
        live=True,
        ttl_ms=LIVE_MS,
    ),
    Spec(
        id="C6",
        point="database",
        title="No long lock",
        method="Names operations that scan or rewrite under a lock, with the table's size; squawk too if it is there.",
        live=True,
        ttl_ms=LIVE_MS,
    ),
)


def run(change: Change) -> Iterator[CheckResult]:
    """Every wanted check, one result for each; none if the change has nothing to do with migrations."""
    yield from _run(change, ask_live=True)


def triage(change: Change) -> tuple[CheckResult, ...]:
    """The same by reading alone, for a gate: no database is asked and no program started. Takes milliseconds a file."""
    return tuple(_run(change, ask_live=False))


def _run(change: Change, *, ask_live: bool) -> Iterator[CheckResult]:
    wanted = [spec.id for spec in CHECKS if change.wants(spec.id)]
    if not wanted:
        return
    from stas_tui.forges.base import ForgeError
    from stas_tui.review.migrations import blockers, data, graph, locks, rollback
    from stas_tui.review.migrations.find import affected

    change.step("migrations: reading both sides")
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
    if "C1" in wanted:
        yield graph.check(change, found)
    if "C2" in wanted:
        yield rollback.check(change, found)
    for name, module in (("C4", data), ("C5", blockers), ("C6", locks)):
        if name in wanted:
            yield module.check(change, found, ask_live=ask_live)
