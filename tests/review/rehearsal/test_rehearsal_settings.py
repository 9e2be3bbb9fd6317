"""`[project.rehearse]` takes what a rehearsal can use and refuses the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from stas_tui.config_model import Project
from stas_tui.config_rehearse import Rehearse
from stas_tui.review import catalog, rehearsal


def test_a_project_without_the_table_has_the_defaults() -> None:
    project = Project(id="shop", name="Shop", repository="/src/shop")
    assert project.rehearse == Rehearse()
    assert (project.rehearse.seconds, project.rehearse.engine) == (120.0, "auto")
    assert not project.rehearse.server.named


@pytest.mark.parametrize(
    "wrong",
    [{"python": "python3"}, {"seconds": 0}, {"engine": "mysql"}, {"env": {"A B": "x"}}, {"url_env": ["1X"]}, {"x": 1}],
)
def test_what_cannot_be_used_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rehearse(**wrong)  # type: ignore[arg-type]


def test_the_checks_are_in_the_catalog_and_the_one_for_after_a_merge_is_not() -> None:
    ids = {spec.id for spec in catalog.specs()}
    assert {"C1", "C2", "C3", "C4", "C5", "C6", "C7"} <= ids
    assert [spec.id for spec in rehearsal.AFTER] == ["V5"]
    assert "V5" not in ids


def test_queries_are_files_beside_the_code() -> None:
    for package in ("migrations", "rehearsal"):
        folder = Path(str(rehearsal.__file__)).parents[1] / package
        for path in folder.glob("*.sql"):
            assert path.read_text("utf-8").startswith("-- "), path
