"""The P0 message that needs no gate: every word of it is ours, from the configuration, a time or a count (R122)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stas_tui.gates.contract import BadCall
from stas_tui.gates.slack_rules import MAX_REPEATS
from stas_tui.gates.tools.base import Rules, only
from storage.clock import hhmm, iso_seconds
from storage.records import Json, Priority

FIELDS = ("priority", "alert", "tenants", "services", "since", "seen", "count", "owner")
CATEGORIES = frozenset({"incident", "security", "integrity"})
"""The others need words of their own: a figure, or which access."""
NOBODY = "nobody"

_ALERT = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,59}")
_MOST_DIGITS = 4
_MOST_NAMES = 10
_LATEST = 4_102_444_800_000
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """The message, and what of the fields could not be trusted."""

    text: str
    urgent_class: bool
    """Whether it is about a P0, so that it needs no gate."""
    nobody: bool
    """Nobody owns it."""
    left_out: tuple[str, ...]


def check_fields(given: object) -> Json:
    """The fields in their one canonical form. Raises `BadCall`; a value that is not trusted is no error here."""
    if not isinstance(given, Mapping):
        raise BadCall("template must hold fields.", f"Known: {', '.join(FIELDS)}.")
    only(given, *FIELDS)
    if given.get("priority") not in set(Priority):
        raise BadCall("template needs a priority.", f"One of {', '.join(Priority)}.")
    fields: Json = {"priority": str(given["priority"])}
    for name in ("alert", "owner"):
        value = given.get(name, "")
        if not isinstance(value, str) or len(value) > 200:
            raise BadCall(f"{name} must be a short text.")
        fields[name] = value
    for name in ("tenants", "services"):
        value = given.get(name, [])
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) and len(each) <= 200 for each in value):
            raise BadCall(f"{name} must be a list of names.")
        fields[name] = sorted(set(value))
    for name, most in (("since", _LATEST), ("seen", _LATEST), ("count", _MOST)):
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
            raise BadCall(f"{name} must be a {'count' if name == 'count' else 'time in milliseconds'}.")
        fields[name] = value
    return fields


def make(fields: Json, rules: Rules, *, repeat: int = 0) -> Made:
    """The message from checked fields. What is not in the configuration, or no plain name, is counted, not said."""
    left_out: list[str] = []
    name = fields["alert"]
    plain = bool(_ALERT.fullmatch(name)) and sum(map(str.isdigit, name)) <= _MOST_DIGITS
    if name and not plain:
        left_out.append("the alert's name")
    head = f"{fields['priority']} incident in {rules.environment}"
    lines = [f"{head}: {name}" if name and plain else head]
    for label, known in (("tenants", rules.tenants), ("services", rules.services)):
        line, unknown = _names(label, fields[label], {each for names in known.values() for each in names})
        lines += [line] if line else []
        left_out += [f"{unknown} of the {label}"] if unknown else []
    lines += [_times(fields)] if _times(fields) else []
    owner, said = _owner(fields["owner"], rules)
    lines.append(f"Owner: {owner}")
    left_out += [] if said else ["the owner's name"]
    if repeat:
        lines.append(f"Reminder {repeat} of {MAX_REPEATS}: nobody owns it yet.")
    return Made(
        text="\n".join(lines),
        urgent_class=fields["priority"] == Priority.P0,
        nobody=not fields["owner"],
        left_out=tuple(left_out),
    )


def _names(label: str, given: Iterable[str], known: set[str]) -> tuple[str, int]:
    names = list(given)
    said = [name for name in names if name in known][:_MOST_NAMES]
    rest = len(names) - len(said)
    unknown = sum(name not in known for name in names)
    if not names:
        return "", 0
    if not said:
        return f"{label.capitalize()}: {rest}, not named here", unknown
    return f"{label.capitalize()}: {', '.join(said)}" + (f" and {rest} more" if rest else ""), unknown


def _times(fields: Mapping[str, Any]) -> str:
    parts = []
    if "since" in fields:
        parts.append(f"since {iso_seconds(fields['since'])}")
    if "seen" in fields:
        parts.append(f"last seen {hhmm(fields['seen'])}")
    if "count" in fields:
        parts.append(f"reported {fields['count']} times" if fields["count"] > 1 else "reported once")
    line = ", ".join(parts)
    return line[:1].upper() + line[1:]


def _owner(owner: str, rules: Rules) -> tuple[str, bool]:
    """Who owns it, if the configuration knows the name; «somebody» for anybody else."""
    if not owner:
        return NOBODY, True
    known = {rules.agent, rules.human, rules.architect, *rules.agents, *rules.people}
    return (owner, True) if owner in known else ("somebody", False)
