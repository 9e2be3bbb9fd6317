"""Runs without a person: each is the same on any machine, and does what it is named after."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_lesson import TEXT, lesson

from stas_tui.training.engine import Act, Engine, play
from stas_tui.training.inputs import InputWrong, as_json, from_json, script, standing
from stas_tui.training.reading import Lesson
from stas_tui.training.scripts import approve_all, ideal, reject_all

ROOT = Path(__file__).resolve().parents[2]
RUNS = {"ideal": ideal, "approve_all": approve_all, "reject_all": reject_all}


def acts(engine: Engine) -> list[tuple[str, str]]:
    return [(thing.verb, thing.target) for thing in engine.inputs if isinstance(thing, Act)]


def test_the_careful_one_looks_before_deciding_and_is_in_time() -> None:
    engine = ideal(lesson())
    assert acts(engine) == [
        ("open", "m1"),
        ("open", "a1.base"),
        ("own", "m1"),
        ("reject", "a1"),
        ("open", "a2.base"),
        ("approve", "a2"),
    ]
    for made in engine.made.values():
        assert made.quality == "expected"
        assert made.at is not None
        assert made.at < made.came_at + made.decision.by / 2


def test_the_hasty_ones_touch_gates_only() -> None:
    assert acts(approve_all(lesson())) == [("approve", "a1")]
    assert acts(reject_all(lesson())) == [("reject", "a1"), ("reject", "a2")]


def test_the_careful_one_waits_for_evidence_that_comes_later() -> None:
    engine = ideal(lesson(('at = "+20s"', 'at = "+90s"'), ('"opened:a1.base"', '"opened:a1.base", "opened:m1"')))
    assert engine.saw("m1", by=engine.made["d1"].at)
    assert engine.made["d1"].quality == "expected"


def test_evidence_that_never_comes_is_not_waited_for_beyond_the_time() -> None:
    changes = (
        ('"opened:a1.base"', '"opened:a1.base", "opened:al1"'),
        ('when = { decided = "d1", within = "3m" }', 'when = { decided = "d1" }'),
    )
    engine = ideal(lesson(*changes))
    assert not engine.saw("al1")
    assert engine.made["d1"].quality == "expected"
    assert not engine.made["d1"].late


def test_what_else_a_gate_needs_is_done_before_it_is_settled() -> None:
    extra = """
[[decision]]
id = "d3"
on = "a1"
expected = "ask"
by = "+2m"
why = "Ask whose order it was."
hint = ["Who?"]
"""
    engine = ideal(lesson(text=TEXT + extra))
    assert engine.made["d3"].quality == "expected"
    assert engine.made["d1"].quality == "expected"


def test_the_careful_one_edits_as_every_decision_asks() -> None:
    expected = 'expected = "reject"\nalso_ok = ["pause_pulse"]\ndeadly = ["approve", "edit_and_approve"]'
    asks = 'expected = "edit_and_approve"\nedit_has = ["multi-tenant"]\nedit_lacks = ["main"]'
    engine = ideal(lesson((expected, asks), ('verbs = ["reject"]', 'verbs = ["edit_and_approve"]')))
    assert [thing.text for thing in engine.inputs if thing.verb == "edit_and_approve"] == ["multi-tenant"]
    assert engine.made["d1"].quality == "expected"


def test_the_expected_wait_is_left_to_the_clock() -> None:
    engine = ideal(lesson(('expected = "own"\nalso_ok = ["message_agent", "create_task"]', 'expected = "wait"')))
    assert engine.made["d0"].verb == "wait"
    assert engine.made["d0"].quality == "expected"
    assert ("open", "m1") in acts(engine)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_a_run_played_again_from_its_inputs_is_the_same(run: Callable[[Lesson], Engine]) -> None:
    one = lesson()
    engine = run(one)
    again = play(one.scenario, one.digest, engine.inputs)
    assert again.digest == engine.digest
    assert [line.kind for line in again.lines] == [line.kind for line in engine.lines]


def test_two_processes_with_other_hash_seeds_give_the_same_digests(tmp_path: Path) -> None:
    noise = '\n[[noise]]\ncount = 40\nfrom = ["bot", "cron"]\ntexts = ["fine", "still fine"]\nend = "+3m"\n'
    file = tmp_path / "small-one.toml"
    file.write_text(TEXT + noise)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from stas_tui.training import scripts\nfrom stas_tui.training.reading import load\n"
        "lesson = load(Path(sys.argv[1]))\n"
        "for name in ('ideal', 'approve_all', 'reject_all'):\n"
        "    for seed in (1, 2):\n"
        "        print(name, seed, getattr(scripts, name)(lesson, seed=seed).digest)\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, str(file)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("4242", "Asia/Tokyo"))
    ]
    assert told[0] == told[1]
    assert len({line.split()[2] for line in told[0].splitlines()}) == 6, "another run or seed is another log"


# the file of a script ---------------------------------------------------------------------------------

JSONL = """
{"at": "+21s", "verb": "open", "target": "m1"}

