"""The inbox and the outbox of the world database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from storage.records import Message, MessageType, OutgoingMessage, Trust
from storage.world_rows import (
    MESSAGE,
    OUTGOING,
    WorldBase,
    WorldError,
    bounded,
    clean,
    encode,
    message_of,
    message_type,
    outgoing_of,
    save,
)

_SUBJECT = 80
"""Characters of a message's first line that serve as its subject."""


_TYPE_RANK = (
    "case type " + " ".join(f"when '{kind.value}' then {rank}" for rank, kind in enumerate(MessageType)) + " else 9 end"
)


class WorldMessages(WorldBase):
    """Messages to the agents of this world, and what was sent."""

    # received ------------------------------------------------------------------------------------

    def deliver(self, message: Message, *, to: str = "") -> Message:
        """Put a message into an inbox, once for each id: a repeat gives the message as first stored.

        `to` names one agent; empty means every agent of this world. A type that is none of ours is kept as
        `raw_type` of an `unknown` message (D21).
        """
        kind, raw = message_type(message.type, message.raw_type)
        with self.store.write() as conn:
            return self._deliver(conn, replace(message, type=kind, raw_type=raw), to, None)

    @staticmethod
    def _deliver(conn: sqlite3.Connection, message: Message, to: str, outgoing_key: str | None) -> Message:
        values = encode(message) | {"recipient": clean(to), "outgoing_key": outgoing_key}
        names = ", ".join(values)
        conn.execute(
            f"insert into messages ({names}) values ({', '.join('?' * len(values))}) on conflict (id) do nothing",
            tuple(values.values()),
        )
        return message_of(conn.execute(f"select {MESSAGE} from messages where id = ?", (values["id"],)).fetchone())

    def inbox(self, agent: str, limit: int = 500) -> list[Message]:
        """Messages to `agent` that are not acknowledged, newest first."""
        return [
            message_of(row)
            for row in self.store.read(
                f"select {MESSAGE} from messages where acknowledged_at is null and recipient in ('', ?)"
                " order by at desc, seq desc limit ?",
                (clean(agent), bounded(limit)),
            )
        ]

    def inbox_count(self, agent: str) -> int:
        """How many messages to `agent` are not acknowledged."""
        row = self.store.read_one(
            "select count(*) from messages where acknowledged_at is null and recipient in ('', ?)", (clean(agent),)
        )
        return int(row[0]) if row else 0

    def urgent(self, agent: str, limit: int = 2_000) -> list[Message]:
        """Urgent open messages to `agent`: those of known senders first, so that no flood hides them, oldest first."""
        found: list[Message] = []
        for trust in ("trust = 'known'", "trust <> 'known'"):
            sql = (
                f"select {MESSAGE} from messages where acknowledged_at is null and type = 'urgent' and {trust}"
                " and recipient in ('', ?) order by at, id limit ?"
            )
            found += map(message_of, self.store.read(sql, (clean(agent), bounded(limit - len(found)))))
        return found

    def urgent_count(self, agent: str) -> int:
        """How many urgent messages to `agent` are not acknowledged."""
        row = self.store.read_one(
            "select count(*) from messages where acknowledged_at is null and type = 'urgent' and recipient in ('', ?)",
            (clean(agent),),
        )
        return int(row[0]) if row else 0

    def inbox_order(self, agent: str, text: str = "") -> list[str]:
        """Ids of the open messages to `agent` in the routine's order of types, known senders first, then by age (R10).

        With `text`, only those whose sender, subject or body contains it, whatever its case (ASCII).
        """
        if not text:
            return self._whole_inbox(clean(agent))
        where = (
            "acknowledged_at is null and recipient in ('', ?)"
            " and (instr(lower(subject), ?2) or instr(lower(sender), ?2) or instr(lower(body), ?2))"
        )
        sql = f"select id from messages where {where} order by {_TYPE_RANK}, trust <> 'known', at, id"
        return [row[0] for row in self.store.read(sql, (clean(agent), clean(text).lower()))]

    def _whole_inbox(self, agent: str) -> list[str]:
        """Type after type from the index; one query over all types would sort what already lies in order."""
        select = "select id from messages indexed by messages_in_order where acknowledged_at is null and"
        types = [kind.value for kind in MessageType]
        marks = ", ".join("?" * len(types))
        parts = [("type = ?", (kind,)) for kind in types] + [(f"type not in ({marks})", tuple(types))]
        ids: list[str] = []
        with self.store.snapshot() as conn:
            for which, values in parts:
                for trust in ("trust = 'known'", "trust <> 'known'"):
                    sql = f"{select} {which} and {trust} and recipient in ('', ?) order by at, id"
                    ids += [row[0] for row in conn.execute(sql, (*values, agent))]
        return ids

    def messages_of(self, ids: Sequence[str], agent: str) -> list[Message]:
        """The messages with these ids, in no particular order; unknown ids are left out."""
        marks = ", ".join("?" * len(ids))
        sql = f"select {MESSAGE} from messages where id in ({marks}) and recipient in ('', ?)"
        return [message_of(row) for row in self.store.read(sql, (*map(clean, ids), clean(agent)))] if ids else []

    def message(self, message_id: str, agent: str) -> Message | None:
        """One message to `agent`, or None."""
        row = self.store.read_one(
            f"select {MESSAGE} from messages where id = ? and recipient in ('', ?)", (clean(message_id), clean(agent))
        )
        return message_of(row) if row else None

    def mark_read(self, message_id: str, agent: str) -> Message | None:
        """Note when a message was first seen; None if there is no such message."""
        return self._mark(message_id, agent, "read_at = coalesce(read_at, ?1)")

    def acknowledge(self, message_id: str, agent: str) -> Message | None:
        """Take a message out of the inbox; None if there is no such message."""
        return self._mark(
            message_id, agent, "read_at = coalesce(read_at, ?1), acknowledged_at = coalesce(acknowledged_at, ?1)"
        )

    def _mark(self, message_id: str, agent: str, change: str) -> Message | None:
        with self.store.write() as conn:
            row = conn.execute(
                f"update messages set {change} where id = ?2 and recipient in ('', ?3)"
                f" returning {MESSAGE}, outgoing_key",
                (self.clock.now(), clean(message_id), clean(agent)),
            ).fetchone()
            if row is None:
                return None
            values = dict(row)
            key = values.pop("outgoing_key")
            if key is not None:
                conn.execute("update outgoing set state = 'seen' where key = ? and state = 'sent'", (key,))
            return message_of(values)

    def reclassify(self, message_id: str, type_: str, agent: str) -> Message | None:
        """Give a message another type (R10); the word it was sent with is kept. None if there is no such message."""
        with self.store.write() as conn:
            found = self.message(message_id, agent)
            if found is None:
                return None
            kind, raw = message_type(type_, found.raw_type if type_ in set(MessageType) else "")
            conn.execute("update messages set type = ?, raw_type = ? where id = ?", (kind.value, raw, found.id))
            return replace(found, type=kind, raw_type=raw)

    # sent ----------------------------------------------------------------------------------------

    def send(
        self,
        *,
        sender: str,
        to: str,
        channel: str,
        text: str,
        key: str,
        category: str = "",
        urgent: bool = False,
        state: str = "sent",
    ) -> OutgoingMessage:
        """Record an outgoing message, once for each key; one sent to an agent also lands in that agent's inbox.

        Raises `WorldError` for an empty key.
        """
        if not key:
            raise WorldError("An outgoing message needs a key.", "Without one it could be sent twice.")
        with self.store.write() as conn:
            known = self._outgoing(conn, key)
            if known is not None:
                return known
            digest = hashlib.sha256(clean(key).encode()).hexdigest()[:20]
            message = OutgoingMessage(
                id=f"out-{digest}",
                to=to,
                channel=channel,
                text=text,
                at=self.clock.now(),
                category=category,
                urgent=urgent,
                state=state,
                key=key,
            )
            save(conn, "outgoing", encode(message), ("key",))
            if channel == "agent" and state == "sent":
                arriving = Message(
                    id=f"in-{digest}",
                    type=MessageType.URGENT if urgent else MessageType.INFO,
                    sender=sender,
                    subject=(text.strip().splitlines() or [""])[0][:_SUBJECT],
                    body=text,
                    at=message.at,
                    trust=Trust.KNOWN,
                )
                self._deliver(conn, arriving, to, clean(key))
            return self._outgoing(conn, key) or message

    def sent(self, limit: int = 100) -> list[OutgoingMessage]:
        """What was sent or waits, newest first."""
        return [
            outgoing_of(row)
            for row in self.store.read(
                f"select {OUTGOING} from outgoing order by at desc, seq desc limit ?", (bounded(limit),)
            )
        ]

    def sent_by_key(self, key: str) -> OutgoingMessage | None:
        """The outgoing message with this key, or None."""
        row = self.store.read_one(f"select {OUTGOING} from outgoing where key = ?", (clean(key),))
        return outgoing_of(row) if row else None

    def set_sent_state(self, key: str, state: str) -> OutgoingMessage | None:
        """Note what became of an outgoing message; None if there is none with this key."""
        with self.store.write() as conn:
            conn.execute("update outgoing set state = ? where key = ?", (clean(state), clean(key)))
            return self._outgoing(conn, key)

    @staticmethod
    def _outgoing(conn: sqlite3.Connection, key: str) -> OutgoingMessage | None:
        row = conn.execute(f"select {OUTGOING} from outgoing where key = ?", (clean(key),)).fetchone()
        return outgoing_of(row) if row else None
