"""What became better or worse between two looks at the matrix, and which leads came and went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stas_tui.isolation.cells import Board, Cell
from storage.check_records import Lead, Verdict
from storage.checks_codec import is_blind


class Move(StrEnum):
    """How a cell stands against an earlier look."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    NEW = "new"
    """There is no earlier look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A lead with the check that raised it."""

    check: str
    lead: Lead
    tenants: tuple[str, ...]
    """Rows in which it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The way from one board to the next."""

    since: str
    """What is compared with, for a sentence: `pulse 12`, `the round before`; empty if there is nothing earlier."""
    moves: Mapping[tuple[str, str], Move]
    came: tuple[Seen, ...]
    """Accusations that were not there."""
    went: tuple[Seen, ...]
    """Accusations that are gone: their check looked again and has them no more."""

    @property
    def changed(self) -> frozenset[tuple[str, str]]:
        """Cells that moved, or hold an accusation that came or went."""
        return frozenset(key for key, move in self.moves.items() if move is not Move.SAME)


def compare(before: Board | None, after: Board, since: str = "") -> Trend:
    """What changed. Expiry is never better, and neither is a flag that nobody can see any more."""
    if before is None:
        return Trend(
            since="", moves=dict.fromkeys(after.cells, Move.NEW), came=tuple(_accusations(after).values()), went=()
        )
    old, new = _accusations(before), _accusations(after)
    looked = _looked(after)
    moves = {
        key: _move(before.cells[key], cell, looked) if key in before.cells else Move.NEW
        for key, cell in after.cells.items()
    }
    return Trend(
        since=since,
        moves=moves,
        came=tuple(seen for key, seen in new.items() if key not in old),
        went=tuple(seen for key, seen in old.items() if key not in new and seen.check in looked),
    )


def _move(old: Cell, new: Cell, looked: frozenset[str]) -> Move:
    if old.verdict is Verdict.FLAGGED and new.verdict is Verdict.FLAGGED:
        was, now = _marks([old]), _marks([new])
        return Move.WORSE if now - was else Move.BETTER if was - now else Move.SAME
    if old.verdict is new.verdict:
        return Move.SAME
    if new.verdict is Verdict.FLAGGED:
        return Move.WORSE
    if new.verdict is Verdict.VERIFIED:
        return Move.BETTER if old.verdict is not Verdict.NOT_APPLICABLE else Move.SAME
    if new.verdict is Verdict.NOT_APPLICABLE:
        return Move.SAME
    if old.verdict is Verdict.FLAGGED:
        gone = {said.spec.id for said, _ in old.flags}
        return Move.BETTER if gone <= looked else Move.SAME
    return Move.WORSE


def _looked(board: Board) -> frozenset[str]:
    """Checks whose latest answers all still hold and looked at something."""
    able: dict[str, bool] = {}
    for cell in board.cells.values():
        for said in cell.said:
            good = said.result is not None and said.was is None and not is_blind(said.result)
            able[said.spec.id] = able.get(said.spec.id, True) and good
    return frozenset(check for check, good in able.items() if good)


def _marks(cells: Iterable[Cell]) -> set[tuple[str, str]]:
    return {(said.spec.id, lead.fingerprint) for cell in cells for said, lead in cell.flags}


def _accusations(board: Board) -> dict[tuple[str, str], Seen]:
    """Every accusation by check and fingerprint, with the rows it stands in."""
    found: dict[tuple[str, str], tuple[Lead, dict[str, None]]] = {}
    for cell in board.cells.values():
        for said, lead in cell.flags:
            found.setdefault((said.spec.id, lead.fingerprint), (lead, {}))[1][cell.tenant] = None
    return {
        (check, mark): Seen(check=check, lead=lead, tenants=tuple(rows))
        for (check, mark), (lead, rows) in found.items()
    }
