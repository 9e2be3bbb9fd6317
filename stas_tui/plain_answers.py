"""What a person can answer to each need of the pulse, as words on a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stas_tui.application import Application
from stas_tui.plain_text import HELP, gate_text, indented, result_text
from stas_tui.pulse.closing import Draft
from stas_tui.pulse.context import Progress
from storage.errors import StasError
from storage.records import Action, ActionState
from widgets.printable import flat

_NUMBERS = re.compile(r"[0-9]{1,4}(?:,[0-9]{1,4})*,?")


class InputEnded(Exception):
    """Nobody is there to answer (any more)."""


class Closed(Exception):
    """The pulse ended: a person confirmed its summary."""


class NobodyDecides(StasError):
    """The person at this terminal is not named in the configuration."""

    def __init__(self) -> None:
        super().__init__("Nobody is named who could decide.", "Name yourself under [[person]] in stas.toml.")


@dataclass
class Answers:
    """Takes one line of words as the answer to what the pulse needs."""

    app: Application
    say: Callable[[str], None]
    ask: Callable[[], str]
    """The next line of input. Raises `InputEnded`."""
    edit: Callable[[str, str], str | None] | None = None

    def __post_init__(self) -> None:
        self.machine = self.app.machine
        self._read: Draft | None = None
        self._verbs: dict[str, Callable[[Progress, str, str], bool]] = {
            "gate": self._gate,
            "override": self._override,
            "prompt": self._text,
            "pull request": self._text,
            "memory": self._text,
            "review": self._review,
            "direct": self._direct,
            "workspace": self._refused,
            "blocked": self._blocked,
            "paused": self._paused,
            "summary": self._summary,
        }

    def introduction(self, progress: Progress) -> Iterable[str]:
        """What a person has to read before the question."""
        needs = progress.needs
        if needs == "gate" and progress.action is not None:
            return gate_text(progress.action, environment=self.app.settings.environment, now=self.app.clock.now())
        if needs == "review":
            return result_text(self.machine.work().state["result"])
        if needs == "summary":
            self._read = self.machine.draft()
            return [self._read.text]
        if needs == "prompt":
            work = self.machine.work()
            report = work.lint(work.state["prompt"])
            reasons = dict.fromkeys([*(sentence for _, sentence in report.denies), *report.reasons, *report.conflicts])
            return [f"  - {flat(reason)}" for reason in reasons]
        if needs == "direct":
            workspace = self.app.context.workspace(self.machine.work().task().id)
            return [f"The workspace is {workspace.path}, on the branch {workspace.branch}."] if workspace else []
        return []

    def take(self, progress: Progress, words: str) -> bool:
        """Act on an answer; True if something changed. Raises `StasError` for what is not possible, `Closed`."""
        verb, _, rest = words.partition(" ")
        usage = HELP[progress.needs]
        if verb == "show" and "show" in usage:
            self._show(progress)
            return False
        self._require_person()
        by = self.app.person
        if words.startswith("give up") and "give up" in usage:
            given = self.machine.give_up(by=by, reason=words.removeprefix("give up").strip())
            self.say(f"{given.step.name}: {flat(given.say)}")
            return True
        if verb == "skip" and "skip" in usage:
            self.machine.skip(by=by, reason=rest.strip())
            return True
        return self._verbs[progress.needs](progress, verb, rest.strip())

    def _refused(self, progress: Progress, verb: str, rest: str) -> bool:
        self.say(f"Not understood. {HELP[progress.needs]}")
        return False

    def _require_person(self) -> None:
        if not self.app.person:
            raise NobodyDecides

    def _show(self, progress: Progress) -> None:
        state = self.machine.work().state
        slots = {
            "prompt": ("", "prompt"),
            "pull request": ("pr_title", "pr_body"),
            "memory": ("memory_title", "memory_text"),
        }
        if progress.needs in slots:
            title, text = slots[progress.needs]
            lines: Iterable[str] = indented((f"{state[title]}\n\n" if title else "") + state[text])
        else:
            lines = self.introduction(progress)
        for line in lines:
            self.say(line)

    # gates and locks ------------------------------------------------------------------------------

    def _gate(self, progress: Progress, verb: str, rest: str) -> bool:
        action = progress.action
        assert action is not None
        if verb == "edit":
            return self._edit_gate(action)
        if verb not in ("approve", "reject"):
            return self._refused(progress, verb, rest)
        typed = ""
        if verb == "approve":
            prefix, _, typed = rest.partition(" ")
            if prefix != action.digest[:8]:
                self.say(
                    "Not approved: type approve and the first eight characters of the digest at the end of the gate."
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
        args = action.revision.args
        longest = max((n for n, value in args.items() if isinstance(value, str)), key=lambda name: len(args[name]))
        text = self._edited(longest, args[longest])
        if text is None or text == args[longest]:
            self.say("Nothing was changed.")
            return False
        self.app.context.toolbox.edit(
            action.id, rev=action.rev, digest=action.digest, args={**args, longest: text}, author=self.app.person
        )
        self.say(f"Changed {longest}: this is a new request and asks again.")
        return True

    def _override(self, progress: Progress, verb: str, rest: str) -> bool:
        if verb != "override":
            return self._refused(progress, verb, rest)
        self.machine.override(by=self.app.person, reason=rest)
        return True

    # texts ----------------------------------------------------------------------------------------

    def _text(self, progress: Progress, verb: str, rest: str) -> bool:
        state = self.machine.work().state
        needs, by = progress.needs, self.app.person
        if verb == "directly" and needs == "prompt":
            self.machine.work_directly(by=by, reason=rest)
            return True
        titled = {"pull request": ("pr_title", "pr_body"), "memory": ("memory_title", "memory_text")}
        title, current = ("", state["prompt"])
        if needs in titled:
            title, current = (state[slot] for slot in titled[needs])
        if verb == "title" and needs in titled and rest:
            self.machine.set_text(needs, current, by=by, title=rest)
            return True
        if verb != "edit":
            return self._refused(progress, verb, rest)
        text = self._edited(needs, current)
        if text is None:
            self.say("Nothing was changed.")
            return False
        self.machine.set_text(needs, text, by=by, title=title)
        return True

    def _edited(self, name: str, text: str) -> str | None:
        if self.edit is not None:
            return self.edit(name, text)
        self.say("Type the whole new text; end it with a line that holds only a dot (two dots are one in the text).")
        lines: list[str] = []
        while (line := self.ask()) != ".":
            lines.append("." if line == ".." else line)
        return "\n".join(lines) + "\n" if lines else None

    # the result -----------------------------------------------------------------------------------

    def _review(self, progress: Progress, verb: str, rest: str) -> bool:
        by = self.app.person
        if verb == "park":
            self.machine.park(by=by)
            return True
        if verb == "again":
            if not rest:
                self.say("Not spawned again: write the cause after the word, what went wrong and what changes now.")
                return False
            text = self._edited("prompt", self.machine.work().state["prompt"])
            if text is None:
                self.say("Nothing was changed.")
                return False
            self.machine.respawn(by=by, cause=rest, prompt=text)
            return True
        if verb != "accept":
            return self._refused(progress, verb, rest)
        numbers, reason = _ticks_and_reason(rest)
        self.machine.accept(by=by, reason=reason, ticked=[number - 1 for number in numbers])
        return True

    def _direct(self, progress: Progress, verb: str, rest: str) -> bool:
        if verb != "done":
            return self._refused(progress, verb, rest)
        self.machine.direct_done(by=self.app.person)
        return True

    # what is stuck, paused or over ----------------------------------------------------------------

    def _blocked(self, progress: Progress, verb: str, rest: str) -> bool:
        if verb == "again":
            for sentence in self.machine.recover():
                self.say(sentence)
            return True
        words = f"{verb} {rest}"
        answers = {"did not happen": "did_not", "abandon": "abandon"}
        for said, verdict in answers.items():
            if words.startswith(said):
                if progress.action is None or progress.action.state is not ActionState.UNKNOWN:
                    self.say("Only an action of which nobody knows whether it happened can be settled like this.")
                    return False
                reason = words.removeprefix(said).strip()
                journal = self.app.context.journal
                journal.resolve(progress.action.id, by=self.app.person, verdict=verdict, reason=reason)
                return True
        return self._refused(progress, verb, rest)

    def _paused(self, progress: Progress, verb: str, rest: str) -> bool:
        if verb != "resume":
            return self._refused(progress, verb, rest)
        self.machine.resume(by=self.app.person, reason=rest)
        return True

    def _summary(self, progress: Progress, verb: str, rest: str) -> bool:
        if verb != "confirm" or self._read is None:
            return self._refused(progress, verb, rest)
        pulse = self.machine.confirm(self._read, by=self.app.person)
        self.say(f"Pulse {pulse.number} is complete.")
        raise Closed


def _ticks_and_reason(text: str) -> tuple[list[int], str]:
    """`1, 2 3 good enough` as [1, 2, 3] and `good enough`; numbers inside the reason stay in it."""
    words = text.split()
    numbers: list[int] = []
    while words and _NUMBERS.fullmatch(words[0]):
        numbers.extend(int(part) for part in words.pop(0).split(",") if part)
    return numbers, " ".join(words)
