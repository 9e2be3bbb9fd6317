"""Findings: what a check said about a subject, with its evidence."""

from __future__ import annotations

import dataclasses
import sqlite3

from storage.canonical import dump, load, well_formed
from storage.records import Evidence, Finding
from storage.sqlite import Store


class Findings:
    """The findings of one record. Raises `StoreError`, and `CanonicalError` for evidence that is not JSON."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, finding: Finding) -> Finding:
        """Store a finding; one with the same id is replaced."""
        values = {
            "id": finding.id,
            "pulse_id": finding.pulse_id,
            "check": finding.check,
            "subject": well_formed(finding.subject),
            "verdict": finding.verdict,
            "reason": well_formed(finding.reason),
            "evidence": dump([dataclasses.asdict(item) for item in finding.evidence]),
            "at": finding.at,
            "expires_at": finding.expires_at,
        }
        names = ", ".join(f'"{name}"' for name in values)
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in values if name != "id")
        marks = ", ".join(f":{name}" for name in values)
        with self._store.write() as conn:
            conn.execute(f"insert into finding({names}) values({marks}) on conflict(id) do update set {sets}", values)
        return finding

    def of_pulse(self, pulse_id: str, check: str | None = None) -> list[Finding]:
        """The findings of a pulse, oldest first; of one check if it is named."""
        sql, params = "select * from finding where pulse_id = ?", [pulse_id]
        if check is not None:
            sql += ' and "check" = ?'
            params.append(check)
        return [_finding(row) for row in self._store.read(f"{sql} order by at, rowid", params)]

    def latest(self, check: str, subject: str) -> Finding | None:
        """What a check last said about a subject, in any pulse."""
        row = self._store.read_one(
            'select * from finding where "check" = ? and subject = ? order by at desc, rowid desc limit 1',
            (check, well_formed(subject)),
        )
        return None if row is None else _finding(row)


def _finding(row: sqlite3.Row) -> Finding:
    fields = {field.name: row[field.name] for field in dataclasses.fields(Finding)}
    fields["evidence"] = tuple(Evidence(**item) for item in load(row["evidence"]))
    return Finding(**fields)
