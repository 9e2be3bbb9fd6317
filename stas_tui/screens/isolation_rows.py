"""What stands behind a cell of the isolation matrix as rows and details. Pure: no widget, no database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stas_tui.isolation.cells import EVERYBODY, Board, Cell
from stas_tui.isolation.cells_said import Said
from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.trend import Move, Seen, Trend
from stas_tui.pulse.matrix import GRAVE
from stas_tui.screens.isolation_panel import LONGEST, VERDICT_MARKS
from storage.check_records import CheckResult, Lead, Verdict, Waiver
from storage.checks_codec import result_json
from storage.clock import age, iso_seconds
from storage.redact import redact
from widgets.detail import DetailModel, EvidenceRow, Field
from widgets.panel import Count, PanelModel
from widgets.rows import Cell as Shown
from widgets.rows import Column, ListRow
from widgets.tokens import Mark

CELL, FLAGGED, UNKNOWN, MOVED = "checks", "flagged", "unknown", "moved"
"""What the list shows: the checks of the cell, or of the whole row what is flagged or unknown, or what moved."""
FILTERS = (CELL, FLAGGED, UNKNOWN)

CHECK_COLUMNS = (
    Column("check", 5),
    Column("verdict", 8, ink="ink-2"),
    Column("for", 11, ink="ink-2", rank=1),
    Column("what it says"),
    Column("age", 4, right=True, ink="ink-3"),
    Column("holds", 5, right=True, ink="ink-3"),
)
LEAD_COLUMNS = (Column("kind", 8, ink="ink-2"), Column("place", 26, ink="ink-2", rank=1), Column("what"))
RAW = 200_000
_RANK = {Mark.FAIL: 0, Mark.WARN: 1, Mark.UNKNOWN: 2}


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """One answer of one check, in the cell it is shown for."""

    key: str
    said: Said
    cell: Cell


def entries(board: Board, tenant: str, point: str, what: str) -> list[CheckEntry]:
    """The answers that a filter lets through: of one cell, or of every cell of the row.

    What nobody asked stands once for all tenants, and says why nobody could.
    """
    cells = [board.cell(tenant, point)] if what == CELL else board.row(tenant)
    wanted = {FLAGGED: Verdict.FLAGGED, UNKNOWN: Verdict.UNKNOWN}.get(what)
    found: dict[str, CheckEntry] = {}
    numbers: dict[str, int] = {}
    for cell in cells:
        for said in cell.said:
            if wanted is not None and (said.verdict is not wanted or said.settled_by):
                continue
            shown = _unasked(said, board.problem, tenant) if said.result is None else said
            name = f"{shown.spec.id}/{shown.tenant}"
            if said.result is not None or name not in numbers:
                numbers[name] = numbers.get(name, 0) + 1
                key = f"{name}/{numbers[name]}"
                found[key] = CheckEntry(key, shown, cell)
    listed = list(found.values())
    return listed if what == CELL else sorted(listed, key=lambda entry: _order(entry.said))


def _order(said: Said) -> tuple[int, bool]:
    """The gravest first, what nobody asked last."""
    return _RANK.get(mark_of(said), len(_RANK)), said.result is None


def _unasked(said: Said, problem: str, tenant: str) -> Said:
    return replace(said, tenant=tenant, reason=problem or said.reason)


def mark_of(said: Said) -> Mark:
    """The glyph of one answer; what a person accepted is put aside, what another check settled needs nobody."""
    if said.accepted is not None:
        return Mark.HELD
    if said.verdict is Verdict.FLAGGED:
        return Mark.FAIL if any(lead.accuses and lead.severity == GRAVE for lead in said.leads) else Mark.WARN
    return Mark.NOTE if said.settled_by else VERDICT_MARKS[said.verdict]


def word_of(said: Said) -> str:
    """The verdict in one word."""
    return "accepted" if said.accepted is not None else "settled" if said.settled_by else said.verdict.value


def check_rows(found: Sequence[CheckEntry], now: int) -> list[ListRow]:
    """Answers as rows of the list."""
    return [_check_row(entry, now) for entry in found]


def _check_row(entry: CheckEntry, now: int) -> ListRow:
    said = entry.said
    holds = _holds(said.result, now)
    grave = said.verdict is Verdict.FLAGGED and said.accepted is None
    what = f"{said.spec.title}: {said.reason}"
    return ListRow(
        key=entry.key,
        version=f"{word_of(said)}|{holds}|{what}|{said.at}",
        cells=(
            Shown(said.spec.id, bold=grave),
            Shown(word_of(said)),
            Shown(said.tenant or EVERYBODY),
            Shown(what[:LONGEST]),
            Shown(at=said.at) if said.at is not None else Shown("–"),
            Shown(holds),
        ),
        state=mark_of(said),
    )


def _holds(result: CheckResult | None, now: int) -> str:
    if result is None or result.expires_at is None:
        return ""
    return age(result.expires_at - now) if result.expires_at > now else "over"


# one check ------------------------------------------------------------------------------------------


def check_detail(entry: CheckEntry | None, now: int, empty: str) -> DetailModel:
    """Everything that one answer rests on; `empty` is said where there is none."""
    if entry is None:
        return DetailModel(empty=empty)
    said, result = entry.said, entry.said.result
    fields = [Field("Says", word_of(said), said.reason[:LONGEST], mark_of(said))]
    if said.accepted is not None:
        fields.append(Field("By", waiver_words(said.accepted), said.accepted.reason[:LONGEST], Mark.HELD))
    if said.settled_by:
        fields.append(Field("Settled", f"by {said.settled_by}, which is verified"))
    if result is not None:
        fields += _record(said, result, now)
    right = f"right: {said.spec.precision}" if said.spec.precision else ""
    fields.append(Field("How", said.spec.method, right))
    return DetailModel(
        key=said.spec.id,
        title=f"{said.spec.title}, {said.tenant or EVERYBODY}",
        fields=tuple(fields),
        evidence=tuple(_proof(said)),
        raw=raw(said),
    )


def _record(said: Said, result: CheckResult, now: int) -> Iterator[Field]:
    ran = f"{age(now - result.ended_at)} ago"
    over = result.expires_at is not None and result.expires_at <= now
    until = f"{'ran out' if over else 'holds until'} {_clock(result.expires_at)}" if result.expires_at else ""
    if not result.live and said.commit:
        until = f"read at commit {said.commit[:12]}, holds for it"
    yield Field("Ran", ran, until, Mark.WARN if over else Mark.NONE)
    for label, text in (("On", result.target), ("Control", result.control), ("Tool", result.tool)):
        if text:
            yield Field(label, text)
    if result.counts:
        yield Field("Counts", ", ".join(f"{name} {value}" for name, value in result.counts.items())[:LONGEST])
    if result.leads or result.executed:
        accused = sum(lead.accuses for lead in result.leads)
        told = f"{accused} accused, {len(result.leads) - accused} to look at, {len(result.executed)} executed"
        yield Field("Found", told, "enter opens them")


def _clock(at: int) -> str:
    return iso_seconds(at)[:16].replace("T", " ") + "Z"


def waiver_words(waiver: Waiver) -> str:
    """`accepted by Ada until 2027-01-31`, with the lead it covers."""
    what = f" for the lead {waiver.fingerprint}" if waiver.fingerprint else ""
    return f"accepted by {waiver.by} until {iso_seconds(waiver.until)[:10]}{what}"


def _proof(said: Said) -> Iterator[EvidenceRow]:
    for number, lead in enumerate(said.leads):
        place = f"{lead.place}: " if lead.place else ""
        yield EvidenceRow(f"lead/{number}", f"{place}{lead.text}"[:LONGEST], kind_of(lead))
    if said.result is not None:
        for number, text in enumerate(said.result.executed):
            yield EvidenceRow(f"run/{number}", " ".join(text.split())[:LONGEST], "executed")


def raw(said: Said) -> str:
    """The whole result as JSON; empty if it was never run."""
    result = said.result
    return "" if result is None else json.dumps(result_json(result), indent=2, ensure_ascii=False)[:RAW]


# what is behind a check -----------------------------------------------------------------------------


def kind_of(lead: Lead) -> str:
    """Whether a lead accuses or asks."""
    return "flags" if lead.accuses else "asks"


def proof_rows(said: Said) -> list[ListRow]:
    """Leads, then what was executed."""
    rows = []
    for number, lead in enumerate(said.leads):
        mark = Mark.FAIL if lead.severity == GRAVE else Mark.WARN
        rows.append(
            ListRow(
                key=f"lead/{number}",
                version=f"{lead.fingerprint}{lead.text}",
                cells=(Shown(kind_of(lead)), Shown(lead.place or "–"), Shown(_with_code(lead))),
                state=(Mark.HELD if said.accepted else mark) if lead.accuses else Mark.UNKNOWN,
            )
        )
    for number, text in enumerate(said.result.executed if said.result is not None else ()):
        cells = (Shown("ran"), Shown(f"{number + 1}"), Shown(" ".join(text.split())[:LONGEST]))
        rows.append(ListRow(key=f"run/{number}", version=text, cells=cells, state=Mark.NOTE))
    return rows


def _with_code(lead: Lead) -> str:
    code = " ".join(lead.code.split())
    return f"{lead.text}: {code}"[:LONGEST] if code and code not in lead.text else lead.text[:LONGEST]


def source_text(content: bytes, lead: Lead, commit: str, around: int = 20) -> str:
    """The lines around a lead, numbered, its own marked; the file is shown as it was at the commit."""
    rows = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if rows and not rows[-1]:
        rows.pop()
    head = f"{lead.place} at commit {commit[:12]}, line {lead.line} of {len(rows)}\n{lead.text}\n"
    if lead.line > len(rows):
        return f"{head}\nThe file has no such line.\n"
    first, last = max(lead.line - around, 1), min(lead.line + around, len(rows))
    width = len(str(last))
    shown = [f"{'>' if n == lead.line else ' '} {n:>{width}}  {rows[n - 1]}" for n in range(first, last + 1)]
    return redact("\n".join([head, *shown])) + "\n"


def lead_text(said: Said, lead: Lead) -> str:
    """A lead without a file: its statement, policy or request, whole."""
    parts = [f"{said.spec.id} {lead.place}".strip(), lead.text, "", lead.code or "There is no text of it."]
    return "\n".join(parts) + "\n"


# what moved -----------------------------------------------------------------------------------------


def moved_rows(trend: Trend, board: Board) -> list[ListRow]:
    """New leads, gone leads, then cells that got worse or better."""
    rows = [_seen_row(seen, "new", Mark.FAIL if seen.lead.severity == GRAVE else Mark.WARN) for seen in trend.came]
    rows.sort(key=lambda row: row.state is not Mark.FAIL)
    rows += [_seen_row(seen, "gone", Mark.DONE) for seen in trend.went]
    for (tenant, point), move in sorted(trend.moves.items(), key=lambda pair: pair[1] is not Move.WORSE):
        if move in (Move.WORSE, Move.BETTER) and (tenant or not board.tenants):
            cell = board.cell(tenant, point)
            cells = (
                Shown(""),
                Shown(move.value),
                Shown(tenant or EVERYBODY),
                Shown(f"{point}: {cell.reason}"[:LONGEST]),
            )
            mark = Mark.WARN if move is Move.WORSE else Mark.DONE
            rows.append(ListRow(key=f"cell/{tenant}/{point}", version=f"{move}{cell.reason}", cells=cells, state=mark))
    return rows


def _seen_row(seen: Seen, word: str, mark: Mark) -> ListRow:
    place = f"{seen.lead.place}: " if seen.lead.place else ""
    tenants = [tenant or EVERYBODY for tenant in seen.tenants]
    whom = tenants[0] if len(tenants) == 1 else f"{len(tenants)} rows"
    cells = (Shown(seen.check), Shown(word), Shown(whom), Shown(f"{place}{seen.lead.text}"[:LONGEST]))
    return ListRow(key=f"{word}/{seen.check}/{seen.lead.fingerprint}", version=seen.lead.text, cells=cells, state=mark)


def seen_of(trend: Trend, key: str) -> Seen | None:
    """The lead behind a row of `moved_rows`."""
    word, _, rest = key.partition("/")
    pool = {"new": trend.came, "gone": trend.went}.get(word, ())
    return next((seen for seen in pool if f"{seen.check}/{seen.lead.fingerprint}" == rest), None)


def border(look: Look, place: tuple[str, str], showing: str) -> tuple[PanelModel, str]:
    """The border of the list, and what stands in it while it is empty."""
    tenant, point = place
    whom = tenant or EVERYBODY
    trend = trend_words(look.trend, look.board)
    if showing == MOVED:
        title = f"What moved since {look.trend.since}" if look.trend.since else "What there is; nothing is earlier"
        empty = "Nothing moved."
    elif showing == CELL:
        title, empty = f"{whom}, {point}", "No check looks at this."
    else:
        title, empty = f"{whom}, all that is {showing}", f"Nothing of {whom} is {showing}. v shows the cell's checks."
    return PanelModel(title, counts=(Count(trend, ink="ink-3"),) if trend else ()), empty


def trend_words(trend: Trend, board: Board) -> str:
    """`since pulse 12: 2 better, 1 worse, 1 new flag, 0 gone`; empty without anything earlier."""
    if not trend.since:
        return ""
    rows: Mapping[tuple[str, str], Move] = trend.moves
    moves = [move for (tenant, _), move in rows.items() if tenant or not board.tenants]
    better, worse = moves.count(Move.BETTER), moves.count(Move.WORSE)
    flags = f"{len(trend.came)} new flag{'' if len(trend.came) == 1 else 's'}"
    return f"since {trend.since}: {better} better, {worse} worse, {flags}, {len(trend.went)} gone"
