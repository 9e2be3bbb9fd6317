"""The one look from which every face draws: cheap, and it never raises."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from stas_tui.pulse.view import View, take_view
from storage.records import DataState, Mode, Project, StepState, Task
from storage.sqlite import Store
from tests.door.shop import T0, Shop, message, platform_of


@contextmanager
def counted(shop: Shop) -> Iterator[list[str]]:
    """The SQL statements of both databases."""
    seen: list[str] = []
    stores: tuple[Store, ...] = shop.app.stores
    for store in stores:
        store.connection.set_trace_callback(seen.append)
    try:
        yield seen
    finally:
        for store in stores:
            store.connection.set_trace_callback(None)


def look(shop: Shop) -> View:
    return take_view(shop.context, idle_mode=Mode.OBSERVE)


def fastest(do: Callable[[], object], times: int = 7) -> float:
    """Milliseconds of the fastest of several tries: the machine is shared."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        spent.append((time.perf_counter() - start) * 1000)
    return min(spent)


def test_a_look_takes_few_statements_whatever_the_size_of_the_pulse(looked: Shop) -> None:
    with counted(looked) as small:
        look(looked)
    for n in range(40):
        looked.call("message_agent", agentId="dev", message=f"please merge {n}")
        looked.task(f"T-{100 + n}", f"infra: thing {n}")
    with counted(looked) as large:
        view = look(looked)
    assert len(view.gates) == 40
    assert len(large) == len(small)
    assert len(small) <= 24, small


def test_a_look_is_fast_also_beside_100_000_messages(looked: Shop) -> None:
    assert fastest(lambda: look(looked)) < 15
    with looked.app.stores[1].write() as conn:
        row = looked.world.deliver(message("m-0"))
        names = [item[1] for item in conn.execute("pragma table_info(messages)")]
        copied = ", ".join(
            "'m-' || n.value" if name == "id" else "n.value + 10" if name == "seq" else name for name in names
        )
        conn.execute(
            f"with recursive n(value) as (select 1 union all select value + 1 from n where value < 100000) "
            f"insert into messages({', '.join(names)}) select {copied} from messages, n where id = ?",
            (row.id,),
        )
    assert look(looked).inbox_count == 100_001
    assert fastest(lambda: look(looked)) < 30


def test_before_a_pulse_and_after_it_there_is_a_view(shop: Shop) -> None:
    idle = look(shop)
    assert (idle.pulse, idle.mode, idle.problem) == (None, Mode.OBSERVE, "")
    assert [row.task.id for row in idle.queue] == ["T-1", "T-2"]
    shop.look(3)
    during = look(shop)
    assert (during.position, during.mode) == (4, Mode.SUPERVISED)
    assert during.steps[2].state is StepState.DONE


class Dead(LocalPlatform):
    def inbox_count(self) -> int:
        raise PlatformError("inbox is down")

    def projects(self) -> list[Project]:
        raise PlatformError("board is down")

    def tasks(self, project_id: str) -> list[Task]:
        raise PlatformError("board is down")


def test_dead_sources_are_errors_in_the_view_and_not_empty_lists(looked: Shop) -> None:
    looked.wire(platform=lambda real: platform_of(real, Dead))
    view = look(looked)
    assert (view.inbox_state, view.inbox_reason) == (DataState.ERROR, "inbox is down")
    assert (view.queue_state, view.queue_reason) == (DataState.ERROR, "board is down")
    assert view.pulse is not None


def test_a_dead_record_is_a_problem_and_no_exception(looked: Shop) -> None:
    looked.profile.record_db.unlink()
    view = look(looked)
    assert view.pulse is None or view.problem
    looked.app.stores[0].close()
    closed = look(looked)
    assert closed.problem
    assert closed.at == T0
    assert isinstance(sqlite3.sqlite_version, str)
