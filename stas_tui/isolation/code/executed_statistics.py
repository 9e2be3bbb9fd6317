"""Executed statements as pg_stat_statements has counted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.isolation.code import executed_sql
from stas_tui.isolation.code.sql.text import touches_rows
from stas_tui.isolation.code.statement_log import MOST_SHAPES, Ran, Window
from stas_tui.isolation.database.live import Live, NotUsable, Refused

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Database


def read_statistics(live: Live, database: Database) -> Window:
    """What pg_stat_statements has counted. Raises `NotUsable`, `Refused`."""
    from psycopg import sql

    window = Window(source="pg_stat_statements")
    with live.transaction():
        schema = live.one(executed_sql.EXTENSION)
        if schema is None and not live.world.dry:
            raise NotUsable(
                "The database has no pg_stat_statements; `create extension pg_stat_statements`, or declare"
                " a statement_log."
            )
        name = sql.Identifier(schema or "public")
        try:
            window.since = live.one(sql.SQL(executed_sql.RESET).format(schema=name))
        except Refused as error:
            if error.state not in ("42P01", "42883"):
                raise _not_loaded(error) from None
        try:
            rows = live.fetch(sql.SQL(executed_sql.STATEMENTS).format(schema=name), {"most": MOST_SHAPES + 1})
        except Refused as error:
            raise _not_loaded(error) from None
    window.cut = len(rows) > MOST_SHAPES
    for query, calls, role in rows[:MOST_SHAPES]:
        if database.app_role and role != database.app_role:
            window.left_out += 1
        elif query == executed_sql.HIDDEN or query is None:
            window.hidden += 1
        elif touches_rows(query):
            window.statements.append(Ran(query, int(calls), role))
    return window


def _not_loaded(error: Refused) -> Refused:
    if error.state == "55000":
        return Refused(error.state, "pg_stat_statements is not loaded; add it to shared_preload_libraries and restart")
    return error
