"""The JSON of Alertmanager's API, version 2, as nouns, and what its two shapes of errors say.

Everything that comes in is outside text: redacted, bounded, and of the type it should have, or it is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stas_tui.web import Reply
from storage.canonical import well_formed
from storage.records import Json
from storage.redact import redact, registered_secrets
from storage.watch_records import Alert, Silence

ALERTS = "/api/v2/alerts"
SILENCES = "/api/v2/silences"
SILENCE = "/api/v2/silence/"
STATUS = "/api/v2/status"

LONGEST_NAME = 200
LONGEST_VALUE = 2_000
"""Characters of one label or annotation; the rest is cut off, and the cut shows."""
MOST_LABELS = 64
KEPT_FIRST = frozenset(("alertname", "severity", "tenant", "service", "job", "instance", "summary", "runbook_url"))
"""Names that stay if a thing has more labels than are kept."""
MOST_STRINGS = 50_000
CUT = "…"

Matcher = tuple[str, str, bool, bool]
"""(label, value, is a regular expression, is equal)."""


class Bad(Exception):
    """A thing without what makes it one; the text names the field."""


class Cleaner:
    """Outside strings made harmless. The same string is worked on once, also in later answers."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._secrets: tuple[str, ...] = ()

    def begin(self) -> None:
        """A new answer: what was kept is dropped if there are new secrets to look for, or too much of it."""
        secrets = registered_secrets()
        if secrets != self._secrets or len(self._seen) > MOST_STRINGS:
            self._seen, self._secrets = {}, secrets

    def __call__(self, value: Any, limit: int = LONGEST_VALUE) -> str:
        """The text, redacted, well-formed and bounded; anything but text is empty."""
        if not isinstance(value, str) or not value:
            return ""
        # a bound for the work, far enough behind what is kept that no half of a secret stays
        value = value[: LONGEST_VALUE * 4]
        known = self._seen.get(value)
        if known is None:
            known = self._seen[value] = redact(well_formed(value))
        return known if len(known) <= limit else known[: limit - 1] + CUT


def to_ms(text: Any) -> int:
    """UTC milliseconds of a time such as `2026-11-23T15:32:44.564Z`, whatever its digits. Raises `Bad`."""
    if not isinstance(text, str) or len(text) > 40:
        raise Bad("time")
    try:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Bad("time") from None


def to_rfc3339(at: int) -> str:
    """The time as Alertmanager reads it."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def alert_of(raw: Any, clean: Cleaner) -> Alert:
    """One alert. Raises `Bad` if it has no identity, no name or no state."""
    if not isinstance(raw, dict):
        raise Bad("shape")
    key, labels, status = raw.get("fingerprint"), raw.get("labels"), raw.get("status")
    if not isinstance(key, str) or not key or len(key) > LONGEST_NAME:
        raise Bad("fingerprint")
    if not isinstance(labels, dict) or not labels:
        raise Bad("labels")
    if not isinstance(status, dict) or status.get("state") not in ("active", "suppressed", "unprocessed"):
        raise Bad("status")
    kept = _texts(labels, clean, strict=True)
    receivers = raw.get("receivers")
    return Alert(
        key=clean(key, LONGEST_NAME),
        name=kept.get("alertname") or "an alert without a name",
        severity=kept.get("severity", "")[:40],
        state=status["state"],
        labels=kept,
        annotations=_texts(raw.get("annotations") or {}, clean),
        starts_at=to_ms(raw.get("startsAt")),
        updated_at=_time(raw.get("updatedAt")),
        ends_at=_time(raw.get("endsAt")),
        silenced_by=_ids(status.get("silencedBy"), clean),
        inhibited_by=_ids(status.get("inhibitedBy"), clean),
        generator_url=clean(raw.get("generatorURL")),
        receivers=_ids([r.get("name") for r in receivers if isinstance(r, dict)], clean)
        if isinstance(receivers, list)
        else (),
    )


def silence_of(raw: Any, clean: Cleaner, *, matches: int = 0) -> Silence:
    """One silence. Raises `Bad` if it has no id, state, end or matchers."""
    if not isinstance(raw, dict):
        raise Bad("shape")
    key, status = raw.get("id"), raw.get("status")
    if not isinstance(key, str) or not key or len(key) > LONGEST_NAME:
        raise Bad("id")
    if not isinstance(status, dict) or status.get("state") not in ("active", "pending", "expired"):
        raise Bad("status")
    return Silence(
        key=clean(key, LONGEST_NAME),
        state=status["state"],
        matchers=tuple(matcher_of(m, clean) for m in _list(raw.get("matchers"), "matchers")),
        starts_at=to_ms(raw.get("startsAt")),
        ends_at=to_ms(raw.get("endsAt")),
        updated_at=_time(raw.get("updatedAt")),
        created_by=clean(raw.get("createdBy"), LONGEST_NAME),
        comment=clean(raw.get("comment")),
        matches=matches,
    )


def matcher_of(raw: Any, clean: Cleaner) -> Matcher:
    """One matcher; releases before 0.22 say nothing of equality and mean equal. Raises `Bad`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not isinstance(raw.get("value"), str):
        raise Bad("matchers")
    return (
        clean(raw["name"], LONGEST_NAME),
        clean(raw["value"]),
        raw.get("isRegex") is True,
        raw.get("isEqual") is not False,
    )


