"""The watcher as a process: one for each profile, beside the dashboard, and gone when the dashboard is (E5)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoints, http, unused_port
from watched import CONFIGURATION, ENDPOINT, PROJECT, configure, environ, make_profile, probing, stas

from stas_tui import exit_codes
from stas_tui.commands.sources import lines
from stas_tui.config import load
from stas_tui.health.process import WatcherChild, WatcherThere, only_watcher, watcher_argv
from stas_tui.locations import Profile
from stas_tui.watching import names_any, planned, strip
from storage.clock import SystemClock
from storage.owner import owner_alive
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.wake import Bell
from storage.watch import Watch
from storage.watch_records import Probe, SourceKind, SourceStatus

PATIENCE_S = 30.0
GOOD = {DataState.OK, DataState.EMPTY}


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    with Endpoints() as served:
        yield served


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return make_profile(tmp_path)


def until(holds: Callable[[], Any]) -> Any:
    """Wait until a condition holds; returns what it gave."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def owner(profile: Profile) -> str:
    """Who watches, as it wrote itself; empty if nobody ever did."""
    if not profile.watch_db.exists():
        return ""
    with open_watch(profile.watch_db) as store:
        watcher = Watch(store).watcher()
        return watcher.owner if watcher is not None else ""


def rows(profile: Profile) -> dict[str, SourceStatus]:
    with open_watch(profile.watch_db) as store:
        found = strip(planned(load(profile), profile), Watch(store), SystemClock().now())
    return {row.name: row for row in found}


def probes(profile: Profile) -> dict[str, str]:
    with open_watch(profile.watch_db) as store:
        facts = Watch(store).facts("probe")
    return {fact.thing.name: fact.thing.word for fact in facts if isinstance(fact.thing, Probe)}


# one round -----------------------------------------------------------------------------------------


def test_once_asks_prints_and_says_by_its_status_whether_all_can_be_believed(
    profile: Profile, endpoints: Endpoints
) -> None:
    probing(profile, endpoints.add(http()), unused_port())
    done = stas(profile, "watch", "--once")
    assert done.returncode == exit_codes.FAILED, "the repository of that project cannot be read"
    said = {line.split()[2]: line for line in done.stdout.splitlines()}
    assert said["probes:shop"].startswith("● ok ")
    assert said["deploys:shop"].startswith("✖ error ")
    assert probes(profile) == {"api-0": "healthy", "api-1": "refused"}


def test_once_with_only_good_answers_is_status_0(profile: Profile, tmp_path: Path) -> None:
    folder = profile.root / "recording"
    folder.mkdir()
    answers = [{"state": "empty", "things": []}]
    data = {"format": "stas.replay/1", "source": "alertmanager", "kind": "alerts", "answers": answers}
    (folder / "a.json").write_text(json.dumps(data), "utf-8")
    configure(profile, "").config_file.write_text(CONFIGURATION + 'replay = "recording"\n', "utf-8")
    done = stas(profile, "watch", "--once", "--json")
    assert done.returncode == exit_codes.OK, done.stderr
    data = json.loads(done.stdout)
    assert data["schema"] == "stas.sources/1"
    [row] = data["sources"]
    assert (row["name"], row["state"], row["replayed"]) == ("alertmanager", "empty", True)


def test_sources_prints_what_is_known_and_asks_nobody(profile: Profile, endpoints: Endpoints) -> None:
    probing(profile, endpoints.add(http()))
    before = stas(profile, "sources")
    assert before.returncode == exit_codes.OK
    assert "unknown  probes:shop" in before.stdout
    assert "not asked yet" in before.stdout
    assert not profile.watch_db.exists()
    assert endpoints.heads == []
    stas(profile, "watch", "--once")
    after = stas(profile, "sources")
    assert "stale    probes:shop" in after.stdout, "nobody asks any more"
    assert "Nobody asks them: the watcher does not run." in after.stderr
    assert len(endpoints.heads) == 1


def test_what_a_source_says_cannot_act_on_the_terminal() -> None:
    row = SourceStatus(
        name="prometheus",
        kind=SourceKind.METRICS,
        state=DataState.ERROR,
        every_ms=15_000,
        asked_at=1,
        reason="\x1b]0;all is well\x07 \u202eko\r\n● ok",
    )
    [line] = lines([row], 1)
    assert line.isprintable()
    assert line.startswith("✖ error ")


def test_nothing_to_watch_is_a_sentence(profile: Profile) -> None:
    done = stas(configure(profile), "watch", "--once")
    assert done.returncode == exit_codes.USAGE
    assert "names no source" in done.stderr
    assert not names_any(load(profile))
    assert "unknown, not good" in stas(profile, "sources").stderr


def test_a_wrong_recording_is_a_sentence(profile: Profile) -> None:
    configure(profile).config_file.write_text(CONFIGURATION + 'replay = "nowhere"\n', "utf-8")
    for command in (("watch", "--once"), ("sources",)):
        done = stas(profile, *command)
        assert done.returncode == exit_codes.FAILED
        assert "no recording" in done.stderr
        assert "Traceback" not in done.stderr


# beside the dashboard ------------------------------------------------------------------------------


