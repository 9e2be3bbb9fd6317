"""The incident: its live state document, from impact to open questions, and the keys that write into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.gates.contract import Refusal
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys, Told
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.hand import FALLBACK_S
from stas_tui.screens.triage_detail import LONGEST, moment
from storage.clock import MINUTE, age, countdown, hhmm
from storage.errors import StasError
from storage.records import Json
from storage.triage_records import Incident, IncidentEntry, TriageItem
from widgets.content import safe
from widgets.detail import Field
from widgets.keybar import KeyBar
from widgets.paper import Block, Heading, Paper
from widgets.printable import flat, safe_text
from widgets.tokens import Mark

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.triage.desk import Desk

STATUSES = ("investigating", "identified", "monitoring", "resolved")
ROLES = ("commander", "operator", "scribe")
CHANGES = 3
TICK_S = 1.0
KEY_RANKS = {
    "incident.question": 1,
    "incident.roles": 2,
    "incident.changes": 3,
    "incident.postmortem": 4,
    "incident.runbook": 5,
}
_STATUS_MARKS = dict(zip(STATUSES, (Mark.FAIL, Mark.WARN, Mark.RUN, Mark.DONE), strict=True))


class IncidentScreen(ClickedKeys, Told, Screen[None]):
    """One incident. Everything typed here is a line of its timeline, with who and when; nothing is ever changed."""

    CSS = """
    IncidentScreen { background: $base; layout: vertical; }
    IncidentScreen > .title { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    IncidentScreen #told { display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }
    IncidentScreen #told.-said { display: block; }
    IncidentScreen #told.-wrong { color: $crit; text-style: bold; }
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
        Binding("c", "changes", "changes", id="incident.changes"),
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
        "changed or removed.\nStakeholders hear something new every 30 minutes: status and impact begin the count anew."
    )

    app: StasApp

    def __init__(self, item: TriageItem) -> None:
        super().__init__()
        self.item = item
        self.incident: Incident | None = None
        self.suspects: list[Json] = []

    @property
    def desk(self) -> Desk:
        """The desk; called on the threads of the hand only."""
        return self.app.application.desk

    def compose(self) -> ComposeResult:
        """Title, the state, the story, the keys."""
        yield Static(safe(flat(f"Incident: {self.item.title[:LONGEST]}")), classes="title")
        yield Paper(id="state")
        yield Paper(id="story")
        yield Static("", id="told")
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """The story has the keyboard; look for what others write."""
        self.query_one("#story", Paper).focus()
        self.watch_changes()
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
            incident, suspects = await self.app.hand.look(self._read)
        except StasError as error:
            self.tell(str(error), error=True)
            return
        self.incident, self.suspects = incident, suspects
        if self.is_mounted:
            self._draw()
            self.refresh_bindings()

    def _read(self) -> tuple[Incident | None, list[Json]]:
        return self.desk.incident(self.item.key), self.desk.suspects(self.item.key)

    def _draw(self) -> None:
        if self.incident is None or not (self.query("#state") and self.query("#story")):
            return
        now = self.app.application.clock.now()
        self.query_one("#state", Paper).show(state_blocks(self.incident, self.item, self.suspects, now))
        self.query_one("#story", Paper).show(story_blocks(self.incident.entries))

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys, until the next."""
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        act = action.partition("(")[0]
        if act in ("write", "answer", "status", "impact", "roles"):
            if not self.app.application.person:
                return "nobody is named who could write; add [[person]] to stas.toml"
            if self.incident is None:
                return "still reading"
        if act == "answer" and not (self.incident and open_questions(self.incident.entries)):
            return "no question is open"
        if act == "runbook" and not self.item.links:
            return "no runbook is named"
        return None

    # writing --------------------------------------------------------------------------------------

    def _do(self, act: str, *args: str) -> None:
        self.run_worker(self._guarded(act, *args), group="act", exclusive=True)

    async def _guarded(self, act: str, *args: str) -> None:
        try:
            await getattr(self, f"_{act}")(*args)
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        if self.is_mounted:
            await self.reload()

    async def _put(self, kind: str, text: str) -> None:
        await self.app.hand.answer(self.desk.write, self.item.key, by=self.app.application.person, kind=kind, text=text)

    def action_write(self, kind: str) -> None:
        """A note, a decision or a question."""
        self._do("write", kind)

    async def _write(self, kind: str) -> None:
        hints = {
            "note": "What was seen or done. It stands in the timeline with your name.",
            "decision": "What was decided, and on what ground.",
            "question": "What nobody knows yet.",
        }
        text = await self.app.push_screen_wait(AskReason(kind.capitalize(), hints[kind], label=kind.capitalize()))
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
        text = await self.app.push_screen_wait(AskReason("Answer", flat(question.text, 300), label="Answer"))
        if text:
            await self._put("answer", f"{flat(question.text, 80)}: {text}")

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
        text = await self.app.push_screen_wait(
            AskReason("Impact", "Who is hurt, how, since when: one line for people outside.", label="Impact", value=now)
        )
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
        who = await self.app.push_screen_wait(
            AskReason(
                f"Who is the {role}?", "Ask them first; a role is handed over in words.", label="Name", value=person
            )
        )
        if who:
            await self.app.hand.answer(self.desk.role, self.item.key, by=person, role=role, who=who)

    # looking --------------------------------------------------------------------------------------

    def action_changes(self) -> None:
        """The changes that probably caused it, with the reasons."""
        text = changes_text(self.suspects, self.item, self.app.application.clock.now())
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
        if self.incident is None:
            return ""
        now = self.app.application.clock.now()
        blocks = [*state_blocks(self.incident, self.item, self.suspects, now), *story_blocks(self.incident.entries)]
        return f"{safe_text(self.item.title)}\n" + "\n".join(_plain(block) for block in blocks)

    def action_leave(self) -> None:
        """Back to the list."""
        self.dismiss(None)


def open_questions(entries: Sequence[IncidentEntry]) -> list[IncidentEntry]:
    """Questions that no answer names yet."""
    answers = [entry.text for entry in entries if entry.kind == "answer"]
    return [
        entry
        for entry in entries
        if entry.kind == "question" and not any(text.startswith(flat(entry.text, 80)) for text in answers)
    ]


def state_blocks(incident: Incident, item: TriageItem, suspects: Sequence[Json], now: int) -> list[Block]:
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
    for number, suspect in enumerate(suspects[:CHANGES]):
        blocks.append(Field("" if number else "Change", change_words(suspect, item)))
    if not suspects:
        blocks.append(Field("Change", "no change is known in the hour before it began", mark=Mark.UNKNOWN))
    blocks += [Field("" if number else "Link", link[:LONGEST]) for number, link in enumerate(item.links)]
    return blocks


def _mark(status: str) -> Mark:
    return _STATUS_MARKS.get(status, Mark.UNKNOWN)


def change_words(suspect: Json, item: TriageItem) -> str:
    """One suspect change in a line: what, how long before, why it is suspected."""
    before = item.first_seen - int(suspect.get("at") or item.first_seen)
    sha = str(suspect.get("sha") or "")[:9]
    pr = f", pull request {suspect['pr']}" if suspect.get("pr") else ""
    what = str(suspect.get("what") or "a change")[:LONGEST]
    why = str(suspect.get("why") or f"{age(before)} before it began")[:LONGEST]
    return f"{what} ({sha}{pr}): {why}"


def changes_text(suspects: Sequence[Json], item: TriageItem, now: int) -> str:
    """All suspect changes."""
    if not suspects:
        return "No change is known in the hour before it began. That is no proof that there was none."
    lines = ["The likeliest first. Close in time is no proof.", ""]
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


def _plain(block: Block) -> str:
    if isinstance(block, Heading):
        return f"\n{flat(block.text)}"
    if isinstance(block, Field):
        return f"{flat(block.label):<8}{flat(block.value)}"
    return f"{flat(block.at)}  {flat(block.text)}"
