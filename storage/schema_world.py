"""The schema of the world database, `platform.db`: what the local platform and the local forge know.

It is apart from the record (`stas.db`), so that reading back what an action changed proves something.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.sqlite import Store, sql_migration

_FIRST = """
create table projects (
    id text not null primary key,
    name text not null,
    status text not null,
    role text not null
) strict;

create table visions (
    project_id text not null primary key references projects (id),
    text text not null,
    sha256 text not null,
    updated_at integer not null
) strict;

create table tasks (
    id text not null primary key,
    project_id text not null references projects (id),
    title text not null,
    description text not null,
    status text not null,
    priority text,
    task_class text not null,
    class_guessed integer not null,
    assignee text,
    branch text,
    pr_number integer,
    pr_open integer not null,
    acceptance text not null,
    labels text not null,
    blocked_by text not null,
    deadline integer,
    created_at integer not null,
    version integer not null,
    created_key text unique
) strict;
create index tasks_open on tasks (project_id, created_at) where status <> 'done';

create table messages (
    seq integer primary key,
    id text not null unique,
    type text not null,
    sender text not null,
    subject text not null,
    body text not null,
    at integer not null,
    trust text not null,
    read_at integer,
    acknowledged_at integer,
    raw_type text not null,
    project_id text,
    task_id text,
    pr_number integer,
    recipient text not null default '',
    outgoing_key text
) strict;
create index messages_open on messages (at desc, seq desc, recipient, acknowledged_at) where acknowledged_at is null;

create table outgoing (
    seq integer primary key,
    id text not null unique,
    "to" text not null,
    channel text not null,
    text text not null,
    at integer not null,
    category text not null,
    urgent integer not null,
    state text not null,
    key text not null unique
) strict;
create index outgoing_newest on outgoing (at desc, seq desc);

create table memories (
    seq integer primary key,
    id text not null unique,
    type text not null,
    title text not null,
    text text not null,
    tags text not null,
    shared integer not null,
    author text not null,
    at integer not null,
    quarantined integer not null,
    confirmations text not null,
    digest text not null
) strict;
create index memories_digest on memories (digest);
create view memories_open as select seq, title, text, tags from memories where quarantined = 0;
create virtual table memories_fts using fts5 (
    title, text, tags,
    content = 'memories_open', content_rowid = 'seq',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

create table pull_requests (
    project_id text not null,
    number integer not null,
    title text not null,
    body text not null,
    base text not null,
    head text not null,
    head_sha text not null,
    state text not null,
    mergeable integer,
    conflicts text not null,
    url text not null,
    author text not null,
    created_at integer not null,
    merged_at integer,
    merge_sha text,
    key text not null,
    task_id text,
    primary key (project_id, number)
) strict;
create unique index pull_requests_open on pull_requests (project_id, head) where state = 'open';

create table workspaces (
    task_id text not null primary key,
    project_id text not null,
    path text not null,
    branch text not null,
    base text not null,
    base_sha text not null
) strict;
"""

_INBOX_IN_ORDER = """
create index messages_in_order on messages (type, trust, at, id, recipient, acknowledged_at)
    where acknowledged_at is null;
"""
"""The open inbox in the routine's order, answered from the index alone: bodies make the rows themselves wide."""

_REVIEWS = """
create table pull_reviews (
    seq integer primary key,
    project_id text not null,
    number integer not null,
    id text not null unique,
    event text not null,
    commit_sha text not null,
    body text not null,
    author text not null,
    at integer not null,
    key text not null unique,
    url text not null,
    foreign key (project_id, number) references pull_requests (project_id, number)
) strict;
create index pull_reviews_of on pull_reviews (project_id, number);
"""
"""Verdicts on the pull requests of the local forge, each sent once."""

MIGRATIONS = (sql_migration(_FIRST), sql_migration(_INBOX_IN_ORDER), sql_migration(_REVIEWS))
"""How the world database comes from nothing to the present schema."""


def open_world(path: Path, **kw: Any) -> Store:
    """Open or create the world database; `kw` goes to `Store`. Raises `StoreError` and its subclasses."""
    return Store(path, MIGRATIONS, **kw)
