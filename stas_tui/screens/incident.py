"""The incident: its live state document, from impact to open questions, and the keys that write into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from stas_tui.gates.contract import Refusal
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.dialogs import Ask, ShowText
from stas_tui.screens.hand import FALLBACK_S
from stas_tui.screens.incident_text import ROLES, STATUSES, changes_text, page_text, state_blocks, story_blocks
from stas_tui.screens.told_line import ToldLine
from stas_tui.screens.triage_detail import LONGEST
from stas_tui.screens.typed_line import ask_line, begun, left_words, written
from stas_tui.triage.incidents import open_questions, question_words
from stas_tui.triage.quiet import Standing
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import Json
from storage.triage_records import Incident, TriageItem
from widgets.keybar import KeyBar
from widgets.paper import Block, Paper
from widgets.printable import flat
from widgets.title_line import TitleLine

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.triage.desk import Desk

TICK_S = 1.0
KEY_RANKS = {
    "incident.question": 1,
    "incident.cause": 1,
    "incident.roles": 2,
    "incident.changes": 3,
    "incident.postmortem": 4,
    "incident.silence": 5,
    "incident.runbook": 6,
}
BEGUN = {
    "note": "n",
    "decision": "d",
    "question": "u",
    "answer": "a",
    "impact": "i",
    "role": "w",
    "cause": "C",
    "withdrawn": "C",
}
"""What can be left half typed here, with the key that goes on with it."""


class IncidentScreen(ClickedKeys, ToldLine, Screen[None]):
    """One incident. Everything typed here is a line of its timeline, with who and when; nothing is ever changed."""

    CSS = """
    IncidentScreen { background: $base; layout: vertical; }
    IncidentScreen #state { height: auto; max-height: 60%; border-bottom: solid $rule; }
    App.-ascii IncidentScreen #state { border-bottom: ascii $rule; }
    IncidentScreen #story { height: 1fr; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "write('note')", "note", id="incident.note"),
        Binding("d", "write('decision')", "decision", id="incident.decision"),
        Binding("u", "write('question')", "question", id="incident.question"),
        Binding("a", "answer", "answer", id="incident.answer", show=False),
        Binding("s", "status", "status", id="incident.status"),
        Binding("i", "impact", "impact", id="incident.impact"),
        Binding("w", "roles", "who", id="incident.roles"),
        Binding("C", "cause", "cause", id="incident.cause"),
        Binding("c", "changes", "changes", id="incident.changes"),
        Binding("S", "silence", "silence", id="incident.silence"),
        Binding("b", "runbook", "runbook", id="incident.runbook"),
        Binding("P", "postmortem", "postmortem", id="incident.postmortem"),
        Binding("y", "copy", "copy", id="page.copy", show=False),
        Binding("o", "editor", "open in editor", id="page.open", show=False),
        Binding("escape,q", "leave", "back", id="page.back"),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = (
        "The live state document of an incident. What you write stands in the timeline with your name; it is never "
        "changed or removed.\nStakeholders hear something new every 30 minutes: status and impact begin the count "
        "anew.\nA cause is what a person names; changes are only suspected. What you type survives a crash until you "
        "send it or leave with escape."
    )

    app: StasApp

    def __init__(self, item: TriageItem) -> None:
        super().__init__()
        self.item = item
        self.incident: Incident | None = None
        self.suspects: list[Json] = []
        self.silences: list[Standing] = []

    @property
    def desk(self) -> Desk:
        """The desk; called on the threads of the hand only."""
        return self.app.application.desk

    def compose(self) -> ComposeResult:
        """Title, the state, the story, the keys."""
        yield TitleLine(f"Incident: {self.item.title[:LONGEST]}")
        yield Paper(id="state")
        yield Paper(id="story")
        yield self.told_line()
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """The story has the keyboard; look for what others write."""
        self.app.opened("item", self.item.key)
        self.query_one("#story", Paper).focus()
        self.watch_changes()
        self.tell_begun()
        self.set_interval(TICK_S, self._draw)

    @work(exclusive=True, group="watch")
    async def watch_changes(self) -> None:
        """Look whenever somebody rings or the record changed."""
        hand = self.app.hand
        with self.app.application.bell.listen() as ear:
            while True:
                if await hand.look(hand.changed, "incident") or self.incident is None:
                    await self.reload()
                await hand.wait_for(ear.wait, FALLBACK_S)

    async def reload(self) -> None:
        """Read the document and the changes before it."""
        try:
            self.incident, self.suspects, self.silences = await self.app.hand.look(self._read)
        except StasError as error:
            self.tell(str(error), error=True)
            return
        if self.is_mounted:
            self._draw()
            self.refresh_bindings()

    def _read(self) -> tuple[Incident | None, list[Json], list[Standing]]:
        desk, key = self.desk, self.item.key
        return desk.incident(key), desk.suspects(key), desk.silences(key)

    @work(group="begun")
    async def tell_begun(self) -> None:
        """What this person left half typed here when Stas ended, and the keys that go on with it."""
        try:
            left = await begun(self.app, [(self.place(kind), key) for kind, key in BEGUN.items()])
        except StasError as error:
            self.tell(str(error), error=True)
            return
        if left:
            kinds = {key: kind for kind, key in BEGUN.items() if kind != "withdrawn"}
            self.tell("\n".join(f"{left_words(each, a(kinds[key]))} {key} goes on with it." for key, each in left))

    def place(self, kind: str) -> str:
        """Where a half-typed line of this incident is kept."""
        return f"incident {self.item.key} {kind}"

    def _draw(self) -> None:
        for title in self.query(TitleLine):
            title.tick(hhmm(self.app.application.clock.now()))
        if self.incident is None or not (self.query("#state") and self.query("#story")):
            return
        self.query_one("#state", Paper).show(self._state())
        self.query_one("#story", Paper).show(story_blocks(self.incident.entries))

    def _state(self) -> list[Block]:
        assert self.incident is not None
        now = self.app.application.clock.now()
        return state_blocks(self.incident, self.item, self.suspects, now, silences=self.silences)

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        act = action.partition("(")[0]
        if act in ("write", "answer", "status", "impact", "roles", "cause", "silence"):
            if not self.app.application.person:
                return "nobody is named who could write; add [[person]] to stas.toml"
            if self.incident is None:
                return "still reading"
        if act == "answer" and not (self.incident and open_questions(self.incident.entries)):
            return "no question is open"
        if act == "silence" and not self.silences:
            return "no silence is known to hide it; S on the list asks for one"
        if act == "runbook" and not self.item.links:
            return "no runbook is named"
        return None

    # writing --------------------------------------------------------------------------------------

    def _do(self, act: str, *args: str) -> None:
        self.tell("")
        self.run_worker(self._guarded(act, *args), group="act", exclusive=True)

    async def _guarded(self, act: str, *args: str) -> None:
        try:
            await getattr(self, f"_{act}")(*args)
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        if self.is_mounted:
            await self.reload()

    async def _line(self, kind: str, title: str, hint: str, *, label: str, value: str = "") -> str | None:
        """One line about this incident, kept while it is typed."""
        what = f"{a(kind)} on «{flat(self.item.title, 60)}»"
        return await ask_line(self.app, title, hint, place=self.place(kind), what=what, label=label, value=value)

    async def _put(self, kind: str, text: str) -> None:
        await self.app.hand.answer(self.desk.write, self.item.key, by=self.app.application.person, kind=kind, text=text)
        await written(self.app, self.place(kind))

    def action_write(self, kind: str) -> None:
        """A note, a decision or a question."""
        self._do("write", kind)

    async def _write(self, kind: str) -> None:
        hints = {
            "note": "What was seen or done. It stands in the timeline with your name.",
            "decision": "What was decided, and on what ground.",
            "question": "What nobody knows yet.",
        }
        text = await self._line(kind, kind.capitalize(), hints[kind], label=kind.capitalize())
        if text:
            await self._put(kind, text)

    def action_answer(self) -> None:
        """Answer an open question."""
        self._do("reply")

    async def _reply(self) -> None:
        questions = open_questions(self.incident.entries) if self.incident else []
        choice: str | None = "1"
        if len(questions) > 1:
            labels = {str(n): flat(entry.text, 60) for n, entry in enumerate(questions[:9], 1)}
            choice = await self.app.push_screen_wait(Ask("Which question?", "", labels))
        if choice is None or not questions:
            return
        question = questions[int(choice) - 1]
        text = await self._line("answer", "Answer", flat(question.text, 300), label="Answer")
        if text:
            await self._put("answer", f"{question_words(question.text)}: {text}")

    def action_status(self) -> None:
        """Set the status."""
        self._do("choose_status")

    async def _choose_status(self) -> None:
        choices = {str(n): status for n, status in enumerate(STATUSES, 1)}
        now = self.incident.status if self.incident else ""
        choice = await self.app.push_screen_wait(Ask("Status", f"It is {now} now.", choices))
        if choice is not None:
            await self._put("status", choices[choice])

    def action_impact(self) -> None:
        """Set the impact line."""
        self._do("say_impact")

    async def _say_impact(self) -> None:
        now = self.incident.impact if self.incident else ""
        hint = "Who is hurt, how, since when: one line for people outside."
        text = await self._line("impact", "Impact", hint, label="Impact", value=now)
        if text:
            await self._put("impact", text)

    def action_roles(self) -> None:
        """Name somebody for a role."""
        self._do("name_role")

    async def _name_role(self) -> None:
        if self.incident is None:
            return
        held = {"1": self.incident.commander, "2": self.incident.operator, "3": self.incident.scribe}
        labels = {key: f"{ROLES[int(key) - 1]}: {who or 'nobody yet'}" for key, who in held.items()}
        choice = await self.app.push_screen_wait(Ask("Who does what?", "One person may do several.", labels))
        if choice is None:
            return
        role = ROLES[int(choice) - 1]
        person = self.app.application.person
        hint = "Ask them first; a role is handed over in words."
        who = await self._line("role", f"Who is the {role}?", hint, label="Name", value=person)
        if who:
            await self.app.hand.answer(self.desk.role, self.item.key, by=person, role=role, who=who)
            await written(self.app, self.place("role"))

    def action_cause(self) -> None:
        """Name what caused it, change it, or take it back."""
        self._do("name_cause")

    async def _name_cause(self) -> None:
        from stas_tui.screens.incident_cause import name_cause

        if self.incident is not None:
            await name_cause(self.app, self.incident, self.suspects, self._line, self.place)

    def action_silence(self) -> None:
        """Extend or end the silence that hides it."""
        self._do("change_silence")

    async def _change_silence(self) -> None:
        from stas_tui.screens.silence_acts import change_silence

        if self.silences:
            await change_silence(self.app, self.item, self.silences)

    # looking --------------------------------------------------------------------------------------

    def action_changes(self) -> None:
        """The changes that probably caused it, with the reasons."""
        cause = self.incident.cause if self.incident else None
        text = changes_text(self.suspects, self.item, self.app.application.clock.now(), cause)
        self.app.push_screen(ShowText("Changes before it began", text))

    def action_runbook(self) -> None:
        """The runbook's address to the clipboard; nothing is opened."""
        from stas_tui.screens.outside import copy

        if self.item.links:
            copy(self.app, self.item.links[0])

    def action_postmortem(self) -> None:
        """A draft from the log."""
        self._do("draft")

    async def _draft(self) -> None:
        text = await self.app.hand.look(self.desk.postmortem, self.item.key)
        from stas_tui.screens.handover import MarkdownScreen

        await self.app.push_screen_wait(MarkdownScreen("Postmortem, a blameless draft", text, "postmortem"))

    def action_copy(self) -> None:
        """The whole document as text."""
        from stas_tui.screens.outside import copy

        copy(self.app, self._text())

    def action_editor(self) -> None:
        """A read-only copy in the editor."""
        from stas_tui.screens.outside import open_read_only

        open_read_only(self.app, "incident", self._text())

    def _text(self) -> str:
        return page_text(self.incident, self.item, self._state()) if self.incident else ""

    def action_leave(self) -> None:
        """Back to the list."""
        self.dismiss(None)


def a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
