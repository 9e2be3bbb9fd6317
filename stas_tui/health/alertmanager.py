"""Alerts and silences of one Alertmanager, API version 2. Nothing is ever written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from stas_tui import config_sources
from stas_tui.health.base import Answer
from stas_tui.health.hosted import HostedSource
from stas_tui.notify import alertmanager_v2 as v2
from stas_tui.web import Web, WebError
from storage.records import DataState, Json
from storage.watch_records import Alert, Silence, SourceKind

SETTLING_S = 120.0
"""How long after a restart a list may be incomplete: Prometheus evaluates each minute by default, and repeats an alert
it has already sent after one more."""
MOST_ALERTS = 5_000
MOST_SILENCES = 2_000


@dataclass(slots=True)
class _Round:
    """What one round of questions gathers beside the alerts."""

    detail: Json
    partial: bool
    doubts: list[str] = field(default_factory=list)


class AlertmanagerSource(HostedSource):
    """One Alertmanager as a source.

    A resolved alert vanishes from its list at once; the watch keeps the history. For a while after a restart an empty
    list is `unknown`, not calm, and nothing is marked gone. Alerts hidden by another alert carry its fingerprint
    (`inhibited_by`) and are its children; only `silenced_by` is a silence.
    """

    kind = SourceKind.ALERTS
    main = v2.ALERTS

    def __init__(
        self,
        config: config_sources.Alertmanager,
        token: Callable[[], str],
        *,
        project_id: str = "",
        every_s: float = 15.0,
        settling_s: float = SETTLING_S,
    ) -> None:
        super().__init__(config, token, project_id=project_id, every_s=every_s)
        self._settling_s = settling_s
        self._silences: list[Silence] | None = None
        """The last ones that could be read."""
        self._said_uptime = False

    def _ask(self, web: Web, now: int) -> Answer:
        """Alerts of all states, silences and status: three requests, of which the first decides."""
        reply = web.get(v2.ALERTS)
        if reply.status != 200:
            return self._refused(v2.clause(v2.ALERTS, reply), reply.status, reply.retry_after_s)
        try:
            alerts, dropped, more = v2.each(reply.json(), lambda raw: v2.alert_of(raw, self._clean), most=MOST_ALERTS)
        except v2.Bad:
            reason = f"{v2.ALERTS} is no list: is this an Alertmanager with API version 2?"
            return Answer(state=DataState.ERROR, reason=reason, detail={"http": reply.status, "word": "wrong shape"})
        round_ = _Round(detail=_counts(alerts), partial=more > 0)
        if dropped:
            round_.detail["dropped alerts"] = dropped
            round_.doubts.append(f"{sum(dropped.values())} alerts were not readable")
        if more:
            round_.detail["not shown"] = more
            round_.doubts.append(f"{more} more alerts not shown")
        self._read_silences(web, alerts, round_)
        self._read_status(web, now, round_)
        calm = DataState.UNKNOWN if round_.doubts else DataState.EMPTY
        return Answer(
            state=DataState.OK if alerts else calm,
            things=[*alerts, *(self._silences or ())],
            reason="; ".join(round_.doubts),
            partial=round_.partial,
            detail=round_.detail,
        )

    def _read_silences(self, web: Web, alerts: list[Alert], round_: _Round) -> None:
        """Silences that hold or will hold; filtered here, because only late releases can filter there.

        If they cannot be read, the last known ones stand.
        """
        raw, _ = self._part(web, v2.SILENCES, round_, "silences")
        hidden = Counter(silence_id for alert in alerts for silence_id in alert.silenced_by)
        try:
            if raw is not None:
                found, dropped, more = v2.each(
                    [r for r in raw if not _expired(r)] if isinstance(raw, list) else raw,
                    lambda r: v2.silence_of(r, self._clean, matches=hidden[str(r.get("id"))]),
                    most=MOST_SILENCES,
                )
                self._silences = found
                unread = sum(dropped.values()) + more
                if unread:
                    round_.detail["dropped silences"] = {**dropped, "too many": more}
                    round_.doubts.append(f"{unread} silences were not readable")
        except v2.Bad:
            round_.doubts.append(f"silences unknown: {v2.SILENCES} is no list")
        round_.detail["silences"] = None if self._silences is None else len(self._silences)
        round_.partial |= self._silences is None

    def _read_status(self, web: Web, now: int, round_: _Round) -> None:
        """Since when it runs: an alert that it has not been sent again yet is missing from its list."""
        raw, headers = self._part(web, v2.STATUS, round_, "uptime")
        raw = raw if isinstance(raw, dict) else {}
        try:
            started = v2.to_ms(raw.get("uptime"))
        except v2.Bad:
            if not any(doubt.startswith("uptime") for doubt in round_.doubts):
                round_.doubts.append(f"uptime unknown: {v2.STATUS} does not say it")
            round_.partial |= self._said_uptime
            return
        self._said_uptime = True
        for name, part, key in (("version", "versionInfo", "version"), ("cluster", "cluster", "status")):
            value = raw.get(part)
            round_.detail[name] = self._clean(value.get(key), 40) if isinstance(value, dict) else ""
        up_s = int(max((_server_time(headers, now) - started) / 1000, 0.0))
        round_.detail |= {"started_at": started, "uptime_s": up_s}
        if up_s < self._settling_s:
            round_.doubts.append(f"restarted {up_s} s ago, the list may be incomplete")
            round_.partial = True

    @staticmethod
    def _part(web: Web, path: str, round_: _Round, what: str) -> tuple[Any, Mapping[str, str]]:
        """A further part of the answer, or None with its doubt: the alerts stand without it."""
        try:
            reply = web.get(path)
            if reply.status == 200:
                return reply.json(), reply.headers
            round_.doubts.append(f"{what} unknown: {v2.clause(path, reply)}")
        except WebError as error:
            round_.doubts.append(f"{what} unknown: {path}: {error.word}")
        return None, {}


def _counts(alerts: list[Alert]) -> Json:
    states = {"active": 0, "suppressed": 0, "unprocessed": 0}
    for alert in alerts:
        states[alert.state] += 1
    return {
        "alerts": len(alerts),
        **states,
        "silenced": sum(1 for a in alerts if a.silenced_by),
        "inhibited": sum(1 for a in alerts if a.inhibited_by),
    }


def _expired(raw: Any) -> bool:
    status = raw.get("status") if isinstance(raw, dict) else None
    return isinstance(status, dict) and status.get("state") == "expired"


def _server_time(headers: Mapping[str, str], now: int) -> int:
    """The server's own time, so that a clock that is off by an hour hides no restart; ours if it says none."""
    try:
        return int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return now
