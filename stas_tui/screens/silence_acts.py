"""Changing a silence that hides an item: longer or over, each asked for at a gate and carried out after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stas_tui.gates.contract import Answer, Override
from stas_tui.notify.alertmanager_v2 import to_rfc3339
from stas_tui.screens.asked import after_gate, outcome_words
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.triage.quiet import Standing
from storage.clock import HOUR, MINUTE, hhmm
from storage.records import Action, Json
from storage.triage_records import TriageItem
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.app import StasApp

LONGER = {"1": ("15 minutes", 15 * MINUTE), "2": ("1 hour", HOUR), "3": ("4 hours", 4 * HOUR)}
NO_PULSE = "Begin a pulse first: its log has to hold this. c on the list goes to the dashboard, space begins one."
MOST = 8


async def change_silence(app: StasApp, item: TriageItem, silences: Sequence[Standing]) -> None:
    """Ask how, and why; then the gate opens. Raises `StasError`."""
    view = app.main.view
    if view is None or view.pulse is None or view.pulse.ended_at is not None:
        app.say(NO_PULSE)
        return
    silence = await _which(app, silences)
    if silence is None:
        return
    answers = {key: f"{label} longer, until {hhmm(silence.ends_at + more)}" for key, (label, more) in LONGER.items()}
    answer = await app.push_screen_wait(
        Ask(
            f"A silence hides it until {hhmm(silence.ends_at)}",
            f"{_said(silence)}\nWhatever you choose waits as a gate first.",
            {**answers, "e": "End it now: what it hides pages again"},
        )
    )
    if answer is None:
        return
    title = "End the silence" if answer == "e" else f"Silence until {hhmm(silence.ends_at + LONGER[answer][1])}"
    hint = "The reason stands in the gate and in the log." if answer == "e" else "The reason goes behind its comment."
    reason = await app.push_screen_wait(AskReason(title, f"{flat(item.title, 200)}\n{hint}"))
    if not reason:
        return
    args: Json = {"source": silence.source, "silenceId": silence.id, "reason": reason}
    if answer != "e":
        until = to_rfc3339(silence.ends_at + LONGER[answer][1])
        args |= {"ends": to_rfc3339(silence.ends_at), "until": until}
    tool = "end_silence" if answer == "e" else "extend_silence"
    done = await _call(app, tool, args, view.pulse.id, item.key)
    if done is not None:
        await _goes_on(app, done)


async def _which(app: StasApp, silences: Sequence[Standing]) -> Standing | None:
    if len(silences) == 1:
        return silences[0]
    shown = silences[:MOST]
    labels = {str(n): flat(f"until {hhmm(each.ends_at)}: {each.comment}", 66) for n, each in enumerate(shown, 1)}
    answer = await app.push_screen_wait(Ask("Which silence?", "It stays hidden while any of them stands.", labels))
    return None if answer is None else shown[int(answer) - 1]


def _said(silence: Standing) -> str:
    hides = f"It hides {silence.hides} alert{'' if silence.hides == 1 else 's'}" if silence.hides else "It hides"
    return f"{hides}, set by {flat(silence.by, 80) or 'nobody named'}: {flat(silence.comment, 300)}"


async def _call(app: StasApp, tool: str, args: Json, pulse_id: str, cause: str) -> Answer | None:
    """The door's answer; against a lock once more with a typed reason. None if the person went back."""
    toolbox, person = app.application.context.toolbox, app.application.person

    async def call(override: Override | None) -> Answer:
        return await app.hand.act(
            toolbox.call, tool, args, pulse_id=pulse_id, caller=person, caused_by=cause, override=override
        )

    answer = await call(None)
    if answer.status != "locked":
        return answer
    why = await app.push_screen_wait(
        AskReason("Go on against a lock?", f"{answer.reason}\nYour reason stands in the log and the summary.")
    )
    return await call(Override(by=person, reason=why)) if why else None


async def _goes_on(app: StasApp, answer: Answer) -> None:
    """Open the gate that was asked for; say what else became of it."""
    from stas_tui.screens.gate import GateScreen

    action: Action | None = answer.action
    if answer.status == "pending" and action is not None:
        decided = await app.push_screen_wait(GateScreen(action))
        if decided == "deferred":
            app.say("It waits for your approval; g on the list opens it.")
        await after_gate(app, decided, action)
    elif answer.status == "ok" and not answer.result.get("changed", True):
        app.say("It is so already; nothing was changed.")
    else:
        app.say(outcome_words(answer), error=answer.status != "ok")