{"at": 43000, "verb": "reject", "target": "a1", "text": "base is main"}
{"at": 60000, "order": "mark", "body": {"text": "here"}}
"""
TOML = """
[[act]]
at = "+21s"
verb = "open"
target = "m1"

[[act]]
at = 43_000
verb = "reject"
target = "a1"
text = "base is main"
"""


def test_a_script_is_toml_or_lines_of_json() -> None:
    assert script(TOML, "s") == script(JSONL, "s")[:2]
    assert script(TOML, "s")[1] == Act(at=43_000, verb="reject", target="a1", text="base is main")


def test_every_input_survives_the_round_trip() -> None:
    one = lesson()
    engine = ideal(one)
    inputs = [*engine.inputs, *script(JSONL, "s")]
    inject = {"at": 5, "order": "inject", "body": {"new": "x"}, "inject": {"kind": "inbox", "from": "Ada", "text": "t"}}
    inputs.append(from_json(inject))
    assert [from_json(as_json(thing)) for thing in inputs] == inputs


def test_going_back_undoes_what_was_done_after_it() -> None:
    done = script(
        '{"at": 1000, "verb": "open", "target": "m1"}\n{"at": 5000, "verb": "own", "target": "m1"}\n'
        '{"at": 2000, "order": "rewind", "body": {"from": 6000, "to": 2000}}\n'
        '{"at": 3000, "verb": "ask", "target": "m1"}',
        "s",
    )
    assert [(thing.at, getattr(thing, "verb", "rewind")) for thing in done] == [
        (1000, "open"),
        (2000, "rewind"),
        (3000, "ask"),
    ]
    assert standing(done) == done


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"at": "21s", "verb": "open"}', "s, line 1: at: this is not an offset"),
        ('{"at": 1, "verb": "opn"}', "s, line 1: verb is none of approve"),
        ('{"at": 1, "verb": "open", "targt": "m1"}', "s, line 1: there is no key targt"),
        ('{"at": -1, "verb": "open"}', "s, line 1: at is an offset"),
        ('{"at": true, "verb": "open"}', "s, line 1: at is an offset"),
        ('{"at": 1, "order": "rule"}', "s, line 1: order is none of pause"),
        ('{"at": 1, "order": "inject", "inject": {"kind": "x"}}', "s, line 1: inject: "),
        ('{"at": 1, "verb": "open", "target": 3}', "are texts"),
        ('{"at": 1}\n{', "s, line 2: this is not JSON"),
        ("{" + '"a":[' * 100_000, "this is not JSON"),
        ("[[act]]\nat = 1", "s, act[1]: verb is none of"),
        ("act = 1", "s: a script holds [[act]]"),
        ("[other]", "s: a script holds [[act]]"),
        ("x = ", "s: this is not TOML"),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_script_is_told(text: str, words: str) -> None:
    with pytest.raises(InputWrong) as caught:
        script(text, "s")
    assert words in str(caught.value)
