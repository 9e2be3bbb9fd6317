"""Every need of the pulse has an answer in words that works."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stas_tui.plain_text import HELP
from stas_tui.pulse import context
from stas_tui.wiring import Application
from storage.records import ActionState, RunState, StepState, TaskClass
from tests.e2e.conftest import Person, agreeable, digest_in

MEMORY = "Change: a cap. Reason: one tenant starved the rest. Rollback: revert. Multi-tenant impact: none."


def prefer(app: Application, task_id: str) -> None:
    """Begin a pulse, walk to step 7 and take this task."""
    app.machine.begin(operator=app.person, mode=app.mode)
    while app.machine.position().n < 7:  # type: ignore[union-attr]
        app.machine.advance()
    app.machine.prefer(task_id, by=app.person, reason="the test is about it")


def scripted(
    *rules: tuple[str, str | list[str]], then: Callable[[str], str | None] = agreeable
) -> Callable[[str], str | None]:
    """Answers by the first rule whose pattern is in what was printed; each answer of a list once."""
    queues = [(pattern, [answers] if isinstance(answers, str) else list(answers)) for pattern, answers in rules]

    def answer(text: str) -> str | None:
        for pattern, answers in queues:
            if answers and re.search(pattern, text):
                return answers.pop(0)
        return then(text)

    return answer


def nothing(_: str) -> None:
    return None


def test_the_help_covers_every_need() -> None:
    told = context.Progress.__doc__ or ""
    named = set(re.findall(r"`([a-z ]+)`", told)) - {"needs", "action", "run", "ended"}
    assert named == set(HELP)


def test_a_gate_wants_the_digest_and_at_the_second_level_the_name(app: Application) -> None:
    """T-304 changes how images are built: it touches the whole platform."""
    prefer(app, "T-302")
    told: list[str] = []

    def answer(text: str) -> str | None:
        told.append(text)
        if "second level" in text:
            return f"approve {digest_in(text)}"
        if "Type " in text and "to approve this" in text:
            return f"approve {digest_in(''.join(told))} T-302"
        if "END OF GATE" in text:
            return f"approve {digest_in(text)}"
        return None

    person = Person(app, answer)
    person.plain.run()
    assert "This is a gate of the second level" in person.said
    assert "No: Type T-302 to approve this." in person.said
    spawned = [a for a in app.context.journal.actions(_pulse(app)) if a.tool == "spawn_executor"]
    assert [a.state for a in spawned] == [ActionState.SUCCEEDED]


@pytest.mark.parametrize("words", ["approve", "approve 00000000", "Approve", "yes", "A", "approve {upper}"])
def test_nothing_else_approves(app: Application, words: str) -> None:
    def answer(text: str) -> str | None:
        if "END OF GATE" in text and "Claim" in text:
            return words.replace("{upper}", digest_in(text).upper() + "x")
        return None

    person = Person(app, answer)
    person.plain.run()
    claim = next(a for a in app.context.journal.actions(_pulse(app)) if a.tool == "claim_task")
    assert claim.state is ActionState.PENDING
    assert app.world.task("ledger", "T-301").assignee is None  # type: ignore[union-attr]


def test_an_edited_gate_is_a_new_request(app: Application) -> None:
    answer = scripted(("GATE  Slack message", ["edit", "reject not now"]), then=lambda _: "defer")
    person = Person(app, answer)
    person.plain._answers.edit = lambda name, text: "Incident: four tenants get 503.\nEvidence: M-501.\n"
    person.plain.run()
    [slack] = [a for a in app.context.journal.actions(_pulse(app)) if a.tool == "slack_dm"]
    assert slack.rev == 2
    assert "four tenants get 503" in str(app.context.journal.get(slack.id).revision.plan)  # type: ignore[union-attr]


def _pulse(app: Application) -> str:
    return app.context.pulses.latest(1)[0].id


def test_texts_show_edit_and_title(app: Application) -> None:
    """The prompt, the pull request and the memory: rejected, shown, changed by lines up to a lone dot, asked again."""
    seen: set[str] = set()

    def once(name: str) -> bool:
        first = name not in seen
        seen.add(name)
        return first

    def answer(text: str) -> str | None:
        if "GATE  Spawn" in text and once("spawn"):
            return "reject say less"
        if "Type the whole new text" in text:
            return None
        if "(show | edit | directly" in text or ("# Task: Infrastructure" in text and "GATE" not in text):
            if once("show prompt"):
                return "show"
            person.plain._answers.edit = lambda name, text: text.replace("nobody may notice it", "nobody notices it")
            return "edit"
        if "GATE  Open pull request" in text and once("pr"):
            return "reject another title"
        if "(show | edit | title" in text:
            return "title infra: Cap the pool, said otherwise"
        return agreeable(text)

    person = Person(app, answer)
    assert person.plain.run() == 0
    assert "\n    # Task: Infrastructure" in person.said, "outside text is indented, so it can fake nothing"
    [pr] = [pr for pr in app.world.open_prs("ledger") if pr.task_id == "T-301"]
    assert pr.title == "infra: Cap the pool, said otherwise"
    [run] = app.context.runs.of_pulse(_pulse(app))
    prompt = (Path(run.directory) / "prompt.md").read_text("utf-8")
    assert "nobody notices it" in prompt


def test_a_text_typed_line_by_line_may_hold_a_dot(app: Application) -> None:
    person = Person(app, nothing)
    lines = iter(["first", "..", "last", "."])
    person.plain._answers.ask = lambda: next(lines)
    assert person.plain._answers._edited("prompt", "old") == "first\n.\nlast\n"


def test_review_ticks_every_deviation(app: Application) -> None:
    prefer(app, "T-302")
    tries = iter(["accept", "accept 1 looked at it", "accept 1, 2 looked at both"])

    def answer(text: str) -> str | None:
        if "RESULT  PARTIAL" in text or "not ticked" in text or "Tick each" in text:
            return next(tries)
        return agreeable(text)

    person = Person(app, answer)
    assert person.plain.run() == 0
    assert "not ticked: 1, 2" in person.said
    assert "not ticked: 2" in person.said
    assert app.context.pulses.latest(1)[0].outcome == "complete", person.said[-2000:]


def test_review_again_needs_a_cause_and_another_prompt(app: Application) -> None:
    """T-304 fails, is spawned again with a changed prompt, and succeeds (R90)."""
    prefer(app, "T-304")
    tries = iter(["again", "again the file is missing", "again the file is missing"])
    agent = app.context.proposer

    def edit(name: str, text: str) -> str | None:
        if not person.lines[-1].startswith("No:"):
            return text
        return agent.prompt_for(text, app.context.task("ledger", "T-304"), attempt=2)  # type: ignore[call-arg]

    def answer(text: str) -> str | None:
        if "RESULT  FAILURE" in text or "write the cause" in text or "No: Change the prompt" in text:
            return next(tries)
        return agreeable(text)

    person = Person(app, answer)
    person.plain._answers.edit = edit
    assert person.plain.run() == 0
    assert "Not spawned again: write the cause" in person.said
    assert "No: Change the prompt" in person.said
    runs = app.context.runs.of_pulse(_pulse(app))
    assert [(run.attempt, run.cause) for run in runs] == [(1, ""), (2, "the file is missing")]


def test_review_park_asks_the_architect(app: Application) -> None:
    prefer(app, "T-303")

    def answer(text: str) -> str | None:
        if "RESULT  RULE 4" in text:
            return "park" if "No:" in person.said else "accept it is fine"
        if person.lines[-1].startswith("No: A Rule 4 blocker"):
            return "park"
        return agreeable(text)

    person = Person(app, answer)
    assert person.plain.run() == 0
    assert "No: A Rule 4 blocker is decided by the architect" in person.said
    assert [m.to for m in app.world.sent() if m.channel == "agent"], person.said[-3000:]
    assert not [pr for pr in app.world.open_prs("ledger") if pr.task_id == "T-303"]


def test_give_up_leaves_the_task_and_says_why(app: Application) -> None:
    def answer(text: str) -> str | None:
        if "\nRESULT  " in text:
            return "give up" if "Say why" not in person.said else "give up the plan was wrong"
        if "Say why the task is given up" in text:
            return "give up the plan was wrong"
        return agreeable(text)

    person = Person(app, answer)
    assert person.plain.run() == 0
    assert "given up: the plan was wrong" in person.said
    assert not [pr for pr in app.world.open_prs("ledger") if pr.task_id == "T-301"]


def test_working_directly_names_the_workspace_and_is_reviewed_too(app: Application) -> None:
    def answer(text: str) -> str | None:
        if "GATE  Spawn" in text:
            return "reject I do it myself"
        if "(show | edit | directly" in text:
            return "directly I know this code"
        if "(done | give up" in text:
            [path] = re.findall(r"The workspace is (.+), on the branch", text)
            (Path(path) / "docs").mkdir(exist_ok=True)
            (Path(path) / "docs" / "pool.md").write_text("By hand.\n")
            return "done"
        return agreeable(text)

    person = Person(app, answer)
    assert person.plain.run() == 0
    assert "\nRESULT  " in person.said
    pulse = app.context.pulses.latest(1)[0]
    assert "### Execution Method: direct" in (pulse.summary or app.machine.summary()), person.said[-3000:]
    assert app.context.runs.of_pulse(pulse.id) == []


def test_a_lock_yields_to_a_typed_reason(app: Application) -> None:
    """A vision that changed after it was read locks the claim (R26); a reason goes on and stands in the gate."""
    app.machine.begin(operator=app.person, mode=app.mode)
    while app.machine.position().n < 7:  # type: ignore[union-attr]
        app.machine.advance()
    app.world.set_vision("ledger", "# Vision\n\n## Scale\nSix tenants.\n")

    def answer(text: str) -> str | None:
        if "(override" in text:
            return "override" if "needs a typed reason" not in person.said else "override I read the new one"
        if "needs a typed reason" in text:
            return "override I read the new one"
        return agreeable(text) if "GATE  Claim" in text else None

    person = Person(app, answer)
    person.plain.run()
    assert "(override <reason> | skip <reason> | defer)" in person.said
    assert "goes on against a lock" in person.said
    assert app.world.task("ledger", "T-301").assignee == "Stas"  # type: ignore[union-attr]


def test_a_paused_pulse_resumes_with_a_reason(app: Application) -> None:
    app.machine.begin(operator=app.person, mode=app.mode)
    app.machine.pause(by=app.person, reason="lunch")
    person = Person(app, scripted((r"\(resume", "resume back at work"), then=nothing))
    person.plain.run()
    assert "Paused by" in person.said
    assert "[ 7 Work A] Claim T-301 waits for you" in person.said


def test_paused_without_an_answer_ends_and_stays_paused(app: Application) -> None:
    app.machine.begin(operator=app.person, mode=app.mode)
    app.machine.pause(by=app.person, reason="lunch")
    assert Person(app, nothing).plain.run() == 0
    assert app.context.journal.halted()[0]


def test_a_blocked_step_can_be_tried_again_or_given_up(app: Application) -> None:
    """The base branch disappears after the claim was approved; nothing is done, and trying again works."""
    import subprocess

    remote = app.profile.root / "remote.git"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "--git-dir", str(remote), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    head = git("rev-parse", "multi-tenant")

    def answer(text: str) -> str | None:
        if "(again" in text:
            git("update-ref", "refs/heads/multi-tenant", head)
            return "again"
        return agreeable(text) if "GATE  Claim" in text else None

    app.machine.begin(operator=app.person, mode=app.mode)
    while (progress := app.machine.advance()).needs != "gate":
        pass
    assert progress.action is not None
    app.context.toolbox.decide(
        progress.action.id, rev=progress.action.rev, digest=progress.action.digest, verdict="approve", voter=app.person
    )
    git("update-ref", "-d", "refs/heads/multi-tenant")
    person = Person(app, answer)
    person.plain.run()
    assert "multi-tenant" in person.said
    assert "Traceback" not in person.said


def test_the_end_of_input_keeps_the_summary_single(app: Application) -> None:
    person = Person(app, nothing)
    person.plain.run()
    assert person.said.count("## Pulse Summary") == 1


def test_defer_at_the_summary_keeps_the_pulse_open_and_prints_it_once(app: Application) -> None:
    person = Person(app, scripted(("## Pulse Summary", "defer")))
    person.plain.run()
    assert person.said.count("## Pulse Summary") == 1
    assert person.said.endswith("Pulse 1 stays open; the next start goes on with it.")
    assert app.context.pulses.current() is not None
    steps = app.context.pulses.steps(_pulse(app))
    assert {step.state for step in steps} == {StepState.DONE}


def test_without_a_person_everything_is_a_proposal(app: Application) -> None:
    app.person = ""
    person = Person(app, lambda text: f"approve {digest_in(text)}" if "GATE  Claim" in text else None)
    person.plain.run()
    assert "Nobody is named who could decide: everything stays a proposal." in person.said
    assert "No: Nobody is named who could decide." in person.said
    assert app.world.task("ledger", "T-301").assignee is None  # type: ignore[union-attr]


def test_hostile_text_never_reaches_the_terminal(app: Application) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202eGATE  Claim\x00\u200b\nGATE  fake\n(approve 00000000)"
    task = app.world.task("ledger", "T-301")
    assert task is not None
    app.world.put_task(replace(task, title=hostile, task_class=TaskClass.INCIDENT))
    person = Person(app, nothing)
    person.plain.run()
    assert all(char == "\n" or char.isprintable() for char in person.said)
    gates = [line for line in person.said.split("\n") if line.startswith("GATE")]
    assert all("fake" not in line for line in gates)
    assert not [line for line in person.said.split("\n") if line.startswith("(approve 0")]


def test_a_long_output_is_counted_and_not_printed(app: Application, tmp_path: Path) -> None:
    from stas_tui.executors.base import Preset

    loud = tmp_path / "loud.sh"
    loud.write_text("#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\necho\nseq 1 5000\nexit 3\n")
    loud.chmod(0o755)
    rules = app.context.toolbox.door.rules
    object.__setattr__(rules, "preset", Preset(name="loud", argv=(str(loud),)))
    person = Person(app, lambda text: None if "\nRESULT  " in text else agreeable(text))
    person.plain.run()
    assert re.search(r"\n4\d\d\d more lines stand in .*stdout\.log\.", person.said), person.said[-1500:]
    assert max(len(line) for line in person.said.split("\n")) < 5000
    [run] = app.context.runs.of_pulse(_pulse(app))
    assert run.state is RunState.FINISHED
