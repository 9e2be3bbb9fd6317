"""The hand-over sheet: written from the log, bound to its digest, in force once the next person has accepted it.

Until then the owner stays. Its text is Markdown in which nothing from outside can start or style a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stas_tui.texts.lines import count, quoted
from stas_tui.triage.events import event_words
from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.incidents import named_words, open_questions
from stas_tui.triage.leases import lease_ms
from stas_tui.triage.parts import Parts, actor
from stas_tui.triage.saying import QUIET, said
from storage.canonical import well_formed
from storage.clock import DAY, HOUR, age, hhmm, iso_seconds
from storage.records import Priority, Pulse
from storage.redact import redact
from storage.triage import TriageRefused
from storage.triage_records import (
    HandOver,
    Incident,
    IncidentEntry,
    ItemClass,
    Lease,
    TriageItem,
    TriageList,
    TriageNote,
)
from storage.watch_records import Deploy, Fact, Silence

if TYPE_CHECKING:
    import sqlite3

SOON = 12 * HOUR
"""Snoozes and silences that end within this stand on the sheet."""
SHIFT = 12 * HOUR
"""How far back the sheet looks for what its writer did, if there was no earlier sheet."""
ROWS = 30
"""Lines of one section; more are counted."""
NONE = "- none"


class HandOverDesk:
    """Writing and accepting sheets."""

    def __init__(self, parts: Parts, eyes: Eyes) -> None:
        self._parts = parts
        self._eyes = eyes

    def write(self, shown: TriageList, seen: Seen, *, by: str, tried: str, questions: str) -> HandOver:
        """A new sheet from the list as it stands."""
        who = actor(by)
        owned = self._parts.notes.owned()
        text = "\n".join(self._lines(shown, seen, owned, who, tried, questions)) + "\n"
        keys = [note.key for note in owned if note.lease and note.lease.owner == who]
        return self._parts.sheets.put(by=who, keys=keys, markdown=text)

    def pending(self) -> HandOver | None:
        """The last sheet, if nobody accepted it."""
        sheet = self._parts.sheets.latest()
        return None if sheet is None or sheet.accepted_at is not None else sheet

    def accept(self, id_: str, *, digest: str, by: str) -> HandOver:
        """Take over what stands on the sheet. Raises `TriageRefused` for one's own sheet, or another text."""
        who = actor(by)
        sheet = self._parts.sheets.get(id_)
        if sheet is None:
            raise TriageRefused(f"There is no hand-over sheet {well_formed(id_)[:40]}.", "Look for the last one.")
        if sheet.accepted_at is not None:
            raise TriageRefused(f"{sheet.accepted_by} accepted it at {hhmm(sheet.accepted_at)}.")
        if who == self._parts.agent:
            raise TriageRefused("A hand-over is accepted by a person.", "The agent takes single items.")
        if who == sheet.made_by:
            raise TriageRefused(self._own_sheet(who))
        if digest != sheet.digest:
            raise TriageRefused("That is not the sheet you were shown; nothing was taken over.", "Read it again.")
        return self._transfer(sheet, who)

    def _own_sheet(self, who: str) -> str:
        others = [person.name for person in self._parts.settings.person if person.name != who]
        known = f"known here: {', '.join(others)}" if others else "nobody else is named in this profile yet"
        return (
            f"{who} wrote this sheet, and nobody accepts their own. Who decides is the user that is logged in to this "
            f"machine: the next person accepts under their own login, which a [[person]] names as os_user ({known})."
        )

    def _transfer(self, sheet: HandOver, who: str) -> HandOver:
        now = self._parts.now()
        items = self._eyes.look().items
        keys = self._parts.sheets.keys(sheet.id)
        done: list[HandOver] = []
        moved: list[str] = []

        def move(note: TriageNote) -> TriageNote:
            lease = note.lease
            lapsed = lease is None and note.lapsed_at is not None and note.lapsed_at >= sheet.made_at
            if not lapsed and (lease is None or lease.owner != sheet.made_by):
                return note
            moved.append(note.key)
            until = now + lease_ms(items.get(note.key))
            kept = lease.until if lease and lease.waits_for else 0
            fresh = (
                replace(lease, owner=who, since=now, until=max(until, kept))
                if lease
                else Lease(owner=who, since=now, until=until)
            )
            return replace(note, lease=fresh, lapsed_at=None)

        def sign(conn: sqlite3.Connection) -> None:
            done.append(self._parts.sheets.accept(conn, sheet, by=who, body={"from": sheet.made_by, "keys": moved}))

        if keys:
            body = {"from": sheet.made_by, "reason": f"hand-over {sheet.id}", "title": count(len(keys), "item")}
            self._parts.notes.change(keys, move, kind="triage.owned", by=who, body=body, also=sign)
        else:
            with self._parts.journal.changing() as conn:
                sign(conn)
        return done[0]

    # the sheet -------------------------------------------------------------------------------------

    def _lines(
        self, shown: TriageList, seen: Seen, owned: Sequence[TriageNote], who: str, tried: str, questions: str
    ) -> list[str]:
        parts, now = self._parts, seen.at
        every = {**seen.items, **{item.key: item for item in shown.items}}
        burning = [i for i in shown.items if not i.suppressed and _burns(i)]
        lapsed = [i for i in shown.items if i.note and i.note.lapsed_at is not None and not i.owner]
        gates = sorted((i for i in shown.items if i.item_class is ItemClass.GATE), key=lambda i: i.deadline or now)
        return [
            f"# Hand-over, {iso_seconds(now)}",
            "",
            f"Written by {quoted(who)} for whoever comes next. Environment {quoted(parts.settings.environment)}, "
            f"agent {quoted(parts.agent)}.",
            *self._believe(shown),
            *_section("Still burning", [_row(item, now) for item in burning]),
            *_section("Incidents", self._incidents(now)),
            *_section("Owned, the oldest first", [_owned_row(note, every, now) for note in owned]),
            *_section("In review: a lease ran out", [_row(item, now) for item in lapsed]),
            *_section("Gates that wait", [_gate_row(item, now) for item in gates]),
            *_section(
                "Ends within 12 h",
                [*self._snoozes(every, now), *_silences(seen.sight.silences, now), *self._escalations(every)],
            ),
            *_section("Deployments of the last 24 h", _deploys(seen.sight.deploys, shown, now)),
            *_section("The agent", self._agent(now)),
            *_section("What I tried", [*_typed(tried), *self._did(who, now)]),
            *_section(f"Questions for {parts.context.rules.human}", [*_typed(questions), *self._open_questions()]),
        ]

    def _believe(self, shown: TriageList) -> list[str]:
        lines = []
        if shown.dead:
            lines.append(f"Not to be believed as calm: no answer from {', '.join(map(quoted, shown.dead))}.")
        if shown.never:
            lines.append(f"Nobody was asked about: {', '.join(map(quoted, shown.never))}.")
        return ["", *lines] if lines else []

    def _incidents(self, now: int) -> list[str]:
        rows = []
        for incident in self._open_incidents():
            due = incident.next_update_at
            word = "no update is due" if due is None else f"update due {hhmm(due)}" + (" (late)" if due < now else "")
            roles = ", ".join(
                f"{role} {quoted(name)}"
                for role, name in (("commander", incident.commander), ("operator", incident.operator))
                if name
            )
            impact = quoted(incident.impact) or "impact not written"
            rows.append(
                f"- {quoted(incident.title)}: {incident.status}, {impact}; {roles or 'no roles'}; {word}; "
                f"{_cause(incident.cause)}"
            )
        return rows

    def _open_incidents(self) -> list[Incident]:
        """With their timelines, oldest first."""
        store = self._parts.incidents
        return [whole for short in store.open_ones() if (whole := store.get(short.key)) is not None]

    def _snoozes(self, every: dict[str, TriageItem], now: int) -> list[str]:
        rows = []
        for note in self._parts.notes.waiting():
            snooze = note.snooze
            if snooze is None or (snooze.until is not None and snooze.until > now + SOON):
                continue
            ends = " or ".join(
                filter(
                    None,
                    [
                        hhmm(snooze.until) if snooze.until else "",
                        quoted(event_words(snooze.event)) if snooze.event else "",
                    ],
                )
            )
            rows.append(
                f"- snooze until {ends}: {_title(every, note.key)}, by {quoted(snooze.by)}: {quoted(snooze.reason)}"
            )
        return rows

    def _escalations(self, every: dict[str, TriageItem]) -> list[str]:
        running = [n for n in self._parts.notes.waiting() if n.escalation and n.escalation.next_at is not None]
        return [
            f"- escalation of {_title(every, note.key)}: {note.escalation.level} sent, next "
            f"{hhmm(note.escalation.next_at)} ({quoted(note.escalation.said)})"
            for note in running
            if note.escalation is not None and note.escalation.next_at is not None
        ]

    def _agent(self, now: int) -> list[str]:
        context = self._parts.context
        halted, by, why = self._parts.journal.halted()
        pulse = context.pulses.current()
        rows = [f"- halted by {quoted(by)}: {quoted(why) or 'no reason'}"] if halted else ["- not halted"]
        rows.append(_pulse_row(pulse, now))
        runs = context.runs.unfinished()
        rows += [f"- executor on {quoted(run.task_id)} since {hhmm(run.started_at)}" for run in runs[:ROWS]]
        return rows if runs else [*rows, "- no executor runs"]

    def _did(self, who: str, now: int) -> list[str]:
        last = self._parts.sheets.latest()
        since = now - SHIFT if last is None else max(last.made_at, now - DAY)
        events = [e for e in self._parts.notes.acts_of(who, since) if e.kind not in QUIET]
        rows = []
        for event in events:
            title = str(event.body.get("title") or "") or ", ".join(event.body.get("keys", ())[:3])
            rows.append(f"- {hhmm(event.at)} {quoted(said(event))}" + (f" ({quoted(title, 100)})" if title else ""))
        return rows

    def _open_questions(self) -> list[str]:
        rows = []
        for incident in self._open_incidents():
            asked = open_questions(incident.entries)
            rows += [f"- {quoted(entry.text, 400)} ({quoted(incident.title, 80)})" for entry in asked]
        return rows


