"""Recorded answers: shifted to now, always marked, and never mistaken for an empty world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config import load
from stas_tui.demo.profile import make_demo
from stas_tui.demo.recording import FOLDER
from stas_tui.health.replay import ReplaySource, ReplayWrong, record_of, replayed_sources
from stas_tui.health.words import WORDS, verdict
from stas_tui.locations import Locations, Profile
from stas_tui.watching import planned, sources_of, strip
from storage.clock import HOUR, MINUTE, SECOND, ManualClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Alert, Check, Deploy, Probe, SourceKind, TenantNumbers

NOW = 1_795_000_000_000


def recording(**changes: Any) -> dict[str, Any]:
    base = {
        "format": "stas.replay/1",
        "source": "alertmanager",
        "kind": "alerts",
        "every_s": 3,
        "recorded_at": 0,
        "answers": [
            {"after_s": 0, "state": "empty", "things": []},
            {"after_s": 10, "things": [{"kind": "alert", "key": "fp1", "name": "Pool", "starts_at": -60_000}]},
            {"after_s": 20, "state": "error", "reason": "refused the connection", "retry_after_s": 40},
        ],
    }
    return {**base, **changes}


def write(folder: Path, data: object, name: str = "alertmanager.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    return folder


def one(folder: Path) -> ReplaySource:
    [source] = replayed_sources(folder)
    return source


def test_answers_come_in_their_time_and_the_last_one_stays(tmp_path: Path) -> None:
    source = one(write(tmp_path / "r", recording()))
    assert (source.name, source.kind, source.every_s, source.replayed) == ("alertmanager", SourceKind.ALERTS, 3.0, True)
    answers = [source.ask(NOW + second * SECOND) for second in (0, 9, 10, 19, 20, 86_400)]
    assert [answer.state for answer in answers] == ["empty", "empty", "ok", "ok", "error", "error"]
    assert answers[-1].things is None
    assert (answers[-1].reason, answers[-1].retry_after_s) == ("refused the connection", 40)


def test_times_are_shifted_to_the_start_of_the_playing(tmp_path: Path) -> None:
    source = one(write(tmp_path / "r", recording()))
    source.ask(NOW)
    [alert] = source.ask(NOW + 15 * SECOND).things or ()
    assert isinstance(alert, Alert)
    assert alert.starts_at == NOW - MINUTE
    assert alert.ends_at == 0, "what was not recorded is not made up"


def test_what_was_observed_can_be_recorded_and_played_back(tmp_path: Path) -> None:
    deploy = Deploy(key="shop/1", project_id="shop", sha="9f2c", at=NOW - HOUR, what="release", pr_number=3)
    source = one(write(tmp_path / "r", record_of("deploys:shop", SourceKind.DEPLOYS, [deploy], at=NOW, project="shop")))
    later = NOW + 1_000 * HOUR
    [played] = source.ask(later).things or ()
    assert isinstance(played, Deploy)
    assert played.at == later - HOUR
    assert (played.key, played.sha, played.pr_number) == ("shop/1", "9f2c", 3)


def test_a_recording_that_has_not_begun_is_unknown_and_not_empty(tmp_path: Path) -> None:
    late = recording(answers=[{"after_s": 5, "things": []}])
    assert one(write(tmp_path / "r", late)).ask(NOW).state is DataState.UNKNOWN


def test_sources_of_one_recording_share_their_start(tmp_path: Path) -> None:
    write(tmp_path / "r", recording())
    write(tmp_path / "r", recording(source="other"), "other.json")
    first, second = replayed_sources(tmp_path / "r")
    first.ask(NOW)
    assert second.ask(NOW + 10 * SECOND).state is DataState.OK


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        recording(format="stas.replay/9"),
        recording(kind="weather"),
        recording(source=""),
        recording(answers=[]),
        recording(answers="none"),
        recording(every_s=0),
        recording(answers=[{"state": "fine"}]),
        recording(answers=[{"things": [{"kind": "alert"}]}]),
        recording(answers=[{"things": [{"kind": "dragon", "key": "x"}]}]),
        recording(answers=[7]),
    ],
)
def test_a_wrong_recording_is_a_sentence(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(ReplayWrong) as error:
        replayed_sources(write(tmp_path / "r", wrong))
    assert "alertmanager.json" in str(error.value)
    assert error.value.mend


def test_no_recording_and_two_of_one_source_are_sentences(tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(ReplayWrong, match="no recording"):
            replayed_sources(folder)
    write(tmp_path / "r", recording())
    write(tmp_path / "r", recording(), "again.json")
    with pytest.raises(ReplayWrong, match="Two files"):
        replayed_sources(tmp_path / "r")


# the demo ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return make_demo(Locations.find(tmp_path_factory.mktemp("home")), clock=ManualClock(NOW))


def played(demo: Profile, second: int) -> dict[str, list[Any]]:
    """What every source of the demo says this long after the start."""
    found = {}
    for source in replayed_sources(demo.root / FOLDER):
        source.ask(NOW)
        found[source.name] = list(source.ask(NOW + second * SECOND).things or ())
    return found


def test_the_demo_starts_calm_and_the_incident_begins_some_seconds_in(demo: Profile) -> None:
    before = [alert for alert in played(demo, 0)["alertmanager"] if isinstance(alert, Alert)]
    after = [alert for alert in played(demo, 15)["alertmanager"] if isinstance(alert, Alert)]
    assert not [alert for alert in before if alert.severity == "page"]
    [burning] = [alert for alert in after if alert.severity == "page"]
    assert (burning.name, burning.tenant, burning.state) == ("LedgerPoolExhausted", "borealis", "active")
    [child] = [alert for alert in after if alert.inhibited_by]
    assert child.inhibited_by == (burning.key,)
    assert not child.silenced_by
    [silenced] = [alert for alert in after if alert.silenced_by]
    silences = {thing.key for thing in played(demo, 15)["alertmanager"] if thing.kind == "silence"}
    assert set(silenced.silenced_by) <= silences
    assert [alert for alert in after if alert.severity == "ticket" and alert.state == "active"]


def test_the_demo_shows_every_state_that_is_no_good_news(demo: Profile) -> None:
    world = played(demo, 15)
    numbers = {thing.tenant: thing for thing in world["prometheus"] if isinstance(thing, TenantNumbers)}
    assert set(numbers) == {"acme", "borealis", "cobalt", "delta", "ember"}
    assert (numbers["borealis"].errors or 0) > 0.1
    assert (numbers["ember"].errors, numbers["ember"].requests) == (None, None)
    words = {probe.word: probe for probe in world["probes:ledger"] if isinstance(probe, Probe)}
    assert {"healthy", "timeout", "wrong version"} == set(words)
    checks = {check.state: check for check in world["ci:ledger"] if isinstance(check, Check)}
    assert checks["failure"].required
    assert checks["missing"].required
    [dead] = [source for source in replayed_sources(demo.root / FOLDER) if source.ask(NOW).state is DataState.ERROR]
    assert "refused" in dead.ask(NOW).reason
    assert dead.ask(NOW).things is None


def test_the_demo_says_of_its_endpoints_what_a_real_round_would(demo: Profile) -> None:
    for second in (0, 9, 15):
        for probe in played(demo, second)["probes:ledger"]:
            assert probe.word in WORDS
            assert probe.tries[-1] == probe.word
            assert probe.verdict == verdict(probe.tries)


def test_the_demo_names_the_commits_of_its_own_repository(demo: Profile) -> None:
    text = "".join(path.read_text("utf-8") for path in (demo.root / FOLDER).iterdir())
    assert "@" not in text.replace("@ledger", "")
    deploys = [thing for thing in played(demo, 0)["deploys:ledger"] if isinstance(thing, Deploy)]
    assert [deploy.pr_number for deploy in deploys] == [15, 14, 13]
    assert all(len(deploy.sha) == 40 and NOW - 24 * HOUR < deploy.at < NOW for deploy in deploys)
    [running] = {check.sha for check in played(demo, 0)["ci:ledger"]}
    assert running == deploys[0].sha


def test_the_demo_asks_nobody_and_says_so_in_every_row(demo: Profile) -> None:
    settings = load(demo)
    assert {plan.replayed for plan in planned(settings, demo)} == {True}
    with open_watch(demo.root / "other.db") as store:
        watch = Watch(store)
        assert {source.replayed for source in sources_of(settings, demo, watch)} == {True}  # type: ignore[attr-defined]
        rows = strip(planned(settings, demo), watch, NOW)
    assert {row.replayed for row in rows} == {True}
    named = {table.name for table in (*settings.alertmanager, *settings.prometheus)}
    assert named <= {row.name for row in rows}
    endpoints = {endpoint.name for project in settings.project for endpoint in project.health}
    assert {probe.name for probe in played(demo, 0)["probes:ledger"]} == endpoints
