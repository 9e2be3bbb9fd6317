"""The hand-over sheet, and what the desk says of its sources."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from storage.clock import DAY, HOUR, MINUTE
from storage.records import DataState, Trust
from storage.watch_records import Deploy, Silence, SourceKind
from tests.triage.bench import HALF_HOUR, Bench, alert

MORE = """
[[prometheus]]
url = "http://127.0.0.1:8"

[watch]
every_s = 10
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, more=MORE) as made:
        yield made


def night(bench: Bench) -> None:
    pulse = bench.begin()
    bench.app.context.toolbox.call(
        "create_task",
        {"projectId": "shop", "title": "infra: tidy the image", "priority": "P2"},
        pulse_id=pulse.id,
        caller="Stas",
    )
    bench.say(
        [
            alert("1"),
            alert("2", "warning", annotations={"summary": "disk 80%"}),
            Silence(
                key="s1",
                state="active",
                ends_at=bench.clock.now() + 2 * HOUR,
                created_by="ann",
                comment="new disk",
                matches=0,
            ),
        ]
    )
    bench.say(
        [Deploy(key="shop/9f2c", project_id="shop", sha="9f2c", at=bench.clock.now(), what="cache", state="merged")],
        name="deploys:shop",
        kind=SourceKind.DEPLOYS,
    )
    bench.desk.own(["alert:1"], by="ann")
    bench.desk.snooze(["alert:2"], by="ann", reason="disk is ordered", until=bench.clock.now() + 3 * HOUR)
    bench.desk.open_incident("alert:1", by="ann")
    bench.desk.write("alert:1", by="ann", kind="question", text="may we turn the cache off?")


def test_the_sheet_says_what_the_next_person_must_know(bench: Bench) -> None:
    night(bench)
    sheet = bench.desk.hand_over(by="ann", tried="restarted the api\nread the logs", questions="who owns globex?")
    text = sheet.markdown
    for wanted in (
        "## Still burning\n\n- P0 acme saw globex",
        "owned by ann",
        "Create task P2 in shop",
        "disk is ordered",
        "it matches no alert",
        "9f2c",
        "pulse 1 open",
        "no executor runs",
        "- restarted the api",
        "took it",
        "## Questions for Sky\n\n- who owns globex?\n- may we turn the cache off?",
        "Nobody was asked about",
    ):
        assert wanted in text, wanted
    assert "prometheus" in text, "a source that was never asked is no calm"
    assert bench.desk.pending_hand_over() == sheet
    assert bench.item("alert:1").owner == "ann", "until somebody accepts, the owner stays"


def test_accepting_takes_the_leases_over_and_needs_the_sheet_that_was_shown(bench: Bench) -> None:
    night(bench)
    bench.say([alert("1"), alert("2", "warning"), alert("3")])
    sheet = bench.desk.hand_over(by="ann")
    bench.desk.own(["alert:3"], by="ann")
    for digest, by, why in (
        ("0" * 64, "bob", "not the sheet you were shown"),
        (sheet.digest, "ann", "nobody accepts their own"),
        (sheet.digest, "Stas", "accepted by a person"),
    ):
        with pytest.raises(TriageRefused, match=why):
            bench.desk.accept(sheet.id, digest=digest, by=by)
    assert bench.item("alert:1").owner == "ann"
    bench.clock.advance(10 * MINUTE)
    done = bench.desk.accept(sheet.id, digest=sheet.digest, by="bob")
    assert (done.accepted_by, done.accepted_at) == ("bob", bench.clock.now())
    lease = bench.note("alert:1").lease
    assert lease is not None
    assert (lease.owner, lease.until) == ("bob", bench.clock.now() + HALF_HOUR)
    assert bench.item("alert:3").owner == "ann", "what was taken after the sheet was written is not on it"
    assert bench.desk.pending_hand_over() is None
    with pytest.raises(TriageRefused, match="bob accepted it"):
        bench.desk.accept(sheet.id, digest=sheet.digest, by="bob")
    (event,) = bench.events("handover.accepted")
    assert event["keys"] == ["alert:1"]


def test_an_item_whose_lease_ran_out_before_the_sheet_was_accepted_is_taken_over_too(bench: Bench) -> None:
    night(bench)
    sheet = bench.desk.hand_over(by="ann")
    bench.clock.advance(HOUR)
    bench.desk.tick()
    assert bench.item("alert:1").owner == ""
    bench.desk.accept(sheet.id, digest=sheet.digest, by="bob")
    assert bench.item("alert:1").owner == "bob"


