"""The Slack client against a nasty double: one message, or a state that says why nobody can tell (R122, R123)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from stas_tui.config_model import Slack
from stas_tui.credentials import CredentialMissing
from stas_tui.notify.base import (
    Delivered,
    DirectMessage,
    NotifyError,
    NotifyGone,
    NotifyLimited,
    NotifyUncertain,
)
from stas_tui.notify.slack import SlackMessenger
from storage.redact import register_secret
from tests.notify.slack_double import CHANNEL, MEMBER, TOKEN, SlackDouble

DOWN = DirectMessage(text="checkout is down", category="incident", urgent=True, item="alert:98be")


class Ticks:
    """Seconds that pass only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def messenger(double: SlackDouble, *, timeout_s: float = 5.0, **options: Any) -> SlackMessenger:
    config = Slack(api=double.api, timeout_s=timeout_s)
    return SlackMessenger(config, options.pop("member", MEMBER), **{"token": TOKEN, **options})


def test_a_message_is_posted_once_with_text_blocks_and_our_mark(double: SlackDouble) -> None:
    sent = messenger(double).post(DOWN, key="a-1")
    assert (sent.channel, sent.text) == (CHANNEL, "checkout is down")
    [posted] = double.messages
    assert posted["ts"] == sent.ts
    assert posted["metadata"]["event_type"] == "stas_pulse"
    assert posted["metadata"]["event_payload"]["key"] == "a-1"
    assert "alert:98be" not in str(posted["metadata"])
    assert posted["blocks"][0]["text"]["text"] == "URGENT · Production incident"
    [asked] = double.asked("chat.postMessage")
    assert asked["text"] == "checkout is down"


@pytest.mark.parametrize("deliver", [True, False], ids=["delivered", "lost"])
@pytest.mark.parametrize(
    ("how", "extra"),
    [
        ("drop", {}),
        ("5xx", {}),
        ("5xx", {"status": 500}),
        ("cut", {}),
        ("html", {}),
        ("fatal_error", {}),
        ("raw", {"body": b"[]"}),
        ("raw", {"body": b"[" * 100_000}),
        ("raw", {"body": b'{"ok": true}'}),
        ("raw", {"body": b""}),
    ],
)
def test_E3_what_is_not_clear_is_uncertain_and_never_repeated(
    double: SlackDouble, how: str, extra: dict[str, Any], deliver: bool
) -> None:
    slack = messenger(double)
    double.trouble("chat.postMessage", how, deliver=deliver, **extra)
    with pytest.raises(NotifyUncertain):
        slack.post(DOWN, key="a-1")
    assert len(double.asked("chat.postMessage")) == 1
    found = slack.find("a-1")
    assert (found is not None) is deliver
    if found:
        assert found == Delivered(channel=CHANNEL, ts=double.messages[0]["ts"], text="checkout is down")


def test_an_answer_that_comes_after_the_time_is_uncertain(double: SlackDouble) -> None:
    slack = messenger(double, timeout_s=0.2)
    double.trouble("chat.postMessage", "stall", deliver=True)
    with pytest.raises(NotifyUncertain, match="the time is over"):
        slack.post(DOWN, key="a-1")
    assert double.messages == []
    assert slack.find("a-1") is None


def test_an_answer_without_an_end_is_not_read_to_the_end(double: SlackDouble) -> None:
    double.trouble("chat.postMessage", "endless", deliver=True)
    with pytest.raises(NotifyUncertain):
        messenger(double).post(DOWN, key="a-1")


@pytest.mark.parametrize("how", ["drop", "5xx", "html", "cut", "fatal_error"])
def test_what_goes_wrong_before_the_message_is_proof_that_nothing_was_sent(double: SlackDouble, how: str) -> None:
    double.trouble("conversations.open", how, deliver=True)
    with pytest.raises(NotifyError) as caught:
        messenger(double).post(DOWN, key="a-1")
    assert not isinstance(caught.value, NotifyUncertain)
    assert double.asked("chat.postMessage") == []


def test_a_closed_port_is_proof_that_nothing_was_sent(double: SlackDouble) -> None:
    slack = messenger(double)
    slack.post(DOWN, key="a-1")
    double.close()
    with pytest.raises(NotifyError, match="could not be reached") as caught:
        slack.post(DOWN, key="a-2")
    assert not isinstance(caught.value, NotifyUncertain)


