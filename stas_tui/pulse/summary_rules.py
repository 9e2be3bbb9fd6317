"""Fields of the Pulse Summary: what may be said of the facts, and no more. Here those on what was found (R130-R137)."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.pulse import summary_work as work
from stas_tui.pulse.summary_model import ChecksFacts, SummaryFacts
from stas_tui.pulse.summary_value import SEEN, UNKNOWN, FieldValue, believed, proof_of, quoted_items, unknown, why
from stas_tui.texts.lines import count, listed, quoted
from storage.clock import iso_seconds
from storage.records import DataState, MessageType

_GOOD = frozenset({"success", "passed", "passing", "ok", "green"})
"""A skipped or neutral check proves nothing, so it leaves the pipeline Yellow."""
_BAD = frozenset({"failure", "failed", "error", "timed_out", "cancelled", "action_required", "startup_failure", "red"})
_TYPE_NAMES = {
    MessageType.URGENT: "urgent",
    MessageType.HELP_REQUEST: "help request",
    MessageType.UNKNOWN: "of unknown type",
    MessageType.HANDOFF: "handoff",
    MessageType.REVIEW_REQUEST: "review request",
    MessageType.INFO: "info",
}


def all_fields(facts: SummaryFacts) -> tuple[FieldValue, ...]:
    """Every field in the routine's order."""
    return (
        heading(facts),
        inbox(facts),
        memories(facts),
        projects(facts),
        vision(facts),
        ci(facts.ci),
        builds(facts.builds),
        deploys(facts),
        work.task(facts),
        work.method(facts),
        work.branch(facts),
        work.actions(facts),
        work.isolation(facts),
        work.rollback(facts),
        work.lessons(facts),
        work.urgent(facts),
        work.messaged(facts),
        work.next_steps(facts),
    )


def heading(facts: SummaryFacts) -> FieldValue:
    """R130: the pulse's end in UTC; an interrupted pulse says so."""
    below: tuple[str, ...] = ()
    if facts.interrupted:
        below = ("Interrupted: the pulse did not end by itself; below is what the log holds.",)
    return FieldValue(key="timestamp", label="Pulse Summary", value=iso_seconds(facts.ended_at), below=below)


def inbox(facts: SummaryFacts) -> FieldValue:
    """R131: how many, by type, and the incident reports and deploy requests."""
    source = facts.inbox
    total = sum(number for _, number in source.by_type)
    below: tuple[str, ...] = ()
    if total:
        below = (", ".join(f"{number} {_TYPE_NAMES[kind]}" for kind, number in source.by_type if number),)
    value = str(total)
    if source.state is DataState.STALE:
        value = f"{total} (stale)"
        below = (*below, f"Stale: {quoted(source.reason, 160)}") if source.reason else below
    elif not source.known:
        value = unknown(source)
    return FieldValue(
        key="inbox",
        label="Inbox",
        value=value,
        below=(*below, *quoted_items(source.brief)),
        known=believed(source),
        evidence=(*source.evidence, *proof_of(source.brief)),
        strict="" if value.isdecimal() else str(total),
    )


def memories(facts: SummaryFacts) -> FieldValue:
    """R132: those a decision cites, of those returned."""
    source = facts.memories
    value = str(len(source.used))
    if source.state is DataState.STALE:
        value += " (stale)"
    elif not source.known:
        value += f" ({why(source)})"
    below = (f"{len(source.used)} used of {source.returned} returned",) if source.returned else ()
    return FieldValue(
        key="memories",
        label="Memories",
        value=value,
        below=(*below, *quoted_items(source.used)),
        known=believed(source),
        evidence=(*source.evidence, *proof_of(source.used)),
        strict="" if value.isdecimal() else str(len(source.used)),
    )


def projects(facts: SummaryFacts) -> FieldValue:
    """R133: the active ones; an error is not «None assigned»."""
    source = facts.projects
    value, below = str(len(source.names)), tuple(f"- {quoted(name, 80)}" for name in source.names)
    if source.state is DataState.STALE:
        value += " (stale)"
    elif not source.known:
        value, below = unknown(source), ("The list of projects could not be read.",)
    elif not source.names:
        below = ("None assigned",)
    return FieldValue(
        key="projects",
        label="Projects",
        value=value,
        below=below,
        known=believed(source),
        evidence=source.evidence,
        strict="" if value.isdecimal() else str(len(source.names)),
    )


