from __future__ import annotations

from tests.e2e.conftest import app, demo, home

__all__ = ["app", "demo", "home"]