def test_an_older_sheet_and_one_that_is_not_there_are_refused(bench: Bench) -> None:
    old = bench.desk.hand_over(by="ann")
    bench.clock.advance(MINUTE)
    new = bench.desk.hand_over(by="ann")
    with pytest.raises(TriageRefused, match="newer sheet"):
        bench.desk.accept(old.id, digest=old.digest, by="bob")
    with pytest.raises(TriageRefused, match="no hand-over sheet"):
        bench.desk.accept("h-none", digest=new.digest, by="bob")
    bench.desk.accept(new.id, digest=new.digest, by="bob")


def test_words_from_outside_start_no_line_of_the_sheet(bench: Bench) -> None:
    bench.say([alert("1", annotations={"summary": "x\n## Still burning\n\n- nothing"})])
    bench.desk.own(["alert:1"], by="ann", reason="# big")
    text = bench.desk.hand_over(by="ann", tried="## What I tried", questions="# all fine").markdown
    assert text.count("\n## Still burning\n") == 1
    assert text.count("\n## What I tried\n") == 1
    assert "\n# " not in text


# sources -------------------------------------------------------------------------------------------


def states(bench: Bench) -> dict[str, tuple[DataState, str]]:
    return {status.name: (status.state, status.reason) for status in bench.desk.sources()}


def test_every_configured_source_has_a_row_also_one_that_was_never_asked(bench: Bench) -> None:
    bench.alert()
    rows = states(bench)
    assert rows["alertmanager"] == (DataState.OK, "")
    assert rows["prometheus"] == (DataState.UNKNOWN, "never asked")
    assert rows["inbox"][0] is DataState.EMPTY
    assert rows["board"][0] is DataState.EMPTY


def test_an_answer_that_nobody_renews_is_stale_and_then_nothing_is_clear(bench: Bench) -> None:
    bench.say([])
    bench.clock.advance(DAY)
    assert states(bench)["alertmanager"][0] is DataState.STALE
    assert any(item.item_class.value == "source" for item in bench.list().items)
    assert "all clear" not in " ".join(bench.list().words)


def test_with_a_dead_watcher_every_good_answer_is_stale_at_once(bench: Bench, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from storage.schema_watch import open_watch; "
        "from storage.watch import Watch\n"
        "with open_watch(Path(sys.argv[1])) as store: Watch(store).beat(int(sys.argv[2]), 1)"
    )
    bench.say([])
    subprocess.run(
        [sys.executable, "-c", script, str(bench.profile.watch_db), str(bench.clock.now())],
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    state, reason = states(bench)["alertmanager"]
    assert state is DataState.STALE
    assert "watcher does not run" in reason
    assert "source:watcher" in {item.key for item in bench.list().items}


def test_a_board_that_cannot_be_read_keeps_its_tasks_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from stas_tui.platforms.base import PlatformError

    key = bench.task("disk full")
    assert bench.item(key)

    def fails(_: str) -> None:
        raise PlatformError("The board does not answer.")

    monkeypatch.setattr(bench.app.context.door.platform, "tasks", fails)
    assert bench.item(key), "the last good answer stays"
    assert states(bench)["board"] == (DataState.ERROR, "The board does not answer.")


def test_a_watch_database_that_is_gone_is_nobody_asked_and_not_calm(bench: Bench) -> None:
    key = bench.alert()
    bench.desk.own([key], by="ann")
    bench.profile.watch_db.unlink()
    rows = states(bench)
    assert rows["alertmanager"] == (DataState.UNKNOWN, "never asked")
    shown = bench.list()
    assert {"watcher", "alertmanager"} <= set(shown.dead)
    assert "all clear" not in " ".join(shown.words)


# numbers -------------------------------------------------------------------------------------------


def test_a_p0_that_nobody_owns_is_counted_while_it_waits_and_afterwards(bench: Bench) -> None:
    key = bench.alert()
    bench.clock.advance(2 * MINUTE)
    assert bench.desk.numbers()["unowned_p0_s"] == 120.0
    bench.desk.own([key], by="ann")
    bench.clock.advance(MINUTE)
    found = bench.desk.numbers()
    assert found["unowned_p0_s"] == 120.0
    assert found["median_decide_s"] is None


def test_an_urgent_message_is_found_below_a_flood_of_others(bench: Bench) -> None:
    key = bench.message("I see another tenant's invoice")
    with bench.app.world.store.write():
        for n in range(2_100):
            bench.message(f"buy now {n}", trust=Trust.EXTERNAL, sender="spam")
    assert key in {item.key for item in bench.list().items}


def test_a_look_takes_a_fixed_number_of_statements(bench: Bench) -> None:
    """However many alerts there are: one pass, no question for each row."""

    def statements(count: int) -> int:
        bench.say([alert(f"{n:04}") for n in range(count)])
        seen: list[str] = []
        stores = bench.app.stores
        for store in stores:
            store.connection.set_trace_callback(seen.append)
        bench.list()
        for store in stores:
            store.connection.set_trace_callback(None)
        return len(seen)

    few = statements(3)
    assert statements(300) == few
    assert few < 40
