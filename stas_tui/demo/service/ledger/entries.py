"""The queries. Each takes the tenant first, and none reads or writes a row of another."""

from __future__ import annotations

import sqlite3
from typing import Dict, List


class InvalidEntry(ValueError):
    """The entry cannot be booked; the text says why."""


def add(connection: sqlite3.Connection, tenant: str, account: object, cents: object, memo: object) -> Dict[str, object]:
    """Book an entry. Amounts are whole cents; negative ones are debits."""
    if not isinstance(account, str) or not 1 <= len(account) <= 64:
        raise InvalidEntry("account must be a text of 1 to 64 characters")
    if isinstance(cents, bool) or not isinstance(cents, int) or abs(cents) > 10**12:
        raise InvalidEntry("cents must be a whole number within a trillion")
    if not isinstance(memo, str) or len(memo) > 200:
        raise InvalidEntry("memo must be a text of at most 200 characters")
    cursor = connection.execute(
        "INSERT INTO entries (tenant_id, account, cents, memo) VALUES (?, ?, ?, ?)", (tenant, account, cents, memo)
    )
    return {"id": cursor.lastrowid, "account": account, "cents": cents, "memo": memo}


def newest(connection: sqlite3.Connection, tenant: str, limit: int = 50) -> List[Dict[str, object]]:
    """The tenant's newest entries."""
    rows = connection.execute(
        "SELECT id, account, cents, memo FROM entries WHERE tenant_id = ? ORDER BY id DESC LIMIT ?", (tenant, limit)
    )
    return [{"id": row[0], "account": row[1], "cents": row[2], "memo": row[3]} for row in rows]


def balance(connection: sqlite3.Connection, tenant: str, account: str) -> int:
    """The sum of one account of the tenant, in cents; 0 for an account without entries."""
    row = connection.execute(
        "SELECT COALESCE(SUM(cents), 0) FROM entries WHERE tenant_id = ? AND account = ?", (tenant, account)
    ).fetchone()
    return int(row[0])


def totals(connection: sqlite3.Connection, tenant: str) -> Dict[str, int]:
    """All balances of the tenant by account."""
    rows = connection.execute(
        "SELECT account, SUM(cents) FROM entries WHERE tenant_id = ? GROUP BY account ORDER BY account", (tenant,)
    )
    return {row[0]: int(row[1]) for row in rows}
