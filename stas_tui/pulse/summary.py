"""The Pulse Summary in its two forms: the routine's text exactly, and a list of fields with their evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stas_tui.pulse.summary_model import (
    ActionFact,
    BranchProof,
    CheckFact,
    ChecksFacts,
    DeployFacts,
    InboxFacts,
    IsolationPoint,
    Item,
    LessonFact,
    MemoryFacts,
    MethodFact,
    ProjectFacts,
    RollbackFact,
    RunFact,
    SlackFact,
    Source,
    SummaryFacts,
    TaskFact,
    VisionFact,
)
from stas_tui.pulse.summary_rules import all_fields
from stas_tui.pulse.summary_value import FieldValue

_SUFFIX = {"inbox": "messages", "memories": "relevant", "projects": "active"}
_HEALTH = ("ci", "builds", "deploys")
_HEALTH_HEADING = "Infrastructure Health"


class FormRow(NamedTuple):
    """One field of the summary with where its value is from."""

    label: str
    value: str
    known: str
    """`said`, `seen` or `unknown`."""
    refs: tuple[str, ...]
    """The evidence, as `kind ref`, each once."""


def render_summary(facts: SummaryFacts, *, strict: bool = False) -> str:
    """The routine's format word for word, ending in a line feed (R130-R147).

    `Unknown (reason)` and its like are additions to the routine's words (D15); with `strict` such a field holds the
    worse of the routine's own words, and the truth stands in the line below.
    """
    blocks: list[str] = []
    fields = all_fields(facts)
    for field in fields:
        value, below = _worded(field, strict)
        if field.key == "timestamp":
            blocks.append("\n".join([f"## {field.label} - {value}", *([""] if below else []), *below]))
        elif field.key == "ci":
            blocks.append(_health(fields, strict))
        elif field.key not in _HEALTH:
            suffix = f" {_SUFFIX[field.key]}" if field.key in _SUFFIX else ""
            head = f"### {field.label}: {value}{suffix}" if value else f"### {field.label}:"
            blocks.append("\n".join([head, *below]))
    return "\n\n".join(blocks) + "\n"


def _worded(field: FieldValue, strict: bool) -> tuple[str, tuple[str, ...]]:
    if strict and field.strict:
        return field.strict, (field.value, *field.below)
    return field.value, field.below


def _health(fields: Iterable[FieldValue], strict: bool) -> str:
    lines = [f"### {_HEALTH_HEADING}:"]
    for field in fields:
        if field.key in _HEALTH:
            value, below = _worded(field, strict)
            lines.append(f"- {field.label}: {value}")
            lines.extend(f"  {line}" for line in below)
    return "\n".join(lines)


def summary_form(facts: SummaryFacts) -> list[FormRow]:
    """Every field as (label, value with its lines, said | seen | unknown, evidence references), in order."""
    rows: list[FormRow] = []
    for field in all_fields(facts):
        value = "\n".join(filter(None, (field.value, *field.below)))
        refs = dict.fromkeys(f"{proof.kind} {proof.ref}" for proof in field.evidence)
        rows.append(FormRow(field.label, value, field.known, tuple(refs)))
    return rows


def headings(text: str) -> list[str]:
    """The headings and health labels of a summary in order, without their values: what a reader's parser relies on."""
    found: list[str] = []
    in_health = False
    for line in text.splitlines():
        if line.startswith("## "):
            found.append(line.split(" - ")[0])
        elif line.startswith("### "):
            found.append(line.split(":")[0])
            in_health = found[-1] == f"### {_HEALTH_HEADING}"
        elif in_health and line.startswith("- "):
            found.append(line.split(":")[0])
    return found


__all__ = [
    "ActionFact",
    "BranchProof",
    "CheckFact",
    "ChecksFacts",
    "DeployFacts",
    "FieldValue",
    "FormRow",
    "InboxFacts",
    "IsolationPoint",
    "Item",
    "LessonFact",
    "MemoryFacts",
    "MethodFact",
    "ProjectFacts",
    "RollbackFact",
    "RunFact",
    "SlackFact",
    "Source",
    "SummaryFacts",
    "TaskFact",
    "VisionFact",
    "headings",
    "render_summary",
    "summary_form",
]
