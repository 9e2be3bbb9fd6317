"""Whose an item is: leases that renew, lapse loudly once, and survive everything that sources do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from storage.clock import DAY, HOUR, MINUTE
from storage.records import Priority, Trust
from storage.watch_records import Check, SourceKind
from tests.triage.bench import HALF_HOUR, Bench, alert


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


def test_a_p0_is_owned_for_half_an_hour_and_the_rest_for_four(bench: Bench) -> None:
    bench.say([alert("1", "critical"), alert("2", "warning")])
    bench.desk.own(["alert:1", "alert:2"], by="ann")
    one, two = bench.note("alert:1").lease, bench.note("alert:2").lease
    assert one is not None
    assert two is not None
    now = bench.clock.now()
    assert (one.owner, one.since, one.until) == ("ann", now, now + HALF_HOUR)
    assert two.until == now + 4 * HOUR
    assert [body["keys"] for body in bench.events("triage.owned")] == [["alert:1", "alert:2"]]


def test_every_act_of_the_owner_renews_and_nobody_elses_does(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    bench.clock.advance(20 * MINUTE)
    bench.desk.opened(key, by="bob")
    lease = bench.note(key).lease
    assert lease is not None
    assert lease.until == bench.clock.now() + 10 * MINUTE
    bench.desk.opened(key, by="ann")
    renewed = bench.note(key).lease
    assert renewed is not None
    assert renewed.until == bench.clock.now() + HALF_HOUR
    assert renewed.since == lease.since
    bench.clock.advance(20 * MINUTE)
    bench.desk.open_incident(key, by="ann")
    bench.clock.advance(20 * MINUTE)
    bench.desk.write(key, by="ann", kind="note", text="the cache is off")
    last = bench.note(key).lease
    assert last is not None
    assert last.until == bench.clock.now() + HALF_HOUR


def test_a_lease_that_runs_out_is_said_once_and_goes_to_review(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    assert bench.pass_by(HALF_HOUR - 1) == []
    (line,) = bench.pass_by(1)
    assert "ann" in line
    assert "acme saw globex" in line
    assert bench.desk.tick() == []
    note = bench.note(key)
    assert note.lease is None
    assert note.lapsed_at == bench.clock.now()
    (event,) = bench.events("triage.lapsed")
    assert event["keys"] == [key]
    bench.desk.own([key], by="bob")
    assert bench.note(key).lapsed_at is None


def test_two_terminals_that_tick_say_it_once(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    with bench.again() as other:
        bench.clock.advance(HALF_HOUR)
        said = [*bench.desk.tick(), *other.desk.tick(), *bench.desk.tick()]
    assert len(said) == 1
    assert len(bench.events("triage.lapsed")) == 1


def test_a_lease_from_long_ago_pages_nobody_and_stands_in_review(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    bench.close()
    bench.clock.advance(120 * DAY)
    with bench.again() as later:
        later.say([alert("98be")])
        assert later.desk.tick() == []
        assert later.note(key).lapsed_at == bench.clock.now()
        assert later.item(key).owner == ""


def test_the_note_survives_a_re_fired_alert_a_restart_and_a_deleted_watch_db(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    bench.say([])
    bench.clock.advance(MINUTE)
    bench.say([alert("98be")])
    assert bench.item(key).owner == "ann"
    bench.close()
    bench.profile.watch_db.unlink()
    with bench.again() as later:
        later.alert("98be")
        assert later.item(key).owner == "ann"


def test_taking_it_from_another_person_needs_a_reason_and_is_on_record(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    with pytest.raises(TriageRefused, match="ann owns it since"):
        bench.desk.own([key], by="bob", reason="   ")
    bench.desk.own([key], by="bob", reason="ann is on the phone")
    assert bench.item(key).owner == "bob"
    assert bench.events("triage.owned")[-1]["reason"] == "ann is on the phone"
    with pytest.raises(TriageRefused, match="bob owns"):
        bench.desk.release([key], by="ann")
    bench.desk.release([key], by="bob")
    assert bench.item(key).owner == ""


def test_the_agent_owns_too_but_takes_nothing_from_a_person(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="Stas")
    assert bench.item(key).owner == "Stas"
    bench.desk.own([key], by="ann")
    assert bench.item(key).owner == "ann", "no reason is needed to take over from the agent"
    with pytest.raises(TriageRefused, match="takes nothing from a person"):
        bench.desk.own([key], by="Stas", reason="I want it")


def test_nobody_and_nothing_are_refused(bench: Bench) -> None:
    bench.alert()
    with pytest.raises(TriageRefused, match="Nobody is named"):
        bench.desk.own(["alert:98be"], by="  ")
    with pytest.raises(TriageRefused, match="nothing with the key"):
        bench.desk.own(["alert:98be", "alert:gone"], by="ann")
    assert bench.item("alert:98be").owner == "", "all or none"


def test_a_lease_that_waits_for_ci_lasts_until_it_finished(bench: Bench) -> None:
    key = bench.alert()

    def check(state: str) -> None:
        bench.say(
            [Check(key="shop/9f2c11/tests", project_id="shop", sha="9f2c11", name="tests", state=state)],
            name="ci:shop",
            kind=SourceKind.CI,
        )

    check("pending")
    bench.desk.own([key], by="ann", waits_for="ci:shop/9f2c")
    lease = bench.note(key).lease
    assert lease is not None
    assert (lease.waits_for, lease.until) == ("ci:shop/9f2c", bench.clock.now() + DAY)
    assert bench.pass_by(5 * HOUR) == []
    check("failure")
    (line,) = bench.pass_by(6_000)
    assert "CI of 9f2c finished, 1 failed" in line
    after = bench.note(key).lease
    assert after is not None
    assert (after.owner, after.waits_for, after.until) == ("ann", "", bench.clock.now() + HALF_HOUR)


def test_waiting_for_an_event_ends_after_a_day(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann", waits_for="next pulse")
    bench.clock.advance(DAY)
    bench.say([alert("98be")])
    assert len(bench.desk.tick()) == 1
    assert bench.item(key).owner == ""


def test_a_message_and_a_task_can_be_owned_like_an_alert(bench: Bench) -> None:
    keys = [
        bench.message("I see another tenant's invoice"),
        bench.message("pay me", trust=Trust.EXTERNAL, sender="x"),
        bench.task("disk full", Priority.P0),
    ]
    bench.desk.own(keys, by="ann")
    assert [bench.item(key).owner for key in keys] == ["ann"] * 3


def test_many_are_closed_at_once_with_a_reason_and_come_back_when_seen_again(bench: Bench) -> None:
    bench.say([alert("1"), alert("2")])
    keys = ["alert:1", "alert:2"]
    with pytest.raises(TriageRefused, match="is not over: firing"):
        bench.desk.dismiss(keys, by="ann", reason="known")
    bench.clock.advance(MINUTE)
    bench.say([])
    with pytest.raises(TriageRefused, match="needs a reason"):
        bench.desk.dismiss(keys, by="ann", reason=" ")
    bench.desk.own(["alert:2"], by="bob")
    with pytest.raises(TriageRefused, match="bob owns"):
        bench.desk.dismiss(keys, by="ann", reason="known")
    assert "alert:1" in {item.key for item in bench.list().items}, "all or none"
    bench.desk.release(["alert:2"], by="bob")
    bench.desk.dismiss(keys, by="ann", reason="known")
    assert not {item.key for item in bench.list().items} & set(keys)
    bench.clock.advance(MINUTE)
    bench.say([alert("1", starts_at=bench.clock.now())])
    assert not bench.item("alert:1").suppressed
    assert bench.events("triage.dismissed")[0]["reason"] == "known"


def test_what_still_goes_on_is_not_hidden(bench: Bench) -> None:
    """A firing alert that somebody closed would be false calm."""
    keys = [bench.alert(), bench.task("disk full")]
    for key in keys:
        with pytest.raises(TriageRefused, match="is not over"):
            bench.desk.dismiss([key], by="ann", reason="I know")
    message = bench.message("please look")
    bench.clock.advance(MINUTE)
    bench.desk.dismiss([message], by="ann", reason="answered by phone")
    assert message not in {item.key for item in bench.list().items}


def test_a_gate_is_decided_and_not_closed(bench: Bench) -> None:
    pulse = bench.begin()
    answer = bench.app.context.toolbox.call(
        "create_task",
        {"projectId": "shop", "title": "infra: tidy", "priority": "P2"},
        pulse_id=pulse.id,
        caller="Stas",
    )
    assert answer.action is not None
    with pytest.raises(TriageRefused, match="not closed from the list"):
        bench.desk.dismiss([f"gate:{answer.action.id}"], by="ann", reason="no")


def test_a_secret_in_a_reason_never_reaches_the_record(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann", reason="token ghp_" + "a1B2" * 9)
    assert "ghp_a1B2" not in str(bench.events("triage.owned"))


def test_two_people_at_two_terminals_see_each_other(bench: Bench) -> None:
    """E7: what one takes is taken on the other screen, and who was slower is told by whom."""
    key = bench.alert()
    with bench.again() as other:
        shown = {item.key: item.note.version if item.note else 0 for item in other.list().items}
        bench.desk.own([key], by="ann")
        assert other.item(key).owner == "ann"
        with pytest.raises(TriageRefused, match="ann owns it since"):
            other.desk.own([key], by="bob")
        with pytest.raises(TriageRefused, match="changed since you looked"):
            other.desk.own([key], by="bob", reason="I saw nobody", seen=shown)
    assert bench.item(key).owner == "ann"
