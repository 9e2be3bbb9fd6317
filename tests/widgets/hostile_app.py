"""Every widget, filled with hostile text, in a real terminal: run by the pseudo-terminal test.

Usage: python -m tests.widgets.hostile_app [list]; `list` shows one long list for the tests of cost.
"""

from __future__ import annotations

import sys

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from storage.records import DataState
from tests.widgets.samples import HOSTILE
from tests.widgets.tiny import TinyApp
from widgets.detail import Chart, Detail, DetailModel, EvidenceRow, Field, Moment
from widgets.editor import SafeEditor
from widgets.form import LabelledInput, Section, SectionMeter
from widgets.gate_lock import GateLock
from widgets.gate_model import GateBlock, GateModel, RiskRow
from widgets.gate_view import GateView
from widgets.keybar import KeyBar, KeyHint
from widgets.log_view import LogView
from widgets.matrix import Matrix, MatrixModel, MatrixRow
from widgets.panel import Count, Panel, PanelModel
from widgets.rows import Cell, Column, ListRow, StaticRows
from widgets.stepline import PanelTabs, StepLine, Tab
from widgets.stepper import Stepper
from widgets.steps import StepView, Tally
from widgets.text_view import TextView
from widgets.tokens import Mark
from widgets.topbar import TopBar, TopBarModel
from widgets.virtual_list import VirtualList

DRAWN = "EVERYTHING-IS-DRAWN"


def hostile_gate() -> GateModel:
    """A gate of which every text is hostile."""
    return GateModel(
        title=HOSTILE,
        step=HOSTILE,
        environment=HOSTILE,
        risk_word=HOSTILE,
        digest=HOSTILE,
        lines=((HOSTILE, HOSTILE),),
        blocks=(GateBlock(HOSTILE, HOSTILE),),
        risks=(RiskRow(HOSTILE, HOSTILE, Mark.WARN),),
        evidence=(EvidenceRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE), EvidenceRow("2", HOSTILE)),
        warnings=(HOSTILE,),
        confirm_name=HOSTILE,
    )


class HostileApp(TinyApp):
    """All widgets below each other on a very tall terminal."""

    CSS = """
    Screen { background: $base; }
    Panel, Detail, TextView, LogView, SafeEditor { height: 8; }
    Stepper { height: 12; }
    GateView { height: 40; }
    """
    BINDINGS = [("q", "quit", "Quit"), ("t", "tabs", HOSTILE)]

    def compose(self) -> ComposeResult:
        row = ListRow(HOSTILE, HOSTILE, (Cell(HOSTILE), Cell(HOSTILE), Cell(HOSTILE)), Mark.WARN)
        detail = DetailModel(
            key=HOSTILE,
            title=HOSTILE,
            fields=(Field(HOSTILE, HOSTILE, HOSTILE, Mark.WARN),),
            timeline=(Moment(HOSTILE, HOSTILE),),
            evidence=(EvidenceRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
            raw=HOSTILE,
            chart=Chart(HOSTILE, (1.0,), HOSTILE, HOSTILE),
        )
        with VerticalScroll():
            yield TopBar(
                TopBarModel(HOSTILE, HOSTILE, 1, HOSTILE, HOSTILE, HOSTILE, Mark.OK, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
            )
            yield StepLine([StepView(1, HOSTILE, Mark.RUN, HOSTILE, HOSTILE)])
            yield PanelTabs([Tab(HOSTILE, HOSTILE, (Count(HOSTILE, Mark.FAIL), Count(HOSTILE)))], HOSTILE)
            yield Stepper(
                [StepView(1, HOSTILE, Mark.HUMAN, HOSTILE, HOSTILE)], [Tally(Mark.DONE, HOSTILE)], title=HOSTILE
            )
            yield Panel(
                VirtualList(StaticRows([row]), (Column(HOSTILE, 12), Column(HOSTILE), Column(HOSTILE, 6, right=True))),
                model=PanelModel(HOSTILE, HOSTILE, (Count(HOSTILE),), DataState.STALE, HOSTILE, HOSTILE),
            )
            yield Panel(
                Matrix(MatrixModel((HOSTILE,), (MatrixRow(HOSTILE, (Mark.FAIL,)),), HOSTILE)),
                model=PanelModel(HOSTILE),
            )
            yield Panel(LogView(), model=PanelModel(HOSTILE, state=DataState.ERROR, sentence=HOSTILE))
            yield Detail(detail)
            yield TextView(HOSTILE)
            yield LogView(id="log")
            yield LabelledInput(HOSTILE, HOSTILE)
            yield SafeEditor(HOSTILE)
            yield SectionMeter([Section(HOSTILE, HOSTILE), Section(HOSTILE, "filled")])
            yield GateView(hostile_gate(), GateLock(self.clock.monotonic))
            yield KeyBar([KeyHint(HOSTILE, HOSTILE), KeyHint("x", HOSTILE, enabled=False, reason=HOSTILE)])

    def on_mount(self) -> None:
        self.query_one(GateView).set_countdown(HOSTILE)
        self.query_one("#log", LogView).write_lines([HOSTILE, HOSTILE])
        view = self.query_one(TextView)
        view.search("tail")
        self.query_one(Detail).focus()

    def action_tabs(self) -> None:
        """The next tab of the detail panel; after the last one the mark that all was drawn."""
        detail = self.query_one(Detail)
        detail.action_tab(1)
        if detail.tab == "Summary":
            self.query_one(TextView).show(HOSTILE + DRAWN)


class LongList(TinyApp):
    """One list of a hundred thousand rows that fills the terminal."""

    BINDINGS = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        rows = [ListRow(str(n), 1, (Cell(f"T-{n}"), Cell(f"Task {n}"), Cell("x")), Mark.TODO) for n in range(100_000)]
        columns = (Column("task", 8), Column("what"), Column("owner", 8))
        yield Panel(VirtualList(StaticRows(rows), columns), model=PanelModel(DRAWN))

    def on_mount(self) -> None:
        self.query_one(VirtualList).focus()


if __name__ == "__main__":
    (LongList() if sys.argv[1:] == ["list"] else HostileApp()).run()
