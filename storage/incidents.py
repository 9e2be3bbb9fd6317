"""State documents of incidents and hand-over sheets: timelines only grow, sheets are accepted once."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

from storage.canonical import digest_of, dump, load, well_formed
from storage.clock import MINUTE, hhmm
from storage.journal import Journal
from storage.records import Json
from storage.triage import Triage, TriageRefused
from storage.triage_records import HandOver, Incident, IncidentEntry

UPDATE_MS = 30 * MINUTE
"""How often stakeholders are told how an open incident stands."""
STATUSES = ("investigating", "identified", "monitoring", "resolved")
KINDS = ("note", "decision", "question", "answer", "status", "impact", "update")
"""What a person can write; `role`, `cause`, `withdrawn` and `seen` come from elsewhere."""
ROLES = ("commander", "operator", "scribe")
TEXT_LENGTH = 4_000
CAUSE_LENGTH = 1_000


class Incidents:
    """The incidents of one record. Every change and its log line are one transaction. Raises `StoreError`."""

    def __init__(self, journal: Journal, triage: Triage) -> None:
        self._journal = journal
        self._store = journal.store
        self._triage = triage

    def get(self, key: str) -> Incident | None:
        """The state document of an item with its whole timeline; None if nobody opened one."""
        with self._store.snapshot() as conn:
            return self._get(conn, key)

    def open_ones(self) -> list[Incident]:
        """Incidents that are not resolved, oldest first, without their timelines."""
        rows = self._store.read("select * from incident where resolved_at is null order by opened_at, key")
        return [_incident(row, ()) for row in rows]

    def open(self, key: str, title: str, *, by: str) -> Incident:
        """Start the document; one that is there is returned as it is."""
        with self._journal.changing() as conn:
            there = self._get(conn, key)
            if there is not None:
                return there
            now = self._journal.now()
            values = (well_formed(key), well_formed(title), now, well_formed(by), now + UPDATE_MS)
            conn.execute(
                "insert into incident(key, title, opened_at, opened_by, status, next_update_at)"
                " values(?, ?, ?, ?, 'investigating', ?)",
                values,
            )
            self._triage.append(conn, key, "incident.opened", by=by, body={"title": title})
            return self._required(conn, key)

    def write(self, key: str, *, by: str, kind: str, text: str) -> Incident:
        """Append to the timeline; `status` and `impact` also change the document. Raises `TriageRefused`.

        An update, a status and an impact start the time to the next update anew; resolved needs none.
        """
        words = well_formed(text).strip()
        if kind not in KINDS:
            raise TriageRefused(f"«{kind}» is nothing that is written down.", f"One of {', '.join(KINDS)}.")
        if not words or len(words) > TEXT_LENGTH:
            raise TriageRefused(f"Write 1 to {TEXT_LENGTH} characters.")
        if kind == "status" and words not in STATUSES:
            raise TriageRefused(f"«{words[:40]}» is no status.", f"One of {', '.join(STATUSES)}.")
        with self._journal.changing() as conn:
            incident = self._required(conn, key)
            now = self._journal.now()
            values: Json = {}
            if kind in ("status", "impact"):
                values[kind] = words
            if kind == "status":
                values["resolved_at"] = now if words == "resolved" else None
            status = values.get("status", incident.status)
            if kind in ("status", "impact", "update"):
                values["next_update_at"] = None if status == "resolved" else now + UPDATE_MS
            return self._change(conn, incident, values, by=by, kind=kind, text=words)

    def role(self, key: str, *, by: str, role: str, who: str) -> Incident:
        """Name who commands, operates or writes; an empty name clears it. Raises `TriageRefused`."""
        if role not in ROLES:
            raise TriageRefused(f"«{role}» is no role.", f"One of {', '.join(ROLES)}.")
        name = well_formed(who).strip()[:200]
        with self._journal.changing() as conn:
            incident = self._required(conn, key)
            if getattr(incident, role) == name:
                return incident
            return self._change(conn, incident, {role: name}, by=by, kind="role", text=f"{role} is {name or 'nobody'}")

    def name_cause(self, key: str, *, by: str, text: str, sha: str = "", seen: int | None = None) -> Incident:
        """Name what caused it, in place of what was named before; `sha` if it is a change. Raises `TriageRefused`.

        `seen` is the id of the entry that was on screen (0 for none): a cause that somebody else named or took back
        since is not overwritten unread. Saying again what one has said changes nothing.
        """
        words = well_formed(text).strip()
        if not words or len(words) > CAUSE_LENGTH:
            raise TriageRefused(f"Say the cause in 1 to {CAUSE_LENGTH} characters.")
        with self._journal.changing() as conn:
            incident = self._required(conn, key)
            now = _as_seen(incident, seen)
            if now is not None and (now.by, now.text) == (well_formed(by), words):
                return incident
            more = {"sha": well_formed(sha)} if sha else {}
            return self._change(conn, incident, {}, by=by, kind="cause", text=words, more=more)

    def withdraw_cause(self, key: str, *, by: str, why: str, seen: int | None = None) -> Incident:
        """Take the named cause back, with what speaks against it; both stay in the timeline. Raises `TriageRefused`."""
        words = well_formed(why).strip()
        if not words or len(words) > CAUSE_LENGTH:
            raise TriageRefused(f"Say what speaks against it, in 1 to {CAUSE_LENGTH} characters.")
        with self._journal.changing() as conn:
            incident = self._required(conn, key)
            now = _as_seen(incident, seen)
            if now is None:
                raise TriageRefused("No cause is named, so there is none to take back.")
            more = {"entry": now.id, "why": words}
            text = f"the cause «{now.text}»: {words}"
            return self._change(conn, incident, {}, by=by, kind="withdrawn", text=text, more=more)

    def delivered(self, key: str, ts: str) -> None:
        """Where the incident's one message stands."""
        with self._store.write() as conn:
            conn.execute(
                "update incident set slack_ts = ?, version = version + 1 where key = ? and slack_ts <> ?",
                (well_formed(ts), well_formed(key), well_formed(ts)),
            )

    def _change(
        self,
        conn: sqlite3.Connection,
        incident: Incident,
        values: Json,
        *,
        by: str,
        kind: str,
        text: str,
        more: Json | None = None,
    ) -> Incident:
        sets = ", ".join(f"{name} = :{name}" for name in values)
        conn.execute(
            f"update incident set {sets + ', ' if sets else ''}version = version + 1 where key = :_key",
            {**values, "_key": incident.key},
        )
        conn.execute(
            "insert into incident_entry(incident, at, by, kind, text) values(?, ?, ?, ?, ?)",
            (incident.key, self._journal.now(), well_formed(by), kind, text),
        )
        self._triage.append(conn, incident.key, f"incident.{kind}", by=by, body={"text": text, **(more or {})})
        return self._required(conn, incident.key)

    def _required(self, conn: sqlite3.Connection, key: str) -> Incident:
        found = self._get(conn, key)
        if found is None:
            raise TriageRefused("Nobody opened an incident for this item.", "Open one first.")
        return found

    @staticmethod
    def _get(conn: sqlite3.Connection, key: str) -> Incident | None:
        row = conn.execute("select * from incident where key = ?", (well_formed(key),)).fetchone()
        if row is None:
            return None
        entries = conn.execute("select * from incident_entry where incident = ? order by id", (row["key"],)).fetchall()
        return _incident(row, tuple(IncidentEntry(**dict(entry)) for entry in entries))


