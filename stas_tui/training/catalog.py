"""The lessons there are: those that come with Stas, and a person's own folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.config_errors import shown
from stas_tui.training.reading import Lesson, ScenarioError, load
from storage.errors import StasError

BUNDLED = Path(__file__).parent / "scenarios"
"""The lessons that come with Stas, in the order of their file names."""


class LessonUnknown(StasError):
    """There is no such lesson, or two."""

    exit_code = exit_codes.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a folder of lessons."""

    path: Path
    bundled: bool
    lesson: Lesson | None
    error: ScenarioError | None = None
    """Why it cannot be used."""

    @property
    def id(self) -> str:
        """The id of the lesson; the name of a file that cannot be read."""
        return self.lesson.scenario.id if self.lesson else self.path.stem


class Catalog:
    """Lessons by id. `own` is the person's folder, which need not exist."""

    def __init__(self, own: Path | None = None, bundled: Path = BUNDLED) -> None:
        self._folders = [(bundled, True), *([(own, False)] if own is not None else [])]

    def entries(self) -> Sequence[Entry]:
        """Every lesson, those of Stas first, by file name; files that cannot be used are among them."""
        return [
            _entry(path, bundled=bundled)
            for folder, bundled in self._folders
            if folder.is_dir()
            for path in sorted(folder.glob("*.toml"))
        ]

    def find(self, name: str) -> Lesson:
        """The lesson with an id, or of a file if `name` looks like one. Raises `LessonUnknown`, `ScenarioError`."""
        if "/" in name or name.endswith(".toml"):
            return load(Path(name).expanduser())
        entries = self.entries()
        found = [entry for entry in entries if entry.id == name]
        if len(found) > 1:
            files = " and ".join(str(entry.path) for entry in found)
            raise LessonUnknown(f"Two files have the id {shown(name)}: {files}.", "Name the file instead.")
        if found:
            if found[0].error is not None:
                raise found[0].error
            assert found[0].lesson is not None
            return found[0].lesson
        ids = [entry.id for entry in entries]
        begun = [one for one in ids if one.split("-")[0] == name]
        if len(begun) == 1:
            return self.find(begun[0])
        near = difflib.get_close_matches(name, ids, n=1)
        raise LessonUnknown(
            f"There is no lesson {shown(name)}.",
            f"The nearest is {near[0]}." if near else "`stas train list` prints them all.",
        )


def _entry(path: Path, *, bundled: bool) -> Entry:
    try:
        return Entry(path=path, bundled=bundled, lesson=load(path))
    except ScenarioError as error:
        return Entry(path=path, bundled=bundled, lesson=None, error=error)
