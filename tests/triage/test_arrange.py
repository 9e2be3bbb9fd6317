"""What sources say, merged with what people said: put aside, folded, counted, and calm only when it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.triage import order as law
from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.order import order
from stas_tui.triage.query import QueryError
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.records import Priority
from storage.triage_records import ItemClass, TriageItem, TriageList, TriageNote
from tests.triage.looks import listed
from tests.triage.samples import (
    NOW,
    OTHER,
    SHA,
    alert,
    deploy,
    fact,
    item,
    lease,
    message,
    note,
    probe,
    snooze,
)


def rows(shown: TriageList) -> dict[str, TriageItem]:
    return {each.key: each for each in shown.items}


def above(shown: TriageList) -> list[str]:
    return [each.key for each in shown.items if not each.suppressed]


# notes ---------------------------------------------------------------------------------------------


def test_a_lease_owns_until_it_runs_out_and_then_the_item_says_so() -> None:
    one, held = item(), note(lease=lease("ann", ends_in=MINUTE))
    assert rows(listed([one], held))["alert:1"].owner == "ann"
    lapsed = rows(listed([one], held, now=NOW + MINUTE))["alert:1"]
    assert (lapsed.owner, lapsed.note and lapsed.note.lapsed_at) == ("", NOW + MINUTE)


def test_a_snoozed_item_is_below_until_its_time() -> None:
    one, aside = item(priority=Priority.P2), note(snooze=snooze(ends_in=HOUR))
    assert rows(listed([one], aside))["alert:1"].suppressed == "snoozed until 12:06Z"
    assert above(listed([one], aside, now=NOW + HOUR)) == ["alert:1"]


def test_a_snooze_until_an_event_says_which() -> None:
    one = item(priority=Priority.P2)
    event = note(snooze=snooze(ends_in=None, event="ci:ledger/9f2c"))
    assert rows(listed([one], event))["alert:1"].suppressed == "snoozed until CI of 9f2c in ledger has finished"
    both = note(snooze=snooze(event="next pulse"))
    assert rows(listed([one], both))["alert:1"].suppressed == "snoozed until 12:06Z or the next pulse"
    nothing = note(snooze=snooze(ends_in=None))
    assert above(listed([one], nothing)) == ["alert:1"], "a snooze without an end puts nothing aside"


@pytest.mark.parametrize("end", [{"ends_in": 10 * HOUR}, {"ends_in": None, "event": "ci:ledger/9f2c"}])
def test_a_P0_is_put_aside_for_fifteen_minutes_at_most(end: dict[str, Any]) -> None:
    one, aside = item(priority=Priority.P0), note(snooze=snooze(at=NOW, **end))
    assert above(listed([one], aside, now=NOW + 15 * MINUTE - 1)) == []
    assert above(listed([one], aside, now=NOW + 15 * MINUTE)) == ["alert:1"]


def test_what_has_become_a_P0_since_it_was_put_aside_wakes() -> None:
    aside = note(snooze=snooze(at=NOW, priority="P2"))
    assert above(listed([item(priority=Priority.P2)], aside)) == []
    assert above(listed([item(priority=Priority.P0)], aside)) == ["alert:1"]


def test_a_closed_item_comes_back_when_it_is_seen_again() -> None:
    one = item(last_seen=NOW - MINUTE)
    assert listed([one], note(dismissed_at=NOW - MINUTE)).items == ()
    assert above(listed([one], note(dismissed_at=NOW - MINUTE - 1))) == ["alert:1"]


def test_notes_about_nothing_change_nothing() -> None:
    assert listed([item()], note("alert:other", group="alert:1", dismissed_at=NOW)) == listed([item()])


# groups --------------------------------------------------------------------------------------------


def group(*keys: str, under: str = "alert:1") -> list[TriageNote]:
    return [note(key, group=under) for key in keys]


def test_a_group_shows_the_worst_of_it_at_its_head() -> None:
    items = [
        item("alert:1", priority=Priority.P2, count=2, tenants=("acme",)),
        item("alert:2", priority=Priority.P0, count=3, tenants=("globex",), first_seen=NOW - HOUR),
        item("alert:3", priority=Priority.P1, last_seen=NOW),
        item("alert:4", priority=Priority.P1),
    ]
    shown = listed(items, *group("alert:2", "alert:3"))
    assert above(shown) == ["alert:1", "alert:4"]
    head = rows(shown)["alert:1"]
    assert (head.priority, head.count, head.tenants) == (Priority.P0, 6, ("acme", "globex"))
    assert (head.first_seen, head.last_seen) == (NOW - HOUR, NOW)
    assert head.members == ("alert:2", "alert:3")
    assert rows(shown)["alert:2"].suppressed.startswith("grouped under alert:1")
    assert shown.words[0] == "P0 1 (unowned 1h)"


def test_a_group_stands_where_its_most_serious_member_would() -> None:
    """An incident is not lost by being put under a message of somebody unknown."""
    items = [
        item("message:1", ItemClass.MESSAGE),
        item("alert:2", priority=Priority.P1),
        item("deploy:3", ItemClass.DEPLOY),
        item("gate:4", ItemClass.GATE, deadline=NOW + 4 * MINUTE),
        item("task:5", ItemClass.TASK),
    ]
    assert above(listed(items)) == ["alert:2", "gate:4", "deploy:3", "message:1", "task:5"]
    under = listed(items, *group("alert:2", under="message:1"))
    assert above(under) == ["message:1", "gate:4", "deploy:3", "task:5"]
    assert "incidents 1 (unowned 3m)" in under.words
    urgent = listed(items, *group("gate:4", under="task:5"))
    assert above(urgent) == ["alert:2", "task:5", "deploy:3", "message:1"]
    assert "gates 1 (due 4m)" in urgent.words, "a gate runs out inside a group too"


@pytest.mark.parametrize("why", ["resolved 3m ago", "silenced until 14:00Z"])
def test_nothing_is_hidden_under_a_head_that_does_not_burn(why: str) -> None:
    assert above(listed([item("alert:1", suppressed=why), item("alert:2")], *group("alert:2"))) == ["alert:2"]


def test_members_whose_head_is_gone_or_closed_stand_alone() -> None:
    assert above(listed([item("alert:2")], *group("alert:2"))) == ["alert:2"]
    closed = note("alert:1", dismissed_at=NOW)
    assert above(listed([item("alert:1"), item("alert:2")], closed, *group("alert:2"))) == ["alert:2"]


def test_groups_in_groups_and_rings_keep_a_head() -> None:
    items = [item(f"alert:{n}") for n in range(1, 5)]
    chain = [note("alert:3", group="alert:2"), note("alert:2", group="alert:1"), note("alert:4", group="alert:4")]
    shown = listed(items, *chain)
    assert sorted(above(shown)) == ["alert:1", "alert:4"]
    assert rows(shown)["alert:1"].members == ("alert:2", "alert:3")
    ring = [note("alert:3", group="alert:2"), note("alert:2", group="alert:3")]
    assert "alert:2" in above(listed(items, *ring))


def test_a_snoozed_head_takes_its_group_with_it_but_no_P0_for_long() -> None:
    items = [item("alert:1", priority=Priority.P2), item("alert:2", priority=Priority.P0)]
    aside = note("alert:1", snooze=snooze(at=NOW))
    assert above(listed(items, aside, *group("alert:2"))) == []
    assert above(listed(items, aside, *group("alert:2"), now=NOW + 15 * MINUTE)) == ["alert:1"]


def test_a_member_that_is_put_aside_or_resolved_lifts_nothing() -> None:
    items = [
        item("alert:1", priority=Priority.P2),
        item("alert:2", priority=Priority.P0, suppressed="resolved 1m ago"),
        item("alert:3", priority=Priority.P0),
    ]
    notes = [note("alert:2", group="alert:1"), note("alert:3", group="alert:1", snooze=snooze(at=NOW))]
    shown = listed(items, *notes)
    assert rows(shown)["alert:1"].priority is Priority.P2
    assert rows(shown)["alert:3"].suppressed.startswith("snoozed until")
    assert rows(shown)["alert:2"].suppressed == "resolved 1m ago"


def test_inhibited_children_stay_under_their_parent_unless_a_person_splits_them() -> None:
    items = gather(
        Sight(alerts=[fact(alert("p")), *(fact(alert(key, inhibited_by=("p",))) for key in ("a", "b"))]), now=NOW
    )
    assert above(listed(items)) == ["alert:p"]
    split = listed(items, note("alert:a", split=True))
    assert sorted(above(split)) == ["alert:a", "alert:p"]
    assert rows(split)["alert:p"].members == ("alert:b",)
    closed = listed(items, note("alert:p", dismissed_at=NOW))
    assert sorted(above(closed)) == ["alert:a", "alert:b"], "a parent that is not shown hides nobody"


# the first line ------------------------------------------------------------------------------------


def test_the_first_line_counts_what_a_person_asks_first() -> None:
    items = [
        item("alert:1", priority=Priority.P0, tenants=("acme",)),
        item("alert:2", priority=Priority.P1, first_seen=NOW - HOUR),
        item("alert:3", priority=Priority.P1),
        item("gate:1", ItemClass.GATE, deadline=NOW + 26 * MINUTE, priority=Priority.P2),
        item("gate:2", ItemClass.GATE, deadline=NOW + 4 * MINUTE, priority=Priority.P0),
        item("message:1", ItemClass.MESSAGE, trusted=True),
        item("message:2", ItemClass.MESSAGE),
        item("deploy:1", ItemClass.DEPLOY),
        item("alert:4", tenants=("hidden",), suppressed="silenced until 14:00Z"),
    ]
    deploys = [fact(deploy()), fact(deploy(environment="production")), fact(deploy(OTHER, ago=DAY + 1))]
    shown = listed(items, note("alert:2", lease=lease()), note("alert:1", lease=lease()), deploys=deploys)
    assert shown.words == (
        "P0 2 (1 unowned 3m)",
        "incidents 2 (1 unowned 3m)",
        "gates 2 (P0 due 4m)",
        "urgent 2 (1 unverified)",
        "deploys 24h 1 (1 suspect)",
        "tenants hit 1?",
    )
    assert shown.total == 8


def test_an_overdue_gate_and_a_halt_stand_in_the_first_line() -> None:
    items = [item("gate:1", ItemClass.GATE, deadline=NOW - 2 * MINUTE), item("halt:stas", ItemClass.INFO)]
    assert listed(items).words == ("gates 1 (overdue 2m)", "halted")


def test_words_count_the_whole_list_whatever_the_filter() -> None:
    items = [item("alert:1", priority=Priority.P0), item("task:2", ItemClass.TASK)]
    shown = listed(items, query="class:task")
    assert above(shown) == ["task:2"]
    assert shown.words[0] == "P0 1 (unowned 3m)"
    assert (shown.total, shown.query) == (2, "class:task")
    assert above(listed(items, note(lease=lease("Ann")), query="owner:me", me="ann")) == ["alert:1"]


def test_a_filter_that_cannot_be_read_is_said() -> None:
    with pytest.raises(QueryError):
        listed([], query="colour:red")


# laws ----------------------------------------------------------------------------------------------

KEYS = [f"alert:{n}" for n in range(6)]
ITEMS = st.lists(
    st.builds(
        item,
        st.sampled_from(KEYS),
        st.sampled_from([ItemClass.INCIDENT, ItemClass.GATE, ItemClass.MESSAGE, ItemClass.TASK]),
        priority=st.none() | st.sampled_from(Priority),
        suppressed=st.sampled_from(["", "", "silenced until 14:00Z", "child of x"]),
        deadline=st.none() | st.integers(NOW, NOW + 10 * MINUTE),
    ),
    max_size=6,
    unique_by=lambda each: each.key,
)
NOTES = st.lists(
    st.builds(
        note,
        st.sampled_from(KEYS),
        group=st.sampled_from(["", *KEYS]),
        lease=st.none() | st.just(lease()) | st.just(lease(ends_in=-1)),
        snooze=st.none() | st.just(snooze()) | st.just(snooze(ends_in=-1)),
    ),
    max_size=6,
    unique_by=lambda each: each.key,
)


@given(ITEMS, NOTES)
def test_arranging_loses_nothing_and_hides_no_worst_item(items: list[TriageItem], notes: list[TriageNote]) -> None:
    shown = listed(items, *notes)
    assert sorted(rows(shown)) == sorted(each.key for each in items)
    assert list(shown.items) == order(shown.items, now=NOW)
    by_note = {each.key: each for each in notes}
    free = [
        each
        for each in items
        if each.suppressed != "silenced until 14:00Z" and not (by_note.get(each.key) and by_note[each.key].snooze)
    ]
    if free and not any(each.snooze for each in notes):
        top = min(law.class_rank(each, NOW) for each in free)
        assert above(shown), "something stands above the line"
        assert law.class_rank(shown.items[0], NOW) <= top


@given(ITEMS, NOTES, st.randoms())
def test_arranging_does_not_depend_on_the_order_of_the_input(items: Any, notes: Any, chance: Any) -> None:
    mixed = list(items)
    chance.shuffle(mixed)
    assert listed(mixed, *notes) == listed(items, *notes)


def test_a_group_shows_the_same_priority_whatever_the_order_of_its_members() -> None:
    """Unknown and P1 are equally bad: which of them the head shows is no chance."""
    items = [item("alert:1"), item("alert:2", priority=Priority.P1), item("alert:3", priority=Priority.P2)]
    notes = [note("alert:1", group="alert:3"), note("alert:2", group="alert:1")]
    assert listed(items, *notes) == listed(items[::-1], *notes)


def test_a_flood_is_ranked_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pass over the list is quadratic: each item is ranked once, whatever the notes."""
    sight = Sight(
        alerts=[fact(alert(f"{n:04}", inhibited_by=(f"{n - n % 10:04}",) if n % 10 else ())) for n in range(1_000)],
        messages=[message(n, known=n % 2 == 0) for n in range(2_000)],
        probes=[fact(probe(f"p{n}")) for n in range(1_000)],
        deploys=[fact(deploy(f"{n:040x}", ago=n * SECOND)) for n in range(1_000)],
    )
    items = gather(sight, now=NOW)
    notes = [note(f"message:M-{n}", group="message:M-0") for n in range(1, 500)]
    asked = 0
    real = law.rank

    def counted(one: TriageItem, now: int) -> law.Rank:
        nonlocal asked
        asked += 1
        return real(one, now)

    monkeypatch.setattr(law, "rank", counted)
    shown = listed(items, *notes, query="is:new -owner:me")
    assert len(shown.items) == len(items) >= 4_000
    assert asked <= len(items)


def test_the_sight_of_SHA_is_one_row_when_everything_speaks_of_it() -> None:
    items = gather(Sight(deploys=[fact(deploy(SHA))], alerts=[fact(alert())]), now=NOW)
    assert above(listed(items)) == ["alert:98be5eeda42fa8e5", f"deploy:ledger/{SHA}"]
