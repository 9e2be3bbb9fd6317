"""The keys of the on-call screen, and when each of them works."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from stas_tui.screens import models
from stas_tui.screens.common import HELP_KEY, ClickedKeys
from stas_tui.screens.triage_rows import TriageRows
from storage.triage_records import ItemClass, TriageItem
from widgets.detail import Detail
from widgets.keybar import KeyBar
from widgets.steady_list import SteadyList

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.triage_acts import Acts

KEY_RANKS = {
    "oncall.mark": 1,
    "list.filter": 2,
    "oncall.escalate": 3,
    "oncall.incident": 4,
    "oncall.sources": 6,
    "oncall.numbers": 9,
    "oncall.detail": 7,
    "oncall.group": 8,
}
"""Which keys leave the bottom line first on a narrow screen: the highest number."""

WRITES = frozenset(
    {
        *("own", "own_until", "release", "snooze", "escalate", "group", "ungroup", "dismiss", "undo"),
        *("task", "silence", "acknowledge", "reply", "hand_over"),
    }
)
ALWAYS = frozenset(
    {"hand_over", "undo", "views", "gate", "filter", "sources", "numbers", "leave", "clear", "zoom", "detail"}
)
"""What is about no item."""
ON_MARKS = frozenset({"own", "own_until", "release", "snooze", "group", "dismiss"})
"""What is about everything that is marked."""
NOBODY = "nobody is named who could act; add [[person]] to stas.toml"


class TriageKeys(ClickedKeys, Screen[None]):
    """Bindings and availability; drawing is the screen's own, acts are the acts'."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "act('own')", "own", id="oncall.own"),
        Binding("Z", "act('snooze')", "snooze", id="oncall.snooze"),
        Binding("E", "act('escalate')", "escalate", id="oncall.escalate"),
        Binding("I", "act('incident')", "incident", id="oncall.incident"),
        Binding("H", "act('hand_over')", "hand over", id="oncall.hand_over"),
        Binding("space", "mark", "mark", id="oncall.mark"),
        Binding("p", "app.pause", "pause", id="app.pause", show=False),
        Binding("W", "act('own_until')", "own until", id="oncall.own_until", show=False),
        Binding("R", "act('release')", "give back", id="oncall.release", show=False),
        Binding("G", "act('group')", "group", id="oncall.group", show=False),
        Binding("U", "act('ungroup')", "ungroup", id="oncall.ungroup", show=False),
        Binding("D", "act('dismiss')", "dismiss", id="oncall.dismiss", show=False),
        Binding("u", "act('undo')", "undo", id="oncall.undo", show=False),
        Binding("T", "act('task')", "draft a task", id="oncall.task", show=False),
        Binding("S", "act('silence')", "silence", id="oncall.silence", show=False),
        Binding("g", "act('gate')", "gate", id="oncall.gate", show=False),
        Binding("a", "act('acknowledge')", "acknowledge", id="oncall.acknowledge", show=False),
        Binding("w", "act('reply')", "write back", id="oncall.reply", show=False),
        Binding("n", "new", "what is new", id="oncall.new", show=False),
        Binding("e", "evidence", "evidence", id="oncall.evidence", show=False),
        Binding("v", "act('views')", "views", id="oncall.views", show=False),
        Binding("s", "sources", "sources", id="oncall.sources"),
        Binding("N", "act('numbers')", "numbers", id="oncall.numbers"),
        Binding("y", "copy", "copy", id="oncall.copy", show=False),
        Binding("z", "zoom", "zoom", id="oncall.zoom", show=False),
        Binding("tab", "detail", "list / detail", id="oncall.detail", show=False),
        Binding("c,q", "leave", "dashboard", id="oncall.back", show=False),
        Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
        Binding("slash", "filter", "filter", id="list.filter"),
        Binding("question_mark", "app.help", "help", id=HELP_KEY.id, tooltip=HELP_KEY.tooltip),
    ]

    HELP = (
        "Everything that needs a person, in one order: incidents and every P0, gates that are due, deployments, other "
        "gates, the rest.\nspace marks several items for one act. What is put aside stands below the line. Nothing "
        "here reaches the outside on one key.\nThe filter takes words and name:value, with - for not: class:incident "
        "p:0 owner:me owner:none tenant:acme service:api is:new."
    )

    app: StasApp
    rows: TriageRows
    acts: Acts
    problem: str
    """Why the list cannot be read; empty while it can."""

    @property
    def table(self) -> SteadyList:
        """The list."""
        return self.query_one(SteadyList)

    @property
    def alive(self) -> bool:
        """Whether the screen stands; on the way out its parts go first, and answers may still arrive."""
        return self.is_mounted and bool(self.query(Detail)) and bool(self.query(KeyBar))

    def selected_item(self) -> TriageItem | None:
        """The item under the cursor."""
        return self.rows.item(self.table.selected) if self.alive else None

    def chosen(self) -> list[TriageItem]:
        """What an act is about: everything marked, else the item under the cursor."""
        found = [self.rows.item(key) for key in self.rows.chosen(self.table.selected)] if self.alive else []
        return [item for item in found if item is not None]

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now; `disabled_reason` says why."""
        name = f"act('{parameters[0]}')" if action == "act" else action
        return None if self.disabled_reason(name) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        act = action.removeprefix("act('").removesuffix("')")
        if act in WRITES and not self.app.application.person:
            return NOBODY
        if act in WRITES and self.problem:
            return "the list cannot be read just now"
        if act in ALWAYS:
            return self._gate_reason() if act == "gate" else None
        if act == "new":
            return None if self.rows.fresh else "nothing is new"
        item = self.selected_item()
        if item is None and not (self.rows.marks and act in ON_MARKS):
            return "select an item first"
        return self._item_reason(act, item)

    def _item_reason(self, act: str, item: TriageItem | None) -> str | None:
        if act == "release" and not any(each.owner == self.rows.person for each in self.chosen()):
            return "it is not yours"
        if item is None:
            return None
        if act in ("acknowledge", "reply") and item.item_class is not ItemClass.MESSAGE:
            return "this is no message"
        if act == "silence" and not item.key.startswith("alert:"):
            return "only an alert can be silenced"
        if act == "ungroup" and not item.members and not (item.note and item.note.group):
            return "it is in no group"
        return None

    def _gate_reason(self) -> str | None:
        view = self.app.main.view
        return None if view is not None and models.waits(view) else "no gate waits for you"

    # keys that only look --------------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """An act on what is chosen."""
        self.acts.begin(name)

    def action_evidence(self) -> None:
        """The evidence tab of the detail."""
        detail = self.query_one(Detail)
        detail.show_tab("Evidence")
        detail.focus()

    def action_copy(self) -> None:
        """The item's text to the clipboard."""
        from stas_tui.screens.details import as_text
        from stas_tui.screens.outside import copy

        copy(self.app, as_text(self.query_one(Detail).model))

    def action_filter(self) -> None:
        """Type a filter."""
        self.table.focus()
        self.table.action_filter()
        self.refresh_bindings()

    def action_sources(self) -> None:
        """Every source with its age and its reason."""
        self.acts.begin("sources")
