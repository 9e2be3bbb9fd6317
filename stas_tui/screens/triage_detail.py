"""What the person on call reads about one item, and what the agent does meanwhile. Pure: no widget, no database."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from stas_tui.pulse.view import View
from stas_tui.screens import models
from stas_tui.triage.arrange import ALL_CLEAR
from stas_tui.triage.events import event_words
from storage.clock import MINUTE, age, countdown, hhmm, hhmmss
from storage.records import STEP_NAMES, Evidence, Json
from storage.triage_records import Incident, IncidentEntry, ItemClass, TriageItem, TriageList
from widgets.detail import DetailModel, EvidenceRow, Field, Moment
from widgets.oncall_bar import AgentModel, BarModel
from widgets.panel import Count
from widgets.tokens import Mark

LONGEST = 2_000
"""Characters of a field; the raw tab and the item's own screen have all of it."""
SHOWN = 2
"""How many things seen and said stand in the summary."""
RAW = 200_000
STEPS_OF_LADDER = 5

_RANKS = {"p0": 0, "gates": 1, "deploys": 2, "tenants": 3, "incidents": 4, "urgent": 5}
"""Which counts leave the first line first, by how they begin. Anything else there is a doubt, but for «all clear»."""

_CAUSED = (ItemClass.INCIDENT, ItemClass.MESSAGE, ItemClass.TASK)
"""What a change may have caused; a gate or a dead source has causes of its own."""

ENTRY_MARKS = {
    "decision": Mark.DONE,
    "question": Mark.HUMAN,
    "answer": Mark.DONE,
    "status": Mark.RUN,
    "impact": Mark.WARN,
    "role": Mark.HUMAN,
    "cause": Mark.HUMAN,
    "withdrawn": Mark.HUMAN,
}


def left(until: int, now: int) -> str:
    """Time left in one unit, or that it is over."""
    return f"{age(until - now)} left" if until > now else "over"


def owner_words(item: TriageItem, person: str, now: int) -> tuple[str, Mark]:
    """Whose it is, until when, and the key that changes it."""
    note = item.note
    lease = note.lease if note else None
    if lease is None:
        if item.item_class is ItemClass.GATE:
            return "it waits for your decision; enter opens the gate", Mark.HUMAN
        lapsed = f"; the last lease ran out {hhmm(note.lapsed_at)}" if note and note.lapsed_at else ""
        return f"nobody owns it; O takes it{lapsed}", Mark.WARN
    who = "you" if lease.owner == person else lease.owner[:LONGEST]
    until = f"since {hhmm(lease.since)}, until {hhmm(lease.until)} ({left(lease.until, now)})"
    if lease.waits_for:
        since = f"since {hhmm(lease.since)}, until {event_words(lease.waits_for)}"
        until = f"{since}; at most until {hhmm(lease.until)} ({left(lease.until, now)})"
    return f"{who} {until}", Mark.HUMAN if lease.owner == person else Mark.NONE


def why_words(item: TriageItem, suspects: Sequence[Json], now: int) -> str:
    """When it began, how often it came, and after which change."""
    told = f"began {hhmm(item.first_seen)}, {age(now - item.first_seen)} ago"
    if item.count > 1:
        told += f", x{item.count}, last {age(now - item.last_seen)} ago"
    others = [suspect for suspect in suspects if suspect.get("sha") != item.ref]
    if others and item.item_class in _CAUSED:
        first = others[0]
        before = item.first_seen - int(first.get("at") or item.first_seen)
        told += f"; {age(before)} after {str(first.get('what') or 'a change')[:LONGEST]}"
        if first.get("sha"):
            told += f" ({str(first['sha'])[:9]})"
    return told


def _seen(evidence: Sequence[Evidence], now: int) -> tuple[list[str], list[str]]:
    """What Stas saw itself, and what somebody said, newest first, each with its age."""
    seen: list[str] = []
    said: list[str] = []
    for piece in sorted(evidence, key=lambda each: -(each.at or 0)):
        told = f"{piece.text[:LONGEST]} ({age(now - piece.at)} ago)" if piece.at is not None else piece.text[:LONGEST]
        (said if piece.kind == "message" else seen).append(told)
    return seen, said


def detail(
    item: TriageItem,
    *,
    person: str,
    now: int,
    suspects: Sequence[Json] = (),
    incident: Incident | None = None,
    members: Sequence[str] = (),
) -> DetailModel:
    """Everything about one item; `members` are the titles of what is grouped under it."""
    owner, owner_mark = owner_words(item, person, now)
    why = why_words(item, suspects, now)
    if item.deadline is not None:
        why += f"; due {hhmm(item.deadline)} ({left(item.deadline, now)})"
    fields = [Field("Why", why), Field("Owner", owner, mark=owner_mark), *_put_aside(item, now)]
    seen, said = _seen(item.evidence, now)
    fields += [Field("Seen" if not n else "", told) for n, told in enumerate(seen[:SHOWN])]
    if not seen:
        fields.append(Field("Seen", "nothing that Stas collected itself", mark=Mark.UNKNOWN))
    fields += [Field("Said" if not n else "", told) for n, told in enumerate(said[:SHOWN])]
    if incident is not None:
        due = incident.next_update_at
        told = f", next update {left(due, now)}" if due else ""
        fields.append(Field("Status", f"{incident.status}{told}", incident.impact[:LONGEST]))
    if item.tenants:
        fields.append(Field("Hurt", ", ".join(item.tenants)[:LONGEST]))
    if item.members:
        names = "; ".join(name[:LONGEST] for name in members or item.members)
        fields.append(Field("Group", f"{len(item.members)} under it: {names}"[:LONGEST]))
    fields += [Field("Link" if not n else "", link[:LONGEST]) for n, link in enumerate(item.links)]
    if item.replayed:
        fields.append(Field("World", "REPLAYED: a recorded answer, not the world", mark=Mark.WARN))
    timeline = tuple(moment(entry) for entry in incident.entries) if incident else ()
    rows = [
        EvidenceRow(piece.ref, piece.text[:LONGEST], piece.kind, age(now - piece.at) if piece.at is not None else "")
        for piece in item.evidence
    ]
    return DetailModel(
        key=item.key,
        title=item.title[:LONGEST],
        fields=tuple(fields),
        timeline=timeline,
        evidence=tuple(rows),
        raw=json.dumps(dataclasses.asdict(item), indent=2, ensure_ascii=False, default=str)[:RAW],
    )


