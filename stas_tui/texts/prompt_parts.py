"""What the rules of the prompt lint share: the state of a part that is not written, and of one with finer rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stas_tui.texts import steps, template
from stas_tui.texts.lines import listed, one_line, words
from stas_tui.texts.sections import MISSING, PLACEHOLDER, SectionState, placeholders
from stas_tui.texts.template import SECTIONS

ROWS = {section.key: section for section in SECTIONS}
ALERT_NAME = re.compile(
    r"`[^`]+`|“[^”]+”|\"[^\"]+\"|\b[A-Z][a-z0-9]+[A-Z]\w*|\b[a-z][a-z0-9]*_[a-z0-9_]+|\b[\w\-]+/[\w\-/]+"
)
_ALERT_WORD = re.compile(
    r"\b(alerts?|rules?|dashboards?|panels?|metrics?|series|probes?|scrape|slo|monitors?|query)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A part's state with the finer rows below it."""

    state: SectionState
    checks: tuple[SectionState, ...] = ()


def part_state(key: str, state: str, reason: str = "") -> SectionState:
    """The state of one of the fourteen parts, with its heading and row."""
    section = ROWS[key]
    return SectionState(key, section.heading, state, reason, section.row)


def unwritten(key: str, text: str | None, *, what: str = "") -> SectionState | None:
    """The state of a part that is not there, empty, or still holds the template's braces; None if it is written."""
    heading = ROWS[key].heading
    if text is None:
        return part_state(key, MISSING, f"There is no “{what or heading}”.")
    if left := placeholders(text, template.PLACEHOLDERS):
        return part_state(
            key, PLACEHOLDER, f"“{what or heading}” still holds {listed([one_line(p, 60) for p in left])}."
        )
    if steps.is_empty(text):
        return part_state(key, MISSING, f"“{what or heading}” is empty.")
    return None


def names_monitoring(text: str) -> bool:
    """True if a text names an alert, rule, dashboard or series, not only the word; 4,000 characters are read."""
    text = text[:4_000]
    return ALERT_NAME.search(text) is not None or (_ALERT_WORD.search(text) is not None and len(words(text)) >= 3)
