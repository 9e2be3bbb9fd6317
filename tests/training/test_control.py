"""The control socket: owner only, bounded, on a thread of its own; nothing that comes in ends the lesson."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.control import MOST_CLIENTS, Control, ControlError, peer_uid
from stas_tui.training.control_client import (
    LONGEST_LINE,
    Client,
    ControlGone,
    folder_of,
    live,
    path_for,
)
from storage.clock import ManualClock
from storage.errors import StasError
from storage.records import Json
from tests.training.seat import Seat, short_home

ROOT = Path(__file__).parents[2]


@pytest.fixture
def places() -> Iterator[Locations]:
    with short_home() as home:
        yield Locations.find(home)


@pytest.fixture
def control(places: Locations) -> Iterator[Control]:
    with Control(Seat(), path_for(places, "r1")) as running:
        yield running
        assert running.alive or running.died == ""


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come in time"
        threading.Event().wait(0.01)


def raw(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(os.fspath(path))
    return sock


def line_from(sock: socket.socket) -> Json:
    data = b""
    while not data.endswith(b"\n"):
        part = sock.recv(65_536)
        assert part, "it hung up"
        data += part
    answer: Json = json.loads(data.splitlines()[0])
    return answer


def test_orders_and_state_go_both_ways(control: Control) -> None:
    with Client(control.path) as client:
        assert client.ask("speed", {"times": 5}) == {"ok": True, "said": "One second on the wall is 5 s of the lesson."}
        state = client.ask("state")["state"]
        assert (state["run"], state["lesson"], state["speed"], state["now"]) == ("r1", "t01-small", 5.0, 0)
        assert [row["ref"] for row in state["next"]] == ["m2", "a1", "", "al1"]
        assert [row["sure"] for row in state["next"]] == [True, True, True, False]
        assert client.ask("inject", {"ref": "a1"})["ok"]
        [open_] = client.ask("state")["state"]["open"]
        assert (open_["id"], open_["due"], open_["expected"]) == ("d1", 240_000, "reject")
        assert client.ask("end")["ok"]
        assert client.ask("state")["state"]["ended"] == "the instructor ended it"


def test_a_wrong_order_is_answered_and_the_next_one_is_heard(control: Control) -> None:
    with Client(control.path) as client:
        for what, body in (("dance", {}), ("speed", {"times": "fast"}), ("inject", {"ref": "m9"})):
            answer = client.ask(what, body)
            assert not answer["ok"]
            assert answer["said"]
        assert client.ask("break") == {"ok": False, "said": "The order broke (ZeroDivisionError); the lesson goes on."}
        assert "ZeroDivisionError" in control.died
        assert client.ask("pause")["ok"]
    assert control.alive
    control.died = ""


@pytest.mark.parametrize(
    "line", [b"no json", b"[]", b"7", b'{"what": 3}', b'{"what": "speed", "body": []}', b"\xff\xfe", b"[" * 60_000]
)
def test_what_is_no_order_is_answered(control: Control, line: bytes) -> None:
    with raw(control.path) as sock:
        sock.sendall(line + b"\n")
        assert line_from(sock)["ok"] is False
        sock.sendall(b'{"what": "state"}\n')
        assert line_from(sock)["ok"] is True


def test_a_line_that_never_ends_is_cut_off(control: Control) -> None:
    with raw(control.path) as sock:
        sock.sendall(b"x" * (LONGEST_LINE + 10))
        assert "at most 64 KiB" in line_from(sock)["said"]
        assert sock.recv(10) == b""
    with Client(control.path) as client:
        assert client.ask("state")["ok"]


def test_a_reader_that_does_not_read_is_dropped(control: Control) -> None:
    with raw(control.path) as sock, pytest.raises((BrokenPipeError, ConnectionResetError)):
        while True:
            sock.sendall(b'{"what": "state"}\n' * 50)
    with Client(control.path) as client:
        assert client.ask("state")["ok"]


def test_eight_may_be_connected(control: Control) -> None:
    clients = [Client(control.path) for _ in range(MOST_CLIENTS)]
    try:
        assert all(client.ask("state")["ok"] for client in clients)
        with raw(control.path) as late:
            assert "connected already" in line_from(late)["said"]
        clients.pop().close()
        until(lambda: _let_in(control.path))
    finally:
        for client in clients:
            client.close()


def _let_in(path: Path) -> bool:
    with Client(path) as client:
        return bool(client.ask("state")["ok"])


def test_who_says_nothing_is_dropped(places: Locations) -> None:
    clock = ManualClock()
    with (
        Control(Seat(), path_for(places, "idle"), clock=clock, idle_ms=1_000) as control,
        raw(control.path) as quiet,
        Client(control.path) as other,
    ):
        quiet.sendall(b'{"what": "state"}\n')
        assert line_from(quiet)["ok"]
        clock.advance(900)
        assert other.ask("state")["ok"]
        clock.advance(900)
        assert quiet.recv(10) == b"", "it was dropped while the other one, who spoke, was not"
        assert other.ask("state")["ok"]


def test_the_socket_and_its_folder_are_the_owners_alone(control: Control) -> None:
    assert stat.S_IMODE(control.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(control.path.parent.stat().st_mode) == 0o700


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, two = socket.socketpair(socket.AF_UNIX)
    with one, two:
        assert peer_uid(one) == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_not_heard_even_where_the_file_would_let_them() -> None:
    """The file's mode is one wall, the kernel's word on the peer another: here the first one is taken down."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "t" / "open.sock"
        Path(folder).chmod(0o755)
        stand = Seat()
        with Control(stand, path) as control:
            path.parent.chmod(0o755)
            path.chmod(0o666)
            code = (
                "import os,socket,sys\nos.setgid(65534); os.setuid(65534)\n"
                "s=socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])\n"
                'try:\n    s.sendall(b\'{"what": "end"}\\n\'); sys.stdout.write(repr(s.recv(100)))\n'
                "except OSError:\n    sys.stdout.write(\"b''\")"
            )
            done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout) == (0, "b''"), done.stderr
            assert stand.engine.ended == ""
            with Client(path) as client:
                assert client.ask("state")["ok"]
            assert control.alive


