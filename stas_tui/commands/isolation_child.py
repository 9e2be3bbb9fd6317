"""`stas isolation run --with-parent`: one round that tells its parent, in lines of JSON, how far it is."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from storage.check_records import CheckResult, CheckRun
from storage.clock import SystemClock, iso_seconds
from storage.errors import StasError
from storage.records import Json

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.config_model import Project
    from stas_tui.locations import Profile

EVERY_S = 0.1
"""Seconds between two lines about what is being read."""


class Teller:
    """Writes lines for the parent; a parent that reads no more has ended."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        self._last = 0.0

    def tell(self, event: str, **more: object) -> None:
        """One line."""
        line: Json = {"event": event, **more}
        try:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._over.set()

    def step(self, text: str) -> None:
        """What is being read, unless it was said just now."""
        now = time.monotonic()
        if now - self._last >= EVERY_S:
            self._last = now
            self.tell("step", text=text)

    def began(self, run: CheckRun) -> None:
        """The round is in the record."""
        self.tell("began", project=run.project_id, run=run.id, asked=list(run.asked))

    def result(self, result: CheckResult) -> None:
        """A result is in the record."""
        self.tell(
            "result",
            check=result.check,
            tenant=result.tenant,
            verdict=result.verdict.value,
            reason=result.reason,
        )


def run(
    profile: Profile,
    settings: Settings,
    project: Project,
    *,
    checks: Sequence[str] = (),
    at: str = "",
    pulse_id: str | None = None,
) -> int:
    """Run the checks until they are done, a signal comes, or the parent ends. Raises `StasError`."""
    from stas_tui.health.process import when_parent_ends
    from stas_tui.proving import prove

    over = threading.Event()
    teller = Teller(over)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    when_parent_ends(over.set)
    try:
        done = prove(
            profile,
            settings,
            project,
            only=checks,
            at=at,
            pulse_id=pulse_id,
            began=teller.began,
            show=teller.result,
            progress=teller.step,
            cancelled=over.is_set,
            log=_log,
        )
    except StasError as error:
        teller.tell("refused", reason=str(error))
        raise
    assert done.run is not None
    counts = Counter(result.verdict.value for result in done.results)
    teller.tell("ended", run=done.run.id, outcome=done.run.outcome, note=done.run.note, counts=dict(counts))
    return exit_codes.INTERRUPTED if done.cancelled else exit_codes.OK


def _log(text: str) -> None:
    common.say(f"{iso_seconds(SystemClock().now())} {text}")
