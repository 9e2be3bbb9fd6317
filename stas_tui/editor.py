"""Open a text in the user's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from storage.errors import StasError


class EditorError(StasError):
    """There is no editor, or it failed; the text is unchanged."""


def editor_command(environ: Mapping[str, str] | None = None) -> list[str]:
    """`$STAS_EDITOR`, `$VISUAL`, `$EDITOR`, or the first of nano, vim, vi that is there. Raises `EditorError`."""
    environ = os.environ if environ is None else environ
    for name in ("STAS_EDITOR", "VISUAL", "EDITOR"):
        if environ.get(name, "").strip():
            return shlex.split(environ[name])
    for program in ("nano", "vim", "vi"):
        if shutil.which(program):
            return [program]
    raise EditorError("No editor was found.", "Set EDITOR, for instance EDITOR=nano.")


def edit_text(name: str, text: str, *, suffix: str = ".md") -> str | None:
    """Let the person edit a copy; returns the new text, or None if nothing changed.

    The copy is readable by its owner only and is removed afterwards. Raises `EditorError`.
    """
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="stas-edit-") as folder:
        path = Path(folder) / f"{name.replace(' ', '-')}{suffix}"
        path.write_text(text, "utf-8")
        try:
            done = subprocess.run([*command, str(path)], check=False)
        except OSError as error:
            raise EditorError(
                f"The editor {command[0]} could not be started: {error.strerror}.", "Set EDITOR."
            ) from error
        if done.returncode != 0:
            raise EditorError(f"The editor {command[0]} ended with {done.returncode}; the text is unchanged.")
        edited = path.read_text("utf-8", errors="replace")
    return None if edited == text else edited


def view_text(name: str, text: str, *, suffix: str = ".md") -> None:
    """Show a read-only copy in the editor. Raises `EditorError`."""
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="stas-view-") as folder:
        path = Path(folder) / f"{name.replace('/', '-').replace(' ', '-')}{suffix}"
        path.write_text(text, "utf-8")
        path.chmod(0o400)
        try:
            subprocess.run([*command, str(path)], check=False)
        except OSError as error:
            raise EditorError(
                f"The editor {command[0]} could not be started: {error.strerror}.", "Set EDITOR."
            ) from error
