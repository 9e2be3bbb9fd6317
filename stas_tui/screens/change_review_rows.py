"""A review of a pull request as rows, and what stands behind each of them. Pure: no widget, no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stas_tui.review.base import ChangedFile
from stas_tui.review.codec import Arriving
from stas_tui.review.runner import GRAVEST, Answered, Review, concerned, gravest
from stas_tui.texts.kinds import INFRA, label_of
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict
from storage.records import PullReview
from widgets.rows import Cell, Column, ListRow
from widgets.tokens import Mark

PLACE = 28
COLUMNS = (
    Column("what", 22),
    Column("verdict", 8, ink="ink-2"),
    Column("why"),
    Column("where", PLACE, ink="ink-2", rank=1),
)
MARKS = {
    Verdict.FLAGGED: Mark.WARN,
    Verdict.UNKNOWN: Mark.UNKNOWN,
    Verdict.VERIFIED: Mark.DONE,
    Verdict.NOT_APPLICABLE: Mark.SKIP,
}
WORDS = {
    Verdict.FLAGGED: "flagged",
    Verdict.UNKNOWN: "unknown",
    Verdict.VERIFIED: "verified",
    Verdict.NOT_APPLICABLE: "n/a",
}
_GRAVEST = (Mark.FAIL, Mark.WARN, Mark.HUMAN, Mark.UNKNOWN, Mark.DONE, Mark.SKIP)
STATUS = {"added": "new", "deleted": "deleted", "renamed": "moved", "copied": "copied", "type": "type", "modified": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One row, and what it is about."""

    key: str
    row: ListRow
    answer: Answered | None = None
    result: CheckResult | None = None
    lead: Lead | None = None
    file: ChangedFile | None = None
    sent: PullReview | None = None

    @property
    def path(self) -> str:
        """File that enter shows; empty if it is about none."""
        if self.file is not None:
            return self.file.path
        return self.lead.path if self.lead is not None else ""


def spots(known: Arriving) -> list[Spot]:
    """The four questions with what was found, what it touches, the files by group, verdicts sent before."""
    review = known.review
    found = [spot for answer in review.answers for spot in _question(known, review, answer)]
    if review.blast is not None:
        found.append(_line("touches", "Touches", review.blast.reason, result=review.blast, mark=Mark.NOTE))
    if review.cut:
        found.append(_line("cut", "Not all was read", review.cut, mark=Mark.UNKNOWN))
    found += _files(review)
    found += [
        _line(
            f"sent {n}",
            "Verdict" if n == 0 else "",
            f"{one.event} by {one.author} at {one.commit_sha[:8] or 'a lost commit'}",
            sent=one,
            mark=Mark.NOTE,
        )
        for n, one in enumerate(known.sent)
    ]
    return found


def _question(known: Arriving, review: Review, answer: Answered) -> Iterator[Spot]:
    pending = not known.whole and answer.verdict is Verdict.UNKNOWN
    grave = any(lead.accuses and lead.severity == "crit" for r in answer.results for lead in r.leads)
    mark = Mark.FAIL if answer.verdict is Verdict.FLAGGED and grave else MARKS[answer.verdict]
    key = f"question {answer.question.id}"
    word = "asking" if pending else WORDS[answer.verdict]
    why, where = _why(answer)
    row = ListRow(
        key=key,
        version=f"{answer.verdict}{answer.reason}{pending}",
        cells=(
            Cell(answer.question.title, bold=True),
            Cell(word, ink="crit" if mark is Mark.FAIL else "warn" if mark is Mark.WARN else "", bold=True),
            Cell("" if pending and not answer.results else why),
            Cell(_end(where)),
        ),
        state=Mark.RUN if pending else mark,
    )
    yield Spot(key=key, row=row, answer=answer)
    seen: set[tuple[str, str]] = set()
    below = [spot for result in sorted(answer.results, key=_rank) for spot in _check(result, seen)]
    yield from sorted(below, key=lambda spot: _GRAVEST.index(spot.row.state))
    untouched = [r.check for r in answer.results if not concerned(r)]
    if untouched and len(untouched) < len(answer.results):
        yield _line(f"{key} untouched", "", f"nothing touched for {', '.join(untouched)}", mark=Mark.NONE)


