"""Step 6 of the routine: what was deployed, what agents report, and a P0 task for what is urgent (R36-R43).

What was not asked, and what could not be asked, is `unknown` with the reason; nothing here is green by default.
"""

from __future__ import annotations

from dataclasses import dataclass

from stas_tui.forges.base import ForgeError
from stas_tui.gates.clean import clean
from stas_tui.pulse.context import Context, Found
from stas_tui.texts import patterns
from stas_tui.texts.lines import count
from storage.clock import DAY, hhmm
from storage.records import DataState, Evidence, Finding, Json, Memory, Merge, Message, Pulse, Reading, Task
from storage.world_similar import THRESHOLD, Likeness

RECALL = ("deployments in last 24 hours", 5)
"""The routine's search of this step, word for word (R37)."""

NOT_CONFIGURED = (
    ("alerts", "not configured: nothing tells what is firing"),
    ("error rates", "not configured: spikes are only what agents report"),
    ("CI", "not configured: no checks of the delivery branch are read"),
    ("builds", "not configured: no container builds are read"),
)
"""Sources of the health scan that this profile does not have: unknown, never green."""

SUBJECTS = {
    patterns.SPIKE: "error spikes",
    patterns.BUILD: "build failures",
    patterns.SLOW: "slow responses",
    patterns.AUTH: "login failures",
}
_UNMEASURED = {patterns.SPIKE: "mentioned, not measured", patterns.SLOW: "reported, no measurement"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Urgent:
    """What became of the urgent findings."""

    created: list[str]
    known: list[str]
    """Open tasks that say the same already."""
    waiting: list[str]
    """Titles that wait for a person (Observe), or whose creation failed."""
    problems: list[str]


def active(context: Context, pulse: Pulse) -> list[str]:
    """The active projects that step 3 found."""
    step = context.pulses.steps(pulse.id)[2]
    return [project["id"] for project in step.data.get("active", ())]


def health(context: Context, pulse: Pulse) -> Found:
    """Step 6: recent deployments and message patterns; sources that are not configured stay unknown."""
    since = pulse.started_at - DAY
    recalled = context.toolbox.recall(*RECALL, pulse_id=pulse.id, caller=context.agent)
    merges, forge_error = _merges(context, pulse, since)
    inbox = context.toolbox.check_inbox(pulse_id=pulse.id, caller=context.agent)
    services = sorted({name for names in context.rules.services.values() for name in names})
    tenants = sorted({name for names in context.rules.tenants.values() for name in names})
    now = context.clock.now()
    clusters = patterns.find_patterns(inbox.value, merges, now=now, services=services, tenants=tenants)
    recent = [message for message in inbox.value if message.at >= since]
    links = patterns.link_deployments(recent, merges, services)
    known = None if recalled.state is DataState.ERROR else [m for m in recalled.value if m.at >= since]
    findings = [
        _finding(context, pulse, name, "unknown", reason, (_configuration(context, name),))
        for name, reason in NOT_CONFIGURED
    ]
    findings.append(_deploys(context, pulse, merges, known, forge_error))
    findings.append(_reports(context, pulse, inbox, links))
    findings += [_pattern(context, pulse, n, cluster) for n, cluster in enumerate(clusters)]
    urgent = _create_urgent(context, pulse, clusters, inbox.value)
    findings += [
        _finding(context, pulse, "P0 task", "failed", problem, (), at=n) for n, problem in enumerate(urgent.problems)
    ]
    for finding in findings:
        context.findings.put(finding)
    unknown = [f.subject for f in findings if f.verdict == "unknown"]
    data: Json = {
        "deploys": {
            "state": "error" if forge_error else "ok",
            "forge": [[m.sha, m.at, m.author, m.subject] for m in merges],
            "memory": None if known is None else [[m.id, m.at, m.title] for m in known],
            "differ": not forge_error and known is not None and len(merges) != len(known),
            "reason": forge_error,
        },
        "patterns": [{"kind": c.kind, "count": c.count, "line": c.line, "suggestion": c.suggestion} for c in clusters],
        "linked": [[link.message_id, link.merge_sha, link.said] for link in links],
        "not_checked": unknown,
        "created": urgent.created,
        "known": urgent.known,
        "not_created": urgent.waiting,
    }
    if forge_error and inbox.state is DataState.ERROR:
        return Found(state=DataState.ERROR, note=f"{forge_error}; {inbox.reason}", data=clean(data))
    concerns = sum(f.verdict in ("degraded", "failed") for f in findings)
    note = (f"{count(concerns, 'concern')}, " if concerns else "") + f"{len(unknown)} unknown"
    return Found(state=DataState.UNKNOWN, note=note, data=clean(data))


def _merges(context: Context, pulse: Pulse, since: int) -> tuple[list[Merge], str]:
    """What landed in all active projects, and which of them could not be asked."""
    merges: list[Merge] = []
    errors: list[str] = []
    for project_id in active(context, pulse):
        repo = context.repo(project_id)
        if repo is None:
            continue
        try:
            merges += context.door.forge.merges_since(repo, since)
        except ForgeError as error:
            errors.append(f"{project_id}: {error}")
    return merges, "; ".join(errors)


# findings -----------------------------------------------------------------------------------------


def _finding(
    context: Context,
    pulse: Pulse,
    subject: str,
    verdict: str,
    reason: str,
    evidence: tuple[Evidence, ...],
    *,
    at: int = 0,
) -> Finding:
    return Finding(
        id=f"{pulse.id}:health:{subject}" + (f":{at}" if at else ""),
        pulse_id=pulse.id,
        check="health",
        subject=subject,
        verdict=verdict,
        reason=clean(reason),
        evidence=evidence,
        at=context.clock.now(),
    )


def _configuration(context: Context, name: str) -> Evidence:
    text = f"no source of {name} is named for environment {context.rules.environment}"
    return Evidence(kind="policy", ref="stas.toml", text=text)


def _deploys(context: Context, pulse: Pulse, merges: list[Merge], known: list[Memory] | None, error: str) -> Finding:
    """R37: forge and memory side by side."""
    said = "memory was not asked" if known is None else f"memory knows {len(known)}"
    if error:
        verdict, reason = "unknown", f"forge not asked, {said}: {error}"
    else:
        differ = known is None or len(known) != len(merges)
        verdict, reason = "ok", f"{len(merges)} in 24 h" + (f" ({said})" if differ else "")
    proof = [Evidence(kind="commit", ref=m.sha, text=clean(m.subject), at=m.at) for m in merges]
    proof += [Evidence(kind="memory", ref=m.id, text=clean(m.title), at=m.at) for m in known or ()]
    return _finding(context, pulse, "deploys", verdict, reason, tuple(proof))


def _reports(
    context: Context, pulse: Pulse, inbox: Reading[list[Message]], links: tuple[patterns.DeployLink, ...]
) -> Finding:
    """R38: what agents report after a deployment; an inbox that did not answer reports nothing, and is not calm."""
    if inbox.state is DataState.ERROR:
        return _finding(context, pulse, "reports", "unknown", f"inbox not read: {inbox.reason}", ())
    if not links:
        asked = hhmm(inbox.at or context.clock.now())
        proof = Evidence(kind="query", ref="check_inbox", text=f"{len(inbox.value)} messages read", at=inbox.at)
        return _finding(context, pulse, "reports", "ok", f"none reported ({asked})", (proof,))
    proofs = tuple(Evidence(kind="message", ref=link.message_id, text=link.said) for link in links)
    return _finding(context, pulse, "reports", "degraded", f"{len(links)} after a deploy: {links[0].said}", proofs)


def _pattern(context: Context, pulse: Pulse, n: int, card: patterns.Pattern) -> Finding:
    """R39-R42: words are a lead; a single report is no pattern, and nothing here was measured."""
    unmeasured = _UNMEASURED.get(card.kind, "")
    reason = f"{card.line}; {unmeasured}" if unmeasured else card.line
    verdict = "degraded" if card.is_pattern else "unknown"
    return _finding(context, pulse, SUBJECTS[card.kind], verdict, reason, tuple(card.evidence), at=n)


# urgent -------------------------------------------------------------------------------------------


def _create_urgent(
    context: Context, pulse: Pulse, clusters: list[patterns.Pattern], messages: list[Message]
) -> _Urgent:
    """R43: an urgent finding becomes a P0 task at once, unless an open task says the same.

    A creation that failed is asked again by the next scan as the same action: never twice.
    """
    projects = active(context, pulse)
    board: dict[str, list[Task]] = {}
    result = _Urgent(created=[], known=[], waiting=[], problems=[])
    for urgent in patterns.urgent_findings(messages, clusters, now=context.clock.now()):
        project_id = urgent.project_id or (projects[0] if projects else None)
        if project_id is None or project_id not in projects:
            result.waiting.append(urgent.title)
            result.problems.append(f"{urgent.title}: no active project to put it in")
            continue
        if project_id not in board:
            asked = context.toolbox.get_ready_tasks(project_id, pulse_id=pulse.id, caller=context.agent)
            if asked.state is DataState.ERROR:
                result.waiting.append(urgent.title)
                result.problems.append(f"{urgent.title}: the board cannot be read: {asked.reason}")
                continue
            board[project_id] = asked.value
        same = [task.id for task in board[project_id] if task.id == urgent.task_id]
        same = same or _alike(urgent.title, board[project_id])
        if same:
            result.known.append(same[0])
            continue
        answer = context.toolbox.call(
            "create_task",
            {"projectId": project_id, "title": urgent.title, "description": urgent.description, "priority": "P0"},
            pulse_id=pulse.id,
            caller=context.agent,
            caused_by=urgent.caused_by,
        )
        if answer.status == "ok":
            (result.known if answer.result.get("duplicate") else result.created).append(answer.result["task"])
        else:
            result.waiting.append(urgent.title)
            if answer.status != "pending":
                result.problems.append(f"{urgent.title}: not created ({answer.reason or answer.status})")
    return result


def _alike(title: str, tasks: list[Task]) -> list[str]:
    """Open tasks that say the same: the same words in another order or spelling."""
    like = Likeness(title)
    return [task.id for task in tasks if like.to(Likeness(task.title)) > 2 * THRESHOLD]
