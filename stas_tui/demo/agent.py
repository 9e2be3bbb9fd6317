"""A scripted agent: what a language model would propose in the demo, always in the same words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stas_tui.demo.briefs import BRIEFS, Brief
from storage.records import Task

HEALTH_URL = "http://127.0.0.1:8080/health"

_PROMPT = Path(__file__).resolve().parent / "prompt.md"
"""The routine's template with the service's own facts; the names in braces are filled from a brief."""

_BODY = """## Change
{change}

{facts}Reason: {reason}.

## Risk Assessment
Blast radius: {blast}.

Rollback plan ({minutes} minutes):
{rollback}

## Multi-Tenant Impact
{impact_sentence}. Proved by `tests/test_isolation.py`.

## Monitoring
{monitoring}. Alerts: {alerts}. Panels: {panels}.
"""

_FACTS = (
    ("base_sha", "Base"),
    ("head_sha", "Head"),
    ("files", "Files"),
    ("outcome", "Executor's outcome"),
    ("verification", "Verified by Stas"),
    ("deviations", "Deviations accepted"),
)


class ScriptedAgent:
    """Proposes what the demo's tasks need; reads nothing but its own template, and is the same for the same seed.

    Tasks outside the script (`knows` is False) get the generated draft back unchanged and generic texts.
    """

    name = "scripted agent"

    def __init__(self, seed: int, *, health_url: str = HEALTH_URL) -> None:
        self._seed = seed
        self._health = health_url

    def knows(self, task: Task) -> bool:
        """Whether the script has a part for this task."""
        return task.id in BRIEFS

    def prompt_for(self, draft: str, task: Task, attempt: int = 1) -> str:
        """The whole execution prompt of a task (R53 to R82), word for word with the routine's headings.

        From the second attempt on it says what the first one lacked (R90). An unknown task keeps its `draft`.
        """
        brief = BRIEFS.get(task.id)
        if brief is None:
            return draft
        change, modify = [*brief.change], [*brief.modify]
        if attempt > 1:
            modify += brief.modify_again
            change.append(f"Changed after attempt {attempt - 1}: {brief.cause[1]}")
        return _PROMPT.read_text(encoding="utf-8").format(
            title=brief.title,
            why=f"This task exists because {brief.reason}.",
            limits=brief.limits,
            change="\n\n".join(change),
            read=_bullets(f"`{path}` ({what})" for path, what in brief.read),
            modify=_bullets(f"`{path}` — {what}" for path, what in modify),
            first_check=brief.checks[0].partition(" (")[0],
            config=brief.config,
            alerts=_names(brief.alerts),
            minutes=brief.rollback_minutes,
            measure=brief.measure,
            monitoring=brief.monitoring,
            checks=_bullets(brief.checks),
            health=self._health,
            panels=" and ".join(f"«{panel}»" for panel in brief.panels),
            rollback=_numbers(brief.rollback),
        )

    def pr_for(self, task: Task, facts: Mapping[str, Any]) -> tuple[str, str]:
        """Title and body of the pull request (R94, R95).

        Of `facts`, what Stas saw, these are quoted if present: base_sha, head_sha, files, outcome, verification
        (pairs of command and state), deviations.
        """
        brief = self._brief(task)
        body = _BODY.format(
            change="\n\n".join(brief.change),
            facts=_fact_lines(facts),
            reason=brief.reason,
            blast=brief.blast,
            minutes=brief.rollback_minutes,
            rollback=_numbers(brief.rollback),
            impact_sentence=brief.impact[:1].upper() + brief.impact[1:],
            monitoring=brief.monitoring,
            alerts=_names(brief.alerts),
            panels=" and ".join(brief.panels),
        )
        return f"infra: {brief.title}", body

    def memory_for(self, task: Task) -> tuple[str, str]:
        """Title and text of the pattern to remember, with its four parts (R97)."""
        brief = self._brief(task)
        text = (
            f"Change: {' '.join(brief.change)} Reason: {brief.reason}. Rollback: {'; '.join(brief.rollback)}. "
            f"Multi-tenant impact: {brief.impact}."
        )
        return f"Infra: {brief.title}", text

    def follow_ups_for(self, task: Task) -> list[tuple[str, str, str]]:
        """(title, description, priority) of the tasks found on the way."""
        return list(self._brief(task).follow_ups)

    def alignment(self, task: Task) -> str:
        """How the plan agrees with the vision (R27)."""
        return self._brief(task).alignment

    def cause_for(self, task: Task, attempt: int) -> tuple[str, str]:
        """Why attempt number `attempt` failed, and what the next prompt says differently (R90)."""
        cause, change = self._brief(task).cause
        return (cause, change) if attempt <= 1 else (f"Attempt {attempt} failed as well: {cause}", change)

    def heard(self, verdict: str, reason: str) -> str:
        """What the agent says to an answer; a refusal's reason is named back, cut at 300 characters."""
        said = " ".join(reason.split())
        said = said if len(said) <= 300 else said[:299] + "…"
        choice = random.Random(f"{self._seed}:{verdict}").randrange(2)
        if verdict in _ANSWERS:
            bare, with_reason = _ANSWERS[verdict][choice]
            return with_reason.format(reason=said) if said else bare
        return f"I was answered «{verdict}»{f': «{said}»' if said else ''}. I wait."

    def _brief(self, task: Task) -> Brief:
        brief = BRIEFS.get(task.id)
        return brief if brief is not None else _generic(task)


