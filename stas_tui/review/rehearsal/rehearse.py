"""Up, down and up again for each revision that a change adds, with the catalogue compared each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stas_tui.review.migrations.model import Revision
from stas_tui.review.migrations.rollback import one_way
from stas_tui.review.rehearsal.answers import Step
from stas_tui.review.rehearsal.catalogue import AGAIN, BACK, Catalogue, Difference, Words, differences
from stas_tui.review.rehearsal.stage import MakeRunner, Runner, Stage
from stas_tui.review.rehearsal.talk import Limits
from storage.check_records import Lead
from storage.clock import SECOND


@dataclass(slots=True, kw_only=True)
class Trial:
    """How one revision came out of its rehearsal."""

    revision: Revision
    findings: list[tuple[str, str, int]] = field(default_factory=list)
    """(rule, sentence, line in the file of the way that failed; 0 for its beginning)."""
    notes: list[str] = field(default_factory=list)
    """What differs and is mostly meant so: an extension that stays."""
    one_way: tuple[Lead, ...] = ()
    """Why its author says that there is no way back (D13)."""
    means: str = ""
    """Why it could not be tried; empty if it was."""
    changed: int = 0
    """Objects and attributes that differ after its way up: what a comparison can see at all."""
    executed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether it went up, down and up, and everything came back."""
        return not (self.findings or self.one_way or self.means)


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """What came out of it."""

    trials: list[Trial] = field(default_factory=list)
    problem: str = ""
    """Why nothing or not all could be tried; empty if everything was."""
    what: str = ""
    tool: str = ""
    walls: str = ""
    base: Catalogue | None = None
    head: Catalogue | None = None
    """Catalogues before the first and after the last revision."""
    base_s: float = 0.0
    """Seconds that making the schema of before took."""
    base_revisions: int = 0


class Walk:
    """One rehearsal on one stage."""

    def __init__(
        self,
        stage: Stage,
        limits: Limits,
        before: Callable[[Stage], Step],
        make_runner: MakeRunner,
        report: Rehearsal,
    ) -> None:
        """`before` makes the schema of before the change; `make_runner` starts what runs the change's own files."""
        self._stage = stage
        self._limits = limits
        self._before = before
        self._make = make_runner
        self._report = report
        self._runner: Runner | None = None

    def run(self, introduced: Sequence[Revision]) -> None:
        """Fill the report. Raises `TimeOver`, `ChildGone`, `Cancelled`."""
        started = self._now()
        first = self._before(self._stage)
        self._report.base_s = (self._now() - started) / SECOND
        if not first.ok:
            why = first.means or f"a migration from before the change fails: {first.error}"
            self._report.problem = f"the schema of before could not be made: {why}"
            return
        before: Catalogue = self._stage.catalogue()
        self._report.base = self._report.head = before
        if not introduced:
            return
        self._stage.save()
        done: list[Revision] = []
        try:
            for revision in introduced:
                trial = Trial(revision=revision)
                self._report.trials.append(trial)
                begun = self._now()
                after = self._try(trial, before, done)
                trial.seconds = (self._now() - begun) / SECOND
                if after is None:
                    left = len(introduced) - len(done) - 1
                    more = f"; {left} after it could not be tried" if left else ""
                    self._report.problem = (trial.means or trial.findings[0][1]) + more
                    self._report.head = None
                    return
                done.append(revision)
                self._report.head = before = after
        finally:
            self._end()

    def _now(self) -> int:
        return self._limits.clock.monotonic()

    def _try(self, trial: Trial, before: Catalogue, done: Sequence[Revision]) -> Catalogue | None:
        """The catalogue with the revision applied; None if it does not go up."""
        revision = trial.revision
        up = self._step(trial, "up")
        if not up.ok:
            if not up.means:
                trial.findings.append(("upgrade-fails", f"its way up fails: {up.error}", up.line))
            trial.means = up.means
            return None
        after = self._stage.catalogue()
        trial.changed = len(differences(before, after))
        trial.one_way = tuple(one for one in one_way(revision) if one.accuses and one.rule != "empty-way-down")
        if trial.one_way:
            return after
        down = self._step(trial, "down")
        if not down.ok:
            if not down.means:
                trial.findings.append(("downgrade-fails", f"its way down fails: {down.error}", down.line))
            trial.means = down.means
            return self._again(done, revision, after)
        returned = self._stage.catalogue()
        found = differences(before, returned)
        trial.notes += [one.text(BACK) for one in found if _meant(one)]
        trial.findings += _found("not-back", BACK, [one for one in found if not _meant(one)])
        second = self._step(trial, "up")
        if not second.ok:
            text = f"its way up fails the second time: {second.error}"
            trial.findings.append(("second-upgrade-fails", text, second.line))
            return self._again(done, revision, after)
        last = self._stage.catalogue()
        found = differences(after, last)
        trial.findings += _found("second-upgrade-differs", AGAIN, found)
        return last if not trial.findings else self._again(done, revision, after)

    def _step(self, trial: Trial, way: str) -> Step:
        revision = trial.revision
        self._limits.step(f"rehearsal: {revision.id} {way}")
        if self._runner is None:
            self._runner = self._make(self._stage)
            self._report.tool = self._runner.tool
        step = self._runner.up(revision) if way == "up" else self._runner.down(revision)
        trial.executed += [f"{way} {revision.id}: {text}" for text in step.statements if not _own(text)]
        return step

    def _again(self, done: Sequence[Revision], revision: Revision, after: Catalogue) -> Catalogue | None:
        """Put the stage back to where this revision is applied as if nothing had failed."""
        self._end()
        self._stage.restore()
        self._runner = self._make(self._stage)
        step = self._runner.many([*done, revision])
        return after if step.ok else None

    def _end(self) -> None:
        if self._runner is not None:
            self._runner.close()
            self._runner = None


def _meant(difference: Difference) -> bool:
    """An extension that was made and not removed: others may use it by now."""
    return difference.object.startswith("extension ") and not difference.attribute and not difference.before


def _own(statement: str) -> bool:
    """Whether a statement is the runner's bookkeeping and not the migration's."""
    return "alembic_version" in statement or statement.startswith("SELECT pg_catalog.")


MOST_DIFFERENCES = 40


def _found(rule: str, words: Words, found: Sequence[Difference]) -> list[tuple[str, str, int]]:
    listed = [(rule, one.text(words), 0) for one in found[:MOST_DIFFERENCES]]
    if len(found) > MOST_DIFFERENCES:
        listed.append((rule, f"{len(found) - MOST_DIFFERENCES} more objects differ", 0))
    return listed
