"""J2 in a real Redis: payloads of each kind are judged by the names of their keys, with commands that only read."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.jobs import redis_queue, run
from stas_tui.isolation.jobs.redis_reader import READS, open_reader
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from storage.redact import redact
from tests.isolation.jobs import redis_jobs
from tests.redis_server import RedisServer, redis_server

SECRET = "Ada Lovelace"


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    shared.client().flushall()
    return shared


def world_of(url: str, *, database: dict[str, Any] | None = None, dry: bool = False, **jobs: Any) -> World:
    jobs = {"redis": {"env": "QUEUE"}, "background": ("sweep",), **jobs}
    tenancy = Tenancy(strategy="row", completed_by="Ada", jobs=jobs, database=database)  # type: ignore[arg-type]
    environ = {"QUEUE": url} if url else {}
    return World(
        project_id="p", tenants=(), tenancy=tenancy, clock=SystemClock(), only=frozenset({"J2"}), environ=environ,
        dry=dry,
    )  # fmt: skip


def ask(url: str, **more: Any) -> CheckResult:
    (result,) = run(world_of(url, **more))
    return result


@pytest.mark.parametrize("kind", redis_jobs.KINDS)
def test_jobs_that_carry_their_tenant_by_name_are_verified(server: RedisServer, kind: str) -> None:
    put = redis_jobs.KINDS[kind]
    for number in range(5):
        put(server.client(), number, tenant_id=7, to=SECRET)
    put(server.client(), name="sweep")
    result = ask(server.url(), kind=kind)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.reason == "all 5 waiting jobs carry tenant or tenant_id"
    assert result.counts["background"] == 1
    assert result.tool == "redis-py"
    assert SECRET not in repr(result)


@pytest.mark.parametrize("kind", redis_jobs.KINDS)
def test_a_job_without_one_is_flagged_and_no_value_is_told(server: RedisServer, kind: str) -> None:
    put = redis_jobs.KINDS[kind]
    for _ in range(5):
        put(server.client(), tenant_id=7)
    put(server.client(), to=SECRET, tenant=None)
    result = ask(server.url(), kind=kind)
    assert result.verdict is Verdict.FLAGGED, result.reason
    assert result.reason == "1 of 6 waiting jobs carries no tenant or tenant_id"
    (lead,) = result.leads
    assert (lead.rule, lead.path, lead.accuses) == ("job-without-tenant", "Redis", True)
    assert SECRET not in repr(result)


@pytest.mark.parametrize("kind", redis_jobs.KINDS)
def test_values_by_position_cannot_be_told(server: RedisServer, kind: str) -> None:
    put = redis_jobs.KINDS[kind]
    for _ in range(5):
        put(server.client(), tenant_id=7)
    put(server.client(), 7, SECRET)
    result = ask(server.url(), kind=kind)
    assert result.verdict is Verdict.UNKNOWN
    assert result.counts["hidden"] == 1
    assert result.reason.endswith("pass the tenant by its name")


def test_other_queues_priorities_headers_and_pickles_of_celery_are_read(server: RedisServer) -> None:
    client = server.client()
    redis_jobs.celery(client, tenant_id=1, queue="mail")
    redis_jobs.celery(client, tenant_id=1, queue="mail\x06\x166")
    redis_jobs.put_celery(client, "W1tdLCB7fSwge31d", {"task": "x", "tenant": "a"}, queue="mail")
    pickled = redis_jobs.base64.b64encode(zlib.compress(pickle.dumps(((), {"tenant": "a"}, {})))).decode()
    redis_jobs.put_celery(client, pickled, {"task": "x", "compression": "application/x-gzip"}, queue="mail")
    old = json.dumps({"task": "x", "args": [], "kwargs": {"tenant": "a"}})
    redis_jobs.put_celery(client, old, {}, queue="mail", body_encoding="")
    result = ask(server.url(), kind="celery", redis_queue=("mail",))
    assert result.verdict is Verdict.VERIFIED, result.reason
    redis_jobs.put_celery(client, "gqdtc2dwYWNr", {"task": "x", "compression": "zstd"}, queue="mail")
    assert ask(server.url(), kind="celery", redis_queue=("mail",)).counts["encoded"] == 1


def test_notes_of_rq_count_and_its_json_is_read(server: RedisServer) -> None:
    client = server.client()
    redis_jobs.rq(client, 7, meta=pickle.dumps({"tenant": "a"}))
    redis_jobs.put_rq(client, zlib.compress(b'["m.f", null, [], {"tenant": 1}]'), queue="other")
    redis_jobs.put_rq(client, zlib.compress(b"\x93\x01"))
    client.rpush("rq:queue:mail", "expired")
    counts = ask(server.url(), kind="rq").counts
    assert (counts["waiting"], counts["carried"], counts["encoded"]) == (3, 2, 1)
    assert ask(server.url(), kind="rq", redis_queue=("other",)).counts["waiting"] == 1


class Context:
    """Something of the application's own."""

    def __init__(self) -> None:
        self.tenant = "a"


