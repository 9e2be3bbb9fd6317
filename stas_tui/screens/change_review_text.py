"""The words of a pull request's review: facts of the row under the cursor, evidence, what runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stas_tui.review.codec import Arriving
from stas_tui.review.runner import REQUEST_CHANGES
from stas_tui.screens.change_review_rows import MARKS, WORDS, Spot
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead
from storage.clock import iso_seconds
from widgets.detail import Field
from widgets.paper import Block, Heading
from widgets.tokens import Mark

NOT_REHEARSED = "not rehearsed"


def facts(known: Arriving, *, asked_by: str = "") -> str:
    """The line below the title: whose, from where to where, which commit, how much."""
    pr, review = known.pull, known.review
    asks = ", who asks" if asked_by == pr.author else f", {asked_by} asks" if asked_by else ""
    state = "" if pr.state == "open" else f" ({pr.state})"
    return f"{pr.author}{asks}{state}: {pr.head} to {pr.base} at {pr.head_sha[:8]}, {count(len(review.files), 'file')}"


def standing(known: Arriving) -> str:
    """What follows from it, and the key that goes on."""
    text = f"Proposed: {known.review.proposal}; V writes it. Only people approve, on the forge."
    return f"{text} R rehearses the migrations." if unrehearsed(known) else text


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
        return list(_lead(known, spot.result, spot.lead))
    if spot.file is not None:
        file = spot.file
        found: list[Block] = [Heading(file.path, file.status)]
        found += [Field("Was", file.old_path)] if file.old_path else []
        found += [Field("Kind", "binary; its lines are not shown")] if file.binary else []
        found += [Field("Kind", "a link; it is never followed")] if file.link else []
        return [*found, Field("Diff", "enter shows it")]
    if spot.sent is not None:
        one = spot.sent
        return [
            Heading(f"{one.event} by {one.author}", iso_seconds(one.at) if one.at else ""),
            Field("About", one.commit_sha[:12] or "a commit that is gone"),
            Field("Text", one.body[:2_000]),
        ]
    if spot.result is not None:
        return list(_result(known, spot.result))
    return [Heading(str(spot.row.cells[2].text))]


def _answer(known: Arriving, spot: Spot) -> Iterator[Block]:
    assert spot.answer is not None
    answer = spot.answer
    yield Heading(answer.question.title, WORDS[answer.verdict])
    yield Field("Why", answer.reason)
    for result in answer.results:
        said = f"{_title(known, result)}: {WORDS[result.verdict]}, {result.reason}"
        yield Field(result.check, said, mark=MARKS[result.verdict])


def _title(known: Arriving, result: CheckResult) -> str:
    """What a check proves, as the beginning of a sentence."""
    title = known.titles.get(result.check, result.check)
    return title[:1].upper() + title[1:]


def _lead(known: Arriving, result: CheckResult, lead: Lead) -> Iterator[Block]:
    yield Heading(lead.place or lead.rule, "accuses" if lead.accuses else "asks a person: this rule is often wrong")
    yield Field("What", lead.text, mark=Mark.WARN if lead.accuses else Mark.HUMAN)
    if lead.code:
        yield Field("Code", lead.code)
    yield Field("Rule", lead.rule, f"{result.check} {_title(known, result)}")
    if lead.path in {file.path for file in known.review.files}:
        yield Field("Diff", "enter shows it at this place")


def _result(known: Arriving, result: CheckResult) -> Iterator[Block]:
    yield Heading(f"{result.check} {_title(known, result)}", WORDS[result.verdict])
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
    for result in results:
        lines += [f"{result.check}  {_title(known, result)}", f"{WORDS[result.verdict]}: {result.reason}"]
        lines += [f"{label}: {value}" for label, value in _evidence(result)]
        for lead in result.leads:
            ask = "" if lead.accuses else " (asks)"
            lines += [f"  {lead.place or lead.rule}{ask}: {lead.text}", *([f"      {lead.code}"] if lead.code else [])]
        lines += [f"  > {statement}" for statement in result.executed]
        lines.append("")
    return "\n".join(lines) or "Nothing looked at it.\n"


def grave(known: Arriving) -> bool:
    """Whether a request for changes is proposed."""
    return known.review.proposal == REQUEST_CHANGES
