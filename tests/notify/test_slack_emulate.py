"""Our Slack client against a server that others wrote: `emulate` 0.11.2, asked only for what it and Slack both promise.

It is optional: `npm install --prefix .cache/emulate emulate@0.11.2`, or name such a folder in STAS_TEST_EMULATE.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.config_model import Slack
from stas_tui.notify.base import DirectMessage, NotifyError
from stas_tui.notify.slack import SlackMessenger
from tests.emulate import emulated

TOKEN = "xoxb-test-token"
SEED = f"tokens:\n  {TOKEN}:\n    login: stas\nslack:\n  team:\n    name: ops\n"
MEMBER = "U000000001"
DOWN = DirectMessage(text="checkout <is> down & out", category="incident", urgent=True, item="alert:98be")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """A started server on loopback."""
    with emulated("slack", SEED, tmp_path) as started:
        yield f"{started}/api/"


def test_a_message_is_posted_and_edited(api: str) -> None:
    slack = SlackMessenger(Slack(api=api), MEMBER, token=TOKEN)
    sent = slack.post(DOWN, key="a-1")
    assert sent.text == DOWN.text
    assert sent.channel.startswith("D")
    edited = slack.edit(sent, DirectMessage(text="it is up", category="incident", urgent=False), key="a-2")
    assert (edited.channel, edited.ts, edited.text) == (sent.channel, sent.ts, "it is up")
    assert slack.find("b-1") is None


def test_a_wrong_token_and_an_unknown_member_are_refused(api: str) -> None:
    with pytest.raises(NotifyError):
        SlackMessenger(Slack(api=api), MEMBER, token="xoxb-unknown-token").post(DOWN, key="a-1")
    with pytest.raises(NotifyError, match="user"):
        SlackMessenger(Slack(api=api), "U0NOBODY0", token=TOKEN).post(DOWN, key="a-1")
