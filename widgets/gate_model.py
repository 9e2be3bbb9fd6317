"""What a gate shows, and its rows: the exact payload first, whole and wrapped, then risk and evidence."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records import GateLevel, Mode
from widgets.detail import EvidenceRow
from widgets.paint import Line, Palette, Span, width_of
from widgets.printable import cell_width, flat, replaced, replaced_sentence, safe_text, wrap
from widgets.tokens import Mark

LABEL_MAX = 20
ROOMY = 90
GATE_GROUND = "dialog"
PAYLOAD_GROUND = "base"


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One fact about the risk, with a number where there is one."""

    label: str
    text: str
    mark: Mark = Mark.UNKNOWN


@dataclass(frozen=True, slots=True)
class GateBlock:
    """A whole text of the payload, such as the execution prompt or a message."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateModel:
    """Everything a person needs to answer one gate. The countdown is given apart, it changes every second."""

    title: str
    """Verb and object: `Spawn executor for T-311`."""
    step: str = ""
    """`step 7C of 11`"""
    environment: str = ""
    risk: Mark = Mark.UNKNOWN
    risk_word: str = "UNKNOWN RISK"
    digest: str
    """SHA-256 of the canonical payload, 64 hex digits; only its ends are drawn until a person asks for all of it."""
    lines: tuple[tuple[str, str], ...] = ()
    """The payload as (label, text); drawn whole."""
    blocks: tuple[GateBlock, ...] = ()
    """Whole texts of the payload, after the lines."""
    risks: tuple[RiskRow, ...] = ()
    evidence: tuple[EvidenceRow, ...] = ()
    warnings: tuple[str, ...] = ()
    level: GateLevel = GateLevel.GATE
    mode: Mode = Mode.SUPERVISED
    confirm_name: str = ""
    """For level G2: what has to be typed before approving."""

    @property
    def payload_lines(self) -> int:
        """How many lines the payload has before wrapping."""
        texts = [text for _, text in self.lines] + [block.text for block in self.blocks]
        return sum(safe_text(text).count("\n") + 1 for text in texts)

    @property
    def needs_name(self) -> bool:
        """Whether a name must be typed before approving."""
        return self.level is GateLevel.GATE2 or bool(self.confirm_name)

    def all_warnings(self) -> tuple[str, ...]:
        """The given warnings, and what was replaced to make the payload printable."""
        counts: dict[str, int] = {}
        texts = [self.title, *(part for line in self.lines for part in line)]
        texts += [part for block in self.blocks for part in (block.title, block.text)]
        for text in texts:
            for kind, number in replaced(text).items():
                counts[kind] = counts.get(kind, 0) + number
        sentence = replaced_sentence(counts)
        return (*self.warnings, sentence) if sentence else self.warnings


def short_digest(digest: str, palette: Palette) -> str:
    """`9f3c…17ab`."""
    text = flat(digest)
    return text if len(text) <= 12 else f"{text[:4]}{palette.own('ellipsis').text}{text[-4:]}"


def body_rows(
    model: GateModel, width: int, palette: Palette, *, chosen: int, whole_digest: bool
) -> list[tuple[str, Line]]:
    """The scrolling part as (ground, spans), for rows of `width` cells."""
    rows: list[tuple[str, Line]] = [("", [])]
    rows += [("", row) for row in _payload_head(model, width, palette, whole_digest)]
    rows += _payload(model, width, palette)
    risks = [*model.risks, *(RiskRow("Warning", text, Mark.WARN) for text in model.all_warnings())]
    rows += [("", []), ("", [Span("RISK", "ink-2", bold=True)])]
    if not risks:
        risks = [RiskRow("Unknown", "nothing was assessed")]
    label_width = max(16, *(min(cell_width(flat(risk.label)), LABEL_MAX) + 2 for risk in risks))
    for risk in risks:
        rows += [("", row) for row in _risk(risk, label_width, width, palette)]
    rows += [("", []), ("", _evidence_head(model))]
    for number, item in enumerate(model.evidence):
        here = number == chosen and len(model.evidence) > 1
        rows += [("bar" if here else "", row) for row in _evidence(number, item, width, palette, dim=not here)]
    return rows


def _payload_head(model: GateModel, width: int, palette: Palette, whole_digest: bool) -> list[Line]:
    lines = model.payload_lines
    dot = f" {palette.own('dot').text} "
    digest = flat(model.digest) if whole_digest else short_digest(model.digest, palette)
    head = Span("EXACTLY THIS WILL RUN", "ink-2", bold=True)
    count = f"{lines} line" if lines == 1 else f"{lines} lines"
    if not whole_digest:
        return [[head, Span(f"  {count}{dot}sha256 {digest}{dot}one use", "ink-3")]]
    tail = [[Span(row, "ink-3")] for row in wrap(f"sha256 {digest}", width)]
    return [[head, Span(f"  {count}{dot}one use", "ink-3")], *tail]


def _payload(model: GateModel, width: int, palette: Palette) -> list[tuple[str, Line]]:
    quote = palette.own("quote", "focus")
    rows: list[tuple[str, Line]] = []
    longest = max((cell_width(flat(label)) for label, _ in model.lines), default=0)
    label_width = max(14, min(longest, LABEL_MAX) + 2)
    inner = width - 2
    for label, text in model.lines:
        name = flat(label)
        if cell_width(name) > label_width - 2:
            rows += [(PAYLOAD_GROUND, [quote, Span(" "), Span(row, "ink-2")]) for row in wrap(name, inner)]
            name = ""
        for line in safe_text(text).split("\n"):
            for row in wrap(line, inner - label_width):
                lead = name + " " * (label_width - cell_width(name))
                rows.append((PAYLOAD_GROUND, [quote, Span(" " + lead), Span(row)]))
                name = ""
    for block in model.blocks:
        if rows:
            rows.append((PAYLOAD_GROUND, [quote]))
        rows.append((PAYLOAD_GROUND, [quote, Span(" " + flat(block.title), "ink-2", bold=True)]))
        rows += [(PAYLOAD_GROUND, [quote, Span(" "), Span(row)]) for row in wrap(safe_text(block.text), inner)]
    if not rows:
        rows.append((PAYLOAD_GROUND, [quote, Span(" nothing: this request has no arguments", "ink-3")]))
    return rows


def _risk(row: RiskRow, label_width: int, width: int, palette: Palette) -> list[Line]:
    mark, text = row.mark, row.text
    ink = {Mark.WARN: "warn", Mark.FAIL: "crit"}.get(mark, "ink")
    name = flat(row.label)
    rows: list[Line] = []
    if cell_width(name) > label_width - 2:
        for piece in wrap(name, width - 2):
            rows.append([palette.mark(mark) if not rows else Span(" "), Span(" "), Span(piece, "ink-2")])
        name, mark = "", Mark.NONE
    for number, piece in enumerate(wrap(safe_text(text).replace("\n", " "), width - 2 - label_width)):
        lead = [palette.mark(mark), Span(" "), Span(name + " " * (label_width - cell_width(name)), "ink-2")]
        rows.append([*(lead if number == 0 else [Span(" " * (label_width + 2))]), Span(piece, ink)])
    return rows


def _evidence_head(model: GateModel) -> Line:
    head = Span("EVIDENCE", "ink-2", bold=True)
    if not model.evidence:
        return [head, Span("  none was collected", "warn")]
    hint = "enter opens" if len(model.evidence) == 1 else "left right choose, enter opens"
    return [head, Span(f"  {hint}", "ink-3")]


def _evidence(number: int, item: EvidenceRow, width: int, palette: Palette, *, dim: bool) -> list[Line]:
    dot = f" {palette.own('dot').text} "
    origin = dot.join(part for part in (flat(item.source), flat(item.age)) if part)
    name = Span(f"E{number + 1}  ", "focus")
    indent = width_of([name])
    rows: list[Line] = []
    for place, row in enumerate(wrap(flat(item.text), max(width - indent - cell_width(origin) - 3, 10))):
        tail = origin if place == 0 else ""
        room = width - indent - cell_width(row) - cell_width(tail) - 1
        lead = name if place == 0 else Span(" " * indent)
        rows.append([lead, Span(row), Span(" " * max(room, 1) + tail, "ink-3" if dim else "ink-2")])
    return rows


def head_rows(model: GateModel, countdown: str, width: int, palette: Palette) -> list[Line]:
    """The fixed part above the scroll: verb and object with the environment, then risk and what silence means."""
    badge = Span(f" {palette.mark(Mark.HUMAN).text} GATE ", "on-fill", bold=True, fill="human")
    place = flat(model.environment)
    title, step = flat(model.title), flat(model.step)
    first_room = width - width_of([badge]) - 1 - cell_width(place) - 2
    rows: list[Line] = []
    pieces = wrap(title, max(first_room, 20))
    for number, piece in enumerate(pieces):
        row = [badge, Span(" ")] if number == 0 else [Span(" " * (width_of([badge]) + 1))]
        row.append(Span(piece, "ink", bold=True))
        if (
            number == len(pieces) - 1
            and step
            and width_of(row) + cell_width(step) + 2 <= first_room + width_of([badge])
        ):
            row.append(Span("  " + step, "ink-3"))
        if number == 0:
            row += [Span(" " * max(width - width_of(row) - cell_width(place), 1)), Span(place, "ink", bold=True)]
        rows.append(row)
    mark = palette.mark(model.risk)
    risk = [mark, Span(" " + flat(model.risk_word), mark.ink, bold=model.risk is Mark.FAIL), Span("   ")]
    if countdown:
        silence = [Span("no answer in ", "ink-2"), Span(flat(countdown), "ink", bold=True)]
        silence.append(Span(" expires it; silence never approves", "ink-2"))
    else:
        silence = [Span("silence never approves", "ink-2")]
    rows.append([*risk, *silence])
    return rows
