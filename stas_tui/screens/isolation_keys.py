"""The keys on isolation checks: when each of them works, and what each of them asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from stas_tui.isolation.base import UNDECLARED
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.isolation_acts import IsolationActs, Target
from storage.check_records import Verdict
from storage.records import Mode

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.isolation.cells import Board

KEY_RANKS = {
    name: rank
    for rank, name in enumerate(
        (
            "isolation.back",
            "isolation.scan",
            "isolation.accept",
            "isolation.filter",
            "isolation.task",
            "isolation.moved",
            "isolation.scan_check",
            "isolation.switch",
            "isolation.scan_all",
            "isolation.end",
            "isolation.scan_tenant",
            "list.filter",
            "isolation.copy",
        ),
        1,
    )
}
"""Which keys leave the bottom line first on a narrow screen: the highest number."""

ACTS = ("scan", "scan_all", "scan_tenant", "scan_check", "cancel", "accept", "end", "task", "draft")
"""What `IsolationActs` does by name."""

SHARED: list[BindingType] = [
    Binding("c", "act('scan_check')", "rescan check", id="isolation.scan_check", tooltip="Run this check again."),
    Binding("X", "act('cancel')", "cancel", id="isolation.cancel", tooltip="End the checks that run."),
    Binding("A", "act('accept')", "accept", id="isolation.accept", tooltip="Accept it until a day, with a reason."),
    Binding("E", "act('end')", "end acceptance", id="isolation.end", tooltip="Take it back."),
    Binding("T", "act('task')", "draft a task", id="isolation.task", tooltip="Fill a task in from it."),
    Binding("y", "copy", "copy", id="isolation.copy", show=False),
    Binding("q", "back", "back", id="isolation.back", tooltip="Back to where you came from."),
    Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
    PAUSE_KEY,
    Binding("question_mark", "app.help", "help", id=HELP_KEY.id, tooltip=HELP_KEY.tooltip),
]
"""Keys that mean the same about a cell and about one check."""


class IsolationKeys(ClickedKeys, Screen[None]):
    """Bindings, their reasons and the acts behind them; drawing is each screen's own."""

    app: StasApp
    acts: IsolationActs

    BINDINGS: ClassVar[list[BindingType]] = []

    # what a screen answers ------------------------------------------------------------------------

    @property
    def board(self) -> Board | None:
        """The matrix that is shown; None while it is read."""
        raise NotImplementedError

    def target(self) -> Target | None:
        """What the cursor is on."""
        raise NotImplementedError

    async def reload(self) -> None:
        """Look again and draw what changed."""
        raise NotImplementedError

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now; what there is nothing of is not offered."""
        name = f"{action}('{parameters[0]}')" if action == "act" else action
        reason = self.disabled_reason(name)
        if name in ("act('cancel')", "act('draft')", "act('end')", "project") and reason:
            return False
        return None if reason else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        board = self.board
        if action.startswith("act("):
            act = action.removeprefix("act('").removesuffix("')")
            return "still reading" if board is None else self._why_not(act, board)
        if action == "project" and len(self.app.application.settings.project) < 2:
            return "there is one project"
        return None

    def _why_not(self, act: str, board: Board) -> str | None:
        rounds = self.app.application.rounds
        running = rounds.under(board.project_id) is not None
        if act == "cancel":
            return None if running else "no checks run here"
        if act.startswith("scan"):
            if running:
                return "the checks run already; X ends them"
            if board.problem == UNDECLARED:
                return "tenancy is not declared; D drafts the file"
            if act == "scan_check" and self._check() is None:
                return "go to a check first"
            return None
        if act == "draft":
            return None if board.problem == UNDECLARED else "there is a tenancy file already"
        return self._why_not_decided(act)

    def _why_not_decided(self, act: str) -> str | None:
        target = self.target()
        if act == "task":
            if target is None or not target.said.leads:
                return "go to a check with a lead first"
            view = self.app.main.view
            return None if view is not None and view.pulse is not None else "no pulse is open; a task needs one"
        if not self.app.application.person:
            return "nobody is named who could decide"
        view = self.app.main.view
        if (view.mode if view is not None else self.app.application.mode) is Mode.OBSERVE:
            return "Observe decides nothing; m on the dashboard raises the mode"
        if act == "end":
            return None if target is not None and self.acts.acceptances(target) else "nothing is accepted here"
        if target is None or target.said.verdict not in (Verdict.FLAGGED, Verdict.UNKNOWN) or not target.open_leads:
            return "nothing is flagged or asked here"
        return None

    def _check(self) -> str | None:
        target = self.target()
        return target.said.spec.id if target is not None else None

    # acts -----------------------------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """One of `ACTS`, if it works now."""
        reason = self.disabled_reason(f"act('{name}')")
        if reason is None:
            self.acts.begin(name)
        else:
            self.app.say(reason[0].upper() + reason[1:] + ".")

    def action_copy(self) -> None:
        """Everything behind what the cursor is on."""
        from stas_tui.screens.outside import copy

        copy(self.app, self.as_text())

    def as_text(self) -> str:
        """What `copy` copies."""
        raise NotImplementedError

    def action_clear(self) -> None:
        """Back to everything, else back to where one came from."""
        self.action_back()

    def action_back(self) -> None:
        """Back to where one came from."""
        self.dismiss(None)
