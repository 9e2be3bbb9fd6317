"""The command palette: every act as «Verb: object», only those that are possible now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon

from stas_tui.gates.contract import Shown
from stas_tui.screens import models
from storage.records import STEP_NAMES, MessageType, Mode, StepState
from widgets import themes
from widgets.content import safe
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.screens.main import MainScreen

TITLE_CELLS = 60
LOOKING_STEPS = (1, 2, 3, 4, 5, 6, 8, 9)


@dataclass(frozen=True, slots=True)
class Act:
    """One command: its name, what it does in a sentence, and the doing."""

    name: str
    about: str
    do: Callable[[], object]


class Palette(CommandPalette):
    """Textual's palette with a search sign that is one cell wide."""

    def on_mount(self) -> None:
        """The sign of every other search here."""
        self.query_one(SearchIcon).icon = "/"


class PulseCommands(Provider):
    """The acts of the main screen."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for act in self._acts():
            yield DiscoveryHit(safe(act.name), act.do, text=act.name, help=_no_markup(act.about))

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for act in self._acts():
            score = matcher.match(act.name)
            if score > 0:
                yield Hit(score, safe(act.name), act.do, text=act.name, help=_no_markup(act.about))

    def _acts(self) -> list[Act]:
        from stas_tui.screens.main import MainScreen

        return list(acts_of(self.screen)) if isinstance(self.screen, MainScreen) else []


def _no_markup(about: str) -> str:
    """Textual reads a command's help as markup: without an opening bracket there is none."""
    return flat(about, TITLE_CELLS).replace("[", "(")


def acts_of(main: MainScreen) -> Iterator[Act]:
    """Every act that is possible now, the likeliest first. Names are printable, whatever titles say."""
    view, flow = main.view, main.flow
    if view is None:
        return
    possible = _possible(main)
    yield from possible(
        "gate", _gate_name(main), "Open what waits longest; opening decides nothing.", flow.open_waiting
    )
    yield from possible("step", "Step: the pulse" if view.pulse else "Begin: a pulse", "One step.", flow.step)
    yield from possible("run", "Run: to the next gate", "Step until a person is needed.", flow.run)
    if view.halted:
        yield Act("Resume: the pulse", "With a reason for the log.", flow.pause_or_resume)
    else:
        yield Act("Pause: everything", "Nothing new starts; a running executor goes on.", flow.pause_or_resume)
    yield from possible("skip", f"Skip: {_due(main)}", "With a reason for the summary.", flow.skip)
    yield from possible("undo", "Undo: the last change of a task", "If nobody moved it since.", flow.undo)
    yield from _on_items(main)
    if view.pulse is not None and not main.recorded:
        if view.mode is Mode.OBSERVE:
            yield Act("Raise: mode to Supervised", "By the environment's name.", main.action_mode)
        else:
            yield Act("Lower: mode one level", f"It is {view.mode.value} now.", main.action_mode)
        for step in view.steps:
            if step.n in LOOKING_STEPS and step.state in (StepState.DONE, StepState.FAILED):
                yield Act(f"Look again: step {step.n} {step.name}", step.note, _again(main, step.n))
    for step in view.steps:
        yield Act(f"Show: step {step.n} {STEP_NAMES[step.n]}", step.note or step.state.value, _step(main, step.n))
    yield from possible("output", "Show: executor output", "What the run prints, live.", flow.show_output)
    yield Act("Show: log of the pulse", "Everything that happened.", flow.show_log)
    yield from possible("summary", "Show: Pulse Summary", "As the log has it now.", flow.show_summary)
    yield Act("Show: earlier pulse", "Recorded pulses are only looked at.", lambda: flow.look_at(-1))
    if main.recorded:
        yield Act("Show: later pulse", "Back to the present in the end.", lambda: flow.look_at(1))
    for key, name in enumerate(("inbox", "queue", "infra", "isolation"), 1):
        yield Act(f"Go to: {name}", f"Key {key}.", _panel(main, name))
    yield Act("Show: isolation matrix", "On the whole screen, with its checks; key I.", main.action_isolation)
    yield from possible("cancel_checks", "Cancel: isolation checks", "What they found stands.", flow.cancel_checks)
    yield Act("Review: pull requests", "Those that want a look before their merge, key v.", main.action_reviews)
    yield Act("Go to: on call", "Everything that needs a person, key c.", main.action_on_call)
    yield Act("Go to: the pulse itself", "Where it stands and what happened.", _panel(main, "pulse"))
    yield Act("Zoom: the focused panel", "Or give the screen back.", main.action_zoom)
    other = themes.NIGHT if main.app.theme == themes.DAY else themes.DAY
    yield Act(f"Theme: {'night' if other == themes.NIGHT else 'day'}", "For this session.", _theme(main, other))
    yield Act("Help: keys that work here", "Searchable.", main.app.action_help)
    yield Act("Quit: Stas", "Nothing is decided; runs go on.", flow.leave)


