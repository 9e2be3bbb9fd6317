from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_repositories import NOW, SEED, git, make_repository

from stas_tui.demo.repository import BASE, MAIN, OWN_BRANCH, REVIEW_BRANCH, DemoError, DemoRepository, build_repository
from stas_tui.demo.repository import service_files as service
from storage.clock import DAY

TESTS = ["-m", "unittest", "discover", "-s", "tests", "-t", "."]


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-W", "error::ResourceWarning", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_same_seed_and_time_give_the_same_shas(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "a")
    assert make_repository(tmp_path / "b").heads == first.heads
    assert make_repository(tmp_path / "c", seed=SEED + 1).base_sha != first.base_sha
    assert make_repository(tmp_path / "d", now_ms=NOW + 60_000).base_sha != first.base_sha


def test_git_finds_nothing_wrong_and_all_branches_are_there(repository: DemoRepository) -> None:
    git(repository.remote, "fsck", "--strict", "--no-dangling")
    assert set(repository.heads) == {MAIN, BASE, REVIEW_BRANCH, OWN_BRANCH}
    assert git(repository.remote, "symbolic-ref", "HEAD").strip() == f"refs/heads/{MAIN}"
    assert repository.heads[BASE] == repository.base_sha == git(repository.remote, "rev-parse", BASE).strip()
    assert repository.heads[MAIN] == repository.main_sha


def test_multi_tenant_holds_exactly_the_service(repository: DemoRepository) -> None:
    listed = git(repository.remote, "ls-tree", "-r", "--name-only", BASE).splitlines()
    assert sorted(listed) == sorted(service())
    assert {"Dockerfile", "docker-compose.yml", ".github/workflows/ci.yml", "monitoring/alerts.yml"} <= set(listed)


def test_main_moved_on_after_the_cut(repository: DemoRepository) -> None:
    foreign = git(repository.remote, "rev-list", MAIN, f"^{BASE}").split()
    assert foreign == [repository.main_sha]
    for branch in (REVIEW_BRANCH, OWN_BRANCH):
        assert git(repository.remote, "rev-list", branch, f"^{BASE}").split() == [repository.heads[branch]]
        assert git(repository.remote, "rev-list", branch, MAIN, f"^{BASE}", "--count").strip() == "2"


def test_three_merges_in_the_last_day(repository: DemoRepository) -> None:
    lines = git(repository.remote, "log", "--merges", "--first-parent", "--format=%ct %s", BASE).splitlines()
    assert [line.split("#")[1].split()[0] for line in lines] == ["15", "14", "13"]
    for line in lines:
        assert NOW - DAY < int(line.split()[0]) * 1000 < NOW


def test_the_review_branch_opens_the_edge(repository: DemoRepository) -> None:
    changed = git(repository.remote, "diff", "--name-only", f"{BASE}...{REVIEW_BRANCH}").split()
    assert changed == [
        "docker-compose.yml",
        "infra/Caddyfile",
        "migrations/0003_edge_visits.down.sql",
        "migrations/0003_edge_visits.up.sql",
        "tests/test_migrations.py",
    ]
    assert '"8080:8080"' in git(repository.remote, "show", f"{REVIEW_BRANCH}:docker-compose.yml")


def test_one_step_back_on_the_review_branch_leaves_a_column_behind(clone: Callable[..., Path]) -> None:
    folder = clone("edge", REVIEW_BRANCH)
    steps = (
        "import sqlite3; from ledger import migrate; c = sqlite3.connect(':memory:');"
        "migrate.up(c); migrate.down(c); migrate.up(c)"
    )
    done = python(folder, "-c", steps)
    assert done.returncode == 1
    assert "duplicate column name: booked_from" in done.stderr


@pytest.mark.parametrize("branch", [BASE, MAIN, REVIEW_BRANCH, OWN_BRANCH])
def test_the_tests_of_a_fresh_checkout_pass(clone: Callable[..., Path], branch: str) -> None:
    folder = clone("fresh", branch)
    done = python(folder, *TESTS)
    assert done.returncode == 0, done.stderr
    assert "Ran 0 tests" not in done.stderr


def test_the_service_starts_and_keeps_tenants_apart(clone: Callable[..., Path]) -> None:
    folder = clone("fresh")
    done = python(folder, "-m", "ops.smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(folder, "status", "--porcelain") == ""


def test_a_tenant_filter_that_is_lost_is_noticed(clone: Callable[..., Path]) -> None:
    folder = clone("leaky")
    path = folder / "ledger" / "entries.py"
    text = path.read_text()
    leaky = text.replace("FROM entries WHERE tenant_id = ? ORDER", "FROM entries WHERE ? <> '' ORDER")
    assert leaky != text
    path.write_text(leaky)
    done = python(folder, *TESTS)
    assert done.returncode == 1
    assert "test_one_tenant_never_sees_another" in done.stderr


def test_the_dashboard_and_the_alerts_use_series_that_exist(clone: Callable[..., Path]) -> None:
    folder = clone("fresh")
    code = "".join(path.read_text() for path in (folder / "ledger").glob("*.py"))
    alerts = (folder / "monitoring" / "alerts.yml").read_text()
    panels = json.loads((folder / "monitoring" / "dashboard.json").read_text())["panels"]
    used = {
        word
        for text in (alerts, *(panel["expr"] for panel in panels))
        for word in "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
        if word.startswith("ledger_")
    }
    assert len(used) >= 6
    for name in used:
        assert f'"{name}"' in code, name


def test_a_folder_without_a_repository_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DemoError) as caught:
        build_repository(tmp_path / "nothing", seed=SEED, now_ms=NOW)
    assert "git" in str(caught.value)
    assert caught.value.mend


def test_foreign_branches_are_not_written_over(repository: DemoRepository) -> None:
    with pytest.raises(DemoError):
        build_repository(repository.remote, seed=SEED + 1, now_ms=NOW)
    assert git(repository.remote, "rev-parse", BASE).strip() == repository.base_sha
