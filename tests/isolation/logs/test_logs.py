"""G1-G4 on real files: counts are exact at every cut, faults are found, doubt is unknown, only new lines are read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stas_tui.isolation import logs
from stas_tui.isolation.base import Cancelled, World
from stas_tui.isolation.logs.counting import Counted, Form, count
from stas_tui.isolation.tenancy import load_text
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from storage.scans import Scans, open_scans

FORM = Form("json", tenant=("tenant_id", "tenant"), request=("request_id",), level=("level",), logger=("logger",))


def line(n: int, **more: Any) -> str:
    return json.dumps({"level": "info", "logger": "app", "tenant": "acme", "request_id": f"r{n}", **more}) + "\n"


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(lines), "utf-8")
    return path


def asked(path: str, check: str, form: str = "", **more: Any) -> dict[str, CheckResult]:
    text = f"""
strategy = "row"
completed_by = "ada"
[[log]]
path = "{path}"
{form}
[[tenant]]
name = "acme"
key = "acme"
[[tenant.canary]]
kind = "note"
id = "1"
marker = "marker-of-acme"
[[tenant]]
name = "globex"
key = "globex"
"""
    tenancy = load_text(text, Path("tenancy.toml"))
    world = World(
        project_id="shop",
        tenants=("acme", "globex"),
        tenancy=tenancy,
        clock=SystemClock(),
        only=frozenset({check}),
        **more,
    )
    return {result.tenant: result for result in logs.run(world)}


def test_R112_lines_that_name_their_tenant_are_verified(tmp_path: Path) -> None:
    result = asked(str(write(tmp_path / "a.log", map(line, range(300)))), "G1")[""]
    assert result.verdict is Verdict.VERIFIED
    assert result.counts["lines"] == 300
    assert result.reason == "100.0% of 300 request lines name the tenant, and every error line"


@pytest.mark.parametrize("none", [{"tenant": None}, {"tenant": ""}, {"tenant": "-"}, {"tenant": "null"}])
def test_R112_request_lines_without_a_tenant_are_flagged_with_what_writes_them(
    tmp_path: Path, none: dict[str, Any]
) -> None:
    lines = [line(n, logger="app.http", **(none if n % 10 == 0 else {})) for n in range(300)]
    result = asked(str(write(tmp_path / "a.log", lines)), "G1")[""]
    assert result.verdict is Verdict.FLAGGED
    assert result.reason == "only 90.0% of request lines do"
    assert result.leads[0].text == "30 lines of «info app.http» name no tenant"


def test_one_error_line_without_a_tenant_is_enough(tmp_path: Path) -> None:
    lines = [*map(line, range(300)), json.dumps({"level": "ERROR", "logger": "db"}) + "\n"]
    result = asked(str(write(tmp_path / "a.log", lines)), "G1")[""]
    assert (result.verdict, result.reason) == (Verdict.FLAGGED, "1 error lines name no tenant")
    assert "a.log at byte" in result.leads[0].code


def test_a_tenant_inside_another_object_does_not_count(tmp_path: Path) -> None:
    lines = [
        json.dumps({"request_id": f"r{n}", "ctx": {"tenant": "acme"}, "msg": '"tenant":"acme"'}) + "\n"
        for n in range(300)
    ]
    assert asked(str(write(tmp_path / "a.log", lines)), "G1")[""].verdict is Verdict.FLAGGED


def test_background_loggers_belong_to_no_tenant(tmp_path: Path) -> None:
    lines = [
        *map(line, range(300)),
        *(json.dumps({"level": "error", "logger": "cron", "request_id": "x"}) + "\n" for _ in range(90)),
    ]
    path = str(write(tmp_path / "a.log", lines))
    assert asked(path, "G1")[""].verdict is Verdict.FLAGGED
    result = asked(path, "G1", 'background = ["cron"]')[""]
    assert result.verdict is Verdict.VERIFIED
    assert (result.counts["background"], result.counts["request lines"]) == (90, 300)


def test_few_lines_broken_lines_and_no_file_are_unknown(tmp_path: Path) -> None:
    few = asked(str(write(tmp_path / "few.log", map(line, range(50)))), "G1")[""]
    assert (few.verdict, few.reason) == (Verdict.UNKNOWN, "50 lines; 200 are needed to judge")
    broken = [*map(line, range(300)), *("not json\n" for _ in range(30))]
    result = asked(str(write(tmp_path / "b.log", broken)), "G1")[""]
    assert (result.verdict, result.counts["unreadable"]) == (Verdict.UNKNOWN, 30)
    assert "names no file" in asked(str(tmp_path / "none*.log"), "G1")[""].reason


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ('format = "logfmt"', 'level=info tenant=acme request_id=r{n} msg="a b=c"\n'),
        ("format = \"pattern\"\npattern = '\\[(?P<tenant>\\w+)\\] (?P<request>r\\d+)'", "12:00 [acme] r{n} done\n"),
    ],
)
def test_other_forms_are_read(tmp_path: Path, form: str, text: str) -> None:
    path = str(write(tmp_path / "a.log", (text.format(n=n) for n in range(300))))
    assert asked(path, "G1", form)[""].verdict is Verdict.VERIFIED


def test_G2_a_request_with_two_tenants_is_flagged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", map(line, range(300)))
    assert asked(str(path), "G2")[""].verdict is Verdict.VERIFIED
    write(path, [*map(line, range(300)), line(7, tenant="globex")])
    result = asked(str(path), "G2")[""]
    assert (result.verdict, result.reason) == (Verdict.FLAGGED, "one request has lines of acme and of globex")
    assert result.leads[0].code == "request r7"


def test_G3_a_secret_is_flagged_and_never_shown(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    path = str(write(tmp_path / "a.log", [*map(line, range(300)), line(1, msg=f"token {token}")]))
    result = asked(path, "G3")[""]
    assert result.verdict is Verdict.FLAGGED
    assert token not in repr(result)


def test_G4_a_marker_under_another_tenant_is_flagged_and_its_absence_proves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", map(line, range(300)))
    assert asked(str(path), "G4")["acme"].verdict is Verdict.UNKNOWN
    write(path, [*map(line, range(300)), line(1, msg="see marker-of-acme")])
    assert asked(str(path), "G4")["acme"].verdict is Verdict.VERIFIED
    write(path, [*map(line, range(300)), line(1, tenant="globex", msg="see marker-of-acme")])
    results = asked(str(path), "G4")
    assert results["acme"].reason == "a line of globex holds the marker of acme"
    assert "no canary" in results["globex"].reason


def test_without_its_decoder_every_check_says_what_to_install(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", map(line, range(300)))
    code = f"""
