"""A review of a pull request as rows, and what stands behind each of them. Pure: no widget, no database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stas_tui.review.base import ChangedFile
from stas_tui.review.codec import Arriving
from stas_tui.review.runner import GRAVEST, Answered, Review, concerned
from stas_tui.texts.kinds import INFRA, label_of
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict
from storage.records import PullReview
from widgets.rows import Cell, Column, ListRow
from widgets.tokens import Mark

WHAT = 26
MOST_LEADS = 50
"""Rows for the leads of one check; enter on the row after them lists all."""
MOST_FILES = 200
"""Rows for the files of one group."""
COLUMNS = (Column("what", WHAT), Column("verdict", 8, ink="ink-2"), Column("why"))
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
STATUS = {"added": "new", "deleted": "deleted", "renamed": "moved", "copied": "copied", "type": "type", "modified": ""}
_GRAVEST = (Mark.FAIL, Mark.WARN, Mark.HUMAN, Mark.UNKNOWN, Mark.DONE, Mark.SKIP)
_UNTOUCHED = re.compile(r"no (.+?)(?: is)? touched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One row, and what it is about."""

    key: str
    row: ListRow
    answer: Answered | None = None
    result: CheckResult | None = None
    lead: Lead | None = None
    file: ChangedFile | None = None
    """The changed file whose diff enter shows."""
    sent: PullReview | None = None
    many: int = 1
    """How many leads the row stands for."""


def spots(known: Arriving, sent_problem: str = "") -> list[Spot]:
    """The four questions with what was found, what it touches, the files by group, verdicts that were sent.

    `sent_problem` says why those verdicts are not known.
    """
    review = known.review
    by_path = {file.path: file for file in review.files}
    found = [spot for answer in review.answers for spot in _question(known, answer, by_path)]
    if review.blast is not None:
        found.append(_line("touches", "Touches", review.blast.reason, result=review.blast, mark=Mark.NOTE))
    if review.cut:
        found.append(_line("cut", "Not all was read", review.cut, word="unknown", mark=Mark.UNKNOWN))
    found += _files(review, by_path)
    if sent_problem:
        found.append(_line("sent", "Sent verdicts", sent_problem, word="unknown", mark=Mark.UNKNOWN))
    found += [_sent(n, one, review.head) for n, one in enumerate(reversed(known.sent))]
    return found


def title_of(known: Arriving, check: str) -> str:
    """What a check proves, as the beginning of a sentence."""
    title = known.titles.get(check, check)
    return title[:1].upper() + title[1:]


