"""A silence is made longer and ended early by keys, against a real Alertmanager: asked, approved, done, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations
from stas_tui.notify.alertmanager_v2 import to_ms, to_rfc3339
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.incident import IncidentScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import HOUR, MINUTE, SystemClock, hhmm
from storage.records import ActionState
from storage.watch_records import Silence, SourceKind
from tests.health.real import Alertmanager, http_json, needs, until
from tests.screens.hands import Hands, SkippingClock, open_application
from tests.screens.oncall_world import alert, answers, chooses, go_to, on_call, status
from tests.screens.scenes import PERSON, at_health

REASON = "the part comes at noon"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    needs("prometheus-alertmanager")
    with Alertmanager(tmp_path / "alertmanager") as running:
        running.post({"labels": {"alertname": "DiskFull", "severity": "warning", "tenant": "acme"}})
        yield running


def silenced(server: Alertmanager, ms: int = HOUR) -> dict[str, Any]:
    """A silence by somebody else, as the server holds it."""
    now = SystemClock().now()
    body = {
        "matchers": [{"name": "alertname", "value": "DiskFull", "isRegex": False, "isEqual": True}],
        "startsAt": to_rfc3339(now),
        "endsAt": to_rfc3339(now + ms),
        "createdBy": "lena",
        "comment": "a new disk is on its way",
    }
    made = http_json(server.port, "POST", "/api/v2/silences", body)[1]["silenceID"]
    until(lambda: http_json(server.port, "GET", "/api/v2/alerts")[1][0]["status"]["silencedBy"], "it is silenced")
    return the(server, made)


def the(server: Alertmanager, silence_id: str) -> dict[str, Any]:
    return dict(http_json(server.port, "GET", f"/api/v2/silence/{silence_id}")[1])


def watched(application: Application, server: Alertmanager) -> str:
    """What the watcher would have written of the server just now; the alert's key."""
    [found] = until(lambda: http_json(server.port, "GET", "/api/v2/alerts")[1], "the alert")
    now = application.clock.now()
    silences = [
        Silence(
            key=raw["id"],
            state=raw["status"]["state"],
            matchers=(("alertname", "DiskFull", False, True),),
            starts_at=to_ms(raw["startsAt"]),
            ends_at=to_ms(raw["endsAt"]),
            created_by=raw["createdBy"],
            comment=raw["comment"],
            matches=1,
        )
        for raw in http_json(server.port, "GET", "/api/v2/silences")[1]
    ]
    seen = alert(
        found["fingerprint"],
        "DiskFull",
        "disk 91 %",
        began=now,
        labels=found["labels"],
        state=found["status"]["state"],
        silenced_by=tuple(found["status"]["silencedBy"]),
    )
    application.watch.record(status("alertmanager", SourceKind.ALERTS, now), [seen, *silences])
    application.watch.beat(now, 1)
    return f"alert:{found['fingerprint']}"


@pytest.fixture
def night(tmp_path: Path, server: Alertmanager) -> Iterator[Application]:
    """The demo's world in the present, with the alert and its silences as the real server names them."""
    clock = SkippingClock()
    profile = make_demo(Locations.find(tmp_path / "home"), seed=1, clock=clock)
    text = profile.config_file.read_text("utf-8")
    ours = text.replace("http://alertmanager.demo.invalid:9093", f"http://127.0.0.1:{server.port}")
    assert ours != text
    profile.config_file.write_text(ours, "utf-8")
    with open_application(profile, clock=clock, fixed_ids=True) as application:
        application.person = PERSON
        at_health(application)
        yield application


async def opened(hands: Hands, key: str) -> IncidentScreen:
    """The incident of the silenced alert."""
    hands.app.application.desk.open_incident(key, by=PERSON)
    if "put aside" in hands.text:
        await hands.press("end", "enter")
    await go_to(hands, key)
    await hands.press("I")
    await hands.on(IncidentScreen)
    await hands.sees("Status")
    assert isinstance(hands.screen, IncidentScreen)
    return hands.screen


async def approves(hands: Hands) -> None:
    """Read the gate to its end and say yes."""
    await hands.on(GateScreen)
    await hands.read()
    hands.clock.advance(2_000)
    await hands.sees("read to the end")
    await hands.press("A")


