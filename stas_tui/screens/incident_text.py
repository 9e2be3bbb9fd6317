"""What stands on an incident's page, as blocks and as plain text. Pure: no widget, no database."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.screens.triage_detail import LONGEST, moment
from stas_tui.triage.incidents import cause_words, named_words, open_questions
from stas_tui.triage.quiet import Standing
from storage.clock import MINUTE, age, countdown, hhmm
from storage.records import Json
from storage.triage_records import Incident, IncidentEntry, TriageItem
from widgets.detail import Field
from widgets.paper import Block, Heading
from widgets.printable import flat, safe_text
from widgets.tokens import Mark

STATUSES = ("investigating", "identified", "monitoring", "resolved")
ROLES = ("commander", "operator", "scribe")
CHANGES = 3
_STATUS_MARKS = dict(zip(STATUSES, (Mark.FAIL, Mark.WARN, Mark.RUN, Mark.DONE), strict=True))


def state_blocks(
    incident: Incident, item: TriageItem, suspects: Sequence[Json], now: int, *, silences: Sequence[Standing] = ()
) -> list[Block]:
    """What somebody who comes in now has to know first."""
    blocks: list[Block] = [
        Field("Impact", incident.impact[:LONGEST] or "nobody has said it yet: i", mark=Mark.WARN),
        Field("Status", f"{incident.status}, open for {age(now - incident.opened_at)}", mark=_mark(incident.status)),
        Field("Who", ", ".join(f"{role} {getattr(incident, role)[:200] or 'nobody'}" for role in ROLES)),
    ]
    if incident.resolved_at is not None:
        blocks.append(Field("Update", f"resolved at {hhmm(incident.resolved_at)}; no further update is due"))
    elif incident.next_update_at is not None:
        left = incident.next_update_at - now
        steps = left - left % MINUTE if left > MINUTE else left
        told = f"due in {countdown(steps)}" if left > 0 else f"late by {age(-left)}"
        blocks.append(Field("Update", told, mark=Mark.HUMAN if left > 0 else Mark.FAIL))
    blocks += [
        Field("" if number else "Hidden", silence_words(silence, now), f"({silence.comment[:LONGEST]})", mark=Mark.HELD)
        for number, silence in enumerate(silences)
    ]
    blocks.append(cause_field(incident, now))
    for number, suspect in enumerate(suspects[:CHANGES]):
        blocks.append(Field("" if number else "Change", f"suspected: {change_words(suspect, item)}"))
    if not suspects:
        blocks.append(Field("Change", "no change is known in the hour before it began", mark=Mark.UNKNOWN))
    blocks += [Field("" if number else "Link", link[:LONGEST]) for number, link in enumerate(item.links)]
    return blocks


def _mark(status: str) -> Mark:
    return _STATUS_MARKS.get(status, Mark.UNKNOWN)


def cause_field(incident: Incident, now: int) -> Field:
    """What a person named, apart from what Stas only suspects."""
    cause = incident.cause
    if cause is None:
        return Field("Cause", "no cause is named yet: C", mark=Mark.UNKNOWN)
    at = f"{hhmm(cause.at)}, {age(now - cause.at)} ago"
    return Field("Cause", cause.text[:LONGEST], f"({named_words(cause, at)})", mark=Mark.HUMAN)


def silence_words(silence: Standing, now: int) -> str:
    """How long a silence goes on hiding the item, and who set it."""
    left = age(silence.ends_at - now)
    return (
        f"by a silence of {silence.by[:200] or 'nobody named'} until {hhmm(silence.ends_at)}, {left} left; S changes it"
    )


def change_words(suspect: Json, item: TriageItem) -> str:
    """One suspect change in a line: what, how long before, why it is suspected."""
    before = item.first_seen - int(suspect.get("at") or item.first_seen)
    why = str(suspect.get("why") or f"{age(before)} before it began")[:LONGEST]
    return f"{cause_words(suspect)}: {why}"


def changes_text(suspects: Sequence[Json], item: TriageItem, now: int, cause: IncidentEntry | None = None) -> str:
    """All suspect changes, below the cause that a person named."""
    lines = [f"{cause.text}: {named_words(cause, hhmm(cause.at))}.", ""] if cause else []
    if not suspects:
        return "\n".join(
            [*lines, "No change is known in the hour before it began. That is no proof that there was none."]
        )
    lines += ["What Stas suspects, the likeliest first. Close in time is no proof.", ""]
    for number, suspect in enumerate(suspects, 1):
        lines += [f"{number}. {change_words(suspect, item)}", f"    at {hhmm(int(suspect.get('at') or now))}", ""]
    return "\n".join(lines)


def story_blocks(entries: Sequence[IncidentEntry]) -> list[Block]:
    """Open questions and decisions, then everything in its order."""
    questions = open_questions(entries)
    decisions = [entry for entry in entries if entry.kind == "decision"]
    blocks: list[Block] = []
    if questions:
        blocks += [Heading("Open questions", str(len(questions))), *(moment(entry) for entry in questions)]
    if decisions:
        blocks += [Heading("Decisions", str(len(decisions))), *(moment(entry) for entry in decisions)]
    blocks += [Heading("Timeline", f"{len(entries)} entries, the newest last"), *(moment(entry) for entry in entries)]
    return blocks


def page_text(incident: Incident, item: TriageItem, blocks: Sequence[Block]) -> str:
    """The whole page as text."""
    return f"{safe_text(item.title)}\n" + "\n".join(map(_plain, [*blocks, *story_blocks(incident.entries)]))


def _plain(block: Block) -> str:
    if isinstance(block, Heading):
        return f"\n{flat(block.text)}"
    if isinstance(block, Field):
        return f"{flat(block.label):<8}{flat(f'{block.value} {block.note}')}"
    return f"{flat(block.at)}  {flat(block.text)}"
