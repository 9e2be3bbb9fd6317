"""The rules on real applications, where some are at hand.

`STAS_PUBLIC_REPOS` names git repositories of Python code, separated as in PATH; `=COLUMN` behind one is its tenant
column, `organization_id` if it says none. Each is cloned, so that nothing is written where it lies.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stas_tui.forges.git import Git
from stas_tui.isolation.code.project import judged
from stas_tui.isolation.code.scanner import scan
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.git_tree import CommitTree
from stas_tui.isolation.working_tree import WorkingTree
from tests.isolation.code.samples import tenancy

NAMED = [name for name in os.environ.get("STAS_PUBLIC_REPOS", "").split(os.pathsep) if name]
NONE = pytest.param("", marks=pytest.mark.skip(reason="STAS_PUBLIC_REPOS names no repository"))


@pytest.mark.parametrize("named", NAMED or [NONE])
def test_a_real_application_is_read_and_little_is_accused(named: str, tmp_path: Path) -> None:
    source, _, column = named.partition("=")
    here = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", source, str(here)], check=True, timeout=300)
    head = Git().run("rev-parse", "HEAD", git_dir=here / ".git").text
    words = words_of(tenancy().model_copy(update={"columns": (column or "organization_id",)}))
    scanned = scan(CommitTree(Git(), here / ".git", head), words)
    assert scanned.total > 0
    assert len(scanned.unread) <= scanned.total * 0.02, list(scanned.unread.items())[:5]
    assert scan(WorkingTree(Git(), here / ".git", here), words).digest == scanned.digest
    read = judged(scanned, words)
    counts = read.counts["Q2"]
    assert counts["statements"] >= counts["bound"] > 0
    accusing = [lead for lead in read.leads if lead.accuses]
    assert {lead.rule for lead in accusing} <= {"optional-filter"}
    assert len(accusing) <= max(counts["statements"] * 0.1, 1), [lead.place for lead in accusing]
    assert len({lead.fingerprint for lead in read.leads}) == len(read.leads)
