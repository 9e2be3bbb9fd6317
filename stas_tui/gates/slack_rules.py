"""When the human may be interrupted: the five categories of the routine's section 11, and nothing else (R122-R128)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

MAX_REPEATS = 5
"""An unowned P0 is sent again as a new message at most this often (R128)."""

TEXT_LIMIT = 3_000
"""Characters of one message."""


@dataclass(frozen=True, slots=True)
class Category:
    """A reason to interrupt a person."""

    key: str
    label: str
    row: str
    urgent: bool
    """Whether it is urgent unless a person says otherwise: a property of the category, not of tone (D30)."""
    needs: str
    """What the text must hold, as a clause; empty if any text will do."""


CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        category.key: category
        for category in (
            Category("incident", "Production incident or outage", "R122", True, "what is down or degraded"),
            Category("security", "Security vulnerability in infrastructure", "R123", True, "what is exposed"),
            Category("integrity", "Data integrity risk or cross-tenant leak", "R124", True, "which data is at risk"),
            Category("cost", "Cost concern from an infrastructure change", "R125", False, "a figure with its currency"),
            Category(
                "access", "Blocker that needs cloud provider access", "R126", False, "what access, and what waits"
            ),
        )
    }
)
"""The union of both lists of the routine (D3), by key."""

_FIGURE = re.compile(
    r"(?:[$€£¥]|\b(?:USD|EUR|GBP|CHF|JPY|AUD|CAD)\s?)\s?\d|\b\d[\d.,\u202f' ]*\s?(?:[$€£¥]|(?:USD|EUR|GBP|CHF|JPY"
    r"|AUD|CAD"
    r"|dollars?|euros?|pounds?)\b)",
    re.IGNORECASE,
)
_ACCESS = re.compile(
    r"\b(access|permissions?|roles?|credentials?|iam|quota|account|console|console login|keys?|grants?|api tokens?)\b",
    re.IGNORECASE,
)
_WAITS = re.compile(r"\b(wait\w*|block\w*|stuck|cannot|can't|until|needed (?:for|to)|hold\w*)\b", re.IGNORECASE)
_WORDS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "security": re.compile(
            r"\b(vulnerab\w*|cve-\d|exploit\w*|breach\w*|intrusion|leaked (?:key|token|secret|credential)s?|exposed"
            r"|unauthori[sz]ed|privilege escalation|security)\b",
            re.IGNORECASE,
        ),
        "integrity": re.compile(
            r"\b(corrupt\w*|data loss|lost (?:data|rows|writes)|integrity|cross-tenant|(?:other|another|wrong) tenant"
            r"|tenant (?:data )?leak\w*|inconsisten\w*|duplicated rows|missing rows)\b",
            re.IGNORECASE,
        ),
        "incident": re.compile(
            r"\b(outage|incident|down|unavailable|5xx|50[0-4]|error rate|degraded|failing|failed deploy\w*|crash\w*"
            r"|timeouts?|production (?:is|issue|problem))\b",
            re.IGNORECASE,
        ),
        "access": re.compile(
            r"\b(cloud|aws|gcp|azure|provider|hetzner|ovh)\b.*\b(access|permission|role|quota)\b", re.I | re.S
        ),
        "cost": re.compile(r"\b(costs?|spend\w*|bill\w*|invoice|budget|price)\b", re.IGNORECASE),
    }
)
_ROUTINE = re.compile(
    r"\b(all (?:is )?(?:fine|good|ok|green|well)|everything (?:is )?(?:fine|ok|good|green)|no (?:issues?"
    r"|problems?|incidents?|errors?)"
    r"|nothing to (?:report|do)|for your information|fyi|status (?:update|report)|nightly|daily (?:report|summary"
    r"|update)"
    r"|weekly|routine|just (?:a )?(?:heads-?up|note|update)|successfully (?:deployed|completed)|went (?:well|fine))\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\bno (?:issues?|problems?|incidents?|errors?|outages?|downtime)\b", re.IGNORECASE)


def propose_category(text: str) -> str:
    """The category a text seems to belong to; empty if none does. A proposal: a person picks (R127)."""
    said = _DENIED.sub(" ", text)
    for key, words in _WORDS.items():
        if words.search(said) and (key != "cost" or _FIGURE.search(said)):
            return key
    return ""


def category_problem(category: str, text: str) -> str:
    """Why this text must not go to the human under this category, as a sentence; empty if it may (R122-R127)."""
    chosen = CATEGORIES.get(category)
    if chosen is None:
        given = "No category is chosen" if not category.strip() else "There is no such category"
        return f"{given}: a message to the human is for {_labels()}."
    if not text.strip():
        return "The message is empty."
    if len(text) > TEXT_LIMIT:
        return f"The message has {len(text)} characters; {TEXT_LIMIT} is the most."
    if category == "cost" and not _FIGURE.search(text):
        return "A cost concern needs a figure with its currency."
    if category == "access":
        if not _ACCESS.search(text):
            return "Say which access at the cloud provider is needed."
        if not _WAITS.search(text):
            return "Say what waits for the access."
    if _ROUTINE.search(text) and not propose_category(text):
        return f"This reads like a routine update, not like a case of “{chosen.label.lower()}”."
    return ""


def default_urgent(category: str) -> bool:
    """Whether a category is urgent by itself (R128): incident, security, integrity. False for an unknown one."""
    chosen = CATEGORIES.get(category)
    return chosen.urgent if chosen else False


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_QUOTED = re.compile(r"\"[^\"\n]+\"|(?<!\w)'[^'\n]+'(?!\w)|`[^`\n]+`|«[^»\n]+»|“[^”\n]+”|‘[^’\n]+’")
_DATA = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[{\[][^{}\[\]\n]*[}\]]"
    r"|\b\w+=\S+"
    r"|(?<![\w-])(?!\d{4}-\d\d-\d\d)\+?\d[\d ().-]{6,}\d"
    r"|\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{16,}\b"
)
"""What a row of somebody's data looks like: addresses, records, pairs, long numbers, opaque ids."""
WITHHELD = "[withheld]"
_MASKED = frozenset({"security", "integrity"})


def readable(text: str) -> str:
    """The text without control and direction characters, as it will look everywhere."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n")).strip()


def withheld(category: str, text: str, known: Iterable[str]) -> tuple[str, int]:
    """The text without what looks like data of a tenant or details of a hole, and how many places that were.

    Only for security and integrity (R123, R124): tenants as ids, no customer data. `known` words, the configured
    tenants and services, may stand in quotation marks.
    """
    if category not in _MASKED:
        return text, 0
    names = set(known)

    def mask(match: re.Match[str]) -> str:
        return match[0] if match[0] in names or match[0][1:-1] in names else "\0"

    masked = _DATA.sub(mask, _QUOTED.sub(mask, text))
    return masked.replace("\0", WITHHELD), masked.count("\0")


def _labels() -> str:
    labels = [category.label[0].lower() + category.label[1:] for category in CATEGORIES.values()]
    return "; ".join(labels)
