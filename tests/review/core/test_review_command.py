"""`stas review` as a user and as a pipeline runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stas_tui.cli import main
from tests.review.worlds import Repository

BAD = "services:\n  a:\n    image: x:1\n    privileged: true\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def review(repository: Repository, *args: str) -> int:
    return main(["review", *args, "--repository", str(repository.folder)])


def test_a_flag_fails_the_pipeline_and_stands_with_its_place(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repository.commit({"compose.yaml": "services: {}\n"})
    repository.commit({"compose.yaml": BAD})
    assert review(repository, f"{base}..HEAD") == 1
    out = capsys.readouterr().out
    assert "compose.yaml:4: a: runs privileged" in out
    assert "Proposed: request changes" in out


def test_unknown_alone_does_not_fail_and_is_not_hidden(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repository.commit({"a.py": "1\n"})
    repository.commit({"a.py": "2\n"})
    assert review(repository, f"{base}..HEAD", "--no-rehearsal") == 0
    out = capsys.readouterr().out
    assert "Operational safety: unknown" in out
    assert "verified" not in out


def test_json_carries_every_check_with_its_leads(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    base = repository.commit({"a": "1\n"})
    head = repository.commit({"compose.yaml": BAD})
    assert review(repository, f"{base}..HEAD", "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["head"] == head
    lead = next(check for check in data["checks"] if check["check"] == "C10")["leads"][0]
    assert (lead["path"], lead["line"], lead["rule"]) == ("compose.yaml", 4, "privileged")
    assert [question["id"] for question in data["questions"]] == ["safety", "rollback", "isolation", "monitoring"]


def test_a_comment_mentions_nobody_and_makes_no_markup(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repository.commit({"a": "1\n"})
    repository.commit({"compose.yaml": "services:\n  '@team<b>|x`':\n    image: x:1\n    privileged: true\n"})
    assert review(repository, f"{base}..HEAD", "--comment") == 1
    out = capsys.readouterr().out
    assert "@team" not in out
    assert "<b>" not in out


def test_a_place_without_repository_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "a..b", "--repository", str(tmp_path)]) == 2
    assert "There is no git repository at" in capsys.readouterr().err


def test_a_check_that_does_not_exist_is_no_review(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    base = repository.commit({"a": "1\n"})
    repository.commit({"a": "2\n"})
    assert review(repository, f"{base}..HEAD", "--check", "C10", "--check", "C99") == 2
    assert "There is no check 'C99'" in capsys.readouterr().err


def test_a_commit_that_is_not_there_is_no_review(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({"a": "1\n"})
    assert review(repository, "nowhere..HEAD") == 2
    assert "no commit nowhere" in capsys.readouterr().err


def test_many_files_of_a_kind_are_counted_once(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    base = repository.commit({"a": "1\n"})
    repository.commit({f"docs/page-{n:02}.md": "text\n" for n in range(30)})
    assert review(repository, f"{base}..HEAD", "--no-rehearsal") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "page-00" in line)
    assert line.count("more") == 1
    assert int(line.split()[-2]) + line.count("page-") == 30