def _burns(item: TriageItem) -> bool:
    return item.priority is Priority.P0 or item.item_class is ItemClass.INCIDENT


def _section(title: str, rows: Sequence[str]) -> list[str]:
    more = [f"- and {len(rows) - ROWS} more, not shown"] if len(rows) > ROWS else []
    return ["", f"## {title}", "", *(rows[:ROWS] or [NONE]), *more]


def _row(item: TriageItem, now: int) -> str:
    whose = f"owned by {quoted(item.owner)}" if item.owner else f"unowned for {age(now - item.first_seen)}"
    tenants = f", tenants {', '.join(map(quoted, item.tenants[:10]))}" if item.tenants else ""
    word = item.priority.value if item.priority else "P?"
    return (
        f"- {word} {quoted(item.title)}: {quoted(item.word) or item.item_class.value}, ×{item.count}, {whose}{tenants}"
    )


def _gate_row(item: TriageItem, now: int) -> str:
    due = "no deadline" if item.deadline is None else f"due {hhmm(item.deadline)} (in {age(item.deadline - now)})"
    return f"- {quoted(item.title)}: {due}, id {quoted(item.ref or item.key)}"


def _owned_row(note: TriageNote, every: dict[str, TriageItem], now: int) -> str:
    assert note.lease is not None
    lease = note.lease
    until = f"until {hhmm(lease.until)}"
    if lease.waits_for:
        until = f"until {quoted(event_words(lease.waits_for))}, at most {until}"
    return f"- {_title(every, note.key)}: {quoted(lease.owner)} for {age(now - lease.since)}, lease {until}"


