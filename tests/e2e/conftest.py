"""A demo profile of one's own, and a person who answers the plain pulse by what is printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations, Profile
from stas_tui.plain import Plain
from stas_tui.wiring import Application, build


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A fresh demo profile; its executor does not pause between lines."""
    monkeypatch.setenv("DEMO_SPEED", "0")
    return make_demo(Locations.find(home), seed=1)


def open_app(profile: Profile, **environ: str) -> Application:
    settings = load(profile)
    return build(profile, settings, proposer=ScriptedAgent(settings.demo.seed), environ=environ)


@pytest.fixture
def app(demo: Profile) -> Iterator[Application]:
    with open_app(demo) as application:
        yield application


class Person:
    """Answers the plain pulse: each answer is a pattern of what was printed last and what to type then."""

    def __init__(self, application: Application, answer: Callable[[str], str | None]) -> None:
        self.lines: list[str] = []
        self.asked: list[str] = []
        self._since = 0
        self._answer = answer
        self.plain = Plain(app=application, write=self.lines.append, read=self._read, walk_past=True)

    def _read(self) -> str:
        heard = "\n".join(self.lines[self._since :])
        self._since = len(self.lines)
        answer = self._answer(heard)
        if answer is None:
            raise EOFError
        self.asked.append(answer)
        return answer

    @property
    def said(self) -> str:
        return "\n".join(self.lines)


def digest_in(text: str) -> str:
    """The first eight characters of the digest of the last gate that was printed."""
    return re.findall(r"sha256 ([0-9a-f]{64}), one use", text)[-1][:8]


def agreeable(text: str) -> str | None:
    """Approves every gate, accepts with a reason, confirms the summary."""
    if "EXACTLY THIS WILL RUN" in text:
        name = re.findall(r"Add (\S+) after the digest", text)
        return f"approve {digest_in(text)} {name[-1] if name else ''}".strip()
    if "\nRESULT  " in text:
        return "accept 1 2 3 looked at every line of it"
    if "## Pulse Summary" in text:
        return "confirm"
    return None
