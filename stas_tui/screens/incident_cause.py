"""Naming the cause of an incident by keys: one of the suspects, own words, or taking it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from stas_tui.screens.dialogs import Ask
from stas_tui.screens.typed_line import written
from stas_tui.triage.incidents import cause_words, named_words
from storage.clock import hhmm
from storage.records import Json
from storage.triage_records import Incident
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.app import StasApp

ANSWER = 66
OFFERED = 7
HINT = "What set it off: a change, a load, a missing control; never who."


class AskLine(Protocol):
    """Asks for one line about the incident that survives a crash while it is typed."""

    async def __call__(self, kind: str, title: str, hint: str, *, label: str, value: str = "") -> str | None:
        """The line, or None."""
        ...


async def name_cause(
    app: StasApp, incident: Incident, suspects: Sequence[Json], ask: AskLine, place: Callable[[str], str]
) -> None:
    """Ask, then write it down for the person at this terminal. Raises `StasError`.

    What somebody else named while the dialog was open is not overwritten: the desk refuses and says so.
    """
    desk, person, key = app.application.desk, app.application.person, incident.key
    cause = incident.cause
    seen = cause.id if cause else 0
    offered = list(suspects[:OFFERED])
    answers = {str(n): flat(f"{cause_words(each)}", ANSWER) for n, each in enumerate(offered, 1)}
    answers["w"] = "own words"
    if cause is not None:
        answers["t"] = "take the named cause back"
    now = f"Now: {flat(cause.text, 200)} ({named_words(cause, hhmm(cause.at))})" if cause else "No cause is named yet."
    answer = await app.push_screen_wait(
        Ask("What caused it?", f"{now}\n{HINT}{' Suspected is not proved.' if offered else ''}", answers)
    )
    if answer is None:
        return
    if answer == "t":
        why = await ask(
            "withdrawn", "Take the cause back", "What speaks against it? Both stay in the timeline.", label="Why"
        )
        if why:
            await app.hand.answer(desk.withdraw_cause, key, by=person, why=why, seen=seen)
            await written(app, place("withdrawn"))
            app.say("The cause is taken back; the timeline keeps it, with your reason.")
        return
    sha, text = "", None
    if answer == "w":
        text = await ask("cause", "The cause in your words", HINT, label="Cause", value=cause.text if cause else "")
    else:
        suspect = offered[int(answer) - 1]
        sha, text = str(suspect.get("sha") or ""), cause_words(suspect)
    if text:
        await app.hand.answer(desk.name_cause, key, by=person, text=text, sha=sha, seen=seen)
        if answer == "w":
            await written(app, place("cause"))
        left = "" if incident.status != "investigating" else " The status is still investigating: s changes it."
        app.say(f"The cause is named.{left}")
