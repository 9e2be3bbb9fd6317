"""The pulse as lines of text: the same machine and the same gates, for screen readers, dumb terminals and scripts.

A gate is printed whole, then asked. Only `approve` with the digest's first eight characters approves; the end of
input decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stas_tui.gates.contract import Shown
from stas_tui.gates.present import payload_lines
from stas_tui.pulse.context import Progress
from stas_tui.wiring import Application, policy_digest
from storage.clock import HOUR, age, countdown
from storage.errors import StasError
from storage.records import STEP_NAMES, Action, ActionState, GateLevel, Json, Mode, Outcome
from widgets.printable import flat, replaced, safe_text

POLL_S = 0.2
GLYPHS = {"ok": "ok", "warn": "warning", "crit": "CRITICAL", "unknown": "unknown"}

HELP = {
    "gate": "approve <first 8 of the digest> [typed name] | edit | reject <reason> | defer",
    "override": "override <reason> | skip <reason> | defer",
    "prompt": "show | edit | directly <reason> | give up <reason> | defer",
    "pull request": "show | edit | give up <reason> | defer",
    "memory": "show | edit | give up <reason> | defer",
    "review": "accept <numbers of looked-at deviations, reason> | again <cause> | park | give up <reason> | defer",
    "direct": "done | give up <reason> | defer",
    "workspace": "give up <reason> | defer",
    "blocked": "again | give up <reason> | defer",
    "paused": "resume <reason> | defer",
    "summary": "confirm | defer",
}


class InputEnded(Exception):
    """Nobody is there to answer (any more)."""


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

    # the walk -------------------------------------------------------------------------------------

    def run(self) -> int:
        """Walk the pulse to its end, or to where input ends. Returns the exit status."""
        self._say_where_we_are()
        for sentence in self.machine.recover():
            self.say(f"After the restart: {sentence}")
        if self.machine.current() is None:
            pulse = self.machine.begin(
                operator=self.app.person or "nobody",
                mode=self.app.mode,
                policy_digest=policy_digest(self.app.settings),
            )
            self.say(f"Pulse {pulse.number} begins.")
        else:
            self.say("A pulse is open; it goes on where it stopped.")
        try:
            self._walk()
        except InputEnded:
            self.say("Input ended: nothing was decided.")
        return self._end()

    def _walk(self) -> None:
        aside: set[int] = set()
        shown = ""
        while True:
            progress = self.machine.advance(aside=frozenset(aside))
            line = (
                f"[{progress.step.n:>2} {STEP_NAMES[progress.step.n]}{progress.step.sub and ' ' + progress.step.sub}]"
            )
            if progress.say and (line + progress.say) != shown:
                shown = line + progress.say
                self.say(f"{line} {flat(progress.say)}")
            if progress.needs == "":
                continue
            if progress.needs == "run":
                self._watch(progress)
                continue
            if progress.needs == "ended":
                return
            if not self._answer(progress):
                if progress.needs == "summary":
                    return
                self.undecided.append(f"step {progress.step.n}: {flat(progress.say)}")
                if not self.walk_past:
                    return
                aside.add(progress.step.n)

    def _watch(self, progress: Progress) -> None:
        run = progress.run
        if run is None:
            return
        executor = self.app.context.door.executor
        offset = 0
        while True:
            status = executor.wait(run.id, POLL_S * 5)
            chunk, offset = executor.tail(run.id, offset)
            for line in chunk.decode("utf-8", "replace").splitlines():
                self.say(f"    | {flat(line)}")
            if status.state.value == "finished" and not chunk:
                return

    # asking ---------------------------------------------------------------------------------------

    def _answer(self, progress: Progress) -> bool:
        """Ask until something changed (True) or the person left it undecided (False)."""
        if progress.needs == "gate" and progress.action is not None:
            self._print_gate(progress.action)
        elif progress.needs == "review":
            self._print_result()
        elif progress.needs == "summary":
            self.say(self.machine.summary())
        if self.ended:
            return False
        self.say(f"({HELP[progress.needs]})")
        while True:
            try:
                words = self._ask()
            except InputEnded:
                if not self.walk_past:
                    raise
                return False
            if not words:
                continue
            if words == "defer":
                self.say("Left undecided: nothing runs, nothing is lost.")
                return False
            try:
                if self._do(progress, words):
                    return True
            except StasError as error:
                self.say(f"No: {error}")

    def _ask(self) -> str:
        if self.ended:
            raise InputEnded
        try:
            return self.read().strip()
        except EOFError:
            self.ended = True
            raise InputEnded from None

    def _do(self, progress: Progress, words: str) -> bool:
        verb, _, rest = words.partition(" ")
        rest = rest.strip()
        by = self.app.person
        if words.startswith("give up") and progress.needs in HELP and "give up" in HELP[progress.needs]:
            self.machine.give_up(by=by, reason=words.removeprefix("give up").strip())
            return True
        if verb == "skip" and progress.needs == "override":
            self.machine.skip(by=by, reason=rest)
            return True
        handlers: dict[str, Callable[[Progress, str, str], bool]] = {
            "gate": self._decide,
            "review": self._judge,
            "prompt": self._text,
            "pull request": self._text,
            "memory": self._text,
        }
        if progress.needs in handlers:
            return handlers[progress.needs](progress, verb, rest)
        if progress.needs == "override" and verb == "override":
            self.machine.override(by=by, reason=rest)
            return True
        if progress.needs == "paused" and verb == "resume":
            self.machine.resume(by=by, reason=rest)
            return True
        if progress.needs == "direct" and verb == "done":
            self.machine.direct_done(by=by)
            return True
        if progress.needs == "blocked" and verb == "again":
            return True
        if progress.needs == "summary" and verb == "confirm":
            self._require_person()
            pulse = self.machine.close(by=by)
            self.ended = True
            self.say(f"Pulse {pulse.number} is complete.")
            raise InputEnded
        self.say(f"Not understood. {HELP[progress.needs]}")
        return False

    def _require_person(self) -> None:
        if not self.app.person:
            raise StasError("Nobody is named who could decide.", "Name yourself under [[person]] in stas.toml.")

    # gates ----------------------------------------------------------------------------------------

    def _print_gate(self, action: Action) -> None:
        for line in gate_text(action, environment=self.app.settings.environment, now=self.app.clock.now()):
            self.say(line)

    def _decide(self, progress: Progress, verb: str, rest: str) -> bool:
        action = progress.action
        assert action is not None
        if verb == "edit":
            return self._edit_gate(action)
        if verb not in ("approve", "reject"):
            self.say(f"Not understood. {HELP['gate']}")
            return False
        self._require_person()
        typed = ""
        if verb == "approve":
            prefix, _, typed = rest.partition(" ")
            if prefix != action.digest[:8]:
                self.say(
                    f"Not approved: type «approve {action.digest[:8]}», the first eight of the digest shown above."
                )
                return False
        decided = self.app.context.toolbox.decide(
            action.id,
            rev=action.rev,
            digest=action.digest,
            verdict=verb,
            voter=self.app.person,
            reason=rest if verb == "reject" else "",
            typed=typed.strip(),
        )
        self.say("Approved once." if decided.state is ActionState.APPROVED else f"Rejected: {flat(rest)}")
        return True

    def _edit_gate(self, action: Action) -> bool:
        assert action.revision is not None
        self._require_person()
        args = action.revision.args
        longest = max((n for n, value in args.items() if isinstance(value, str)), key=lambda name: len(args[name]))
        text = self._edited(longest, args[longest])
        if text is None or text == args[longest]:
            self.say("Nothing was changed.")
            return False
        self.app.context.toolbox.edit(
            action.id,
            rev=action.rev,
            digest=action.digest,
            args={**args, longest: text},
            author=self.app.person,
        )
        self.say(f"Changed {longest}: this is a new request and asks again.")
        return True

    # texts ----------------------------------------------------------------------------------------

    def _text(self, progress: Progress, verb: str, rest: str) -> bool:
        state = self.machine.work().state
        title = ""
        if progress.needs == "prompt":
            current = state["prompt"]
        elif progress.needs == "pull request":
            title, current = state["pr_title"], state["pr_body"]
        else:
            title, current = state["memory_title"], state["memory_text"]
        if verb == "show":
            self.say((f"{title}\n\n" if title else "") + current)
            return False
        if verb == "directly" and progress.needs == "prompt":
            self.machine.work_directly(by=self.app.person, reason=rest)
            return True
        if verb != "edit":
            self.say(f"Not understood. {HELP[progress.needs]}")
            return False
        self._require_person()
        text = self._edited(progress.needs, current)
        if text is None:
            self.say("Nothing was changed.")
            return False
        self.machine.set_text(progress.needs, text, by=self.app.person, title=title)
        return True

    def _edited(self, name: str, text: str) -> str | None:
        if self.edit is not None:
            return self.edit(name, text)
        self.say("Type the whole new text; end it with a line that holds only a dot.")
        lines: list[str] = []
        while (line := self._line()) != ".":
            lines.append(line)
        return "\n".join(lines) + "\n" if lines else None

    def _line(self) -> str:
        try:
            return self.read()
        except EOFError:
            self.ended = True
            raise InputEnded from None

    # the result -----------------------------------------------------------------------------------

    def _print_result(self) -> None:
        for line in result_text(self.machine.work().state["result"]):
            self.say(line)

    def _judge(self, progress: Progress, verb: str, rest: str) -> bool:
        self._require_person()
        by = self.app.person
        if verb == "park":
            self.machine.park(by=by)
            return True
        if verb == "again":
            text = self._edited("prompt", self.machine.work().state["prompt"])
            if text is not None:
                self.machine.respawn(by=by, cause=rest, prompt=text)
            return text is not None
        if verb != "accept":
            self.say(f"Not understood. {HELP['review']}")
            return False
        words = rest.replace(",", " ").split()
        numbers = [int(word) - 1 for word in words if word.isdigit()]
        reason = " ".join(word for word in words if not word.isdigit())
        self.machine.accept(by=by, reason=reason, ticked=numbers)
        return True

    # the edges of the walk ------------------------------------------------------------------------

    def _say_where_we_are(self) -> None:
        settings = self.app.settings
        mark = " DEMO" if settings.demo.enabled else ""
        self.say(f"stas{mark}  environment {settings.environment}  mode {self._mode().value.upper()}")
        if not self.app.person:
            self.say("Nobody is named who could decide: everything stays a proposal.")

    def _mode(self) -> Mode:
        pulse = self.machine.current()
        return pulse.mode if pulse else self.app.mode

    def _end(self) -> int:
        pulse = self.machine.current()
        if pulse is None:
            return 0
        if self.undecided:
            self.say("")
            self.say(f"{len(self.undecided)} left undecided; nothing of it was done:")
            for line in self.undecided:
                self.say(f"  - {line}")
        self.say("")
        self.say(self.machine.summary())
        self.say(f"Pulse {pulse.number} stays open; the next start goes on with it.")
        return 0

    def say(self, text: str) -> None:
        """Print text from anywhere: nothing in it acts on the terminal."""
        self.write(safe_text(text))


def gate_text(action: Action, *, environment: str, now: int) -> Iterable[str]:
    """A gate as lines: everything that runs, whole; then risk, evidence and what silence means."""
    assert action.revision is not None
    shown = Shown.from_json(action.revision.shown)
    yield ""
    yield f"GATE  {flat(shown.title)}  (step {shown.step}, environment {environment}, risk {shown.risk_level})"
    left = action.ask_until - now
    yield f"Without an answer it expires in {countdown(left) if left < HOUR else age(left)}; silence never approves."
    lines = payload_lines(action)
    count = sum(line.text.count("\n") + 1 for line in lines)
    yield f"EXACTLY THIS WILL RUN  {count} lines, sha256 {action.digest}, one use"
    for line in lines:
        first, *rest = line.text.splitlines() or [""]
        yield f"  {line.label}: {first}" if not rest else f"  {line.label}:"
        if rest:
            for each in (first, *rest):
                yield f"    {each}"
    hidden = replaced("\n".join(line.text for line in lines))
    if hidden:
        yield "  note: " + ", ".join(f"{n} {kind} shown as symbols" for kind, n in hidden.items())
    yield "RISK"
    for row in shown.risk:
        yield f"  {GLYPHS.get(row.level, row.level)}  {row.kind}: {row.text}"
    for warning in shown.warnings:
        yield f"  warning  {warning}"
    for vision in shown.vision:
        yield f"  vision: {vision}"
    if shown.evidence:
        yield "EVIDENCE"
    for n, evidence in enumerate(shown.evidence, 1):
        yield f"  E{n} {evidence.kind} {evidence.ref}: {flat(evidence.text)}"
    if action.level is GateLevel.GATE2:
        yield f"This is a gate of the second level: {shown.because}. Add {shown.confirm} after the digest to approve."


def result_text(result: Json) -> Iterable[str]:
    """A run's result as lines: the class, the facts behind it, deviations, verification."""
    report = result["report"]
    yield ""
    yield f"RESULT  {result['outcome']}  ({result['kind']})"
    for fact in result["because"]:
        yield f"  because {fact}"
    if report["summary"]:
        yield f"  it says: {report['summary']}"
    for n, deviation in enumerate(report["deviations"], 1):
        yield (
            f"  deviation {n}, rule {deviation['rule']}: {deviation['what']} ({deviation['why']}); "
            f"tenant isolation {deviation['tenant_isolation']}; files {', '.join(deviation['files']) or 'not named'}"
        )
    if result["outcome"] == Outcome.RULE4.value:
        yield f"  blocker: {report['blocker']}"
        for option in report["options"]:
            yield f"    option: {option}"
    for check in result["verification"]:
        yield f"  {check['state']}: {check['command']}" + (f" ({check['detail']})" if check["detail"] else "")
    for path in result["undeclared"]:
        yield f"  not listed in the prompt: {path}"

