from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.owner import owner_alive, this_owner
from storage.wake import Bell

ROOT = Path(__file__).resolve().parents[2]
SAY = "import sys; from storage.owner import this_owner; print(this_owner(), flush=True); sys.stdin.readline()"


def child() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SAY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_this_process_is_alive() -> None:
    pid, start, boot = this_owner().split(":", 2)
    assert int(pid) == os.getpid()
    assert owner_alive(this_owner())
    assert not owner_alive(f"{pid}:{int(start) + 1}:{boot}"), "a reused process number"
    assert not owner_alive(f"{pid}:{start}:another-boot"), "after a reboot"


def test_another_process_until_it_ends_even_as_a_zombie() -> None:
    process = child()
    try:
        owner = process.stdout.readline().strip()
        assert owner_alive(owner)
        process.send_signal(signal.SIGSTOP)
        assert owner_alive(owner), "stopped is not gone"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not owner_alive(owner), "a zombie does nothing any more"
    finally:
        process.kill()
        process.communicate()
    assert not owner_alive(owner)


@pytest.mark.parametrize("owner", ["", "w", "a:b", "x:1:2"])
def test_an_owner_that_cannot_be_checked_counts_as_alive(owner: str) -> None:
    assert owner_alive(owner)


# the bell -----------------------------------------------------------------------------------------


@pytest.fixture
def directory():
    """Short enough for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="stas") as name:
        yield Path(name) / "run"


def test_a_ring_wakes_every_listener(directory: Path) -> None:
    bell = Bell(directory)
    with bell.listen() as one, bell.listen() as two:
        assert one.fileno() >= 0
        bell.ring()
        assert one.wait(5)
        assert two.wait(5)
        assert not one.wait(0), "one ring wakes once"
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o777 == 0o700


def test_many_rings_are_one_and_a_full_socket_is_no_error(directory: Path) -> None:
    bell = Bell(directory)
    with bell.listen() as ear:
        for _ in range(2000):
            bell.ring()
        assert ear.wait(5)
        assert not ear.wait(0)


def test_a_ring_ends_a_wait_that_is_under_way(directory: Path) -> None:
    bell = Bell(directory)
    with bell.listen() as ear:
        timer = threading.Timer(0.05, bell.ring)
        timer.start()
        assert ear.wait(30)
        timer.join()


def test_the_end_of_listening_ends_a_wait_that_is_under_way(directory: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with Bell(directory).listen() as ear:
            waiting = pool.submit(ear.wait, 30)
            while not waiting.running():
                pass
        waiting.result(10)
    assert list(directory.iterdir()) == []


def test_dead_sockets_are_removed(directory: Path) -> None:
    directory.mkdir()
    dead = directory / "1-dead.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(dead))
    plain = directory / "file.sock"
    plain.write_text("")
    Bell(directory).ring()
    assert not dead.exists()


def test_without_a_directory_nothing_rings_and_nothing_breaks(directory: Path) -> None:
    Bell(directory).ring()
    directory.write_text("a file is in the way")
    Bell(directory).ring()
    with Bell(directory).listen() as ear:
        assert (ear.fileno(), ear.wait(0)) == (-1, False)


def test_a_long_path_falls_back_to_polling(directory: Path) -> None:
    long = directory / ("x" * 100)
    with Bell(long).listen() as ear:
        assert (ear.fileno(), ear.wait(0)) == (-1, False)
    Bell(long).ring()


def test_the_journal_rings_after_the_commit_only(store, clock) -> None:
    from storage.journal import Journal
    from storage.pulses import Pulses
    from storage.records import Mode

    seen: list[int] = []

    def wake() -> None:
        assert not store.connection.in_transaction
        seen.append(journal.head()[0])

    journal = Journal(store, clock, wake=wake)
    pulses = Pulses(store, journal)
    pulse = pulses.begin(agent="a", operator="o", mode=Mode.OBSERVE, policy_digest="")
    pulses.end(pulse.id, outcome="complete", summary="", by="o")
    with pytest.raises(RuntimeError), journal.changing():
        raise RuntimeError("rolled back")
    assert seen == [1, 2]
