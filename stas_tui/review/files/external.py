"""Linters of others, used if they are installed: hadolint, zizmor, actionlint. They never run code of the change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stas_tui.review.files.introduced import Unreadable
from storage.check_records import Lead
from storage.redact import redact

LIMIT_S = 30
_SEVERITIES = {"error": "crit", "high": "crit", "warning": "warn", "medium": "warn"}


@dataclass(frozen=True, slots=True)
class Linter:
    """A program that reads one file and prints JSON."""

    name: str
    argv: tuple[str, ...]
    """`{file}` is the file; it lies where the program expects it."""
    folder: str
    """Folder of the file, below a fresh one."""
    parse: Callable[[str, object], Iterator[Lead]]
    install: str

    def program(self) -> str | None:
        """Its path, also beside our own interpreter; None if it is not installed."""
        beside = Path(sys.executable).parent / self.name
        return shutil.which(self.name) or (str(beside) if os.access(beside, os.X_OK) else None)

    def read(self, path: str, text: str) -> Iterator[Lead]:
        """What it finds. Raises `Unreadable` if it is missing or gives no answer."""
        program = self.program()
        if program is None:
            raise Unreadable(f"{self.name} is not installed ({self.install})")
        with tempfile.TemporaryDirectory(prefix="stas-lint-") as name:
            home = Path(name)
            file = home / self.folder / (Path(path).name or "file")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            try:
                done = subprocess.run(
                    [program, *(part.replace("{file}", str(file)) for part in self.argv)],
                    capture_output=True,
                    timeout=LIMIT_S,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    cwd=home,
                    env={"PATH": os.defpath, "HOME": name, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
                )
                found = json.loads(done.stdout or b"[]")
            except subprocess.TimeoutExpired:
                raise Unreadable(f"{self.name} gave no answer within {LIMIT_S} s") from None
            except (OSError, ValueError):
                raise Unreadable(f"{self.name} gave no answer that can be read") from None
        yield from self.parse(path, found)


def _rows(found: object) -> Iterator[Mapping[str, object]]:
    if isinstance(found, list):
        yield from (row for row in found if isinstance(row, dict))


def _lead(tool: str, path: str, rule: object, line: object, text: object, level: object) -> Lead:
    said = redact(" ".join(str(text).split()))[:200]
    severity = _SEVERITIES.get(str(level).lower(), "note")
    return Lead(
        rule=f"{tool} {rule}", text=f"{said} ({tool})", path=path, line=line if isinstance(line, int) else 0, code=said,
        severity="warn" if severity == "crit" else severity, accuses=severity != "note", anchor=f"{rule} {said}",
    )  # fmt: skip


def _hadolint(path: str, found: object) -> Iterator[Lead]:
    for row in _rows(found):
        yield _lead("hadolint", path, row.get("code"), row.get("line"), row.get("message"), row.get("level"))


def _zizmor(path: str, found: object) -> Iterator[Lead]:
    for row in _rows(found):
        sure = row.get("determinations")
        level = sure.get("severity") if isinstance(sure, dict) else ""
        confident = sure.get("confidence") == "High" if isinstance(sure, dict) else False
        places = row.get("locations")
        line = 0
        for place in _rows(places):
            concrete = place.get("concrete")
            point = concrete.get("location") if isinstance(concrete, dict) else None
            start = point.get("start_point") if isinstance(point, dict) else None
            if isinstance(start, dict) and isinstance(start.get("row"), int):
                line = start["row"] + 1
                break
        yield _lead("zizmor", path, row.get("ident"), line, row.get("desc"), level if confident else "note")


def _actionlint(path: str, found: object) -> Iterator[Lead]:
    for row in _rows(found):
        yield _lead("actionlint", path, row.get("kind"), row.get("line"), row.get("message"), "warning")


HADOLINT = Linter(
    "hadolint",
    ("--no-fail", "--format", "json", "{file}"),
    ".",
    _hadolint,
    "from its releases, or your package manager",
)
ZIZMOR = Linter(
    "zizmor",
    ("--offline", "--no-progress", "--no-exit-codes", "--format", "json", "{file}"),
    ".github/workflows",
    _zizmor,
    "`pip install 'stas-tui[iac]'`",
)
ACTIONLINT = Linter(
    "actionlint", ("-format", "{{json .}}", "{file}"), ".github/workflows", _actionlint, "from its releases"
)
