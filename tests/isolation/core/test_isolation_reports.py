"""The matrix as lines, as JSON and as SARIF 2.1.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from isolation_samples import NOW, kept, lead, round_, said, spec, waiver

from stas_tui.isolation.base import POINTS
from stas_tui.isolation.cells import Board, board
from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.report import evidence, ids, lines
from stas_tui.isolation.report_json import as_json
from stas_tui.isolation.sarif import FINGERPRINT, as_sarif
from stas_tui.isolation.trend import compare
from storage.check_records import CheckResult, Verdict, Waiver
from storage.clock import HOUR

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE
SCHEMA = json.loads((Path(__file__).parent / "sarif_cut.json").read_text("utf-8"))
SPECS = (
    spec("Q1", "queries", live=False, ttl_ms=None, precision="28 of 29 on public code"),
    spec("D2"),
    spec("D5"),
    spec("P1", "endpoints"),
    spec("J1", "jobs"),
)
CODE = lead("the filter is left out", path="app/größe list.py", line=12, code="if tenant:", severity="crit")
POLICY = lead("the policy is always true", rule="true-policy", path="public.invoice.p", line=0, code="using (true)")
ROUTE = lead("nobody is asked who calls", path="/invoices/{id}", line=0, code="", severity="note")
ASK = lead("does it know the tenant?", path="app/jobs.py", line=4, accuses=False, rule="bare-job")


def a_board(*more: CheckResult, waivers: tuple[Waiver, ...] = ()) -> Board:
    results = (
        said(FLAGGED, "Q1", live=False, expires_at=None, leads=(CODE, ASK), target="commit abc"),
        said(FLAGGED, "D5", leads=(POLICY,), counts={"policies": 3}, control="one more", executed=("select\n1",)),
        said(FLAGGED, "P1", leads=(ROUTE,)),
        said(UNKNOWN, "J1", reason="no trace; turn on\x1b[31m tracing", leads=(ASK,)),
        *more,
    )
    run = round_(outcome="done", ended_at=NOW, commit="0123456789abcdef", started_at=NOW - 2 * HOUR)
    return board("shop", ("acme",), SPECS, kept(*results, run=run), waivers, NOW, run=run, tenancy="t1")


def look(of: Board, before: Board | None = None) -> Look:
    return Look(board=of, trend=compare(before, of, "pulse 3" if before else ""))


def sarif(of: Board, **how: Any) -> Any:
    made = as_sarif(of, SPECS, is_file=lambda path: path.startswith("app/"), declared_in="ops/tenancy.toml", **how)
    jsonschema.Draft7Validator(SCHEMA).validate(json.loads(json.dumps(made)))
    return made["runs"][0]


def by_rule(run: Any) -> dict[str, Any]:
    return {result["properties"]["rule"] + result["ruleId"]: result for result in run["results"]}


def test_the_cut_schema_is_a_schema_and_refuses_what_the_standard_forbids() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    good = as_sarif(a_board(), SPECS)
    for break_ in (
        lambda d: d.update(version="2.0.0"),
        lambda d: d["runs"][0]["results"][0].update(kind="review", level="error"),
        lambda d: d["runs"][0]["results"][0]["message"].pop("text"),
        lambda d: d["runs"][0]["results"][0].pop("locations"),
        lambda d: d["runs"][0]["tool"]["driver"].pop("name"),
    ):
        wrong = json.loads(json.dumps(good))
        break_(wrong)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(SCHEMA).validate(wrong)


def test_sarif_places_accusations_and_asks_questions() -> None:
    run = sarif(a_board())
    found = by_rule(run)
    code, policy, ask = found["a-ruleQ1"], found["true-policyD5"], found["bare-jobQ1"]
    assert (code["kind"], code["level"], policy["level"]) == ("fail", "error", "warning")
    assert found["a-ruleP1"]["level"] == "note"
    assert (ask["kind"], ask["level"]) == ("review", "none")
    where = code["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "app/gr%C3%B6%C3%9Fe%20list.py"
    assert where["region"] == {"startLine": 12, "snippet": {"text": "if tenant:"}}
    assert policy["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ops/tenancy.toml"
    assert policy["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "public.invoice.p"}]
    assert code["partialFingerprints"] == {FINGERPRINT: CODE.fingerprint}
    assert code["message"]["text"] == "the filter is left out (acme)"
    assert all(run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])


def test_sarif_tells_what_is_unknown_and_never_that_all_is_well() -> None:
    invocation = sarif(a_board())["invocations"][0]
    told = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert any(text.startswith("unknown: no trace") for text in told)
    assert any("not run yet" in text for text in told)
    assert invocation["executionSuccessful"] is True
    empty = as_sarif(board("shop", (), SPECS, [], [], NOW), SPECS)["runs"][0]
    assert empty["results"] == []
    assert empty["invocations"][0]["executionSuccessful"] is False
    assert len(empty["invocations"][0]["toolExecutionNotifications"]) == len(SPECS)


def test_sarif_says_what_a_person_accepted() -> None:
    run = sarif(a_board(waivers=(waiver("D5", reason="until the role is split"),)))
    [suppressed] = [r for r in run["results"] if "suppressions" in r]
    assert suppressed["ruleId"] == "D5"
    assert suppressed["suppressions"][0]["justification"].startswith("until the role is split (Ada, until 2026-")


def test_sarif_of_some_cells_only() -> None:
    run = sarif(a_board(), only=frozenset({("acme", "database")}))
    assert [r["ruleId"] for r in run["results"]] == ["D5"]


# lines ---------------------------------------------------------------------------------------------


def test_the_matrix_in_lines() -> None:
    text = list(lines(look(a_board(waivers=(waiver("D5", tenant="acme", reason="known"),)))))
    whole = "\n".join(text)
    assert text[0] == "shop: 2 flagged, 1 accepted, 2 unknown, 0 verified, 0 n/a"
    assert text[1] == "Last round 2 h ago, commit 0123456789ab."
    [row] = [line for line in text if line.startswith("acme ")]
    assert "✖ flagged 60min" in row
    assert "✖ accepted 60min" in row
    assert "◌ unknown" in row
    assert f"  ✖ Q1 acme: the filter is left out\n      app/größe list.py:12  [a-rule {CODE.fingerprint}]" in whole
    assert "accepted by Ada until 2026-11-19" in whole
    assert "  D2, all tenants: not run yet; `stas isolation` runs it" in whole
    assert "bare-job" in whole.partition("To look at")[2]
    assert "w-1  D5, acme, until 2026-11-19 by Ada: known" in whole


def test_a_narrow_terminal_gets_the_points_in_several_blocks() -> None:
    text = list(lines(look(a_board()), width=60))
    heads = [line for line in text if any(line.strip().startswith(point) for point in POINTS)]
    assert len(heads) > 1
    assert [word for line in heads for word in line.split()] == list(POINTS)
    assert all(len(line) <= 60 for line in text[: text.index("Flagged")] if line.startswith(("acme", "all")))


def test_plain_characters_only() -> None:
    whole = "\n".join(lines(look(board("shop", ("acme",), SPECS, [], [], NOW)), ascii_only=True))
    assert whole.isascii()
    assert "? unknown" in whole


def test_only_what_changed() -> None:
    before, after = a_board(), a_board(said(VERIFIED, "D2"), said(FLAGGED, "J1", leads=(lead("new"),)))
    found = look(after, before)
    assert found.trend.changed == {("acme", "jobs"), ("", "jobs")}
    text = "\n".join(lines(found, only=found.trend.changed))
    assert "✖ flagged 60min -" in text
    assert "the filter is left out" not in text
    assert "Since pulse 3: 0 cells better, 1 worse; 1 new flag, 0 gone." in text
    same = look(before, before)
    assert "No cell changed." in "\n".join(lines(same, only=same.trend.changed))


def test_everything_behind_one_cell() -> None:
    cell = a_board(waivers=(waiver("D5"),)).cell("acme", "database")
    whole = "\n".join(evidence(cell, NOW))
    for part in (
        "acme, database: flagged, accepted until",
        "✖ D5 flagged: proves D5",
        "Method: looks",
        "On: a server",
        "Control: one more",
        "Counts: policies 3",
        "    select 1",
        "◌ D2 unknown: proves D2",
    ):
        assert part in whole


def test_ids_are_cut_short_where_they_are_neighbours() -> None:
    assert ids(["Q1", "Q2", "Q3", "Q5", "D1"]) == "Q1-Q3, Q5, D1"
    assert ids([]) == ""


# for programs --------------------------------------------------------------------------------------


def test_json_holds_each_result_once_and_says_what_counts() -> None:
    data = json.loads(json.dumps(as_json(look(a_board(waivers=(waiver("D5"),))))))
    assert data["schema"] == "stas.isolation/1"
    assert len(data["cells"]) == 2 * len(POINTS)
    assert len(data["results"]) == 4
    [cell] = [c for c in data["cells"] if (c["tenant"], c["point"]) == ("acme", "database")]
    assert (cell["verdict"], cell["word"][:23]) == ("flagged", "flagged, accepted until")
    [flag, missing] = cell["checks"]
    assert data["results"][flag["result"]]["check"] == "D5"
    assert flag["accepted"] == "w-1"
    assert missing["result"] is None
    assert data["results"][flag["result"]]["ended_at"].endswith("Z")
    assert data["acceptances"][0]["counts"] is True
