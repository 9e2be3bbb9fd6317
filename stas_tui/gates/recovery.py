"""What is done about effects that a process left half done: taken over, looked for, recorded, never done twice."""

from __future__ import annotations

from stas_tui.gates.contract import Effect, Shown, Tool
from stas_tui.gates.tool_words import tool_words
from stas_tui.gates.tools.base import Door
from storage.errors import StasError
from storage.journal import IllegalMove, StillRunning
from storage.records import Action, ActionState, EffectClass, Json


class Recovery:
    """Settling what a dead process left; part of `Toolbox`."""

    door: Door
    _owner: str

    def _tool(self, name: str) -> Tool:
        raise NotImplementedError

    def _outcome(self, handler: Tool, action: Action, effect: Effect) -> Json:
        raise NotImplementedError

    def recover(self) -> list[str]:
        """Settle what a dead process left half done, and end what ran out meanwhile. Returns a sentence for each.

        Nothing is started here: what was proved not to have happened waits as approved (or asks again).
        """
        told = [_expired(action) for action in self.door.journal.sweep_expired()]
        for found in self.door.journal.open_actions():
            try:
                sentence = self._recovered(found)
            except StillRunning:
                sentence = f"{_name(found)} is being done by another process."
            except IllegalMove:
                sentence = f"{_name(found)} was settled by another process at the same moment."
            told.append(sentence)
        return told

    def settled(self, action: Action) -> Action:
        """The action as it stands once what a dead process, or an unclear answer, left open has been looked for.

        Comes back as it was while its owner still works on it, while nothing can be seen, and if only a person can
        tell what happened.
        """
        try:
            if action.state is ActionState.EXECUTING:
                action = self.door.journal.take_over(action.id, owner=self._owner)
            if action.state is ActionState.UNKNOWN and action.effect_class is not EffectClass.OPAQUE:
                self._reconcile(action)
                return self.door.journal.get(action.id)
        except IllegalMove:
            return self.door.journal.get(action.id)
        except StillRunning:
            return action
        return action

    def _recovered(self, action: Action) -> str:
        if action.state is ActionState.EXECUTING:
            action = self.door.journal.take_over(action.id, owner=self._owner)
        if action.state is ActionState.UNKNOWN:
            sentence = self._reconcile(action)
        else:
            sentence = f"{_name(action)} was approved and not started; it goes on when the pulse does."
        pulse = self.door.pulses.get(action.pulse_id)
        if pulse.ended_at is not None and self.door.journal.get(action.id).state in _MAY_START:
            why = f"pulse {pulse.number} ended before it was done"
            self.door.journal.withdraw(action.id, by="system", reason=why)
            return f"{_name(action)} was not done: {why}."
        return sentence

    def _reconcile(self, action: Action) -> str:
        name = _name(action)
        if action.effect_class is EffectClass.OPAQUE:
            return f"{name} was interrupted and cannot be looked up; say what happened."
        handler = self._tool(action.tool)
        action = self.door.journal.get(action.id)
        try:
            effect = handler.find(action, action.id)
            outcome = None if effect is None else self._outcome(handler, action, effect)
        except (StasError, OSError) as error:
            return f"{name} was interrupted; whether it happened cannot be seen yet: {error}"
        if outcome is None:
            now = self.door.journal.reconcile(action.id, found=False, detail="looked for it: not there")
            then = "it asks you again" if now.state is ActionState.PENDING else "it goes on when the pulse does"
            return f"{name} was interrupted before it happened; nothing was done twice, {then}."
        self.door.journal.reconcile(action.id, found=True, outcome=outcome, detail="found after a restart")
        return f"{name} had happened before the interruption; it was found and recorded."


_MAY_START = (ActionState.PENDING, ActionState.APPROVED)


def _name(action: Action) -> str:
    return f"{tool_words(action.tool)} ({Shown.from_json(action.revision.shown if action.revision else {}).title})"


def _expired(action: Action) -> str:
    waited = "was approved, but not started in time" if action.decided_by else "expired without an answer"
    return f"{_name(action)} {waited}; nothing was done. If the pulse still needs it, it asks again."
