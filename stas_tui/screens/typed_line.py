"""A line that survives the death of the program while it is typed: kept as one types, offered again, then dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Static

from stas_tui.screens.dialogs import DIALOG_CSS, AskReason
from storage.clock import hhmm
from storage.errors import StasError
from widgets.content import safe

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.triage.typed import Left, Typed

KEEP_S = 0.4
"""So long after the first letter that is not kept yet, everything typed so far is kept."""
NOT_KEPT = "Not kept as you type:"
KEPT = "Kept here as you type: enter writes it down, escape drops it."


def typed_of(app: StasApp) -> Typed:
    """The half-typed texts of the person at this terminal."""
    from stas_tui.triage.typed import Typed

    application = app.application
    return Typed(application.profile.typed, application.person, application.clock)


def left_lines(app: StasApp) -> list[str]:
    """A sentence for each text that was begun and not sent; read once after a start."""
    try:
        return [f"{left_words(left)} It is kept." for left in typed_of(app).all_left()]
    except StasError as error:
        return [str(error)]


def left_words(left: Left, what: str = "") -> str:
    """What was begun and not sent; `what` where the place says the rest."""
    return f"You began {what or left.what} at {hhmm(left.at)} and did not send it."


class Keeper:
    """Keeps the texts of one screen while they are typed, beside the interface."""

    def __init__(self, screen: Screen[Any], failed: Callable[[str], None]) -> None:
        """`failed` hears why nothing can be kept."""
        self._screen, self._failed = screen, failed
        self._due: dict[str, Timer] = {}
        self._over = False

    def soon(self, place: str, what: str, read: Callable[[], str]) -> None:
        """Keep what `read` gives in a moment; what is typed until then is kept with it."""
        if not self._over and place not in self._due:
            self._due[place] = self._screen.set_timer(KEEP_S, lambda: self._keep_now(place, what, read))

    def stop(self) -> None:
        """Keep nothing any more: the text is sent, or dropped."""
        self._over = True

    def _keep_now(self, place: str, what: str, read: Callable[[], str]) -> None:
        self._due.pop(place, None)
        if not self._over:
            self._screen.run_worker(self._keep(place, what, read()), group="keep")

    async def _keep(self, place: str, what: str, text: str) -> None:
        app: StasApp = self._screen.app  # type: ignore[assignment]
        try:
            await app.hand.answer(typed_of(app).keep, place, text, what=what)
        except StasError as error:
            self._failed(str(error))


class AskKept(AskReason):
    """A line as `AskReason` asks for it, kept on this machine while it is typed."""

    CSS = DIALOG_CSS.format(name="AskKept")

    def __init__(
        self, title: str, hint: str, *, place: str, what: str, label: str, value: str, problem: str = ""
    ) -> None:
        """`problem` says why nothing can be kept."""
        super().__init__(title, hint, label=label, value=value)
        self._place, self._what, self._first, self._problem = place, what, value, problem
        self._keeper = Keeper(self, self._not_kept)

    def on_mount(self) -> None:
        """The line has the keyboard."""
        super().on_mount()
        if self._problem:
            self._not_kept(self._problem)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep it in a moment."""
        event.stop()
        if event.value != self._first:
            self._keeper.soon(self._place, self._what, lambda: self._line.value)

    def _not_kept(self, problem: str) -> None:
        for wrong in self.query("#wrong").results(Static):
            wrong.update(safe(f"{NOT_KEPT} {problem}"))

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        """Close; nothing is kept any more from here on."""
        self._keeper.stop()
        return super().dismiss(result)


async def ask_line(
    app: StasApp, title: str, hint: str, *, place: str, what: str, label: str, value: str = ""
) -> str | None:
    """One line; what was left at this place stands there already. None if the person went back.

    Whoever has written the line down calls `written`: until then it is offered again.
    """
    problem, left = "", None
    try:
        left = await app.hand.answer(typed_of(app).left, place)
    except StasError as error:
        problem = str(error)
    lines = [hint, f"You typed this at {hhmm(left.at)} and did not send it." if left else "", "" if problem else KEPT]
    screen = AskKept(
        title,
        "\n".join(filter(None, lines)),
        place=place,
        what=what,
        label=label,
        value=left.text if left else value,
        problem=problem,
    )
    text = await app.push_screen_wait(screen)
    if text is None:
        await written(app, place)
    return text


async def written(app: StasApp, *places: str) -> None:
    """Forget what was typed there: it is in the record, or was left on purpose. That it stays is said, no more."""
    typed = typed_of(app)
    try:
        for place in places:
            await app.hand.answer(typed.drop, place)
    except StasError as error:
        app.say(str(error), error=True)


async def begun(app: StasApp, places: Sequence[tuple[str, str]]) -> list[tuple[str, Left]]:
    """What was left at these places, each with the key that goes on with it. Raises `StasError`."""
    typed = typed_of(app)

    def read() -> list[tuple[str, Left]]:
        return [(key, left) for place, key in places if (left := typed.left(place)) is not None]

    return await app.hand.answer(read)
