"""`slack_dm` through the whole door: real journal, real outbox, a nasty Slack (R122-R128, E3)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.config_model import Slack
from stas_tui.notify.slack import SlackMessenger
from storage.clock import HOUR, MINUTE, SECOND
from storage.records import ActionState
from storage.redact import register_secret
from tests.door.shop import Shop, field
from tests.notify.slack_bench import DOWN, ITEM, P0, connect, dm, plan_of, shown_of, states, the
from tests.notify.slack_double import CHANNEL, MEMBER, TOKEN, SlackDouble

# one message ---------------------------------------------------------------------------------------


def test_R122_the_gate_says_who_gets_it_and_the_receipt_is_in_the_record(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", **DOWN)
    assert answer.status == "pending"
    assert plan_of(answer)["delivery"] == f"direct message to {MEMBER}"
    assert double.requests == [], "planning asks nobody"
    done = told.run(answer)
    assert done.status == "ok"
    assert done.differences == ()
    assert double.texts() == [DOWN["message"]]
    assert done.result["ts"] == double.messages[0]["ts"]
    assert states(told) == ["sent"]
    assert field(told.summary(), "Messaged Sky").startswith("### Messaged Sky: Yes")


def test_without_a_token_it_is_kept_with_the_reason(looked: Shop, double: SlackDouble) -> None:
    connect(looked, double, token="")
    answer = looked.call("slack_dm", **DOWN)
    assert plan_of(answer)["delivery"] == "kept in the outbox: Slack is not configured (no token)"
    assert looked.run(answer).status == "ok"
    assert states(looked) == ["not configured"]
    assert double.requests == []


UNCLEAR = ["drop", "5xx", "cut", "html", "fatal_error"]


@pytest.mark.parametrize("restart", [False, True], ids=["same process", "after a restart"])
@pytest.mark.parametrize("deliver", [True, False], ids=["delivered", "lost"])
@pytest.mark.parametrize("how", UNCLEAR)
def test_E3_exactly_one_message_after_every_unclear_answer(
    told: Shop, double: SlackDouble, how: str, deliver: bool, restart: bool
) -> None:
    double.trouble("chat.postMessage", how, deliver=deliver)
    answer = dm(told, **DOWN)
    assert answer.status == "unknown"
    assert "may have arrived" in answer.reason
    assert states(told) == ["uncertain"]
    assert field(told.summary(), "Messaged Sky").startswith("### Messaged Sky: Uncertain")
    if restart:
        told.reopen()
        connect(told, double)
        told.toolbox.recover()
    early = told.toolbox.perform(the(answer).id)
    assert early.status == ("ok" if deliver else "unknown")
    assert len(double.asked("chat.postMessage")) == 1, "never again before it was looked for, and for long enough"

    told.clock.advance(31 * SECOND)
    again = told.call("slack_dm", **DOWN)
    if again.status == "pending":
        again = told.run(again)
    assert again.status == "ok"
    assert again.result["ts"] == double.messages[0]["ts"]
    assert double.texts() == [DOWN["message"]]
    assert states(told) == ["sent"]
    assert len(double.asked("chat.postMessage")) == (1 if deliver else 2)


def test_E3_a_message_that_arrives_after_we_gave_up_is_found_and_not_sent_again(
    looked: Shop, double: SlackDouble
) -> None:
    connect(looked, double, timeout_s=0.3)
    double.trouble("chat.postMessage", "stall", deliver=True)
    answer = dm(looked, **DOWN)
    assert answer.status == "unknown"
    connect(looked, double)
    assert looked.toolbox.perform(the(answer).id).status == "unknown", "not there is no proof yet"
    double.released.set()
    assert double.delivered.wait(30)
    looked.clock.advance(31 * SECOND)
    assert looked.toolbox.perform(the(answer).id).status == "ok"
    assert double.texts() == [DOWN["message"]]


@pytest.mark.parametrize("how", ["drop", "5xx", "missing_scope", "html", "429"])
def test_E3_while_history_cannot_be_read_nothing_is_sent_again(told: Shop, double: SlackDouble, how: str) -> None:
    double.trouble("chat.postMessage", "drop", deliver=True)
    answer = dm(told, **DOWN)
    double.trouble("conversations.history", how, times=2)
    told.clock.advance(HOUR)
    for _ in range(2):
        assert told.toolbox.perform(the(answer).id).status == "unknown"
    told.toolbox.recover()
    assert len(double.asked("chat.postMessage")) == 1
    double.troubles.clear()
    told.clock.advance(HOUR)
    assert told.toolbox.perform(the(answer).id).status == "ok"
    assert len(double.messages) == 1


@pytest.mark.parametrize("point", ["K7", "K8", "K9"])
def test_E3_a_process_that_dies_around_the_message_leaves_one(
    told: Shop, double: SlackDouble, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(at: str = "") -> None:
        if at == point:
            raise Died

    answer = told.call("slack_dm", **DOWN)
    told.approve(the(answer))
    told.toolbox.killpoint = die
    monkeypatch.setattr(told.context.journal, "_killpoint", die)
    monkeypatch.setattr(told.toolbox, "_owner", "pid:999999999:boot:start")
    with pytest.raises(Died):
        told.toolbox.perform(the(answer).id)
    monkeypatch.undo()
    told.reopen()
    connect(told, double)
    told.clock.advance(2 * MINUTE)
    told.toolbox.recover()
    last = told.toolbox.perform(the(answer).id)
    if last.status == "pending":
        last = told.run(last)
    assert last.status == "ok", last
    assert double.texts() == [DOWN["message"]]
    assert states(told) == ["sent"]


@pytest.mark.parametrize(
    ("place", "how", "extra", "said"),
    [
        ("conversations.open", "missing_scope", {"needed": "im:write", "provided": "chat:write"}, "im:write"),
        ("conversations.open", "drop", {}, "open the conversation"),
        ("chat.postMessage", "invalid_blocks", {"errors": ["[json-pointer:/blocks/1]"]}, "json-pointer"),
        ("chat.postMessage", "invalid_auth", {}, "invalid_auth"),
        ("chat.postMessage", "channel_not_found", {}, "channel_not_found"),
    ],
)
def test_a_proven_refusal_is_failed_and_can_be_asked_again(
    told: Shop, double: SlackDouble, place: str, how: str, extra: dict[str, Any], said: str
) -> None:
    double.trouble(place, how, **extra)
    answer = dm(told, **DOWN)
    assert answer.status == "failed"
    assert said in answer.reason
    assert states(told) == ["failed"]
    assert field(told.summary(), "Messaged Sky").startswith("### Messaged Sky: No")
    assert dm(told, **DOWN).status == "ok"
    assert len(double.messages) == 1


def test_429_says_when_and_is_not_tried_again_before(told: Shop, double: SlackDouble) -> None:
    double.trouble("chat.postMessage", "429", after=90)
    answer = dm(told, **DOWN)
    assert answer.status == "failed"
    assert "takes no message before 11:08:10 UTC (in 90 s)" in answer.reason
    assert states(told) == ["limited"]
    told.clock.advance(30 * SECOND)
    asked = len(double.requests)
    early = told.call("slack_dm", **DOWN)
    assert "Slack listens again in 60 s" in shown_of(early)
    assert told.run(early).status == "failed"
    assert len(double.requests) == asked
    told.clock.advance(61 * SECOND)
    assert dm(told, **DOWN).status == "ok"
    assert len(double.messages) == 1


def test_a_member_who_changed_after_the_approval_asks_again(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", **DOWN)
    told.approve(the(answer))
    config = Slack(api=double.api, member="U0OTHER01")
    told.wire(messenger=SlackMessenger(config, None, token=TOKEN))
    moved = told.toolbox.perform(the(answer).id)
    assert moved.status == "pending"
    assert "U0OTHER01" in str(plan_of(moved)["delivery"])
    assert double.requests == []


# what leaves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["incident", "security"])
def test_R123_a_secret_in_any_field_is_refused_and_never_leaves(told: Shop, double: SlackDouble, category: str) -> None:
    canary = "canary-" + "z" * 24
    register_secret(canary)
    for args in (
        {"message": f"checkout is down, exposed: {canary}"},
        {"message": "checkout is down, exposed", "item": canary},
        {"template": {**P0, "alert": canary}, "item": ITEM},
        {"template": {**P0, "tenants": [canary]}, "item": ITEM},
    ):
        answer = told.call("slack_dm", category=category, **args)
        assert (answer.status, answer.rule) == ("refused", "R82")
    assert double.requests == []
    assert canary.encode() not in told.every_byte()


def test_R124_a_message_about_tenants_holds_ids_and_no_data(told: Shop, double: SlackDouble) -> None:
    text = (
        'Cross-tenant leak: acme sees rows of "acme" and of another: {"name": "Eve Moss", "iban": "DE44 5001"},\n'
        "eve.moss@globex.test, card 4111 1111 1111 1111, user_id=18273645, key 3f2a9c1b7d5e4f60a1b2; 12 rows."
    )
    answer = told.call("slack_dm", category="integrity", message=text)
    assert "withheld in 5 places" in shown_of(answer)
    assert told.run(answer).status == "ok"
    sent = double.raw.decode()
    for data in ("Eve", "DE44", "globex.test", "4111", "18273645", "3f2a9c"):
        assert data not in sent
    assert "12 rows" in sent
    assert '\\"acme\\"' in sent


def test_control_characters_are_gone_before_a_person_reads_the_gate(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", category="incident", message="down\x1b]0;x\x07 \u202eproduction\u200b outage")
    assert plan_of(answer)["message"] == "down\ufffd]0;x\ufffd \ufffdproduction\ufffd outage"
    assert told.run(answer).differences == ()


def test_R127_without_a_category_nothing_is_asked_of_slack(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", message="nightly: all fine", category="incident")
    assert (answer.status, answer.rule) == ("refused", "R127")
    assert [event.body["rule"] for event in told.events("policy.refused")] == ["R127"]
    assert double.requests == []


# the pulse -----------------------------------------------------------------------------------------


def test_step_11_waits_out_a_limit_and_asks_again(make_shop: Any, double: SlackDouble) -> None:
    from storage.records import MessageType
    from tests.door.shop import message

    shop: Shop = make_shop()
    shop.world.deliver(message("M-1", MessageType.URGENT, "checkout is down"))
    connect(shop, double)
    shop.begin()
    gate = shop.advance_to(lambda p: p.step.n == 11 or p.needs in ("gate", "override"))
    while gate.step.n != 11:
        if gate.action is not None:
            shop.reject(gate.action)
        gate = shop.advance_to(lambda p: p.step.n == 11 or p.needs in ("gate", "override"))
    assert gate.action is not None
    double.trouble("chat.postMessage", "429", after=60)
    shop.approve(gate.action)
    limited = shop.machine.advance()
    assert (limited.needs, limited.say) == ("blocked", "Slack takes no message for 60 s; step then")
    assert shop.machine.advance().needs == "blocked"
    shop.clock.advance(61 * SECOND)
    again = shop.machine.advance()
    assert again.needs == "gate"
    assert again.action is not None
    shop.approve(again.action)
    assert shop.machine.advance().say == "Report: Slack: sent"
    assert double.messages[0]["text"].startswith("Incident: checkout is down")
    assert (CHANNEL, len(double.messages)) == ("D0SKY0001", 1)
    assert shop.context.journal.get(again.action.id).state is ActionState.SUCCEEDED