def _why(answer: Answered) -> tuple[str, str]:
    """(reason, place) of a question."""
    first, others = gravest(answer.results)
    if answer.verdict is not Verdict.FLAGGED or first is None:
        return answer.reason, ""
    return first.text + (f", and {others} more" if others else ""), first.place


def _rank(result: CheckResult) -> tuple[bool, int, int]:
    """Flags first, those with the gravest lead first of all; what two checks say is told by the graver one."""
    grave = min((GRAVEST.get(lead.severity, 1) for lead in result.leads), default=len(GRAVEST))
    return result.verdict is not Verdict.FLAGGED, grave, int(result.check[1:])


def _check(result: CheckResult, seen: set[tuple[str, str]]) -> Iterator[Spot]:
    """The leads of a check, or the check itself where it found none. What another check said already is left out."""
    if not concerned(result):
        return
    for n, lead in enumerate(result.leads):
        if (lead.place, lead.text) in seen:
            continue
        seen.add((lead.place, lead.text))
        accuses = lead.accuses and result.verdict is Verdict.FLAGGED
        mark = (Mark.FAIL if lead.severity == "crit" else Mark.WARN) if accuses else Mark.HUMAN
        yield _line(
            f"lead {result.check} {lead.fingerprint} {n}",
            f"  {result.check}",
            lead.text,
            where=lead.place,
            word="" if accuses else "asks",
            mark=mark,
            result=result,
            lead=lead,
        )
    if not result.leads:
        word = WORDS[result.verdict]
        yield _line(
            f"check {result.check}", f"  {result.check}", result.reason, word=word, mark=MARKS[result.verdict],
            result=result,
        )  # fmt: skip


def _files(review: Review) -> Iterator[Spot]:
    """Files by group, those of infrastructure first."""
    by_path = {file.path: file for file in review.files}
    groups = sorted(review.groups.items(), key=lambda pair: (pair[0] not in INFRA, label_of(pair[0])))
    labels: dict[str, list[str]] = {}
    for kind, paths in groups:
        labels.setdefault(label_of(kind), []).extend(paths)
    for label, paths in labels.items():
        for n, path in enumerate(paths):
            file = by_path[path]
            where = f"{path}  (was {file.old_path})" if file.old_path else path
            yield _line(f"file {path}", label if n == 0 else "", where, word=STATUS.get(file.status, ""), file=file)


def _line(
    key: str,
    what: str,
    text: str,
    *,
    word: str = "",
    where: str = "",
    mark: Mark = Mark.NONE,
    result: CheckResult | None = None,
    lead: Lead | None = None,
    file: ChangedFile | None = None,
    sent: PullReview | None = None,
) -> Spot:
    cells = (Cell(what), Cell(word), Cell(text), Cell(_end(where)))
    row = ListRow(key=key, version=f"{what}{word}{text}{where}{mark}", cells=cells, state=mark)
    return Spot(key=key, row=row, result=result, lead=lead, file=file, sent=sent)


def _end(place: str) -> str:
    """The end of a place that is too long for its column: the name of the file and the line."""
    return place if len(place) <= PLACE else f"..{place[2 - PLACE :]}"


def tally(known: Arriving) -> str:
    """`2 flagged, 1 asks, 4 unknown`: leads that accuse, leads that ask, checks that could not say."""
    review = known.review
    accused = {(lead.place, lead.text) for _, lead in review.flags}
    asks = {(lead.place, lead.text) for _, lead in review.questions} - accused
    unknown = [r for a in review.answers for r in a.results if r.verdict is Verdict.UNKNOWN and concerned(r)]
    parts = [count(len(accused), "finding")] if accused else ["no finding"]
    parts += [count(len(asks), "question")] if asks else []
    parts += [f"{len(unknown)} unknown"] if unknown else []
    return ", ".join(parts)
