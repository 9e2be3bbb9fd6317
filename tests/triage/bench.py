"""A profile put together as the program does it, with a clock that moves only when told, and hands to fill it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stas_tui.config import Settings, load_text
from stas_tui.locations import Locations, Profile, os_user
from stas_tui.triage.desk import Desk
from stas_tui.wiring import Application, build
from storage.clock import MINUTE, ManualClock
from storage.records import DataState, Json, Message, MessageType, Mode, Priority, Project, Pulse, Task, Trust
from storage.triage_records import TriageItem, TriageList, TriageNote
from storage.watch_records import Alert, Observed, SourceKind, SourceStatus

CONFIG = """
agent_name = "Stas"
environment = "staging"
columns = ["Review"]

[[person]]
name = "ann"
os_user = "{user}"

[[person]]
name = "bob"
os_user = "bob"

[[project]]
id = "shop"
name = "Shop"
remote = "{remote}"
tenants = ["acme", "globex"]
services = ["api"]

[[alertmanager]]
url = "http://127.0.0.1:9"
{more}
"""


class Bench:
    """One profile; `again` opens it as another process would."""

    def __init__(self, home: Path, *, more: str = "", clock: ManualClock | None = None) -> None:
        self.home = home
        self.more = more
        self.clock = clock or ManualClock()
        self.profile: Profile = Locations.find(home).profile("desk")
        self.settings: Settings = load_text(
            CONFIG.format(user=os_user(), remote=home / "shop.git", more=more), self.profile.config_file, "desk"
        )
        self.app: Application = build(self.profile, self.settings, clock=self.clock)
        if not self.app.world.projects():
            self.app.world.put_project(Project(id="shop", name="Shop"))
        self._numbers = itertools.count(1)

    @property
    def desk(self) -> Desk:
        return self.app.desk

    def again(self) -> Bench:
        return Bench(self.home, more=self.more, clock=self.clock)

    def close(self) -> None:
        self.app.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # the world -------------------------------------------------------------------------------------

    def begin(self, mode: Mode = Mode.SUPERVISED) -> Pulse:
        return self.app.context.pulses.begin(agent="Stas", operator="ann", mode=mode, policy_digest="")

    def say(
        self,
        things: Sequence[Observed] | None,
        *,
        name: str = "alertmanager",
        kind: SourceKind = SourceKind.ALERTS,
        state: DataState = DataState.OK,
        **more: Any,
    ) -> None:
        """A source answers now; the watcher (this process) lives."""
        now = self.clock.now()
        good = state in (DataState.OK, DataState.EMPTY)
        status = SourceStatus(
            name=name, kind=kind, state=state, every_ms=15_000, asked_at=now, at=now if good else None, **more
        )
        self.app.watch.record(status, things)
        self.app.watch.beat(now, 1)

    def alert(self, fingerprint: str = "98be", severity: str = "critical", **more: Any) -> str:
        """One alert fires, and nothing else; its key."""
        self.say([alert(fingerprint, severity, starts_at=self.clock.now(), **more)])
        return f"alert:{fingerprint}"

    def message(self, subject: str, *, trust: Trust = Trust.KNOWN, sender: str = "Chieko") -> str:
        id_ = f"m-{next(self._numbers)}"
        self.app.world.deliver(
            Message(
                id=id_,
                type=MessageType.URGENT,
                sender=sender,
                subject=subject,
                body="",
                at=self.clock.now(),
                trust=trust,
            ),
            to="Stas",
        )
        return f"message:{id_}"

    def task(self, title: str, priority: Priority | None = Priority.P0, **more: Any) -> str:
        task = self.app.world.put_task(
            Task(
                id=f"T-{next(self._numbers)}",
                project_id="shop",
                title=title,
                priority=priority,
                created_at=self.clock.now(),
                **more,
            )
        )
        return f"task:shop/{task.id}"

    # looking ---------------------------------------------------------------------------------------

    def list(self, query: str = "") -> TriageList:
        return self.desk.look(query)

    def item(self, key: str) -> TriageItem:
        return next(item for item in self.list().items if item.key == key)

    def note(self, key: str) -> TriageNote:
        note = self.item(key).note
        assert note is not None
        return note

    def events(self, *kinds: str) -> list[Json]:
        return [event.body for event in self.app.context.journal.events(kinds=kinds)]

    def pass_by(self, ms: int) -> list[str]:
        """Time passes, sources go on answering, and the desk ticks."""
        self.clock.advance(ms)
        return self.desk.tick()


def alert(fingerprint: str, severity: str = "critical", **more: Any) -> Alert:
    values: dict[str, Any] = {
        "name": "CrossTenantRead",
        "labels": {"tenant": "acme", "service": "api"},
        "annotations": {"summary": "acme saw globex"},
        **more,
    }
    return Alert(key=fingerprint, severity=severity, **values)


HALF_HOUR = 30 * MINUTE
