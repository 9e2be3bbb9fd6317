"""A profile with a long inbox, and the dashboard on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.locations import Profile
from stas_tui.wiring import Application, build
from tests.bench.world import make_profile

MESSAGES = 2_000


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def profile(home: Path) -> Profile:
    return make_profile(home, "guards", messages=MESSAGES)


@pytest.fixture
def application(profile: Profile) -> Iterator[Application]:
    with build(profile, load(profile)) as application:
        yield application
