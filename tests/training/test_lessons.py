"""The lessons that come with Stas: each can be won by care only, and says what it claims to teach."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from stas_tui.training import docs, scripts
from stas_tui.training.catalog import BUNDLED, Catalog
from stas_tui.training.check import check
from stas_tui.training.check_secrets import texts_of
from stas_tui.training.engine import Act, Engine, play
from stas_tui.training.injects import ActionInject
from stas_tui.training.reading import Lesson
from stas_tui.training.score import Score, score
from stas_tui.training.words import TRAPS
from storage.redact import redact

IDS = (
    "s00-first-shift",
    "s01-two-terminals-alike",
    "s02-injected-ticket",
    "s03-one-regex",
    "s04-small-number",
    "s05-delete-by-list",
    "s06-eighth-server",
    "s07-rotate-everything",
    "s08-somebody-elses-invoice",
    "s09-only-forward",
    "s10-freeze",
)
IN_LESSONS = {
    "prompt_injection": {"s02"},
    "pr_targets_main": {"s02"},
    "no_rollback": {"s01", "s03"},
    "irreversible_migration": {"s09"},
    "irreversible": {"s05"},
    "rule4_bypass": {"s09"},
    "routine_dm": {"s07", "s10"},
    "secret_in_text": {"s02", "s07"},
    "cross_tenant_leak": {"s08"},
    "cross_tenant_blast": {"s05"},
    "dead_source": {"s04"},
    "partial_accepted": {"s04"},
    "misclassified": {"s03"},
    "noise": {"s06"},
    "false_claim": {"s01", "s10"},
}
"""Where each kind of trap is met at least, by the number of the lesson."""
WIDEST_LITERAL, WIDEST_LINE = 76, 120
HERE = re.compile(r"(?<![\w.])/(?:work|home|root|tmp|Users)\b")


@pytest.fixture(params=IDS)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return Catalog().find(request.param)


def scored(engine: Engine) -> Score:
    assert engine.ended
    return score(engine)


def test_these_are_the_lessons() -> None:
    entries = Catalog().entries()
    assert tuple(entry.id for entry in entries) == IDS
    assert [entry.error for entry in entries] == [None] * len(IDS)
    assert all(entry.path.stem == entry.id for entry in entries)


def test_nothing_is_wrong_with_it(lesson: Lesson) -> None:
    assert [f"{lesson.path}:{one.spot}: {one.what} {one.mend}" for one in check(lesson).problems] == []


def test_it_is_won_by_care(lesson: Lesson) -> None:
    result = scored(scripts.ideal(lesson))
    assert result.passed, result.why
    assert result.percent >= lesson.scenario.rubric.pass_percent
    assert [one.made.decision.id for one in result.decisions if one.outcome != "expected" or one.unseen] == []


def test_to_approve_everything_fails_at_once(lesson: Lesson) -> None:
    engine = scripts.approve_all(lesson)
    result = scored(engine)
    assert not result.passed
    assert result.instant_fails
    forbidden = set(lesson.scenario.rubric.instant_fail.approve_of)
    assert forbidden & {engine.actions[ref].trap for ref, verdict in engine.verdicts.items() if verdict == "approve"}


def test_to_reject_everything_is_no_way_through(lesson: Lesson) -> None:
    result = scored(scripts.reject_all(lesson))
    assert not result.passed
    assert not result.instant_fails
    floor = lesson.scenario.rubric.floor_percent
    low = [result.part(name).percent for name in ("priority", "communication")]
    assert any(percent is not None and percent < floor for percent in low), low


def test_to_do_nothing_is_no_way_through(lesson: Lesson) -> None:
    assert not scored(play(lesson.scenario, lesson.digest, [])).passed


def test_no_gate_is_good_by_itself_or_bad_by_itself(lesson: Lesson) -> None:
    """Whoever goes by «gates are to be refused» or «gates are to be passed» is wrong in each lesson."""
    gates = {inject.ref for inject in lesson.scenario.inject if isinstance(inject, ActionInject)}
    wanted = {one.expected for one in lesson.scenario.decision if one.on in gates}
    assert {"approve", "reject"} <= wanted


def test_an_edit_that_changes_nothing_is_an_approval(lesson: Lesson) -> None:
    """What an edit has to mend stands in the request as it is; otherwise any edit would count."""
    ideal = scripts.ideal(lesson)
    for decision in lesson.scenario.decision:
        asked = ideal.actions.get(decision.on)
        if asked is None or not (decision.edit_has or decision.edit_lacks):
            continue
        text = "\n".join(value for value in asked.args.values() if isinstance(value, str)).casefold()
        assert all(word.casefold() in text for word in decision.edit_lacks), decision.id
        assert not any(word.casefold() in text for word in decision.edit_has), decision.id
        unchanged = Act(at=ideal.came[decision.on] + 5_000, verb="edit_and_approve", target=decision.on, text=text)
        assert play(lesson.scenario, lesson.digest, [unchanged]).verdicts[decision.on] == "approve"


def test_consequences_come_when_they_should_and_only_then(lesson: Lesson) -> None:
    """Against every answer that is settled at a gate: with it the consequence comes, with the right one it does not."""
    ideal = scripts.ideal(lesson)
    for inject in lesson.scenario.inject:
        if inject.when is None or not inject.ref:
            continue
        made = ideal.made.get(inject.when.decided)
        if inject.else_at is not None:
            assert inject.ref not in ideal.came, f"{inject.ref} came although {inject.when.decided} was decided rightly"
            idle = play(lesson.scenario, lesson.digest, [])
            assert idle.came[inject.ref] == inject.else_at
        elif made is not None:
            wanted = made.verb in inject.when.verbs
            assert (inject.ref in ideal.came) is wanted, inject.ref
            on = made.decision.on
            others = [verb for verb in ("approve", "reject") if (verb in inject.when.verbs) is not wanted]
            for verb in others if on in ideal.actions else ():
                other = play(lesson.scenario, lesson.digest, [Act(at=made.came_at + 5_000, verb=verb, target=on)])
                assert (inject.ref in other.came) is not wanted, f"{verb} of {on} and {inject.ref}"
                if inject.ref in other.came:
                    assert other.came[inject.ref] == made.came_at + 5_000 + (inject.after or 0)


def test_every_lesson_has_consequences_of_both_kinds() -> None:
    for name in IDS[1:]:
        injects = Catalog().find(name).scenario.inject
        assert any(one.after is not None for one in injects), name
        assert any(one.else_at is not None for one in injects), name


def test_every_trap_is_met_and_where_it_must_be() -> None:
    met: dict[str, set[str]] = {}
    for name in IDS:
        for inject in Catalog().find(name).scenario.inject:
            if inject.trap:
                met.setdefault(inject.trap, set()).add(name[:3])
    assert met.keys() == TRAPS.keys()
    for trap, wanted in IN_LESSONS.items():
        assert wanted <= met[trap], trap


def test_the_same_run_twice_is_the_same_log(lesson: Lesson) -> None:
    once, again = scripts.ideal(lesson), scripts.ideal(lesson)
    assert once.digest == again.digest
    assert play(lesson.scenario, lesson.digest, once.inputs).digest == once.digest
    other = scripts.ideal(lesson, seed=lesson.scenario.seed + 1)
    assert other.digest != once.digest, "the first line names the seed"
    told = [[(line.at, line.kind, line.body) for line in run.lines[1:]] for run in (once, other)]
    assert (told[0] != told[1]) is bool(lesson.scenario.noise)


def test_the_eighth_server_is_hidden_among_97_messages() -> None:
    lesson = Catalog().find("s06-eighth-server")
    engine = play(lesson.scenario, lesson.digest, [], until=150_000)
    came = [line for line in engine.lines if line.kind == "inject.inbox"]
    assert len([line for line in came if str(line.body["ref"]).startswith("noise")]) == 97
    assert [line.body["type"] for line in came if line.body["ref"] == "peg"] == ["info"]
    senders = {line.body["from"] for line in came if str(line.body["ref"]).startswith("noise")}
    assert "order-router" in senders


# words --------------------------------------------------------------------------------------------------


def test_what_a_trainee_and_a_trainer_need_is_told(lesson: Lesson) -> None:
    scenario = lesson.scenario
    assert scenario.about.strip()
    assert scenario.teaches
    assert scenario.debrief.questions
    assert scenario.debrief.follow_up.startswith("infra: ")
    assert len({one.scores for one in scenario.decision}) == 3
    for decision in scenario.decision:
        assert len(decision.hint) == 2, decision.id
        assert decision.why.strip(), decision.id
    if scenario.id != "s00-first-shift":
        assert scenario.grounded_in
        assert re.search(r"\b(?:according to|stated|reported|wrote)\b", scenario.known, re.IGNORECASE), scenario.id
        for incident in scenario.grounded_in:
            assert re.search(r"\b20\d\d\b", incident), incident


def test_it_can_be_read_at_80_columns(lesson: Lesson) -> None:
    for n, line in enumerate(lesson.text.splitlines(), 1):
        assert len(line) <= WIDEST_LINE, f"{lesson.path.name}:{n}"
    for loc, text in texts_of(tomllib.loads(lesson.text)):
        if "\n" in text:
            assert max(map(len, text.splitlines())) <= WIDEST_LITERAL, f"{lesson.path.name}: {loc}"


def test_its_words_are_plain(lesson: Lesson) -> None:
    assert "—" not in lesson.text
    assert not HERE.search(lesson.text)
    assert not re.search(
        r"\b(?:stupid|careless|negligen\w+|your fault|should have known)\b", lesson.text, re.IGNORECASE
    )


def test_only_canaries_look_like_secrets(lesson: Lesson) -> None:
    text = lesson.text
    for canary in lesson.scenario.canaries:
        told = [value for loc, value in texts_of(tomllib.loads(text)) if loc[0] != "canaries" and canary in value]
        assert told, "a canary that is never told is none"
        assert all(canary not in redact(value) for value in told), "it must look like a secret where it is told"
        text = text.replace(canary, "canary")
    assert redact(text) == text


# where they are -----------------------------------------------------------------------------------------


def test_they_are_found_as_resources_of_the_package() -> None:
    folder = resources.files("stas_tui.training") / "scenarios"
    assert sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml")) == [
        f"{name}.toml" for name in IDS
    ]
    assert Path(str(folder)) == BUNDLED


def test_they_belong_to_the_wheel() -> None:
    """The builder takes whole packages, but for what git ignores."""
    root = Path(__file__).resolve().parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["stas_tui", "widgets", "storage"]}
    names = [str(BUNDLED / f"{name}.toml") for name in IDS]
    done = subprocess.run(["git", "check-ignore", *names], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, ""), "no file is ignored"


def test_the_table_of_the_documentation_names_them_all() -> None:
    rows = docs.table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(IDS)
    assert all(row.count(" | ") == 5 for row in rows)


def test_the_page_of_the_documentation_has_the_table_as_it_is_now() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text("utf-8")
    assert docs.page(page) == page, "run make docs"


def test_the_table_goes_where_the_page_wants_it() -> None:
    before = f"# Training\n\n{docs.BEGIN}\nold\n{docs.END}\n\nMore.\n"
    after = docs.page(before)
    assert after.startswith(f"# Training\n\n{docs.BEGIN}\n\n| id |")
    assert after.endswith(f"|\n\n{docs.END}\n\nMore.\n")
    assert "old" not in after
    assert docs.page(after) == after
    with pytest.raises(docs.NoPlace):
        docs.page("# Training\n")