def test_an_instance_of_the_applications_own_may_hold_the_tenant(server: RedisServer) -> None:
    redis_jobs.arq(server.client(), context=Context())
    assert ask(server.url(), kind="arq").counts["hidden"] == 1


@pytest.mark.parametrize("type_", ["list", "zset", "stream"])
def test_any_list_sorted_set_or_stream_is_read_where_it_is_named(server: RedisServer, type_: str) -> None:
    client = server.client()

    def put(number: int, payload: object) -> None:
        text = json.dumps({"n": number, "payload": payload})
        match type_:
            case "list":
                client.rpush("jobs", text)
            case "zset":
                client.zadd("jobs", {text: number})
            case _:
                client.xadd("jobs", {"data": text})

    for number in range(45):
        put(number, {"tenant": "a", "to": SECRET})
    put(45, {"task": "sweep"})
    result = ask(server.url(), redis_queue=("jobs", "nothing"))
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["waiting"] == 46
    assert SECRET not in repr(result)
    put(46, {"to": SECRET})
    assert ask(server.url(), redis_queue=("jobs",)).verdict is Verdict.FLAGGED


def test_fields_of_a_stream_are_keys(server: RedisServer) -> None:
    client = server.client()
    client.xadd("jobs", {"tenant": "a", "body": b"\x00\xff"})
    client.xadd("jobs", {"tenant": "", "body": "words"})
    client.xadd("jobs", {"task": "sweep", "n": "1"})
    client.xadd("jobs", {"body": b"\x00\xff"})
    counts = ask(server.url(), redis_queue=("jobs",)).counts
    assert [counts[name] for name in ("carried", "missing", "background", "encoded")] == [1, 1, 1, 1]


@pytest.mark.parametrize("type_", ["hash", "string"])
def test_what_is_no_queue_is_told(server: RedisServer, type_: str) -> None:
    server.client().hset("jobs", "a", "b") if type_ == "hash" else server.client().set("jobs", "a")
    assert ask(server.url(), redis_queue=("jobs",)).reason == "jobs is no list, sorted set or stream"


def test_a_table_and_redis_are_counted_together(server: RedisServer, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "q.db")) as db, db:
        db.execute("create table waiting (payload text)")
        db.executemany("insert into waiting values (?)", [('{"tenant": 1}',)] * 4)
    redis_jobs.arq(server.client(), to=SECRET)
    more = {"queue_table": "waiting", "queue_column": "payload", "database": {"sqlite": str(tmp_path / "q.db")}}
    result = ask(server.url(), kind="arq", **more)
    assert (result.verdict, result.counts["waiting"]) == (Verdict.FLAGGED, 5)
    assert [lead.path for lead in result.leads] == ["Redis"]
    assert result.tool == "json_tree, redis-py"
    half = ask("", kind="arq", **more)
    assert half.verdict is Verdict.UNKNOWN
    assert half.reason.startswith("the address of Redis could not be had: the variable QUEUE is not set")


# nothing but reading --------------------------------------------------------------------------------


def test_no_command_outside_of_the_closed_list_is_sent(server: RedisServer) -> None:
    client = server.client()
    for put in redis_jobs.KINDS.values():
        put(client, tenant=1)
    client.rpush("list", "{}")
    client.xadd("stream", {"a": "b"})
    client.select(3)
    before = client.dbsize()
    client.config_resetstat()
    for kind in redis_jobs.KINDS:
        ask(server.url(), kind=kind)
    ask(server.url(), redis_queue=("list", "stream"))
    ask(server.url(db=3), redis_queue=("list",))
    sent = {name.removeprefix("cmdstat_").upper() for name in client.info("commandstats")}
    assert sent - READS <= {"SELECT", "CONFIG|RESETSTAT", "INFO"}
    assert {"LRANGE", "ZRANGE", "XRANGE", "HGET", "GETRANGE", "TYPE"} <= sent
    assert client.dbsize() == before


