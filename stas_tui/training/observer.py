"""What the trainee does, read from the record and from what the screens say they show, as acts of the lesson."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from stas_tui.application import Application
from stas_tui.training.atlas import SOURCES, Atlas, infra_name
from stas_tui.training.clock import VirtualClock
from stas_tui.training.engine import Act, Engine
from stas_tui.triage import identity
from storage.records import Action, Event, Json

MARKED, ASKED, RECLASSIFIED = "training.suspicious", "training.asked", "message.reclassified"
JUDGED = "training.judged"
"""The line for what a trainee makes of a run and of its result: `ref`, `verb`, `text`, `detail`."""
"""Lines of the record for what a trainee says about an item without an effect behind the door."""
KINDS = (
    "gate.approved",
    "gate.rejected",
    "gate.deferred",
    "gate.revised",
    "action.allowed",
    "triage.owned",
    "triage.snoozed",
    "triage.escalated",
    "control.halted",
    "control.lifted",
    MARKED,
    ASKED,
    RECLASSIFIED,
    JUDGED,
)
ON_ITEMS = {"triage.owned": "own", "triage.snoozed": "snooze", "triage.escalated": "escalate"}
ON_REF = {MARKED: "mark_suspicious", ASKED: "ask", RECLASSIFIED: "reclassify"}
OWN_TOOLS = {"create_task": "create_task", "message_agent": "message_agent", "slack_dm": "slack_send"}
"""What the trainee asks the door for, and what that is called in a lesson."""
PARTS = {"gate.whole": "whole", "gate.evidence": "evidence", "pull.diff": "diff"}
"""Kinds of looks that are a part of a gate or of a pull request."""
NAMES: dict[str, Callable[[str], str]] = {
    "inbox": identity.message_key,
    "pull": "pull:{}".format,
    "pull.diff": "pull:{}".format,
    "infra": infra_name,
    "gate": identity.gate_key,
    "gate.whole": identity.gate_key,
    "gate.evidence": identity.gate_key,
    "source": identity.source_key,
    "result": identity.message_key,
}


@dataclass(frozen=True, slots=True)
class _Look:
    at: int
    verb: str
    kind: str
    key: str


class Looks:
    """`application.Attention` of a lesson: keeps what is opened and closed until the director asks. Never blocks."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._kept: deque[_Look] = deque()
        self._lock = threading.Lock()

    def opened(self, kind: str, key: str) -> None:
        """Something stands on the screen."""
        self._keep("open", kind, key)

    def closed(self, kind: str, key: str) -> None:
        """It left the screen."""
        self._keep("close", kind, key)

    def _keep(self, verb: str, kind: str, key: str) -> None:
        with self._lock:
            self._kept.append(_Look(self._clock.elapsed(), verb, kind, key))

    def take(self) -> list[_Look]:
        """What came since the last call."""
        with self._lock:
            kept, self._kept = list(self._kept), deque()
        return kept


