"""The schema of the record, `stas.db`: journal, pulses, runs, findings.

The database itself refuses what must never happen, whoever writes to it: illegal moves, approvals without a
matching vote, changed payloads, and any change of an event, a vote or a revision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.journal_reserve import fill
from storage.schema_checks import TO_3
from storage.schema_triage import TO_2
from storage.sqlite import Migration, Store, sql_migration

_V1 = """
create table principal(
  id text primary key, kind text not null check(kind in('human','agent','system')), display text not null,
  roles text not null default '[]', pubkey blob, disabled_at integer) strict;

create table pulse(
  id text primary key, number integer not null unique check(number >= 1), agent text not null, operator text not null,
  mode text not null check(mode in('observe','supervised','trusted')), policy_digest text not null,
  started_at integer not null, ended_at integer,
  outcome text not null default '', summary text not null default '', draft text not null default '',
  work text not null default '{}',
  driver text, driver_until integer, version integer not null default 1,
  check((ended_at is null) = (outcome = ''))) strict;
create unique index pulse_open on pulse((ended_at is null)) where ended_at is null;

create table step(
  pulse_id text not null references pulse(id), n integer not null check(n between 1 and 11),
  state text not null check(state in('todo','active','done','skipped','failed')), sub text not null default '',
  data_state text not null check(data_state in('ok','empty','stale','error','denied','unknown')),
  note text not null default '', data text not null default '{}',
  started_at integer, ended_at integer, primary key(pulse_id, n)) strict;

create table action(
  id text primary key, pulse_id text not null references pulse(id), seq integer not null unique,
  natural_key text not null, family text not null, call_key text not null, tool text not null,
  schema_digest text not null default '',
  effect_class text not null check(effect_class in('key','converge','lookup','opaque')),
  requested_by text not null, caused_by text not null default '',
  level text not null check(level in('L','G','G2')), quorum integer not null default 1 check(quorum between 0 and 5),
  self_ok integer not null check(self_ok in(0,1)),
  state text not null check(state in('pending','approved','executing','unknown','rejected','expired','withdrawn',
    'succeeded','failed','abandoned')),
  rev integer not null check(rev >= 1), digest text not null, approved_digest text,
  requested_at integer not null, ask_ttl_ms integer not null check(ask_ttl_ms > 0),
  ask_until integer not null, ask_boot text not null, ask_boot_until integer not null,
  approved_until integer, approved_boot text, approved_boot_until integer,
  defer_until integer, extensions integer not null default 0, extended_ms integer not null default 0,
  attempts integer not null default 0, max_attempts integer not null check(max_attempts >= 1),
  owner text, lease_until integer, lease_boot text, lease_boot_until integer,
  outcome text, reason text not null default '',
  decided_by text not null default '', verdict text not null default '', decided_at integer, finished_at integer,
  version integer not null default 1,
  unique(pulse_id, call_key),
  check(state not in('approved','executing','unknown','succeeded') or approved_digest is digest),
  check(state not in('approved','executing') or approved_until is not null),
  check((state = 'executing') = (owner is not null and lease_until is not null)),
  check(ask_until > requested_at), check(attempts <= max_attempts)) strict;
create index action_state on action(state);
create index action_family on action(pulse_id, tool, family, seq);
create index action_natural on action(pulse_id, tool, natural_key);

create table revision(
  action_id text not null references action(id), rev integer not null,
  args text not null, args_digest text not null,
  plan text not null, preconditions text not null,
  shown text not null, level text not null check(level in('L','G','G2')),
  digest text not null, author text not null, at integer not null, primary key(action_id, rev)) strict;

create table rule(
  id text primary key, tool text not null, match text not null,
  effect text not null check(effect in('allow','ask','deny')), quorum integer,
  scope text not null check(scope in('pulse','project','global')), scope_ref text, expires_at integer,
  uses_left integer check(uses_left is null or uses_left >= 0), made_by text not null,
  made_from text references action(id), reason text not null, at integer not null, revoked_at integer) strict;

