"""The hash chain of the log: each event seals the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.canonical import CanonicalError, digest_of
from storage.records import Event, Json

GENESIS = "0" * 64
"""The hash before the first event."""
DOMAIN = "stas/event/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A point of the chain that was also written somewhere else."""

    seq: int
    hash: str
    where_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a check of the whole log found."""

    ok: bool
    events: int
    head_seq: int
    head_hash: str
    first_bad: int | None = None
    """The first sequence number that does not fit; None if all do."""
    tail_cut: bool = False
    """Events that an anchor or the head knows are missing at the end."""
    why: str = ""
    """One sentence for a person."""


def event_hash(
    *, seq: int, at: int, actor: str, kind: str, pulse_id: str | None, action_id: str | None, body: Json, prev: str
) -> str:
    """The seal of one event. Raises `CanonicalError` if the body has no canonical form."""
    return digest_of(
        {
            "seq": seq,
            "at": at,
            "actor": actor,
            "kind": kind,
            "pulse": pulse_id,
            "action": action_id,
            "body": body,
            "prev": prev,
        },
        DOMAIN,
    )


def check_chain(events: Iterable[Event], *, head_seq: int, head_hash: str, anchors: Sequence[Anchor]) -> ChainReport:
    """Walk the log in order of `seq` and compare it with its head and with every anchor."""
    wanted = {(anchor.seq, anchor.hash): anchor for anchor in anchors}
    furthest = max((anchor.seq for anchor in anchors), default=0)
    seen, last, last_at = 0, GENESIS, 0

    def bad(seq: int, why: str, *, cut: bool = False) -> ChainReport:
        return ChainReport(
            ok=False, events=seen, head_seq=head_seq, head_hash=head_hash, first_bad=seq, tail_cut=cut, why=why
        )

    for event in events:
        if event.seq != seen + 1:
            return bad(seen + 1, f"Event {seen + 1} is missing; event {event.seq} follows event {seen}.")
        if event.prev != last:
            return bad(event.seq, f"Event {event.seq} does not follow from event {seen}: it was moved or replaced.")
        if event.at < last_at:
            return bad(event.seq, f"Event {event.seq} is older than the one before it.")
        if _seal(event) != event.hash:
            return bad(event.seq, f"Event {event.seq} was changed after it was written.")
        for anchor in anchors:
            if anchor.seq == event.seq and anchor.hash != event.hash:
                return bad(event.seq, f"Event {event.seq} is not the one anchored at {anchor.where_to or 'an anchor'}.")
        wanted.pop((event.seq, event.hash), None)
        seen, last, last_at = event.seq, event.hash, event.at
    if furthest > seen:
        return bad(
            seen + 1, f"The log ends at event {seen}, but event {furthest} was anchored: its end was cut.", cut=True
        )
    if head_seq > seen:
        return bad(seen + 1, f"The log ends at event {seen}, but its head is at {head_seq}: its end was cut.", cut=True)
    if (head_seq, head_hash) != (seen, last):
        return bad(seen or 1, f"The head of the log does not belong to its last event {seen}.")
    return ChainReport(ok=True, events=seen, head_seq=head_seq, head_hash=head_hash, why=f"{seen} events, unbroken.")


def _seal(event: Event) -> str:
    try:
        return event_hash(
            seq=event.seq,
            at=event.at,
            actor=event.actor,
            kind=event.kind,
            pulse_id=event.pulse_id,
            action_id=event.action_id,
            body=event.body,
            prev=event.prev,
        )
    except CanonicalError:
        return ""
