"""Patterns in agents' messages: post-deploy issues, error spikes, build failures, slowness, authentication (R38-R43).

Words are a lead, not a verdict: each card names what was reported and by whom; a check has to measure it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stas_tui.texts.kinds import services_in
from stas_tui.texts.lines import bare, count, listed, one_line, redacted
from storage.clock import DAY, MINUTE
from storage.records import Evidence, Merge, Message, MessageType, Priority, Task, Trust
from storage.world_similar import THRESHOLD, Likeness

POST_DEPLOY = "post-deploy"
SPIKE = "spike"
BUILD = "build"
SLOW = "slow"
AUTH = "auth"
KINDS = (SPIKE, BUILD, SLOW, AUTH)

ROWS = {POST_DEPLOY: "R38", SPIKE: "R39", BUILD: "R40", SLOW: "R41", AUTH: "R42"}
MEANS = {
    POST_DEPLOY: "reported after a deployment",
    SPIKE: "error-rate spike mentioned; not measured",
    BUILD: "build failures may be an infrastructure issue",
    SLOW: "slow responses may be a scaling issue; reported, no measurement",
    AUTH: "authentication errors may mean that a secret needs rotation",
}
_WORDS = {
    BUILD: re.compile(
        r"\b(builds? (?:is |are |has |have )?(?:fail\w*|broke\w*|error\w*|red)|fail\w* (?:to )?build\w*|build failures?"
        r"|(?:image|docker) (?:pull|build)\w*.{0,30}(?:fail|error|back ?off)\w*|(?:errimagepull|imagepullbackoff)"
        r"|(?:failed|error|cannot|unable) (?:to )?pull\w*|ci (?:is )?(?:red|fail\w*|broke\w*)"
        r"|pipeline (?:is )?(?:red|fail\w*|broke\w*)"
        r"|npm err|pip\w* .{0,20}(?:fail|error)\w*|dependency (?:resolution|conflict)\w*|compilation (?:fail"
        r"|error)\w*)",
        re.IGNORECASE,
    ),
    AUTH: re.compile(
        r"\b(401|403|unauthori[sz]ed|forbidden|authenticat\w+ (?:error|fail|reject)\w*|auth(?:n|z)? (?:error|fail)\w*"
        r"|(?:fail\w*|cannot|unable to) (?:to )?(?:authenticate|log ?in|sign in)|(?:invalid|expired"
        r"|revoked) (?:\w+ )?(?:token|credential"
        r"|key|secret|certificate|password)s?|(?:token|credential|key|secret|certificate)s? (?:\w+ )?(?:has "
        r"|have |is |are )?"
        r"(?:expired|rejected|invalid|revoked)|permission denied)\b",
        re.IGNORECASE,
    ),
    SLOW: re.compile(
        r"\b(slow(?:er|ly|ness)?|latenc(?:y|ies)|timeouts?|timed? out|time-?outs|p9[59]|response times?|hang(?:s"
        r"|ing)?|sluggish"
        r"|takes? (?:too long|\d+ ?(?:s|sec\w*|min\w*)))\b",
        re.IGNORECASE,
    ),
    SPIKE: re.compile(
        r"\b(error[- ]?rates?|errors? (?:spik\w*|surg\w*|jump\w*|rising|increas\w*|went up)|spik\w*|5xx|50[0-4]s?"
        r"|(?:many|more|lots of|elevated) (?:errors?|exceptions?|failures?)|exceptions? (?:spik\w*|rising))\b",
        re.IGNORECASE,
    ),
}
_ISSUE = re.compile(
    r"\b(errors?|fail(?:s|ed|ing|ure|ures)?|broken?|broke|regress\w*|crash\w*|exceptions?|down|outage|degraded"
    r"|issues?|problems?"
    r"|incident|roll(?:ed)? ?back|stuck|missing|wrong|unavailable|panic|oom\w*|leak\w*)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|zero|0|without|not any|free of)\s+(?:\w+\s+){0,2}(?:errors?|failures?|issues?|problems?|exceptions?"
    r"|regressions?|timeouts?"
    r"|incidents?|crash\w*|slow\w*|latency|spikes?|5xx)\b|\b(?:error|failure|problem|issue)[- ]free\b"
    r"|\b(?:errors?|issues?|problems?|failures?|builds?) (?:is|are|was|were|has been|have been) (?:fixed|resolved"
    r"|gone|solved|green)\b",
    re.IGNORECASE,
)
_JOB = re.compile(r"\b(?:job|stage|workflow|check)[:\s]+[`\"“']?([\w./\-]{2,60})", re.IGNORECASE)
_NUMBERS = re.compile(r"\b(?:0x)?[0-9a-f]{7,64}\b|\b\d[\d.:,]*\b", re.IGNORECASE)
_NOISE = re.compile(r"[^\w/#.]+")
_PREFIX = re.compile(r"^\s*infra\s*:\s*", re.IGNORECASE)
_ALL = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployLink:
    """A report that followed a deployment within 24 hours (R38)."""

    message_id: str
    merge_sha: str
    minutes: int
    """From the merge to the message."""
    service: str
    """The service both name; empty if they are linked by time alone."""
    said: str

    @property
    def by_time_only(self) -> bool:
        """True if nothing but the hour connects the two."""
        return not self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A cluster of messages that report the same kind of trouble."""

    kind: str
    row: str
    count: int
    line: str
    """The card's line: `3 reports from 3 agents: …` or `1, no pattern`."""
    common: str
    """The line they share; empty if they share none."""
    means: str
    senders: tuple[str, ...]
    services: tuple[str, ...]
    tenants: tuple[str, ...]
    since: int
    suggestion: str
    """The title of the task to propose, `infra: …`; empty without a pattern."""
    deployment: DeployLink | None
    evidence: tuple[Evidence, ...]

    @property
    def is_pattern(self) -> bool:
        """True from two reports on."""
        return self.count > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentFinding:
    """Something for which section 6 makes a P0 task at once (R43)."""

    title: str
    description: str
    priority: Priority
    key: str
    """The same for the same trouble on the same day: a retry or a second scan makes no second task."""
    evidence: tuple[Evidence, ...]
    duplicates: tuple[str, ...] = ()
    """Open tasks of the last 24 hours that say the same."""
    project_id: str | None = None
    task_id: str | None = None
    """The task the message names, if it names one."""
    caused_by: str = ""
    """The message it derives from (R17)."""


