"""A gate as it is drawn and as plain text, from the hashed plan only. Pure."""

from __future__ import annotations

from stas_tui.gates.contract import Shown
from stas_tui.gates.present import payload_lines
from storage.clock import age
from storage.records import Action, GateLevel, Mode
from widgets.detail import EvidenceRow
from widgets.gate_model import GateBlock, GateModel, RiskRow
from widgets.tokens import Mark

RISK_MARKS = {"ok": Mark.OK, "warn": Mark.WARN, "crit": Mark.FAIL, "unknown": Mark.UNKNOWN}
LEVEL_MARKS = {"low": Mark.OK, "medium": Mark.WARN, "high": Mark.FAIL, "unknown": Mark.UNKNOWN}
BLOCK_FROM = 4
"""A payload text with at least this many lines is drawn as a block of its own."""


def gate_text_of(action: Action) -> str:
    """A gate's payload as plain text, for the clipboard and the editor."""
    return "\n\n".join(f"{line.label}\n{line.text}" for line in payload_lines(action)) + f"\n\nsha256 {action.digest}\n"


def gate(action: Action, *, environment: str, mode: Mode, now: int) -> GateModel:
    """A gate whole: long texts as blocks, everything from the hashed plan."""
    assert action.revision is not None
    shown = Shown.from_json(action.revision.shown)
    lines: list[tuple[str, str]] = []
    blocks: list[GateBlock] = []
    for line in payload_lines(action):
        if line.text.count("\n") >= BLOCK_FROM:
            blocks.append(GateBlock(line.label, line.text))
        else:
            lines.append((line.label, line.text))
    notes = [RiskRow("Vision", text, Mark.NOTE) for text in shown.vision]
    if action.caused_by:
        notes.append(RiskRow("Asked by", action.caused_by, Mark.NOTE))
    if shown.because:
        notes.append(RiskRow("Because", shown.because, Mark.NOTE))
    return GateModel(
        title=shown.title,
        step=f"step {shown.step} of 11" if shown.step else "",
        environment=environment,
        risk=LEVEL_MARKS.get(shown.risk_level, Mark.UNKNOWN),
        risk_word=f"{shown.risk_level.upper()} RISK",
        digest=action.digest,
        lines=tuple(lines),
        blocks=tuple(blocks),
        risks=tuple(
            RiskRow(row.kind.capitalize(), row.text, RISK_MARKS.get(row.level, Mark.UNKNOWN)) for row in shown.risk
        )
        + tuple(notes),
        evidence=tuple(EvidenceRow(e.ref, e.text, e.kind, age(now - e.at) if e.at else "") for e in shown.evidence),
        warnings=tuple(shown.warnings),
        level=action.level,
        mode=mode,
        confirm_name=shown.confirm if action.level is GateLevel.GATE2 else "",
    )
