"""The filter of the list: plain words and `key:value`, with `-` for not. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stas_tui.texts.lines import listed
from stas_tui.triage.identity import owned
from stas_tui.triage.words import line
from storage.errors import StasError
from storage.records import Priority
from storage.triage_records import ItemClass, TriageItem

LONGEST = 500
"""Characters of a filter."""

NOBODY = "none"

_PRIORITIES = {"?": None, "p?": None} | {
    spelling: priority for priority in Priority for spelling in (priority.value.casefold(), priority.value[1:])
}
_CLASSES = {kind.value for kind in ItemClass}
_TOKEN = re.compile(r'\s*(?P<no>-?)(?:(?P<key>[A-Za-z][A-Za-z_]*):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]*))(?=\s|$)')


class QueryError(StasError):
    """The filter cannot be read; the sentence says what is known."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `key` is empty for a plain word. One of the values is enough."""

    key: str
    values: tuple[str, ...]
    no: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A filter: an item passes if every term holds. An empty one lets everything pass."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read a filter such as `class:incident,gate -owner:me tenant:"acme corp" cache`. Raises `QueryError`.

        A value may name several, joined with commas. Quotes keep blanks, commas and colons as they are.
        """
        if len(text) > LONGEST:
            raise QueryError("The filter is too long.", f"Keep it below {LONGEST} characters.")
        terms, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError(
                    f"The filter cannot be read at {line(text[at:], 40)}.",
                    'Quotes come in pairs and stand around a whole value, as in tenant:"acme corp".',
                )
            terms.append(_term(found))
            at = found.end()
        return cls(text=text.strip(), terms=tuple(terms))

    def matches(self, item: TriageItem, *, me: str, now: int) -> bool:
        """Whether an item passes. `me` is who looks."""
        return all(term.no is not _holds(term, item, me.casefold(), now) for term in self.terms)


def _term(found: re.Match[str]) -> Term:
    key = (found["key"] or "").casefold()
    quoted, no = found["quoted"], bool(found["no"])
    value = (found["bare"] if quoted is None else quoted).casefold()
    if not key:
        if not value.strip():
            raise QueryError("The filter has a word that is empty.", "Write what to look for after the sign.")
        return Term("", (value,), no)
    if key not in _FILTERS:
        raise QueryError(
            f"There is no filter {line(key, 20)}:.",
            f"There are {listed([f'{name}:' for name in sorted(_FILTERS)], 9)}; put a word with a colon in quotes.",
        )
    values = (value,) if quoted is not None else tuple(filter(None, value.split(",")))
    known = _KNOWN.get(key)
    if not values or not all(values):
        raise QueryError(f"The filter {key}: needs a value.", _offer(key))
    if known is not None and (odd := [value for value in values if value not in known]):
        raise QueryError(f"The filter {key}: does not know {line(odd[0], 30)}.", _offer(key))
    return Term(key, values, no)


def _offer(key: str) -> str:
    if key == "p":
        return "Write p:0 to p:3, or p:? for an unknown priority."
    if key in _KNOWN:
        return f"It knows {listed(sorted(_KNOWN[key]), 20)}."
    return "Write owner:me, owner:none or a name." if key == "owner" else f"Write a name, as in {key}:acme."


def _holds(term: Term, item: TriageItem, me: str, now: int) -> bool:
    if not term.key:
        return term.values[0] in _text_of(item)
    return any(_FILTERS[term.key](item, value, me, now) for value in term.values)


def _text_of(item: TriageItem) -> str:
    return "\n".join((item.title, item.key, item.service, *item.tenants)).casefold()


def _owner(item: TriageItem, value: str, me: str, now: int) -> bool:
    owner = item.owner.casefold() if owned(item.note, now) else ""
    if value == NOBODY:
        return not owner
    return bool(owner) and owner == (me if value == "me" else value)


_STATES: dict[str, Callable[[TriageItem, str, int], bool]] = {
    "snoozed": lambda item, me, now: item.suppressed.startswith("snoozed"),
    "suppressed": lambda item, me, now: bool(item.suppressed),
    "new": lambda item, me, now: item.note is None or item.note.seen_at is None,
    "mine": lambda item, me, now: _owner(item, "me", me, now),
    "replayed": lambda item, me, now: item.replayed,
    "unverified": lambda item, me, now: item.item_class is ItemClass.MESSAGE and not item.trusted,
    "lapsed": lambda item, me, now: item.note is not None and item.note.lapsed_at is not None,
}

_FILTERS: dict[str, Callable[[TriageItem, str, str, int], bool]] = {
    "class": lambda item, value, me, now: item.item_class.value == value,
    "p": lambda item, value, me, now: item.priority is _PRIORITIES[value],
    "owner": _owner,
    "tenant": lambda item, value, me, now: value in (tenant.casefold() for tenant in item.tenants),
    "service": lambda item, value, me, now: item.service.casefold() == value,
    "is": lambda item, value, me, now: _STATES[value](item, me, now),
}

_KNOWN = {"class": _CLASSES, "p": set(_PRIORITIES), "is": set(_STATES)}