def issue_kinds(text: str) -> frozenset[str]:
    """The kinds of trouble a text mentions; `issue` for trouble of no particular kind. Denials do not count."""
    said = _DENIED.sub(" ", bare(text[:_ALL]))
    kinds = {kind for kind, words in _WORDS.items() if words.search(said)}
    if kinds or _ISSUE.search(said):
        kinds.add("issue")
    return frozenset(kinds)


def _text(message: Message) -> str:
    return f"{message.subject}\n{message.body}"


def link_deployments(
    messages: Iterable[Message], merges: Sequence[Merge], services: Sequence[str] = ()
) -> tuple[DeployLink, ...]:
    """Reports of trouble linked to the last deployment at most 24 hours before them (R38).

    Both must name the same service; if one of them names none, time alone links them.
    """
    links: list[DeployLink] = []
    for message in sorted(messages, key=lambda m: (m.at, m.id)):
        if "issue" not in issue_kinds(_text(message)):
            continue
        named = set(services_in(_text(message), services))
        best: tuple[bool, int, str, Merge, str] | None = None
        for merge in merges:
            after = message.at - merge.at
            if not 0 <= after <= DAY:
                continue
            touched = set(services_in("\n".join([merge.subject, *merge.files]), services))
            shared = sorted(named & touched)
            if named and touched and not shared:
                continue
            rank = (bool(shared), -after, merge.sha, merge, shared[0] if shared else "")
            if best is None or rank[:3] > best[:3]:
                best = rank
        if best is not None:
            _, negative, _, merge, service = best
            minutes = -negative // MINUTE
            how = service or "by time only"
            said = f"{minutes} min after {merge.sha[:8]} ({how}): {one_line(redacted(message.subject), 80)}"
            links.append(
                DeployLink(message_id=message.id, merge_sha=merge.sha, minutes=minutes, service=service, said=said)
            )
    return tuple(links)