async def test_a_silence_is_made_longer_through_its_gate_and_read_back(
    night: Application, server: Alertmanager
) -> None:
    before = silenced(server)
    key = watched(night, server)
    async with on_call(night, (120, 36)) as hands:
        await opened(hands, key)
        await hands.sees("Hidden ‖ by a silence of lena until", "left; S changes it (a new disk is on its way)")
        await hands.press("S")
        await chooses(hands, "2", "1 hour longer")
        await answers(hands, REASON, "The reason goes behind its comment.")
        await hands.on(GateScreen)
        await hands.sees("Extend a silence over 1 alert by 60 min", REASON)
        assert the(server, before["id"]) == before, "nothing was written yet"
        await approves(hands)
        await hands.on(IncidentScreen)
        await hands.sees("Extend a silence over 1 alert by 60 min: done and read back.")
        after = the(server, before["id"])
        assert to_ms(after["endsAt"]) == to_ms(before["endsAt"]) + HOUR
        assert after["comment"].startswith("a new disk is on its way | until ")
        assert after["comment"].endswith(f"by {PERSON}: {REASON}")
        watched(night, server)
        night.bell.ring()
        await hands.sees(REASON, f"by a silence of lena until {hhmm(to_ms(after['endsAt']))}")
    [done] = night.context.journal.recent("extend_silence", since=0)
    assert (done.state, done.caused_by) == (ActionState.SUCCEEDED, key)


async def test_a_silence_is_ended_early(night: Application, server: Alertmanager) -> None:
    before = silenced(server)
    key = watched(night, server)
    async with on_call(night) as hands:
        await opened(hands, key)
        await hands.press("S")
        await chooses(hands, "e", "End it now")
        await answers(hands, "the disk is new", "in the gate and in the log")
        await approves(hands)
        await hands.on(IncidentScreen)
        await hands.sees("End a silence over 1 alert: done and read back.")
        assert the(server, before["id"])["status"]["state"] == "expired"


async def test_a_gate_that_is_put_off_waits_on_the_list_and_is_carried_out_from_there(
    night: Application, server: Alertmanager
) -> None:
    before = silenced(server)
    key = watched(night, server)
    async with on_call(night) as hands:
        await opened(hands, key)
        await hands.press("S")
        await chooses(hands, "1", "15 minutes longer")
        await answers(hands, REASON)
        await hands.on(GateScreen)
        await hands.press("escape")
        await hands.on(IncidentScreen)
        await hands.sees("It waits for your approval; g on the list opens it.")
        await hands.press("escape")
        await hands.on(OnCallScreen)
        await hands.press("g")
        await approves(hands)
        await hands.on(OnCallScreen)
        await hands.sees("done and read back.")
    assert to_ms(the(server, before["id"])["endsAt"]) == to_ms(before["endsAt"]) + 15 * MINUTE


async def test_the_list_changes_the_silence_that_stands_instead_of_asking_for_another(
    night: Application, server: Alertmanager
) -> None:
    before = silenced(server)
    key = watched(night, server)
    async with on_call(night) as hands:
        await hands.press("end", "enter")
        await go_to(hands, key)
        await hands.press("S")
        await chooses(hands, "2", "It hides 1 alert, set by lena: a new disk is on its way")
        await answers(hands, REASON)
        await approves(hands)
        await hands.on(OnCallScreen)
        await hands.sees("Extend a silence over 1 alert by 60 min: done and read back.")
    assert to_ms(the(server, before["id"])["endsAt"]) == to_ms(before["endsAt"]) + HOUR


async def test_what_outlives_the_day_asks_for_a_typed_reason_first(night: Application, server: Alertmanager) -> None:
    silenced(server, 22 * HOUR)
    key = watched(night, server)
    async with on_call(night) as hands:
        await opened(hands, key)
        await hands.press("S")
        await chooses(hands, "3", "4 hours longer")
        await answers(hands, REASON)
        await answers(hands, "the shop is closed on Sunday", "A silence of 26 h outlives the day.")
        await hands.on(GateScreen)
        await hands.sees("the shop is closed on Sunday")


async def test_the_key_says_why_it_does_nothing(night: Application, server: Alertmanager) -> None:
    key = watched(night, server)
    async with on_call(night) as hands:
        screen = await opened(hands, key)
        assert screen.disabled_reason("silence") == "no silence is known to hide it; S on the list asks for one"
        await hands.press("S")
        await hands.pilot.pause()
        assert hands.screen is screen
        silenced(server)
        watched(night, server)
        night.bell.ring()
        await hands.sees("Hidden ‖ by a silence of lena until")
        server.stop()
        await hands.press("S")
        await chooses(hands, "1", "15 minutes longer")
        await answers(hands, REASON)
        await hands.sees("refused the connection")
        assert not isinstance(hands.screen, GateScreen | Ask)


async def test_without_a_pulse_the_log_could_not_hold_it(night: Application, server: Alertmanager) -> None:
    silenced(server)
    key = watched(night, server)
    night.machine.cut_off(by=PERSON)
    async with on_call(night) as hands:
        await opened(hands, key)
        await hands.press("S")
        await hands.sees("Begin a pulse first")