def matcher_text(matcher: Matcher) -> str:
    """A matcher as Alertmanager writes it, e.g. `tenant=~"acme|globex"`."""
    name, value, regex, equal = matcher
    sign = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}[regex, equal]
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}{sign}"{quoted}"'


def each(raw: Any, make: Callable[[Any], Any], *, most: int) -> tuple[list[Any], dict[str, int], int]:
    """What `make` makes of each element, what was dropped by its bad field, and how many were not looked at."""
    if not isinstance(raw, list):
        raise Bad("list")
    made, dropped, seen = [], dict[str, int](), set[str]()
    for element in raw[:most]:
        try:
            thing = make(element)
        except Bad as bad:
            dropped[str(bad)] = dropped.get(str(bad), 0) + 1
            continue
        if thing.key in seen:
            dropped["repeated"] = dropped.get("repeated", 0) + 1
            continue
        seen.add(thing.key)
        made.append(thing)
    return made, dropped, max(len(raw) - most, 0)


def said(reply: Reply, limit: int = 200) -> str:
    """What an error answer says in one line: `{"code": …, "message": …}`, a bare JSON string, or plain text.

    A proxy's page says nothing worth showing.
    """
    body: Any
    try:
        body = json.loads(reply.body[:65_536])
    except (ValueError, RecursionError):
        body = "" if b"<" in reply.body[:200] else reply.body[:1_000].decode("utf-8", "replace")
    if isinstance(body, dict):
        body = body.get("message") or body.get("error") or ""
    text = " ".join(redact(well_formed(body)).split()) if isinstance(body, str) else ""
    return text if len(text) <= limit else text[: limit - 1] + CUT


def clause(where: str, reply: Reply) -> str:
    """One clause for an answer that is no success: the endpoint, the status, and what was said."""
    words = said(reply)
    return f"{where} answered {reply.status}" + (f": {words}" if words else "")


def silence_json(silence: Silence) -> Json:
    """A silence as the tools compare it."""
    return {
        "id": silence.key,
        "state": silence.state,
        "matchers": [list(m) for m in silence.matchers],
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "by": silence.created_by,
        "comment": silence.comment,
    }


def _texts(raw: Any, clean: Cleaner, *, strict: bool = False) -> dict[str, str]:
    """Labels or annotations. A value that is no text is left out; with `strict` it spoils the whole."""
    if not isinstance(raw, Mapping):
        raise Bad("labels" if strict else "annotations")
    items = list(raw.items())
    if strict and not all(isinstance(value, str) for _, value in items):
        raise Bad("labels")
    if len(items) > MOST_LABELS:
        items = sorted(items, key=lambda item: item[0] not in KEPT_FIRST)[:MOST_LABELS]
    return {clean(name, LONGEST_NAME): clean(value) for name, value in items if isinstance(value, str) and name}


def _ids(raw: Any, clean: Cleaner) -> tuple[str, ...]:
    """Ids; null, as some releases write for none, is none."""
    return tuple(clean(item, LONGEST_NAME) for item in raw[:MOST_LABELS] if item) if isinstance(raw, list) else ()


def _time(raw: Any) -> int:
    """A time that may be absent: 0."""
    try:
        return to_ms(raw)
    except Bad:
        return 0


def _list(raw: Any, what: str) -> Sequence[Any]:
    if not isinstance(raw, list) or not raw:
        raise Bad(what)
    return raw[:MOST_LABELS]