def post_deploy_reports(
    messages: Iterable[Message], merges: Sequence[Merge], services: Sequence[str] = ()
) -> list[tuple[Message, Merge]]:
    """The pairs behind `link_deployments`, oldest report first."""
    reports = list(messages)
    by_id = {message.id: message for message in reports}
    by_sha = {merge.sha: merge for merge in merges}
    return [(by_id[link.message_id], by_sha[link.merge_sha]) for link in link_deployments(reports, merges, services)]


def find_patterns(
    messages: Sequence[Message],
    merges: Sequence[Merge] = (),
    *,
    now: int | None = None,
    services: Sequence[str] = (),
    tenants: Sequence[str] = (),
) -> list[Pattern]:
    """Clusters of the reports of the 24 hours before `now`, largest first; a single report is a card without a pattern.

    `now` is the pulse's start (D23); without it, the time of the newest message.
    """
    if now is None:
        now = max((message.at for message in messages), default=0)
    recent = [message for message in messages if now - DAY <= message.at <= now]
    links = {link.message_id: link for link in link_deployments(recent, merges, services)}
    cards: list[Pattern] = []
    for kind in KINDS:
        hits = [message for message in recent if kind in issue_kinds(_text(message))]
        for common, group in _clusters(kind, hits):
            cards.append(_card(kind, common, group, links, (services, tenants)))
    return sorted(cards, key=lambda card: (-card.count, card.since, card.kind, card.common))


def _clusters(kind: str, hits: Sequence[Message]) -> list[tuple[str, list[Message]]]:
    """(common line or job, messages): builds by error line, then by job; other kinds form one cluster."""
    if not hits:
        return []
    ordered = sorted(hits, key=lambda m: (m.at, m.id))
    if kind != BUILD:
        return [(_common(kind, ordered), ordered)]
    by_line: dict[str, list[Message]] = {}
    for message in ordered:
        by_line.setdefault(_signature(_line(kind, message)), []).append(message)
    clusters = [(_line(kind, group[0]), group) for group in by_line.values() if len(group) > 1]
    by_job: dict[str, list[Message]] = {}
    for group in by_line.values():
        if len(group) == 1:
            job = _JOB.search(_text(group[0]))
            by_job.setdefault(job.group(1).lower() if job else f"\0{group[0].id}", []).append(group[0])
    for job_name, group in by_job.items():
        common = f"job {job_name}" if not job_name.startswith("\0") and len(group) > 1 else _line(kind, group[0])
        clusters.append((common, group))
    return clusters


def _common(kind: str, group: Sequence[Message]) -> str:
    lines = {_signature(_line(kind, message)) for message in group}
    return _line(kind, group[0]) if len(lines) == 1 else ""


def _line(kind: str, message: Message) -> str:
    """The line of a message that made it a report of this kind."""
    for line in (*message.body[:_ALL].splitlines(), message.subject):
        if _WORDS[kind].search(_DENIED.sub(" ", bare(line))):
            return one_line(redacted(line), 160)
    return one_line(redacted(message.subject), 160)


def _signature(line: str) -> str:
    return _NOISE.sub(" ", _NUMBERS.sub("#", line.lower())).strip()


