"""A Slack double for each test, and no proxy between it and us."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.redact import forget_secrets
from tests.door.conftest import looked, make_shop, shop, template
from tests.door.shop import Shop
from tests.notify.slack_bench import connect
from tests.notify.slack_double import SlackDouble

__all__ = ["looked", "make_shop", "shop", "template"]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
    forget_secrets()


@pytest.fixture
def double() -> Iterator[SlackDouble]:
    slack = SlackDouble()
    yield slack
    slack.close()


@pytest.fixture
def told(looked: Shop, double: SlackDouble) -> Shop:
    """A pulse in which the six steps that look are done, and Slack is there."""
    return connect(looked, double)
