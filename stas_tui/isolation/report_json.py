"""The matrix as JSON for programs; the keys are stable, times are RFC 3339 in UTC. Pure."""

from __future__ import annotations

import dataclasses

from stas_tui.isolation.base import POINTS
from stas_tui.isolation.cells import Cell
from stas_tui.isolation.cells_said import Said
from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.report import Keys
from stas_tui.isolation.trend import Seen
from storage.check_records import CheckResult, Waiver
from storage.checks_codec import result_json
from storage.clock import iso
from storage.records import Json

SCHEMA = "stas.isolation/1"


def as_json(look: Look, only: Keys | None = None) -> Json:
    """The matrix, the results it is made of, acceptances and what changed; with `only` just these cells."""
    board, trend = look.board, look.trend
    cells = [cell for row in board.rows for cell in board.row(row) if only is None or (cell.tenant, cell.point) in only]
    results: dict[int, CheckResult] = {}
    for cell in cells:
        for said in cell.said:
            if said.result is not None:
                results[id(said.result)] = said.result
    number = {key: n for n, key in enumerate(results)}
    run = board.run
    return {
        "schema": SCHEMA,
        "project": board.project_id,
        "at": iso(board.at),
        "problem": board.problem,
        "counts": dataclasses.asdict(board.counts),
        "running": look.running,
        "run": None
        if run is None
        else {
            "id": run.id,
            "started_at": iso(run.started_at),
            "ended_at": _iso(run.ended_at),
            "outcome": run.outcome,
            "note": run.note,
            "commit": run.commit,
            "pulse": run.pulse_id,
        },
        "points": list(POINTS),
        "tenants": list(board.tenants),
        "cells": [_cell(cell, look, number) for cell in cells],
        "results": [plain(result) for result in results.values()],
        "acceptances": [_waiver(waiver, board.at) for waiver in board.waivers],
        "trend": {
            "since": trend.since,
            "came": [_seen(seen) for seen in trend.came],
            "went": [_seen(seen) for seen in trend.went],
        },
    }


def _cell(cell: Cell, look: Look, number: dict[int, int]) -> Json:
    move = look.trend.moves.get((cell.tenant, cell.point))
    return {
        "tenant": cell.tenant,
        "point": cell.point,
        "verdict": cell.verdict.value,
        "word": cell.word,
        "reason": cell.reason,
        "at": _iso(cell.at),
        "expires_at": _iso(cell.expires_at),
        "accepted_until": _iso(cell.accepted_until),
        "move": None if move is None else move.value,
        "checks": [_said(said, number) for said in cell.said],
    }


def _said(said: Said, number: dict[int, int]) -> Json:
    return {
        "check": said.spec.id,
        "verdict": said.verdict.value,
        "reason": said.reason,
        "was": None if said.was is None else said.was.value,
        "settled_by": said.settled_by,
        "accepted": None if said.accepted is None else said.accepted.id,
        "result": None if said.result is None else number[id(said.result)],
    }


def plain(result: CheckResult) -> Json:
    """One result with readable times."""
    data = result_json(result)
    for name in ("started_at", "ended_at", "expires_at"):
        data[name] = _iso(data[name])
    return data


def _seen(seen: Seen) -> Json:
    lead = seen.lead
    return {
        "check": seen.check,
        "fingerprint": lead.fingerprint,
        "rule": lead.rule,
        "place": lead.place,
        "text": lead.text,
        "tenants": [tenant for tenant in seen.tenants if tenant],
    }


def _waiver(waiver: Waiver, now: int) -> Json:
    data = dataclasses.asdict(waiver)
    for name in ("at", "until", "ended_at"):
        data[name] = _iso(data[name])
    return {**data, "counts": waiver.counts_at(now)}


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
