"""The director of a live lesson: moves the engine with the clock, the stage with the engine, and hears the trainee.

    director = Director(lesson, profile, folder=folder)
    director.play()
    director.tick()                        # some times a second, off the interface's thread
    director.order("speed", {"times": 5})  # an instructor, from any thread

A lesson can be seen again from any moment on: going back builds a fresh stage and plays on it what was done until then.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stas_tui.locations import Profile
from stas_tui.training.atlas import MESSAGES, Atlas
from stas_tui.training.clock import VirtualClock
from stas_tui.training.engine import Act, Engine, Made, Order
from stas_tui.training.observer import Looks, Observer
from stas_tui.training.orders import OrderWrong, Present, meant
from stas_tui.training.runs import clean_act
from stas_tui.training.stage.again import do_again
from stas_tui.training.stage.stage import Stage
from stas_tui.training.standing import state_of
from stas_tui.training.telling import told
from storage.clock import SECOND, Clock
from storage.errors import StasError
from storage.records import Event, Json

if TYPE_CHECKING:
    from stas_tui.application import Application
    from stas_tui.training.reading import Lesson
    from stas_tui.training.runs import RunFolder

KEEP_MS = 10 * SECOND
"""How often it is kept how far the run went, for one that is cut off."""
SPOKEN_OF = (*MESSAGES, "inject.agent_action", "inject.alert", "inject.forge", "inject.deploy", "inject.probe")
"""Lines that a trainee can ask about, mark or give another class."""


class Director:
    """One live run. Every method may block; all of them may be called from any thread."""

    def __init__(
        self,
        lesson: Lesson,
        profile: Profile,
        *,
        folder: RunFolder | None = None,
        seed: int | None = None,
        person: str = "",
        hints: bool = True,
        look: dict[str, object] | None = None,
        real: Clock | None = None,
    ) -> None:
        """`profile` is the run's own; `real` is whose time passes, the operating system's by default.

        Time stands still until `play`. Raises `StoreError`, `LocationError`.
        """
        self.lesson, self.folder, self.hints, self._hints = lesson, folder, hints, hints
        self._profile, self._person, self._look, self._real = profile, person, look, real
        self._lock = threading.RLock()
        self._stages = 0
        self.problem = ""
        """Why the lesson cannot go on; empty while it can."""
        self.leaving = False
        """Whether the dashboard has to be opened anew, on another stage."""
        self._sheet: str | None = None
        self._kept = 0
        self.unrepeated: list[str] = []
        """What could not be done again after going back, a sentence for each."""
        self.engine = Engine(lesson.scenario, lesson.digest, seed=seed)
        self._begin()
        self._happen(self.engine.lines)

    def _begin(self) -> None:
        """A fresh stage with a clock at the start of the lesson."""
        self._stages += 1
        scenario = self.lesson.scenario
        self.clock = VirtualClock(scenario.started_at, real=self._real)
        root = self._profile.root / f"stage-{self._stages}"
        profile = Profile(self._profile.name, root, self._profile.runtime_dir)
        self.stage = Stage(scenario, profile, self.clock, person=self._person, look=self._look)
        self.looks = Looks(self.clock)
        self.atlas = Atlas(self.stage.gates)
        self.stage.application.attention = self.looks
        self.observer = Observer(self.stage.application, self.atlas, self.looks, self.clock)
        self.observer.skip()

    @property
    def application(self) -> Application:
        """What the dashboard opens on; another one after going back."""
        return self.stage.application

    @property
    def over(self) -> bool:
        """Whether the lesson has ended."""
        return bool(self.engine.ended)

    # time -----------------------------------------------------------------------------------------

    def play(self) -> None:
        """Let time pass."""
        self.clock.play()

    def tick(self) -> None:
        """Hear the trainee, then let the lesson come up to its clock. Raises `StasError`."""
        with self._lock:
            if self.leaving or self.over:
                return
            now = self.clock.elapsed()
            self._hear()
            self._until(now)
            self.stage.beat()
            if self.folder is not None and now - self._kept >= KEEP_MS:
                self._kept = now
                self.folder.reached(now)
            if self.clock.speed > 1:
                self.application.bell.ring()
            self._stop_if_over()

    def _stop_if_over(self) -> None:
        if self.over:
            self.clock.pause()

    def _hear(self) -> None:
        for act in self.observer.acts(self.engine):
            self._act(act)
        decided, self.observer.decided = self.observer.decided, []
        for action_id in decided:
            self.stage.settle(action_id)

    def _act(self, act: Act) -> None:
        """Take an act in; one that was seen late happens now. Nobody acts after the end."""
        now = max(act.at, self.engine.now)
        act = replace(clean_act(act), at=now)
        self._until(now)
        if self.engine.ended:
            return
        lines = self.engine.act(act)
        if self.folder is not None:
            self.folder.add(act)
        self._happen(lines)

    def _until(self, at: int) -> None:
        """Let time pass in the engine, inject by inject, so that each happens at its own time."""
        while not self.engine.ended and (due := self.engine.next_at) is not None and due <= at:
            self._happen(self.engine.until(due))
        self._happen(self.engine.until(at))

    def _happen(self, lines: Sequence[Event]) -> None:
        for event in lines:
            self.atlas.learn(event)
            self.stage.apply(event)

    # the trainee asks -----------------------------------------------------------------------------

    def candidates(self) -> list[tuple[str, str]]:
        """(ref, one sentence) of everything that came and can be spoken of: what was opened last, then the latest."""
        with self._lock:
            came = [(str(one.body["ref"]), told(one).title) for one in self.engine.lines if one.kind in SPOKEN_OF]
            came.reverse()
            return sorted(came, key=lambda one: -self.engine.opened.get(one[0], -1))

    def hint(self) -> str:
        """Give the next hint of the decision that is due first. Raises `OrderWrong` if there is none."""
        with self._lock:
            made = self._to_hint()
            self._act(Act(at=self.clock.elapsed(), verb="hint", target=made.decision.id))
            return made.decision.hint[self.engine.hints[made.decision.id] - 1]

    def hint_cost(self) -> str:
        """What the next hint costs, one sentence. Raises `OrderWrong` if there is none to be given."""
        with self._lock:
            made = self._to_hint()
            left = len(made.decision.hint) - self.engine.hints.get(made.decision.id, 0)
            cost = self.lesson.scenario.rubric.hint_cost_percent
            return f"A hint costs {cost} % of this decision's points; {left} left for it."

    def _to_hint(self) -> Made:
        if not self.hints:
            raise OrderWrong("The instructor gives no hints now.")
        waiting = sorted((m for m in self.engine.made.values() if m.open), key=lambda made: made.due_at)
        for made in waiting:
            if self.engine.hints.get(made.decision.id, 0) < len(made.decision.hint):
                return made
        raise OrderWrong("Every hint was given." if waiting else "Nothing has to be decided now.")

    # the instructor orders ------------------------------------------------------------------------

    def state(self) -> Json:
        """How the lesson stands; see `standing.state_of`."""
        with self._lock:
            return state_of(
                self.engine,
                run=self.folder.name if self.folder is not None else self.lesson.scenario.id,
                speed=self.clock.speed,
                paused=not self.clock.playing,
                hints=self.hints,
            )

    def order(self, what: str, body: Json) -> str:
        """Do what an instructor orders, and say in one sentence what was done. Raises `StasError`."""
        with self._lock:
            if self.leaving:
                raise OrderWrong("The dashboard is being opened anew.", "Order it again in a moment.")
            self._hear()
            self._until(max(self.clock.elapsed(), self.engine.now))
            wanted = meant(what, body, Present.of(self.engine))
            if wanted.clock is not None and wanted.clock.what == "rewind":
                self._go_back(wanted.order)
                return wanted.said
            lines = self.engine.order(wanted.order)
            if self.folder is not None:
                self.folder.add(wanted.order)
            self._happen(lines)
            if what == "hints":
                self.hints = bool(body.get("on"))
            if wanted.clock is not None:
                self._move(wanted.clock.what, wanted.clock.speed, wanted.clock.to)
            self._stop_if_over()
            return wanted.said

    def _move(self, what: str, speed: float, to: int) -> None:
        if what == "pause":
            self.clock.pause()
        elif what == "play":
            self.clock.play()
        elif what == "speed":
            self.clock.run_at(speed)
        elif what == "jump":
            self.clock.jump(to)
            self._until(to)
            self.stage.beat()

    # going back -----------------------------------------------------------------------------------

    def _go_back(self, order: Order) -> None:
        if self.folder is not None:
            self.folder.add(order)
        self._back = order
        self._inputs = list(self.engine.inputs)
        self.clock.pause()
        self.leaving = True

    def rebuild(self) -> None:
        """A fresh stage at the time that was gone back to; the old one is closed. Time stands still then.

        Called when no dashboard is open on the old stage any more. Raises `StoreError`, `LocationError`.
        """
        with self._lock:
            speed, old, order = self.clock.speed, self.stage, self._back
            seed = self.engine.seed
            held = [thing for thing in self._inputs if thing.at <= order.at]
            self.unrepeated, self.hints, self._kept = [], self._hints, order.at
            self.engine = Engine(self.lesson.scenario, self.lesson.digest, seed=seed)
            self._begin()
            old.close()
            self._happen(self.engine.lines)
            for thing in [*held, order]:
                self._again(thing)
            self.clock.run_at(speed)
            self.observer.skip()
            self.observer.decided = []
            self.stage.beat()
            self.leaving = False

    def _again(self, thing: Act | Order) -> None:
        self._pass(thing.at)
        if self.engine.ended:
            return
        if isinstance(thing, Order):
            self._happen(self.engine.order(thing))
            if thing.what == "hints":
                self.hints = bool(thing.body.get("on"))
            return
        try:
            do_again(self.stage, self.atlas, thing)
        except StasError as error:
            self.unrepeated.append(f"{thing.verb} {thing.target}: {error}")
        self._happen(self.engine.act(thing))

    def _pass(self, at: int) -> None:
        """Time passes on the new stage, inject by inject, with the clock at each."""
        while not self.engine.ended and (due := self.engine.next_at) is not None and due <= at:
            self.clock.jump(due)
            self._happen(self.engine.until(due))
            self.stage.beat()
        self.clock.jump(at)
        self._happen(self.engine.until(at))

    # the end --------------------------------------------------------------------------------------

    def end(self, why: str) -> None:
        """End it now, whoever asks."""
        with self._lock:
            self._hear()
            self._happen(self.engine.end(why))
            self.clock.pause()

    def debrief(self) -> str:
        """The debrief in Markdown; log and debrief are kept in the run's folder, once. Raises `StasError`."""
        from stas_tui.training.debrief import debrief

        with self._lock:
            if self._sheet is not None:
                return self._sheet
            if self.folder is not None:
                self._sheet = self.folder.finish(self.engine).read_text("utf-8")
            else:
                self._sheet = debrief(self.lesson, self.engine).markdown()
            return self._sheet

    def close(self) -> None:
        """Close the stage."""
        with self._lock:
            self.stage.close()


class Ticker:
    """Calls the director some times a second, on a thread of its own, until it is stopped."""

    def __init__(self, director: Director, *, every_s: float = 0.2) -> None:
        self._director, self._every_s = director, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lesson", daemon=True)
        self.failed: Exception | None = None
        """Why it stopped by itself, if it is a fault of ours."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait until the tick under way has finished."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._director.tick()
            except StasError as error:
                self._director.problem = str(error)
                return
            except Exception as error:  # noqa: BLE001  whoever runs the lesson raises it
                self.failed = error
                self._director.problem = f"unexpected {type(error).__name__}"
                return
