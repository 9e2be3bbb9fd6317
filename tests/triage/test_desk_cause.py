"""The cause of an incident: named by a person, changed, taken back, and never lost from the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from stas_tui.triage.incidents import cause_words, open_questions
from storage.clock import MINUTE, iso_seconds
from storage.triage_records import IncidentEntry
from storage.watch_records import Deploy, SourceKind
from tests.triage.bench import Bench

SHA = "9f2c41a" + "0" * 33
SECRET = "ghp_" + "a1B2" * 9


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


@pytest.fixture
def key(bench: Bench) -> str:
    """An open incident, five minutes after a change."""
    landed = Deploy(
        key=f"shop/{SHA}",
        project_id="shop",
        sha=SHA,
        at=bench.clock.now() - 5 * MINUTE,
        what="infra: cache in front of the api",
        state="merged",
        pr_number=7,
    )
    bench.say([landed], name="deploys:shop", kind=SourceKind.DEPLOYS)
    key = bench.alert()
    bench.desk.own([key], by="ann")
    bench.desk.open_incident(key, by="ann")
    bench.clock.advance(MINUTE)
    return key


def told(bench: Bench, key: str) -> list[tuple[str, str, str]]:
    incident = bench.desk.incident(key)
    assert incident is not None
    return [(e.kind, e.by, e.text) for e in incident.entries if e.kind in ("cause", "withdrawn")]


def test_a_suspect_is_named_changed_and_taken_back_and_everything_stays_in_the_timeline(bench: Bench, key: str) -> None:
    [suspect] = bench.desk.suspects(key)
    words = cause_words(suspect)
    assert words == "infra: cache in front of the api (9f2c41a00, pull request 7)"
    named = bench.desk.name_cause(key, by="ann", text=words, sha=suspect["sha"], seen=0).cause
    assert named is not None
    assert (named.by, named.at, named.text) == ("ann", bench.clock.now(), words)
    bench.clock.advance(MINUTE)
    other = bench.desk.name_cause(key, by="bob", text="the pool hands out foreign connections", seen=named.id).cause
    assert other is not None
    assert other.by == "bob"
    gone = bench.desk.withdraw_cause(key, by="bob", why="it goes on without the pool", seen=other.id)
    assert gone.cause is None
    assert told(bench, key) == [
        ("cause", "ann", words),
        ("cause", "bob", "the pool hands out foreign connections"),
        ("withdrawn", "bob", "the cause «the pool hands out foreign connections»: it goes on without the pool"),
    ]
    first, second = bench.events("incident.cause")
    assert first["sha"] == SHA
    assert "sha" not in second
    assert [event["why"] for event in bench.events("incident.withdrawn")] == ["it goes on without the pool"]
    with bench.again() as other_process:
        incident = other_process.desk.incident(key)
        assert incident is not None
        assert incident.cause is None


def test_what_somebody_else_named_meanwhile_is_not_overwritten_unread(bench: Bench, key: str) -> None:
    bench.desk.name_cause(key, by="bob", text="the disk is full")
    with pytest.raises(TriageRefused, match=r"bob named a cause at .*: the disk is full"):
        bench.desk.name_cause(key, by="ann", text="the pool", seen=0)
    named = bench.desk.incident(key)
    assert named is not None and named.cause is not None
    bench.desk.withdraw_cause(key, by="bob", why="it is not")
    with pytest.raises(TriageRefused, match="taken back"):
        bench.desk.withdraw_cause(key, by="ann", why="no", seen=named.cause.id)
    with pytest.raises(TriageRefused, match="none to take back"):
        bench.desk.withdraw_cause(key, by="ann", why="no")
    assert len(told(bench, key)) == 2


def test_saying_it_again_is_no_second_line_and_another_person_confirms_with_one(bench: Bench, key: str) -> None:
    for by in ("ann", "ann", "bob"):
        bench.desk.name_cause(key, by=by, text="the disk is full")
    assert [by for _, by, _ in told(bench, key)] == ["ann", "bob"]
    assert "given up" not in bench.desk.postmortem(key)


def test_only_a_person_names_a_cause_and_says_why_it_is_none(bench: Bench, key: str) -> None:
    with pytest.raises(TriageRefused, match="named by a person"):
        bench.desk.name_cause(key, by="Stas", text="the disk")
    with pytest.raises(TriageRefused, match="Nobody is named at this terminal"):
        bench.desk.name_cause(key, by=" ", text="the disk")
    with pytest.raises(TriageRefused, match="1 to 1000 characters"):
        bench.desk.name_cause(key, by="ann", text="x" * 1_001)
    with pytest.raises(TriageRefused, match="Open one first"):
        bench.desk.name_cause("alert:other", by="ann", text="the disk")
    bench.desk.name_cause(key, by="ann", text=f"the key {SECRET} was used")
    with pytest.raises(TriageRefused, match="what speaks against it"):
        bench.desk.withdraw_cause(key, by="ann", why=" ")
    assert SECRET not in str(told(bench, key))


def test_naming_a_cause_renews_the_lease(bench: Bench, key: str) -> None:
    before = bench.note(key).lease
    bench.clock.advance(5 * MINUTE)
    bench.desk.name_cause(key, by="ann", text="the disk is full")
    after = bench.note(key).lease
    assert before is not None and after is not None
    assert after.until == before.until + 6 * MINUTE


def test_the_postmortem_names_it_with_a_role_and_keeps_what_was_given_up(bench: Bench, key: str) -> None:
    text = bench.desk.postmortem(key)
    assert "## Cause\n\n- no cause is named yet; the suspected changes below are no proof" in text
    bench.desk.role(key, by="ann", role="commander", who="ann")
    bench.desk.name_cause(key, by="bob", text="bob says: # the disk")
    [suspect] = bench.desk.suspects(key)
    bench.desk.name_cause(key, by="ann", text=cause_words(suspect), sha=suspect["sha"])
    at = iso_seconds(bench.clock.now())
    text = bench.desk.postmortem(key)
    cause = text[text.index("## Cause") : text.index("## Contributing changes")].splitlines()
    assert cause[2].endswith(f"(9f2c41a00, pull request 7): cause named by the commander at {at}")
    assert cause[3] == f"- a responder says: # the disk: cause named by a responder at {at}; given up since"
    assert "named as the cause" in text[text.index("## Contributing changes") : text.index("## Decisions")]
    assert not {"ann", "bob"} & set(text.split())


def test_the_sheet_says_who_named_it_or_that_nobody_did(bench: Bench, key: str) -> None:
    assert "; no cause is named yet" in bench.desk.hand_over(by="ann").markdown
    bench.desk.name_cause(key, by="bob", text="the [disk](http://evil.example) is full")
    at = iso_seconds(bench.clock.now())
    text = bench.desk.hand_over(by="ann").markdown
    assert f"; cause named by bob at {at}: the " in text
    assert "[disk]" not in text


def test_the_question_that_was_answered_is_the_one_that_is_left_out(bench: Bench, key: str) -> None:
    for question in ("who was hurt", "since when"):
        bench.desk.write(key, by="ann", kind="question", text=question)
    bench.desk.write(key, by="bob", kind="answer", text="since when: the merge")
    for text in (bench.desk.hand_over(by="ann").markdown, bench.desk.postmortem(key)):
        asked = text[text.rindex("uestions") :]
        assert "- who was hurt" in asked
        assert "- since when" not in asked


def test_a_question_is_open_until_an_answer_names_it() -> None:
    def entry(n: int, kind: str, text: str) -> IncidentEntry:
        return IncidentEntry(id=n, incident="alert:a", at=n, by="kim", kind=kind, text=text)

    told = [entry(1, "question", "why"), entry(2, "question", "when"), entry(3, "answer", "why: the pool")]
    assert [each.text for each in open_questions(told)] == ["when"]


def test_a_long_timeline_says_what_it_leaves_out(bench: Bench, key: str) -> None:
    for n in range(203):
        bench.desk.write(key, by="ann", kind="note", text=f"line {n}")
    text = bench.desk.postmortem(key)
    assert "more in the log" in text
