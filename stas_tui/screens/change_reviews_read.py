"""Which pull requests want a review before their merge, and what is known of each. Blocks: it asks the forges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stas_tui.forges.base import ForgeError
from stas_tui.pulse.view import LOOKED_BACK
from stas_tui.screens.verdict_words import WAITING
from stas_tui.texts.lines import one_line, redacted
from storage.records import Action, ActionState, Json, PullRequest
from widgets.detail import Field
from widgets.paper import Block, Heading
from widgets.rows import Cell, Column, ListRow
from widgets.tokens import Mark

if TYPE_CHECKING:
    from stas_tui.pulse.context import Context
    from stas_tui.pulse.reviewing import Due, Missing

COLUMNS = (
    Column("pull request", 14),
    Column("what"),
    Column("why", 26, ink="ink-2", rank=1),
    Column("author", 10, ink="ink-3", rank=2),
    Column("verdict", 15, ink="ink-2"),
    Column("age", 4, right=True, ink="ink-3"),
)
CHECK_STEP = 8
MARKS = {"flagged": Mark.WARN, "unknown": Mark.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One row: a pull request, or a request for one that is not there."""

    project: str
    number: int
    row: ListRow
    blocks: tuple[Block, ...]
    asked_by: str = ""
    message_id: str = ""
    why: str = ""
    """Why nothing can be opened; empty for a pull request."""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of the last verdict that was asked for here."""

    word: str
    """For the list: what was sent about this commit, or what stands in its way."""
    text: str
    mark: Mark = Mark.NONE


def read_wanted(context: Context) -> tuple[list[Wanted], list[str]]:
    """What the forges have now with what step 8 and a person said of it; and which forge did not answer."""
    from stas_tui.pulse.reviewing import due

    read = {(row["project"], row["number"]): row for row in _of_step(context)}
    asked = verdicts(context)
    found: list[Wanted] = []
    problems: list[str] = []
    for project, repo in context.rules.repos.items():
        try:
            wanted, missing = due(context, project, repo)
        except ForgeError as error:
            problems.append(f"{project} was not asked: {error}")
            continue
        for one in wanted:
            key = project, one.pr.number
            found.append(_wanted(project, one, read.get(key, {}), said_of(asked.get(key), one.pr)))
        found += [_missing(project, lost) for lost in missing]
    return found, problems


def verdicts(context: Context) -> dict[tuple[str, int], Action]:
    """The last verdict on each pull request that waits, may have been sent, or was sent from here."""
    since = context.clock.now() - LOOKED_BACK
    over = (ActionState.REJECTED, ActionState.EXPIRED, ActionState.WITHDRAWN, ActionState.FAILED)
    found = {}
    for action in context.journal.recent("review_verdict", since=since):
        if action.state not in over and action.revision is not None:
            found[action.revision.plan["project"], action.revision.plan["number"]] = action
    return found


def state_of(context: Context, project: str, number: int) -> tuple[str, str]:
    """(id, state) of the last verdict on a pull request; empty if there is none. Raises `StasError`."""
    action = verdicts(context).get((project, number))
    return (action.id, action.state.value) if action is not None else ("", "")


def said_of(action: Action | None, pr: PullRequest) -> Said:
    """The last verdict in words, as far as it is about the present head."""
    if action is None or action.revision is None:
        return Said("", "nobody sent one from here")
    plan = action.revision.plan
    event, commit = plan["event"], plan["commit"]
    if action.state is not ActionState.SUCCEEDED:
        word, text, mark = WAITING.get(action.state, WAITING[ActionState.UNKNOWN])
        return Said(word, f"{event}: {text}", mark)
    by = f", approved by {action.decided_by}" if action.decided_by else ""
    if commit != pr.head_sha:
        return Said("outdated", f"{event}{by}: about {commit[:8]}, the head is {pr.head_sha[:8]} now", Mark.UNKNOWN)
    return Said(event, f"{event}{by}", Mark.DONE)


def _wanted(project: str, one: Due, read: Json, said: Said) -> Wanted:
    pr = one.pr
    same = read.get("head") == pr.head_sha
    mark = MARKS.get(read.get("verdict", ""), Mark.UNKNOWN) if same else Mark.HUMAN
    asked = one.asked[0] if one.asked else None
    asked_by = one_line(redacted(asked.sender), 40) if asked else ""
    title, author = one_line(redacted(pr.title), 200), one_line(redacted(pr.author), 80)
    blocks: list[Block] = [Heading(f"#{pr.number} {project}", title), Field("Why", one.why)]
    blocks += [Field("Asked", f"{message.id}: {one_line(redacted(message.subject), 120)}") for message in one.asked]
    blocks.append(Field("Branch", f"{one_line(redacted(pr.head), 120)} to {pr.base}", f"at {pr.head_sha[:8]}"))
    if same:
        blocks.append(Field("Read", str(read.get("said", "")), "by step 8, without a rehearsal", mark))
    else:
        when = "not since its head moved" if read else "not yet"
        blocks.append(Field("Read", f"{when}; enter asks every check", mark=mark))
    blocks.append(Field("Verdict", said.text, mark=said.mark))
    texts = (title, one.why, author)
    return Wanted(
        project=project,
        number=pr.number,
        row=_row(f"{project}#{pr.number}", f"#{pr.number} {project}", texts, said.word, pr.created_at, mark),
        blocks=tuple(blocks),
        asked_by=asked_by,
        message_id=asked.id if asked else "",
    )


def _missing(project: str, lost: Missing) -> Wanted:
    """A request for a pull request that is not there (R14)."""
    message = lost.message
    key, name = f"{project}#{lost.number} {message.id}", f"#{lost.number} {project}"
    texts = (lost.text, "not found", one_line(redacted(message.sender), 80))
    stays = f"{lost.text}; the message stays open."
    subject = one_line(redacted(message.subject), 120)
    return Wanted(
        project=project,
        number=lost.number,
        row=_row(key, name, texts, "", message.at, Mark.WARN),
        blocks=(Heading(name, "not found"), Field("Why", stays, mark=Mark.WARN), Field("Asked", subject)),
        message_id=message.id,
        why=stays,
    )


def _of_step(context: Context) -> list[Json]:
    """What step 8 of the latest pulse that has one said of each."""
    for pulse in context.pulses.latest(5):
        rows = context.pulses.steps(pulse.id)[CHECK_STEP - 1].data.get("reviews")
        if rows is not None:
            return list(rows)
    return []


def _row(key: str, name: str, texts: tuple[str, str, str], verdict: str, at: int, mark: Mark) -> ListRow:
    title, why, author = (one_line(text, 200) for text in texts)
    cells = (Cell(name), Cell(title, bold=True), Cell(why), Cell(author), Cell(verdict), Cell(at=at or None))
    return ListRow(key=key, version="\0".join([*texts, verdict, mark]), cells=cells, state=mark)
