"""One message for each incident: edits, reminders, and the template that needs no gate (R122, R128)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.gates.contract import BadCall
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.records import GateLevel, Mode
from tests.door.shop import PERSON, Shop
from tests.notify.slack_bench import DOWN, ITEM, P0, dm, plan_of, shown_of, states, the
from tests.notify.slack_double import SlackDouble

# one incident --------------------------------------------------------------------------------------


def test_R128_the_second_message_of_an_incident_edits_the_first(told: Shop, double: SlackDouble) -> None:
    assert dm(told, **DOWN, item=ITEM).status == "ok"
    told.later(30)
    update = told.call("slack_dm", message="checkout is up, incident resolved", category="incident", item=ITEM)
    assert plan_of(update)["delivery"] == "edits the message of 11:06Z, notifies nobody"
    assert "1 direct message: 11:06Z sent" in shown_of(update)
    done = told.run(update)
    assert (done.status, done.result["state"], done.differences) == ("ok", "edited", ())
    assert double.texts() == ["checkout is up, incident resolved"]
    assert len(double.asked("chat.postMessage")) == 1
    assert states(told) == ["sent", "edited"]


def test_R128_another_pulse_edits_too_and_after_a_week_a_new_message_is_sent(told: Shop, double: SlackDouble) -> None:
    dm(told, **DOWN, item=ITEM)
    told.machine.cut_off(by=PERSON)
    told.clock.advance(6 * DAY)
    told.look()
    assert (
        dm(told, message="checkout is down again, incident", category="incident", item=ITEM).result["state"] == "edited"
    )
    other = told.call("slack_dm", **DOWN, item="alert:other")
    assert plan_of(other)["delivery"].startswith("direct message")
    told.clock.advance(2 * DAY)
    assert dm(told, message="checkout is down once more", category="incident", item=ITEM).result["state"] == "sent"
    assert len(double.messages) == 2


def test_two_gates_of_one_incident_do_not_become_two_messages(told: Shop, double: SlackDouble) -> None:
    first = told.call("slack_dm", **DOWN, item=ITEM)
    second = told.call("slack_dm", message="production is down", category="security", item=ITEM)
    told.approve(the(second))
    assert told.run(first).status == "ok"
    moved = told.toolbox.perform(the(second).id)
    assert moved.status == "pending"
    assert plan_of(moved)["delivery"].startswith("edits the message")
    assert told.run(moved).result["state"] == "edited"
    assert len(double.messages) == 1


def test_while_the_first_is_uncertain_the_incident_gets_no_second(told: Shop, double: SlackDouble) -> None:
    double.trouble("chat.postMessage", "drop", deliver=True)
    first = dm(told, **DOWN, item=ITEM)
    assert told.call("slack_dm", message="production is down", category="incident", item=ITEM).status == "conflict"
    other = told.call("slack_dm", message="production is down", category="security", item=ITEM)
    assert (other.status, other.rule) == ("refused", "R122")
    assert told.toolbox.perform(the(first).id).status == "ok"
    assert dm(told, message="production is down", category="security", item=ITEM).result["state"] == "edited"
    assert len(double.messages) == 1


def test_a_message_that_was_deleted_is_not_edited_for_ever(told: Shop, double: SlackDouble) -> None:
    dm(told, **DOWN, item=ITEM)
    double.messages.clear()
    gone = dm(told, message="production is down", category="incident", item=ITEM)
    assert gone.status == "failed"
    assert "is gone" in gone.reason
    assert states(told) == ["gone", "failed"]
    assert dm(told, message="production is down", category="incident", item=ITEM).result["state"] == "sent"
    assert double.texts() == ["production is down"]


@pytest.mark.parametrize("deliver", [True, False], ids=["delivered", "lost"])
def test_E3_an_edit_whose_answer_is_lost_is_settled_by_looking(told: Shop, double: SlackDouble, deliver: bool) -> None:
    dm(told, **DOWN, item=ITEM)
    double.trouble("chat.update", "drop", deliver=deliver)
    update = dm(told, message="production is up, incident over", category="incident", item=ITEM)
    assert update.status == "unknown"
    told.clock.advance(31 * SECOND)
    settled = told.toolbox.perform(the(update).id)
    assert settled.status == "ok"
    assert double.texts() == ["production is up, incident over"]
    assert len(double.asked("chat.update")) == (1 if deliver else 2)


# the ladder ----------------------------------------------------------------------------------------


def test_R122_a_P0_from_trusted_fields_needs_no_gate(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", template=P0, category="incident", item=ITEM)
    assert answer.status == "ok"
    assert the(answer).level is GateLevel.LOG
    [text] = double.texts()
    assert text.splitlines() == [
        "P0 incident in test: CheckoutErrorRateHigh",
        "Since 2026-11-18T11:01:40Z, reported 4 times",
        "Owner: nobody",
    ]


@pytest.mark.parametrize(
    "args",
    [
        {"template": {**P0, "priority": "P1"}, "item": ITEM},
        {"template": P0},
        {"message": "P0 incident in test: CheckoutErrorRateHigh", "item": ITEM},
    ],
    ids=["P1", "no incident", "own words"],
)
def test_R122_anything_else_is_a_gate(told: Shop, double: SlackDouble, args: dict[str, Any]) -> None:
    assert told.call("slack_dm", category="incident", **args).status == "pending"
    assert double.requests == []


def test_in_observe_even_a_P0_is_a_proposal(told: Shop, double: SlackDouble) -> None:
    told.machine.set_mode(Mode.OBSERVE, by=PERSON)
    assert told.call("slack_dm", template=P0, category="incident", item=ITEM).status == "pending"
    assert double.requests == []


def test_R122_nothing_untrusted_gets_into_the_template(told: Shop, double: SlackDouble) -> None:
    canary = "hush hush"
    fields = {
        **P0,
        "alert": f"Down <!channel> {canary}",
        "tenants": ["acme", canary],
        "services": [canary],
        "owner": canary,
    }
    answer = told.call("slack_dm", template=fields, category="incident", item=f"alert:{canary}")
    assert answer.status == "ok"
    assert canary not in double.raw.decode()
    [text] = double.texts()
    assert text.splitlines()[0] == "P0 incident in test"
    assert "Tenants: acme and 1 more" in text
    assert "Services: 1, not named here" in text
    assert "Owner: somebody" in text
    assert "left out, because it is not from the configuration: the alert's name" in shown_of(answer)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"priority": "P9"},
        {**P0, "text": "hello"},
        {**P0, "count": "many"},
        {**P0, "since": -1},
        {**P0, "tenants": "acme"},
        {**P0, "alert": ["x"]},
    ],
)
def test_a_template_with_strange_fields_is_a_wrong_call(told: Shop, fields: dict[str, Any]) -> None:
    with pytest.raises(BadCall):
        told.call("slack_dm", template=fields, category="incident", item=ITEM)


def test_a_template_needs_a_category_whose_words_it_has(told: Shop) -> None:
    for category in ("cost", "access", "", "routine"):
        assert told.call("slack_dm", template=P0, category=category, item=ITEM).rule == "R127"


def test_R128_an_unowned_P0_is_repeated_as_new_messages_five_times_at_most(told: Shop, double: SlackDouble) -> None:
    assert told.call("slack_dm", template=P0, category="incident", item=ITEM).status == "ok"
    for n in range(1, 6):
        told.later(10)
        assert told.call("slack_dm", template=P0, category="incident", item=ITEM, repeat=n).result["state"] == "sent"
        again = told.call("slack_dm", template=P0, category="incident", item=ITEM, repeat=n)
        assert again.status == "ok", "the same call is the same message"
        late = told.call("slack_dm", template={**P0, "count": 9}, category="incident", item=ITEM, repeat=n)
        assert (late.status, late.rule) == ("refused", "R128")
    assert len(double.messages) == 6
    assert "Reminder 5 of 5" in double.texts()[-1]
    sixth = told.call("slack_dm", template=P0, category="incident", item=ITEM, repeat=6)
    assert (sixth.status, sixth.rule) == ("refused", "R128")
    resolved = dm(told, message="production incident resolved", category="incident", item=ITEM)
    assert resolved.result["ts"] == double.messages[0]["ts"], "the first one is edited"


def test_R128_an_owned_P0_is_not_repeated(told: Shop) -> None:
    for owner in ("Finn", "somebody we do not know"):
        answer = told.call("slack_dm", template={**P0, "owner": owner}, category="incident", item=ITEM, repeat=1)
        assert (answer.status, answer.rule) == ("refused", "R128")
    with pytest.raises(BadCall):
        told.call("slack_dm", template=P0, category="incident", repeat=1)


def test_a_reminder_goes_out_although_the_first_is_uncertain(told: Shop, double: SlackDouble) -> None:
    double.trouble("chat.postMessage", "drop")
    assert told.call("slack_dm", template=P0, category="incident", item=ITEM).status == "unknown"
    told.later(10)
    assert told.call("slack_dm", template=P0, category="incident", item=ITEM, repeat=1).status == "ok"


def test_an_alert_that_rested_and_fires_again_is_told_anew(told: Shop, double: SlackDouble) -> None:
    assert told.call("slack_dm", template=P0, category="incident", item=ITEM).status == "ok"
    told.clock.advance(30 * MINUTE)
    flapped = told.call("slack_dm", template={**P0, "since": told.clock.now()}, category="incident", item=ITEM)
    assert flapped.result["state"] == "edited"
    told.clock.advance(9 * HOUR)
    anew = told.call("slack_dm", template={**P0, "since": told.clock.now()}, category="incident", item=ITEM)
    assert anew.result["state"] == "sent"
    assert len(double.messages) == 2


def test_a_flood_of_P0_asks_a_person(told: Shop, double: SlackDouble) -> None:
    answers = [told.call("slack_dm", template=P0, category="incident", item=f"alert:{n}").status for n in range(12)]
    assert answers == ["ok"] * 10 + ["pending"] * 2
    assert len(double.messages) == 10


def test_an_owner_whom_the_configuration_names_as_a_person_is_named(told: Shop, double: SlackDouble) -> None:
    answer = told.call("slack_dm", template={**P0, "owner": PERSON}, category="incident", item=ITEM)
    assert answer.status == "ok", "a configured name needs no gate"
    assert f"Owner: {PERSON}" in double.texts()[0]
    told.later(20)
    other = dm(told, template={**P0, "owner": "Mallory <!channel>"}, category="incident", item="alert:other")
    assert other.status == "ok"
    assert "Owner: somebody" in double.texts()[1]
    assert "Mallory" not in double.texts()[1]


def test_a_person_of_the_name_nobody_is_an_owner(told: Shop) -> None:
    told.wire(rules={"people": ("nobody",)}, messenger=told.context.door.messenger)
    answer = told.call("slack_dm", template={**P0, "owner": "nobody"}, category="incident", item=ITEM, repeat=1)
    assert (answer.status, answer.rule) == ("refused", "R128")
