"""`watch.db` may be deleted at any time, also while it is open: whoever asks next goes on in the file there is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.errors import StoreCorrupt, StoreError, StoreGone
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Alert, SourceKind, SourceStatus

NOW = 1_795_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "profile").mkdir()
    return tmp_path / "profile" / "watch.db"


@pytest.fixture
def watch(path: Path) -> Iterator[Watch]:
    with open_watch(path) as store:
        yield Watch(store)


def say(watch: Watch, *keys: str, at: int = NOW) -> None:
    status = SourceStatus(
        name="alertmanager", kind=SourceKind.ALERTS, state=DataState.OK, every_ms=15_000, asked_at=at, at=at
    )
    watch.record(status, [Alert(key=key, name="Errors") for key in keys])


def keys(watch: Watch) -> list[str]:
    return [fact.thing.key for fact in watch.facts("alert")]


def delete(path: Path) -> None:
    for file in path.parent.glob("watch.db*"):
        file.unlink()


def held(path: Path) -> list[str]:
    """Files of this name that this process has open and that no folder names any more."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(str(path)) and target.endswith(" (deleted)"):
            found.append(target)
    return found


def test_a_reader_sees_what_the_writer_writes_into_the_new_file(watch: Watch, path: Path) -> None:
    with open_watch(path) as store:
        writer = Watch(store)
        say(writer, "old")
        assert keys(watch) == ["old"]
        delete(path)
        assert (keys(watch), watch.sources(), watch.watcher()) == ([], [], None), "what was said there is gone"
        say(writer, "new")
        writer.beat(NOW, 1)
        assert keys(watch) == ["new"]
        assert watch.watcher() is not None
    assert held(path) == []


@pytest.mark.parametrize("first", ["reader", "writer"])
def test_it_does_not_matter_who_notices_first(watch: Watch, path: Path, first: str) -> None:
    with open_watch(path) as store:
        writer = Watch(store)
        say(writer, "old")
        delete(path)
        if first == "reader":
            assert keys(watch) == []
        say(writer, "new")
        assert keys(watch) == ["new"]


def test_a_file_that_was_put_in_its_place_is_read(watch: Watch, path: Path, tmp_path: Path) -> None:
    with open_watch(tmp_path / "other.db") as store:
        say(Watch(store), "other")
    say(watch, "old")
    (tmp_path / "other.db").replace(path)
    assert keys(watch) == ["other"]
    assert held(path) == []


def test_no_thread_keeps_the_old_file_alive(watch: Watch, path: Path) -> None:
    """Also one that never asks again: its connection would hold the old file for ever."""
    say(watch, "old")
    asked, over = threading.Barrier(4), threading.Event()

    def ask_once() -> list[str]:
        found = keys(watch)
        asked.wait(30)
        over.wait(30)
        return found

    with ThreadPoolExecutor(3) as pool:
        idle = [pool.submit(ask_once) for _ in range(3)]
        asked.wait(30)
        delete(path)
        assert held(path), "they have it open"
        assert keys(watch) == []
        assert held(path) == []
        over.set()
        assert [one.result() for one in idle] == [["old"]] * 3


def test_threads_that_ask_meanwhile_are_not_disturbed(watch: Watch, path: Path) -> None:
    """Readers and a writer go on while the file is deleted again and again; none of them ever fails."""
    over, rounds = threading.Event(), [0] * 4

    def ask(n: int) -> None:
        while not over.is_set():
            if n == 0:
                say(watch, "a", "b")
            else:
                assert keys(watch) in ([], ["a", "b"])
            rounds[n] += 1

    with ThreadPoolExecutor(4) as pool:
        going = [pool.submit(ask, n) for n in range(4)]
        try:
            for _ in range(15):
                before = list(rounds)
                delete(path)
                while any(now - then < 2 for now, then in zip(rounds, before, strict=True)):
                    assert not any(one.done() for one in going), [one.exception() for one in going if one.done()]
        finally:
            over.set()
        for one in going:
            one.result(30)
    assert held(path) == []


def test_a_new_file_is_a_change(watch: Watch, path: Path) -> None:
    say(watch, "old")
    seen = [watch.store.data_version()]
    for _ in range(3):
        delete(path)
        seen.append(watch.store.data_version())
    assert len(set(seen)) == len(seen), "who looks only after a change looks now"
    assert watch.store.data_version() == seen[-1]


def test_a_transaction_whose_file_is_taken_away_is_not_continued_elsewhere(watch: Watch, path: Path) -> None:
    say(watch, "old")
    with pytest.raises(StoreGone), watch.store.write() as conn:
        conn.execute("delete from fact")
        delete(path)
        watch.sources()
    say(watch, "new")
    assert keys(watch) == ["new"]


def test_a_folder_that_is_gone_is_not_made_again(watch: Watch, path: Path) -> None:
    say(watch, "old")
    shutil.rmtree(path.parent)
    for ask in (watch.sources, lambda: say(watch, "new"), watch.store.data_version):
        with pytest.raises(StoreGone):
            ask()
    assert not path.parent.exists()


def test_what_is_closed_makes_no_file(watch: Watch, path: Path) -> None:
    watch.store.close()
    delete(path)
    asks: list[Callable[[], object]] = [watch.sources, lambda: say(watch, "new"), watch.store.data_version]
    for ask in asks:
        with pytest.raises(StoreError):
            ask()
    assert not path.exists()


def test_something_else_in_its_place_is_an_error_until_it_is_deleted(watch: Watch, path: Path, tmp_path: Path) -> None:
    say(watch, "old")
    junk = tmp_path / "junk"
    junk.write_bytes(b"no database at all, and longer than a header " * 400)
    junk.replace(path)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            watch.sources()
    assert path.read_bytes().startswith(b"no database")
    delete(path)
    say(watch, "new")
    assert keys(watch) == ["new"]
