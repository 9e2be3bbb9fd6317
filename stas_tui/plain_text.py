"""Gates, results and texts as lines for people who hear them or read them on a dumb terminal.

No box drawing and no columns; a line breaks only where the text itself does, so that nothing is cut and the terminal
or the screen reader wraps. Text from outside is always indented: no such line can pass for one of Stas' own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stas_tui.gates.contract import Shown
from stas_tui.gates.present import payload_lines
from storage.clock import HOUR, age, countdown
from storage.records import Action, GateLevel, Json, Outcome
from widgets.printable import flat, replaced, replaced_sentence, safe_text

LEVELS = {"ok": "ok", "warn": "warning", "crit": "CRITICAL", "unknown": "unknown"}

HELP = {
    "gate": "approve <first 8 of the digest> [typed name] | edit | reject <reason> | show | defer",
    "override": "override <reason> | skip <reason> | defer",
    "prompt": "show | edit | directly <reason> | give up <reason> | defer",
    "pull request": "show | edit | title <new title> | give up <reason> | defer",
    "memory": "show | edit | title <new title> | give up <reason> | defer",
    "review": "accept <numbers of looked-at deviations> <reason> | again <cause> | park | give up <reason> | defer",
    "direct": "done | give up <reason> | defer",
    "workspace": "give up <reason> | defer",
    "blocked": "again | did not happen <reason> | abandon <reason> | give up <reason> | skip <reason> | defer",
    "paused": "resume <reason> | defer",
    "summary": "confirm | show | defer",
}
"""What can be answered to each `Progress.needs`; `help` prints it again."""


def indented(text: str, blanks: int = 4) -> Iterator[str]:
    """Text from outside, each of its lines behind blanks; nothing in it acts on the terminal."""
    for line in safe_text(text).split("\n"):
        yield " " * blanks + line if line else ""


def gate_text(action: Action, *, environment: str, now: int) -> Iterable[str]:
    """A gate as lines: everything that runs, whole; then risk, evidence, what silence means, and last the digest."""
    assert action.revision is not None
    shown = Shown.from_json(action.revision.shown)
    yield ""
    yield f"GATE  {flat(shown.title)}  (step {shown.step}, environment {environment}, risk {shown.risk_level})"
    left = action.ask_until - now
    yield f"Without an answer it expires in {countdown(left) if left < HOUR else age(left)}; silence never approves."
    if action.caused_by:
        yield f"Caused by {flat(action.caused_by)}."
    lines = payload_lines(action)
    count = sum(line.text.count("\n") + 1 for line in lines)
    yield f"EXACTLY THIS WILL RUN  {count} lines"
    for line in lines:
        if "\n" in line.text:
            yield f"  {line.label}:"
            yield from indented(line.text)
        else:
            yield f"  {line.label}: {safe_text(line.text)}"
    if hidden := replaced_sentence(replaced("\n".join(line.text for line in lines))):
        yield f"  note: {hidden}"
    yield "RISK"
    for row in shown.risk:
        yield f"  {LEVELS.get(row.level, row.level)}  {row.kind}: {flat(row.text)}"
    for warning in shown.warnings:
        yield f"  warning  {flat(warning)}"
    for vision in shown.vision:
        yield f"  vision: {flat(vision)}"
    if shown.evidence:
        yield "EVIDENCE"
    for n, evidence in enumerate(shown.evidence, 1):
        yield f"  E{n} {evidence.kind} {flat(evidence.ref)}: {flat(evidence.text)}"
    yield f"END OF GATE  sha256 {action.digest}, one use"
    if action.level is GateLevel.GATE2:
        yield (
            f"This is a gate of the second level: {flat(shown.because)}. "
            f"Add {flat(shown.confirm)} after the digest to approve."
        )


def result_text(result: Json) -> Iterable[str]:
    """A run's result as lines: the class, the facts behind it, deviations, verification."""
    report = result["report"]
    yield ""
    yield f"RESULT  {result['outcome']}  ({flat(result['kind'])})"
    for fact in result["because"]:
        yield f"  because {flat(fact)}"
    if report["summary"]:
        yield f"  it says: {flat(report['summary'])}"
    for n, deviation in enumerate(report["deviations"], 1):
        files = ", ".join(flat(path) for path in deviation["files"]) or "not named"
        yield (
            f"  deviation {n}, rule {deviation['rule']}: {flat(deviation['what'])} ({flat(deviation['why'])}); "
            f"tenant isolation {deviation['tenant_isolation']}; files {files}"
        )
    if result["outcome"] == Outcome.RULE4.value:
        yield f"  blocker: {flat(report['blocker'])}"
        for option in report["options"]:
            yield f"    option: {flat(option)}"
    for check in result["verification"]:
        yield f"  {check['state']}: {flat(check['command'])}" + (
            f" ({flat(check['detail'])})" if check["detail"] else ""
        )
    for path in result["undeclared"]:
        yield f"  not listed in the prompt: {flat(path)}"
