"""Fields of the Pulse Summary on the work: task, method, branch, actions, proofs, what is next (R138-R147)."""

from __future__ import annotations

from stas_tui.pulse.summary_model import ActionFact, Item, Source, SummaryFacts
from stas_tui.pulse.summary_value import RECEIPTS, SAID, SEEN, UNKNOWN, FieldValue, proof_of, quoted_items, why
from stas_tui.texts.lines import count, listed, one_line, quoted, redacted
from storage.clock import hhmm
from storage.records import DataState

# the task -----------------------------------------------------------------------------------------


def task(facts: SummaryFacts) -> FieldValue:
    """R138: title, project, priority, branch; a claim without a workspace says so."""
    if facts.task is None:
        reason = quoted(facts.no_task_because, 200)
        return FieldValue(key="task", label="Task Picked Up", value="No", below=(reason,) if reason else ())
    fact = facts.task
    below = [
        f"{quoted(fact.id, 60)} {quoted(fact.title, 160)}, project {quoted(fact.project, 60)}, "
        f"priority {fact.priority}, branch {quoted(fact.branch, 120) or 'none'}"
    ]
    if fact.workspace_problem:
        below.append(f"Workspace failed: {quoted(fact.workspace_problem)}")
    return FieldValue(key="task", label="Task Picked Up", value="Yes", below=tuple(below), evidence=fact.evidence)


