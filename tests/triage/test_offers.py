"""Events that an item can wait for are offered in words, the closest first, and none that has come already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.events import NEXT_PULSE, event_words, parse
from storage.clock import MINUTE
from storage.records import DataState, Message, MessageType, Priority, PullRequest, Trust
from storage.watch_records import Check, Deploy, SourceKind
from tests.triage.bench import Bench
from tests.triage.samples import HOSTILE

SHA = "9f2c41a0" + "0" * 32


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


def offered(bench: Bench, *keys: str) -> dict[str, str]:
    return {offer.event: offer.words for offer in bench.desk.offers(keys)}


def pull_request(bench: Bench, number: int, task: str) -> None:
    """An open pull request of a task, as the board links it."""
    bench.app.world.add_pr(
        PullRequest(
            number=number, project_id="shop", title="t", body="", base="multi-tenant", head="feat/x", head_sha=SHA
        )
    )
    bench.app.world.link_pr("shop", task, number)


def landed(bench: Bench, *states: str, **more: object) -> str:
    """A commit landed, and its checks stand like this."""
    bench.say(
        [Deploy(key="shop/1", project_id="shop", sha=SHA, at=bench.clock.now(), what="Share the pool", state="merged")],
        name="deploys:shop",
        kind=SourceKind.DEPLOYS,
    )
    checks = [
        Check(key=f"shop/{SHA}/{n}", project_id="shop", sha=SHA, name=str(n), state=state, since=bench.clock.now())
        for n, state in enumerate(states)
    ]
    bench.say(checks, name="ci:shop", kind=SourceKind.CI)
    return f"deploy:shop/{SHA}"


# words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (NEXT_PULSE, "the next pulse"),
        (f"ci:shop/{SHA}", "CI of 9f2c41a0 in shop has finished"),
        ("pr:shop/17", "pull request 17 of shop is merged or closed"),
        ("task:shop/T-3", "task T-3 of shop moves"),
        ("full moon", "full moon"),
    ],
)
def test_an_event_is_said_as_a_person_says_it(event: str, words: str) -> None:
    assert event_words(event) == words


def test_what_an_event_is_about_stands_behind_it_as_one_harmless_line() -> None:
    said = event_words("task:shop/T-3", about=f"mend {HOSTILE}")
    assert said.startswith("task T-3 of shop moves: mend")
    assert said.isprintable()


# what is offered -----------------------------------------------------------------------------------


def test_a_task_offers_its_open_pull_request_before_its_own_move(bench: Bench) -> None:
    key = bench.task("cap the pool", status="review")
    task = key.rpartition("/")[2]
    assert offered(bench, key) == {f"task:shop/{task}": f"task {task} of shop moves: cap the pool"}
    pull_request(bench, 17, task)
    bench.clock.advance(MINUTE)
    found = offered(bench, key)
    assert list(found) == ["pr:shop/17", f"task:shop/{task}"]
    assert found["pr:shop/17"] == f"pull request 17 of shop is merged or closed: {task} cap the pool"


def test_a_pull_request_that_was_merged_already_is_not_offered(bench: Bench) -> None:
    key = bench.task("cap the pool", status="review")
    task = key.rpartition("/")[2]
    pull_request(bench, 17, task)
    bench.say(
        [Deploy(key="shop/1", project_id="shop", sha=SHA, at=1, what="x", state="merged", pr_number=17)],
        name="deploys:shop",
        kind=SourceKind.DEPLOYS,
    )
    assert list(offered(bench, key)) == [f"task:shop/{task}"]


def test_an_incident_offers_the_task_that_was_made_of_it_and_then_its_pull_request(bench: Bench) -> None:
    bench.begin()
    key = bench.alert()
    assert offered(bench, key) == {}
    task = bench.desk.file_task(key, by="ann").result["task"]
    bench.clock.advance(MINUTE)
    assert list(offered(bench, key)) == [f"task:shop/{task}"]
    pull_request(bench, 18, task)
    bench.clock.advance(MINUTE)
    assert list(offered(bench, key)) == ["pr:shop/18", f"task:shop/{task}"]


def test_a_task_that_waited_for_its_gate_is_found_once_it_was_made(bench: Bench) -> None:
    bench.begin()
    key = bench.alert(severity="warning")
    asked = bench.desk.file_task(key, by="ann")
    assert asked.status == "pending"
    assert offered(bench, key) == {}, "what waits for its gate is no task yet"
    action = asked.action
    assert action is not None
    bench.clock.advance(2_000)
    bench.app.context.toolbox.decide(
        action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="ann", dwell_ms=2_000
    )
    assert bench.app.context.toolbox.perform(action.id).status == "ok"
    bench.clock.advance(MINUTE)
    made = bench.app.world.tasks("shop")
    assert list(offered(bench, key)) == [f"task:shop/{made[0].id}"]


def test_a_change_offers_its_ci_until_it_has_finished(bench: Bench) -> None:
    key = landed(bench, "failure", "pending")
    assert offered(bench, key) == {f"ci:shop/{SHA}": event_words(f"ci:shop/{SHA}", about="9f2c41a0 Share the pool")}
    bench.clock.advance(MINUTE)
    landed(bench, "failure", "success")
    assert offered(bench, key) == {}, "it has finished: waiting for it would be refused"


def test_an_incident_offers_the_ci_of_the_change_that_probably_caused_it(bench: Bench) -> None:
    landed(bench, "pending")
    bench.clock.advance(MINUTE)
    key = bench.alert()
    assert offered(bench, key) == {f"ci:shop/{SHA}": "CI of 9f2c41a0 in shop has finished: Share the pool"}


def test_where_nobody_tells_of_checks_nobody_would_see_that_they_finished(bench: Bench) -> None:
    landed(bench)
    bench.clock.advance(MINUTE)
    assert offered(bench, bench.alert()) == {}


def test_a_message_offers_the_pull_request_and_the_task_that_it_names(bench: Bench) -> None:
    task = bench.task("cap the pool", Priority.P2, status="ready").rpartition("/")[2]
    bench.app.world.deliver(
        Message(
            id="m-9",
            type=MessageType.URGENT,
            sender="lena",
            subject=f"please merge {HOSTILE}",
            body="",
            at=bench.clock.now(),
            trust=Trust.KNOWN,
            project_id="shop",
            task_id=task,
            pr_number=21,
        ),
        to="Stas",
    )
    found = offered(bench, "message:m-9")
    assert list(found) == ["pr:shop/21", f"task:shop/{task}"]
    assert all(words.isprintable() for words in found.values())


def test_several_items_offer_what_any_of_them_waits_for_and_at_most_five(bench: Bench) -> None:
    keys = [bench.task(f"task {n}") for n in range(7)]
    assert list(offered(bench, *keys, keys[0], "alert:none")) == [
        f"task:shop/{key.rpartition('/')[2]}" for key in keys[:5]
    ]


def test_whatever_is_offered_can_be_waited_for(bench: Bench) -> None:
    key = bench.task("cap the pool", status="review")
    for event in offered(bench, key):
        assert parse(event).text == event
        bench.desk.own([key], by="ann", waits_for=event)
        lease = bench.note(key).lease
        assert lease is not None
        assert lease.waits_for == event


@pytest.mark.parametrize("told", [True, False])
def test_checks_of_which_nobody_can_ever_tell_are_not_waited_for(tmp_path: Path, told: bool) -> None:
    """Required checks of a project without a forge: the source is there, and says that it cannot be asked."""
    with Bench(tmp_path, more='[project.ci]\nrequired = ["unit"]\n') as bench:
        landed(bench)
        if not told:
            with bench.app.watch.store.write() as conn:
                conn.execute("delete from source where name = 'ci:shop'")
            bench.say(None, name="ci:shop", kind=SourceKind.CI, state=DataState.UNKNOWN, reason="no repository")
        bench.clock.advance(MINUTE)
        key = bench.alert()
        assert list(offered(bench, key)) == ([f"ci:shop/{SHA}"] if told else [])
