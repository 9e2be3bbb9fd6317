"""What the group answers: flags, questions, and the reason for everything that it cannot say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation import code
from stas_tui.isolation.base import UNDECLARED, Cancelled, World
from stas_tui.isolation.catalog import load
from stas_tui.isolation.catalog_outline import OUTLINE
from stas_tui.isolation.runner import run as run_group
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from storage.scans import Scans, open_scans
from tests.isolation.code.samples import MODELS, tenancy
from tests.isolation.code.test_code_optional import FAULTY
from tests.isolation.code.trees import Repository

READING = ("Q1", "Q2", "Q3", "Q5", "Q6", "Q7", "Q8")
SOUND = """
from fastapi import APIRouter, Depends
router = APIRouter()

@router.get("/items/{id}")
def read(id: int, user=Depends(get_current_user), session=Depends(get_db)):
    return session.scalar(select(Item).where(Item.id == id, Item.tenant_id == user.tenant_id))

def cached(tenant_id):
    return redis.get(f"items:{tenant_id}")

@shared_task
def work(tenant_id, item_id):
    return session.scalar(select(Item).where(Item.tenant_id == tenant_id, Item.id == item_id))

def start(item):
    work.delay(item.tenant_id, item.id)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


@pytest.fixture
def world() -> World:
    return World(project_id="shop", tenants=("a",), tenancy=tenancy(), clock=SystemClock())


def answers(world: World, **more: Any) -> dict[str, CheckResult]:
    return {result.check: result for result in code.run(replace(world, **more))}


def test_the_group_is_the_one_of_the_outline() -> None:
    group = load("code", OUTLINE["code"])
    assert group.missing == ""
    assert [spec.id for spec in group.checks] == [spec.id for spec in OUTLINE["code"]]
    assert [(spec.id, spec.point, spec.live) for spec in code.CHECKS] == [
        (spec.id, spec.point, spec.live) for spec in OUTLINE["code"]
    ]


def test_sound_code_gives_no_lead_and_is_never_verified(repository: Repository, world: World) -> None:
    tree = repository.at(repository.commit({"app/models.py": MODELS, "app/api.py": SOUND}))
    found = answers(world, tree=tree)
    assert sorted(found) == [spec.id for spec in code.CHECKS]
    for check in READING:
        assert found[check].verdict is Verdict.UNKNOWN
        assert found[check].leads == ()
        assert not found[check].live
        assert "would settle it" in found[check].reason
        assert found[check].target.startswith(f"commit {tree.commit[:12]}, 2 files, sha256 ")
    assert found["Q1"].reason == (
        "no lead in 2 queries; reading never verifies, Q4, which judges the statements that ran, would settle it"
    )
    assert found["Q8"].counts["jobs"] == found["Q8"].counts["enqueued"] == 1
    assert found["Q4"].reason.startswith("no source of executed statements")


def test_an_optional_filter_flags_and_the_others_ask(repository: Repository, world: World) -> None:
    files = {
        "app/models.py": MODELS,
        "app/crud.py": f"def a():\n    pass\n{textwrap.dedent(FAULTY['if'])}\n{textwrap.dedent(FAULTY['update'])}",
        "app/more.py": "def get(session, tenant_id, id):\n    return session.get(Item, id)\n",
    }
    found = answers(world, tree=repository.at(repository.commit(files)))
    assert found["Q1"].verdict is Verdict.FLAGGED
    assert found["Q1"].reason == "2 queries drop their tenant filter when an argument is missing"
    assert [lead.place for lead in found["Q1"].leads] == ["app/crud.py:7", "app/crud.py:14"]
    assert found["Q2"].verdict is Verdict.UNKNOWN
    assert [lead.accuses for lead in found["Q2"].leads] == [False]
    assert "1 query reads a tenant's table without the tenant that is at hand; a person must say" in found["Q2"].reason


def test_files_that_could_not_be_parsed_are_said(repository: Repository, world: World) -> None:
    tree = repository.at(repository.commit({"app/x.py": "select(\n", "app/models.py": MODELS}))
    result = answers(world, tree=tree)["Q1"]
    assert result.counts["unread"] == 1
    assert "1 file could not be read, app/x.py: Python cannot parse line 1" in result.reason


def test_only_what_is_wanted_is_answered(repository: Repository, world: World) -> None:
    tree = repository.at(repository.commit({"app/models.py": MODELS}))
    assert [*answers(world, tree=tree, only=frozenset({"Q3", "Q7"}))] == ["Q3", "Q7"]


def test_without_code_declaration_or_leave_it_says_why(repository: Repository, world: World) -> None:
    assert {result.reason for result in answers(world, tenancy=None).values()} == {UNDECLARED}
    assert "no repository" in answers(world)["Q1"].reason
    tree = repository.at(repository.commit({"app/models.py": MODELS}))
    assert "dry run" in answers(world, tree=tree, dry=True)["Q1"].reason
    assert "could not be read" in answers(world, tree=repository.at("0" * 40))["Q1"].reason


def test_a_person_can_end_it(repository: Repository, world: World) -> None:
    tree = repository.at(repository.commit({"app/models.py": MODELS}))
    with pytest.raises(Cancelled):
        answers(world, tree=tree, cancelled=lambda: True)


def test_leads_of_a_world_hold_the_notes_too(repository: Repository, world: World, tmp_path: Path) -> None:
    files = {"app/models.py": MODELS, "app/x.py": "def get(session, id):\n    return session.get(Item, id)\n"}
    tree = repository.at(repository.commit(files))
    with open_scans(tmp_path / "scan.db") as store:
        found = code.leads(replace(world, tree=tree, scans=Scans(store)))
    assert [(lead.rule, lead.severity) for lead in found] == [("key-alone", "note")]
    assert code.leads(world) == []
    assert all(not lead.accuses for lead in code.leads(replace(world, tree=tree, tenancy=None)))


def test_a_cache_that_cannot_be_used_is_done_without(repository: Repository, world: World, tmp_path: Path) -> None:
    tree = repository.at(repository.commit({"app/models.py": MODELS, "app/api.py": SOUND}))
    store = open_scans(tmp_path / "scan.db")
    store.close()
    steps: list[str] = []
    result = answers(world, tree=tree, scans=Scans(store), progress=steps.append)["Q1"]
    assert result.reason == (
        "no lead in 2 queries; reading never verifies, Q4, which judges the statements that ran, would settle it"
    )
    assert any("cannot be used" in step for step in steps)


def test_the_runner_takes_every_answer(repository: Repository, world: World) -> None:
    files = {"app/models.py": MODELS, "app/crud.py": textwrap.dedent(FAULTY["if"])}
    group = load("code", OUTLINE["code"])
    results = list(_ran(replace(world, tree=repository.at(repository.commit(files))), group))
    assert sorted(result.check for result in results) == [spec.id for spec in code.CHECKS]
    assert results[0].verdict is Verdict.FLAGGED


def _ran(world: World, group: Any) -> Iterator[CheckResult]:
    yield from run_group(world, [group])
