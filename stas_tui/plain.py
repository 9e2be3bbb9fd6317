"""The pulse as lines of text: the same machine and the same gates, for screen readers, dumb terminals and scripts.

A gate is printed whole, then asked. Only `approve` with the digest's first eight characters approves; the end of
input and ctrl+c decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stas_tui import exit_codes
from stas_tui.application import Application, policy_digest
from stas_tui.plain_answers import Answers, Closed, InputEnded
from stas_tui.plain_text import HELP
from stas_tui.pulse.context import Progress
from storage.errors import StasError
from storage.records import STEP_NAMES, Mode, RunState
from widgets.printable import flat, safe_text

WAIT_S = 1.0
"""Seconds between two looks at a running executor."""

CHECKS_S = 2.0
"""Seconds between two lines about isolation checks that run."""

OUTPUT_LINES = 400
"""Lines of a run's output that are printed; the rest is counted, all of it stays in the run's folder."""

OUTPUT_CELLS = 500
"""Cells of one line of output that are printed."""


@dataclass
class Plain:
    """One pulse on a pair of streams."""

    app: Application
    write: Callable[[str], None]
    read: Callable[[], str]
    """One line without its end. Raises `EOFError` at the end of input."""
    edit: Callable[[str, str], str | None] | None = None
    """Opens a text (name, text) in an editor; None where there is no terminal: then lines up to a lone dot are read."""
    walk_past: bool = False
    """Leave gates undecided and go on looking (no terminal)."""

    def __post_init__(self) -> None:
        self.machine = self.app.machine
        self.ended = False
        self.undecided: list[str] = []
        self._answers = Answers(app=self.app, say=self.say, ask=self.line, edit=self.edit)
        self._told = self.app.context.journal.head()[0]
        self._summary_stands = False

    # the walk -------------------------------------------------------------------------------------

    def run(self) -> int:
        """Walk the pulse to its end, or to where input ends. Returns the exit status: 0, or 130 after ctrl+c."""
        try:
            self._begin()
            self._walk()
        except Closed:
            return exit_codes.OK
        except InputEnded:
            self.say("Input ended: nothing was decided.")
        except KeyboardInterrupt:
            self.say("Interrupted: nothing was decided. `stas pulse --plain` goes on here.")
            return exit_codes.INTERRUPTED
        self._end()
        return exit_codes.OK

    def _begin(self) -> None:
        settings = self.app.settings
        mark = " DEMO" if settings.demo.enabled else ""
        self.say(f"stas{mark}  environment {settings.environment}  mode {self._mode().value.upper()}")
        if not self.app.person:
            self.say("Nobody is named who could decide: everything stays a proposal.")
        for sentence in self.machine.recover():
            self.say(f"After the restart: {sentence}")
        pulse = self.machine.current()
        if pulse is not None:
            self.say(f"Pulse {pulse.number} is open; it goes on where it stopped.")
            return
        pulse = self.machine.begin(
            operator=self.app.person or "nobody", mode=self.app.mode, policy_digest=policy_digest(self.app.settings)
        )
        self.say(f"Pulse {pulse.number} begins.")

    def _walk(self) -> None:
        aside: set[int] = set()
        shown = ""
        while True:
            progress = self.machine.advance(aside=frozenset(aside))
            if progress.needs == "summary" and self.undecided:
                return
            name = f"{STEP_NAMES[progress.step.n]}{progress.step.sub and ' ' + progress.step.sub}"
            line = f"[{progress.step.n:>2} {name}] {flat(progress.say)}"
            if progress.say and line != shown:
                shown = line
                self.say(line)
            self._tell_what_the_agent_says()
            if progress.needs == "":
                continue
            if progress.needs == "ended":
                return
            if progress.needs == "run":
                if progress.checks:
                    self._wait_for_checks(progress.checks)
                else:
                    self._watch(progress)
                continue
            if self._answered(progress):
                shown = ""
                continue
            if progress.needs in ("summary", "paused"):
                return
            self.undecided.append(f"step {progress.step.n}: {flat(progress.say)}")
            if not self.walk_past:
                return
            aside.add(progress.step.n)

    def _tell_what_the_agent_says(self) -> None:
        journal = self.app.context.journal
        for event in journal.events(after=self._told, kinds=["agent.said"]):
            self.say(f"{flat(event.actor)} says: {flat(event.body.get('said', ''))}")
        self._told = journal.head()[0]

    def _watch(self, progress: Progress) -> None:
        """Print what a running executor writes until it is over."""
        run_id = progress.run.id if progress.run else self.machine.work().state["run"]
        executor = self.app.context.door.executor
        self.say(f"Output of {run_id}, indented; ctrl+c leaves, the run goes on:")
        offset, lines, rest = 0, 0, b""
        while True:
            status = executor.wait(run_id, WAIT_S)
            chunk, offset = executor.tail(run_id, offset)
            over = status.state is RunState.FINISHED and not chunk
            *whole, rest = (rest + chunk).split(b"\n")
            for line in [*whole, rest] if over and rest else whole:
                lines += 1
                if lines <= OUTPUT_LINES:
                    self.say(f"    {flat(line.decode('utf-8', 'replace'), OUTPUT_CELLS)}")
            if len(rest) > OUTPUT_CELLS * 16:
                rest = rest[: OUTPUT_CELLS * 16]
            if over:
                break
        if lines > OUTPUT_LINES:
            self.say(f"{lines - OUTPUT_LINES} more lines stand in {executor.directory(run_id) / 'stdout.log'}.")

    def _wait_for_checks(self, project: str) -> None:
        """Print now and then what the isolation checks read, until they are over."""
        rounds = self.app.rounds
        if rounds.under(project) is None:
            self.say(f"Waiting for the checks of {flat(project)} that run elsewhere; ctrl+c leaves.")
            rounds.wait(project, CHECKS_S)
            return
        self.say("What they read, indented; ctrl+c ends them, what they found stands:")
        told = ""
        while (under := rounds.under(project)) is not None:
            if under.words != told:
                told = under.words
                self.say(f"    {flat(told, OUTPUT_CELLS)}")
            rounds.wait(project, CHECKS_S)

    # asking ---------------------------------------------------------------------------------------

    def _answered(self, progress: Progress) -> bool:
        """Ask until something changed (True) or the person left it undecided (False)."""
        self.print_all(self._answers.introduction(progress))
        self._summary_stands = progress.needs == "summary"
        if self.ended:
            return False
        self.say(f"({HELP[progress.needs]})")
        while True:
            try:
                words = self.line().strip()
            except InputEnded:
                if not self.walk_past:
                    raise
                return False
            if not words:
                continue
            if words == "defer":
                self.say("Left undecided: nothing runs, nothing is lost.")
                return False
            if words == "help":
                self.say(f"({HELP[progress.needs]})")
                continue
            try:
                if self._answers.take(progress, words):
                    return True
            except StasError as error:
                self.say(f"No: {error}")

    def line(self) -> str:
        """The next line of input. Raises `InputEnded`, once and for all."""
        if self.ended:
            raise InputEnded
        try:
            return self.read()
        except EOFError:
            self.ended = True
            raise InputEnded from None

    # the edges of the walk ------------------------------------------------------------------------

    def _mode(self) -> Mode:
        pulse = self.machine.current()
        return pulse.mode if pulse else self.app.mode

    def _end(self) -> None:
        pulse = self.machine.current()
        if pulse is None:
            return
        if self.undecided:
            self.say("")
            self.say(f"{len(self.undecided)} left undecided; nothing of it was done:")
            for line in self.undecided:
                self.say(f"  - {line}")
        if not self._summary_stands:
            self.say("")
            self.say(self.machine.summary())
        self.say(f"Pulse {pulse.number} stays open; the next start goes on with it.")

    def print_all(self, lines: Iterable[str]) -> None:
        """Print each of these lines."""
        for line in lines:
            self.say(line)

    def say(self, text: str) -> None:
        """Print text from anywhere: nothing in it acts on the terminal."""
        self.write(safe_text(text))
