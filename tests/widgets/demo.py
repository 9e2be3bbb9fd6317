"""The main screen composed of sample models: to look at, and for the pictures."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Grid, Horizontal, Vertical
from textual.screen import ModalScreen

from tests.widgets import samples
from tests.widgets.tiny import TinyApp
from widgets.detail import Detail
from widgets.gate_lock import GateLock
from widgets.gate_model import GateModel
from widgets.gate_view import GateView
from widgets.keybar import KeyBar
from widgets.matrix import Matrix
from widgets.panel import Panel
from widgets.rows import StaticRows
from widgets.stepline import PanelTabs, StepLine
from widgets.stepper import Stepper
from widgets.topbar import TopBar
from widgets.virtual_list import VirtualList


class WideDemo(TinyApp):
    """Main at 120x36."""

    CSS = (
        TinyApp.CSS
        + """
    Grid { grid-size: 2 2; grid-rows: 11; grid-gutter: 0; height: 22; }
    """
    )

    def compose(self) -> ComposeResult:
        now = self.clock.now
        yield TopBar(samples.TOP)
        with Horizontal():
            yield Stepper(samples.STEPS, samples.TODAY)
            with Vertical():
                with Grid():
                    yield Panel(
                        VirtualList(StaticRows(samples.inbox_rows()), samples.INBOX_COLUMNS, now=now, id="inbox"),
                        model=samples.INBOX,
                    )
                    yield Panel(
                        VirtualList(StaticRows(samples.queue_rows()), samples.QUEUE_COLUMNS, id="queue"),
                        model=samples.QUEUE,
                    )
                    yield Panel(
                        VirtualList(StaticRows(samples.infra_rows()), samples.INFRA_COLUMNS, id="infra"),
                        model=samples.INFRA,
                    )
                    yield Panel(Matrix(samples.MATRIX), model=samples.ISOLATION)
                yield Detail(samples.DETAIL)
        yield KeyBar(samples.HINTS)

    def on_mount(self) -> None:
        self.query_one("#queue").focus()


class NarrowDemo(TinyApp):
    """Main at 80x24."""

    CSS = TinyApp.CSS + "Panel { height: 1fr; } Detail { height: 7; }"

    def compose(self) -> ComposeResult:
        yield TopBar(samples.TOP)
        yield StepLine(samples.STEPS)
        yield PanelTabs(samples.TABS, "2")
        yield Panel(
            VirtualList(StaticRows(samples.queue_rows()), samples.QUEUE_COLUMNS, id="queue"), model=samples.QUEUE
        )
        yield Detail(samples.DETAIL)
        yield KeyBar(samples.HINTS)

    def on_mount(self) -> None:
        self.query_one("#queue").focus()


class GateScreen(ModalScreen[None]):
    """A gate as a dialog over the screen, or as the whole of a small one."""

    CSS = """
    GateScreen { align: center middle; background: $base 70%; }
    GateScreen > Container { background: $dialog; }
    GateScreen > .-wide { width: 92; height: 31; border: round $human; }
    """

    def __init__(self, model: GateModel, lock: GateLock, wide: bool) -> None:
        super().__init__()
        self.view = GateView(model, lock)
        self._wide = wide

    def compose(self) -> ComposeResult:
        yield Container(self.view, classes="-wide" if self._wide else "")

    def on_mount(self) -> None:
        self.view.set_countdown("04:12")


class GateDemo(WideDemo):
    """A gate over the main screen; its lock was fed as a healthy system would."""

    def __init__(
        self, model: GateModel = samples.GATE, *, wide: bool = True, day: bool = False, ascii_only: bool = False
    ):
        super().__init__(day=day, ascii_only=ascii_only)
        self.lock = GateLock(self.clock.monotonic, needs_name=model.needs_name)
        self.lock.evidence_fresh(True)
        self.lock.source_connected(True)
        self.gate = GateScreen(model, self.lock, wide)

    def on_mount(self) -> None:
        self.push_screen(self.gate)
