"""Patterns in agents' messages: post-deploy issues, error spikes, build failures, slowness, authentication (R38-R42).

Words are a lead, not a verdict: each card names what was reported and by whom; a check has to measure it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stas_tui.texts.kinds import services_in
from stas_tui.texts.lines import count, listed, one_line, redacted
from stas_tui.texts.pattern_words import (
    AUTH,
    BUILD,
    KINDS,
    MEANS,
    ROWS,
    SLOW,
    SPIKE,
    issue_kinds,
    job_in,
    signature,
    telling_line,
    text_of,
)
from storage.clock import DAY, MINUTE
from storage.records import Evidence, Merge, Message


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


def link_deployments(
    messages: Iterable[Message], merges: Sequence[Merge], services: Sequence[str] = ()
) -> tuple[DeployLink, ...]:
    """Reports of trouble linked to the last deployment at most 24 hours before them (R38).

    Both must name the same service; if one of them names none, time alone links them.
    """
    links: list[DeployLink] = []
    for message in sorted(messages, key=lambda m: (m.at, m.id)):
        if "issue" not in issue_kinds(text_of(message)):
            continue
        named = set(services_in(text_of(message), services))
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
        hits = [message for message in recent if kind in issue_kinds(text_of(message))]
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
        by_line.setdefault(signature(telling_line(kind, message)), []).append(message)
    clusters = [(telling_line(kind, group[0]), group) for group in by_line.values() if len(group) > 1]
    by_job: dict[str, list[Message]] = {}
    for group in by_line.values():
        if len(group) == 1:
            by_job.setdefault(job_in(group[0]) or f"\0{group[0].id}", []).append(group[0])
    for job_name, group in by_job.items():
        common = f"job {job_name}" if not job_name.startswith("\0") and len(group) > 1 else telling_line(kind, group[0])
        clusters.append((common, group))
    return clusters


def _common(kind: str, group: Sequence[Message]) -> str:
    lines = {signature(telling_line(kind, message)) for message in group}
    return telling_line(kind, group[0]) if len(lines) == 1 else ""


def _card(
    kind: str,
    common: str,
    group: Sequence[Message],
    links: dict[str, DeployLink],
    names: tuple[Sequence[str], Sequence[str]],
) -> Pattern:
    services, tenants = names
    text = "\n".join(text_of(message) for message in group)
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
