"""The rules on a real application, where one is at hand: `STAS_PUBLIC_REPO` names a git repository of Python code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stas_tui.forges.git import Git
from stas_tui.isolation.code.project import judged
from stas_tui.isolation.code.scanner import scan
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.git_tree import CommitTree
from tests.isolation.code.samples import tenancy

NAMED = os.environ.get("STAS_PUBLIC_REPO", "")


@pytest.mark.skipif(not NAMED, reason="STAS_PUBLIC_REPO names no repository")
def test_a_real_application_is_read_and_little_is_accused() -> None:
    folder = Path(NAMED)
    git_dir = folder / ".git" if (folder / ".git").exists() else folder
    head = Git().run("rev-parse", "HEAD", git_dir=git_dir).text
    tree = CommitTree(Git(), git_dir, head)
    column = os.environ.get("STAS_PUBLIC_COLUMN", "organization_id")
    words = words_of(tenancy().model_copy(update={"columns": (column,)}))
    scanned = scan(tree, words)
    assert scanned.total > 0
    assert len(scanned.unread) <= scanned.total * 0.02, list(scanned.unread.items())[:5]
    read = judged(scanned, words)
    counts = read.counts["Q2"]
    assert counts["statements"] >= counts["bound"]
    accusing = [lead for lead in read.leads if lead.accuses]
    assert {lead.rule for lead in accusing} <= {"optional-filter"}
    assert len(accusing) <= max(counts["statements"] * 0.1, 1), [lead.place for lead in accusing]
    assert len({lead.fingerprint for lead in read.leads}) == len(read.leads)
