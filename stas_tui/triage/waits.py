"""Whether an event that items wait for has come: the next pulse, CI of a commit, a merge, a task that moves."""

from __future__ import annotations

from stas_tui.forges.base import ForgeError
from stas_tui.platforms.base import NotFound, PlatformError
from stas_tui.triage.events import Event, parse
from stas_tui.triage.parts import Parts
from storage.clock import MINUTE
from storage.errors import StoreError
from storage.triage import TriageRefused
from storage.watch_records import Check, Deploy

_UNFINISHED = ("pending", "missing")
_FORGE_EVERY = MINUTE


class Waits:
    """Looks whether an event has come. What cannot be seen has not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asked: dict[str, tuple[int, str]] = {}

    def begin(self, event: Event, now: int) -> str:
        """How the awaited thing stands now. Raises `TriageRefused` for a thing that is not there or is over."""
        known = {p.id for p in self._parts.settings.project}
        if event.kind == "task":
            try:
                return self._parts.platform.task(event.project, event.ref).status
            except NotFound as error:
                raise TriageRefused(f"There is no task {event.ref} in {event.project}.") from error
        if event.kind in ("ci", "pr") and event.project not in known:
            names = ", ".join(sorted(known)) or "none"
            raise TriageRefused(f"No project {event.project} is configured.", f"Projects: {names}.")
        over = self.over(event.text, since=now, was="")
        if over:
            raise TriageRefused(f"That is so already: {over}.", "Choose a time, or something that is still to come.")
        return ""

    def may_come(self, text: str, *, ci: bool) -> bool:
        """Whether an event is still to come, as far as is known here: the forge is not asked.

        `ci` says that somebody tells of checks; without that nobody would see that they finished.
        """
        event = parse(text)
        if event.kind == "task":
            try:
                return self._parts.platform.task(event.project, event.ref).status != "done"
            except PlatformError:
                return False
        if event.kind == "pulse":
            return True
        if event.project not in {p.id for p in self._parts.settings.project}:
            return False
        if event.kind == "ci":
            return ci and not self._ci(event)
        return not self._merged(event) and not self._asked.get(event.text, (0, ""))[1]

    def over(self, text: str, *, since: int, was: str) -> str:
        """What happened, as a clause; empty while nothing did."""
        event = parse(text)
        if event.kind == "pulse":
            latest = self._parts.context.pulses.latest(1)
            return f"pulse {latest[0].number} began" if latest and latest[0].started_at > since else ""
        if event.kind == "task":
            return self._task(event, was)
        return self._ci(event) if event.kind == "ci" else self._pr(event)

    def _task(self, event: Event, was: str) -> str:
        try:
            status = self._parts.platform.task(event.project, event.ref).status
        except NotFound:
            return f"{event.ref} is gone from the board"
        except PlatformError:
            return ""
        return f"{event.ref} moved from {was} to {status}" if status != was else ""

    def _ci(self, event: Event) -> str:
        try:
            facts = self._parts.watch.facts("check")
        except StoreError:
            return ""
        checks = [fact.thing for fact in facts if isinstance(fact.thing, Check)]
        states = [c.state for c in checks if c.project_id == event.project and c.sha.startswith(event.ref)]
        if not states or any(state in _UNFINISHED for state in states):
            return ""
        failed = sum(state == "failure" for state in states)
        return f"CI of {event.ref[:12]} finished, " + (f"{failed} failed" if failed else "nothing failed")

    def _pr(self, event: Event) -> str:
        return self._merged(event) or self._forge(event, int(event.ref))

    def _merged(self, event: Event) -> str:
        """What a source of deployments saw of it."""
        number = int(event.ref)
        try:
            deploys = [fact.thing for fact in self._parts.watch.facts("deploy")]
        except StoreError:
            return ""
        if any(isinstance(d, Deploy) and (d.project_id, d.pr_number) == (event.project, number) for d in deploys):
            return f"pull request {number} was merged"
        return ""

    def _forge(self, event: Event, number: int) -> str:
        """The forge itself, at most once a minute for each pull request."""
        at, said = self._asked.get(event.text, (0, ""))
        now = self._parts.now()
        if said or (at and now - at < _FORGE_EVERY):
            return said
        repo = self._parts.context.repo(event.project)
        try:
            pr = self._parts.context.door.forge.read_pr(repo, number) if repo else None
        except ForgeError:
            pr = None
        if pr is not None and pr.state != "open":
            said = f"pull request {number} was {pr.state}"
        self._asked[event.text] = (now, said)
        return said
