"""Step 10: proposals for follow-up tasks, each once, compared with the tasks that are open (R120, R121, D29)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stas_tui.texts.lines import listed, one_line, redacted
from stas_tui.texts.migrations import IRREVERSIBLE, UNVERIFIED
from stas_tui.texts.pr_body import RiskLike
from stas_tui.texts.prompt_lint import PromptReport
from storage.records import Evidence, ExecutorReport, Finding, Priority, Task
from storage.world_similar import Likeness

MONITORING_KIND = "monitoring"
MIGRATION_KIND = "migration"
BUILD_KIND = "build"
ISOLATION_KIND = "isolation"
ROTATION_KIND = "rotation"
BACKUP_KIND = "backup"
OTHER_KIND = "other"

KINDS: dict[str, str] = {
    MONITORING_KIND: "Missing monitoring for new services",
    MIGRATION_KIND: "Database migration safety improvements",
    BUILD_KIND: "Container build optimization",
    ISOLATION_KIND: "Multi-tenant isolation gaps",
    ROTATION_KIND: "Secret rotation schedules",
    BACKUP_KIND: "Backup verification tasks",
}
"""The common follow-ups of the routine, in its words and order."""

TEMPLATES: dict[str, str] = {
    MONITORING_KIND: "infra: add alerts for {subject}",
    MIGRATION_KIND: "infra: make the migration {subject} reversible",
    BUILD_KIND: "infra: mend the container build of {subject}",
    ISOLATION_KIND: "infra: close the tenant isolation gap in {subject}",
    ROTATION_KIND: "infra: set a rotation schedule for {subject}",
    BACKUP_KIND: "infra: verify that {subject} can be restored",
    OTHER_KIND: "infra: {subject}",
}
"""Titles by kind; `{subject}` is filled by `propose`."""

DUPLICATE = 0.6
"""Likeness from which on an open task is shown as a duplicate."""
SAME = 0.9
"""Likeness from which on two proposals of a kind are one."""

_WORDS = re.compile(r"\w+")
_PREFIX = re.compile(r"^\s*infra\s*:\s*", re.IGNORECASE)
_CHECKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (BACKUP_KIND, r"backup|restore|\bR48\b"),
        (ROTATION_KIND, r"rotat|secret|\bX[14]\b|\bR114\b"),
        (MIGRATION_KIND, r"migration|rollback-|\bC[1-6]\b|\bR64\b"),
        (BUILD_KIND, r"build|image|\bH2\b|\bC9\b|\bR106\b"),
        (MONITORING_KIND, r"monitor|alert|\bM[17]\b|\bC14\b|\bR(?:50|119)\b"),
        (ISOLATION_KIND, r"isolation|tenant|scope|\b[QPJGD]\d\b|\bR1(?:09|1[0-2])\b"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One proposal in the tray."""

    kind: str
    """One of `KINDS`, or `other`."""
    title: str
    why: str
    evidence: tuple[Evidence, ...] = ()
    priority: Priority = Priority.P2
    duplicates: tuple[str, ...] = ()
    """Ids of open tasks that say the same."""
    seen: int = 1
    """In how many pulses it was proposed."""
    struck: bool = False
    """A person struck it from the tray."""

    @property
    def key(self) -> str:
        """The same for the same title; the client key of `create_task`."""
        name = " ".join(_PREFIX.sub("", self.title).lower().split())
        return "follow-up-" + hashlib.sha256(f"{self.kind}\n{name}".encode("utf-8", "replace")).hexdigest()[:20]

    @property
    def description(self) -> str:
        """The task's text: why, then the evidence."""
        return "\n".join([self.why, *(f"- {item.kind} {item.ref}: {item.text}" for item in self.evidence)])


def propose(
    kind: str, subject: str, why: str, evidence: Sequence[Evidence] = (), *, priority: Priority = Priority.P2
) -> FollowUp:
    """A proposal of a known kind. Raises `KeyError` for an unknown one."""
    name = one_line(redacted(_PREFIX.sub("", subject)), 100)
    title = TEMPLATES[kind].replace("{subject}", name)
    return FollowUp(
        kind=kind, title=title, why=one_line(redacted(why), 400), evidence=tuple(evidence), priority=priority
    )


def suggest(
    *,
    risk: RiskLike | None = None,
    report: PromptReport | None = None,
    findings: Iterable[Finding] = (),
    executor: ExecutorReport | None = None,
    subject: str = "this change",
) -> tuple[FollowUp, ...]:
    """Proposals from what a pulse found: risk rows, the prompt's lint, checks, the executor's own words.

    Only what was flagged or failed is proposed; an unknown is no need for a task.
    """
    found: list[FollowUp] = []
    if risk is not None:
        found += _from_risk(risk, subject)
    if report is not None:
        found += _from_report(report)
    found += [proposal for finding in findings if (proposal := _from_finding(finding)) is not None]
    if executor is not None:
        found += [_said(title, priority) for title, priority in executor.follow_ups]
    return merge((), found)


class _Title:
    """A title prepared for comparison: two of one template are alike by what they are about, not by its words."""

    __slots__ = ("_about", "_kind", "_whole")

    def __init__(self, title: str) -> None:
        name = " ".join(_PREFIX.sub("", title).split())
        self._whole = Likeness(name)
        self._kind, self._about = "", [""]
        for kind, before, after in _FRAMES:
            if name.lower().startswith(before) and name.lower().endswith(after) and len(name) > len(before + after):
                self._kind, self._about = kind, _WORDS.findall(name[len(before) : len(name) - len(after)].casefold())

    def to(self, other: _Title) -> float:
        """From 0, nothing in common, to 1, the same."""
        if self._kind and self._kind == other._kind:
            return float(self._about == other._about)
        return self._whole.to(other._whole)


