"""C15: a rollback plan fits this change: it names what the change touches, and its steps can be run (R48, R102)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stas_tui.isolation.base import Spec
from stas_tui.review.base import BY_TEXT, Change, result
from stas_tui.texts import steps
from stas_tui.texts.kinds import HARMLESS, INFRA, FileKind, kind_of
from stas_tui.texts.lines import count, listed
from stas_tui.texts.prompt_proofs import rollback
from stas_tui.texts.sections import FILLED, parse
from storage.check_records import CheckResult, Lead, Verdict

CHECKS = (
    Spec(
        id="C15",
        point="rollback",
        title="a rollback plan fits the change",
        method="the plan's steps and the artefacts of the change that it names; a rehearsal proves migrations (C3)",
        live=False,
    ),
)
_LINE = re.compile(
    r"^[ \t>*+\-]*\*{0,2}roll-?back\*{0,2}[ \t]*:[ \t]*\*{0,2}[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE
)
_STEPS = re.compile(
    r"\broll-?back(?:[ \t]+(?:steps|plan|path))?(?:[ \t]*\([^()\n]{0,60}\))?\*{0,2}[ \t]*:\*{0,2}[ \t]*\n(?:[ \t]*\n)*"
    r"((?:[ \t]*(?:\d+[.)]|[-*+])[ \t]+\S.*(?:\n|$))+)",
    re.IGNORECASE,
)
"""A list below `Rollback:`, wherever that stands."""
_HEADING = re.compile(r"^#{1,6}\s*roll-?back\b.*$", re.IGNORECASE | re.MULTILINE)


def run(change: Change) -> Iterator[CheckResult]:
    """Flagged if a change that needs a way back has none in its text; text alone never verifies."""
    kinds = {kind_of(file.path) for file in change.files}
    deploys = sorted(file.path for file in change.files if kind_of(file.path) in INFRA)
    counts = {"files that need a way back": len(deploys)}
    if change.files and kinds <= HARMLESS:
        yield result(change, "C15", Verdict.UNKNOWN, "nothing that runs is changed; reverting the commit will do")
        return
    if not change.plan.strip():
        reason = "no text was given; name the pull request's with --plan, or review it from the dashboard"
        yield result(change, "C15", Verdict.UNKNOWN, reason, counts=counts)
        return
    plan = plan_of(change.plan)
    if not plan:
        if not deploys:
            yield result(change, "C15", Verdict.UNKNOWN, "the text has no rollback plan; only code is changed")
            return
        lead = Lead(
            rule="no-rollback-plan",
            text=f"{listed(deploys)}: the text says nothing about the way back",
            path=deploys[0],
            code="Rollback:",
        )
        yield result(change, "C15", Verdict.FLAGGED, "no rollback plan", leads=(lead,), counts=counts)
        return
    written = [step for step in steps.numbered(plan.split("\n")) if steps.executable(step)] or [
        line for line in plan.split("\n") if steps.executable(line)
    ]
    missing = [name for name in _artefacts(change) if name.lower() not in plan.lower()]
    if missing:
        lead = Lead(
            rule="plan-misses",
            text=f"the plan does not name {listed(missing)}, which the change adds",
            path=deploys[0] if deploys else change.files[0].path,
            code=plan.strip().split("\n", 1)[0][:200],
            accuses=False,
        )
        reason = f"a plan with {count(len(written), 'step')} that can be run; it does not name {listed(missing)}"
        yield result(change, "C15", Verdict.UNKNOWN, reason, leads=(lead,), counts=counts)
        return
    migrations = [path for path in deploys if kind_of(path) is FileKind.MIGRATION]
    counts |= {"of them migrations": len(migrations), "steps": len(written)}
    reason = f"a plan with {count(len(written), 'step')} that can be run{BY_TEXT}"
    yield result(change, "C15", Verdict.UNKNOWN, reason, counts=counts)


def plan_of(text: str) -> str:
    """The rollback plan in a prompt's or a pull request's text; empty if there is none."""
    document = parse(text)
    state = rollback(document)
    if state.state == FILLED:
        return document.body("Rollback Plan") or state.reason
    if match := _HEADING.search(text):
        rest = text[match.end() :]
        end = re.search(r"^#{1,6}\s", rest, re.MULTILINE)
        body = rest[: end.start()] if end else rest
        if not steps.is_empty(body):
            return body
    if (match := _STEPS.search(text)) and not steps.is_empty(match.group(1)):
        return match.group(1)
    match = _LINE.search(text)
    return match.group(1) if match and not steps.is_empty(match.group(1)) else ""


def _artefacts(change: Change) -> list[str]:
    """Names that a plan for this change must hold: revisions of new migrations."""
    names = []
    for file in change.files:
        if kind_of(file.path) is FileKind.MIGRATION and file.status == "added" and not file.path.endswith(".down.sql"):
            stem = file.path.rpartition("/")[2].split(".")[0]
            names.append(re.match(r"[A-Za-z]*\d+|[0-9a-f]{6,}|[^_]+", stem).group(0))  # type: ignore[union-attr]
    return names
