"""What checks said, round by round, and what a person accepted: appended, never changed, pruned by number."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from storage.canonical import digest_of, dump, well_formed
from storage.check_records import ALL_TENANTS, CheckResult, CheckRun, KeptResult, Waiver
from storage.checks_codec import body_of, is_blind, kept_of, result_json, run_of, waiver_of
from storage.clock import DAY
from storage.errors import StasError
from storage.journal import Journal
from storage.journal_rows import person_named
from storage.owner import this_owner

KEPT_RESULTS = 12
"""Results of each check and tenant that are kept."""
KEPT_OF_PULSES = 3
"""Results of each check and tenant that are kept beyond those because a pulse asked for them."""
KEPT_RUNS = 50
"""Rounds of a project that are kept although none of their results is."""
LONGEST_WAIVER = 366 * DAY
"""For how long a flag can be accepted at most."""
REASON_MAX = 1_000

_RUN = ", ".join(f'r."{field.name}" as r_{field.name}' for field in dataclasses.fields(CheckRun))
_KEPT = f"select c.*, {_RUN} from check_result c join check_run r on r.id = c.run_id"

_LATEST = """
with newest as (
  select "check", run_id from check_result where seq in (
    select max(seq) from check_result where project_id = :project and ended_at <= :before group by "check"))
"""
_STANDING = f"""
{_LATEST}
{_KEPT} join newest n on n."check" = c."check" and n.run_id = c.run_id
where c.project_id = :project and c.ended_at <= :before order by c.seq
"""
_CARRIED = f"""
{_LATEST}
{_KEPT} where c.project_id = :project and c.verdict = 'flagged' and c.ended_at <= :before
and not exists(select 1 from newest n where n."check" = c."check" and n.run_id = c.run_id)
and not exists(
  select 1 from check_result later where later.project_id = c.project_id and later."check" = c."check"
  and later.seq > c.seq and later.run_id <> c.run_id and later.blind = 0 and later.ended_at <= :before
  and (later.tenant in (c.tenant, '') or c.tenant = ''))
order by c.seq
"""
_PRUNE = """
delete from check_result where project_id = :project and "check" = :check and tenant = :tenant
and seq not in (select seq from check_result where project_id = :project and "check" = :check and tenant = :tenant
  order by seq desc limit :kept)
and seq not in (select c.seq from check_result c join check_run r on r.id = c.run_id
  where c.project_id = :project and c."check" = :check and c.tenant = :tenant and r.pulse_id is not null
  order by c.seq desc limit :pulses)
