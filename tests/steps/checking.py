"""A shop whose tenants are declared, and real rounds by `stas` with one group of checks: D1 and D10 look at a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from stas_tui.isolation.process import round_argv
from stas_tui.pulse.context import Progress
from stas_tui.rounds import Rounds
from storage.clock import SystemClock
from storage.records import Finding, Step
from tests.door.shop import PERSON, Shop

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "isolation" / "core" / "stas_with_group.py"
KNOWN = ("D1", "D10")
TENANCY = """\
version = 1
strategy = "row"
completed_by = "Ada"

[[tenant]]
name = "acme"
key = "a"

[[tenant]]
name = "globex"
key = "g"
"""


def small_rounds(rounds: Rounds) -> None:
    """Rounds of this process run the program that has D1 and D10 only; the others are as if they were never asked."""
    profile = rounds._profile

    def command(project: str, checks: Sequence[str], pulse_id: str | None) -> list[str]:
        wanted = [check for check in checks if check in KNOWN]
        return [sys.executable, str(PROGRAM), *round_argv(profile, project, checks=wanted, pulse_id=pulse_id)[3:]]

    rounds.command = command


class Checked:
    """The shop, the file that its checks look at, and the way to step 9."""

    def __init__(self, shop: Shop, file: Path) -> None:
        self.shop, self.file = shop, file
        shop.clock.advance(SystemClock().now() - shop.clock.now())
        small_rounds(shop.app.rounds)

    def declare(self, text: str = TENANCY) -> None:
        self.shop.profile.tenancy_dir.mkdir(exist_ok=True)
        self.shop.profile.tenancy_file("shop").write_text(text, "utf-8")

    def says(self, word: str) -> None:
        """`sound`, `leak`, `hang`, or nothing at all."""
        self.file.write_text(word, "utf-8")

    def reopen(self) -> None:
        self.shop.reopen()
        small_rounds(self.shop.app.rounds)

    def to_step(self) -> None:
        """Everything before step 9, with nothing done in step 7."""
        self.shop.look(6)
        self.shop.machine.skip(by=PERSON, reason="nothing today")
        self.shop.machine.advance()

    def advance(self) -> Progress:
        return self.shop.machine.advance()

    def finish(self, during: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Advance until step 9 is over; rounds are waited for."""
        for _ in range(20):
            progress = self.advance()
            if progress.needs != "run":
                return progress
            during(progress)
            self.shop.app.rounds.wait(progress.checks, 60)
            self.shop.clock.advance(SystemClock().now() - self.shop.clock.now())
        raise AssertionError("step 9 never ended")

    @property
    def step(self) -> Step:
        return self.shop.context.pulses.steps(self.shop.pulse.id)[8]

    @property
    def cells(self) -> dict[tuple[str, str], Finding]:
        """(tenant, point) to what step 9 wrote down."""
        found = self.shop.context.findings.of_pulse(self.shop.pulse.id)
        return {
            (f.subject.partition("/")[2], f.check.partition(":")[2]): f
            for f in found
            if f.check.startswith("isolation:")
        }
