"""The gates of a change with migrations: rehearsed before they ask, once, with places; not finished is not proved."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.gates.contract import RiskLine, Shown
from storage.clock import SystemClock
from storage.records import Action, GateLevel
from storage.scans import open_scans
from tests.door.shop import BASE, Shop, commit, git

FIRST = {
    "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT);\n",
    "migrations/0001_a.down.sql": "DROP TABLE a;\n",
}
UP = "ALTER TABLE a ADD COLUMN b TEXT;\n"
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;\n"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop whose base branch has a first migration."""
    git("checkout", "-q", BASE, cwd=shop.person_clone)
    commit(shop.person_clone, FIRST, "infra: a")
    git("fetch", "-q", shop.person_clone, f"+{BASE}:{BASE}", cwd=shop.remote)
    return shop


def asked(shop: Shop, down: str, up: str = UP) -> Action:
    """The gate of a pull request whose branch adds a second migration."""
    shop.look()
    workspace = shop.claimed()
    shop.write(workspace, {"migrations/0002_b.up.sql": up, "migrations/0002_b.down.sql": down})
    done = shop.call("commit_changes", projectId="shop", taskId="T-1", message="infra: a column for b")
    assert done.status == "ok", done
    answer = shop.call("open_pull_request", **shop.pr_args())
    assert answer.action is not None, answer
    return answer.action


def shown(action: Action) -> Shown:
    assert action.revision is not None
    return Shown.from_json(action.revision.shown)


def rollback(action: Action) -> RiskLine:
    return next(row for row in shown(action).risk if row.kind == "rollback")


def kept(shop: Shop) -> list[Any]:
    """When each rehearsal that is remembered was made."""
    with open_scans(shop.profile.scan_db) as store:
        rows = store.read("select json_extract(facts, '$.at') as at from reading where rules like 'rehearsed%'")
        return [row["at"] for row in rows]


def test_R48_a_way_back_that_fails_asks_for_the_name_and_says_where(shop: Shop) -> None:
    action = asked(shop, "SELECT 1;\n")
    row = rollback(action)
    assert row.level == "crit"
    assert "C3 0002: column a.b stays behind" in row.text
    assert "migrations/0002_b.down.sql:1" in row.text
    assert action.level is GateLevel.GATE2
    assert shown(action).because.startswith("irreversible: C3")
    assert any(proof.ref == "migrations/0002_b.down.sql:1" for proof in shown(action).evidence)


def test_R48_a_way_back_that_works_is_proved_by_its_rehearsal(shop: Shop) -> None:
    row = rollback(asked(shop, "ALTER TABLE a DROP COLUMN b;\n"))
    assert row.level == "ok"
    assert "up, down and up again" in row.text


def test_asked_again_it_is_not_rehearsed_twice(shop: Shop) -> None:
    action = asked(shop, "SELECT 1;\n")
    [first] = kept(shop)
    shop.later(2)
    args = {**shop.pr_args(), "title": "infra: cap the checkout pool at 20"}
    changed = shop.toolbox.edit(action.id, rev=action.rev, digest=action.digest, args=args, author="Ada")
    assert rollback(changed).text == rollback(action).text
    assert kept(shop) == [first]


def test_a_rehearsal_that_does_not_finish_in_its_time_proves_nothing(shop: Shop) -> None:
    shop.configure(extra="\n[project.rehearse]\nseconds = 5\n")
    shop.clock.monotonic = SystemClock().monotonic  # type: ignore[method-assign]
    shop.reopen()
    row = rollback(asked(shop, "ALTER TABLE a DROP COLUMN b;\n", up=UP + FOREVER))
    assert row.level != "ok"
    assert "up, down and up again" not in row.text
    with open_scans(shop.profile.scan_db) as store:
        [facts] = store.read("select facts from reading where rules like 'rehearsed%'")
    assert "took longer than 5 s" in facts["facts"]


def test_what_is_unsafe_in_the_change_stands_among_the_warnings_with_its_place(shop: Shop) -> None:
    shop.look()
    workspace = shop.claimed()
    shop.write(workspace, {"docker-compose.yml": "services:\n  checkout:\n    image: shop/a:1\n    privileged: true\n"})
    shop.call("commit_changes", projectId="shop", taskId="T-1", message="infra: privileged")
    answer = shop.call("open_pull_request", **shop.pr_args())
    assert answer.action is not None
    assert any(line.startswith("docker-compose.yml:4:") for line in shown(answer.action).warnings)
