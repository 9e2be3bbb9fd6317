"""What leaves the screen: the editor, the shell, the clipboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from stas_tui.editor import EditorError, edit_text, view_text
from widgets.clipboard import copy_plans
from widgets.printable import flat


def open_read_only(app: App[Any], name: str, text: str) -> None:
    """Show a copy in the editor, or say why not."""
    try:
        with app.suspend():
            view_text(name, text)
    except (SuspendNotSupported, EditorError) as error:
        app.notify(_sentence(error), severity="warning", markup=False)


def open_for_editing(app: App[Any], name: str, text: str) -> str | None:
    """The edited text, or None if nothing changed or there is no editor (then it is said)."""
    try:
        with app.suspend():
            return edit_text(name, text)
    except (SuspendNotSupported, EditorError) as error:
        app.notify(_sentence(error), severity="warning", markup=False)
        return None


def open_shell(app: App[Any], folder: Path) -> None:
    """The user's shell in a workspace, until they leave it."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        with app.suspend():
            sys.stdout.write(f"A shell in {folder}. Leave it with exit; Stas then reviews what changed.\n")
            sys.stdout.flush()
            subprocess.run([shell], cwd=folder, check=False)
    except (SuspendNotSupported, OSError) as error:
        app.notify(_sentence(error), severity="warning", markup=False)


def copy(app: App[Any], text: str) -> None:
    """Copy by the best way that works, and say which."""
    for plan in copy_plans(text, os.environ, shutil.which):
        if plan.command:
            done = subprocess.run(plan.command, input=plan.text.encode(), capture_output=True, timeout=2, check=False)
            if done.returncode != 0:
                continue
        elif plan.sequence:
            driver = getattr(app, "_driver", None)
            if driver is None:
                continue
            driver.write(plan.sequence)
        else:
            handle, name = tempfile.mkstemp(prefix="stas-copy-", suffix=".txt")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(plan.text)
            app.notify(f"{plan.sentence} {name}", markup=False)
            return
        app.notify(plan.sentence, markup=False)
        return


def _sentence(error: BaseException) -> str:
    if isinstance(error, SuspendNotSupported):
        return "This terminal cannot be handed to another program."
    return flat(str(error))