def method(facts: SummaryFacts) -> FieldValue:
    """R139: what the log saw wins over what the agent says."""
    fact = facts.method
    seen = "spawn_executor" if fact.runs else "direct" if fact.direct else "none"
    below: list[str] = []
    for run in fact.runs:
        time = "time unknown" if run.seconds is None else _duration(run.seconds)
        word = "no deviations" if not run.deviations else count(len(run.deviations), "deviation")
        said = f": {'; '.join(quoted(text, 120) for text in run.deviations)}" if run.deviations else ""
        below.append(
            f"Model {quoted(run.model, 60) or 'unknown'}, {time}, "
            f"{quoted(run.outcome, 60) or 'no result'}, {word}{said}"
        )
    if seen == "none" and fact.why_none:
        below.append(quoted(fact.why_none))
    if fact.said and fact.said != seen:
        below.append(f"Said: {quoted(fact.said, 60)}; seen: {seen}.")
    return FieldValue(
        key="method",
        label="Execution Method",
        value=seen,
        below=tuple(below),
        evidence=(*fact.evidence, *(proof for run in fact.runs for proof in run.evidence)),
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m {rest}s"
    return f"{minutes}m {rest}s" if minutes else f"{seconds:.1f}s"


def branch(facts: SummaryFacts) -> FieldValue:
    """R140: confirmed only if origin and base were seen for every branch and pull request."""
    open_ = [proof for proof in facts.branches if proof.holds is not True]
    if not facts.branches:
        below = ["No branch and no pull request in this pulse."]
    elif not open_:
        below = [f"Confirmed: {listed([quoted(proof.name, 120) for proof in facts.branches])}"]
    else:
        below = []
        for proof in open_:
            word = "violated" if proof.holds is False else "unverified"
            reason = f" ({quoted(proof.reason, 160)})" if proof.reason else ""
            below.append(f"NOT confirmed: {quoted(proof.name, 120)}, {word}{reason}")
    return FieldValue(
        key="branch",
        label="Branch Target",
        value=quoted(facts.base, 120),
        below=tuple(below),
        known=UNKNOWN if any(proof.holds is None for proof in open_) else SEEN,
        evidence=tuple(item for proof in facts.branches for item in proof.evidence),
    )


def actions(facts: SummaryFacts) -> FieldValue:
    """R141: every effect of the log exactly once, in order, with its actor; refused ones too."""
    latest: dict[str, ActionFact] = {}
    for fact in sorted(facts.actions, key=lambda fact: (fact.seq, fact.at)):
        latest[fact.id] = fact
    ordered = sorted(latest.values(), key=lambda fact: (fact.at, fact.seq, fact.id))
    below = tuple(
        f"{number}. {hhmm(fact.at)} {quoted(fact.actor, 60)}: {quoted(fact.text, 160)}, {quoted(fact.result, 200)}"
        for number, fact in enumerate(ordered, 1)
    )
    return FieldValue(
        key="actions",
        label="Actions Taken",
        value="",
        below=below or ("None",),
        evidence=tuple(proof for fact in ordered for proof in fact.evidence),
    )


# isolation, rollback, lessons ---------------------------------------------------------------------


def isolation(facts: SummaryFacts) -> FieldValue:
    """R142, D25: Verified only if every applicable point was seen; N/A only without a change and without a flag."""
    points = [point for point in facts.isolation if point.verdict != "n/a"]
    flagged = [point for point in points if point.verdict == "flagged"]
    open_ = [point for point in points if point.verdict not in ("flagged", "verified")]
    below = tuple(
        f"{point.row} {quoted(point.name, 80)}: {quoted(point.verdict, 40)}"
        + (f" ({quoted(point.reason, 160)})" if point.reason else "")
        for point in facts.isolation
    )
    known, strict = SEEN, ""
    unproved = [point for point in points if point.verdict == "verified" and not point.evidence]
    flags = tuple(f"Flagged: {line}" for line in quoted_items(facts.isolation_flags))
    matrix = tuple(f"Matrix of {line}" for line in quoted_items(facts.isolation_counts))
    if not facts.changed and not flagged and not flags:
        value, below = "N/A", ("Nothing was changed.",)
    elif flagged or flags:
        value = "Flagged"
    elif open_ or unproved or not points:
        names = (
            listed([quoted(point.name, 60) for point in (*open_, *unproved)], 4) if points else "no point was checked"
        )
        value, known, strict = f"Flagged (not verified: {names})", UNKNOWN, "Flagged"
    else:
        value = "Verified"
    return FieldValue(
        key="isolation",
        label="Multi-Tenant Isolation",
        value=value,
        below=(*(below or ("No point was checked.",)), *flags, *matrix),
        known=known,
        evidence=tuple(proof for point in facts.isolation for proof in point.evidence),
        strict=strict,
    )


def rollback(facts: SummaryFacts) -> FieldValue:
    """R143: N/A only without deploy-like work; a missing plan is MISSING, never N/A."""
    missing = [fact for fact in facts.rollbacks if not fact.documented]
    below = [
        f"{quoted(fact.subject, 120)}: documented{f', {quoted(fact.where, 120)}' if fact.where else ''}"
        for fact in facts.rollbacks
        if fact.documented
    ]
    below += [f"MISSING: {quoted(fact.subject, 120)} has no rollback plan" for fact in missing]
    if facts.deploy_like and not facts.rollbacks:
        below.append("MISSING: the work of this pulse has no rollback plan")
    if missing or (facts.deploy_like and not facts.rollbacks):
        value = "MISSING"
    elif facts.rollbacks:
        value = "Documented"
    else:
        value = "N/A"
        below.append("No deployment and nothing like one.")
    return FieldValue(
        key="rollback",
        label="Rollback Plans",
        value=value,
        below=tuple(below),
        known=SAID if any(fact.documented and not fact.evidence for fact in facts.rollbacks) else SEEN,
        evidence=tuple(proof for fact in facts.rollbacks for proof in fact.evidence),
    )


def lessons(facts: SummaryFacts) -> FieldValue:
    """R144: what is saved, and what is not saved yet."""
    below: list[str] = []
    for fact in facts.lessons:
        reason = f": {quoted(fact.reason, 120)}" if fact.reason else ""
        state = "" if fact.state == "saved" else f" (not saved yet, {quoted(fact.state, 40)}{reason})"
        below.append(f"- {quoted(fact.title, 160)}{state}")
    return FieldValue(
        key="lessons",
        label="Lessons Learned",
        value="",
        below=tuple(below) or ("- None",),
        evidence=tuple(proof for fact in facts.lessons for proof in fact.evidence),
    )


def urgent(facts: SummaryFacts) -> FieldValue:
    """R145: what is open and urgent; a source that is dead is an item too."""
    below = [f"- {line}" for line in quoted_items(facts.urgent)]
    dead = _dead_sources(facts)
    below += [f"- No answer from {quoted(name, 80)}: {quoted(reason, 160)}" for name, reason in dead]
    if not below and facts.inbox.state is DataState.UNKNOWN:
        below = [f"- Unknown (inbox: {why(facts.inbox)})"]
    return FieldValue(
        key="urgent",
        label="Urgent Items",
        value="",
        below=tuple(below) or ("- None",),
        known=UNKNOWN if dead or facts.inbox.state is DataState.UNKNOWN else SEEN,
        evidence=proof_of(facts.urgent),
    )


def _dead_sources(facts: SummaryFacts) -> list[tuple[str, str]]:
    """Sources that were asked and did not answer: those the caller names, and those of the fields."""
    named = dict(facts.dead_sources)
    fields: tuple[tuple[str, Source], ...] = (
        ("inbox", facts.inbox),
        ("memory", facts.memories),
        ("projects", facts.projects),
        ("CI", facts.ci),
        ("container builds", facts.builds),
        ("deployments", facts.deploys),
    )
    for name, source in fields:
        if source.state in (DataState.ERROR, DataState.DENIED):
            named.setdefault(name, source.reason or source.state.value)
    return list(named.items())


def messaged(facts: SummaryFacts) -> FieldValue:
    """R146: from receipts alone; a delivery nobody can vouch for is «Uncertain»."""
    states = {fact.state for fact in facts.slack}
    value, known, strict = "No", SEEN, ""
    if states & RECEIPTS:
        value = "Yes"
    elif "uncertain" in states:
        value, known, strict = "Uncertain", UNKNOWN, "No"
    below = tuple(
        f"{quoted(fact.category, 40) or 'no category'}: {quoted(fact.state, 40)}"
        + (f" ({quoted(fact.reason, 160)})" if fact.reason else "")
        for fact in facts.slack
    )
    return FieldValue(
        key="messaged",
        label=f"Messaged {one_line(redacted(facts.human), 40)}",
        value=value,
        below=below,
        known=known,
        evidence=tuple(proof for fact in facts.slack for proof in fact.evidence),
        strict=strict,
    )


def next_steps(facts: SummaryFacts) -> FieldValue:
    """R147: pending gates first, then proposals and what is handed over."""
    items = [Item(text=f"Decide: {gate.text}", evidence=gate.evidence) for gate in facts.pending_gates]
    items += [*facts.proposals, *facts.hand_over]
    return FieldValue(
        key="next",
        label="Next Steps",
        value="",
        below=tuple(f"- {line}" for line in quoted_items(items)) or ("- None",),
        evidence=proof_of(items),
    )
