"""`stas oncall` without a terminal: nothing is drawn, and the sentence says what to use instead."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Stas = Callable[..., "subprocess.CompletedProcess[str]"]


def test_without_a_terminal_it_names_the_list_as_lines(stas: Stas, repository: Path) -> None:
    assert stas("init", str(repository), "--yes", "--person", "Ada", "--executor", "claude").returncode == 0
    for flags in ((), ("--json",)):
        done = stas("oncall", *flags)
        assert done.returncode == 2
        assert "stas triage" in done.stderr
        assert done.stdout == ""
