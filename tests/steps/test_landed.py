"""After a merge: V6 rests on probes that ran since, V5 on the live database; what nobody looked at stays open."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from storage.check_records import Verdict
from storage.clock import HOUR, MINUTE
from storage.records import Finding
from storage.watch_records import SourceKind
from tests.door.shop import BASE, PERSON, T0, Shop, commit, git
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
    assert (found.verdict, found.reason) == ("ok", "7 probes since the merge, no foreign row")
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