@pytest.mark.parametrize("command", ["KEYS", "DEL", "LPOP", "EVAL", "type", "GET"])
def test_the_reader_refuses_every_other_command(server: RedisServer, command: str) -> None:
    world = world_of(server.url(), kind="arq")
    assert world.tenancy is not None
    reader = open_reader(world, world.tenancy.jobs)
    with closing(reader), pytest.raises(AssertionError, match="only read"):
        reader.one(command, "x")


def test_an_account_that_may_read_is_enough_and_one_that_may_not_is_told(server: RedisServer) -> None:
    client = server.client()
    for _ in range(5):
        redis_jobs.rq(client, tenant=1)
    allowed = [f"+{name.lower()}" for name in sorted(READS)]
    client.execute_command("ACL", "SETUSER", "watch", "on", ">longpassword", "%R~rq:*", *allowed)
    client.execute_command("ACL", "SETUSER", "blind", "on", ">longpassword", "~none", "+type")
    assert ask(server.url(user="watch", password="longpassword"), kind="rq").verdict is Verdict.VERIFIED
    blind = ask(server.url(user="blind", password="longpassword"), kind="rq")
    assert "the account may not read the queue" in blind.reason
    wrong = ask(server.url(user="watch", password="anotherlongone"), kind="rq")
    assert wrong.reason == "Redis was not read: it does not accept the user or password of the address"
    assert "anotherlongone" not in redact("anotherlongone")
    assert "longone" not in repr(wrong)


def test_a_password_that_is_missing_is_told() -> None:
    with redis_server("--requirepass", "longpassword") as server:
        assert "it asks for a password" in ask(server.url(), kind="arq").reason
        assert ask(server.url(password="longpassword"), kind="arq").reason == "no job waits"


def test_a_dry_run_lists_and_sends_nothing() -> None:
    for kind in (*redis_jobs.KINDS, "other"):
        result = ask("", kind=kind, dry=True, redis_queue=("mail",))
        assert result.verdict is Verdict.UNKNOWN
        assert "dry run" in result.reason
        assert "TYPE mail" in result.executed


# addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "the variable QUEUE is not set"),
        ("https://127.0.0.1/", "write redis://, rediss:// or unix://"),
        ("redis://127.0.0.1:1/0", "Redis could not be reached, or it is none"),
        ("unix:///nowhere/s", "Redis could not be reached, or it is none"),
        ("rediss://127.0.0.1:1/0?ssl_cert_reqs=none", "says ssl_cert_reqs, which is not used"),
        ("redis://127.0.0.1:1/0?socket_timeout=900", "says socket_timeout, which is not used"),
    ],
)
def test_an_address_that_will_not_do_is_told(url: str, says: str) -> None:
    result = ask(url, kind="arq")
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason


def test_without_names_of_queues_there_is_nothing_to_look_at(server: RedisServer) -> None:
    assert "name them as redis_queue" in ask(server.url()).reason


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    assert ask("redis://127.0.0.1/", kind="arq").reason == (
        "redis-py is not installed; `pip install 'stas-tui[redis]'`"
    )


def test_the_client_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, stas_tui.isolation.jobs.queued, stas_tui.isolation.jobs.redis_queue; print('redis' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert done.stdout.strip() == "False", done.stderr


def test_tls_is_spoken_with_a_server_that_is_who_it_should_be(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    with redis_server(tls=(certificate, key)) as server:
        for _ in range(5):
            redis_jobs.arq(server.client(), tenant=1)
        url = f"rediss://127.0.0.1:{server.port}/0"
        assert ask(url, kind="arq").reason == "Redis could not be reached, or it is none"
        assert ask(f"{url}?ssl_ca_certs={certificate}", kind="arq").verdict is Verdict.VERIFIED


def test_more_queues_than_are_looked_at_are_told(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_queue, "MOST_QUEUES", 1)
    for queue in ("a", "b"):
        redis_jobs.put_rq(server.client(), zlib.compress(b'["m.f", null, [], {"tenant": 1}]'), queue=queue)
    assert ask(server.url(), kind="rq").reason.startswith("there are 2 queues, 1 were looked at")


def test_a_sample_is_bounded(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_queue, "MOST_JOBS", 30)
    server.client().rpush("jobs", *["{}"] * 100)
    result = ask(server.url(), redis_queue=("jobs",))
    assert result.counts["waiting"] == 30
    assert "LRANGE jobs 0 29" in result.executed
