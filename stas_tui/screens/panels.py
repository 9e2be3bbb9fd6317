"""The four panels: rows and borders from a look at the pulse. Pure: no widget, no database."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.pulse.view import View
from storage.clock import hhmm
from storage.records import DataState, Message, MessageType, Trust
from widgets.panel import Count, PanelModel
from widgets.rows import Cell, Column, ListRow
from widgets.stepline import Tab
from widgets.tokens import Mark

INBOX_COLUMNS = (Column("type", 8, ink="ink-2"), Column("what"), Column("age", 4, right=True, ink="ink-3"))
QUEUE_COLUMNS = (Column("task", 6, ink="ink-2"), Column("what"), Column("owner", 8, ink="ink-3", rank=1))
INFRA_COLUMNS = (Column("source", 14), Column("state", ink="ink-2"), Column("age", 4, right=True, ink="ink-3"))

SHORT_TYPES = {
    MessageType.HELP_REQUEST: "help",
    MessageType.REVIEW_REQUEST: "review",
}
SHORT_SOURCES = {"container builds": "builds", "CI pipeline": "CI"}
VERDICT_MARKS = {
    "verified": Mark.DONE,
    "flagged": Mark.WARN,
    "failed": Mark.FAIL,
    "degraded": Mark.WARN,
    "ok": Mark.OK,
    "unknown": Mark.UNKNOWN,
}
QUEUE_MARKS = {"yours": Mark.HUMAN, "running": Mark.RUN, "next": Mark.TODO, "held": Mark.HELD, "waiting": Mark.HELD}


def inbox_row(message: Message) -> ListRow:
    """One message as a row; the type as a word, an unverified urgent one says so."""
    if message.type is MessageType.URGENT:
        mark = Mark.FAIL if message.trust is Trust.KNOWN else Mark.WARN
    elif message.type in (MessageType.HELP_REQUEST, MessageType.HANDOFF, MessageType.UNKNOWN):
        mark = Mark.WARN
    else:
        mark = Mark.NOTE
    word = SHORT_TYPES.get(message.type, message.type.value)
    unverified = message.type is MessageType.URGENT and message.trust is not Trust.KNOWN
    subject = ("unverified: " if unverified else "") + message.subject
    return ListRow(
        key=message.id,
        version=f"{message.type}{message.read_at}{message.acknowledged_at}",
        cells=(Cell(word), Cell(subject, bold=message.read_at is None), Cell(at=message.at)),
        state=mark,
    )


def queue_rows(view: View) -> list[ListRow]:
    """Tasks in the order of work, then what is held."""
    return [
        ListRow(
            key=row.task.id,
            version=f"{row.task.version}{row.state}{row.owner}",
            cells=(
                Cell(row.task.id),
                Cell(row.task.title.removeprefix("infra: "), bold=row.state == "yours"),
                Cell(row.owner, ink="human" if row.state == "yours" else ""),
            ),
            state=QUEUE_MARKS[row.state],
        )
        for row in view.queue
    ]


def infra_rows(view: View) -> list[ListRow]:
    """Findings of the health scan; a source that was never asked is not green."""
    return [
        ListRow(
            key=finding.subject,
            version=f"{finding.verdict}{finding.at}",
            cells=(
                Cell(SHORT_SOURCES.get(finding.subject, finding.subject)),
                Cell(finding.reason),
                Cell(at=finding.at),
            ),
            state=VERDICT_MARKS.get(finding.verdict, Mark.UNKNOWN),
        )
        for finding in view.health
    ]


def inbox_panel(view: View) -> PanelModel:
    """The border of the inbox panel."""
    sentence = view.inbox_reason or f"Inbox is empty. Last checked {hhmm(view.at)}."
    return PanelModel(
        title="Inbox",
        key="1",
        counts=(Count(f"{view.inbox_count} new"),) if view.inbox_count else (),
        state=view.inbox_state,
        sentence=sentence,
    )


def queue_panel(view: View) -> PanelModel:
    """The border of the queue panel."""
    numbers: dict[Mark, int] = {}
    for row in view.queue:
        numbers[QUEUE_MARKS[row.state]] = numbers.get(QUEUE_MARKS[row.state], 0) + 1
    order = (Mark.HUMAN, Mark.RUN, Mark.TODO, Mark.HELD)
    return PanelModel(
        title="Queue",
        key="2",
        counts=tuple(Count(str(numbers[mark]), mark) for mark in order if mark in numbers),
        state=view.queue_state,
        sentence=view.queue_reason or "No task is ready in your columns.",
    )


def infra_panel(view: View) -> PanelModel:
    """The border of the infra panel."""
    numbers: dict[Mark, int] = {}
    for finding in view.health:
        mark = VERDICT_MARKS.get(finding.verdict, Mark.UNKNOWN)
        numbers[mark] = numbers.get(mark, 0) + 1
    order = (Mark.FAIL, Mark.WARN, Mark.OK, Mark.UNKNOWN)
    return PanelModel(
        title="Infra",
        key="3",
        counts=tuple(Count(str(numbers[mark]), mark) for mark in order if mark in numbers),
        state=DataState.OK if view.health else DataState.UNKNOWN,
        sentence="Not looked at yet in this pulse; step 6 scans.",
    )


def tabs(panels: Sequence[PanelModel]) -> list[Tab]:
    """The four panels as tabs for a narrow screen."""
    return [Tab(panel.key, panel.title, panel.counts) for panel in panels]
