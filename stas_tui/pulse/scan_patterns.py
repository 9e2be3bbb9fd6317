"""Patterns in agents' messages beside the measurement that can prove them, and a task draft for each (R38-R42, H6).

A lead is never turned into good news: what was measured and not found is «not confirmed».
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stas_tui.gates.clean import clean
from stas_tui.health import spikes
from stas_tui.health.tenants import SPIKE
from stas_tui.platforms.base import PlatformError
from stas_tui.pulse.context import Context
from stas_tui.pulse.scan_sources import DEGRADED, FAILED, NOT_CONFIGURED, UNKNOWN, Said, measure
from stas_tui.pulse.sources import Outside, Told
from stas_tui.texts import pattern_words as words
from stas_tui.texts.lines import one_line, redacted
from stas_tui.texts.patterns import Pattern
from storage.clock import iso_seconds
from storage.records import Evidence, Json, Task
from storage.watch_records import SourceKind, TenantNumbers
from storage.world_similar import THRESHOLD, Likeness

SUBJECTS = {
    words.SPIKE: "error spikes",
    words.BUILD: "build failures",
    words.SLOW: "slow responses",
    words.AUTH: "login failures",
}
_UNMEASURED = {
    words.SPIKE: "mentioned, not measured",
    words.SLOW: "reported, no measurement",
    words.AUTH: "reported, not measured",
    words.BUILD: "reported, no build job was read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the check that can prove a lead says of it."""

    said: str
    confirmed: bool = False
    measured: bool = False
    evidence: tuple[Evidence, ...] = ()


def prove(context: Context, outside: Outside, card: Pattern, builds: Said) -> Proof:
    """The measurement that belongs to a kind of report; without one it says which is missing."""
    if card.kind == words.BUILD:
        return _builds(builds)
    told = outside.told(SourceKind.METRICS)
    if not told.good:
        said = _UNMEASURED[card.kind] + (f" ({told.why})" if told.doubts else "")
        return Proof(said=said, evidence=told.proof)
    numbers = [item for _, item in outside.things(TenantNumbers, told.good)]
    if card.kind == words.SPIKE:
        found = _spikes(card, measure(context, outside, told.good))
    else:
        line = spikes.latency_line if card.kind == words.SLOW else spikes.denied_line
        measured, said = line(numbers, card.tenants)
        found = Proof(said=f"measured: {said}" if measured else f"{_UNMEASURED[card.kind]}: {said}", measured=measured)
    doubt = f" ({told.why})" if told.doubts else ""
    return replace(found, said=found.said + doubt, evidence=_asked(told, found.said))


def _asked(told: Told, said: str) -> tuple[Evidence, ...]:
    measured = Evidence(kind="query", ref=told.good[0].name, text=one_line(redacted(said), 160), at=told.at)
    return (measured, *told.proof)


def _spikes(card: Pattern, every: Sequence[spikes.Measured]) -> Proof:
    chosen = [one for one in every if not card.tenants or one.tenant in card.tenants]
    found = [one for one in chosen if one.word == SPIKE]
    if found:
        return Proof(said=f"measured: {'; '.join(one.said for one in found[:4])}", confirmed=True, measured=True)
    blind = [one for one in chosen if one.word == spikes.UNKNOWN]
    if blind or not chosen:
        said = "; ".join(one.said for one in blind[:4]) or "no series carries a tenant"
        return Proof(said=f"mentioned, not measured: {said}")
    return Proof(said=f"not confirmed: no spike measured over {len(chosen)} series", measured=True)


def _builds(builds: Said) -> Proof:
    if builds.reason == NOT_CONFIGURED["builds"]:
        return Proof(said="")
    if builds.verdict == FAILED:
        return Proof(said=f"build jobs {builds.reason}", confirmed=True, measured=True, evidence=builds.evidence)
    if builds.verdict == UNKNOWN:
        return Proof(said=f"{_UNMEASURED[words.BUILD]}: {builds.reason}", evidence=builds.evidence)
    return Proof(said=f"not confirmed: {builds.reason}", measured=True, evidence=builds.evidence)


def said_of(card: Pattern, proof: Proof) -> Said:
    """A card as a subject of the scan: a pattern is a concern, a single report is none unless it was measured."""
    parts = [card.line, proof.said]
    if card.is_pattern and card.deployment is not None:
        parts.append(card.deployment.said)
    return Said(
        subject=SUBJECTS[card.kind],
        verdict=DEGRADED if card.is_pattern or proof.confirmed else UNKNOWN,
        reason="; ".join(filter(None, parts)),
        evidence=(*card.evidence, *proof.evidence),
    )


def card_data(card: Pattern, proof: Proof, draft: Json | None) -> Json:
    """A card for panels and follow-ups."""
    data: Json = {
        "kind": card.kind,
        "count": card.count,
        "line": card.line,
        "suggestion": card.suggestion,
        "measured": proof.said,
        "services": list(card.services),
        "tenants": list(card.tenants),
        "since": card.since,
    }
    if card.deployment is not None:
        data["deployment"] = {
            "sha": card.deployment.merge_sha,
            "minutes": card.deployment.minutes,
            "by_time_only": card.deployment.by_time_only,
        }
    if draft is not None:
        data["draft"] = draft
    return clean(data)


# drafts -------------------------------------------------------------------------------------------


class Board:
    """The open tasks of each project, read once; what cannot be read is said and is no empty board."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read: dict[str, list[Task]] = {}
        self._errors: dict[str, str] = {}

    def alike(self, project: str, title: str) -> tuple[list[str], str]:
        """(open tasks that say the same, why the board could not be read) for a title."""
        if project not in self._read and project not in self._errors:
            try:
                self._read[project] = self._context.door.platform.tasks(project)
            except PlatformError as error:
                self._errors[project] = str(error)
        like = Likeness(title)
        tasks = self._read.get(project, [])
        found = [task.id for task in tasks if like.to(Likeness(task.title)) > 2 * THRESHOLD]
        return found, self._errors.get(project, "")


def draft(
    board: Board, *, project: str, title: str, lines: Sequence[str], evidence: Sequence[Evidence], priority: str
) -> Json:
    """Arguments of `create_task` for one key, with `duplicates` on the board and `unsearched` if it was not read."""
    duplicates, unsearched = board.alike(project, title)
    proofs = [f"- {item.kind} {one_line(item.ref, 120)}: {one_line(item.text, 160)}" for item in evidence[:12]]
    return clean(
        {
            "projectId": project,
            "title": one_line(redacted(title), 200),
            "description": redacted("\n".join([*lines, "", "Evidence:", *(proofs or ["- none"])])),
            "priority": priority,
            "duplicates": duplicates,
            "unsearched": unsearched,
        }
    )


def card_draft(board: Board, card: Pattern, proof: Proof, project: str) -> Json | None:
    """The task that a pattern suggests; None for a single report, or without a project to put it in."""
    if not card.suggestion or not project:
        return None
    lines = [f"{one_line(redacted(card.line), 300)}; {card.means}."]
    lines += [f"{one_line(redacted(proof.said), 300)}."] if proof.said else []
    lines.append(f"First reported {iso_seconds(card.since)}.")
    if card.deployment is not None:
        how = "by time only" if card.deployment.by_time_only else f"same service {card.deployment.service}"
        lines.append(f"Deployed {card.deployment.minutes} min before: {card.deployment.merge_sha[:12]} ({how}).")
    return draft(
        board,
        project=project,
        title=card.suggestion,
        lines=lines,
        evidence=(*card.evidence, *proof.evidence),
        priority="P1" if proof.confirmed else "P2",
    )
