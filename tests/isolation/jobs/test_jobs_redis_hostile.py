"""J2 in Redis meets payloads and servers that mean ill: nothing is loaded, everything is bounded."""

from __future__ import annotations

import base64
import json
import os
import pickle
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.declared import Jobs
from stas_tui.isolation.jobs import redis_reader
from stas_tui.isolation.jobs.formats import kind_of
from stas_tui.isolation.jobs.pickled import MOST_OPCODES, NotPickled, Object, plain_of
from storage.check_records import Verdict
from tests.isolation.jobs import redis_jobs
from tests.isolation.jobs.test_jobs_redis import ask
from tests.redis_server import redis_server


class Bomb:
    """Writes a file as soon as somebody loads it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_pickle_is_read_and_never_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "made")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps({"f": "x", "a": [], "k": {"tenant_id": 7, "bomb": Bomb(path)}}, protocol=protocol)
        found = plain_of(data)
        assert found["k"]["tenant_id"] == 7
        assert isinstance(found["k"]["bomb"], Object)
        assert kind_of(data, Jobs(kind="arq")) == "carried"
    assert not Path(path).exists()
    pickle.loads(data)
    assert Path(path).exists(), "it would have"


def test_what_is_not_plain_in_a_pickle_is_an_object() -> None:
    import datetime
    import uuid
    from fractions import Fraction

    same = {"a": 1}
    value = {"x": [same, same, (1, 2), (), (1, 2, 3, 4)], "s": {1, 2}, "t": "ä" * 300, "b": b"x", "n": None, 7: "left"}
    for protocol in range(2, 6):
        found = plain_of(pickle.dumps(value, protocol=protocol))
        assert found["x"] == [same, same, [1, 2], [], [1, 2, 3, 4]]
        assert (found["t"], found["n"], 7 in found) == ("ä" * 300, None, False)
        made = plain_of(pickle.dumps([datetime.datetime.now(datetime.UTC), uuid.uuid4(), Fraction(1, 3)], protocol))
        assert [one.single for one in made] == [True, True, True]
        assert plain_of(pickle.dumps([socket.AF_INET, Jobs()], protocol))[1].single is False


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x04",
        b"\x80\x04.",
        b"\x80\x04a.",
        b"\x80\x04}u.",
        b"\x80\x04h\x07.",
        b"\x80\x04]]s.",
        b"\x80\x04NN.",
        b"\x80\x04(((((t.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.",
        b"\x80\x04" + b"]" * MOST_OPCODES + b".",
        b"{}",
    ],
)
def test_a_broken_or_endless_pickle_is_none(data: bytes) -> None:
    with pytest.raises(NotPickled):
        plain_of(data)


def test_random_bytes_are_no_pickle_and_break_nothing() -> None:
    import random

    dice = random.Random(7)
    good = pickle.dumps({"k": {"a": [1, (2, 3)], "b": {"c": "d"}}, "f": "x"})
    for _ in range(3_000):
        data = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(2, len(data))] = dice.randrange(256)
        assert kind_of(bytes(data), Jobs(kind="arq")) in ("broken", "encoded", "missing", "hidden")


def _laughs() -> bytes:
    """Lists that hold the one before many times, by reference: 10^9 entries when walked."""
    value: list[Any] = []
    for _ in range(9):
        value = [value] * 10
    return pickle.dumps({"f": "x", "a": [], "k": {"v": {"v": {"v": value}}}})


def test_what_is_small_and_means_a_lot_is_bounded() -> None:
    started = time.monotonic()
    assert kind_of(_laughs(), Jobs(kind="arq")) in ("encoded", "missing")
    bomb = zlib.compress(b"[" + b"1," * 50_000_000 + b"1]")
    assert len(bomb) < 500_000
    assert kind_of(bomb, Jobs(kind="rq")) == "encoded"
    deep = b"[" * 200_000
    assert kind_of(deep, Jobs()) == "broken"
    assert kind_of(
        json.dumps({"body": "!", "properties": {"body_encoding": "base64"}}).encode(), Jobs(kind="celery")
    ) == ("broken")
    wide = json.dumps({f"k{n}": 1 for n in range(60_000)}).encode()
    assert kind_of(wide, Jobs()) == "encoded"
    squeezed = base64.b64encode(bomb).decode()
    message = {
        "body": squeezed, "headers": {"task": "x", "compression": "application/x-gzip"},
        "properties": {"body_encoding": "base64"},
    }  # fmt: skip
    assert kind_of(json.dumps(message).encode(), Jobs(kind="celery")) == "encoded"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{}",
        b'{"headers": 7}',
        b'{"headers": {}, "properties": [], "body": {}}',
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("kind", ["celery", "arq", "rq", "dramatiq", "other"])
def test_json_of_another_shape_is_never_taken_for_a_job_with_a_tenant(kind: str, data: bytes) -> None:
    assert kind_of(data, Jobs(kind=kind)) in ("broken", "encoded", "missing")  # type: ignore[arg-type]


def test_large_payloads_are_counted_and_not_judged() -> None:
    with redis_server() as server:
        client = server.client()
        for _ in range(5):
            redis_jobs.arq(client, tenant=1)
            redis_jobs.rq(client, tenant=1)
        redis_jobs.put_arq(client, os.urandom(10_000_000))
        redis_jobs.put_rq(client, os.urandom(10_000_000))
        client.rpush("jobs", b"x" * 10_000_000, "{}")
        for kind in ("arq", "rq"):
            result = ask(server.url(), kind=kind)
            assert result.verdict is Verdict.UNKNOWN
            assert result.reason == "1 of 6 payloads are no JSON, or larger than 1 MB"
        found = ask(server.url(), redis_queue=("jobs",)).counts
        assert (found["waiting"], found["no_json"], found["missing"]) == (2, 1, 1)


def test_answers_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_reader, "MOST_BYTES", 3 * 1024 * 1024)
    with redis_server() as server:
        server.client().rpush("jobs", *['{"tenant": 1}'] * 20, *["x" * 1_000_000] * 20)
        result = ask(server.url(), redis_queue=("jobs",))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith("Redis was left: its answers are larger than 3 MB")
    assert result.counts["carried"] == 20


# servers --------------------------------------------------------------------------------------------


@contextmanager
def pretender(say: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Something that is no Redis; its address."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            try:
                say(self.request, over)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_reader, "ANSWER_S", 0.3)
    with pretender(lambda _, over: over.wait(30) and None) as url:
        assert ask(url, kind="arq").reason == "Redis did not answer within 0.3 s"


def test_a_server_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_reader, "TOTAL_S", 0.5)

    def drip(client: socket.socket, over: threading.Event) -> None:
        client.sendall(b"$100000\r\n")
        while not over.wait(0.02):
            client.sendall(b"x")

    with pretender(drip) as url:
        assert ask(url, kind="arq").reason == "Redis was left: it took longer than 0.5 s"


def test_a_server_that_says_too_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_reader, "MOST_BYTES", 1024 * 1024)

    def flood(client: socket.socket, over: threading.Event) -> None:
        client.sendall(b"$99999999999\r\n")
        while not over.is_set():
            client.sendall(b"x" * 65_536)

    with pretender(flood) as url:
        assert ask(url, kind="arq").reason == "Redis was left: its answers are larger than 1 MB"


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b":abc\r\n", b"*1\r\n" * 5_000, b"-ERR secret value\r\n", b"+\r\n", b""],
)
def test_a_server_that_is_no_redis_is_told(answer: bytes) -> None:
    with pretender(lambda client, _: client.sendall(answer)) as url:
        result = ask(url, kind="arq")
    assert result.verdict is Verdict.UNKNOWN
    assert "Redis" in result.reason or "no list" in result.reason
    assert "secret" not in repr(result)
