"""The matrix as lines for a terminal, and everything behind one cell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stas_tui.isolation.base import POINTS, Spec
from stas_tui.isolation.cells import EVERYBODY, Board, Cell
from stas_tui.isolation.cells_said import Said, ago
from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.trend import Move
from stas_tui.texts.lines import count, listed, one_line
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict, Waiver
from storage.clock import iso_seconds

GLYPHS = {
    Verdict.FLAGGED: ("✖", "x"),
    Verdict.UNKNOWN: ("◌", "?"),
    Verdict.VERIFIED: ("✓", "v"),
    Verdict.NOT_APPLICABLE: ("·", "."),
}
"""A sign for each verdict, and one in ASCII; the word always stands beside it."""
WIDTH = 200
"""Columns of a table that goes to no terminal."""
_COLUMN = 19
_NAME = 24
_MOST_NAMED = 6


def _order(check: str) -> tuple[int, int]:
    return "QDPJGXM".find(check[:1]), int(check[1:])


Keys = frozenset[tuple[str, str]]


def name_of(tenant: str) -> str:
    """A row's name on the screen."""
    return tenant or EVERYBODY


def lines(look: Look, *, width: int = WIDTH, ascii_only: bool = False, only: Keys | None = None) -> Iterator[str]:
    """The matrix, every accusation with its place, what would let the unknown be known, and what is accepted.

    `only` names the cells that are printed; None means all.
    """
    board = look.board
    yield f"{board.project_id}: {board.header}"
    yield from _about(look)
    yield ""
    yield from _table(look, width, ascii_only, only)
    cells = [cell for cell in board.counted if only is None or (cell.tenant, cell.point) in only]
    yield from _flagged(cells, ascii_only)
    yield from _unknown(cells)
    yield from _asked(cells)
    yield from _accepted(board)
    yield from _moved(look)


def _about(look: Look) -> Iterator[str]:
    board = look.board
    if board.problem:
        yield f"Tenancy: {board.problem}."
    run = board.run
    if run is None:
        yield "No check was ever run; `stas isolation` runs them."
        return
    commit = f", commit {run.commit[:12]}" if run.commit else ", without code"
    when = f"{ago(board.at - run.started_at)} ago"
    if look.running:
        yield f"A round runs since {when}{commit}."
    elif run.outcome == "done":
        yield f"Last round {when}{commit}."
    else:
        note = run.note or "its process ended before it did"
        yield f"Last round {when}{commit}: {run.outcome or 'failed'}, {note}."


