"""Version 2 of the record: what people say about what needs them. The database keeps timelines and sheets as written.

`triage` holds notes by identity, apart from what sources say; `triage_act` what an undo needs; `triage_event` which log
lines are about an item.
"""

from __future__ import annotations

from storage.sqlite import sql_migration

_V2 = """
create table triage(
  key text primary key, lease text, snooze text, escalation text,
  head text not null default '', split integer not null default 0 check(split in(0,1)),
  dismissed_at integer, seen_at integer, lapsed_at integer, act integer not null default 0,
  version integer not null default 1 check(version >= 1),
  lease_until integer, snooze_until integer, next_at integer,
  check(head <> key), check(lease is not null or lease_until is null),
  check(snooze is not null or snooze_until is null), check(escalation is not null or next_at is null)) strict;
create index triage_lease on triage(lease_until) where lease_until is not null;
create index triage_snooze on triage(snooze_until) where snooze_until is not null;
create index triage_next on triage(next_at) where next_at is not null;
create index triage_head on triage(head) where head <> '';

create table triage_act(
  seq integer primary key references event(seq), by text not null, at integer not null, kind text not null,
  before text not null, undone_at integer) strict;
create index triage_act_by on triage_act(by, seq);
create table triage_event(
  key text not null, seq integer not null references event(seq), primary key(key, seq)) strict, without rowid;

create table incident(
  key text primary key, title text not null, opened_at integer not null, opened_by text not null,
  status text not null check(status in('investigating','identified','monitoring','resolved')),
  impact text not null default '', commander text not null default '', operator text not null default '',
  scribe text not null default '', next_update_at integer, resolved_at integer, slack_ts text not null default '',
  version integer not null default 1, check((status = 'resolved') = (resolved_at is not null))) strict;
create table incident_entry(
  id integer primary key, incident text not null references incident(key), at integer not null, by text not null,
  kind text not null, text text not null) strict;
create index incident_entry_of on incident_entry(incident, id);

create table hand_over(
  id text primary key, made_at integer not null, made_by text not null, keys text not null, markdown text not null,
  digest text not null, accepted_at integer, accepted_by text not null default '',
  check((accepted_at is null) = (accepted_by = '')), check(accepted_by <> made_by)) strict;

create table triage_view(name text primary key, query text not null) strict;
create table triage_place(id integer primary key check(id = 1), body text not null) strict;

create index action_cause on action(caused_by) where caused_by <> '';
create index event_action on event(action_id, seq) where action_id is not null;
create index event_kind on event(kind, at);

create trigger incident_entry_fixed before update on incident_entry
begin select raise(abort, 'a timeline never changes'); end;
create trigger incident_entry_keep before delete on incident_entry
begin select raise(abort, 'a timeline is kept'); end;
create trigger incident_keep before delete on incident begin select raise(abort, 'incidents are kept'); end;
create trigger hand_over_once before update on hand_over
when old.accepted_at is not null or new.id <> old.id or new.made_at <> old.made_at or new.made_by <> old.made_by
  or new.keys <> old.keys or new.markdown <> old.markdown or new.digest <> old.digest
begin select raise(abort, 'a sheet is only accepted, once'); end;
create trigger hand_over_keep before delete on hand_over begin select raise(abort, 'sheets are kept'); end;
"""

TO_2 = sql_migration(_V2)
"""Version 1 to 2 of `stas.db`."""