def _cause(cause: IncidentEntry | None) -> str:
    if cause is None:
        return "no cause is named yet"
    return f"{named_words(cause, iso_seconds(cause.at), quoted(cause.by))}: {quoted(cause.text, 400)}"


def _title(every: dict[str, TriageItem], key: str) -> str:
    item = every.get(key)
    return quoted(item.title) if item else f"{quoted(key, 80)} (not in the list any more)"


def _silences(facts: Sequence[Fact], now: int) -> list[str]:
    rows = []
    for fact in facts:
        silence = fact.thing
        if isinstance(silence, Silence) and silence.state != "expired" and now < silence.ends_at <= now + SOON:
            matches = count(silence.matches, "alert") if silence.matches else "nothing: it matches no alert"
            rows.append(
                f"- silence until {hhmm(silence.ends_at)}: hides {matches}, by {quoted(silence.created_by)}: "
                f"{quoted(silence.comment)}"
            )
    return rows


def _deploys(facts: Sequence[Fact], shown: TriageList, now: int) -> list[str]:
    watched = {item.key: item for item in shown.items if item.item_class is ItemClass.DEPLOY}
    rows = [f"- under watch: {quoted(item.title)}, {quoted(item.word)}" for item in watched.values()]
    for fact in sorted(facts, key=lambda f: -f.first_seen):
        deploy = fact.thing
        if isinstance(deploy, Deploy) and now - deploy.at <= DAY:
            where = f" in {quoted(deploy.environment)}" if deploy.environment else ""
            rows.append(
                f"- {hhmm(deploy.at)} {quoted(deploy.project_id)} {quoted(deploy.sha[:12])}: {quoted(deploy.what)}, "
                f"{quoted(deploy.state)}{where}"
            )
    return rows


def _pulse_row(pulse: Pulse | None, now: int) -> str:
    if pulse is None:
        return "- no pulse is open"
    return f"- pulse {pulse.number} open for {age(now - pulse.started_at)}, mode {pulse.mode.value}"


def _typed(text: str) -> list[str]:
    lines = [line.strip() for line in redact(well_formed(text))[:4_000].splitlines()]
    return [f"- {quoted(line, 400)}" for line in lines if line]
