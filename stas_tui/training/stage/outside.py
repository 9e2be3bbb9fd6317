"""What stands outside in a lesson: Slack, Alertmanager's silences, and checks that answer for nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.notify.alertmanager_v2 import silence_json
from stas_tui.notify.base import Delivered, DirectMessage, NotifyError, NotifyGone, SilenceWish
from stas_tui.rounds import NotStarted, Rounds
from stas_tui.training.stage.names import digest
from storage.check_records import CheckResult
from storage.clock import Clock
from storage.records import Json
from storage.watch_records import Alert, Silence

if TYPE_CHECKING:
    from stas_tui.review.runner import Review

UNPROVED = "simulated world"


@dataclass(slots=True)
class _Posted:
    delivered: Delivered
    at: int
    keys: list[str]


class SimMessenger:
    """`notify.base.Messenger` of a lesson: every message is delivered at once, to nobody."""

    limited_s = 0.0

    def __init__(self, clock: Clock, to: str) -> None:
        self._clock = clock
        self.to = to
        self.posted: list[_Posted] = []

    def ready(self) -> str:
        """Always."""
        return ""

    def post(self, message: DirectMessage, *, key: str) -> Delivered:
        """Post once."""
        known = self.find(key)
        if known is not None:
            return known
        now = self._clock.now()
        sent = Delivered(channel="D-training", ts=f"{now // 1000}.{len(self.posted):06d}", text=message.text)
        self.posted.append(_Posted(sent, now, [key]))
        return sent

    def edit(self, at: Delivered, message: DirectMessage, *, key: str) -> Delivered:
        """Change a message that stands. Raises `NotifyGone`."""
        for posted in self.posted:
            if posted.delivered.ts == at.ts:
                posted.delivered = Delivered(channel=at.channel, ts=at.ts, text=message.text)
                posted.keys.append(key)
                return posted.delivered
        raise NotifyGone("That message is not there any more.")

    def find(self, key: str, *, since: int = 0) -> Delivered | None:
        """The message marked with a key."""
        return next((p.delivered for p in self.posted if key in p.keys and p.at >= since), None)


class SimSilencer:
    """`notify.base.Silencer` of a lesson; its sources tell of the silences that it holds, as a real server does."""

    def __init__(self, clock: Clock, names: Sequence[str], alerts: Callable[[str], Sequence[Alert]]) -> None:
        """`alerts` are those of a server, silenced ones among them."""
        self._clock, self._alerts = clock, alerts
        self.names = names
        self._held: dict[tuple[str, str], Silence] = {}

    def silences(self, source: str) -> list[Silence]:
        """What a server tells of its silences now: those that have begun and not ended."""
        held = [self._now(silence) for (at, _), silence in self._held.items() if at == source]
        return [silence for silence in held if silence.state == "active"]

    def hushed(self, source: str, alert: Alert) -> tuple[str, ...]:
        """Ids of the silences that hide an alert now."""
        return tuple(each.key for each in self.silences(source) if _fits(alert, each.matchers))

    def set(self, wish: SilenceWish) -> str:
        """Keep it. Raises `NotifyError` for a server that is none of the lesson."""
        if wish.source not in self.names:
            raise NotifyError(f"There is no Alertmanager {wish.source}.")
        found = digest("silence", wish.source, wish.comment, wish.starts_at, length=12)
        self._held[wish.source, found] = Silence(
            key=found,
            state="active",
            matchers=tuple(wish.matchers),
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            updated_at=self._clock.now(),
            created_by=wish.by,
            comment=wish.comment,
        )
        return found

    def extend(self, source: str, silence_id: str, ends_at: int, *, was: int | None = None, said: str = "") -> str:
        """Move its end. Raises `NotifyError`."""
        held = self._held.get((source, silence_id))
        if held is None or (was is not None and held.ends_at != was):
            raise NotifyError(f"There is no silence {silence_id} with this end.")
        self._held[source, silence_id] = replace(held, ends_at=ends_at, comment=held.comment + said)
        return silence_id

    def read(self, source: str, silence_id: str) -> Json | None:
        """The silence as it stands."""
        held = self._held.get((source, silence_id))
        return silence_json(self._now(held)) if held is not None else None

    def find(self, source: str, comment: str) -> Json | None:
        """An unexpired silence with exactly this comment."""
        return next((silence_json(held) for held in self.silences(source) if held.comment == comment), None)

    def hides(self, source: str, matchers: Sequence[tuple[str, str, bool, bool]]) -> Sequence[Alert]:
        """The alerts that fit all matchers."""
        return [alert for alert in self._alerts(source) if _fits(alert, matchers)]

    def end(self, source: str, silence_id: str) -> None:
        """Let it expire now."""
        held = self._held.get((source, silence_id))
        if held is not None:
            self._held[source, silence_id] = replace(held, ends_at=min(held.ends_at, self._clock.now()))

    def _now(self, silence: Silence) -> Silence:
        return replace(silence, state="active" if self._clock.now() < silence.ends_at else "expired")


def _fits(alert: Alert, matchers: Sequence[tuple[str, str, bool, bool]]) -> bool:
    """Whether all matchers fit; a regular expression has to fit the whole value."""
    return all(
        (re.fullmatch(value if regex else re.escape(value), alert.labels.get(label, "")) is not None) == equal
        for label, value, regex, equal in matchers
    )


class SimChecker:
    """`review.base.Checker` of a lesson: nothing was checked, and that is what it says."""

    def planned(self, project_id: str) -> tuple[CheckResult, ...]:
        """Nothing is known."""
        return ()

    def real(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> tuple[CheckResult, ...]:
        """Nothing can be read. Raises `NotStarted`."""
        raise NotStarted(f"No check was run: {UNPROVED}.")

    def read(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> Review:
        """Nothing can be read. Raises `NotStarted`."""
        raise NotStarted(f"No check was run: {UNPROVED}.")

    def landed(self, project_id: str, git_dir: Path, base: str, head: str) -> tuple[CheckResult, ...]:
        """Nothing can be read. Raises `NotStarted`."""
        raise NotStarted(f"No check was run: {UNPROVED}.")

    def alerts(self, project_id: str) -> Mapping[str, Sequence[str]] | None:
        """No server told its rules."""
        return None


class SimRounds(Rounds):
    """The isolation checks of a lesson: none is ever run, so that every cell stays unknown."""

    def due(self, project_id: str) -> Sequence[str]:
        """Nothing that could be run."""
        return ()

    def start(self, project_id: str, checks: Sequence[str] = (), *, pulse_id: str | None = None) -> None:
        """Nothing is started. Raises `NotStarted`."""
        raise NotStarted(f"No isolation check is run in a lesson: {UNPROVED}.")

    def source(self, project_id: str, commit: str, path: str) -> bytes | None:
        """There are no files."""
        return None

    def draft(self, project_id: str) -> tuple[str, str]:
        """There is no code to draft from. Raises `NotStarted`."""
        raise NotStarted(f"There is no code to draft from: {UNPROVED}.")
