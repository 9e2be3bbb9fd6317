"""Step 6 of the routine: what the sources say, what agents report, and a P0 task for what is urgent (R36-R43).

What was not asked, and what could not be asked, is `unknown` with the reason; nothing here is green by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stas_tui.forges.base import ForgeError
from stas_tui.gates.clean import clean
from stas_tui.pulse import scan_delivery as delivery
from stas_tui.pulse import scan_sources as sources
from stas_tui.pulse.context import Context, Found
from stas_tui.pulse.scan_patterns import Board, card_data, card_draft, prove, said_of
from stas_tui.pulse.scan_sources import NOT_CONFIGURED, Said
from stas_tui.pulse.scan_urgent import Urgent, burning, create_urgent
from stas_tui.pulse.sources import Outside
from stas_tui.texts import patterns
from stas_tui.texts.lines import count
from storage.clock import DAY, hhmm
from storage.records import DataState, Evidence, Json, Merge, Message, Pulse, Reading

RECALL = ("deployments in last 24 hours", 5)
"""The routine's search of this step, word for word (R37)."""


def active(context: Context, pulse: Pulse) -> list[str]:
    """The active projects that step 3 found."""
    step = context.pulses.steps(pulse.id)[2]
    return [project["id"] for project in step.data.get("active", ())]


def health(context: Context, pulse: Pulse) -> Found:
    """Step 6: alerts, error rates, endpoints, CI, builds, deployments, patterns in messages; each with its evidence."""
    since = pulse.started_at - DAY
    projects = active(context, pulse)
    outside = Outside(context)
    recalled = context.toolbox.recall(*RECALL, pulse_id=pulse.id, caller=context.agent)
    merges, forge_error = _merges(context, projects, since)
    inbox = context.toolbox.check_inbox(pulse_id=pulse.id, caller=context.agent)
    known = None if recalled.state is DataState.ERROR else [m for m in recalled.value if m.at >= since]
    delivered = delivery.Delivered(merges=merges, forge_error=forge_error, known=known)
    builds = delivery.builds(context, outside, projects)
    endpoints = sources.endpoints(context, outside)
    told = [
        sources.alerts(context, outside),
        sources.error_rates(context, outside),
        *([endpoints] if endpoints is not None else []),
        delivery.ci(context, outside, projects),
        builds,
    ]
    deploys = delivery.deploys(context, outside, delivered, projects, since=since)

    services = sorted({name for names in context.rules.services.values() for name in names})
    now = context.clock.now()
    cards = patterns.find_patterns(
        inbox.value, merges, now=now, services=services, tenants=sources.all_tenants(context)
    )
    recent = [message for message in inbox.value if message.at >= since]
    links = patterns.link_deployments(recent, merges, services)
    proofs = [prove(context, outside, card, builds) for card in cards]
    board = Board(context)
    home = projects[0] if projects else ""
    drafts = [card_draft(board, card, proof, home) for card, proof in zip(cards, proofs, strict=True)]
    measured = {card.kind: proof.said for card, proof in zip(cards, proofs, strict=True) if proof.said}
    urgent = create_urgent(
        context, pulse, cards, inbox.value, burning(context, outside), projects=projects, measured=measured
    )
    said = [*told, deploys, _reports(inbox, links, now)]
    numbered = [(one, 0) for one in said]
    numbered += [(said_of(card, proof), n) for n, (card, proof) in enumerate(zip(cards, proofs, strict=True))]
    numbered += [
        (Said(subject="P0 task", verdict="failed", reason=problem), n) for n, problem in enumerate(urgent.problems)
    ]
    _keep(context, pulse, numbered)
    unknown = [one.subject for one, _ in numbered if one.verdict == "unknown"]
    data: Json = {
        **deploys.data,
        "patterns": [card_data(*each) for each in zip(cards, proofs, drafts, strict=True)],
        "linked": [[link.message_id, link.merge_sha, link.said] for link in links],
        "reports": f"inbox: {inbox.reason}" if inbox.state is DataState.ERROR else "",
        "sources": {doubt.name: doubt.said for doubt in outside.all_doubts()},
        "not_checked": unknown,
        **_tasks(urgent),
    }
    if forge_error and inbox.state is DataState.ERROR:
        return Found(state=DataState.ERROR, note=f"{forge_error}; {inbox.reason}", data=clean(data))
    concerns = sum(one.verdict in ("degraded", "failed") for one, _ in numbered)
    parts = [count(concerns, "concern")] if concerns else []
    parts += [f"{len(unknown)} unknown"] if unknown else []
    note = ", ".join(parts) or f"{len(numbered)} ok"
    return Found(state=DataState.UNKNOWN if unknown else DataState.OK, note=note, data=clean(data))


def _merges(context: Context, projects: Sequence[str], since: int) -> tuple[list[Merge], str]:
    """What landed in all active projects, and which of them could not be asked."""
    merges: list[Merge] = []
    errors: list[str] = []
    for project_id in projects:
        repo = context.repo(project_id)
        if repo is None:
            continue
        try:
            merges += context.door.forge.merges_since(repo, since)
        except ForgeError as error:
            errors.append(f"{project_id}: {error}")
    return merges, "; ".join(errors)


def _keep(context: Context, pulse: Pulse, said: Sequence[tuple[Said, int]]) -> None:
    """Write the findings; those of an earlier scan of this pulse that nothing says any more are put aside."""
    findings = [one.finding(context, pulse, n=n) for one, n in said]
    fresh = {finding.id for finding in findings}
    for old in context.findings.of_pulse(pulse.id, "health"):
        if old.id not in fresh and old.id.startswith(f"{pulse.id}:health:"):
            context.findings.put(replace(old, check="health before"))
    for finding in findings:
        context.findings.put(finding)


def _reports(inbox: Reading[list[Message]], links: tuple[patterns.DeployLink, ...], now: int) -> Said:
    """R38: what agents report after a deployment; an inbox that did not answer reports nothing, and is not calm."""
    if inbox.state is DataState.ERROR:
        return Said(subject="reports", verdict="unknown", reason=f"inbox not read: {inbox.reason}")
    if not links:
        proof = Evidence(kind="query", ref="check_inbox", text=f"{len(inbox.value)} messages read", at=inbox.at)
        reason = f"none reported ({hhmm(inbox.at or now)})"
        return Said(subject="reports", verdict="ok", reason=reason, evidence=(proof,))
    proofs = tuple(Evidence(kind="message", ref=link.message_id, text=link.said) for link in links)
    reason = f"{len(links)} after a deploy: {links[0].said}"
    return Said(subject="reports", verdict="degraded", reason=reason, evidence=proofs)


def _tasks(urgent: Urgent) -> Json:
    return {"created": urgent.created, "known": urgent.known, "not_created": urgent.waiting}


__all__ = ["NOT_CONFIGURED", "RECALL", "active", "health"]
