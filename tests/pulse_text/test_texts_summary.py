"""R130-R147: the Pulse Summary, field by field, and its exact form."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summary_world import BURNING, END, OK, POINTS, WHOLE

from stas_tui.pulse.summary import (
    ActionFact,
    BranchProof,
    CheckFact,
    ChecksFacts,
    DeployFacts,
    InboxFacts,
    LessonFact,
    MemoryFacts,
    MethodFact,
    ProjectFacts,
    RollbackFact,
    SlackFact,
    SummaryFacts,
    VisionFact,
    headings,
    render_summary,
    summary_form,
)
from storage.records import DataState, MessageType

GOLDEN = Path(__file__).parent / "golden"
FORMAT = (GOLDEN / "summary_format.md").read_text(encoding="utf-8")
EMPTY = SummaryFacts(ended_at=END)
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"


def head(facts: SummaryFacts, label: str) -> str:
    """The value behind a heading or a health label."""
    match = re.search(rf"^(?:### |- ){re.escape(label)}: ?(.*)$", render_summary(facts), re.MULTILINE)
    assert match, label
    return match.group(1)


def below(facts: SummaryFacts, label: str) -> list[str]:
    """The lines under a heading."""
    _, _, rest = render_summary(facts).partition(f"### {label}:")
    block = rest.partition("\n\n### ")[0].partition("\n")[2].strip("\n")
    return block.split("\n") if block else []


# form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "facts", "strict"),
    [
        ("summary_whole.md", WHOLE, False),
        ("summary_strict.md", WHOLE, True),
        ("summary_empty.md", EMPTY, False),
        ("summary_burning.md", BURNING, False),
        ("summary_burning_strict.md", BURNING, True),
    ],
)
def test_r130_equals_its_golden_byte_for_byte(name: str, facts: SummaryFacts, strict: bool) -> None:
    assert render_summary(facts, strict=strict) == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("facts", [WHOLE, EMPTY, replace(WHOLE, interrupted=True)])
def test_headings_and_their_order_are_the_routines(facts: SummaryFacts) -> None:
    for strict in (False, True):
        assert headings(render_summary(facts, strict=strict)) == headings(FORMAT)
    assert len(headings(FORMAT)) == 19


def test_r130_timestamp_is_utc_and_an_interruption_is_said() -> None:
    assert render_summary(EMPTY).startswith("## Pulse Summary - 2026-11-18T11:06:40Z\n\n###")
    assert "\n\nInterrupted: " in render_summary(replace(EMPTY, interrupted=True))


def test_d15_strict_writes_the_routines_words_and_the_truth_below() -> None:
    text = render_summary(EMPTY, strict=True)
    assert "- CI Pipeline: Red\n  Unknown (never asked)" in text
    assert "- Container Builds: Failing\n  Unknown (never asked)" in text
    assert "### Inbox: 0 messages\nUnknown (never asked)" in text
    uncertain = replace(WHOLE, slack=(SlackFact(category="incident", state="uncertain"),))
    assert "### Messaged Sky: No\nUncertain" in render_summary(uncertain, strict=True)


def test_an_empty_log_claims_nothing_good() -> None:
    text = render_summary(EMPTY)
    for word in ("Green", "Passing", "Verified", "Confirmed", "Documented", "None assigned", "no issues"):
        assert word not in text
    assert head(EMPTY, "Vision Reviewed") == "No"


# fields -------------------------------------------------------------------------------------------


def test_r131_counts_by_type_and_stale() -> None:
    assert head(WHOLE, "Inbox") == "3 messages"
    assert below(WHOLE, "Inbox")[0] == "1 urgent, 1 handoff, 1 info"
    stale = replace(WHOLE.inbox, state=DataState.STALE, reason="asked 14:02")
    assert head(replace(WHOLE, inbox=stale), "Inbox") == "3 (stale) messages"
    assert head(replace(WHOLE, inbox=InboxFacts(state=DataState.EMPTY)), "Inbox") == "0 messages"


def test_r132_used_not_returned_and_errors() -> None:
    assert head(WHOLE, "Memories") == "1 relevant"
    failed = MemoryFacts(state=DataState.ERROR, reason="refused")
    assert head(replace(WHOLE, memories=failed), "Memories") == "0 (error: refused) relevant"


def test_r133_error_is_not_none_assigned() -> None:
    none = replace(WHOLE, projects=ProjectFacts(state=DataState.EMPTY), visions=())
    failed = replace(WHOLE, projects=ProjectFacts(state=DataState.ERROR, reason="refused"), visions=())
    assert "None assigned" in render_summary(none)
    assert "None assigned" not in render_summary(failed)
    assert head(failed, "Projects") == "Unknown (error: refused) active"


def test_r134_one_of_two_read_is_no() -> None:
    unread = VisionFact(state=DataState.ERROR, reason="500", project="docs", read=False)
    facts = replace(WHOLE, visions=(WHOLE.visions[0], unread))
    assert head(facts, "Vision Reviewed") == "No"
    assert "docs: not read (error: 500)" in below(facts, "Vision Reviewed")
    assert head(replace(WHOLE, visions=WHOLE.visions[:1]), "Vision Reviewed") == "No"
    assert head(WHOLE, "Vision Reviewed") == "Yes"


@pytest.mark.parametrize(
    ("conclusions", "value"),
    [
        (("success", "success"), "Green"),
        (("success", "failure"), "Red"),
        (("success", "pending"), "Yellow"),
        (("missing",), "Yellow"),
        (("skipped",), "Yellow"),
        (("odd word",), "Yellow"),
        ((), "Unknown (no checks)"),
    ],
)
def test_r135_no_checks_never_green(conclusions: tuple[str, ...], value: str) -> None:
    checks = tuple(CheckFact(name=f"c{n}", conclusion=word) for n, word in enumerate(conclusions))
    assert head(replace(WHOLE, ci=ChecksFacts(state=OK, checks=checks)), "CI Pipeline") == value


@given(st.sampled_from([s for s in DataState if s is not DataState.OK]), st.booleans())
def test_r135_r136_a_source_that_did_not_answer_is_never_good(state: DataState, some: bool) -> None:
    checks = (CheckFact(name="a", conclusion="success"),) if some and state is not DataState.EMPTY else ()
    facts = replace(WHOLE, ci=ChecksFacts(state=state, checks=checks), builds=ChecksFacts(state=state, checks=checks))
    assert head(facts, "CI Pipeline").startswith("Unknown (")
    assert head(facts, "Container Builds").startswith("Unknown (")


@pytest.mark.parametrize(
    ("conclusion", "value"),
    [("success", "Passing"), ("failure", "Failing"), ("pending", "Unknown (not finished: image)")],
)
def test_r136_builds(conclusion: str, value: str) -> None:
    builds = ChecksFacts(state=OK, checks=(CheckFact(name="image", conclusion=conclusion),))
    assert head(replace(WHOLE, builds=builds), "Container Builds") == value


def test_r137_sources_that_differ_are_both_there() -> None:
    assert head(WHOLE, "Recent Deploys") == "3 in last 24h (memory knows 2), 1 issue reported: checkout 5xx"
    agreed = replace(WHOLE, deploys=DeployFacts(state=OK, forge=2, memory=2))
    assert head(agreed, "Recent Deploys") == "2 in last 24h, no issues reported"
    dead = replace(WHOLE, deploys=DeployFacts(state=DataState.ERROR, reason="refused", memory=2))
    assert head(dead, "Recent Deploys") == "Unknown (error: refused); memory knows 2"


def test_r135_the_reason_stands_below_whatever_the_word() -> None:
    for conclusion, value in (("success", "Green"), ("pending", "Yellow"), ("failure", "Red")):
        checks = (CheckFact(name="shop", conclusion=conclusion),)
        ci = ChecksFacts(state=OK, checks=checks, said=("2 checks *read*",))
        assert f"- CI Pipeline: {value}\n  2 checks \\*read\\*\n" in render_summary(replace(WHOLE, ci=ci))


@pytest.mark.parametrize("deployments", [None, 3])
def test_r137_deployments_are_named_only_where_they_differ(deployments: int | None) -> None:
    agreed = replace(WHOLE, deploys=DeployFacts(state=OK, forge=3, memory=3, deployments=deployments))
    assert head(agreed, "Recent Deploys") == "3 in last 24h, no issues reported"


def test_r137_d15_silence_of_a_dead_source_is_not_no_issues() -> None:
    facts = replace(WHOLE, deploys=DeployFacts(state=OK, forge=2, memory=2, open="inbox: refused"))
    assert head(facts, "Recent Deploys") == "2 in last 24h, issues not known (inbox: refused)"
    strict = render_summary(facts, strict=True)
    assert "- Recent Deploys: 2 in last 24h, not verified\n  2 in last 24h, issues not known (inbox: refused)" in strict
    found = replace(facts.deploys, issues=WHOLE.deploys.issues)
    assert head(replace(facts, deploys=found), "Recent Deploys").endswith("; not all is known (inbox: refused)")
    rows = {row.label: row for row in summary_form(facts)}
    assert rows["Recent Deploys"].known == "unknown"


def test_r138_claimed_without_a_workspace_says_so() -> None:
    assert WHOLE.task is not None
    facts = replace(WHOLE, task=replace(WHOLE.task, workspace_problem="origin proof failed"))
    assert head(facts, "Task Picked Up") == "Yes"
    assert below(facts, "Task Picked Up")[1] == "Workspace failed: origin proof failed"
    none = replace(WHOLE, task=None, no_task_because="the queue is empty")
    assert (head(none, "Task Picked Up"), below(none, "Task Picked Up")) == ("No", ["the queue is empty"])


def test_r139_seen_wins_over_said() -> None:
    assert head(WHOLE, "Execution Method") == "spawn_executor"
    assert below(WHOLE, "Execution Method") == [
        "Model unknown, 12m 31s, PARTIAL, 1 deviation: rule 3: pinned a dependency",
        "Said: direct; seen: spawn_executor.",
    ]
    assert head(replace(WHOLE, method=MethodFact(direct=True)), "Execution Method") == "direct"
    assert head(EMPTY, "Execution Method") == "none"


@pytest.mark.parametrize("holds", [False, None])
def test_r140_one_that_is_not_proved_is_not_confirmed(holds: bool | None) -> None:
    bad = BranchProof(name="pull request #13", holds=holds, reason="its base is main")
    facts = replace(WHOLE, branches=(*WHOLE.branches, bad))
    assert head(facts, "Branch Target") == "multi-tenant"
    lines = below(facts, "Branch Target")
    word = "violated" if holds is False else "unverified"
    assert lines == [f"NOT confirmed: pull request #13, {word} (its base is main)"]
    assert not any(line.startswith("Confirmed") for line in lines)
    assert below(WHOLE, "Branch Target")[0].startswith("Confirmed: branch infra/T-31-cap and pull request")


def test_r141_every_effect_once_in_order_with_its_actor() -> None:
    lines = below(WHOLE, "Actions Taken")
    assert [re.sub(r"\d\d:\d\dZ", "T", line) for line in lines] == [
        "1. T stas: claim_task T-31, done",
        "2. T stas: spawn_executor T-31, done",
        "3. T policy: push main, refused: R8",
    ]
    assert below(EMPTY, "Actions Taken") == ["None"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12), st.randoms())
def test_r141_the_same_action_in_two_states_is_one_line(raw: list[tuple[int, int]], rng: object) -> None:
    facts = tuple(
        ActionFact(id=f"a{n}", at=END + at, seq=seq, actor="x", text=f"effect-{n}.", result=f"r{seq}")
        for seq, (n, at) in enumerate(raw)
    )
    text = render_summary(replace(WHOLE, actions=facts))
    for action in {fact.id for fact in facts}:
        assert text.count(f"effect-{action[1:]}.") == 1
    assert render_summary(replace(WHOLE, actions=facts[::-1])) == text


def test_r142_isolation() -> None:
    label = "Multi-Tenant Isolation"
    assert head(WHOLE, label) == "Verified"
    unknown = replace(POINTS[0], verdict="unknown")
    assert head(replace(WHOLE, isolation=(unknown, *POINTS[1:])), label) == "Flagged (not verified: queries)"
    unproved = replace(POINTS[0], evidence=())
    assert head(replace(WHOLE, isolation=(unproved, *POINTS[1:])), label) == "Flagged (not verified: queries)"
    flagged = replace(POINTS[0], verdict="flagged", reason="no predicate")
    assert head(replace(WHOLE, isolation=(flagged, *POINTS[1:])), label) == "Flagged"
    assert head(replace(WHOLE, isolation=()), label) == "Flagged (not verified: no point was checked)"
    assert head(replace(WHOLE, changed=False, isolation=()), label) == "N/A"
    assert (
        head(replace(WHOLE, isolation=(*POINTS[:3], replace(POINTS[3], verdict="n/a", evidence=()))), label)
        == "Verified"
    )


@given(st.lists(st.sampled_from(["verified", "flagged", "unknown", "n/a", "odd"]), max_size=4), st.booleans())
def test_r142_d25_verified_needs_every_point(verdicts: list[str], changed: bool) -> None:
    points = tuple(replace(POINTS[n], verdict=verdict) for n, verdict in enumerate(verdicts))
    value = head(replace(WHOLE, isolation=points, changed=changed), "Multi-Tenant Isolation")
    if value == "Verified":
        assert changed
        assert set(verdicts) <= {"verified", "n/a"}
        assert "verified" in verdicts
    if value == "N/A":
        assert not changed


def test_r143_missing_is_never_not_applicable() -> None:
    label = "Rollback Plans"
    assert head(WHOLE, label) == "Documented"
    missing = replace(WHOLE, rollbacks=(RollbackFact(subject="T-31", documented=False),))
    assert head(missing, label) == "MISSING"
    assert below(missing, label) == ["MISSING: T-31 has no rollback plan"]
    assert head(replace(WHOLE, rollbacks=()), label) == "MISSING"
    assert head(replace(WHOLE, rollbacks=(), deploy_like=False), label) == "N/A"


def test_r144_unsaved_lessons_say_so() -> None:
    assert below(WHOLE, "Lessons Learned") == ["- Infra: Cap the pool (not saved yet, queued: memory is down)"]
    saved = replace(WHOLE, lessons=(LessonFact(title="Infra: x", state="saved"),))
    assert below(saved, "Lessons Learned") == ["- Infra: x"]
    assert below(EMPTY, "Lessons Learned") == ["- None"]


def test_r145_a_dead_source_is_an_urgent_item() -> None:
    assert below(WHOLE, "Urgent Items")[-1] == "- No answer from Alertmanager: connection refused"
    assert below(EMPTY, "Urgent Items") == ["- Unknown (inbox: never asked)"]
    asked = replace(EMPTY, inbox=InboxFacts(state=DataState.EMPTY))
    assert below(asked, "Urgent Items") == ["- None"]
    refused = replace(asked, deploys=DeployFacts(state=DataState.ERROR, reason="refused"))
    assert below(refused, "Urgent Items") == ["- No answer from deployments: refused"]


@pytest.mark.parametrize(
    ("state", "value"),
    [("sent", "Yes"), ("uncertain", "Uncertain"), ("not configured", "No"), ("failed", "No"), ("odd", "No")],
)
def test_r146_only_a_receipt_is_yes(state: str, value: str) -> None:
    facts = replace(WHOLE, slack=(SlackFact(category="incident", state=state),))
    assert head(facts, "Messaged Sky") == value
    assert below(facts, "Messaged Sky") == [f"incident: {state}"]


def test_r147_a_pending_gate_is_always_listed() -> None:
    lines = below(WHOLE, "Next Steps")
    assert lines[0].startswith("- Decide: review verdict for")
    assert lines[1] == "- infra: add alerts for checkout"
    assert below(EMPTY, "Next Steps") == ["- None"]


def test_the_form_links_values_to_evidence() -> None:
    rows = {row.label: row for row in summary_form(WHOLE)}
    assert len(rows) == 18
    assert rows["CI Pipeline"] == ("CI Pipeline", "Green", "seen", ("run ci-1",))
    assert rows["Container Builds"].known == "unknown"
    assert rows["Branch Target"].refs == ("commit 9f2c41a", "pr 12")
    unlinked = replace(WHOLE, rollbacks=(RollbackFact(subject="T-31", documented=True),))
    assert {row.label: row for row in summary_form(unlinked)}["Rollback Plans"].known == "said"


@given(st.sampled_from(list(DataState)), st.integers(0, 5))
def test_no_state_but_ok_and_empty_reads_as_a_plain_count(state: DataState, number: int) -> None:
    source = InboxFacts(state=state, by_type=((MessageType.INFO, number),))
    plain = head(replace(WHOLE, inbox=source), "Inbox") == f"{number} messages"
    assert plain == (state in (DataState.OK, DataState.EMPTY))