def vision(facts: SummaryFacts) -> FieldValue:
    """R134: Yes only if the vision of every active project was read in this pulse."""
    unread = [fact for fact in facts.visions if not fact.read]
    below: list[str] = []
    for fact in facts.visions:
        name = quoted(fact.project, 80)
        if fact.read:
            said = "; ".join(quoted(line, 160) for line in fact.priorities) or "no priorities stated"
            below.append(f"{name} ({fact.sha256[:8] or 'no hash'}): {said}")
        else:
            below.append(f"{name}: not read ({why(fact) or 'no reason recorded'})")
    missing = not facts.projects.known or len(facts.visions) < len(facts.projects.names)
    if not facts.visions:
        below.append("No project's vision was read.")
    return FieldValue(
        key="vision",
        label="Vision Reviewed",
        value="Yes" if facts.visions and not unread and not missing else "No",
        below=tuple(below),
        evidence=tuple(proof for fact in facts.visions for proof in fact.evidence),
    )


# infrastructure health ----------------------------------------------------------------------------


def _named(source: ChecksFacts, names: frozenset[str], *, other: bool = False) -> list[str]:
    return [check.name for check in source.checks if (check.conclusion.lower() in names) is not other]


def _verdict(key: str, label: str, source: ChecksFacts, words: tuple[str, str, str], nothing: str) -> FieldValue:
    """`words` are those for all good, some open, some bad; an empty second word makes open ones Unknown."""
    good, partly, worst = words
    bad = _named(source, _BAD)
    open_ = [name for name in _named(source, _GOOD, other=True) if name not in bad]
    below: tuple[str, ...] = ()
    known, strict = SEEN, ""
    if not source.known or not source.checks:
        value, known, strict = f"Unknown ({nothing})" if source.known else unknown(source), UNKNOWN, worst
    elif bad:
        value, below = worst, (f"Failed: {_names(bad)}",)
    elif open_ and partly:
        value, below = partly, (f"Not finished: {_names(open_)}",)
    elif open_:
        value, known, strict = f"Unknown (not finished: {_names(open_)})", UNKNOWN, worst
    else:
        value = good
    if source.said and known == SEEN:
        below = tuple(quoted(line, 240) for line in source.said)
    proof = (*source.evidence, *(item for check in source.checks for item in check.evidence))
    return FieldValue(key=key, label=label, value=value, below=below, known=known, evidence=proof, strict=strict)


def ci(source: ChecksFacts) -> FieldValue:
    """R135: Green: all required ones succeeded; Red: one failed; Yellow: pending or missing. No checks: Unknown."""
    return _verdict("ci", "CI Pipeline", source, ("Green", "Yellow", "Red"), "no checks")


def builds(source: ChecksFacts) -> FieldValue:
    """R136: Passing only if every build job succeeded; an unfinished one is Unknown."""
    return _verdict("builds", "Container Builds", source, ("Passing", "", "Failing"), "no build job")


def _names(names: Sequence[str]) -> str:
    return listed([quoted(name, 60) for name in names])


def deploys(facts: SummaryFacts) -> FieldValue:
    """R137: what each side saw where they differ, and the trouble after; silence of the dead is not «no issues»."""
    source = facts.deploys
    issues = f"{count(len(source.issues), 'issue')} reported" if source.issues else "no issues reported"
    if source.issues:
        issues += f": {'; '.join(quoted_items(source.issues[:3]))}"
    elif source.open:
        issues = f"issues not known ({quoted(source.open, 160)})"
    known, strict = SEEN, ""
    if source.forge is not None:
        sides = []
        if source.deployments is not None and source.deployments != source.forge:
            sides.append(f"{count(source.deployments, 'deployment')} recorded")
        if source.memory is not None and source.memory != source.forge:
            sides.append(f"memory knows {source.memory}")
        said = f" ({'; '.join(sides)})" if sides else ""
        value = f"{source.forge} in last 24h{said}, {issues}"
        if source.open and not source.issues:
            known, strict = UNKNOWN, f"{source.forge} in last 24h{said}, not verified"
        elif source.open:
            value += f"; not all is known ({quoted(source.open, 160)})"
    else:
        memory = f"; memory knows {source.memory}" if source.memory is not None else ""
        trouble = f", {issues}" if source.issues else ""
        value, known = f"{unknown(source)}{memory}{trouble}", UNKNOWN
        strict = f"{source.memory or 0} in last 24h, {issues if source.issues else 'not verified'}"
    return FieldValue(
        key="deploys",
        label="Recent Deploys",
        value=value,
        known=known,
        evidence=(*source.evidence, *proof_of(source.issues)),
        strict=strict,
    )
