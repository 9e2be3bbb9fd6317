"""The dashboard is killed while somebody writes: what was written down stands, what was half typed is offered again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.locations import Profile, os_user
from stas_tui.triage.typed import Typed
from stas_tui.wiring import Application, build
from storage.clock import MINUTE, SystemClock
from storage.watch_records import Alert, SourceKind
from tests.health.real import free_port, until
from tests.health.watched import PROJECT, configure, environ, make_profile
from tests.screens.oncall_world import status
from tests.terminals import Terminal, environment, stas

pytestmark = pytest.mark.pty
KEY = "alert:98be5eeda42fa8e5"
PEOPLE = '[[person]]\nname = "kim"\nos_user = "{user}"\n\n[[person]]\nname = "lena"\nos_user = "lena"\n'


class Dashboard(Terminal):
    """`stas oncall` on a profile, as a person starts it."""

    def __init__(self, profile: Profile) -> None:
        place = ["--home", str(profile.root.parents[1]), "--profile", profile.name]
        super().__init__(stas(*place, "oncall"), environment(environ()))

    def die(self) -> None:
        """Killed by the system: no handler runs."""
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(30) == -signal.SIGKILL
        self.read()


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A P0 fires, an incident is open; nobody answers for the source any more."""
    made = configure(
        make_profile(tmp_path),
        PEOPLE.format(user=os_user()),
        f'[[alertmanager]]\nurl = "http://127.0.0.1:{free_port()}"\n',
        PROJECT.format(remote=tmp_path / "no-remote.git"),
    )
    with build(made, load(made)) as application:
        now = SystemClock().now()
        fires = Alert(
            key=KEY.partition(":")[2],
            name="CrossTenantRead",
            severity="critical",
            labels={"tenant": "acme"},
            annotations={"summary": "acme read rows of globex"},
            starts_at=now - 3 * MINUTE,
        )
        application.watch.record(status("alertmanager", SourceKind.ALERTS, now), [fires])
        application.desk.open_incident(KEY, by="kim")
    return made


@pytest.fixture
def start(profile: Profile) -> Iterator[Callable[[], Dashboard]]:
    started: list[Dashboard] = []

    def begin() -> Dashboard:
        started.append(Dashboard(profile))
        return started[-1]

    yield begin
    for dashboard in started:
        dashboard.close()


def looks(profile: Profile) -> Application:
    """The profile as another process sees it."""
    return build(profile, load(profile))


def kept(profile: Profile) -> list[str]:
    """What is half typed on the disk."""
    return [left.text for left in Typed(profile.typed, "kim", SystemClock()).all_left()]


def said(profile: Profile, kind: str) -> list[str]:
    with looks(profile) as application:
        incident = application.desk.incident(KEY)
    assert incident is not None
    return [entry.text for entry in incident.entries if entry.kind == kind]


def on_incident(dashboard: Dashboard) -> None:
    dashboard.until(lambda new: b"acme read rows of globex" in new, "the list")
    dashboard.read(0.3)
    dashboard.press(b"I", b"Timeline")


def test_half_a_note_is_offered_again_and_a_whole_one_was_never_in_danger(
    profile: Profile, start: Callable[[], Dashboard]
) -> None:
    first = start()
    on_incident(first)
    first.press(b"n", b"Kept here as you type")
    first.press(b"errors fall since 14:02\r", b"errors fall since 14:02 (kim)")
    first.press(b"n", b"Kept here as you type")
    first.press(b"the pool hands out")
    until(lambda: kept(profile) == ["the pool hands out"], "it is on the disk")
    first.die()
    assert said(profile, "note") == ["errors fall since 14:02"]

    second = start()
    second.until(lambda new: "You began a note on «acme read rows of globex".encode() in new, "what was left is said")
    on_incident(second)
    second.until(
        lambda new: b"n goes on with it" in new or b"n goes on with it" in second.written, "and the key for it"
    )
    second.press(b"n", b"and did not send it.")
    second.press(b" foreign connections\r", b"the pool hands out foreign connections (kim)")
    until(lambda: kept(profile) == [], "it is in the record and nowhere else")
    assert said(profile, "note") == ["errors fall since 14:02", "the pool hands out foreign connections"]
    second.die()
    assert said(profile, "note")[-1] == "the pool hands out foreign connections"


def test_half_a_cause_names_nothing(profile: Profile, start: Callable[[], Dashboard]) -> None:
    first = start()
    on_incident(first)
    first.press(b"C", b"own words")
    first.press(b"w", b"Kept here as you type")
    first.press(b"the pool")
    until(lambda: kept(profile) == ["the pool"], "it is on the disk")
    first.die()
    assert said(profile, "cause") == []
    second = start()
    on_incident(second)
    second.press(b"C", b"own words")
    second.press(b"w", b"and did not send it.")
    second.press(b"\x1b")
    until(lambda: kept(profile) == [], "left on purpose")
    assert said(profile, "cause") == []


def test_the_hand_over_comes_back_half_typed_then_written_then_accepted(
    profile: Profile, start: Callable[[], Dashboard]
) -> None:
    with looks(profile) as application:
        application.desk.own([KEY], by="kim")
    first = start()
    first.until(lambda new: b"acme read rows of globex" in new, "the list")
    first.read(0.3)
    first.press(b"H", b"What I tried")
    first.press(b"restarted the pool", b"pool")
    first.press(b"\t")
    first.press(b"was globex told", b"told")
    until(lambda: sorted(kept(profile)) == ["restarted the pool", "was globex told"], "both are on the disk")
    first.die()
    with looks(profile) as application:
        assert application.desk.pending_hand_over() is None

    second = start()
    second.until(lambda new: b"You began a hand-over sheet" in new, "what was left is said")
    second.press(b"H", b"wrote no sheet from it; it was kept.")
    second.press(b"\x0f", b"Hand-over by kim")
    with looks(profile) as application:
        sheet = application.desk.pending_hand_over()
    assert sheet is not None
    assert "- restarted the pool" in sheet.markdown
    assert "- was globex told" in sheet.markdown
    assert kept(profile) == []
    second.die()

    third = start()
    third.until(lambda new: b"acme read rows of globex" in new, "the list")
    third.read(0.3)
    third.press(b"H", b"it is your own sheet; the next person accepts it")
    third.die()
    with looks(profile) as application:
        assert application.desk.pending_hand_over() == sheet
        application.desk.own([KEY], by="lena", reason="she takes the night")
        theirs = application.desk.hand_over(by="lena")

    fourth = start()
    fourth.until(lambda new: b"acme read rows of globex" in new, "the list")
    fourth.read(0.3)
    fourth.press(b"H", b"Hand-over by lena")
    fourth.press(b"\x1b[F", b"A takes over from lena.")
    fourth.press(b"A", b"Taken over from lena")
    fourth.die()
    with looks(profile) as application:
        assert application.desk.pending_hand_over() is None
        [item] = [each for each in application.desk.look().items if each.key == KEY]
        assert item.owner == "kim"
        assert application.context.journal.events(kinds=["handover.accepted"])[-1].body["id"] == theirs.id
