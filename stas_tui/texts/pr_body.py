"""Drafts and judges a pull request: the title `infra: …` and the routine's four sections (R94, R95)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stas_tui.texts import steps, template
from stas_tui.texts.lines import count, hidden_counts, one_line, quoted, redacted, secret_hits
from stas_tui.texts.sections import (
    FILLED,
    MISSING,
    PLACEHOLDER,
    SectionState,
    parse,
    placeholders,
    quote_names,
)
from storage.records import Changes, Evidence, Task

HEADINGS = ("Change", "Risk Assessment", "Multi-Tenant Impact", "Monitoring")
"""The second-level headings of the body, word for word and in order."""

PLACEHOLDERS = frozenset(
    {
        "description",
        "what changed",
        "blast radius, rollback plan",
        "isolation preserved/affected",
        "what's being monitored",
    }
)
TITLE_LIMIT = 120
_KEYS = ("change", "risk", "impact", "monitoring")
_PREFIX = re.compile(r"^\s*infra\s*:\s*", re.IGNORECASE)
_FILES_SHOWN = 30


class RiskRowLike(Protocol):
    """A line of a risk assessment."""

    @property
    def kind(self) -> str:
        """`blast`, `rollback`, `isolation` or `monitoring`."""
        ...

    @property
    def level(self) -> str:
        """`ok`, `warn`, `crit` or `unknown`."""
        ...

    @property
    def text(self) -> str:
        """The fact."""
        ...

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the fact rests on."""
        ...


class RiskLike(Protocol):
    """The part of a risk assessment that a pull request quotes."""

    @property
    def rows(self) -> Sequence[RiskRowLike]:
        """Blast radius, rollback, isolation, monitoring."""
        ...

    @property
    def level(self) -> str:
        """`low`, `medium`, `high` or `unknown`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PrReport:
    """What a lint found in a pull request."""

    title: SectionState
    sections: tuple[SectionState, ...]
    """The four parts of the body, in order."""
    filled: int
    total: int
    locked: bool
    reasons: tuple[str, ...]
    """Why the gate is locked, one sentence each; empty if it is not."""


def draft_pr(task: Task, changes: Changes, risk: RiskLike, *, prompt_text: str = "") -> tuple[str, str]:
    """(title, body) from the facts: diff and risk rows, rollback steps of the prompt. Text from outside is quoted."""
    title = f"infra: {one_line(redacted(_PREFIX.sub('', task.title)), 100) or task.id}"
    rows = {row.kind: row for row in risk.rows}
    bodies = (
        _change(task, changes),
        _risk(risk, rows, prompt_text),
        [_row("Isolation", rows.get("isolation")), *_proof(rows.get("isolation"))],
        [_row("Monitoring", rows.get("monitoring")), *_proof(rows.get("monitoring"))],
    )
    parts = ["\n".join([f"## {heading}", *lines]) for heading, lines in zip(HEADINGS, bodies, strict=True)]
    return title, "\n\n".join(parts) + "\n"


def _change(task: Task, changes: Changes) -> list[str]:
    added = sum(change.insertions or 0 for change in changes.files)
    removed = sum(change.deletions or 0 for change in changes.files)
    lines = [
        f"{task.id}: {quoted(_PREFIX.sub('', task.title), 160)}",
        "",
        f"{count(len(changes.files), 'file')}, +{added} −{removed}, on {changes.base_sha[:12]}:",
        "",
    ]
    lines += [f"- {change.status} {quoted(change.path, 200)}" for change in changes.files[:_FILES_SHOWN]]
    if len(changes.files) > _FILES_SHOWN:
        lines.append(f"- and {len(changes.files) - _FILES_SHOWN} more")
    return lines if changes.files else [*lines[:1], "", "No file differs from the base."]


def _risk(risk: RiskLike, rows: dict[str, RiskRowLike], prompt_text: str) -> list[str]:
    lines = [f"Risk: {risk.level}", "", _row("Blast radius", rows.get("blast")), _row("Rollback", rows.get("rollback"))]
    document = parse(prompt_text)
    plan = document.lines(template.ROLLBACK) or []
    written = [step for step in steps.items(plan) if not placeholders(step, template.PLACEHOLDERS)]
    if written:
        lines += ["", "Rollback steps:", ""]
        lines += [f"{number}. {quoted(step, 300)}" for number, step in enumerate(written[:20], 1)]
    return lines


def _row(label: str, row: RiskRowLike | None) -> str:
    if row is None:
        return f"- {label}: unknown (not assessed)"
    word = {"unknown": "unknown, ", "crit": "attention, ", "warn": "warning, "}.get(row.level, "")
    if row.text.startswith(("not known", "not verified")):
        word = ""
    return f"- {label}: {word}{quoted(row.text, 300)}"


def _proof(row: RiskRowLike | None) -> list[str]:
    return [f"- Evidence: {quoted(f'{item.kind} {item.text}', 200)}" for item in (row.evidence if row else ())[:5]]


def lint_pr(title: str, body: str) -> PrReport:
    """Judge a title and body (R94, R95): prefix, braces, empty or missing sections, secrets, hidden characters."""
    head = _title(title)
    document = parse(body)
    sections = tuple(_section(key, name, document.lines(name)) for key, name in zip(_KEYS, HEADINGS, strict=True))
    reasons = [state.reason for state in (head, *sections) if not state.done]
    if repeated := document.repeated():
        reasons.append(f"{quote_names(one_line(name, 60) for name in repeated)} stands there twice; keep one.")
    if hits := [*secret_hits(title, "title"), *secret_hits(body, "body")]:
        reasons.append(f"It holds what looks like a secret: {hits[0].place} ({hits[0].rule}).")
    if hidden_counts(title) or hidden_counts(body):
        reasons.append("It holds characters that cannot be seen; take them out.")
    return PrReport(
        title=head,
        sections=sections,
        filled=sum(1 for state in sections if state.done),
        total=len(sections),
        locked=bool(reasons),
        reasons=tuple(reasons),
    )


def _title(title: str) -> SectionState:
    rest = title.removeprefix("infra: ")
    if not title.startswith("infra: ") or not rest.strip():
        return SectionState("title", "Title", MISSING, "The title begins with “infra: ” and says what changes.", "R94")
    if "\n" in title or "\r" in title:
        return SectionState("title", "Title", MISSING, "The title is one line.", "R94")
    if left := placeholders(rest, PLACEHOLDERS):
        return SectionState("title", "Title", PLACEHOLDER, f"The title still holds {left[0]}.", "R94")
    if len(title) > TITLE_LIMIT:
        return SectionState(
            "title", "Title", MISSING, f"The title has {len(title)} characters; {TITLE_LIMIT} is the most.", "R94"
        )
    return SectionState("title", "Title", FILLED, "", "R94")


def _section(key: str, heading: str, lines: list[str] | None) -> SectionState:
    if lines is None:
        return SectionState(key, heading, MISSING, f"There is no “{heading}”.", "R95")
    text = "\n".join(lines).strip()
    if left := placeholders(text, PLACEHOLDERS):
        return SectionState(key, heading, PLACEHOLDER, f"“{heading}” still holds {one_line(left[0], 60)}.", "R95")
    if steps.is_empty(text):
        return SectionState(key, heading, MISSING, f"“{heading}” is empty.", "R95")
    return SectionState(key, heading, FILLED, "", "R95")
