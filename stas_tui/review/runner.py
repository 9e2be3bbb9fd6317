"""Asks every check about a change, and makes one verdict of what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from stas_tui.isolation.base import Cancelled
from stas_tui.review import kept
from stas_tui.review.base import Change, ChangedFile, Reviewer, result
from stas_tui.review.border import cleaned
from stas_tui.review.catalog import BLAST, PACKAGES, QUESTIONS, Question
from stas_tui.review.settled import settled
from stas_tui.texts.kinds import INFRA, FileKind, by_kind
from storage.check_records import WORST_FIRST, CheckResult, Lead, Verdict
from storage.redact import redact

BROKE = "the check broke: "
REQUEST_CHANGES, COMMENT = "request changes", "comment"
GRAVEST = {"crit": 0, "warn": 1, "note": 2}
_UNTOUCHED = re.compile(r"no .{1,80} touched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question of the routine with what the checks said to it."""

    question: Question
    verdict: Verdict
    reason: str
    results: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What all checks said about a change. A person sends the verdict; approving stays a human act on the forge."""

    project_id: str
    base: str
    head: str
    files: tuple[ChangedFile, ...]
    results: tuple[CheckResult, ...]
    """With what a rehearsal settles, as soon as C3 is among them."""
    cut: str = ""
    at: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", settled(self.results))

    @property
    def groups(self) -> dict[FileKind, list[str]]:
        """The changed paths by kind of file."""
        return by_kind(file.path for file in self.files)

    @property
    def infrastructure(self) -> bool:
        """Whether the routine asks for a review of it at all (R100)."""
        return bool(INFRA & set(self.groups)) or bool(self.cut)

    @property
    def answers(self) -> tuple[Answered, ...]:
        """The four questions (R101-R104)."""
        return tuple(_answered(question, self.results) for question in QUESTIONS)

    @property
    def flags(self) -> tuple[tuple[CheckResult, Lead], ...]:
        """Every accusation, gravest first."""
        found = [(r, lead) for r in self.results if r.verdict is Verdict.FLAGGED for lead in r.leads if lead.accuses]
        return tuple(sorted(found, key=lambda pair: GRAVEST.get(pair[1].severity, 1)))

    @property
    def questions(self) -> tuple[tuple[CheckResult, Lead], ...]:
        """What the checks ask a person: right too seldom to accuse."""
        flagged = {(r.check, id(lead)) for r, lead in self.flags}
        return tuple((r, lead) for r in self.results for lead in r.leads if (r.check, id(lead)) not in flagged)

    @property
    def proposal(self) -> str:
        """`request changes` if something is flagged gravely or no way back is known, else `comment` (R101, R102)."""
        grave = any(lead.severity == "crit" for _, lead in self.flags)
        rollback = next(a for a in self.answers if a.question.id == "rollback")
        return REQUEST_CHANGES if grave or rollback.verdict is Verdict.FLAGGED else COMMENT

    @property
    def blast(self) -> CheckResult | None:
        """What it touches, if that was asked."""
        return next((r for r in self.results if r.check == BLAST), None)


def _answered(question: Question, results: Iterable[CheckResult]) -> Answered:
    own = tuple(r for r in results if r.check in question.checks)
    if not own:
        return Answered(question=question, verdict=Verdict.UNKNOWN, reason="nothing looked at it", results=())
    worst = min(own, key=lambda r: (WORST_FIRST.index(r.verdict), not concerned(r)))
    reason = worst.reason
    if worst.verdict is Verdict.FLAGGED:
        reason = _accused(own) or reason
    elif not concerned(worst):
        reason = "nothing of it is touched"
    return Answered(question=question, verdict=worst.verdict, reason=reason, results=own)


def concerned(result: CheckResult) -> bool:
    """Whether the change has anything to do with a check; one that has not says that nothing of its is touched."""
    return not (result.verdict is Verdict.UNKNOWN and not result.leads and _UNTOUCHED.fullmatch(result.reason))


def gravest(results: Iterable[CheckResult]) -> tuple[Lead | None, int]:
    """The gravest accusation, and how many there are besides."""
    leads = [lead for r in results if r.verdict is Verdict.FLAGGED for lead in r.leads if lead.accuses]
    return min(leads, key=lambda lead: GRAVEST.get(lead.severity, 1), default=None), max(len(leads) - 1, 0)


def _accused(results: Iterable[CheckResult]) -> str:
    """The gravest accusation with its place."""
    first, others = gravest(results)
    if first is None:
        return ""
    more = f", and {others} more" if others else ""
    return f"{first.place}: {first.text}{more}" if first.place else f"{first.text}{more}"


def review(change: Change, packages: Iterable[str] = PACKAGES) -> Review:
    """Ask every wanted check. Raises `Cancelled`; a check of ours that breaks says so and the others go on."""
    return Review(
        project_id=change.project_id,
        base=change.base.commit,
        head=change.head.commit,
        files=change.files,
        results=tuple(asked(change, packages)),
        cut=change.cut,
        at=change.clock.now(),
    )


def asked(change: Change, packages: Iterable[str] = PACKAGES) -> Iterator[CheckResult]:
    """The results one by one, as they come. Raises `Cancelled`."""
    for name in packages:
        module: Reviewer = import_module(f"stas_tui.review.{name}")
        wanted = [spec.id for spec in module.CHECKS if change.wants(spec.id)]
        if not wanted:
            continue
        change.step(f"{', '.join(wanted)}: {module.CHECKS[0].title}")
        before = kept.known(change, name)
        if before is not None:
            yield from before
            continue
        said: list[CheckResult] = []
        for one in _whole(change, wanted, module.run):
            said.append(one)
            yield one
        if not any(one.reason.startswith(BROKE) for one in said):
            kept.keep(change, name, tuple(said))


def arrived(change: Change) -> Iterator[CheckResult]:
    """V5 of a merged change. Raises `Cancelled`."""
    from stas_tui.review import rehearsal

    wanted = [spec.id for spec in rehearsal.AFTER if change.wants(spec.id)]
    yield from _whole(change, wanted, rehearsal.after)


def _whole(
    change: Change, wanted: Sequence[str], run: Callable[[Change], Iterator[CheckResult]]
) -> Iterator[CheckResult]:
    """What a group says; of one that breaks, also that it did."""
    said: set[str] = set()
    try:
        for one in map(cleaned, run(change)):
            said.add(one.check)
            yield one
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others found
        for check in wanted:
            if check not in said:
                yield result(change, check, Verdict.UNKNOWN, f"{BROKE}{redact(_first(error))}")


def _first(error: Exception) -> str:
    text = str(error).split("\n", 1)[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
