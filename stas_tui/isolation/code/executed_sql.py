"""The statements that ask pg_stat_statements; none of them reads a row of a table of the application."""

from __future__ import annotations

EXTENSION = """
select n.nspname::text from pg_extension e join pg_namespace n on n.oid = e.extnamespace
 where e.extname = 'pg_stat_statements'
"""

RESET = """
select (extract(epoch from stats_reset) * 1000)::bigint from {schema}.pg_stat_statements_info
"""
"""From version 14 on."""

STATEMENTS = """
select s.query, sum(s.calls)::bigint, r.rolname::text
  from {schema}.pg_stat_statements s join pg_roles r on r.oid = s.userid
 where s.dbid = (select d.oid from pg_database d where d.datname = current_database()) and r.rolname <> session_user
 group by 1, 3 order by 2 desc limit %(most)s
"""

HIDDEN = "<insufficient privilege>"
"""What stands in place of a statement that the account may not see."""
