"""Rehearsals need a PostgreSQL to start; without one they are skipped, under CI=true they fail."""

from __future__ import annotations

import os

import pytest

from tests.postgres import binaries


@pytest.fixture
def postgresql() -> None:
    """Marks a test that starts a private server."""
    if binaries() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's server is not installed")
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
