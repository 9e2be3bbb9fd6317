"""Fixtures of the widget tests: golden texts, and nothing that blinks."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.widgets import Input


class GoldenText(SingleFileSnapshotExtension):
    """Each golden is one readable text file."""

    _file_extension = "txt"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def golden_text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`assert screen_text(app) == golden_text` shows a line diff when a screen changes."""
    return snapshot.use_extension(GoldenText)


@pytest.fixture(autouse=True)
def no_blinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blinking cursor would make pictures differ from run to run."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def root() -> Path:
    """The top folder of the sources."""
    return Path(__file__).resolve().parents[2]
