"""The dashboard of a lesson: the real one, with a thin line that says so, hints, and what a trainee can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer

from stas_tui.app import StasApp
from stas_tui.screens.debrief import DebriefScreen
from stas_tui.screens.dialogs import Ask, ShowText
from stas_tui.screens.lesson_acts import LessonActs
from stas_tui.screens.lesson_line import LessonLine, LessonModel
from stas_tui.training.engine import ENDED_BY_LEAVING
from storage.errors import StasError
from widgets.topbar import TopBar

if TYPE_CHECKING:
    from stas_tui.training.director import Director

FOLLOW_S = 0.25
"""How often the line is drawn and the end of the lesson is looked for."""
BELOW_IT = frozenset({"OutputScreen", "ReviewScreen", "ReviewsScreen", "LessonReviewScreen"})
"""Screens without a bar that says in what world they are; by name, so that none is loaded for it."""
GLANCE_S = 1.0
"""A row whose detail stood on the screen for so long was read."""


class LessonApp(StasApp):
    """One stage of one lesson. It ends when the lesson is left, or when another stage has to be shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *StasApp.BINDINGS,
        Binding("f3", "hint", "hint", id="app.hint", priority=True, show=False, tooltip="The next hint."),
        Binding("f6", "lesson", "lesson", id="app.lesson", priority=True, show=False, tooltip="What can be said."),
    ]

    GOES_ON: ClassVar[str] = "the agent goes on by itself"
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"step", "run", "skip", "again"})
    """The pulse of a lesson moves with the lesson, and the agent itself asks for another try."""

    def __init__(self, director: Director, *, brief: bool = True, **more: Any) -> None:
        """`brief` tells first what the lesson is about, and lets time pass after that."""
        super().__init__(director.application, **more)
        keys = director.application.settings.keys
        self._line_keys = f"{keys['app.hint'][0]} hint  {keys['app.lesson'][0]} lesson"
        self.director = director
        self.acts = LessonActs(self, director)
        self._brief = brief
        self._told_end = False
        self._told_problem = ""
        self._undebriefed = False
        self._glance: Timer | None = None
        self._glanced: tuple[str, str] = ("", "")
        self._judged: Screen[Any] | None = None
        """The result that was counted as opened last."""

    def on_mount(self) -> None:
        """Follow the lesson."""
        super().on_mount()
        self.screen_change_signal.subscribe(self, self._result_seen)
        self.set_interval(FOLLOW_S, self._follow)
        self.call_after_refresh(self._begin)

    @work(group="brief")
    async def _begin(self) -> None:
        if self._brief:
            scenario = self.director.lesson.scenario
            await self.push_screen_wait(ShowText(f"TRAINING: {scenario.title}", self.acts.briefing()))
            self.director.play()
        for sentence in self.director.unrepeated:
            self.say(f"Not done again: {sentence}", error=True)

    # the line -------------------------------------------------------------------------------------

    def _follow(self) -> None:
        director = self.director
        if not self.screen_stack:
            return
        if director.leaving:
            self.exit()
            return
        for screen in self.screen_stack:
            self._line_on(screen)
        if director.problem and director.problem != self._told_problem:
            self._told_problem = director.problem
            self.say(f"The lesson cannot go on: {director.problem}", error=True, lasting=True)
        self.say("\n".join(self.main.new_words()), lasting=True)
        if director.over and not self._told_end:
            self._told_end = True
            self._debrief()

    def _result_seen(self, screen: Screen[Any]) -> None:
        """The result of a run stands on the screen: that is its report, opened."""
        from stas_tui.screens.review import ReviewScreen

        if isinstance(screen, ReviewScreen) and screen is not self._judged:
            self._judged = screen
            if ref := screen.work_state.get("ref"):
                self.opened("result", str(ref))

    def _line_on(self, screen: Screen[Any]) -> None:
        """One line below the first, on every screen that has a first line, and above those of `BELOW_IT`."""
        bars, lines = screen.query(TopBar), screen.query(LessonLine)
        if lines:
            lines.first().model = self._model()
        elif bars and screen.is_mounted:
            screen.mount(LessonLine(self._model()), after=bars.first())
        elif type(screen).__name__ in BELOW_IT and screen.is_mounted:
            screen.mount(LessonLine(self._model()), before=0)

    def _model(self) -> LessonModel:
        director, scenario = self.director, self.director.lesson.scenario
        return LessonModel(
            banner=scenario.world.banner or scenario.title,
            left_ms=scenario.ends_at - director.clock.elapsed(),
            speed=director.clock.speed,
            playing=director.clock.playing,
            over=director.over,
            keys=self._line_keys,
        )

    # what is looked at ----------------------------------------------------------------------------

    def glanced(self, kind: str, key: str) -> None:
        """The detail of a row is drawn; it counts as opened once it stood there for a second.

        The list on call shows of a gate and of a message no more than their titles: those have to be opened.
        """
        if (kind, key) == self._glanced:
            return
        self._glanced = (kind, key)
        if self._glance is not None:
            self._glance.stop()
        if not (kind == "item" and key.partition(":")[0] in ("gate", "message")):
            where = self.screen
            self._glance = self.set_timer(GLANCE_S, lambda: self._read(kind, key, where))

    def _read(self, kind: str, key: str, where: Screen[Any]) -> None:
        if self._glanced != (kind, key):
            return
        if self.screen_stack[-1:] == [where]:
            self.opened(kind, key)
        else:
            self._glanced = ("", "")

    def evidence_text(self, key: str) -> str:
        """A piece of evidence: the scenario's, else what the dashboard keeps, else what came under this name."""
        from stas_tui.training.stage.behind import behind

        stage = self.director.stage
        if key in stage.evidence:
            return f"{key}\n\n{stage.evidence[key]}"
        return behind(stage, key) or super().evidence_text(key)

    def review_screen(self, project_id: str, number: int, *, asked_by: str = "", message_id: str = "") -> Screen[None]:
        """A pull request of the lesson: there is no repository that checks could read."""
        from stas_tui.screens.lesson_review import LessonReviewScreen, LessonRounds

        rounds = LessonRounds(self.application, project_id, number, self.director.stage.forge)
        return LessonReviewScreen(project_id, number, asked_by=asked_by, rounds=rounds)

    # keys -----------------------------------------------------------------------------------------

    @work(exclusive=True, group="hint")
    async def action_hint(self) -> None:
        """The next hint, after what it costs was said."""
        try:
            cost = await self.hand.answer(self.director.hint_cost)
            if await self.push_screen_wait(Ask("A hint?", cost, {"y": "Show it"})) == "y":
                text = await self.hand.answer(self.director.hint)
                await self.push_screen_wait(ShowText("A hint", text))
        except StasError as error:
            self.say(str(error))

    @work(exclusive=True, group="lesson")
    async def action_lesson(self) -> None:
        """What can be said and done in a lesson."""
        try:
            await self.acts.choose()
        except StasError as error:
            self.say(str(error), error=True)

    @work(exclusive=True, group="leave")
    async def leave(self) -> None:  # type: ignore[override]
        """Leave the lesson: what is open counts as missed, and the debrief follows. ctrl+q leaves without it."""
        if self.director.over:
            if self._undebriefed:
                self.exit()
            return
        hint = "What is open counts as missed, and the debrief follows. ctrl+q leaves without reading it."
        if await self.push_screen_wait(Ask("Leave the lesson?", hint, {"y": "Leave"})) == "y":
            await self.hand.answer(self.director.end, ENDED_BY_LEAVING)

    # the end --------------------------------------------------------------------------------------

    @work(group="debrief")
    async def _debrief(self) -> None:
        """Over: nothing can be decided any more; the debrief closes the lesson."""
        try:
            text = await self.hand.answer(self.director.debrief)
        except StasError as error:
            self._undebriefed = True
            self.say(f"The debrief cannot be written: {error} q leaves.", error=True, lasting=True)
            return
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        scenario = self.director.lesson.scenario
        await self.push_screen_wait(DebriefScreen(scenario.title, text))
        self.exit()
