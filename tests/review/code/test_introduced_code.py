"""C8: what a change introduces in the code accuses on its own lines; what was there before says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.declared import Tenancy
from stas_tui.review.code import CHECKS, run
from storage.check_records import CheckResult, Verdict
from tests.review.worlds import Repository

TENANCY = Tenancy.model_validate(
    {"version": 1, "strategy": "row", "columns": ["tenant_id"], "tables": {"scoped": ["invoice"]}}
)
MODEL = """\
from sqlalchemy.orm import Mapped, mapped_column
from app.base import Base

class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column()
    slug: Mapped[str] = mapped_column()
"""
HEAD = "from sqlalchemy import select\nfrom app.models import Invoice\n\n"
SCOPED = HEAD + (
    "def one(session, tenant_id, slug):\n"
    "    return session.scalars(\n"
    "        select(Invoice)\n"
    "        .where(Invoice.slug == slug)\n"
    "        .where(Invoice.tenant_id == tenant_id)\n"
    "    )\n"
)
LOST = SCOPED.replace("        .where(Invoice.tenant_id == tenant_id)\n", "")
OPTIONAL = HEAD + (
    "def many(session, tenant_id=None):\n"
    "    query = select(Invoice)\n"
    "    if tenant_id is not None:\n"
    "        query = query.where(Invoice.tenant_id == tenant_id)\n"
    "    return session.scalars(query)\n"
)
CACHE = HEAD + (
    "def cached(redis, session, tenant_id, slug):\n"
    "    return redis.get(f'invoice:{slug}') or session.scalars(\n"
    "        select(Invoice).where(Invoice.tenant_id == tenant_id)\n"
    "    )\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def c8(
    repository: Repository,
    before: dict[str, Any],
    after: dict[str, Any],
    tenancy: Tenancy | None = TENANCY,
    **more: Any,
) -> CheckResult:
    models = {"app/models.py": MODEL}
    change = repository.changed(models | before, after, tenancy=tenancy, **more)
    [found] = run(change)
    return found


def places(found: CheckResult) -> list[tuple[str, str, bool]]:
    return [(lead.rule, lead.place, lead.accuses) for lead in found.leads]


def test_a_filter_that_is_taken_away_is_flagged_although_no_line_was_added(repository: Repository) -> None:
    found = c8(repository, {"app/q.py": SCOPED}, {"app/q.py": LOST})
    assert found.verdict is Verdict.FLAGGED
    assert places(found) == [("natural-key", "app/q.py:6", True)]
    assert "slug" in found.reason


def test_R109_a_query_without_predicate_in_a_new_file_is_flagged_with_its_line(repository: Repository) -> None:
    found = c8(repository, {}, {"app/q.py": OPTIONAL})
    assert found.verdict is Verdict.FLAGGED
    [(rule, place, accuses)] = places(found)
    assert (rule, accuses) == ("optional-filter", True)
    assert place.startswith("app/q.py:")
    assert found.leads[0].severity == "crit"


def test_R103_a_cache_key_without_tenant_is_flagged(repository: Repository) -> None:
    found = c8(repository, {}, {"app/q.py": CACHE})
    assert found.verdict is Verdict.FLAGGED
    assert ("shared-key", "app/q.py:5", True) in places(found)


def test_what_was_there_before_is_not_of_this_change(repository: Repository) -> None:
    found = c8(repository, {"app/q.py": LOST}, {"app/q.py": LOST + "\n\ndef more():\n    return 1\n"})
    assert found.verdict is Verdict.UNKNOWN
    assert found.leads == ()
    assert found.reason.startswith("no lead in 1 file of code")


@pytest.mark.parametrize(
    "after",
    [
        {"app/q.py": None, "app/queries.py": LOST},
        {"app/q.py": "import os\nimport sys\n" + LOST},
        {"app/q.py": LOST.replace("\n    ", "\n        ").replace("def one", "class A:\n    def one")},
    ],
    ids=["renamed", "moved down", "moved into a class"],
)
def test_moving_it_introduces_nothing(repository: Repository, after: dict[str, Any]) -> None:
    found = c8(repository, {"app/q.py": LOST}, after)
    assert found.verdict is Verdict.UNKNOWN, places(found)
    assert not any(lead.accuses for lead in found.leads)


def test_without_a_declared_tenancy_it_only_asks(repository: Repository) -> None:
    found = c8(repository, {"app/q.py": SCOPED}, {"app/q.py": LOST}, tenancy=None)
    assert found.verdict is Verdict.UNKNOWN
    assert [accuses for _, _, accuses in places(found)] == [False]
    assert "tenancy not declared" in found.reason


def test_what_a_change_elsewhere_makes_of_untouched_lines_asks(repository: Repository) -> None:
    undeclared = Tenancy.model_validate({"version": 1, "strategy": "row", "columns": ["tenant_id"]})
    bare = MODEL.replace("    tenant_id: Mapped[str] = mapped_column()\n", "")
    found = c8(repository, {"app/models.py": bare, "app/q.py": LOST}, {"app/models.py": MODEL}, undeclared)
    assert found.verdict is Verdict.UNKNOWN
    assert [(path.partition(":")[0], accuses) for _, path, accuses in places(found)] == [("app/q.py", False)]


def test_no_code_is_no_good_news(repository: Repository) -> None:
    found = c8(repository, {"README.md": "a"}, {"README.md": "b"})
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "no code of the application is touched")


def test_code_that_is_not_understood_is_said(repository: Repository) -> None:
    found = c8(repository, {"app/q.py": SCOPED}, {"app/q.py": "def broken(:\n"})
    assert found.verdict is Verdict.UNKNOWN
    assert "app/q.py could not be understood" in found.reason


def test_deleting_the_query_is_fine(repository: Repository) -> None:
    found = c8(repository, {"app/q.py": LOST}, {"app/q.py": None})
    assert found.leads == ()


def test_it_is_not_asked_if_nobody_wants_it(repository: Repository) -> None:
    change = repository.changed({"a.py": "1\n"}, {"a.py": "2\n"}, only=frozenset({"C9"}))
    assert list(run(change)) == []
    assert [spec.id for spec in CHECKS] == ["C8"]
