"""A server that the user names: only one of this machine is taken, and only databases that we made are touched."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from stas_tui.config_rehearse import Rehearse
from stas_tui.config_sources import Credential
from stas_tui.review.rehearsal import run
from stas_tui.review.rehearsal.given import address_of, given_server
from stas_tui.review.rehearsal.postgres import MARK, PREFIX, NoServer
from storage.check_records import CheckResult, Verdict
from tests.postgres import server
from tests.review.migrations.repositories import alembic, by_check, change

FIRST = ("first", "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True))", "op.drop_table('t')")
SOUND = ("sound", "op.create_index('i', 't', ['id'])", "op.drop_index('i')")
BROKEN = ("broken", "op.create_index('i', 't', ['id'])", "raise ValueError('x')\nop.drop_index('i')")


@pytest.mark.parametrize(
    ("dsn", "why"),
    [
        ("postgresql://a@db.example.com/x", "not on this machine"),
        ("postgresql://a@10.0.0.7/x", "not on this machine"),
        ("postgresql://a@0.0.0.0/x", "not on this machine"),
        ("postgresql://a@localhost.example.com/x", "not on this machine"),
        ("postgresql://a@127.0.0.1,db.example.com/x", "not on this machine"),
        ("postgresql://a@127.0.0.1/x?hostaddr=10.0.0.7", "not on this machine"),
        ("postgresql://a@127.0.0.1,localhost/x", "several hosts"),
        ("postgresql:///x?user=a", "names no host"),
        ("service=production", "names a service"),
        ("host=127.0.0.1 service=production user=a", "names a service"),
        ("postgresql://127.0.0.1/x", "names no user"),
        ("no connection string", "cannot be read"),
    ],
)
def test_an_address_elsewhere_is_refused(dsn: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    with pytest.raises(NoServer, match=why):
        address_of(dsn)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "%2Frun%2Fpostgresql"])
def test_an_address_of_this_machine_is_taken(host: str) -> None:
    assert address_of(f"postgresql://a:b@{host}:5433/x").port == 5433


def rehearsed(folder: Path, dsn: str, *more: tuple[str, str, str]) -> CheckResult:
    found = change(
        folder, alembic(FIRST), alembic(FIRST, *more), only=frozenset({"C3"}),
        rehearsal=Rehearse(server=Credential(env="REHEARSAL_DSN")), environ={"REHEARSAL_DSN": dsn},
    )  # fmt: skip
    return by_check(run(found))["C3"]


def databases() -> list[str]:
    with psycopg.connect(server().dsn()) as connection:
        rows = connection.execute("select datname from pg_database where datname like %s", (f"{PREFIX}%",)).fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def account() -> str:
    """A role that may create databases and nothing else."""
    name = server().name("rehearser")
    server().run("postgres", f"create role \"{name}\" login createdb password 'pw-of-rehearser'")
    return name


@pytest.mark.parametrize("tcp", [False, True])
def test_it_is_used_and_left_as_it_was(tmp_path: Path, account: str, tcp: bool) -> None:
    dsn = server().dsn("postgres", account, password="pw-of-rehearser" if tcp else "", tcp=tcp)
    before = databases()
    found = rehearsed(tmp_path, dsn, SOUND)
    if not tcp and os.geteuid() == 0:  # the tests' socket is in a folder of another user than the migrations run as
        assert found.verdict is Verdict.UNKNOWN
        assert "the scratch database could not be reached" in found.reason
        assert databases() == before
        return
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert "given server" in found.target
    assert ("network open, because the given server needs it" in found.control) is tcp
    found = rehearsed(tmp_path / "broken", dsn, BROKEN)
    assert found.verdict is Verdict.FLAGGED
    assert databases() == before


def test_an_account_that_may_not_create_databases_is_refused(tmp_path: Path) -> None:
    name = server().name("poor")
    server().run("postgres", f'create role "{name}" login')
    found = rehearsed(tmp_path, server().dsn("postgres", name), SOUND)
    assert found.verdict is Verdict.UNKNOWN
    assert "CREATEDB" in found.reason


def test_a_server_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, "postgresql://a:verysecretword@127.0.0.1:1/x", SOUND)
    assert found.verdict is Verdict.UNKNOWN
    assert "does not let us in" in found.reason
    assert "verysecretword" not in found.reason
    found = rehearsed(tmp_path / "unset", "", SOUND)
    assert "is not set" in found.reason


def test_a_database_without_our_mark_is_never_dropped(account: str) -> None:
    dsn = server().dsn("postgres", account)
    with given_server(dsn) as given:
        ours = given.fresh()
        theirs = server().name(f"{PREFIX}theirs")
        server().run("postgres", f'create database "{theirs}"')
        given.drop(ours)
        given.drop(type(ours)(ours.host, ours.port, ours.user, theirs))
        given.drop(type(ours)(ours.host, ours.port, ours.user, "postgres"))
    assert theirs in databases()
    assert ours.database not in databases()
    assert MARK
    server().run("postgres", f'drop database "{theirs}"')


def test_the_environment_of_stas_chooses_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PGHOSTADDR", "10.0.0.7")
    address = address_of("postgresql://a@127.0.0.1/x")
    assert address.arguments()["host"] == "127.0.0.1"
