"""Whether anything about a project's isolation checks has changed: one small read in place of the whole matrix."""

from __future__ import annotations

from storage.sqlite import Store

_MARK = """
select (select count(*) from check_run where project_id = :project) as runs,
       (select max(started_at) from check_run where project_id = :project) as begun,
       (select max(ended_at) from check_run where project_id = :project) as ended,
       (select max(seq) from check_result where project_id = :project) as seq,
       (select count(*) from check_waiver where project_id = :project) as waivers,
       (select max(ended_at) from check_waiver where project_id = :project) as taken_back,
       (select max(ended_at) from pulse) as compared
"""

Mark = tuple[int | None, ...]


def mark_of(store: Store, project_id: str) -> Mark:
    """A value that differs whenever a round, a result or an acceptance of the project came or ended, or a pulse ended.

    Empty before the first round and the first acceptance. Raises `StoreError`.
    """
    row = store.read_one(_MARK, {"project": project_id})
    return tuple(row) if row is not None and (row["runs"] or row["waivers"]) else ()