def _on_items(main: MainScreen) -> Iterator[Act]:
    """Acts on the message under the cursor, and taking any ready task first."""
    view = main.view
    if view is None or view.pulse is None or main.recorded:
        return
    key = main.selected() if main.active == "inbox" else None
    message = main.inbox.message(key) if key else None
    if message is not None:
        from stas_tui.texts.inbox import pr_number_of

        title = flat(f"{message.id} {message.subject}", TITLE_CELLS)
        acts = {"acknowledge": "Acknowledge", "reply": "Write back", "file": "File as memory"}
        if message.type is MessageType.HANDOFF:
            acts |= {"accept": "Accept handoff", "return": "Return handoff"}
        if pr_number_of(message) is not None:
            acts["review"] = "Review the pull request of"
        for act, verb in acts.items():
            yield Act(f"{verb}: {title}", "On the message under the cursor.", _on_message(main, act, message.id))
    for row in view.queue:
        if row.state == "next":
            title = flat(f"{row.task.id} {row.task.title}", TITLE_CELLS)
            yield Act(f"Take first: {title}", row.why, _take(main, row.task.id))
            if view.pulse is not None:
                about = "Record what the architect answered to a Rule 4 stop."
                yield Act(f"Answered: {title}", about, _answered(main, row.task.id))


def _possible(main: MainScreen) -> Callable[[str, str, str, Callable[[], object]], Iterator[Act]]:
    def act(action: str, name: str, about: str, do: Callable[[], object]) -> Iterator[Act]:
        if main.disabled_reason(action) is None:
            yield Act(name, about, do)

    return act


def _gate_name(main: MainScreen) -> str:
    view = main.view
    if view is not None and view.gates:
        first = min(view.gates, key=lambda action: action.ask_until)
        return "Open: gate " + flat(Shown.from_json(first.revision.shown if first.revision else {}).title, TITLE_CELLS)
    return f"Open: {models.needs_of(view) if view else 'what waits'}"


def _due(main: MainScreen) -> str:
    view = main.view
    return f"step {view.position} {STEP_NAMES[view.position]}" if view is not None and view.position else "the due step"


def _again(main: MainScreen, n: int) -> Callable[[], object]:
    return lambda: main.flow.look_again(n)


def _step(main: MainScreen, n: int) -> Callable[[], object]:
    return lambda: main.show_step(n)


def _panel(main: MainScreen, name: str) -> Callable[[], object]:
    return lambda: main.action_panel(name)


def _theme(main: MainScreen, name: str) -> Callable[[], object]:
    return lambda: setattr(main.app, "theme", name)


def _take(main: MainScreen, task_id: str) -> Callable[[], object]:
    return lambda: main.flow.prefer(task_id)


def _answered(main: MainScreen, task_id: str) -> Callable[[], object]:
    return lambda: main.flow.architect_answered(task_id)


def _on_message(main: MainScreen, act: str, key: str) -> Callable[[], object]:
    if act == "review":
        return lambda: main.flow.review(main.inbox.message(key))
    return lambda: main.flow.with_message(act, key)