create table vote(
  action_id text not null, rev integer not null, digest text not null, voter text not null check(trim(voter) <> ''),
  verdict text not null check(verdict in('approve','reject')), via text not null check(via <> ''),
  rule_id text references rule(id), dwell_ms integer, reason text not null default '', sig blob, at integer not null,
  primary key(action_id, rev, voter), foreign key(action_id, rev) references revision(action_id, rev)) strict;

create table attempt(
  action_id text not null references action(id), n integer not null check(n >= 1), idem_key text not null,
  digest text not null, owner text not null, started_at integer not null, ended_at integer,
  result text check(result in('succeeded','failed','not_done','unknown')), detail text not null default '',
  primary key(action_id, n), check((ended_at is null) = (result is null))) strict;
create unique index attempt_open on attempt(action_id) where ended_at is null;

create table event(
  seq integer primary key, at integer not null, actor text not null, kind text not null, pulse_id text,
  action_id text, body text not null, prev text not null, hash text not null unique) strict;
create index event_pulse on event(pulse_id, seq);
create table head(
  id integer primary key check(id = 1), seq integer not null, at integer not null, hash text not null) strict;
insert into head values(1, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000');
create table anchor(
  seq integer not null, hash text not null, where_to text not null, at integer not null,
  primary key(seq, where_to)) strict;

create table outbox(
  id integer primary key, dedupe text not null unique, kind text not null, action_id text, body text not null,
  due_at integer not null, sent_at integer, tries integer not null default 0) strict;
create table control(
  id integer primary key check(id = 1), halted integer not null default 0 check(halted in(0,1)),
  by text not null default '', reason text not null default '', at integer) strict;
insert into control(id) values(1);
create table reserve(id integer primary key check(id = 1), filler blob not null) strict;
insert into reserve values(1, zeroblob(131072));

create table run(
  id text primary key, pulse_id text not null references pulse(id), project_id text not null, task_id text not null,
  action_id text not null unique references action(id), attempt integer not null check(attempt between 1 and 4),
  prompt_sha256 text not null, cause text not null, program text not null, model text not null,
  directory text not null, state text not null check(state in('starting','running','finished')),
  started_at integer not null, ended_at integer, result text,
  unique(pulse_id, task_id, attempt)) strict;

create table finding(
  id text primary key, pulse_id text not null references pulse(id), "check" text not null, subject text not null,
  verdict text not null, reason text not null, evidence text not null,
  at integer not null, expires_at integer) strict;
create index finding_pulse on finding(pulse_id, "check");
create index finding_subject on finding("check", subject, at);

create trigger action_birth before insert on action when not (
  new.rev = 1 and new.attempts = 0 and new.owner is null and (
    (new.state in('pending','rejected') and new.approved_digest is null)
    or (new.state = 'approved' and new.level = 'L')))
begin select raise(abort, 'an action starts pending, rejected, or approved at level L'); end;

create trigger action_move before update of state on action when not (
  (old.state = 'pending' and new.state in('pending','approved','rejected','expired','withdrawn')) or
  (old.state = 'approved' and new.state in('approved','executing','rejected','expired','withdrawn','pending')) or
  (old.state = 'executing' and new.state in('executing','succeeded','failed','approved','unknown')) or
  (old.state = 'unknown' and new.state in('unknown','succeeded','failed','approved','pending','abandoned')))
begin select raise(abort, 'illegal transition'); end;

create trigger action_final before update on action
when old.state in('rejected','expired','withdrawn','succeeded','failed','abandoned')
begin select raise(abort, 'a final action never changes'); end;

create trigger action_vote before update on action
when old.state = 'pending' and new.state = 'approved' and not exists(
  select 1 from vote where action_id = new.id and rev = new.rev and digest = new.digest and verdict = 'approve')
begin select raise(abort, 'no vote for exactly this payload'); end;

create trigger action_start before update on action
when old.state <> 'executing' and new.state = 'executing' and not (
  new.attempts = old.attempts + 1 and exists(select 1 from attempt where action_id = new.id and n = new.attempts
    and owner = new.owner and digest = new.approved_digest and ended_at is null))
begin select raise(abort, 'no attempt was written down first'); end;

create trigger action_sealed before update on action
when (new.digest <> old.digest or new.rev <> old.rev or new.level <> old.level) and not (
  old.state in('pending','approved','unknown') and new.rev = old.rev + 1
  and (new.state = 'pending' or (old.state = 'approved' and new.state = 'approved' and old.level = 'L'))
  and (new.level <> 'L' or old.level = 'L')
  and exists(select 1 from revision where action_id = new.id and rev = new.rev and digest = new.digest
    and level = new.level))
begin select raise(abort, 'a payload changes only by a new revision that asks again'); end;

create trigger action_same before update on action
when new.id <> old.id or new.pulse_id <> old.pulse_id or new.seq <> old.seq or new.natural_key <> old.natural_key
  or new.family <> old.family or new.call_key <> old.call_key or new.tool <> old.tool
  or new.schema_digest <> old.schema_digest or new.effect_class <> old.effect_class
  or new.requested_by <> old.requested_by or new.requested_at <> old.requested_at or new.self_ok <> old.self_ok
  or new.attempts not in(old.attempts, old.attempts + 1)
begin select raise(abort, 'what an action is never changes'); end;

create trigger action_keep before delete on action begin select raise(abort, 'actions are kept'); end;
create trigger attempt_once before update on attempt
when old.ended_at is not null or new.action_id <> old.action_id or new.n <> old.n or new.digest <> old.digest
  or new.owner <> old.owner or new.idem_key <> old.idem_key or new.started_at <> old.started_at
begin select raise(abort, 'an attempt only ends, once'); end;
create trigger attempt_keep before delete on attempt begin select raise(abort, 'attempts are kept'); end;
create trigger revision_fixed before update on revision begin select raise(abort, 'revisions never change'); end;
create trigger revision_keep before delete on revision begin select raise(abort, 'revisions are kept'); end;
create trigger revision_new before insert on revision
when exists(select 1 from revision where action_id = new.action_id and rev = new.rev)
begin select raise(abort, 'revisions never change'); end;
create trigger vote_fixed before update on vote begin select raise(abort, 'votes never change'); end;
create trigger vote_keep before delete on vote begin select raise(abort, 'votes are kept'); end;
create trigger vote_new before insert on vote
when exists(select 1 from vote where action_id = new.action_id and rev = new.rev and voter = new.voter)
begin select raise(abort, 'one vote for each person and revision'); end;
create trigger event_fixed before update on event begin select raise(abort, 'events never change'); end;
create trigger event_keep before delete on event begin select raise(abort, 'events are kept'); end;
create trigger event_chain before insert on event
when not exists(select 1 from head where seq = new.seq - 1 and hash = new.prev and at <= new.at)
begin select raise(abort, 'an event follows the head'); end;
create trigger head_forward before update on head
when not exists(select 1 from event where seq = new.seq and hash = new.hash and at = new.at) or new.seq <= old.seq
begin select raise(abort, 'the head only moves to a newer event'); end;
create trigger head_keep before delete on head begin select raise(abort, 'the head is kept'); end;
create trigger anchor_fixed before update on anchor begin select raise(abort, 'anchors never change'); end;
create trigger anchor_keep before delete on anchor begin select raise(abort, 'anchors are kept'); end;
create trigger pulse_closed before update on pulse when old.ended_at is not null
begin select raise(abort, 'an ended pulse never changes'); end;
create trigger pulse_same before update on pulse
when new.id <> old.id or new.number <> old.number or new.started_at <> old.started_at
begin select raise(abort, 'what a pulse is never changes'); end;
create trigger pulse_keep before delete on pulse begin select raise(abort, 'pulses are kept'); end;
"""

MIGRATIONS: list[Migration] = [sql_migration(_V1), TO_2, TO_3]
"""Version n to n + 1, in order. A published one is never changed."""


def open_record(path: Path, **options: Any) -> Store:
    """The record at `path`, created or brought to the current schema first.

    `options` are those of `Store`. Raises `StoreError`.
    """
    store = Store(path, MIGRATIONS, **options)
    try:
        fill(store)
    except BaseException:
        store.close()
        raise
    return store
