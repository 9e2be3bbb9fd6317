"""What a trainee can say in a lesson: ask, write, mark, reclassify, file a task; and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.gates.contract import Answer
from stas_tui.gates.slack_rules import CATEGORIES
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.training.prose import joined
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.screens.lesson import LessonApp
    from stas_tui.training.director import Director

MOST = 9
TITLE = 60
ACTS = {
    "a": "Ask about something",
    "w": "Write to an agent",
    "k": "Write to the human on Slack",
    "r": "Give something another class",
    "x": "Mark something as suspicious",
    "T": "File a task",
    "b": "What this lesson is about",
    "e": "End the lesson",
}


class LessonActs:
    """The acts behind the lesson key; each is a line of the record or a call at the door."""

    def __init__(self, app: LessonApp, director: Director) -> None:
        self.app, self.director = app, director

    async def choose(self) -> None:
        """Ask which, and do it. Raises `StasError`."""
        answer = await self.app.push_screen_wait(Ask("In this lesson", "Nothing here leaves it.", ACTS))
        acts = {
            "a": self._ask,
            "w": self._write,
            "k": self._slack,
            "r": self._reclassify,
            "x": self._mark,
            "T": self._task,
            "b": self._about,
            "e": self._end,
        }
        if answer in acts:
            await acts[answer]()

    def briefing(self) -> str:
        """What a trainee is told before it begins."""
        scenario = self.director.lesson.scenario
        world = scenario.world
        lines = [joined(scenario.about).strip() or scenario.title, ""]
        lines += [f"{name}: {what}" for name, what in world.people.items()]
        lines += [f"\n{world.banner}"] if world.banner else []
        lines += [
            "",
            f"It lasts {scenario.minutes} minutes. Everything is simulated: nothing you do here reaches anybody.",
            "The agent goes on by itself; what it asks for waits at its gates (g). c shows what needs a person.",
            "f3 gives a hint, which costs points. f6 asks, writes, marks, reclassifies. p pauses the agent.",
            "Time begins when you close this page: escape.",
        ]
        return "\n".join(lines)

    # which one ------------------------------------------------------------------------------------

    async def _which(self, title: str) -> str:
        """The ref that a person chooses; empty if none."""
        found = await self.app.hand.answer(self.director.candidates)
        if not found:
            self.app.say("Nothing has come yet.")
            return ""
        shown = {str(n): flat(told, TITLE) for n, (_, told) in enumerate(found[:MOST], 1)}
        answer = await self.app.push_screen_wait(Ask(title, "What you opened comes first.", shown))
        return found[int(answer) - 1][0] if answer else ""

    async def _ask(self) -> None:
        from stas_tui.training.stage import said

        if ref := await self._which("Ask about what?"):
            text = await self.app.push_screen_wait(AskReason("Ask", "What do you want to know?", label="Question"))
            if text:
                await self.app.hand.answer(said.ask, self.director.stage, ref, text)
                self.app.say("Asked; it stays undecided.")

    async def _mark(self) -> None:
        from stas_tui.training.stage import said

        if ref := await self._which("Mark what?"):
            text = await self.app.push_screen_wait(AskReason("Mark as suspicious", "What makes you doubt it?"))
            if text:
                await self.app.hand.answer(said.mark_suspicious, self.director.stage, ref, text)
                self.app.say("Marked as suspicious.")

    async def _reclassify(self) -> None:
        from stas_tui.training.stage import said

        if ref := await self._which("Give what another class?"):
            classes = said.classes_of(self.director.stage, ref)
            choices = {str(n): name.replace("_", " ") for n, name in enumerate(classes, 1)}
            answer = await self.app.push_screen_wait(Ask("Which class?", "It stands in the log.", choices))
            if answer:
                to = classes[int(answer) - 1]
                await self.app.hand.answer(said.reclassify, self.director.stage, ref, to)
                self.app.say(f"It counts as {choices[answer]} now.")

    # writing --------------------------------------------------------------------------------------

    async def _write(self) -> None:
        from stas_tui.training.stage import said

        names = list(self.director.stage.settings.agents)[:MOST]
        answer = await self.app.push_screen_wait(
            Ask("Write to whom?", "It goes through the door.", {str(n): name for n, name in enumerate(names, 1)})
        )
        if answer is None:
            return
        name = names[int(answer) - 1]
        text = await self.app.push_screen_wait(AskReason(f"Write to {name}", "What do they need?", label="Text"))
        if text:
            self._tell(await self.app.hand.act(said.message_agent, self.director.stage, name, text))

    async def _slack(self) -> None:
        from stas_tui.training.stage import said

        known = list(CATEGORIES.values())
        choices = {str(n): category.label for n, category in enumerate(known, 1)}
        answer = await self.app.push_screen_wait(
            Ask("A direct message for what?", "Anything else is no reason to interrupt them.", choices)
        )
        if answer is None:
            return
        category = known[int(answer) - 1]
        text = await self.app.push_screen_wait(AskReason(category.label, f"Say {category.needs}.", label="Text"))
        if text:
            self._tell(await self.app.hand.act(said.slack, self.director.stage, text, category.key))

    async def _task(self) -> None:
        from stas_tui.screens.task_form import TaskForm
        from stas_tui.training.stage import said

        projects = self.director.stage.settings.project
        draft = {"projectId": projects[0].id, "title": "infra: ", "priority": "P2", "description": ""}
        args = await self.app.push_screen_wait(TaskForm(draft))
        if args is not None:
            self._tell(await self.app.hand.act(said.create_task, self.director.stage, args))

    def _tell(self, answer: Answer) -> None:
        if answer.status == "pending":
            self.app.say("It waits for your approval; g opens it.")
        elif answer.status == "ok":
            self.app.say("Done.")
        else:
            self.app.say(f"Not done: {answer.reason or answer.status}", error=True)

    # the lesson -----------------------------------------------------------------------------------

    async def _about(self) -> None:
        title = self.director.lesson.scenario.title
        await self.app.push_screen_wait(ShowText(f"TRAINING: {title}", self.briefing()))

    async def _end(self) -> None:
        answer = await self.app.push_screen_wait(
            Ask("End the lesson?", "What is open counts as missed. The debrief follows.", {"y": "End it"})
        )
        if answer == "y":
            await self.app.hand.answer(self.director.end, "the trainee ended it")