"""
_FOREVER = 2**62


class WaiverRefused(StasError):
    """What a person wanted to accept, or to end, cannot be; nothing was changed."""


class Checks:
    """The checks of one record. Raises `StoreError`; whole rounds and acceptances stand in the log as well."""

    def __init__(self, journal: Journal, *, new_id: Callable[[str], str] | None = None) -> None:
        self.journal = journal
        self._store = journal.store
        self._new_id = new_id or (lambda prefix: f"{prefix}-{uuid.uuid4().hex[:10]}")

    # rounds ----------------------------------------------------------------------------------------

    def begin(
        self, project_id: str, asked: Sequence[str], *, commit: str = "", tenancy: str = "", pulse_id: str | None = None
    ) -> CheckRun:
        """Begin a round. The caller is the only one that runs checks of this project: what is open has died."""
        run = CheckRun(
            id=self._new_id("k"),
            project_id=project_id,
            asked=tuple(asked),
            owner=this_owner(),
            started_at=self.journal.clock.now(),
            pulse_id=pulse_id,
            commit=commit,
            tenancy=tenancy,
        )
        with self.journal.changing() as conn:
            for row in conn.execute(
                "select id from check_run where project_id = ? and ended_at is null", (project_id,)
            ):
                self._end(conn, row["id"], "failed", "its process ended before it did")
            values = {**dataclasses.asdict(run), "asked": dump(list(run.asked))}
            conn.execute(
                'insert into check_run(id, project_id, pulse_id, asked, owner, "commit", tenancy, started_at)'
                " values(:id, :project_id, :pulse_id, :asked, :owner, :commit, :tenancy, :started_at)",
                values,
            )
        return run

    def put(self, run: CheckRun, result: CheckResult) -> None:
        """Append a result and prune the old ones of its check and tenant."""
        if result.project_id != run.project_id:
            raise ValueError(f"a result of {result.project_id} in a round over {run.project_id}")
        tenant = well_formed(result.tenant)
        with self.journal.changing() as conn:
            conn.execute(
                'insert into check_result(run_id, project_id, "check", tenant, verdict, live, blind, ended_at,'
                " expires_at, body) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    run.project_id,
                    result.check,
                    tenant,
                    result.verdict.value,
                    int(result.live),
                    int(is_blind(result)),
                    result.ended_at,
                    result.expires_at,
                    body_of(result),
                ),
            )
            key = {"project": run.project_id, "check": result.check, "tenant": tenant}
            conn.execute(_PRUNE, {**key, "kept": KEPT_RESULTS, "pulses": KEPT_OF_PULSES})

    def end(self, run: CheckRun, outcome: str, note: str = "") -> CheckRun:
        """End a round as `done`, `cancelled` or `failed`; the log seals what it found by a digest."""
        with self.journal.changing() as conn:
            found = [
                kept_of(row).result for row in conn.execute(f"{_KEPT} where c.run_id = ? order by c.seq", (run.id,))
            ]
            self._end(conn, run.id, outcome, note)
            counts = Counter(result.verdict.value for result in found)
            body = {
                "project": run.project_id,
                "run": run.id,
                "outcome": outcome,
                "note": note,
                "commit": run.commit,
                "results": dict(counts),
                "digest": digest_of([result_json(result) for result in found], "stas/checks/v1"),
            }
            self.journal.append(conn, "isolation.ran", actor="system", body=body, pulse_id=run.pulse_id)
            conn.execute(
                "delete from check_run where project_id = :project and ended_at is not null"
                " and id not in (select run_id from check_result)"
                " and id not in (select id from check_run where project_id = :project"
                " order by started_at desc, rowid desc limit :kept)",
                {"project": run.project_id, "kept": KEPT_RUNS},
            )
        ended = self.run(run.id)
        assert ended is not None
        return ended

    def _end(self, conn: sqlite3.Connection, run_id: str, outcome: str, note: str) -> None:
        conn.execute(
            "update check_run set ended_at = ?, outcome = ?, note = ? where id = ?",
            (self.journal.clock.now(), outcome, well_formed(note), run_id),
        )

    def run(self, run_id: str) -> CheckRun | None:
        """A round by its id."""
        row = self._store.read_one("select * from check_run where id = ?", (run_id,))
        return None if row is None else run_of(row)

    def last_run(self, project_id: str) -> CheckRun | None:
        """The latest round of a project, running or ended."""
        row = self._store.read_one(
            "select * from check_run where project_id = ? order by started_at desc, rowid desc limit 1", (project_id,)
        )
        return None if row is None else run_of(row)

    # results ---------------------------------------------------------------------------------------

    def standing(self, project_id: str, *, before: int | None = None) -> list[KeptResult]:
        """What counts now, or counted at `before`: of each check what its latest round said.

        A flag of an earlier round stays while everything since has looked at nothing: a check that cannot reach the
        database does not take back what it found in it.
        """
        params = {"project": project_id, "before": _FOREVER if before is None else before}
        with self._store.snapshot() as conn:
            rows = [*conn.execute(_CARRIED, params), *conn.execute(_STANDING, params)]
        return [kept_of(row) for row in rows]

    def history(self, project_id: str, check: str, tenant: str = ALL_TENANTS, *, limit: int = 50) -> list[KeptResult]:
        """What a check said about a tenant, newest first."""
        rows = self._store.read(
            f'{_KEPT} where c.project_id = ? and c."check" = ? and c.tenant = ? order by c.seq desc limit ?',
            (project_id, check, well_formed(tenant), limit),
        )
        return [kept_of(row) for row in rows]

    # acceptances -----------------------------------------------------------------------------------

    def waivers(self, project_id: str) -> list[Waiver]:
        """Every acceptance there ever was, the latest first; whether one counts is `Waiver.counts_at`."""
        rows = self._store.read(
            "select * from check_waiver where project_id = ? order by at desc, rowid desc", (project_id,)
        )
        return [waiver_of(row) for row in rows]

    def accept(
        self,
        project_id: str,
        check: str,
        *,
        tenant: str = ALL_TENANTS,
        fingerprint: str = "",
        reason: str,
        by: str,
        until: int,
        pulse_id: str | None = None,
    ) -> Waiver:
        """A person accepts what a check flags, until a time. Raises `WaiverRefused`; `IllegalMove` for an agent."""
        person, now = person_named(by), self.journal.now()
        reason = well_formed(reason).strip()
        if not reason:
            raise WaiverRefused("Accepting a flag needs a reason; nothing was accepted.", "Say why it may stand.")
        if len(reason) > REASON_MAX:
            raise WaiverRefused(f"The reason is longer than {REASON_MAX} characters; nothing was accepted.")
        if until <= now:
            raise WaiverRefused("The end of an acceptance lies in the future; nothing was accepted.")
        if until - now > LONGEST_WAIVER:
            raise WaiverRefused("A flag is accepted for a year at most; nothing was accepted.", "Name an earlier date.")
        waiver = Waiver(
            id=self._new_id("w"),
            project_id=project_id,
            check=check,
            tenant=well_formed(tenant),
            fingerprint=fingerprint,
            reason=reason,
            by=person,
            at=now,
            until=until,
        )
        values = dataclasses.asdict(waiver)
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f":{name}" for name in values)
        with self.journal.changing() as conn:
            conn.execute(f"insert into check_waiver({names}) values({marks})", values)
            self.journal.append(conn, "isolation.accepted", actor=person, body=values, pulse_id=pulse_id)
        return waiver

    def end_waiver(self, waiver_id: str, *, by: str, pulse_id: str | None = None) -> Waiver:
        """A person takes an acceptance back before its end. Raises `WaiverRefused`, `IllegalMove`."""
        person = person_named(by)
        with self.journal.changing() as conn:
            row = conn.execute("select * from check_waiver where id = ?", (well_formed(waiver_id),)).fetchone()
            if row is None:
                raise WaiverRefused(f"There is no acceptance {well_formed(waiver_id)[:40]}; nothing was changed.")
            if row["ended_at"] is not None:
                raise WaiverRefused(f"{row['ended_by']} ended that acceptance already.")
            now = self.journal.now()
            conn.execute("update check_waiver set ended_at = ?, ended_by = ? where id = ?", (now, person, row["id"]))
            body = {"id": row["id"], "project_id": row["project_id"], "check": row["check"], "tenant": row["tenant"]}
            self.journal.append(conn, "isolation.acceptance_ended", actor=person, body=body, pulse_id=pulse_id)
            return waiver_of(conn.execute("select * from check_waiver where id = ?", (row["id"],)).fetchone())

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Several reads of one moment."""
        with self._store.snapshot():
            yield