def _put_aside(item: TriageItem, now: int) -> list[Field]:
    note = item.note
    fields: list[Field] = []
    snooze = note.snooze if note else None
    if snooze is not None:
        ends = [f"{hhmm(snooze.until)} ({left(snooze.until, now)})"] if snooze.until else []
        ends += [f"{event_words(snooze.event)},"] if snooze.event else []
        fields.append(
            Field("Aside", f"until {' or '.join(ends)} by {snooze.by}: {snooze.reason}"[:LONGEST], mark=Mark.HELD)
        )
    elif item.suppressed:
        fields.append(Field("Aside", item.suppressed[:LONGEST], mark=Mark.HELD))
    ladder = note.escalation if note else None
    if ladder is not None:
        fields.append(Field("Louder", ladder_words(item, now), mark=Mark.WARN))
    return fields


def ladder_words(item: TriageItem, now: int) -> str:
    """Where the escalation stands: how many messages went out, when the next is due, or why it stopped."""
    ladder = item.note.escalation if item.note else None
    if ladder is None:
        return "not escalated"
    told = f"step {ladder.tries} of {STEPS_OF_LADDER}, {ladder.level} message{'' if ladder.level == 1 else 's'} out"
    if ladder.said:
        told += f", {ladder.said[:LONGEST]}"
    if ladder.stopped:
        return f"{told}; stopped: {ladder.stopped}"
    if ladder.next_at is not None:
        return f"{told}; next in {countdown(_minutes(ladder.next_at - now))}"
    return told


def _minutes(ms: int) -> int:
    """Whole minutes while there are some, so that a countdown on a quiet screen is not painted every second."""
    return ms - ms % MINUTE if ms > MINUTE else ms


def moment(entry: IncidentEntry) -> Moment:
    """One line of a timeline."""
    told = entry.text if entry.kind == "note" else f"{entry.kind}: {entry.text}"
    return Moment(hhmmss(entry.at), f"{told} ({entry.by})"[:LONGEST], ENTRY_MARKS.get(entry.kind, Mark.NOTE))


def calm_detail(sentence: str) -> DetailModel:
    """What stands in the detail while nothing is selected."""
    return DetailModel(empty=sentence)


def counts(shown: TriageList) -> BarModel:
    """The counts line, and the first doubt whether it can be believed."""
    drawn, ranks, doubts = [], [], []
    for word in shown.words:
        start = word.split(" ", 1)[0].casefold()
        if word == ALL_CLEAR:
            drawn.append(Count(word, Mark.OK))
            ranks.append(len(_RANKS))
            continue
        if start not in _RANKS:
            doubts.append(word)
            continue
        mark = Mark.FAIL if start == "p0" else Mark.HUMAN if start == "gates" else Mark.NONE
        if "suspect" in word:
            mark = Mark.WARN
        drawn.append(Count(word, mark))
        ranks.append(_RANKS[start])
    more = f" +{len(doubts) - 1}" if len(doubts) > 1 else ""
    return BarModel(tuple(drawn), tuple(ranks), doubts[0] + more if doubts else "")


def agent(view: View | None, doing: str, now: int) -> AgentModel:
    """What the agent does this second, and which key stops it."""
    if view is None:
        return AgentModel("still reading")
    if view.problem:
        return AgentModel(f"the record cannot be read: {view.problem}"[:LONGEST], Mark.FAIL)
    if view.halted:
        by = f" by {view.halted_by}" if view.halted_by else ""
        running = ", but an executor is still running" if models.needs_of(view) == "run" else ""
        return AgentModel(f"paused{by}: nothing new starts{running}", Mark.HELD, "p on the main screen resumes")
    if view.pulse is None:
        return AgentModel("idle: no pulse is open", Mark.TODO, "p pauses it")
    at = f"step {view.position} {STEP_NAMES[view.position]}" if view.position else "after the last step"
    needs = models.needs_of(view)
    if needs == "run":
        program = f" ({view.run.program})" if view.run else ""
        return AgentModel(f"{at}: an executor is running{program}"[:LONGEST], Mark.RUN, "p pauses it")
    if needs == "checks":
        return AgentModel(f"{at}: isolation checks run", Mark.RUN, "p pauses it")
    if needs:
        since = f" since {hhmm(min(gate.requested_at for gate in view.gates))}" if needs == "gate" else ""
        what = "for your decision" if needs == "gate" else f"for you: {needs}"
        return AgentModel(f"{at}: waits {what}{since}", Mark.HUMAN, "p pauses it")
    return AgentModel(f"{at}: {doing or 'idle between steps'}", Mark.RUN if doing else Mark.TODO, "p pauses it")
