"""A shop whose door leads to a Slack double, and what its tests look at."""

from __future__ import annotations

from typing import Any

from stas_tui.config_model import Slack
from stas_tui.gates.contract import Answer
from stas_tui.notify.slack import SlackMessenger
from storage.clock import MINUTE
from storage.records import Action
from tests.door.shop import T0, Shop
from tests.notify.slack_double import MEMBER, TOKEN, SlackDouble

DOWN = {"message": "checkout is down in production", "category": "incident"}
ITEM = "alert:98be"
P0 = {"priority": "P0", "alert": "CheckoutErrorRateHigh", "since": T0 - 5 * MINUTE, "count": 4}


def connect(shop: Shop, double: SlackDouble, *, timeout_s: float = 5.0, token: str = TOKEN) -> Shop:
    """Slack behind the door; again after a restart. Its limits pass with the shop's own clock."""
    config = Slack(api=double.api, timeout_s=timeout_s)
    messenger = SlackMessenger(config, MEMBER, token=token, monotonic=lambda: shop.clock.monotonic() / 1000)
    shop.wire(messenger=messenger)
    return shop


def dm(shop: Shop, **args: Any) -> Answer:
    """A message that a person allows, if they are asked."""
    answer = shop.call("slack_dm", **args)
    return shop.run(answer) if answer.status == "pending" else answer


def states(shop: Shop) -> list[str]:
    return [row.state for row in reversed(shop.world.sent())]


def the(answer: Answer) -> Action:
    assert answer.action is not None
    return answer.action


def plan_of(answer: Answer) -> dict[str, Any]:
    revision = the(answer).revision
    assert revision is not None
    return dict(revision.plan)


def shown_of(answer: Answer) -> str:
    revision = the(answer).revision
    assert revision is not None
    return str(revision.shown)