def _card(
    kind: str,
    common: str,
    group: Sequence[Message],
    links: dict[str, DeployLink],
    names: tuple[Sequence[str], Sequence[str]],
) -> Pattern:
    services, tenants = names
    text = "\n".join(_text(message) for message in group)
    named = services_in(text, services)
    senders = tuple(dict.fromkeys(one_line(message.sender, 60) for message in group))
    number = len(group)
    linked = [links[message.id] for message in group if message.id in links]
    line = "1, no pattern"
    if number > 1:
        shared = f": {common}" if common else ", no common line"
        line = f"{count(number, 'report')} from {count(len(senders), 'agent')}{shared}"
    return Pattern(
        kind=kind,
        row=ROWS[kind],
        count=number,
        line=line,
        common=common,
        means=MEANS[kind],
        senders=senders,
        services=named,
        tenants=services_in(text, tenants),
        since=min(message.at for message in group),
        suggestion=_suggestion(kind, common, named) if number > 1 else "",
        deployment=max(linked, key=lambda link: (not link.by_time_only, -link.minutes)) if linked else None,
        evidence=tuple(
            Evidence(
                kind="message",
                ref=message.id,
                text=f"{one_line(message.sender, 40)}: {one_line(redacted(message.subject), 100)}",
                at=message.at,
            )
            for message in group
        ),
    )


def _suggestion(kind: str, common: str, services: Sequence[str]) -> str:
    where = f" on {listed(services)}" if services else ""
    what = {
        BUILD: f"mend the repeated build failure{where}" + (f" ({one_line(common, 60)})" if common else ""),
        SLOW: f"look into slow responses{where}; may need scaling",
        AUTH: f"check and rotate the secrets behind the authentication errors{where}",
        SPIKE: f"measure the reported error spike{where}",
    }[kind]
    return f"infra: {what}"


# urgent -------------------------------------------------------------------------------------------


def urgent_findings(
    messages: Sequence[Message], patterns: Sequence[Pattern], *, now: int | None = None, tasks: Sequence[Task] = ()
) -> list[UrgentFinding]:
    """What section 6 makes a P0 task of (R43): urgent messages of known agents, and repeated spikes or login failures.

    An urgent message from outside is shown as unverified and makes no task by itself. `tasks` are searched for
    duplicates of the 24 hours before `now`; without `now`, whatever their age.
    """
    found: list[UrgentFinding] = []
    for message in sorted(messages, key=lambda m: (m.at, m.id)):
        if message.type is not MessageType.URGENT or message.trust is not Trust.KNOWN:
            continue
        subject = one_line(redacted(_PREFIX.sub("", message.subject)), 100) or f"urgent message {message.id}"
        sender = one_line(message.sender, 60)
        proof = (Evidence(kind="message", ref=message.id, text=f"{sender}: {subject}", at=message.at),)
        title = f"infra: {subject}"
        found.append(
            UrgentFinding(
                title=title,
                description=_description(f"{sender} reports: {subject}", proof),
                priority=Priority.P0,
                key=_key(f"message:{message.id}"),
                evidence=proof,
                duplicates=_duplicates(title, tasks, now),
                project_id=message.project_id,
                task_id=message.task_id,
                caused_by=message.id,
            )
        )
    for pattern in patterns:
        if pattern.kind not in _URGENT_FROM or len(set(pattern.senders)) < _URGENT_FROM[pattern.kind]:
            continue
        found.append(
            UrgentFinding(
                title=pattern.suggestion,
                description=_description(f"{pattern.line}; {pattern.means}", pattern.evidence),
                priority=Priority.P0,
                key=_key(f"{pattern.kind}:{','.join(pattern.services)}:{pattern.since // DAY}"),
                evidence=pattern.evidence,
                duplicates=_duplicates(pattern.suggestion, tasks, now),
                caused_by=pattern.evidence[0].ref,
            )
        )
    return found


_URGENT_FROM = {SPIKE: 2, AUTH: 3}
"""How many different agents must report a kind before it is urgent by itself."""


def _key(text: str) -> str:
    return "p0-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def _description(text: str, evidence: Sequence[Evidence]) -> str:
    lines = [one_line(redacted(text), 400), "", *(f"- {item.kind} {item.ref}: {item.text}" for item in evidence[:10])]
    return "\n".join(lines)


def _duplicates(title: str, tasks: Sequence[Task], now: int | None) -> tuple[str, ...]:
    like = Likeness(title)
    recent = (task for task in tasks if now is None or now - task.created_at <= DAY)
    return tuple(task.id for task in recent if like.to(Likeness(task.title)) > 2 * THRESHOLD)
