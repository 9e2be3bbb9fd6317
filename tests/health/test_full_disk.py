"""A file system that is really full: the watcher says so and goes on, nothing is believed, and room heals it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from endpoints import Endpoints, http
from real import until
from watched import ENDPOINT, PROJECT, configure, environ, make_profile

from stas_tui.config import load
from stas_tui.health.process import WatcherChild, watcher_argv
from stas_tui.locations import Profile, os_user
from stas_tui.pulse.sources import Outside
from stas_tui.wiring import Application, build
from storage.owner import owner_alive
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from tests.bench.terminal import Ended, Terminal, environment, python

FULL = "No room left for the database"
HEALED = "The answers are written down again."
SOURCE = "probes:shop"
GOOD = (DataState.OK, DataState.EMPTY)


@dataclass
class Disk:
    """A file system of a few megabytes with a profile on it, whose endpoint is well."""

    where: Path
    profile: Profile

    def fill(self) -> None:
        """Until not one byte more fits."""
        with (self.where / "ballast").open("wb", buffering=0) as ballast:
            for size in (65_536, 4_096, 1):
                try:
                    while True:
                        ballast.write(b"x" * size)
                except OSError as error:
                    assert "No space left" in str(error)

    def free(self) -> None:
        (self.where / "ballast").unlink()

    @property
    def log(self) -> str:
        log = self.profile.root / "watch.log"
        return log.read_text("utf-8") if log.exists() else ""


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    with Endpoints() as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path, endpoints: Endpoints) -> Iterator[Disk]:
    where = tmp_path / "home"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(where)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        profile = configure(
            make_profile(tmp_path),
            f'[[person]]\nname = "ann"\nos_user = "{os_user()}"\n',
            PROJECT.format(remote=tmp_path / "remote.git"),
            ENDPOINT.format(name="api", port=endpoints.add(http())),
        )
        yield Disk(where, profile)
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.fixture
def app(disk: Disk) -> Iterator[Application]:
    with build(disk.profile, load(disk.profile)) as application:
        yield application


def state(app: Application) -> DataState:
    """What the desk says of the endpoints' source; the pulse, asked in the same state, has to say the same."""
    found = _on_the_desk(app)
    while True:
        (held,) = [belief for belief in Outside(app.context).beliefs if belief.status.name == SOURCE]
        before, found = found, _on_the_desk(app)
        if found is before:
            assert held.believed is (found in GOOD)
            return found


def _on_the_desk(app: Application) -> DataState:
    (found,) = [row.state for row in app.desk.sources() if row.name == SOURCE]
    return found


def well(app: Application) -> bool:
    return state(app) in GOOD


def not_believed(app: Application) -> bool:
    return state(app) is DataState.STALE


def sound(profile: Profile) -> bool:
    with open_watch(profile.watch_db) as store:
        return [tuple(row) for row in store.read("pragma integrity_check")] == [("ok",)]


def test_the_watcher_says_that_the_disk_is_full_and_room_heals_it(disk: Disk, app: Application, tmp_path: Path) -> None:
    argv = [part for part in watcher_argv(disk.profile) if part != "--with-parent"]
    said = tmp_path / "said"
    with (
        said.open("wb") as err,
        subprocess.Popen(argv, env=environ(), stdout=subprocess.DEVNULL, stderr=err) as watcher,
    ):
        try:
            until(lambda: well(app), "it is well")
            disk.fill()
            until(lambda: FULL in said.read_text("utf-8"), "the sentence")
            until(lambda: not_believed(app), "it is not believed any more")
            assert "all clear" not in app.desk.look().words
            assert watcher.poll() is None
            disk.free()
            until(lambda: well(app), "it is well again")
            until(lambda: HEALED in said.read_text("utf-8"), "the other sentence")
            assert watcher.poll() is None
        finally:
            watcher.kill()
    text = said.read_text("utf-8")
    assert "Free disk space and try again." in text
    assert "Traceback" not in text
    assert sound(disk.profile)


def test_a_log_on_the_same_disk_does_not_end_the_watcher_and_gets_its_sentences_later(
    disk: Disk, app: Application
) -> None:
    with WatcherChild(disk.profile, environ=environ(), first_s=0.0) as child:
        until(lambda: well(app), "it is well")
        pid = child.pid
        disk.fill()
        until(lambda: not_believed(app), "it is not believed any more")
        assert child.pid == pid, "it goes on"
        disk.free()
        until(lambda: well(app), "it is well again")
        until(lambda: HEALED in disk.log, "the log")
        assert child.pid == pid
    assert disk.log.index(FULL) < disk.log.index(HEALED)
    assert "Traceback" not in disk.log


def test_a_watcher_that_is_started_on_a_full_disk_says_so_and_watches_when_there_is_room(
    disk: Disk, app: Application
) -> None:
    """Nothing was ever asked: the database has its schema and no row."""
    disk.fill()
    argv = [part for part in watcher_argv(disk.profile) if part != "--with-parent"]
    with subprocess.Popen(
        argv, env=environ(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as watcher:
        try:
            assert watcher.stderr is not None
            until(lambda: FULL in watcher.stderr.readline(), "the sentence")  # type: ignore[union-attr]
            assert not well(app)
            disk.free()
            until(lambda: well(app), "it is well")
        finally:
            watcher.kill()


def test_a_database_that_was_deleted_to_make_room_is_made_anew_when_there_is_room(disk: Disk) -> None:
    with WatcherChild(disk.profile, environ=environ(), first_s=0.0):
        until(lambda: disk.profile.watch_db.exists() and _probe(disk.profile), "the first answer")
        disk.fill()
        disk.profile.watch_db.unlink()
        with (disk.where / "more").open("wb", buffering=0) as more:
            try:
                while True:
                    more.write(b"x" * 4_096)
            except OSError as error:
                assert "No space left" in str(error)
        until(disk.profile.watch_db.exists, "a new file, for which there is no room")
        assert not disk.profile.watch_db.stat().st_size
        disk.free()
        until(lambda: _probe(disk.profile), "the next answer")


def _probe(profile: Profile) -> bool:
    with open_watch(profile.watch_db) as store:
        status = Watch(store).source(SOURCE)
        watcher = Watch(store).watcher()
    return status is not None and status.state is DataState.OK and watcher is not None and owner_alive(watcher.owner)


@pytest.mark.pty
def test_the_dashboard_shows_it_and_goes_on(disk: Disk) -> None:
    argv = python("-m", "stas_tui", "--home", str(disk.where), "--profile", disk.profile.name, "oncall")
    with Terminal(argv, env=environment(), size=(140, 40)) as terminal:
        terminal.wait_for("probes:shop ok")
        disk.fill()
        terminal.wait_for("no answer for three rounds")
        terminal.send("down")
        terminal.press_for("O", FULL, 20.0)
        disk.free()
        terminal.press_for("down", "probes:shop ok", 20.0)
        terminal.send("\x11")
        with pytest.raises(Ended):
            terminal.watch(20.0)
