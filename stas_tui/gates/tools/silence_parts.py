"""What the tools for silences share: the Alertmanagers, what a silence hides now, how wide and how long it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from stas_tui.gates.contract import BadCall, Effect, Refusal, RiskLine, Uncertain, lock
from stas_tui.gates.tools.base import BaseTool
from stas_tui.notify.alertmanager_v2 import Matcher, matcher_text
from stas_tui.notify.base import NotifyError, Silencer
from stas_tui.texts.severity import is_critical
from storage.clock import HOUR, MINUTE
from storage.errors import StasError
from storage.records import Action, Json
from storage.watch_records import Alert

LONGEST_MINUTES = 24 * 60
"""A silence that lasts longer from its beginning to its end needs a typed reason, however often it was extended."""
MOST_MINUTES = 30 * LONGEST_MINUTES
"""A longer one is no silence but a change of the rules."""
NAMED = 12
"""Alerts that are listed by name in a gate; the others are counted."""
REASON_LIMIT = 1_000
_LETTERS = re.compile(r"[A-Za-z0-9]{3}")


class SilenceTool(BaseTool):
    """A tool that reads and writes silences."""

    @property
    def silencer(self) -> Silencer:
        """The writing side of the Alertmanagers. Raises `BadCall`."""
        if self.door.silencer is None:
            raise BadCall("No Alertmanager is configured.", "Add an [[alertmanager]] table.")
        return self.door.silencer

    def seen(self, source: str, matchers: Sequence[Matcher]) -> Sequence[Alert]:
        """The alerts that matchers fit now. Raises `BadCall` if they cannot be seen."""
        try:
            return self.silencer.hides(source, matchers)
        except NotifyError as error:
            raise BadCall(error.what, error.mend) from error

    def standing(self, source: str, silence_id: str) -> Json | None:
        """A silence as it stands. Raises `BadCall` if it cannot be read."""
        try:
            return self.silencer.read(source, silence_id)
        except NotifyError as error:
            raise BadCall(error.what, error.mend) from error

    def read_back(self, source: str, silence_id: str) -> Effect:
        """The silence as it stands right after it was written. Raises `Uncertain`."""
        try:
            found = self.silencer.read(source, silence_id)
        except NotifyError as error:
            raise Uncertain(f"It was taken, and cannot be read back: {error.what}", error.mend) from error
        if found is None:
            raise Uncertain("It was taken and is not there.", "Look in Alertmanager.")
        return effect_of(found)

    def after_lost_answer(self, action: Action, key: str, error: NotifyError) -> Effect:
        """The effect, seen although its answer was lost. Raises `Uncertain` if it is not to be seen."""
        try:
            effect = self.find(action, key)
        except StasError as blind:
            raise Uncertain(f"{error.what} Whether it happened cannot be seen: {blind.what}", error.mend) from error
        if effect is None:
            raise Uncertain(error.what, error.mend) from error
        return effect


def plan_of(action: Action) -> Json:
    """The approved plan."""
    assert action.revision is not None
    return action.revision.plan


def in_order(matchers: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Matchers as they are compared."""
    return sorted(list(m) for m in matchers)


def matchers_of(found: Json) -> list[Matcher]:
    """The matchers of a silence that was read."""
    return [(m[0], m[1], m[2], m[3]) for m in found["matchers"]]


def effect_of(found: Json) -> Effect:
    """A silence as it was read back."""
    return Effect(
        requested={"comment": found["comment"]},
        observed={
            "id": found["id"],
            "matchers": in_order(found["matchers"]),
            "ends_at": found["ends_at"],
            "comment": found["comment"],
            "state": found["state"],
        },
    )


def length_locks(minutes: float) -> list[Refusal]:
    """What a silence of this length needs a typed reason for."""
    if minutes <= LONGEST_MINUTES:
        return []
    return [lock("silence", f"A silence of {minutes / 60:.0f} h outlives the day.", "Shorten it, or say why.")]


def span(minutes: float) -> str:
    """A length of time in minutes below two hours, else in hours."""
    return f"{minutes:.0f} min" if round(minutes) < 120 else f"{round(minutes * MINUTE / HOUR, 1):g} h"


def alerts(count: int) -> str:
    """How many alerts."""
    return f"{count} alert{'' if count == 1 else 's'}"


def critical(hidden: Sequence[Alert]) -> bool:
    """Whether a critical alert is among them."""
    return any(is_critical(alert.severity) for alert in hidden)


def wide(matchers: Sequence[Matcher]) -> list[Matcher]:
    """Matchers that fit nearly anything: a regular expression without three letters in a row, or a negation."""
    return [m for m in matchers if (m[2] and not _LETTERS.search(m[1])) or not m[3]]


def hidden_lines(hidden: Sequence[Alert]) -> list[RiskLine]:
    """What is hidden now, and whose it is."""
    tenants = sorted({alert.tenant for alert in hidden if alert.tenant})
    names = [f"{a.name}{f' ({a.tenant})' if a.tenant else ''}" for a in hidden[:NAMED]]
    more = f" and {len(hidden) - NAMED} more" if len(hidden) > NAMED else ""
    return [
        RiskLine(
            kind="hides now",
            level="crit" if critical(hidden) else "warn" if hidden else "ok",
            text=f"{len(hidden)}: {', '.join(names)}{more}" if hidden else "no alert",
        ),
        RiskLine(
            kind="tenants",
            level="warn" if len(tenants) > 1 else "ok",
            text=", ".join(tenants[:NAMED]) + (f" and {len(tenants) - NAMED} more" if len(tenants) > NAMED else "")
            or "none named",
        ),
    ]


def warnings(matchers: Sequence[Matcher], hidden: Sequence[Alert], *, one_alert: bool = False) -> list[str]:
    """What a person should see before saying yes; `one_alert` if the matchers are all labels of one alert."""
    found = [f"{matcher_text(m)} fits nearly anything" for m in wide(matchers)]
    if critical(hidden):
        found.append("it hides a critical alert")
    if not hidden:
        found.append("it hides nothing now: are the labels right?")
    if not one_alert and not any(m[0] == "alertname" and not m[2] and m[3] for m in matchers):
        found.append("it names no single alert: later alerts with these labels are hidden too")
    return found
