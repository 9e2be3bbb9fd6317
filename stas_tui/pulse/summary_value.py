"""A field of the Pulse Summary as it will be written, and how its words are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stas_tui.pulse.summary_model import Item, Proof, Source
from stas_tui.texts.lines import quoted
from storage.records import DataState

SAID = "said"
SEEN = "seen"
UNKNOWN = "unknown"

RECEIPTS = frozenset({"sent", "seen", "answered", "delivered"})
_WORDS = {
    DataState.ERROR: "error",
    DataState.DENIED: "denied",
    DataState.UNKNOWN: "never asked",
    DataState.STALE: "stale",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """One field as it will be written."""

    key: str
    label: str
    """The routine's heading or label, without its value."""
    value: str
    below: tuple[str, ...] = ()
    """The lines under the heading."""
    known: str = SEEN
    """`said`, `seen` or `unknown`."""
    evidence: Proof = ()
    strict: str = ""
    """The worse of the routine's own words, for a strict export; empty if `value` is one of them (D15)."""


def why(source: Source) -> str:
    """Why a source is not believed: `error: timed out`; empty if it is."""
    word = _WORDS.get(source.state, "")
    reason = quoted(source.reason, 160)
    if source.state is DataState.UNKNOWN and reason:
        return reason
    return f"{word}: {reason}" if word and reason else reason or word


def unknown(source: Source) -> str:
    """`Unknown (reason)` (D15)."""
    return f"Unknown ({why(source)})"


def believed(source: Source) -> str:
    """`seen` if the source ever answered, else `unknown`."""
    return SEEN if source.known or source.state is DataState.STALE else UNKNOWN


def quoted_items(items: Iterable[Item]) -> tuple[str, ...]:
    """The texts of items, harmless in Markdown."""
    return tuple(quoted(item.text) for item in items)


def proof_of(items: Iterable[Item]) -> Proof:
    """The evidence of items, in order."""
    return tuple(proof for item in items for proof in item.evidence)
