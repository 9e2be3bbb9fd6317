"""Events that an item can wait for: how they are written, and how a person says them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stas_tui.triage.words import line
from storage.triage import TriageRefused

NEXT_PULSE = "next pulse"
FORMS = "next pulse, ci:PROJECT/SHA, pr:PROJECT/NUMBER, task:PROJECT/ID"
_EVENT = re.compile(r"(ci|pr|task):([^/\s]{1,64})/(\S{1,100})")
_SHA = 8


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a person wrote it, taken apart."""

    text: str
    kind: str
    """`pulse`, `ci`, `pr` or `task`."""
    project: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An event that an item can wait for, as a choice."""

    event: str
    """As `parse` reads it."""
    words: str
    """What has to happen, after «until»; text from outside in it is one printable line."""


def parse(text: str) -> Event:
    """The event of a text. Raises `TriageRefused` if it is none."""
    plain = text.strip()
    if plain.lower() == NEXT_PULSE:
        return Event(NEXT_PULSE, "pulse")
    match = _EVENT.fullmatch(plain)
    if match is None or (match[1] == "pr" and not match[3].isdecimal()):
        raise TriageRefused(f"«{plain[:60]}» is no event that can be waited for.", f"Known: {FORMS}.")
    return Event(plain, match[1], match[2], match[3])


def is_event(text: str) -> bool:
    """Whether `parse` reads it."""
    try:
        parse(text)
    except TriageRefused:
        return False
    return True


def event_words(text: str, *, about: str = "") -> str:
    """An event as a person says it, after «until»; a text that is no event is returned as a line.

    `about` is what it is about, such as the title of a task.
    """
    if not is_event(text):
        return line(text, 100)
    event = parse(text)
    ref, project = line(event.ref, 40), line(event.project, 40)
    said = {
        "pulse": "the next pulse",
        "ci": f"CI of {ref[:_SHA]} in {project} has finished",
        "pr": f"pull request {ref} of {project} is merged or closed",
        "task": f"task {ref} of {project} moves",
    }[event.kind]
    title = line(about, 60)
    return f"{said}: {title}" if title else said