def _as_seen(incident: Incident, seen: int | None) -> IncidentEntry | None:
    """The cause as it is named now. Raises `TriageRefused` if it is not the one that was on screen."""
    now = incident.cause
    if seen is None or seen == (now.id if now else 0):
        return now
    what = f"{now.by} named a cause at {hhmm(now.at)}: {now.text[:200]}" if now else "The cause was taken back"
    raise TriageRefused(f"{what}. That was after you looked; nothing was changed.", "Read it, then say it again.")


def _incident(row: sqlite3.Row, entries: tuple[IncidentEntry, ...]) -> Incident:
    return Incident(**dict(row), entries=entries)


class HandOvers:
    """Hand-over sheets. Every change and its log line are one transaction. Raises `StoreError`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._store = journal.store

    def put(self, *, by: str, keys: Sequence[str], markdown: str) -> HandOver:
        """Keep a new sheet; it takes the place of one that nobody accepted."""
        text = well_formed(markdown)
        with self._journal.changing() as conn:
            now = self._journal.now()
            id_ = f"h-{uuid.uuid4().hex[:8]}"
            digest = digest_of(
                {"id": id_, "by": well_formed(by), "at": now, "keys": sorted(keys), "markdown": text},
                "stas/hand-over/v1",
            )
            conn.execute(
                "insert into hand_over(id, made_at, made_by, keys, markdown, digest) values(?, ?, ?, ?, ?, ?)",
                (id_, now, well_formed(by), dump(sorted(keys)), text, digest),
            )
            self._journal.append(conn, "handover.written", actor=by, body={"id": id_, "digest": digest, "by": by})
        return HandOver(id=id_, made_at=now, made_by=well_formed(by), markdown=text, digest=digest)

    def get(self, id_: str) -> HandOver | None:
        """A sheet by its id."""
        row = self._store.read_one("select * from hand_over where id = ?", (well_formed(id_),))
        return None if row is None else _sheet(row)

    def latest(self) -> HandOver | None:
        """The last sheet, accepted or not."""
        row = self._store.read_one("select * from hand_over order by made_at desc, rowid desc limit 1")
        return None if row is None else _sheet(row)

    def keys(self, id_: str) -> list[str]:
        """The items that their owner hands over with a sheet."""
        row = self._store.read_one("select keys from hand_over where id = ?", (well_formed(id_),))
        return [] if row is None else list(load(row["keys"]))

    def accept(self, conn: sqlite3.Connection, sheet: HandOver, *, by: str, body: Json) -> HandOver:
        """Note inside the caller's transaction who took over. Raises `TriageRefused` if somebody did already."""
        now = self._journal.now()
        done = conn.execute(
            "update hand_over set accepted_at = ?, accepted_by = ? where id = ? and accepted_at is null"
            " and digest = ? and id = (select id from hand_over order by made_at desc, rowid desc limit 1)",
            (now, well_formed(by), sheet.id, sheet.digest),
        )
        if done.rowcount != 1:
            raise TriageRefused("Somebody was faster, or there is a newer sheet.", "Look at the last one.")
        self._journal.append(
            conn, "handover.accepted", actor=by, body={"id": sheet.id, "digest": sheet.digest, "by": by, **body}
        )
        row = conn.execute("select * from hand_over where id = ?", (sheet.id,)).fetchone()
        return _sheet(row)


def _sheet(row: sqlite3.Row) -> HandOver:
    fields: dict[str, Any] = {name: row[name] for name in HandOver.__dataclass_fields__}
    return HandOver(**fields)
