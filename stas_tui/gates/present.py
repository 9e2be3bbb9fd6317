"""The payload of a gate as labelled lines, made from the hashed plan and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from storage.records import Action

LABELS = {
    "claimed_for": "agent",
    "base_sha": "cut at",
    "head_sha": "head sha",
    "prompt_sha256": "prompt sha256",
    "prompt_via": "prompt via",
    "verify": "verify",
}
SKIPPED = frozenset({"agent_prompt_sha256", "exact", "starts_at", "ends_at"})
"""Parts that are shown whole elsewhere in the same payload: digests, and a silence's matchers and times."""


@dataclass(frozen=True, slots=True)
class PayloadLine:
    """One labelled value; `text` may have many lines and is never shortened."""

    label: str
    text: str


def payload_lines(action: Action) -> list[PayloadLine]:
    """Everything that the digest covers and that runs, in the plan's own order."""
    assert action.revision is not None
    lines = []
    for name, value in action.revision.plan.items():
        if name in SKIPPED or value in ([], "", None):
            continue
        lines.append(PayloadLine(LABELS.get(name, name.replace("_", " ")), _text(name, value)))
    return lines


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(_text(name, item) for item in value) if name != "program" else " ".join(map(_quote, value))
    if isinstance(value, dict):
        if name == "tasks":
            return f"{value['priority']} {value['title']}\n  {value['description']}\n  why: {value['why']}"
        if name == "overrides":
            return f"{value['rule']}: {value['what']} — overridden by {value['by']}: {value['reason']}"
        return ", ".join(f"{key} {_text(key, item)}" for key, item in value.items())
    return json.dumps(value)


def _quote(word: str) -> str:
    return word if word and not set(word) & set(" \t\n\"'\\$`") else json.dumps(word, ensure_ascii=False)