_FRAMES = tuple(
    (kind, *_PREFIX.sub("", text).lower().split("{subject}")) for kind, text in TEMPLATES.items() if kind != OTHER_KIND
)


def _from_risk(risk: RiskLike, subject: str) -> list[FollowUp]:
    found: list[FollowUp] = []
    for row in risk.rows:
        if row.kind == "monitoring" and row.level in ("warn", "crit"):
            name = row.text.rpartition("covers ")[2] if "covers " in row.text else subject
            found.append(propose(MONITORING_KIND, name, row.text, row.evidence))
        if row.kind == "rollback" and row.level == "crit":
            found.append(propose(BACKUP_KIND, f"the data that {subject} removes", row.text, row.evidence))
    return found


def _from_report(report: PromptReport) -> list[FollowUp]:
    found = [
        propose(
            OTHER_KIND, f"automate by script: {step}", "The prompt holds a manual step that should be automated (R80)."
        )
        for step in report.manual_steps
    ]
    for path, state, why in report.migrations:
        if state == IRREVERSIBLE or (state == UNVERIFIED and "not written" not in why):
            proof = Evidence(kind="file", ref=path, text=f"{one_line(path, 100)}: {why}")
            found.append(propose(MIGRATION_KIND, path.rpartition("/")[2], f"{state}: {why}", (proof,)))
    return found


def _from_finding(finding: Finding) -> FollowUp | None:
    if finding.verdict not in ("flagged", "failed", "degraded"):
        return None
    kind = next((kind for kind, words in _CHECKS if words.search(finding.check)), None)
    kind = kind or next((kind for kind, words in _CHECKS if words.search(finding.reason)), OTHER_KIND)
    proof = finding.evidence or (
        Evidence(kind="event", ref=finding.id, text=one_line(finding.reason, 120), at=finding.at),
    )
    name = finding.subject if kind != OTHER_KIND else f"{finding.check}: {finding.reason}"
    return propose(kind, name, f"{finding.check}: {finding.reason}", proof)


def _said(title: str, priority: str) -> FollowUp:
    level = next((p for p in Priority if p.value == priority.strip().upper()), Priority.P2)
    kind = next((kind for kind, words in _CHECKS if words.search(title)), OTHER_KIND)
    proposal = propose(OTHER_KIND, title, "The executor said so; nothing of it is checked.", priority=level)
    return replace(proposal, kind=kind)


def merge(earlier: Sequence[FollowUp], found: Iterable[FollowUp]) -> tuple[FollowUp, ...]:
    """A tray with new proposals added; one that is there already, or says the same, is counted, not repeated (R120)."""
    tray = list(earlier)
    fresh: set[int] = set()
    for proposal in found:
        like = _Title(proposal.title)
        at = next(
            (
                n
                for n, old in enumerate(tray)
                if old.key == proposal.key or (old.kind == proposal.kind and like.to(_Title(old.title)) >= SAME)
            ),
            None,
        )
        if at is None:
            fresh.add(len(tray))
            tray.append(proposal)
            continue
        old = tray[at]
        known = {(item.kind, item.ref) for item in old.evidence}
        added = tuple(item for item in proposal.evidence if (item.kind, item.ref) not in known)
        again = 0 if at in fresh else 1
        fresh.add(at)
        tray[at] = replace(old, evidence=(*old.evidence, *added), seen=old.seen + again)
    return tuple(tray)


def with_duplicates(tray: Iterable[FollowUp], tasks: Sequence[Task]) -> tuple[FollowUp, ...]:
    """The tray with the ids of open tasks that say the same, most alike first (R120)."""
    known = [(_Title(task.title), task) for task in tasks if task.status != "done"]
    marked: list[FollowUp] = []
    for proposal in tray:
        like = _Title(proposal.title)
        hits = sorted(
            (
                (like.to(other), task.id)
                for other, task in known
                if task.created_key == proposal.key or like.to(other) >= DUPLICATE
            ),
            key=lambda hit: (-hit[0], hit[1]),
        )
        marked.append(replace(proposal, duplicates=tuple(task_id for _, task_id in hits[:5])))
    return tuple(marked)


def tray(gathered: Iterable[tuple[str, str, str, str]], *, open_titles: Sequence[str] = ()) -> list[dict[str, str]]:
    """(title, description, priority, why) proposals as the items of one `create_follow_ups` call.

    Each once, with the prefix; what an open task says already is left out.
    """
    known = [_Title(title) for title in open_titles]
    found: list[FollowUp] = []
    texts: dict[str, str] = {}
    for title, description, priority, why in gathered:
        proposal = replace(_said(title, priority), why=one_line(redacted(why), 400))
        like = _Title(proposal.title)
        if all(like.to(other) < DUPLICATE for other in known):
            found.append(proposal)
            texts.setdefault(proposal.key, redacted(description).strip())
    return [
        {
            "title": item.title,
            "description": texts.get(item.key, ""),
            "priority": item.priority.value,
            "why": item.why,
        }
        for item in merge((), found)
    ]


def tray_line(tray: Sequence[FollowUp]) -> str:
    """One line for the gate of the whole tray: `3 tasks: monitoring, build and rotation`."""
    kept = [proposal for proposal in tray if not proposal.struck]
    if not kept:
        return "no follow-ups"
    kinds = list(dict.fromkeys(proposal.kind for proposal in kept))
    return f"{len(kept)} {'task' if len(kept) == 1 else 'tasks'}: {listed(kinds)}"