import sys
sys.modules["msgspec"] = None
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_logs import asked
print([result.reason for check in ("G1", "G2") for result in asked({str(path)!r}, check).values()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["msgspec is not installed; install Stas again"] * 2)


def test_no_line_is_kept(tmp_path: Path) -> None:
    lines = [line(n, tenant=None, msg="rent of Mrs Miller") for n in range(300)]
    path = str(write(tmp_path / "a.log", lines))
    assert "Miller" not in repr([asked(path, check) for check in ("G1", "G2", "G3", "G4")])


# only what is new ---------------------------------------------------------------------------------


def test_only_appended_bytes_are_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", map(line, range(300)))
    with open_scans(tmp_path / "scan.db") as store:
        scans = Scans(store)
        first = asked(str(path), "G1", scans=scans)[""]
        more = line(300) + line(301)
        with path.open("a") as file:
            file.write(more + '{"half": ')
        second = asked(str(path), "G1", scans=scans)[""]
        third = asked(str(path), "G1", scans=scans)[""]
        path.write_text("".join(map(line, range(250))))
        rotated = asked(str(path), "G1", scans=scans)[""]
    assert (first.counts["bytes read"], first.counts["lines"]) == (len("".join(map(line, range(300)))), 300)
    assert (second.counts["bytes read"], second.counts["lines"]) == (len(more), 302)
    assert (third.counts["bytes read"], third.counts["lines"]) == (0, 302)
    assert third.verdict is Verdict.VERIFIED
    assert rotated.counts["lines"] == 250


def test_a_file_that_was_written_over_with_more_is_read_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", map(line, range(300)))
    with open_scans(tmp_path / "scan.db") as store:
        asked(str(path), "G1", scans=Scans(store))
        with path.open("r+") as file:
            file.write("".join(line(n, tenant="globex") for n in range(400)))
        assert asked(str(path), "G1", scans=Scans(store))[""].counts["lines"] == 400


def test_cancel_ends_it(tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.log", map(line, range(300))))
    with pytest.raises(Cancelled):
        asked(path, "G1", cancelled=lambda: True)


SAMPLE = [
    line(1), line(2, tenant=None), "\n", "no json\n", line(3, level="error", tenant=""), line(4, msg="x" * 400),
    json.dumps({"tenant_id": "globex", "request_id": "r4"}) + "\n", line(5, tenant="ünï"), line(2, tenant="globex"),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SAMPLE), max_size=30), st.lists(st.integers(0, 6_000), max_size=4))
def test_parts_give_the_same_counts_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int]
) -> None:
    path = write(tmp_path_factory.mktemp("cut") / "a.log", lines)
    size = path.stat().st_size
    whole = count(path, 0, size, FORM)
    edges = sorted({0, size, *(cut for cut in cuts if cut < size)})
    joined = Counted()
    for start, end in pairwise(edges):
        joined.add(count(path, start, end, FORM))
    for name in ("lines", "unreadable", "without", "requests", "requests_without", "errors_without", "where"):
        assert getattr(joined, name) == getattr(whole, name), name
    expected = [json.loads(text) for text in lines if text.startswith("{")]
    assert whole.without == sum(not (row.get("tenant_id") or row.get("tenant")) for row in expected)
    assert whole.requests == sum("request_id" in row for row in expected)
    assert bool(joined.mixed) == bool(whole.mixed)
