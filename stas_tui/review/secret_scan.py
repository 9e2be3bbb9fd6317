"""The secret scan of a change before it is committed: our own rules, and gitleaks where it is installed (R82, R92)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.records import SecretHit
from storage.redact import redact, scan_added, scan_names

_CONFIG = "[extend]\nuseDefault = true\n"
_TIMEOUT_S = 120.0
_ADDED = re.compile(r"(.*?):(\d+): ?(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What a scan found. Callers block on hits and on an error alike: a scan that did not run proves nothing."""

    hits: tuple[SecretHit, ...]
    tools: tuple[str, ...]
    """Which scanners answered, e.g. `("stas", "gitleaks")`."""
    error: str = ""
    """Why a scanner that is installed gave no answer; empty if all did."""


def scan_change(added_text: str, names: Sequence[str], *, files: Path | None) -> ScanResult:
    """Scan the added lines (`path:line: text`) and the file names of a change.

    `files` is a folder with the changed files as they would be committed; with it gitleaks sees whole files, and of its
    findings those on added lines count. Without it gitleaks reads the added lines. What the change itself says about
    scanning (configuration, ignore lists, allow comments) is not obeyed.
    """
    hits = [*scan_names(names), *scan_added(added_text)]
    program = shutil.which("gitleaks")
    if program is None:
        return ScanResult(hits=tuple(hits), tools=("stas",))
    places, texts = _lines(added_text)
    if files is not None and (files / ".gitleaksignore").exists():
        # gitleaks obeys such a list in the folder it scans, whatever other list it is given
        files = None
    try:
        found = _gitleaks(program, "\n".join(texts), files)
        further = _hits(found, places, files)
    except _NoAnswer as error:
        return ScanResult(hits=tuple(hits), tools=("stas",), error=f"gitleaks gave no answer: {error}.")
    known = {hit.place for hit in hits}
    hits += [hit for hit in further if hit.place not in known]
    return ScanResult(hits=tuple(hits), tools=("stas", "gitleaks"))


class _NoAnswer(Exception):
    """gitleaks failed; the text is one clause."""


def _lines(added_text: str) -> tuple[list[str], list[str]]:
    places, texts = [], []
    for number, line in enumerate(added_text.split("\n"), 1):
        match = _ADDED.fullmatch(line)
        places.append(f"{match.group(1)}:{match.group(2)}" if match else f"added:{number}")
        texts.append(match.group(3) if match else line)
    return places, texts


def _gitleaks(program: str, text: str, files: Path | None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="stas-scan-") as folder:
        own = Path(folder)
        (own / "rules.toml").write_text(_CONFIG, "utf-8")
        (own / "ignore").touch()
        target = ["stdin"] if files is None else ["dir", str(files)]
        command = [
            *(program, *target, "--config", str(own / "rules.toml"), "--gitleaks-ignore-path", str(own / "ignore")),
            *("--ignore-gitleaks-allow", "--no-banner", "--no-color", "--redact", "--exit-code", "0"),
            *("--report-format", "json", "--report-path", str(own / "report.json")),
        ]
        try:
            done = subprocess.run(
                command,
                input=text.encode("utf-8", "replace") if files is None else b"",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _NoAnswer(f"not done after {_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise _NoAnswer(str(error.strerror)) from None
        if done.returncode != 0:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise _NoAnswer(f"exit {done.returncode}" + (f", {redact(last)}" if last else ""))
        try:
            found = json.loads((own / "report.json").read_bytes() or b"[]")
        except (OSError, ValueError):
            raise _NoAnswer("its report cannot be read") from None
    if not isinstance(found, list) or not all(isinstance(f, dict) for f in found):
        raise _NoAnswer("its report has another shape")
    return found


def _hits(found: list[dict[str, Any]], places: list[str], files: Path | None) -> list[SecretHit]:
    hits = []
    added = set(places)
    for entry in found:
        rule, line = entry.get("RuleID"), entry.get("StartLine")
        if not isinstance(rule, str) or not isinstance(line, int):
            raise _NoAnswer("its report has another shape")
        last = entry.get("EndLine")
        if files is None:
            at = [places[n - 1] for n in (line,) if 0 < n <= len(places)] or ["added text"]
        else:
            path = str(entry.get("File", "")).removeprefix(f"{files}/")
            # one line of tolerance: versions count from 0 or from 1
            span = range(line - 1, max(last if isinstance(last, int) else line, line) + 2)
            at = [f"{path}:{n}" for n in span if f"{path}:{n}" in added][:1]
        hits += [SecretHit(rule=f"gitleaks {rule}", place=place, masked="…") for place in at]
    return hits
