"""The words of a pull request's review: facts of the row under the cursor, evidence, what follows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stas_tui.review.codec import Arriving
from stas_tui.screens.change_review_rows import MARKS, WORDS, Spot, by_gravity, title_of
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead
from storage.clock import hhmm, iso_seconds
from storage.records import PullReview
from widgets.detail import Field
from widgets.paper import Block, Heading
from widgets.tokens import Mark

WAITS = "Nothing is sent yet: it waits for your answer; g on the dashboard opens it."
NOT_REHEARSED = "not rehearsed"
MOST_LINES = 40
"""Lines of a sent verdict that stand behind its row; enter shows it whole."""


def facts(known: Arriving, *, asked_by: str = "") -> str:
    """The line below the title: whose, from where to where, which commit, how much."""
    pr, review = known.pull, known.review
    asks = ", who asks" if asked_by == pr.author else f", {asked_by} asks" if asked_by else ""
    state = "" if pr.state == "open" else f" ({pr.state})"
    return f"{pr.author}{asks}{state}: {pr.head} to {pr.base} at {pr.head_sha[:8]}, {count(len(review.files), 'file')}"


def under_way(known: Arriving | None, doing: str, *, ending: bool) -> str:
    """What is asked now and how far it is; `known` is what this round said so far."""
    if ending:
        return "Ending what runs; X again ends it at once."
    if known is None:
        return f"Asking: {doing}. X ends it."
    answered = len({result.check for result in known.results})
    return f"{answered} of {len(known.titles)} checks answered, asking: {doing}. X ends it."


def standing(known: Arriving) -> str:
    """What follows from it once nothing runs."""
    if known.pull.state != "open":
        return f"It is {known.pull.state}: a review before the merge is over."
    if not known.whole:
        return "Not everything was asked; r asks again."
    sent = next((one for one in reversed(known.sent) if one.commit_sha == known.review.head), None)
    if sent is not None:
        at = f" at {hhmm(sent.at)}" if sent.at else ""
        said = f"{sent.author} sent «{sent.event}» about this commit{at}."
    elif known.sent:
        said = f"Proposed: {known.review.proposal}. What was sent is about an earlier commit."
    else:
        said = f"Proposed: {known.review.proposal}."
    return f"{said} Its migrations are not rehearsed: R." if unrehearsed(known) else said


def unrehearsed(known: Arriving) -> bool:
    """Whether migrations wait for a rehearsal that was left out."""
    return any(r.check in ("C3", "C7") and r.reason.startswith(NOT_REHEARSED) for r in known.results)


def blocks(known: Arriving, spot: Spot | None) -> list[Block]:
    """What stands behind a row."""
    if spot is None:
        return [Heading("Nothing is selected")]
    if spot.answer is not None:
        return list(_answer(known, spot))
    if spot.lead is not None and spot.result is not None:
        return list(_lead(known, spot, spot.result, spot.lead))
    if spot.file is not None:
        file = spot.file
        found: list[Block] = [Heading(file.path, file.status)]
        found += [Field("Was", file.old_path)] if file.old_path else []
        found += [Field("Kind", "binary; its lines are not shown")] if file.binary else []
        found += [Field("Kind", "a link; it is never followed")] if file.link else []
        return [*found, Field("Diff", "enter shows it")]
    if spot.sent is not None:
        return list(_sent(spot.sent))
    if spot.result is not None:
        return list(_result(known, spot.result))
    return [Heading(spot.row.cells[0].text), Field("Why", spot.row.cells[2].text)]


def _sent(one: PullReview) -> Iterator[Block]:
    yield Heading(f"{one.event} by {one.author}", iso_seconds(one.at) if one.at else "")
    yield Field("About", f"commit {one.commit_sha}" if one.commit_sha else "a commit that is gone")
    lines = [line for line in one.body.splitlines() if line.strip()]
    for n, line in enumerate(lines[:MOST_LINES]):
        yield Field("" if n else "Text", line)
    if len(lines) > MOST_LINES:
        yield Field("", "enter shows the rest")


def _answer(known: Arriving, spot: Spot) -> Iterator[Block]:
    assert spot.answer is not None
    answer = spot.answer
    yield Heading(answer.question.title, WORDS[answer.verdict])
    yield Field("Why", answer.reason)
    for result in by_gravity(answer.results):
        said = f"{title_of(known, result.check)}: {WORDS[result.verdict]}, {result.reason}"
        yield Field(result.check, said, mark=MARKS[result.verdict])


def _lead(known: Arriving, spot: Spot, result: CheckResult, lead: Lead) -> Iterator[Block]:
    yield Heading(lead.place or lead.rule, "flagged" if lead.accuses else "asks you: this rule is often wrong")
    yield Field("What", lead.text, mark=Mark.WARN if lead.accuses else Mark.HUMAN)
    if lead.code:
        yield Field("Code", lead.code)
    yield Field("Check", f"{result.check} {title_of(known, result.check)}", f"rule {lead.rule}")
    if spot.file is not None:
        yield Field("Diff", "enter shows it at this place")


def _result(known: Arriving, result: CheckResult) -> Iterator[Block]:
    yield Heading(f"{result.check} {title_of(known, result.check)}", WORDS[result.verdict])
    yield Field("Why", result.reason)
    for label, value in _evidence(result):
        yield Field(label, value)


def _evidence(result: CheckResult) -> Iterator[tuple[str, str]]:
    """What makes a result believable, as far as it has it."""
    if result.target:
        yield "Looked", result.target
    if result.control:
        yield "Control", result.control
    if result.counts:
        yield "Counts", ", ".join(f"{name} {value}" for name, value in result.counts.items())
    if result.tool:
        yield "By", result.tool
    if result.expires_at is not None:
        yield "Holds", f"until {iso_seconds(result.expires_at)}"
    if result.executed:
        yield "Ran", count(len(result.executed), "statement")


def evidence(known: Arriving, results: Sequence[CheckResult]) -> str:
    """Everything that checks said, with what was executed."""
    lines: list[str] = []
    for result in by_gravity(results):
        lines += [f"{result.check}  {title_of(known, result.check)}", f"{WORDS[result.verdict]}: {result.reason}"]
        lines += [f"{label}: {value}" for label, value in _evidence(result)]
        for lead in result.leads:
            ask = "" if lead.accuses else " (asks)"
            lines += [f"  {lead.place or lead.rule}{ask}: {lead.text}", *([f"      {lead.code}"] if lead.code else [])]
        lines += [f"  > {statement}" for statement in result.executed]
        lines.append("")
    return "\n".join(lines) or "Nothing looked at it.\n"