class Observer:
    """Reads one application. Not thread-safe: the director's hand moves it."""

    def __init__(self, application: Application, atlas: Atlas, looks: Looks, clock: VirtualClock) -> None:
        self._application, self._atlas, self._looks, self._clock = application, atlas, looks, clock
        self._journal = application.context.journal
        self._seen = self._journal.head()[0]
        self._revised: set[str] = set()
        self.decided: list[str] = []
        """Ids of actions that a person decided since they were last taken."""

    def skip(self) -> None:
        """What stands in the record and was looked at until now is no act of the trainee."""
        self._seen = self._journal.head()[0]
        self._looks.take()

    def acts(self, engine: Engine) -> list[Act]:
        """What the trainee did since the last call, in its order of time. Raises `StoreError`."""
        head = self._journal.head()[0]
        events = [event for event in self._journal.events(after=self._seen, kinds=KINDS) if event.seq <= head]
        self._seen = head
        found = [act for event in events for act in self._acts_of(event, engine)]
        found += [act for look in self._looks.take() for act in self._look(look)]
        return sorted(found, key=lambda act: act.at)

    # the record -----------------------------------------------------------------------------------

    def _acts_of(self, event: Event, engine: Engine) -> Iterator[Act]:
        at = event.at - self._clock.start
        if event.kind in ("control.halted", "control.lifted"):
            verb = "pause_pulse" if event.kind == "control.halted" else "resume"
            yield Act(at=at, verb=verb, text=str(event.body.get("reason", "")))
        elif event.kind in ON_ITEMS:
            for key in event.body.get("keys", ()):
                ref = self._atlas.ref(str(key), partial(_awaited, engine))
                if ref:
                    reason, detail = str(event.body.get("reason", "")), self._terms(event)
                    yield Act(at=at, verb=ON_ITEMS[event.kind], target=ref, text=reason, detail=detail)
        elif event.kind in ON_REF:
            text = str(event.body.get("text", ""))
            yield Act(at=at, verb=ON_REF[event.kind], target=str(event.body.get("ref", "")), text=text)
        elif event.kind == JUDGED:
            said = {name: str(event.body.get(name, "")) for name in ("verb", "text")}
            yield Act(at=at, target=str(event.body.get("ref", "")), detail=filled(event.body.get("detail", {})), **said)
        elif event.action_id is not None:
            yield from self._at_a_gate(event, event.action_id, at)

    def _terms(self, event: Event) -> Json:
        """Until when, or until what, something is put aside or owned; times are ms since the start of the lesson."""
        until = event.body.get("until")
        return filled(
            {
                "until": until - self._clock.start if isinstance(until, int) else None,
                "event": event.body.get("event"),
                "waits_for": event.body.get("waits_for"),
            }
        )

    def _at_a_gate(self, event: Event, action_id: str, at: int) -> Iterator[Act]:
        refs = self._atlas.refs(identity.gate_key(action_id))
        if event.kind == "gate.revised":
            self._revised.add(action_id)
            return
        if event.kind in ("gate.approved", "gate.rejected"):
            self.decided.append(action_id)
        if not refs:
            yield from self._own_request(event, action_id, at)
        elif event.kind == "gate.approved":
            if action_id in self._revised:
                action = self._journal.get(action_id)
                detail = {"args": args_of(action), "reason": str(event.body.get("reason", ""))}
                yield Act(at=at, verb="edit_and_approve", target=refs[0], text=words_of(action), detail=filled(detail))
            else:
                yield Act(at=at, verb="approve", target=refs[0], text=str(event.body.get("reason", "")))
        elif event.kind == "gate.rejected" and event.actor == self._application.person:
            yield Act(at=at, verb="reject", target=refs[0], text=str(event.body.get("reason", "")))
        elif event.kind == "gate.deferred" and event.body.get("text"):
            yield Act(at=at, verb="ask", target=refs[0], text=str(event.body["text"]))

    def _own_request(self, event: Event, action_id: str, at: int) -> Iterator[Act]:
        """What the trainee asked the door for counts when it is allowed, by policy or at its gate."""
        if event.kind not in ("gate.approved", "action.allowed"):
            return
        action = self._journal.get(action_id)
        verb = OWN_TOOLS.get(action.tool)
        if verb is not None and action.requested_by == self._application.person:
            yield Act(at=at, verb=verb, text=words_of(action), detail={"tool": action.tool, "args": args_of(action)})

    # looking --------------------------------------------------------------------------------------

    def _look(self, look: _Look) -> Iterator[Act]:
        name = NAMES[look.kind](look.key) if look.kind in NAMES else look.key
        if look.kind == SOURCES:
            name = SOURCES
        part = PARTS.get(look.kind, "")
        for ref in self._atlas.cited(look.key) if look.kind == "evidence" else self._atlas.refs(name):
            yield Act(at=look.at, verb=look.verb, target=f"{ref}.{part}" if part else ref)
            if look.kind == "evidence" and self._atlas.key(ref).startswith("pull:"):
                yield Act(at=look.at, verb=look.verb, target=f"{ref}.diff")


def _awaited(engine: Engine, ref: str) -> bool:
    """Whether an open decision is about it."""
    return any(made.open and made.decision.on == ref for made in engine.made.values())


def words_of(action: Action) -> str:
    """Everything that a request of the trainee says, as one text."""
    texts = (str(value) for name, value in args_of(action).items() if isinstance(value, str) and name != "projectId")
    return "\n".join(texts)


def args_of(action: Action) -> Json:
    """What a request asks for in its present revision."""
    return action.revision.args if action.revision else {}


def filled(detail: Json) -> Json:
    """Without what says nothing."""
    return {name: value for name, value in detail.items() if value not in (None, "", {}, [])}
