"""The matrix as SARIF 2.1.0 (OASIS standard), which forges show beside the lines of a change. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

from stas_tui.isolation.base import Spec
from stas_tui.isolation.cells import Board
from stas_tui.isolation.cells_said import Said
from stas_tui.isolation.report import Keys, name_of
from stas_tui.version import __version__
from storage.check_records import Lead, Verdict
from storage.clock import iso
from storage.records import Json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "stasLead/v1"
_LEVELS = {"crit": "error", "warn": "warning", "note": "note"}


def as_sarif(
    board: Board,
    specs: Iterable[Spec],
    *,
    is_file: Callable[[str], bool] = lambda _: False,
    declared_in: str = "tenancy.toml",
    only: Keys | None = None,
) -> Json:
    """One run: accusations are results, questions are results to review, what is unknown is told as a notification.

    `is_file` says whether a lead's path is a file of the repository. Tables, routes and the like are placed at the
    tenancy file, `declared_in`, and named as logical locations, because forges drop results without a file.
    """
    described = tuple(specs)
    index = {spec.id: n for n, spec in enumerate(described)}
    found: dict[tuple[str, str], tuple[Said, Lead, dict[str, None]]] = {}
    unknown: dict[tuple[str, str], None] = {}
    cells = [cell for cell in board.counted if only is None or (cell.tenant, cell.point) in only]
    for cell in cells:
        for said, lead in (*cell.flags, *cell.questions):
            found.setdefault((said.spec.id, lead.fingerprint), (said, lead, {}))[2][cell.tenant] = None
        unknown.update(dict.fromkeys((said.spec.id, said.reason) for said in cell.open_unknown))
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "stas isolation",
                        "semanticVersion": __version__,
                        "rules": [_rule(spec) for spec in described],
                    }
                },
                "automationDetails": {"id": f"stas-isolation/{board.project_id}/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": board.run is not None and board.run.outcome == "done",
                        "endTimeUtc": iso(board.at),
                        "toolExecutionNotifications": [
                            {
                                "level": "note",
                                "message": {"text": f"unknown: {reason}"},
                                "associatedRule": {"id": check, "index": index[check]},
                            }
                            for check, reason in unknown
                        ],
                    }
                ],
                "results": [
                    _result(said, lead, list(tenants), index, is_file, declared_in)
                    for said, lead, tenants in found.values()
                ],
            }
        ],
    }


def _rule(spec: Spec) -> Json:
    how = "on the running thing" if spec.live else "reads code"
    right = f" Its flag was right: {spec.precision}." if spec.precision else ""
    return {
        "id": spec.id,
        "shortDescription": {"text": spec.title},
        "fullDescription": {"text": f"{spec.title}. Method, {how}: {spec.method}.{right}"},
        "properties": {"tags": ["tenant-isolation", spec.point]},
    }


def _result(
    said: Said,
    lead: Lead,
    tenants: list[str],
    index: dict[str, int],
    is_file: Callable[[str], bool],
    declared_in: str,
) -> Json:
    accuses = said.verdict is Verdict.FLAGGED and lead.accuses
    whom = ", ".join(name_of(tenant) for tenant in tenants)
    result: Json = {
        "ruleId": said.spec.id,
        "ruleIndex": index[said.spec.id],
        "kind": "fail" if accuses else "review",
        "level": _LEVELS.get(lead.severity, "warning") if accuses else "none",
        "message": {"text": f"{lead.text} ({whom})"},
        "locations": [_location(lead, is_file, declared_in)],
        "partialFingerprints": {FINGERPRINT: lead.fingerprint},
        "properties": {"rule": lead.rule, "tenants": [tenant for tenant in tenants if tenant]},
    }
    if said.accepted is not None:
        why = f"{said.accepted.reason} ({said.accepted.by}, until {iso(said.accepted.until)})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def _location(lead: Lead, is_file: Callable[[str], bool], declared_in: str) -> Json:
    if lead.path and (lead.line or is_file(lead.path)):
        physical: Json = {"artifactLocation": {"uri": quote(lead.path, safe="/")}}
        if lead.line:
            physical["region"] = {"startLine": lead.line}
            if lead.code:
                physical["region"]["snippet"] = {"text": lead.code}
        return {"physicalLocation": physical}
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(declared_in, safe="/")}, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": lead.path or lead.rule}],
    }
