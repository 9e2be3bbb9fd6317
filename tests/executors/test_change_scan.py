"""The secret scan of a change, with and without gitleaks (R82, R92)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stas_tui.review.secret_scan import scan_change

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder


def gitleaks(programs: Path, report: object, *, code: int = 0) -> Path:
    """A stand-in that notes its arguments and input, and writes the report it was given."""
    (programs / "answer").write_text(report if isinstance(report, str) else json.dumps(report))
    path = programs / "gitleaks"
    path.write_text(f"""#!/bin/sh
echo "$@" > {programs}/arguments
cat > {programs}/input
echo "went wrong {TOKEN}" >&2
while [ $# -gt 1 ]; do [ "$1" = --report-path ] && cp {programs}/answer "$2"; shift; done
exit {code}
""")
    path.chmod(0o755)
    return programs


def test_own_rules_alone(programs: Path) -> None:
    result = scan_change(f"a.py:3: t = '{TOKEN}'\nb.py:1: fine", ["a.py", ".env"], files=None)
    assert [(h.rule, h.place) for h in result.hits] == [("file-name", ".env"), ("github-token", "a.py:3")]
    assert (result.tools, result.error) == (("stas",), "")
    assert TOKEN not in repr(result)


def test_gitleaks_on_the_added_lines(programs: Path) -> None:
    gitleaks(programs, [{"RuleID": "odd-key", "StartLine": 2, "File": ""}])
    result = scan_change("a.py:3: one\nb.py:9: two", ["a.py"], files=None)
    assert [(h.rule, h.place) for h in result.hits] == [("gitleaks odd-key", "b.py:9")]
    assert result.tools == ("stas", "gitleaks")
    assert (programs / "input").read_text() == "one\ntwo"
    assert "--ignore-gitleaks-allow" in (programs / "arguments").read_text()


def test_gitleaks_on_files_counts_added_lines_only(programs: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    found = [{"RuleID": "k", "StartLine": n, "EndLine": n, "File": f"{files}/a.py"} for n in (3, 40)]
    gitleaks(programs, found)
    assert [h.place for h in scan_change("a.py:3: one", [], files=files).hits] == ["a.py:3"]
    (files / ".gitleaksignore").write_text("a.py:k:3")
    scan_change("a.py:3: one", [], files=files)
    assert (programs / "arguments").read_text().startswith("stdin ")


@pytest.mark.parametrize(
    ("report", "code"), [("not json", 0), ({"a": 1}, 0), ([1], 0), ([{"RuleID": 1}], 0), ([], 126), ([], 1)]
)
def test_a_scanner_without_an_answer_is_an_error(programs: Path, report: object, code: int) -> None:
    gitleaks(programs, report, code=code)
    result = scan_change(f"a.py:3: {TOKEN}", [], files=None)
    assert result.error.startswith("gitleaks gave no answer: ")
    assert result.tools == ("stas",)
    assert [h.place for h in result.hits] == ["a.py:3"]
    assert TOKEN not in repr(result)


def test_a_scanner_that_cannot_be_started_is_an_error(programs: Path) -> None:
    (programs / "gitleaks").write_text("#!/does/not/exist\n")
    (programs / "gitleaks").chmod(0o755)
    assert scan_change("a.py:1: x", [], files=None).error
    assert os.access(programs / "gitleaks", os.X_OK)
