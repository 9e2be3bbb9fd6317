"""A round in a child process: it tells how far it is, ends when told, and goes when its parent goes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from isolation_shop import ROOT, Shop

from stas_tui import exit_codes
from stas_tui.isolation.process import LOG_NAME, RoundChild, RoundThere, only_round, round_argv
from stas_tui.proving import open_checks
from storage.check_records import CheckRun, Verdict
from storage.owner import owner_alive
from storage.records import Json

PATIENCE_S = 60.0


def until(holds: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to that")


class Heard:
    """What a child said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[Json] = []
        self._more = threading.Condition()

    def __call__(self, line: Json) -> None:
        with self._more:
            self.lines.append(line)
            self._more.notify_all()

    def until(self, event: str, **values: object) -> Json:
        def found() -> Json | None:
            return next((x for x in self.lines if x["event"] == event and values.items() <= x.items()), None)

        with self._more:
            assert self._more.wait_for(found, PATIENCE_S), self.lines
            line = found()
            assert line is not None
            return line


@contextlib.contextmanager
def child(shop: Shop, *args: str) -> Iterator[tuple[RoundChild, Heard]]:
    heard = Heard()
    argv = shop.argv("isolation", "run", "--with-parent", "--project", "shop", *args)
    with RoundChild(shop.profile, "shop", hear=heard, argv=argv, environ=shop.environ) as running:
        yield running, heard


def last_run(shop: Shop) -> CheckRun | None:
    with open_checks(shop.profile) as checks:
        return checks.last_run("shop")


def kept(shop: Shop) -> dict[tuple[str, str], Verdict]:
    with open_checks(shop.profile) as checks:
        return {(k.result.check, k.result.tenant): k.result.verdict for k in checks.standing("shop")}


def test_a_child_says_how_far_it_is_and_writes_what_it_found(shop: Shop) -> None:
    shop.write("leak")
    with child(shop) as (running, heard):
        heard.until("gone", status=exit_codes.OK)
        assert running.wait(PATIENCE_S) == exit_codes.OK
    run = last_run(shop)
    assert run is not None
    assert heard.until("began") == {"event": "began", "project": "shop", "run": run.id, "asked": ["D1", "D10"]}
    assert heard.until("step")["text"] == "D1 "
    results = [x for x in heard.lines if x["event"] == "result"]
    assert [(x["check"], x["tenant"], x["verdict"]) for x in results] == [
        ("D1", "", "flagged"),
        ("D10", "acme", "flagged"),
        ("D10", "globex", "verified"),
    ]
    ended = heard.until("ended")
    assert (ended["run"], ended["outcome"], ended["counts"]) == (run.id, "done", {"flagged": 2, "verified": 1})
    assert len(kept(shop)) == 3


def test_a_child_of_some_checks_only(shop: Shop) -> None:
    shop.write("sound")
    with child(shop, "--check", "D1") as (running, _):
        running.wait(PATIENCE_S)
    assert set(kept(shop)) == {("D1", "")}


def test_the_command_is_the_one_that_runs(shop: Shop) -> None:
    """The real argument list, with the groups that this installation has: nothing is declared, so nothing runs."""
    shop.profile.tenancy_file("shop").unlink()
    heard = Heard()
    with RoundChild(shop.profile, "shop", checks=("D1", "P1"), hear=heard, environ=shop.environ) as running:
        assert running.wait(PATIENCE_S) == exit_codes.OK
    assert heard.until("began")["asked"] == ["D1", "P1"]
    assert set(kept(shop).values()) == {Verdict.UNKNOWN}
    argv = round_argv(shop.profile, "shop", pulse_id="p-1")
    assert argv[-2:] == ["--pulse", "p-1"]


def test_cancelled_what_was_found_stands_and_the_round_says_so(shop: Shop) -> None:
    shop.write("hang")
    with child(shop) as (running, heard):
        heard.until("result", check="D1")
        heard.until("step", text="hanging")
        running.cancel()
        assert running.wait(PATIENCE_S) == exit_codes.INTERRUPTED
        assert heard.until("ended")["outcome"] == "cancelled"
    run = last_run(shop)
    assert run is not None
    assert (run.outcome, run.note) == ("cancelled", "a person ended it")
    assert kept(shop) == {("D1", ""): Verdict.VERIFIED}


def test_one_round_of_a_project_at_a_time(shop: Shop) -> None:
    shop.write("hang")
    with child(shop) as (running, heard):
        heard.until("step", text="hanging")
        second = shop.stas()
        assert second.returncode == exit_codes.USAGE
        assert "are running already; nothing was started" in second.stderr
        with pytest.raises(RoundThere), only_round(shop.profile, "shop"):
            raise AssertionError("two at once")
        with only_round(shop.profile, "other"):
            pass
        shown = shop.stas("show")
        assert "A round runs since" in shown.stdout
        with child(shop) as (refused, said):
            assert refused.wait(PATIENCE_S) == exit_codes.USAGE
            assert "are running already" in said.until("refused")["reason"]
        assert running.running
    with only_round(shop.profile, "shop"):
        pass


def test_a_killed_child_leaves_a_round_that_the_next_one_closes(shop: Shop) -> None:
    shop.write("hang")
    with child(shop) as (running, heard):
        heard.until("step", text="hanging")
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(PATIENCE_S) == -signal.SIGKILL
    dead = last_run(shop)
    assert dead is not None
    assert dead.outcome == ""
    assert "failed, its process ended before it did" in shop.stas("show").stdout
    shop.write("sound")
    assert shop.stas().returncode == exit_codes.OK
    with open_checks(shop.profile) as checks:
        closed = checks.run(dead.id)
    assert closed is None or closed.outcome == "failed"


PARENT = """
import sys
from stas_tui.isolation.process import RoundChild
from stas_tui.locations import Locations
from pathlib import Path
shop = Locations.find(Path(sys.argv[1])).profile("shop")
def hear(line): print(line["event"], line.get("text"), flush=True)
child = RoundChild(shop, "shop", argv=sys.argv[2:], hear=hear)
print("pid", child.pid, flush=True)
child.wait()
"""


def test_a_child_ends_when_its_parent_is_killed(shop: Shop) -> None:
    shop.write("hang")
    argv = shop.argv("isolation", "run", "--with-parent", "--project", "shop")
    home = str(shop.profile.root.parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, home, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**shop.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        for line in parent.stdout:
            if line.startswith("step hanging"):
                break
        run = last_run(shop)
        assert run is not None
        assert owner_alive(run.owner)
        parent.kill()
    until(lambda: not owner_alive(run.owner))
    ended = last_run(shop)
    assert ended is not None
    assert ended.outcome == "cancelled"


def test_what_breaks_in_a_child_stands_in_its_log(shop: Shop, tmp_path: Path) -> None:
    shop.file.mkdir()
    with child(shop) as (running, heard):
        assert running.wait(PATIENCE_S) == exit_codes.OK
    assert all("the check broke (IsADirectoryError" in x["reason"] for x in heard.lines if x["event"] == "result")
    log = (shop.profile.root / LOG_NAME).read_text("utf-8")
    assert "Traceback" in log
    assert "IsADirectoryError" in log
    assert (shop.profile.root / LOG_NAME).stat().st_mode & 0o777 == 0o600


def test_a_wrong_tenancy_file_is_told_to_the_parent(shop: Shop) -> None:
    shop.declare("strategy = 1\n")
    with child(shop) as (running, heard):
        assert running.wait(PATIENCE_S) == exit_codes.CONFIG
    assert "shop.toml, line 1" in heard.until("refused")["reason"]
