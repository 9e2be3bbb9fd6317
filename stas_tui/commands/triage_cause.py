"""`stas triage cause`: what a person named as the cause of an incident, and what Stas only suspects."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from storage.clock import iso_seconds
from storage.triage import TriageRefused

if TYPE_CHECKING:
    from stas_tui.wiring import Application
    from storage.records import Json
    from storage.triage_records import Incident

NONE = "none"
"""The word that takes the named cause back."""
SHORTEST_SHA = 4


def cause(app: Application, key: str, words: Sequence[str], *, reason: str, as_json: bool) -> int:
    """Print the cause; or name it: one suspect by the beginning of its commit, `none`, or words of one's own.

    Raises `TriageRefused`, also if nobody opened an incident.
    """
    incident = app.desk.incident(key)
    if incident is None:
        raise TriageRefused("Nobody opened an incident for this item.", "Open one first: I on the list.")
    suspects = app.desk.suspects(key)
    seen = incident.cause.id if incident.cause else 0
    text = " ".join(" ".join(words).split())
    if text == NONE:
        incident = app.desk.withdraw_cause(key, by=app.person, why=reason, seen=seen)
    elif text:
        named, sha = _chosen(text, suspects)
        incident = app.desk.name_cause(key, by=app.person, text=named, sha=sha, seen=seen)
    if as_json:
        common.print_json(_json(incident, suspects))
    else:
        from widgets.printable import flat

        sys.stdout.writelines(f"{flat(line)}\n" for line in _lines(incident, suspects))
    return exit_codes.OK


def _chosen(text: str, suspects: Sequence[Json]) -> tuple[str, str]:
    """(words, commit) of the one suspect whose commit begins so, else the words themselves."""
    from stas_tui.triage.incidents import cause_words

    start = text.lower()
    fits = [s for s in suspects if len(start) >= SHORTEST_SHA and str(s["sha"]).lower().startswith(start)]
    if len(fits) > 1:
        raise TriageRefused(f"{text} begins {len(fits)} suspect commits.", "Type more of it.")
    return (cause_words(fits[0]), str(fits[0]["sha"])) if fits else (text, "")


def _lines(incident: Incident, suspects: Sequence[Json]) -> Iterator[str]:
    from stas_tui.triage.incidents import cause_words, named_words

    now = incident.cause
    yield f"{now.text}: {named_words(now, iso_seconds(now.at))}." if now else "No cause is named yet."
    for suspect in suspects:
        yield f"Suspected by Stas: {cause_words(suspect)}, {suspect['why']}."
    if not suspects:
        yield "No change is known in the hour before it began."


def _json(incident: Incident, suspects: Sequence[Json]) -> Json:
    now = incident.cause
    return {
        "schema": "stas.cause/1",
        "key": incident.key,
        "cause": dataclasses.asdict(now) | {"at": iso_seconds(now.at)} if now else None,
        "suspects": [dict(suspect) for suspect in suspects],
    }