def _table(look: Look, width: int, ascii_only: bool, only: Keys | None) -> Iterator[str]:
    board = look.board
    rows = [row for row in board.rows if only is None or any((row, point) in only for point in POINTS)]
    if not rows:
        yield "No cell changed." if only is not None else "There is no row."
        return
    left = min(max(len(one_line(name_of(row), _NAME)) for row in rows), _NAME) + 2
    fits = max((width - left) // _COLUMN, 1)
    for start in range(0, len(POINTS), fits):
        points = POINTS[start : start + fits]
        if start:
            yield ""
        yield (" " * left + "".join(f"{point:<{_COLUMN}}" for point in points)).rstrip()
        for row in rows:
            texts = [
                _short(board.cell(row, point), look, ascii_only) if only is None or (row, point) in only else ""
                for point in points
            ]
            name = one_line(name_of(row), _NAME)
            yield (f"{name:<{left}}" + "".join(f"{text:<{_COLUMN}}" for text in texts)).rstrip()


def _short(cell: Cell, look: Look, ascii_only: bool) -> str:
    """A cell in the table: sign, word, age, and an arrow if it moved."""
    word = "accepted" if cell.accepted_until is not None and cell.verdict is Verdict.FLAGGED else cell.verdict.value
    age = f" {ago(look.board.at - cell.at).replace(' ', '')}" if cell.at is not None else ""
    move = look.trend.moves.get((cell.tenant, cell.point))
    arrow = {Move.BETTER: " +", Move.WORSE: " -"}.get(move, "") if move is not None else ""
    return f"{glyph(cell.verdict, ascii_only)} {word}{age}{arrow}"


def glyph(verdict: Verdict, ascii_only: bool) -> str:
    """The sign of a verdict."""
    return GLYPHS[verdict][1 if ascii_only else 0]


def _flagged(cells: Sequence[Cell], ascii_only: bool) -> Iterator[str]:
    found: dict[tuple[str, str], tuple[Said, Lead, list[Cell]]] = {}
    for cell in cells:
        for said, lead in cell.flags:
            found.setdefault((said.spec.id, lead.fingerprint), (said, lead, []))[2].append(cell)
    if found:
        yield from ("", "Flagged")
    for said, lead, where in found.values():
        who = listed([name_of(name) for name in dict.fromkeys(cell.tenant for cell in where)], _MOST_NAMED)
        yield f"  {glyph(Verdict.FLAGGED, ascii_only)} {said.spec.id} {who}: {lead.text}"
        yield from _place(lead)
        if said.accepted is not None:
            yield f"      accepted by {said.accepted.by} until {iso_seconds(said.accepted.until)[:10]}"


def _place(lead: Lead) -> Iterator[str]:
    place = f"{lead.place}  " if lead.place else ""
    yield f"      {place}[{lead.rule} {lead.fingerprint}]"
    if lead.code:
        yield f"      {one_line(lead.code, 120)}"


def _unknown(cells: Sequence[Cell]) -> Iterator[str]:
    """Each reason once, with the checks and tenants it keeps unknown."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for cell in cells:
        for said in cell.open_unknown:
            checks, tenants = found.setdefault(said.reason, ({}, {}))
            checks[said.spec.id] = None
            tenants[cell.tenant] = None
    if found:
        yield from ("", "Unknown, and why")
    for reason, (checks, tenants) in found.items():
        order = sorted(checks, key=_order)
        every = len(tenants) == len({cell.tenant for cell in cells})
        who = EVERYBODY if every else listed([name_of(name) for name in tenants], _MOST_NAMED)
        yield f"  {ids(order)}, {who}: {reason}"


def ids(checks: Iterable[str]) -> str:
    """Ids of checks, neighbours as ranges: `Q1-Q4, Q6, D1`."""
    runs: list[tuple[str, str]] = []
    for check in checks:
        last = runs[-1][1] if runs else ""
        if last[:1] == check[:1] and int(check[1:]) == int(last[1:]) + 1:
            runs[-1] = (runs[-1][0], check)
        else:
            runs.append((check, check))
    return ", ".join(first if first == last else f"{first}-{last}" for first, last in runs)


def _asked(cells: Sequence[Cell]) -> Iterator[str]:
    found = {
        (said.spec.id, lead.fingerprint): (said, lead)
        for cell in cells
        for said, lead in cell.questions
        if said.accepted is None
    }
    if found:
        yield from ("", "To look at: these rules are often wrong on sound code")
    for said, lead in found.values():
        yield f"  {said.spec.id}: {lead.text}"
        yield from _place(lead)


def _accepted(board: Board) -> Iterator[str]:
    counting = [waiver for waiver in board.waivers if waiver.counts_at(board.at)]
    if counting:
        yield from ("", "Accepted")
    yield from (f"  {waiver_line(waiver)}" for waiver in counting)


def waiver_line(waiver: Waiver) -> str:
    """An acceptance in one line."""
    what = f"{waiver.check} {waiver.fingerprint}".strip()
    until = iso_seconds(waiver.until)[:10]
    return f"{waiver.id}  {what}, {name_of(waiver.tenant)}, until {until} by {waiver.by}: {one_line(waiver.reason)}"


def _moved(look: Look) -> Iterator[str]:
    trend = look.trend
    if not trend.since:
        return
    moves = [move for (tenant, _), move in trend.moves.items() if tenant != ALL_TENANTS or not look.board.tenants]
    better, worse = moves.count(Move.BETTER), moves.count(Move.WORSE)
    yield ""
    yield (
        f"Since {trend.since}: {count(better, 'cell')} better, {worse} worse; "
        f"{count(len(trend.came), 'new flag')}, {len(trend.went)} gone."
    )


# one cell ------------------------------------------------------------------------------------------


def evidence(cell: Cell, now: int, *, ascii_only: bool = False) -> Iterator[str]:
    """Everything that stands behind a cell, check by check."""
    yield f"{name_of(cell.tenant)}, {cell.point}: {cell.word}"
    yield f"Because {cell.reason}"
    if cell.expires_at is not None:
        yield f"Holds until {iso_seconds(cell.expires_at)}"
    for said in cell.said:
        yield ""
        yield f"{glyph(said.verdict, ascii_only)} {said.spec.id} {said.verdict.value}: {said.spec.title}"
        yield f"  {said.reason}"
        if said.settled_by:
            yield f"  Settled by {said.settled_by}, which is verified."
        yield f"  Method: {said.spec.method}"
        if said.result is not None:
            yield from _record(said, said.result, now)
        if said.accepted is not None:
            yield f"  Accepted: {waiver_line(said.accepted)}"


def _record(said: Said, result: CheckResult, now: int) -> Iterator[str]:
    commit = f", commit {said.commit[:12]}" if said.commit and not result.live else ""
    yield f"  Ran {ago(now - result.ended_at)} ago, {iso_seconds(result.ended_at)}{commit}"
    for name, text in (("On", result.target), ("Control", result.control), ("Tool", result.tool)):
        if text:
            yield f"  {name}: {text}"
    if result.counts:
        yield f"  Counts: {', '.join(f'{name} {value}' for name, value in result.counts.items())}"
    for lead in result.leads:
        yield f"  {'Flags' if lead.accuses else 'Asks'}: {lead.text}"
        yield from _place(lead)
    if result.executed:
        yield "  Executed:"
        yield from (f"    {one_line(text, 400)}" for text in result.executed)


def catalogue(specs: Iterable[Spec]) -> Iterator[str]:
    """Every check with its point, what it proves, how, and how often it was right."""
    for spec in specs:
        yield f"{spec.id:<4} {spec.point:<14} {spec.title}"
        yield f"     {'on the running thing' if spec.live else 'reads code, never verifies'}: {spec.method}"
        if spec.precision:
            yield f"     right: {spec.precision}"
