"""`stas isolation` as a process: from a real look at a file outside to the matrix, the exit status, acceptances."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from isolation_shop import Shop

from stas_tui import exit_codes

SOON = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


def data(shop: Shop, *args: str) -> Any:
    done = shop.stas(*args, "--json")
    assert done.returncode in (exit_codes.OK, exit_codes.FAILED, exit_codes.UNKNOWN), done.stderr
    return json.loads(done.stdout)


def verdicts(data: Any, point: str = "database") -> dict[str, str]:
    return {cell["tenant"]: cell["verdict"] for cell in data["cells"] if cell["point"] == point}


def test_a_live_look_ends_in_a_verified_cell_and_status_0(shop: Shop) -> None:
    shop.write("sound")
    done = shop.stas()
    assert done.returncode == exit_codes.OK, done.stdout + done.stderr
    assert done.stdout.startswith("shop: 0 flagged, 0 unknown, 2 verified, 0 n/a\n")
    assert re.search(r"^acme +◌ unknown +✓ verified 0s", done.stdout, re.MULTILINE)
    shown = shop.stas("show", "shop/globex/database")
    assert shown.returncode == exit_codes.OK
    assert "✓ D10 verified: The file is sound for each" in shown.stdout
    assert f"    read {shop.file}" in shown.stdout


def test_a_flag_is_status_1_with_its_place_and_the_others_stay_what_they_are(shop: Shop) -> None:
    shop.write("leak")
    done = shop.stas()
    assert done.returncode == exit_codes.FAILED
    assert "✖ D10 all tenants: acme reads others" in done.stdout or "✖ D10 acme: acme reads others" in done.stdout
    assert re.search(r"public\.t  \[leak [0-9a-f]{16}\]", done.stdout)
    assert verdicts(data(shop, "show")) == {"": "flagged", "acme": "flagged", "globex": "flagged"}, "D1 concerns all"
    assert verdicts(data(shop, "show", "--check", "D10")) == {"": "flagged", "acme": "flagged", "globex": "verified"}
    assert shop.stas("show", "--check", "d10", "--tenant", "globex").returncode == exit_codes.OK


def test_only_unknown_is_a_status_of_its_own_and_says_what_would_let_it_be_known(shop: Shop) -> None:
    done = shop.stas()
    assert done.returncode == exit_codes.UNKNOWN
    assert "  D1, D10, all tenants: there is no looked-at; write one" in done.stdout


def test_without_a_tenancy_file_all_is_unknown(shop: Shop) -> None:
    shop.profile.tenancy_file("shop").unlink()
    shop.write("sound")
    done = shop.stas()
    assert done.returncode == exit_codes.UNKNOWN
    assert "tenancy not declared; `stas tenancy init` drafts it" in done.stdout


def test_a_draft_verifies_nothing(shop: Shop) -> None:
    shop.declare('strategy = "row"\n')
    shop.write("sound")
    done = shop.stas()
    assert done.returncode == exit_codes.UNKNOWN
    assert "is a draft that nobody completed" in done.stdout
    assert "0 verified" in done.stdout


def test_a_wrong_tenancy_file_is_a_sentence_with_its_line(shop: Shop) -> None:
    shop.declare('strategy = "row"\ncompleted_buy = "Ada"\n')
    done = shop.stas()
    assert done.returncode == exit_codes.CONFIG
    assert "shop.toml, line 2: there is no setting completed_buy" in done.stderr
    shown = shop.stas("show")
    assert "shop.toml, line 2" in shown.stdout


def test_a_check_declared_away_needs_nothing(shop: Shop) -> None:
    text = "\n".join(f'[[not_applicable]]\ncheck = "{check}"\nreason = "no database"' for check in ("D1", "D10"))
    shop.declare(f'strategy = "row"\ncompleted_by = "Ada"\n{text}\n')
    done = shop.stas()
    assert done.returncode == exit_codes.OK
    assert "· n/a" in done.stdout
    shop.declare('strategy = "row"\ncompleted_by = "Ada"\n')
    shown = shop.stas("show")
    assert shown.returncode == exit_codes.UNKNOWN
    assert "the tenancy file has changed since" in shown.stdout


def test_what_is_accepted_stays_visible_and_no_longer_fails(shop: Shop) -> None:
    shop.write("leak")
    shop.stas()
    accepted = shop.stas("accept", "d1", "--until", SOON, "--reason", "old data, moved in May")
    assert accepted.returncode == exit_codes.OK, accepted.stderr
    assert shop.stas("show").returncode == exit_codes.FAILED, "D10 is open"
    lead = re.search(r"\[leak ([0-9a-f]{16})\]", shop.stas("show", "--check", "D10").stdout)
    assert lead is not None
    one = shop.stas("accept", "D10", "--tenant", "acme", "--lead", lead[1], "--until", SOON, "--reason", "known")
    assert one.returncode == exit_codes.OK, one.stderr
    done = shop.stas("show")
    assert done.returncode == exit_codes.OK
    assert done.stdout.startswith("shop: 0 flagged, 2 accepted, 0 unknown, 0 verified, 0 n/a")
    assert f"accepted by Ada until {SOON}" in done.stdout
    [waiver] = re.findall(r"^  (w-\w+)  D1, all tenants, until \S+ by Ada: old data, moved in May", done.stdout, re.M)
    ended = shop.stas("accept", "--end", waiver)
    assert ended.returncode == exit_codes.OK, ended.stderr
    assert shop.stas("show").returncode == exit_codes.FAILED
    log = [row for row in data(shop, "show")["acceptances"] if row["id"] == waiver]
    assert [(row["counts"], row["ended_by"]) for row in log] == [(False, "Ada")]


WRONG = [
    (["accept"], "Say which check"),
    (["accept", "Z9", "--until", SOON, "--reason", "x"], "There is no check 'Z9'"),
    (["accept", "D1", "--reason", "x"], "Say until when"),
    (["accept", "D1", "--until", "tomorrow", "--reason", "x"], "is no date"),
    (["accept", "D1", "--until", "2020-01-01", "--reason", "x"], "lies in the future"),
    (["accept", "D1", "--until", "2099-01-01", "--reason", "x"], "a year at most"),
    (["accept", "D1", "--until", SOON], "needs a reason"),
    (["accept", "D1", "--until", SOON, "--reason", "x", "--tenant", "nobody"], "There is no tenant 'nobody'"),
    (["accept", "D1", "--until", SOON, "--reason", "x", "--lead", "beef"], "has no lead beef"),
    (["accept", "D10", "--until", SOON, "--reason", "x", "--tenant", "globex"], "there is nothing to accept"),
    (["accept", "D1", "--end", "w-1"], "takes the id of an acceptance and no check"),
    (["accept", "--end", "w-none"], "There is no acceptance w-none"),
    (["--read-only", "accept", "D1", "--until", SOON, "--reason", "x"], "changes nothing"),
    (["show", "shop/acme/nowhere"], "names no cell"),
    (["show", "shop/nobody/database"], "There is no tenant"),
    (["show", "a", "b"], "show takes one cell"),
    (["prove"], "There is no stas isolation 'prove'"),
    (["run", "twice"], "run takes no further words"),
    (["--check", "Z1"], "There is no check 'Z1'"),
    (["--project", "other"], "There is no project other"),
    (["--at", "nowhere"], "has no commit 'nowhere'"),
]


def test_what_cannot_be_done_is_a_sentence_and_changes_nothing(shop: Shop) -> None:
    shop.write("leak")
    shop.stas()
    for words, why in WRONG:
        done = shop.stas(*words)
        assert why in done.stderr, words
        assert done.returncode not in (exit_codes.OK, exit_codes.UNKNOWN), words
        assert "Traceback" not in done.stderr, words
    assert data(shop, "show")["acceptances"] == []


def test_nobody_named_accepts_nothing(shop: Shop) -> None:
    shop.write("leak")
    shop.stas()
    text = shop.profile.config_file.read_text("utf-8")
    shop.profile.config_file.write_text(re.sub(r"\[\[person\]\].*?\n\n", "", text, flags=re.DOTALL), "utf-8")
    done = shop.stas("accept", "D1", "--until", SOON, "--reason", "x")
    assert done.returncode == exit_codes.FAILED
    assert "Only a named person decides" in done.stderr


def test_a_dry_run_prints_what_it_would_do_and_keeps_nothing(shop: Shop) -> None:
    shop.write("leak")
    done = shop.stas("--dry-run")
    assert done.returncode == exit_codes.OK
    assert f"D10 acme: not executed\n    read {shop.file}" in done.stdout
    assert "No check was ever run" in shop.stas("show").stdout


def test_show_needs_no_round_and_runs_none(shop: Shop) -> None:
    shop.write("leak")
    done = shop.stas("show")
    assert done.returncode == exit_codes.UNKNOWN
    assert "No check was ever run" in done.stdout


def test_changed_only_speaks_of_what_moved_and_the_status_of_all(shop: Shop) -> None:
    shop.write("leak")
    shop.stas()
    same = shop.stas("--changed-only")
    assert same.returncode == exit_codes.FAILED
    assert "No cell changed." in same.stdout
    shop.write("sound")
    better = shop.stas("--changed-only")
    assert better.returncode == exit_codes.OK
    assert "✓ verified 0s +" in better.stdout
    assert "Since the round before: 2 cells better, 0 worse; 0 new flags, 2 gone." in better.stdout


def test_a_flag_survives_a_round_that_cannot_look(shop: Shop) -> None:
    shop.write("leak")
    shop.stas()
    shop.file.unlink()
    done = shop.stas()
    assert done.returncode == exit_codes.FAILED
    assert "acme reads others" in done.stdout


def test_sarif_names_the_tenancy_file_for_what_is_in_no_file(shop: Shop) -> None:
    shop.write("leak")
    done = shop.stas("--sarif")
    assert done.returncode == exit_codes.FAILED
    [run] = json.loads(done.stdout)["runs"]
    assert {r["ruleId"] for r in run["results"]} == {"D1", "D10"}
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
    assert uris == {"shop.toml"}


def test_the_code_is_that_of_the_base_branch_unless_told(shop: Shop, git: Any) -> None:
    base = git(shop.repository, "rev-parse", "HEAD")
    git(shop.repository, "checkout", "-q", "-b", "other")
    git(shop.repository, "commit", "-q", "--allow-empty", "-m", "more")
    assert data(shop)["run"]["commit"] == base
    assert data(shop, "--at", "HEAD")["run"]["commit"] == git(shop.repository, "rev-parse", "HEAD")
    git(shop.repository, "branch", "-q", "-m", "multi-tenant", "renamed")
    done = shop.stas()
    assert "has no branch multi-tenant; no code is read" in done.stderr
    assert "without code" in done.stdout


def test_the_catalogue(shop: Shop) -> None:
    done = shop.stas("list")
    assert "D10  database       The file is sound for each" in done.stdout
    listed = data(shop, "list")
    assert [(row["id"], row["group"], row["missing"]) for row in listed] == [("D1", "made", ""), ("D10", "made", "")]
