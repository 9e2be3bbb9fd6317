"""Version 3 of the record: what checks on isolation said, round by round, and what a person accepted until when.

The database itself refuses a `verified` that did not run on the real thing or never ends, a result that is changed, an
acceptance without person, reason or end, and the removal of the latest result of a check.
"""

from __future__ import annotations

from storage.sqlite import sql_migration

_V3 = """
create table check_run(
  id text primary key, project_id text not null, pulse_id text references pulse(id),
  asked text not null, owner text not null, "commit" text not null default '', tenancy text not null default '',
  started_at integer not null, ended_at integer,
  outcome text not null default '' check(outcome in('','done','cancelled','failed')), note text not null default '',
  check((ended_at is null) = (outcome = ''))) strict;
create index check_run_of on check_run(project_id, started_at);

create table check_result(
  seq integer primary key, run_id text not null references check_run(id), project_id text not null,
  "check" text not null check("check" <> ''), tenant text not null,
  verdict text not null check(verdict in('flagged','unknown','verified','n/a')),
  live integer not null check(live in(0,1)), blind integer not null check(blind in(0,1)),
  ended_at integer not null, expires_at integer, body text not null,
  check(verdict <> 'verified' or (live = 1 and expires_at is not null))) strict;
create index check_result_key on check_result(project_id, "check", tenant, seq);
create index check_result_run on check_result(run_id);
create index check_result_flagged on check_result(project_id, "check", seq) where verdict = 'flagged';

create table check_waiver(
  id text primary key, project_id text not null, "check" text not null check("check" <> ''), tenant text not null,
  fingerprint text not null default '', reason text not null check(trim(reason) <> ''),
  by text not null check(trim(by) <> ''), at integer not null, until integer not null,
  ended_at integer, ended_by text not null default '',
  check(until > at and until - at <= 31708800000),
  check((ended_at is null) = (ended_by = ''))) strict;
create index check_waiver_of on check_waiver(project_id, "check");

create trigger check_result_fixed before update on check_result
begin select raise(abort, 'results never change'); end;
create trigger check_result_latest before delete on check_result
when not exists(select 1 from check_result n where n.project_id = old.project_id and n."check" = old."check"
  and n.tenant = old.tenant and n.seq > old.seq)
begin select raise(abort, 'the latest result of a check is kept'); end;
create trigger check_run_once before update on check_run
when old.ended_at is not null or new.ended_at is null or new.id <> old.id or new.project_id <> old.project_id
  or new.started_at <> old.started_at or new.asked <> old.asked or new.owner <> old.owner
begin select raise(abort, 'a round of checks only ends, once'); end;
create trigger check_waiver_once before update on check_waiver
when old.ended_at is not null or new.ended_at is null or new.id <> old.id or new.project_id <> old.project_id
  or new."check" <> old."check" or new.tenant <> old.tenant or new.fingerprint <> old.fingerprint
  or new.reason <> old.reason or new.by <> old.by or new.at <> old.at or new.until <> old.until
begin select raise(abort, 'an acceptance only ends, once'); end;
create trigger check_waiver_keep before delete on check_waiver
begin select raise(abort, 'acceptances are kept'); end;
"""

TO_3 = sql_migration(_V3)
"""Version 2 to 3 of `stas.db`."""