@pytest.mark.parametrize("place", ["conversations.open", "chat.postMessage", "conversations.history"])
def test_429_with_a_page_says_how_long_and_nothing_is_asked_before(double: SlackDouble, place: str) -> None:
    ticks = Ticks()
    slack = messenger(double, monotonic=ticks)
    double.trouble(place, "429", after=25)
    with pytest.raises(NotifyLimited) as caught:
        slack.find("a-1") if place.endswith("history") else slack.post(DOWN, key="a-1")
    assert caught.value.retry_after_s == 25
    asked = len(double.requests)
    ticks.now += 20
    assert slack.limited_s == pytest.approx(5)
    with pytest.raises(NotifyLimited) as again:
        slack.post(DOWN, key="a-1")
    assert again.value.retry_after_s == pytest.approx(5)
    assert len(double.requests) == asked
    ticks.now += 6
    assert slack.limited_s == 0
    slack.post(DOWN, key="a-1")
    assert len(double.messages) == 1


@pytest.mark.parametrize(("after", "wait"), [(None, 30), ("soon", 30), (0, 1), (10**8, 3600)])
def test_a_strange_time_to_wait_is_bounded(double: SlackDouble, after: object, wait: float) -> None:
    double.trouble("chat.postMessage", "429", **({} if after is None else {"after": after}))
    with pytest.raises(NotifyLimited) as caught:
        messenger(double).post(DOWN, key="a-1")
    assert caught.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("place", "error", "extra", "said"),
    [
        ("conversations.open", "missing_scope", {"needed": "im:write", "provided": "chat:write"}, "needed: im:write"),
        (
            "chat.postMessage",
            "invalid_blocks",
            {"errors": ["must be shorter [json-pointer:/blocks/3/text]"]},
            "json-pointer:/blocks/3/text",
        ),
        ("chat.postMessage", "channel_not_found", {}, "channel_not_found"),
        ("chat.postMessage", "msg_too_long", {}, "msg_too_long"),
    ],
)
def test_a_refusal_is_shown_with_what_it_says(
    double: SlackDouble, place: str, error: str, extra: dict[str, Any], said: str
) -> None:
    double.trouble(place, error, **extra)
    with pytest.raises(NotifyError) as caught:
        messenger(double).post(DOWN, key="a-1")
    assert not isinstance(caught.value, NotifyUncertain)
    assert said in str(caught.value)
    assert double.messages == []


def test_an_unknown_token_is_told_and_never_shown(double: SlackDouble) -> None:
    token = "xoxb-wrong-" + "7" * 12
    with pytest.raises(NotifyError, match="invalid_auth") as caught:
        messenger(double, token=token).post(DOWN, key="a-1")
    assert token not in str(caught.value)


def test_a_redirect_is_no_answer_and_the_token_goes_nowhere(double: SlackDouble) -> None:
    other = SlackDouble()
    try:
        double.trouble("chat.postMessage", "redirect", to=f"{other.api}chat.postMessage")
        with pytest.raises(NotifyError, match="302"):
            messenger(double).post(DOWN, key="a-1")
        assert other.requests == []
    finally:
        other.close()


def test_the_configured_member_wins_and_one_who_is_missing_is_said_before_any_request(double: SlackDouble) -> None:
    named = SlackMessenger(Slack(api=double.api, member=MEMBER), "sky", token=TOKEN)
    assert (named.ready(), named.to) == ("", MEMBER)
    assert messenger(double, token="").ready() == "no token"
    assert messenger(double, member=None).ready() == "no member id for the person"
    odd = messenger(double, member="sky")
    assert odd.ready() == "«sky» is no Slack member id"
    with pytest.raises(NotifyError, match="no Slack member id"):
        odd.post(DOWN, key="a-1")
    with pytest.raises(NotifyError, match="user_not_found"):
        messenger(double, member="U0NOBODY").post(DOWN, key="a-1")
    assert double.messages == []


# history and edits ---------------------------------------------------------------------------------


def test_a_message_is_found_behind_pages_by_its_mark_alone(double: SlackDouble) -> None:
    slack = messenger(double)
    sent = slack.post(DOWN, key="a-1")
    for n in range(25):
        slack.post(DOWN, key=f"b-{n}")
    double.messages.append({"ts": "1795000999.0", "text": "a-1", "metadata": {"event_type": "other"}})
    double.messages.append({"ts": "1795000999.1", "text": "a-1", "metadata": "a-1"})
    double.page = 10
    assert slack.find("a-1") == sent
    assert slack.find("a-2") is None
    assert len({asked.get("cursor") for asked in double.asked("conversations.history")}) == 3


def test_only_what_is_young_enough_is_read(double: SlackDouble) -> None:
    slack = messenger(double)
    slack.post(DOWN, key="a-1")
    at = int(float(double.messages[0]["ts"]) * 1000)
    assert slack.find("a-1", since=at) is not None
    assert slack.find("a-1", since=at + 2 * 60 * 60_000) is None


