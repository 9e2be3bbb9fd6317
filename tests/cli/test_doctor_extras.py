"""What `stas doctor` says of the optional packages: there, not there, half there, or there and broken."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from stas_tui.doctor_extras import extras
from stas_tui.doctor_rows import Row, State


def rows() -> dict[str, Row]:
    return {row.id: row for row in extras()}


def test_what_is_installed_is_told_with_its_version() -> None:
    found = rows()
    assert list(found) == ["extra:pg", "extra:iac", "extra:rehearse", "extra:redis"]
    assert {row.state for row in found.values()} == {State.OK}
    assert found["extra:pg"].detail == f"psycopg {version('psycopg')}"
    assert f"alembic {version('alembic')}, SQLAlchemy {version('SQLAlchemy')}" in found["extra:rehearse"].detail
    assert "zizmor" in found["extra:iac"].detail


@pytest.mark.parametrize(
    ("modules", "id_", "detail"),
    [
        (("psycopg",), "extra:pg", "not installed (optional: checks that ask a live PostgreSQL)"),
        (("hcl2", "zizmor"), "extra:iac", "not installed (optional: "),
        (("hcl2",), "extra:iac", "python-hcl2 is missing (optional: "),
        (("alembic", "sqlalchemy", "psycopg"), "extra:rehearse", "not installed (optional: "),
        (("alembic", "sqlalchemy"), "extra:rehearse", "alembic and SQLAlchemy are missing (optional: "),
    ],
)
def test_what_is_missing_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, modules: tuple[str, ...], id_: str, detail: str
) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    if "zizmor" in modules:  # it is a program, looked for on the path and beside the interpreter
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    row = rows()[id_]
    assert row.state is State.UNKNOWN
    assert row.detail.startswith(detail)
    assert row.mend == f"pip install 'stas-tui[{id_.partition(':')[2]}]'"


def test_a_package_that_cannot_be_loaded_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('no pq wrapper available')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    for id_ in ("extra:pg", "extra:rehearse"):
        row = rows()[id_]
        assert row.state is State.WARN
        assert "psycopg is installed and cannot be loaded: no pq wrapper available" in row.detail
        assert row.mend.endswith("[" + id_.partition(":")[2] + "]'")