@pytest.fixture
def child(profile: Profile, endpoints: Endpoints) -> Iterator[WatcherChild]:
    probing(profile, endpoints.add(http()))
    with WatcherChild(profile, environ=environ(), first_s=0.0) as kept:
        yield kept


def test_a_child_watches_in_another_process_and_rings_the_bell(profile: Profile, child: WatcherChild) -> None:
    with Bell(profile.runtime_dir).listen() as ear:
        assert ear.wait(PATIENCE_S)
    until(lambda: profile.watch_db.exists() and probes(profile))
    assert owner(profile).split(":")[0] == str(child.pid) != str(os.getpid())
    assert rows(profile)["probes:shop"].state is DataState.OK


def test_a_deleted_watch_is_written_and_read_anew_by_everybody_who_had_it_open(
    profile: Profile, child: WatcherChild
) -> None:
    until(lambda: profile.watch_db.exists() and probes(profile))
    with open_watch(profile.watch_db) as store:
        dashboard = Watch(store)
        assert dashboard.facts("probe")
        pid = child.pid
        for file in profile.root.glob("watch.db*"):
            file.unlink()
        assert until(lambda: dashboard.facts("probe") and dashboard.watcher())
        status = dashboard.source("probes:shop")
        assert status is not None
        assert status.state is DataState.OK
        assert child.pid == pid, "the watcher went on"
        until(lambda: not [link for who in (pid, os.getpid()) for link in _deleted(who, profile)])


def _deleted(pid: int | None, profile: Profile) -> list[str]:
    """The watches that a process has open and that no folder names any more."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return [link for link in links if link.startswith(str(profile.watch_db)) and link.endswith(" (deleted)")]


def test_closing_ends_the_child(profile: Profile, child: WatcherChild) -> None:
    seen = until(lambda: owner(profile))
    child.close()
    assert not owner_alive(seen)
    assert child.pid is None


def test_E5_a_killed_watcher_leaves_nothing_green_and_is_started_again(profile: Profile, child: WatcherChild) -> None:
    first = until(lambda: profile.watch_db.exists() and probes(profile) and owner(profile))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: not owner_alive(first))
    states = {row.state for row in rows(profile).values()} if owner(profile) == first else set()
    assert not states & GOOD
    second = until(lambda: (now := owner(profile)) != first and now)
    assert owner_alive(second)
    until(lambda: rows(profile)["probes:shop"].state is DataState.OK)


HOLDER = """
import sys, time
from stas_tui.doctor_rows import State
from stas_tui.health.process import WatcherChild
from stas_tui.locations import Locations
from pathlib import Path
profile = Locations.find(Path(sys.argv[1])).profile("watched")
child = WatcherChild(profile, first_s=0.0)
print("started", flush=True)
time.sleep(600)
"""


def test_a_killed_dashboard_takes_its_watcher_with_it(profile: Profile, endpoints: Endpoints) -> None:
    probing(profile, endpoints.add(http()))
    argv = [sys.executable, "-c", HOLDER, str(profile.root.parents[1])]
    with subprocess.Popen(argv, env=environ(), stdout=subprocess.PIPE) as dashboard:
        try:
            watcher = until(lambda: owner(profile))
            assert owner_alive(watcher)
        finally:
            dashboard.kill()
    until(lambda: not owner_alive(watcher))


def test_one_watcher_for_a_profile(profile: Profile, child: WatcherChild) -> None:
    until(lambda: owner(profile))
    done = stas(profile, "watch", "--once")
    assert done.returncode == exit_codes.USAGE
    assert "already" in done.stderr
    with pytest.raises(WatcherThere), only_watcher(profile):
        pass
    child.close()
    with only_watcher(profile), pytest.raises(WatcherThere), only_watcher(profile):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_watcher_of_its_own(profile: Profile, endpoints: Endpoints, number: int) -> None:
    probing(profile, endpoints.add(http()))
    argv = [part for part in watcher_argv(profile) if part != "--with-parent"]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, env=environ(), text=True, encoding="utf-8", **pipes) as process:
        try:
            until(lambda: profile.watch_db.exists() and probes(profile))
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == exit_codes.OK
            assert "ok       probes:shop" in out
            assert "Traceback" not in err
        finally:
            process.kill()


def test_a_watcher_ends_though_a_source_hangs(profile: Profile, endpoints: Endpoints) -> None:
    import asyncio

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3_600)

    remote = profile.root / "no-remote.git"
    table = ENDPOINT.format(name="api", port=endpoints.add(hang)).replace("timeout_s = 2", "timeout_s = 60")
    configure(profile, PROJECT.format(remote=remote), table)
    with WatcherChild(profile, environ=environ(), first_s=0.0) as child:
        until(lambda: endpoints.heads)
        watcher = owner(profile)
        assert child.pid is not None
    assert not owner_alive(watcher)
    log = (profile.root / "watch.log").read_text("utf-8")
    assert "Traceback" not in log


def test_a_child_that_cannot_run_does_not_disturb_the_dashboard(profile: Profile) -> None:
    configure(profile, "").config_file.write_text("not = [toml", "utf-8")
    with WatcherChild(profile, environ=environ(), first_s=0.0):
        log = profile.root / "watch.log"
        until(lambda: log.exists() and log.read_text("utf-8"))
    assert "Traceback" not in log.read_text("utf-8")
