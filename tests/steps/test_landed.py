"""After a merge: V6 rests on probes that ran since, V5 on the live database; what nobody looked at stays open."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, HOUR, MINUTE
from storage.records import Finding
from storage.watch_records import Deploy, SourceKind
from tests.door.shop import BASE, PERSON, T0, Shop, commit, git
from tests.steps.checking import Checked
from tests.steps.outside import after, declared, healthy, land, probe, probed, says, step, walk, watched

UP, DOWN = "CREATE TABLE t (id INTEGER PRIMARY KEY);\n", "DROP TABLE t;\n"


def entry(shop: Shop, sha: str) -> dict[str, Any]:
    [found] = [merge for merge in step(shop, 8).data["merges"] if merge["sha"] == sha]
    return dict(found)


def told(shop: Shop, sha: str) -> dict[str, Finding]:
    walk(shop, 8)
    return after(shop, sha)


# V6 -------------------------------------------------------------------------------------------------


def test_V6_probes_since_the_merge_that_found_nothing_settle_it(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop)
    found = told(shop, sha)["isolation"]
    assert (found.verdict, found.reason) == ("ok", "7 probes since the deployment, no foreign row")
    assert [proof.ref for proof in found.evidence][:2] == [sha, "D10 acme"]
    assert len(found.evidence) == 1 + 7
    assert entry(shop, sha)["settled"]


def test_V6_probes_from_before_the_merge_say_nothing_about_it(shop: Shop) -> None:
    healthy(watched(shop))
    declared(shop)
    probed(shop)
    shop.later(5)
    fresh = land(shop, "fresh", shop.clock.now() - MINUTE)
    found = told(shop, fresh)["isolation"]
    assert (found.verdict, found.reason) == ("unknown", "not checked since the merge: D10, D11, D12, P2")
    assert not entry(shop, fresh)["settled"]


def test_V6_a_foreign_row_since_the_merge_drafts_a_P0(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop, D10=Verdict.FLAGGED)
    found = told(shop, sha)["isolation"]
    assert found.verdict == "failed"
    assert found.reason == "acme: D10 3 rows of others, and 1 more"
    assert entry(shop, sha)["draft"]["priority"] == "P0"


def test_V6_one_probe_that_could_not_look_keeps_the_card_open(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop, P2=Verdict.UNKNOWN)
    found = told(shop, sha)["isolation"]
    assert (found.verdict, found.reason) == ("unknown", "acme: P2 so it is: unknown")
    assert not entry(shop, sha)["settled"]


def test_V6_a_draft_of_the_tenancy_proves_nothing_and_keeps_the_card_open(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop, completed_by="")
    probed(shop)
    found = told(shop, sha)["isolation"]
    assert found.verdict == "unknown"
    assert "draft" in found.reason
    assert not entry(shop, sha)["settled"]


def test_V6_undeclared_is_unknown_and_waited_for_by_nobody(shop: Shop) -> None:
    sha = healthy(watched(shop))
    found = told(shop, sha)["isolation"]
    assert (found.verdict, found.reason) == ("unknown", "tenancy not declared; `stas tenancy init` drafts it")
    assert entry(shop, sha)["settled"]


def test_V6_a_flag_that_a_person_accepted_is_no_good_news(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop, D12=Verdict.FLAGGED)
    shop.app.rounds.checks.accept(
        "shop", "D12", reason="known, fixed next week", by=PERSON, until=shop.clock.now() + 24 * HOUR
    )
    found = told(shop, sha)["isolation"]
    assert (found.verdict, found.reason) == ("degraded", "D12 is flagged and accepted by a person")


def deployed(shop: Shop, sha: str, at: int) -> None:
    fields = {"key": "shop/1", "project_id": "shop", "what": "rollout", "environment": "live", "state": "success"}
    says(shop, SourceKind.DEPLOYS, Deploy(sha=sha, at=at, **fields))


def test_V6_probes_from_before_the_deployment_looked_at_the_old_version(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop)
    shop.later(5)
    for kind in (SourceKind.PROBES, SourceKind.METRICS):
        says(shop, kind, *([probe(version=sha, expected_version=sha)] if kind is SourceKind.PROBES else []))
    deployed(shop, sha, shop.clock.now() - MINUTE)
    found = told(shop, sha)["isolation"]
    assert (found.verdict, found.reason) == ("unknown", "not checked since the deployment: D10, D11, D12, P2")


def test_V6_while_another_version_runs_clean_probes_are_no_news_of_this_one(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop)
    says(shop, SourceKind.PROBES, probe(version="0" * 40, expected_version=sha))
    found = told(shop, sha)["isolation"]
    assert found.verdict == "unknown"
    assert found.reason.startswith("not deployed yet, as far as is known: 7 probes since the deployment")


def held(checked: Checked) -> None:
    """D10 of every tenant, verified an hour ago by what is declared now, and D1."""
    rounds, now = checked.shop.app.rounds, checked.shop.clock.now()
    run = rounds.checks.begin("shop", ["D1", "D10"], tenancy=rounds.subject("shop").tenancy)
    for check, tenant in (("D1", ""), ("D10", "acme"), ("D10", "globex")):
        result = CheckResult(
            check=check, project_id="shop", tenant=tenant, verdict=Verdict.VERIFIED, reason="sound", live=True,
            started_at=now - HOUR, ended_at=now - HOUR, expires_at=now + DAY,
        )  # fmt: skip
        rounds.checks.put(run, result)
    rounds.checks.end(run, "done")


@pytest.mark.parametrize("merged", [True, False])
def test_V6_step_9_asks_the_probes_again_after_a_merge_although_their_answers_hold(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merged: bool
) -> None:
    monkeypatch.setenv("CORE_FILE", str(tmp_path / "looked-at"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    checked = Checked(shop, tmp_path / "looked-at")
    checked.declare()
    checked.says("sound")
    held(checked)
    if merged:
        land(shop, "fresh", shop.clock.now() - 10 * MINUTE)
    assert {"D1", "D10"}.isdisjoint(shop.app.rounds.due("shop"))
    asked: list[str] = []
    small = shop.app.rounds.command
    assert small is not None

    def command(project: str, checks: Sequence[str], pulse_id: str | None) -> Sequence[str]:
        asked.extend(checks)
        return small(project, checks, pulse_id)

    shop.app.rounds.command = command
    checked.to_step()
    checked.finish()
    assert ("D10" in asked, "D1" in asked) == (merged, False)
    assert len(asked) == len(set(asked))


# V5 -------------------------------------------------------------------------------------------------


def live(shop: Shop, *applied: str) -> Path:
    """The live SQLite database with these revisions noted, declared in the tenancy file."""
    file = shop.folder / "live.db"
    with sqlite3.connect(file) as connection:
        connection.execute("create table schema_migrations (version text primary key)")
        connection.executemany("insert into schema_migrations values (?)", [(one,) for one in applied])
        if applied:
            connection.execute(UP)
    connection.close()
    declared(shop)
    tenancy = shop.profile.tenancy_file("shop")
    tenancy.write_text(f'{tenancy.read_text()}[database]\nsqlite = "{file}"\n')
    return file


def migrated(shop: Shop) -> str:
    """A merge with a migration."""
    git("checkout", "-q", BASE, cwd=shop.person_clone)
    files = {"migrations/0001_t.up.sql": UP, "migrations/0001_t.down.sql": DOWN}
    sha = commit(shop.person_clone, files, "infra: t", T0 - HOUR + MINUTE)
    git("fetch", "-q", shop.person_clone, f"+{BASE}:{BASE}", cwd=shop.remote)
    return sha


def test_V5_a_merge_without_migrations_asks_nothing_of_the_database(shop: Shop) -> None:
    assert "schema" not in told(shop, healthy(watched(shop)))


def test_V5_undeclared_is_unknown(shop: Shop) -> None:
    healthy(watched(shop))
    found = told(shop, migrated(shop))["schema"]
    assert (found.verdict, found.reason) == ("unknown", "tenancy not declared; `stas tenancy init` drafts it")


def test_V5_a_revision_that_is_missing_while_the_new_version_is_not_out_is_no_accusation(shop: Shop) -> None:
    healthy(watched(shop))
    live(shop)
    found = told(shop, migrated(shop))["schema"]
    assert found.verdict == "unknown", found.reason
    assert found.reason.startswith("not deployed yet, as far as is known: ")


@pytest.mark.parametrize(("applied", "verdict"), [(("0000",), "failed"), (("0001",), "ok")])
def test_V5_once_the_new_version_runs_everywhere_the_database_must_be_at_the_head(
    shop: Shop, applied: tuple[str, ...], verdict: str
) -> None:
    healthy(watched(shop))
    live(shop, *applied)
    sha = migrated(shop)
    says(shop, SourceKind.PROBES, probe(version=sha, expected_version=sha))
    found = told(shop, sha)["schema"]
    assert found.verdict == verdict, found.reason
    assert found.evidence[1].ref == "V5"


def test_V5_a_check_of_ours_that_breaks_is_unknown_and_the_rest_of_the_merge_is_told(shop: Shop) -> None:
    healthy(watched(shop))
    live(shop, "0001").write_bytes(b"")
    declared(shop)
    tenancy = shop.profile.tenancy_file("shop")
    tenancy.write_text(f'{tenancy.read_text()}[database]\nsqlite = "{"x" * 5000}"\n')
    found = told(shop, migrated(shop))
    assert found["schema"].verdict == "unknown"
    assert "the check broke" in found["schema"].reason
    assert found["isolation"].verdict == "unknown"