def test_a_socket_of_a_dead_run_is_replaced_and_a_live_one_is_not(places: Locations) -> None:
    path = path_for(places, "r1")
    path.parent.mkdir(parents=True, mode=0o700)
    code = f"import socket,os; s=socket.socket(socket.AF_UNIX); s.bind({os.fspath(path)!r}); s.listen(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 9
    assert path.is_socket()
    assert live(places) == []
    with Control(Seat(), path):
        assert live(places) == [path]
        with pytest.raises(ControlError, match="listens at"):
            Control(Seat(), path).start()
        with Client(path) as client:
            assert client.ask("state")["ok"]
    assert not path.exists()


def test_what_killed_runs_left_is_taken_away(places: Locations) -> None:
    folder = folder_of(places)
    folder.mkdir(parents=True, mode=0o700)
    left = [folder / f"old-{n}.sock" for n in range(3)]
    for path in left:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(os.fspath(path))
    for path in left[:2]:
        os.utime(path, (1_000, 1_000))
    (folder / "mine.sock").write_text("no socket")
    os.utime(folder / "mine.sock", (1_000, 1_000))
    with Control(Seat(), path_for(places, "old")) as first:
        os.utime(first.path, (1_000, 1_000))
        with Control(Seat(), path_for(places, "r1")):
            assert sorted(path.name for path in folder.iterdir()) == ["mine.sock", "old-2.sock", "old.sock", "r1.sock"]


def test_a_file_in_the_way_is_not_deleted(places: Locations) -> None:
    path = path_for(places, "r1")
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("mine")
    with pytest.raises(ControlError, match="is no socket"):
        Control(Seat(), path).start()
    assert path.read_text() == "mine"


def test_the_lesson_outlives_its_control(places: Locations) -> None:
    """What cannot be accepted any more ends the control at most; the stand goes on and the socket goes away."""
    stand = Seat()
    control = Control(stand, path_for(places, "r1"))
    control.start()
    client = Client(control.path)
    assert client.ask("state")["ok"]
    control.stop()
    control.stop()
    assert not control.alive
    assert not control.path.exists()
    with pytest.raises(ControlGone):
        client.ask("state")
    client.close()
    stand.engine.until(60_000)
    assert "m2" in stand.engine.came
    with pytest.raises(ControlGone, match="not there any more"):
        Client(control.path)


def test_a_stand_that_breaks_at_every_turn_does_not_take_the_process_along(places: Locations) -> None:
    class Broken:
        def state(self) -> Json:
            raise RuntimeError("no state")

        def order(self, what: str, body: Json) -> str:
            raise StasError("Not now.", "Wait.")

    with Control(Broken(), path_for(places, "r1")) as control, Client(control.path) as client:
        assert client.ask("state") == {"ok": False, "said": "The order broke (RuntimeError); the lesson goes on."}
        assert client.ask("pause") == {"ok": False, "said": "Not now. Wait."}
        assert control.alive


def test_a_state_that_cannot_be_written_is_answered(places: Locations) -> None:
    class Round(Seat):
        def state(self) -> Json:
            state: Json = {}
            state["self"] = state
            return state

    with Control(Round(), path_for(places, "r1")) as control, Client(control.path) as client:
        assert client.ask("state") == {"ok": False, "said": "The order broke (ValueError); the lesson goes on."}
        assert client.ask("pause")["ok"]


def test_a_control_that_dies_takes_its_socket_away_and_nothing_else(places: Locations) -> None:
    class Stopped(ManualClock):
        def monotonic(self) -> int:
            raise OSError("no clock")

    stand = Seat()
    control = Control(stand, path_for(places, "r1"), clock=Stopped())
    control.start()
    with raw(control.path):
        until(lambda: not control.alive)
    assert "no clock" in control.died
    assert not control.path.exists()
    stand.until(60_000)
    assert "m2" in stand.engine.came
    control.stop()


def test_long_names_of_runs_fit_into_a_socket_path(tmp_path: Path) -> None:
    deep = Locations.find(tmp_path / ("d" * 90))
    names = [f"s01-two-terminals-alike-20260309T080000Z-{n}" for n in range(1, 4)]
    paths = {path_for(deep, name) for name in names}
    assert len(paths) == 3
    assert all(len(os.fsencode(path)) <= 100 for path in paths)
    with Control(Seat(), path_for(deep, names[0])) as control:
        assert live(deep) == [control.path]
    shutil.rmtree(folder_of(deep).parent)
    assert folder_of(deep).name not in deep.profiles()


def test_a_state_of_a_long_lesson_fits_into_a_line(places: Locations) -> None:
    stand = Seat()
    with Control(stand, path_for(places, "r1")) as control, Client(control.path) as client:
        for n in range(300):
            client.ask("say", {"name": "Finn", "text": f"{n} " + "\u2603" * 400})
        state = client.ask("state")["state"]
        assert len(state["past"]) == 60
        assert state["past"][-1]["title"].startswith("info: 299")
