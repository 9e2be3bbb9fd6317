"""A silence from the on-call list: asked for by keys, planned against a real Alertmanager, waiting as a gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import ManualClock
from storage.watch_records import SourceKind
from tests.health.real import Alertmanager, http_json, needs, until
from tests.screens.hands import open_application
from tests.screens.oncall_world import alert, answers, chooses, go_to, listing, on_call, status
from tests.screens.scenes import PERSON, START, at_health


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    needs("prometheus-alertmanager")
    with Alertmanager(tmp_path / "alertmanager") as running:
        running.post({"labels": {"alertname": "DiskFull", "severity": "warning", "tenant": "acme"}})
        yield running


@pytest.fixture
def night(tmp_path: Path, server: Alertmanager) -> Iterator[Application]:
    """The demo's world, with the alert as the real server names it."""
    clock = ManualClock(START)
    profile = make_demo(Locations.find(tmp_path / "home"), seed=1, clock=clock)
    text = profile.config_file.read_text("utf-8")
    ours = text.replace("http://alertmanager.demo.invalid:9093", f"http://127.0.0.1:{server.port}")
    assert ours != text
    profile.config_file.write_text(ours, "utf-8")
    with open_application(profile, clock=clock, fixed_ids=True) as application:
        application.person = PERSON
        at_health(application)
        [found] = until(lambda: http_json(server.port, "GET", "/api/v2/alerts")[1], "the alert")
        labels = found["labels"]
        ours_seen = alert(found["fingerprint"], "DiskFull", "disk 91 %", began=clock.now(), labels=labels)
        application.watch.record(status("alertmanager", SourceKind.ALERTS, clock.now()), [ours_seen])
        application.watch.beat(clock.now(), 1)
        yield application


async def test_a_silence_is_asked_for_with_a_reason_and_waits_as_a_gate(
    night: Application, server: Alertmanager
) -> None:
    async with on_call(night) as hands:
        await hands.until(lambda: any(i.key.startswith("alert:") for i in listing(hands).rows.shown.items))
        key = next(i.key for i in listing(hands).rows.shown.items if i.key.startswith("alert:"))
        await go_to(hands, key)
        await hands.press("S")
        await chooses(hands, "2", "It waits as a gate first.")
        await answers(hands, "the disk is being changed", "Silence for 1 hour")
        await hands.on(OnCallScreen)
        await hands.sees("It waits for your approval; g opens it.")
        assert http_json(server.port, "GET", "/api/v2/silences")[1] == [], "nothing was written yet"
        await hands.press("g")
        await hands.on(GateScreen)
        await hands.sees("Silence 1 alert for 60 min", "the disk is being changed")
        await hands.press("escape")
    [action] = [each for each in night.context.journal.pending() if each.tool == "silence_alert"]
    assert action.revision is not None
    assert action.revision.args["item"] == key


async def test_only_an_alert_can_be_silenced(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, "message:M-501")
        assert listing(hands).disabled_reason("act('silence')") == "only an alert can be silenced"
        await hands.press("S")
        await hands.pilot.pause()
        assert isinstance(hands.screen, OnCallScreen)
