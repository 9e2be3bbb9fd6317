"""Every check of the specification is in exactly one group, and naming them all costs next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stas_tui.isolation import catalog
from stas_tui.isolation.base import POINTS
from stas_tui.isolation.catalog_outline import OUTLINE

ROOT = Path(__file__).parents[3]
SPECIFIED = {
    *(f"Q{n}" for n in range(1, 9)),
    *(f"D{n}" for n in range(1, 16)),
    *(f"P{n}" for n in range(1, 9)),
    *("J1", "J2"),
    *(f"G{n}" for n in range(1, 5)),
    *(f"X{n}" for n in range(1, 5)),
    *(f"M{n}" for n in range(1, 9)),
}
HEAVY = ("sqlglot", "psycopg", "yaml", "httpx", "pydantic", "textual", "alembic", "sqlalchemy", "hcl2")


def test_every_check_is_in_exactly_one_group() -> None:
    ids = Counter(spec.id for specs in OUTLINE.values() for spec in specs)
    assert set(ids) == SPECIFIED
    assert set(ids.values()) == {1}
    assert [spec.id for spec in catalog.catalog()] == [spec.id for specs in OUTLINE.values() for spec in specs]


@pytest.mark.parametrize("name", OUTLINE)
def test_a_group_that_is_there_holds_its_checks_and_no_other(name: str) -> None:
    group = catalog.load(name, OUTLINE[name])
    assert group.module is not None, group.broken
    own = {spec.id: spec for spec in group.module.CHECKS}
    assert set(own) == {spec.id for spec in OUTLINE[name]}
    assert all(spec.live == own[spec.id].live for spec in OUTLINE[name])


def test_every_check_has_a_point_a_title_and_a_method() -> None:
    for spec in catalog.catalog():
        assert spec.point in POINTS
        assert spec.title
        assert spec.method
        assert spec.live == (spec.ttl_ms is not None), f"{spec.id}: what is live runs out"
    assert {spec.point for spec in catalog.catalog()} == set(POINTS), "a column without a check"


def test_what_settles_a_reading_runs_on_the_real_thing() -> None:
    specs = {spec.id: spec for spec in catalog.catalog()}
    for read, live in catalog.SETTLED_BY.items():
        assert not specs[read].live
        assert specs[live].live


def run(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_naming_them_loads_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from stas_tui.isolation.catalog import catalog\n"
        f"assert len(catalog()) == {len(SPECIFIED)}\n"
        f"print(sorted(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


GROUPS = {
    "needs_pg": "import psycopg\n",
    "needs_other": "import something_else_entirely\n",
    "has_a_fault": "1 / 0\n",
    "has_no_checks": "x = 1\n",
    "is_whole": "from stas_tui.isolation.catalog import OUTLINE\nCHECKS = OUTLINE['jobs']\ndef run(world): yield\n",
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("needs_pg", "psycopg is not installed; `pip install 'stas-tui[pg]'`"),
        ("needs_other", "the Python package something_else_entirely is not installed; install Stas again"),
        ("has_a_fault", "the checks of this group broke when they were loaded (ZeroDivisionError); the log says more"),
        ("has_no_checks", "the checks of this group broke when they were loaded (AttributeError); the log says more"),
        ("is_there_not", "this Stas has no such check"),
        ("is_whole", ""),
    ],
)
def test_a_group_that_cannot_be_loaded_keeps_its_descriptions_and_says_why(tmp_path: Path, name: str, why: str) -> None:
    """In an interpreter of its own, in which psycopg is not installed."""
    (tmp_path / "made").mkdir()
    for file, text in GROUPS.items():
        (tmp_path / "made" / f"{file}.py").write_text(text)
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from stas_tui.isolation.catalog import OUTLINE, load\n"
        "group = load(sys.argv[2], OUTLINE['jobs'], package='made')\n"
        "print([spec.id for spec in group.checks], bool(group.broken), group.missing)"
    )
    done = run(code, str(tmp_path), name)
    assert done.stdout.strip() == f"['J1', 'J2'] {bool(why)} {why}".strip(), done.stderr