_ANSWERS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "approved": (
        ("Approved. I go on with exactly what was shown.", "Approved, with the note «{reason}». I go on as shown."),
        ("Thank you. I do what was approved and nothing else.", "Thank you. I keep «{reason}» in mind."),
    ),
    "edited": (
        ("You changed the text. I work with your version.", "You changed the text because «{reason}». I use yours."),
        ("Your version stands; mine is void.", "Your version stands, because «{reason}». Mine is void."),
    ),
    "ok": (
        ("Approved and done. I go on.", "Approved and done («{reason}»). I go on."),
        ("Thank you. It was done as shown and nothing else.", "Thank you, it was done. I keep «{reason}» in mind."),
    ),
    "rejected": (
        (
            "Rejected without a reason. I leave it and ask what I should do differently.",
            "Rejected because «{reason}». I leave it, and propose again only when that has changed.",
        ),
        (
            "Not approved. Nothing was done; I wait for a word why.",
            "Not approved: «{reason}». Nothing was done. I take it into the next proposal.",
        ),
    ),
    "deferred": (
        ("Deferred. I ask again when it comes up.", "Deferred: «{reason}». I ask again when it comes up."),
        ("I wait.", "I wait, because «{reason}»."),
    ),
    "expired": (
        ("Nobody answered in time, which is not a yes. I ask again.", "It expired («{reason}»). I ask again."),
        ("The gate expired. Nothing was done.", "The gate expired («{reason}»). Nothing was done."),
    ),
    "refused": (
        (
            "The policy refuses this. Nobody can approve it, so I take another way.",
            "The policy refuses this: «{reason}». Nobody can approve it, so I take another way.",
        ),
        (
            "Refused by policy. I drop it.",
            "Refused by policy: «{reason}». I drop it and do it the way the routine says.",
        ),
    ),
    "locked": (
        ("The routine's order forbids this now.", "Not now: «{reason}». I do first what is missing."),
        ("Locked. A person may open it with a reason.", "Locked: «{reason}». I do not press; a person may open it."),
    ),
    "stale": (
        ("The world moved on since it was shown. I ask anew.", "The world moved on: «{reason}». I ask anew."),
        ("What was approved no longer holds. I ask anew.", "It no longer holds: «{reason}». I ask anew."),
    ),
    "failed": (
        ("It was approved, and failed. I look why.", "It was approved, and failed: «{reason}». I look why."),
        ("It failed. I do not try again blindly.", "It failed: «{reason}». I do not try again blindly."),
    ),
    "withdrawn": (
        ("The gate was withdrawn. Nothing was done.", "The gate was withdrawn («{reason}»). Nothing was done."),
        ("Withdrawn. I look at the task anew.", "Withdrawn («{reason}»). I look at the task anew."),
    ),
}
"""verdict -> two ways to say it, each without and with a reason"""


def _generic(task: Task) -> Brief:
    title = task.title.removeprefix("infra:").strip() or task.id
    return Brief(
        title=title[:1].lower() + title[1:],
        change=(task.description or task.title,),
        limits="none, because nothing that tenants share is touched",
        read=(),
        modify=(),
        config="not known",
        measure=task.acceptance[0] if task.acceptance else "not known",
        monitoring="Not known: this task is outside the demo's script",
        alerts=("LedgerHighErrorRate",),
        panels=("Errors by tenant",),
        reason=f"it is {task.id}",
        alignment="I have no script for this task and cannot say how it agrees with the vision.",
        blast="not known",
        impact="not known: this task is outside the demo's script",
        rollback=("Undo the commit: `git revert --no-edit HEAD` (agent, 2 minutes)",),
        rollback_minutes=2,
        cause=(f"{task.id} is outside the demo's script, so nothing was done.", "Take one of T-301 to T-305."),
    )


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbers(lines: Sequence[str]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fact_lines(facts: Mapping[str, Any]) -> str:
    lines = []
    for key, label in _FACTS:
        value = facts.get(key)
        if value in (None, "", (), []):
            continue
        shown = _shown(value)
        lines.append(f"- {label}: {shown[:12] if key.endswith('_sha') else shown}")
    return "\n".join(lines) + "\n\n" if lines else ""


def _shown(value: Any) -> str:
    """A fact in one line; a pair such as (command, state) becomes `command: state`."""
    if not isinstance(value, (list, tuple)):
        return str(value)
    return ", ".join(": ".join(map(str, item)) if isinstance(item, (list, tuple)) else str(item) for item in value)