def test_a_history_that_does_not_end_proves_nothing(double: SlackDouble) -> None:
    slack = messenger(double)
    for n in range(12):
        slack.post(DOWN, key=f"b-{n}")
    double.page = 1
    with pytest.raises(NotifyError, match="to its end"):
        slack.find("a-1")
    double.page = 100
    more = b'{"ok": true, "messages": [], "has_more": true, "response_metadata": {"next_cursor": "x"}}'
    double.trouble("conversations.history", "raw", body=more, times=20)
    before = len(double.asked("conversations.history"))
    with pytest.raises(NotifyError, match="to its end"):
        slack.find("a-1")
    assert len(double.asked("conversations.history")) - before == 2


@pytest.mark.parametrize("how", ["drop", "5xx", "html", "missing_scope"])
def test_a_history_that_cannot_be_read_is_no_proof_of_absence(double: SlackDouble, how: str) -> None:
    double.trouble("conversations.history", how)
    with pytest.raises(NotifyError):
        messenger(double).find("a-1")


def test_an_edit_changes_the_one_message_and_can_be_found(double: SlackDouble) -> None:
    slack = messenger(double)
    sent = slack.post(DOWN, key="a-1")
    edited = slack.edit(sent, DirectMessage(text="resolved", category="incident", urgent=False), key="a-2")
    assert (edited.ts, edited.text) == (sent.ts, "resolved")
    assert double.texts() == ["resolved"]
    assert slack.find("a-2") == edited


def test_an_edit_of_a_message_that_is_gone_says_so(double: SlackDouble) -> None:
    with pytest.raises(NotifyGone):
        messenger(double).edit(Delivered(channel=CHANNEL, ts="1.0", text=""), DOWN, key="a-2")


def test_an_edit_whose_answer_is_lost_is_uncertain_and_found(double: SlackDouble) -> None:
    slack = messenger(double)
    sent = slack.post(DOWN, key="a-1")
    double.trouble("chat.update", "drop", deliver=True)
    with pytest.raises(NotifyUncertain):
        slack.edit(sent, DOWN, key="a-2")
    found = slack.find("a-2")
    assert found is not None
    assert found.ts == sent.ts


# what leaves ---------------------------------------------------------------------------------------


def test_nothing_in_a_text_mentions_links_or_formats(double: SlackDouble) -> None:
    text = "<!channel> <@U0SKY0001> <https://evil.test|help> *bold* & more"
    sent = messenger(double).post(DirectMessage(text=text, category="incident", urgent=True), key="a-1")
    assert sent.text == text
    [asked] = double.asked("chat.postMessage")
    assert "<" not in asked["text"]
    assert "<" not in str(asked["blocks"])
    assert {block.get("text", {}).get("type", "plain_text") for block in asked["blocks"]} == {"plain_text"}
    assert (asked["parse"], asked["mrkdwn"], asked["link_names"]) == ("none", False, False)


def test_R123_a_secret_that_became_known_later_never_leaves(double: SlackDouble) -> None:
    canary = "canary-" + "q" * 20
    slack = messenger(double)
    register_secret(canary)
    message = DirectMessage(
        text=f"down: {canary}", category="security", urgent=True, item=canary, fields={canary: f"x {canary}"}
    )
    sent = slack.post(message, key="a-1")
    slack.edit(sent, message, key="a-2")
    assert canary.encode() not in double.raw
    assert canary not in str(double.requests)
    assert TOKEN.encode() not in double.raw


def test_nothing_is_printed_or_logged(
    double: SlackDouble, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    slack = messenger(double)
    for how in ("drop", "html", "invalid_auth"):
        double.trouble("chat.postMessage", how)
        with pytest.raises(NotifyError):
            slack.post(DOWN, key="a-1")
    slack.post(DOWN, key="a-1")
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if "slack" in record.name] == []


def test_a_token_is_fetched_when_it_is_needed_and_its_absence_is_a_clause(double: SlackDouble) -> None:
    asked: list[str] = []

    def fetch() -> str:
        asked.append("asked")
        return TOKEN

    def fail() -> str:
        raise CredentialMissing("The command for a token ended with 3.", "Run it by hand.")

    late = SlackMessenger(Slack(api=double.api), MEMBER, token=fetch)
    assert asked == []
    assert (late.ready(), late.ready(), asked) == ("", "", ["asked"])
    assert SlackMessenger(Slack(api=double.api), MEMBER, token=fail).ready() == "The command for a token ended with 3"
