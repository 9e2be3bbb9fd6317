"""C13: no secret is added. The value is never kept, shown or sent anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from stas_tui.isolation.base import Spec
from stas_tui.review.base import Change, result
from storage.check_records import CheckResult, Lead, Verdict

CHECKS = (
    Spec(
        id="C13",
        point="secrets",
        title="no secret is added",
        method="own patterns on the added lines, and gitleaks on the changed files where it is installed",
        live=False,
    ),
)


def run(change: Change) -> Iterator[CheckResult]:
    """Flagged for each added line that holds a secret; otherwise unknown, because patterns never prove absence."""
    from stas_tui.review.secret_scan import scan_change

    added = "\n".join(f"{file.path}:{number}: {text}" for file in change.files for number, text in file.added)
    names = [file.path for file in change.files if file.status != "deleted"]
    with tempfile.TemporaryDirectory(prefix="stas-secrets-") as folder:
        scan = scan_change(added, names, files=_written(change, Path(folder).resolve()))
    leads = tuple(_lead(hit.rule, *_split(hit.place), hit.masked) for hit in scan.hits)
    counts = {"added lines": added.count("\n") + bool(added), "files": len(change.files), "secrets": len(leads)}
    tool = ", ".join(scan.tools)
    if leads:
        what = "added line holds" if len(leads) == 1 else "added lines hold"
        reason = f"{len(leads)} {what} a secret: {', '.join(sorted({lead.rule for lead in leads}))}"
        yield result(change, "C13", Verdict.FLAGGED, reason, leads=leads, counts=counts, tool=tool)
        return
    missing = "" if "gitleaks" in scan.tools else "; gitleaks is not installed, it knows more kinds"
    doubt = "; ".join(filter(None, (change.cut, scan.error))) or "patterns never prove that there is none"
    reason = f"no lead in the added lines; {doubt}{missing}"
    yield result(change, "C13", Verdict.UNKNOWN, reason, counts=counts, tool=tool)


def _written(change: Change, folder: Path) -> Path:
    """The new versions of the changed files, in a folder of their own."""
    for file in change.files:
        content = None if file.link or file.status == "deleted" else change.head.read(file.path)
        target = (folder / file.path).resolve()
        if content is not None and target.is_relative_to(folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return folder


def _split(place: str) -> tuple[str, int]:
    path, _, line = place.rpartition(":")
    return (path, int(line)) if path and line.isdecimal() else (place, 0)


def _lead(rule: str, path: str, line: int, masked: str) -> Lead:
    return Lead(
        rule=f"secret: {rule}",
        text="adds what looks like a secret; take it out of the branch's history and replace it at its source",
        path=path,
        line=line,
        code=masked,
        severity="crit",
    )