def by_gravity(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Flagged first, those with the gravest lead first of all; last what the change has nothing to do with."""
    return sorted(results, key=_gravity)


def _gravity(result: CheckResult) -> tuple[bool, bool, int, int]:
    grave = min((GRAVEST.get(lead.severity, 1) for lead in result.leads), default=len(GRAVEST))
    return not concerned(result), result.verdict is not Verdict.FLAGGED, grave, int(result.check[1:])


def _question(known: Arriving, answer: Answered, files: Mapping[str, ChangedFile]) -> Iterator[Spot]:
    """The question, and below it what its checks found. What one check alone says stands on the question's own row."""
    pending = not known.whole and answer.verdict is Verdict.UNKNOWN
    grave = any(lead.accuses and lead.severity == "crit" for r in answer.results for lead in r.leads)
    mark = Mark.FAIL if answer.verdict is Verdict.FLAGGED and grave else MARKS[answer.verdict]
    key = f"question {answer.question.id}"
    seen: set[tuple[str, str]] = set()
    below = [spot for result in by_gravity(answer.results) for spot in _check(known, result, seen, files)]
    below.sort(key=lambda spot: _GRAVEST.index(spot.row.state))
    alone = len(below) == 1 and below[0].lead is None
    untouched = _untouched(answer.results)
    if pending and not below:
        why = ""
    elif alone or not below:
        why = answer.reason
    else:
        why = _summary(below)
    row = ListRow(
        key=key,
        version=f"{answer.verdict}{why}{pending}{mark}",
        cells=(
            Cell(answer.question.title, bold=True),
            Cell(
                "asking" if pending else WORDS[answer.verdict],
                ink="crit" if mark is Mark.FAIL else "warn" if mark is Mark.WARN else "",
                bold=True,
            ),
            Cell(why),
        ),
        state=Mark.RUN if pending else mark,
    )
    yield Spot(key=key, row=row, answer=answer)
    if not alone:
        yield from below
    if untouched and below and not pending:
        yield _line(f"{key} untouched", "Not touched", untouched, mark=Mark.NONE)


def _summary(below: Sequence[Spot]) -> str:
    """`2 findings, 1 to look at, 3 unknown, 1 verified`."""
    numbers = Counter[Mark]()
    for spot in below:
        numbers[spot.row.state] += spot.many
    findings = numbers[Mark.FAIL] + numbers[Mark.WARN]
    parts = [count(findings, "finding")] if findings else []
    for mark, words in ((Mark.HUMAN, "to look at"), (Mark.UNKNOWN, "unknown"), (Mark.DONE, "verified")):
        parts += [f"{numbers[mark]} {words}"] if numbers[mark] else []
    return ", ".join(parts)


def _untouched(results: Sequence[CheckResult]) -> str:
    """`Dockerfile, workflow, Terraform file`: what the change leaves alone."""
    found = [match[1] for r in results if not concerned(r) and (match := _UNTOUCHED.fullmatch(r.reason))]
    return ", ".join(dict.fromkeys(found))


def _check(
    known: Arriving, result: CheckResult, seen: set[tuple[str, str]], files: Mapping[str, ChangedFile]
) -> Iterator[Spot]:
    """The leads of a check, or the check itself where it found none. What another check said already is left out."""
    if not concerned(result):
        return
    leads = sorted(result.leads, key=lambda lead: (not lead.accuses, GRAVEST.get(lead.severity, 1)))
    for n, lead in enumerate(leads[:MOST_LEADS]):
        if (lead.place, lead.text) in seen:
            continue
        seen.add((lead.place, lead.text))
        accuses = lead.accuses and result.verdict is Verdict.FLAGGED
        mark = (Mark.FAIL if lead.severity == "crit" else Mark.WARN) if accuses else Mark.HUMAN
        yield _line(
            f"lead {result.check} {n} {lead.rule} {lead.place}",
            _end(lead.place) or title_of(known, result.check),
            lead.text,
            word="" if accuses else "asks",
            mark=mark,
            result=result,
            lead=lead,
            file=files.get(lead.path),
        )
    if len(leads) > MOST_LEADS:
        accuses = leads[MOST_LEADS].accuses and result.verdict is Verdict.FLAGGED
        more = _line(
            f"more {result.check}",
            title_of(known, result.check),
            f"and {len(leads) - MOST_LEADS} more places; enter lists all of them",
            mark=Mark.WARN if accuses else Mark.HUMAN,
            result=result,
        )
        yield replace(more, many=len(leads) - MOST_LEADS)
    if not leads:
        yield _line(
            f"check {result.check}",
            title_of(known, result.check),
            result.reason,
            word=WORDS[result.verdict],
            mark=MARKS[result.verdict],
            result=result,
        )


def _files(review: Review, by_path: Mapping[str, ChangedFile]) -> Iterator[Spot]:
    """Files by group, those of infrastructure first."""
    groups = sorted(review.groups.items(), key=lambda pair: (pair[0] not in INFRA, label_of(pair[0])))
    labels: dict[str, list[str]] = {}
    for kind, paths in groups:
        labels.setdefault(label_of(kind), []).extend(paths)
    for label, paths in labels.items():
        for n, path in enumerate(paths[:MOST_FILES]):
            file = by_path[path]
            where = f"{path}  (was {file.old_path})" if file.old_path else path
            head = label[:1].upper() + label[1:] if n == 0 else ""
            yield _line(f"file {path}", head, where, word=STATUS.get(file.status, ""), file=file)
        if len(paths) > MOST_FILES:
            yield _line(f"files {label}", "", f"and {len(paths) - MOST_FILES} more files")


def _sent(n: int, one: PullReview, head: str) -> Spot:
    """A verdict that was sent, the newest first."""
    about = "this commit" if one.commit_sha == head else f"an earlier commit, {one.commit_sha[:8] or 'now lost'}"
    text = f"{one.event} by {one.author}, about {about}"
    return _line(f"sent {one.id}", "Sent verdicts" if n == 0 else "", text, sent=one, mark=Mark.NOTE)


def _line(
    key: str,
    what: str,
    text: str,
    *,
    word: str = "",
    mark: Mark = Mark.NONE,
    result: CheckResult | None = None,
    lead: Lead | None = None,
    file: ChangedFile | None = None,
    sent: PullReview | None = None,
) -> Spot:
    row = ListRow(key=key, version=f"{what}{word}{text}{mark}", cells=(Cell(what), Cell(word), Cell(text)), state=mark)
    return Spot(key=key, row=row, result=result, lead=lead, file=file, sent=sent)


def _end(place: str) -> str:
    """The end of a place that is too long for its column: the name of the file and the line."""
    return place if len(place) <= WHAT else f"..{place[2 - WHAT :]}"


def tally(known: Arriving) -> str:
    """`2 findings, 1 to look at, 4 unknown`: leads that accuse, leads that ask, checks that could not say."""
    review = known.review
    accused = {(lead.place, lead.text) for _, lead in review.flags}
    asks = {(lead.place, lead.text) for _, lead in review.questions} - accused
    unknown = [r for a in review.answers for r in a.results if r.verdict is Verdict.UNKNOWN and concerned(r)]
    parts = [count(len(accused), "finding")] if accused else ["no finding"]
    parts += [f"{len(asks)} to look at"] if asks else []
    parts += [f"{len(unknown)} unknown"] if unknown else []
    return ", ".join(parts)
