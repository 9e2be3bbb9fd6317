"""The run of a lesson as a pure function: file, seed and what people did give the same log, on any machine.

    engine = Engine(scenario, digest)
    engine.until(90_000)                                  # let time pass; what happens are lines of the log
    engine.act(Act(at=95_000, verb="reject", target="a1"))
    engine.lines[-1].hash                                 # the digest of all of it

Time is milliseconds since the start of the lesson. No clock, file or network is asked; every source of chance is a
generator with the seed and a name of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

from stas_tui.training.answers import called, matches, says
from stas_tui.training.injects import ActionInject, AnyInject, Inject, When, body_of
from stas_tui.training.noise import noise_of
from stas_tui.training.scenario import Decision, Scenario
from stas_tui.training.words import LOOKS, ON_GATE, UNTARGETED, VERBS
from storage.chain import GENESIS, event_hash
from storage.errors import StasError
from storage.records import Event, Json

TRAINEE, SCENARIO, INSTRUCTOR = "trainee", "scenario", "instructor"
TIME_IS_OVER, ALL_IS_DECIDED = "its time is over", "everything is decided"
ENDED_BY_ITSELF = (TIME_IS_OVER, ALL_IS_DECIDED)
ENDED_BY_INSTRUCTOR = "the instructor ended it"
ENDED_BY_LEAVING = "the trainee left"
QUIET_END_MS = 20_000
"""Everything decided and nothing left to come, it ends this much later."""


class EngineError(StasError):
    """An act or an order that cannot be: in the past, after the end, or with a word that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What the trainee did or looked at."""

    at: int
    """Milliseconds since the start."""
    verb: str
    """One of `VERBS`, or `open`, `close`, `hint`."""
    target: str = ""
    """The ref of what it was done to; for `open` also `REF.PART`; empty for verbs without a target."""
    text: str = ""
    """What the person wrote."""
    detail: Json = field(default_factory=dict)
    """What is needed to do it again, as plain JSON: the edited arguments, until when; in the log if there is any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the instructor did."""

    at: int
    what: str
    """One of `ORDERS`."""
    body: Json = field(default_factory=dict)
    inject: AnyInject | None = None
    """What is to happen now, for `inject` and `say`; its own time does not count."""


@dataclass(slots=True, kw_only=True)
class Made:
    """How a decision went."""

    decision: Decision
    came_at: int
    """When it could be made first."""
    verb: str = ""
    at: int | None = None
    """When it was made; None while it is open, or if it never was."""
    missed: bool = False

    @property
    def open(self) -> bool:
        """Whether it can still be made; after its time it can, late."""
        return self.at is None

    @property
    def due_at(self) -> int:
        """When it is late."""
        return self.came_at + self.decision.by

    @property
    def late(self) -> bool:
        """Whether it was made after its time."""
        return self.at is not None and self.at > self.due_at

    @property
    def quality(self) -> str:
        """`expected`, `also ok`, `deadly`, `wrong`, or `missed`."""
        if self.at is None:
            return "missed"
        if self.verb == self.decision.expected:
            return "expected"
        if self.verb in self.decision.also_ok:
            return "also ok"
        return "deadly" if self.verb in self.decision.deadly else "wrong"


class Engine:
    """One run. `until`, `act`, `order` return the lines that they added."""

    def __init__(self, scenario: Scenario, digest: str, *, seed: int | None = None) -> None:
        """`digest` is the SHA-256 of the file, which stands in the first line."""
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.now = 0
        self.ended = ""
        """Why it ended; empty while it goes on."""
        self.lines: list[Event] = []
        self.inputs: list[Act | Order] = []
        """Everything that came from outside, which is what a re-simulation needs."""
        self.made: dict[str, Made] = {}
        """Decisions that came up, by id."""
        self.came: dict[str, int] = {}
        """When each inject happened, by ref."""
        self.actions: dict[str, ActionInject] = {}
        """What the agent asked for, by ref."""
        self.opened: dict[str, int] = {}
        """When what was opened first: refs, and `ref.part`."""
        self.settled: set[str] = set()
        """Refs of gates that were decided."""
        self.verdicts: dict[str, str] = {}
        """How each gate was settled first; an edit that mends nothing is an approval of what was asked."""
        self.hints: dict[str, int] = {}
        """How many hints of each decision were given."""
        self._order = count()
        self._agenda: list[tuple[int, int, str, object]] = []
        self._quiet_at: int | None = None
        self._line(
            "training.began",
            SCENARIO,
            {"scenario": scenario.id, "version": scenario.version, "seed": self.seed, "file": digest},
        )
        for inject in (*scenario.inject, *noise_of(scenario, self.seed)):
            if inject.at is not None:
                self._plan(inject.at, "inject", inject)
            elif inject.else_at is not None:
                self._plan(inject.else_at, "else", inject)
        self._plan(scenario.ends_at, "end", TIME_IS_OVER)

    # what is asked of it ------------------------------------------------------------------------------

    @property
    def digest(self) -> str:
        """The hash of the whole log so far."""
        return self.lines[-1].hash

    @property
    def next_at(self) -> int | None:
        """When something happens next by itself; None after the end."""
        if self.ended:
            return None
        due = self._agenda[0][0] if self._agenda else self.scenario.ends_at
        return due if self._quiet_at is None else min(due, self._quiet_at)

    @property
    def next_inject_at(self) -> int | None:
        """When the next inject comes that is certain to come; None if none is left."""
        return min((at for at, _, what, _ in self._agenda if what == "inject"), default=None)

    def until(self, at: int) -> Sequence[Event]:
        """Let time pass up to and with `at`. Time that has passed already is no error."""
        before = len(self.lines)
        while not self.ended and (due := self.next_at) is not None and due <= at:
            self.now = max(self.now, due)
            if self._quiet_at == due and not (self._agenda and self._agenda[0][0] <= due):
                self._end(ALL_IS_DECIDED)
                break
            _, _, what, thing = heapq.heappop(self._agenda)
            self._happen(what, thing)
            self._look_for_end()
        if not self.ended:
            self.now = max(self.now, at)
        return self.lines[before:]

    def act(self, act: Act) -> Sequence[Event]:
        """Time passes to the act, then it is done. Raises `EngineError`."""
        before = self._enter(act)
        if self.ended:
            return self.lines[before:]
        if act.verb not in VERBS and act.verb not in LOOKS:
            raise EngineError(f"{act.verb!a} is no act of a lesson.")
        self.inputs.append(act)
        said = {"target": act.target, "text": act.text, "detail": act.detail}
        body = {name: value for name, value in said.items() if value}
        self._line(f"act.{act.verb}", TRAINEE, body)
        if act.verb == "open":
            self.opened.setdefault(act.target, act.at)
        elif act.verb == "hint":
            self._hint(act.target)
        elif act.verb != "close":
            self._decide(act)
        self._look_for_end()
        return self.lines[before:]

    def order(self, order: Order) -> Sequence[Event]:
        """Time passes to the order, then it is done. Raises `EngineError`."""
        before = self._enter(order)
        if self.ended:
            return self.lines[before:]
        self.inputs.append(order)
        self._line("training.instructed", INSTRUCTOR, {"what": order.what, **order.body})
        if order.inject is not None:
            self._inject(order.inject)
        if order.what == "end":
            self._end(ENDED_BY_INSTRUCTOR)
        self._look_for_end()
        return self.lines[before:]

    def end(self, why: str) -> Sequence[Event]:
        """End it now; with everything decided and nothing left to come, that is why it ends."""
        before = len(self.lines)
        if not self.ended:
            self._end(why if self._quiet_at is None else ALL_IS_DECIDED)
        return self.lines[before:]

    def saw(self, ref: str, part: str = "", *, by: int | None = None) -> bool:
        """Whether something was opened, by a time.

        What a gate asks for is seen with the gate, and each piece of its evidence with `REF.evidence`.
        """
        names = [f"{ref}.{part}"] if part else [ref]
        if part and (asked := self.actions.get(ref)) is not None:
            if part in asked.args:
                names.append(ref)
            if part in {piece.ref for piece in asked.evidence}:
                names.append(f"{ref}.evidence")
        return any(name in self.opened and (by is None or self.opened[name] <= by) for name in names)

    # inside -------------------------------------------------------------------------------------------

    def _enter(self, thing: Act | Order) -> int:
        if thing.at < self.now:
            raise EngineError(f"{thing.at} ms is before {self.now} ms, the time of the lesson.")
        before = len(self.lines)
        self.until(thing.at)
        return before

    def _line(self, kind: str, actor: str, body: Json) -> None:
        seq, at = len(self.lines) + 1, self.scenario.started_at + self.now
        prev = self.lines[-1].hash if self.lines else GENESIS
        seal = event_hash(seq=seq, at=at, actor=actor, kind=kind, pulse_id=None, action_id=None, body=body, prev=prev)
        self.lines.append(
            Event(
                seq=seq, at=at, actor=actor, kind=kind, pulse_id=None, action_id=None, body=body, prev=prev, hash=seal
            )
        )

    def _plan(self, at: int, what: str, thing: object) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), what, thing))

    def _happen(self, what: str, thing: object) -> None:
        if what == "end":
            self._end(str(thing))
        elif what == "due" and isinstance(thing, str):
            self._due(self.made[thing])
        elif isinstance(thing, Inject) and thing.ref in self.came:
            return  # an instructor had it come before its time
        elif isinstance(thing, Inject) and (what == "inject" or not self._holds(thing.when)):
            self._inject(thing)

    def _inject(self, inject: Inject) -> None:
        body = body_of(inject)
        ref = inject.ref or f"{body['kind']}-{len(self.lines) + 1}"
        self._line(f"inject.{body['kind']}", SCENARIO, {**body, "ref": ref})
        self.came.setdefault(ref, self.now)
        if isinstance(inject, ActionInject):
            self.actions[ref] = inject
        for decision in self._decisions_on.get(ref, ()):
            if decision.id not in self.made:
                self.made[decision.id] = made = Made(decision=decision, came_at=self.now)
                self._plan(made.due_at, "due", decision.id)

    @cached_property
    def _decisions_on(self) -> dict[str, list[Decision]]:
        found: dict[str, list[Decision]] = {}
        for decision in self.scenario.decision:
            found.setdefault(decision.on, []).append(decision)
        return found

    def _decide(self, act: Act) -> None:
        if act.target in self.actions and act.verb in ON_GATE:
            if act.verb == "edit_and_approve" and not self._mends(act):
                act = replace(act, verb="approve")
            self.settled.add(act.target)
            self.verdicts.setdefault(act.target, act.verb)
        tool = asked.tool if (asked := self.actions.get(act.target)) is not None else ""
        for made in self.made.values():
            if made.open and self._answers(act, made.decision):
                self._make(made, act.verb, tool)

    def _mends(self, act: Act) -> bool:
        """Whether an edited request, the text of the act, is what every decision on its gate asks of an edit."""
        low = act.text.casefold()
        asked = self._decisions_on.get(act.target, ())
        has = all(word.casefold() in low for decision in asked for word in decision.edit_has)
        return has and not any(word.casefold() in low for decision in asked for word in decision.edit_lacks)

    def _answers(self, act: Act, decision: Decision) -> bool:
        """Whether an act is an answer to a decision, right or wrong."""
        verbs = {act.verb}
        asked = self.actions.get(act.target)
        if asked is not None:
            verbs |= called(act.verb, asked.tool)
        listed = {*decision.right, *decision.deadly}
        if act.target == decision.on:
            gate = decision.on in self.actions and act.verb in ON_GATE
            return gate or bool(verbs & listed and says(decision, act))
        if asked is not None and act.verb in ON_GATE:
            return bool((verbs - ON_GATE) & listed) and matches(decision, f"{asked.title} {act.text}")
        return act.verb in UNTARGETED and act.verb in listed and says(decision, act)

    def _make(self, made: Made, verb: str, tool: str = "") -> None:
        listed, also = (*made.decision.right, *made.decision.deadly), called(verb, tool)
        made.verb = verb if verb in listed else next((word for word in listed if word in also), verb)
        made.at = self.now
        self._line(
            "decision.made",
            SCENARIO,
            {"decision": made.decision.id, "verb": made.verb, "quality": made.quality, "late": made.late},
        )
        for inject in self.scenario.inject:
            when, after = inject.when, inject.after
            if when is not None and after is not None and when.decided == made.decision.id and self._holds(when):
                self._plan(self.now + after, "inject", inject)

    def _due(self, made: Made) -> None:
        if not made.open:
            return
        if "wait" in (*made.decision.right, *made.decision.deadly):
            self._make(made, "wait")
        else:
            made.missed = True
            self._line("decision.late", SCENARIO, {"decision": made.decision.id})

    def _holds(self, when: When | None) -> bool:
        """Whether a decision was made as a condition says."""
        made = self.made.get(when.decided) if when is not None else None
        if when is None or made is None or made.at is None:
            return False
        within = when.within is None or made.at - made.came_at <= when.within
        return within and made.verb in (when.verbs or made.decision.right)

    def _hint(self, decision_id: str) -> None:
        made = self.made.get(decision_id)
        given = self.hints.get(decision_id, 0)
        if made is not None and made.open and given < len(made.decision.hint):
            self.hints[decision_id] = given + 1
            self._line("training.hint", SCENARIO, {"decision": decision_id, "text": made.decision.hint[given]})

    def _look_for_end(self) -> None:
        """All decided and nothing to come that is certain: it ends after a while, unless something comes."""
        pending = any(what in ("inject", "else") for _, _, what, _ in self._agenda)
        waits = any(made.open and not made.missed for made in self.made.values())
        self._quiet_at = None if pending or waits or self.ended else (self._quiet_at or self.now + QUIET_END_MS)

    def _end(self, why: str) -> None:
        self.ended = why
        self._line("training.ended", SCENARIO, {"why": why})


def play(
    scenario: Scenario, digest: str, inputs: Iterable[Act | Order], *, seed: int | None = None, until: int | None = None
) -> Engine:
    """Run what people did once more, in its order, to a time or to the end. Raises `EngineError`."""
    engine = Engine(scenario, digest, seed=seed)
    last = scenario.ends_at if until is None else until
    for thing in inputs:
        if thing.at > last:
            break
        if isinstance(thing, Act):
            engine.act(thing)
        else:
            engine.order(thing)
    engine.until(last)
    return engine
