"""What leaves the screen: the editor, the shell, the clipboard, the window's title, bell and desktop notices."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App, SuspendNotSupported

from stas_tui.editor import EditorError, edit_text, view_text
from stas_tui.notify.terminal import Emit, Kind, Notices, desktop_of
from storage.clock import SECOND
from widgets.clipboard import CopyPlan, copy_plans
from widgets.printable import flat, safe_text

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.config import Settings

COPY_S = 2.0
"""A clipboard program that takes longer is given up."""

TITLE_CELLS = 60
_NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def open_read_only(app: StasApp, name: str, text: str) -> None:
    """Show a copy in the editor, or say why not."""
    try:
        with app.suspend():
            view_text(_file_name(name), safe_text(app.stamped(text)))
    except (SuspendNotSupported, EditorError) as error:
        app.say(_sentence(error), error=True)


def open_for_editing(app: StasApp, name: str, text: str) -> str | None:
    """The edited text, or None if nothing changed or there is no editor (then it is said)."""
    try:
        with app.suspend():
            return edit_text(_file_name(name), safe_text(text))
    except (SuspendNotSupported, EditorError) as error:
        app.say(_sentence(error), error=True)
        return None


def open_shell(app: StasApp, folder: Path) -> None:
    """The user's shell in a workspace, until they leave it."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        with app.suspend():
            sys.stdout.write(f"A shell in {folder}. Leave it with exit; Stas then reviews what changed.\n")
            sys.stdout.flush()
            subprocess.run([shell], cwd=folder, check=False)
    except (SuspendNotSupported, OSError) as error:
        app.say(_sentence(error), error=True)


def copy(app: StasApp, text: str) -> None:
    """Copy by the best way that works, beside the interface, and say which it was."""
    app.run_worker(_copy(app, app.stamped(text)), group="copy", exclusive=True)


async def _copy(app: StasApp, text: str) -> None:
    for plan in copy_plans(text, os.environ, shutil.which):
        if plan.command:
            if not await asyncio.to_thread(_native, plan):
                continue
        elif plan.sequence:
            if not _to_terminal(app, plan.sequence):
                continue
        else:
            app.say(f"{plan.sentence} {_saved(plan.text)}")
            return
        app.say(plan.sentence)
        return


def _native(plan: CopyPlan) -> bool:
    try:
        done = subprocess.run(
            plan.command,
            input=plan.text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COPY_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _saved(text: str) -> str:
    handle, name = tempfile.mkstemp(prefix="stas-copy-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return name


class Calls:
    """How this terminal calls a person who looks elsewhere; what and when is decided in `notify.terminal`."""

    def __init__(self, app: StasApp, settings: Settings, environ: Mapping[str, str]) -> None:
        self._app = app
        self._waiting: dict[Kind, Collection[str]] = {}
        notices = settings.notices
        self._notices = Notices(
            "stas TRAINING" if app.application.training else "stas DEMO" if settings.demo.enabled else "stas",
            bell=notices.bell,
            title=notices.title,
            desktop=desktop_of(environ, notices.desktop, tmux_passthrough=notices.tmux_passthrough),
            is_quiet=settings.is_quiet,
        )

    def waits(
        self, waiting: Mapping[Kind, Collection[str]], *, owned: Collection[str] = (), once: Collection[Kind] = ()
    ) -> None:
        """What waits now, by kind; a kind that is not named stays as it was. `once` are kinds of what only happened."""
        self._waiting |= waiting
        self._emit(self._notices.offer(self._now(), self._waiting, owned=owned, once=once))
        due = self._notices.due_at
        if due is not None:
            self._app.set_timer(max(due - self._now(), 0) / SECOND, self._ring_later)

    def focus(self, focused: bool) -> None:
        """Whether the person looks at this terminal."""
        self._notices.focus(focused)

    def _ring_later(self) -> None:
        self._emit(self._notices.due(max(self._now(), self._notices.due_at or 0)))

    def _emit(self, emit: Emit) -> None:
        if emit.title:
            self._app.title = emit.title
            set_window_title(self._app, emit.title)
        if emit.bell:
            self._app.bell()
        if emit.notice:
            _to_terminal(self._app, emit.notice)

    def _now(self) -> int:
        return self._app.application.clock.now()


def set_window_title(app: App[Any], title: str) -> None:
    """Write the window's title."""
    _to_terminal(app, f"\x1b]2;{flat(title, TITLE_CELLS)}\x07")


def _to_terminal(app: App[Any], sequence: str) -> bool:
    """Write one of our own sequences past the screen; False where there is no terminal."""
    driver = getattr(app, "_driver", None)
    if driver is None or app.is_headless or app.is_web:
        return False
    driver.write(sequence)
    return True


def _file_name(name: str) -> str:
    return _NOT_IN_A_FILE_NAME.sub("-", name)[:60].strip("-.") or "stas"


def _sentence(error: BaseException) -> str:
    if isinstance(error, SuspendNotSupported):
        return "This terminal cannot be handed to another program."
    return flat(str(error))
