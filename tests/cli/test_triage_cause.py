"""`stas triage cause`: the cause of an incident, read and named from a script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.locations import Locations, Profile
from stas_tui.wiring import build
from storage.clock import MINUTE, SystemClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Deploy, SourceKind, SourceStatus
from tests.cli.test_triage_command import Stas, oncall

__all__ = ["oncall"]

KEY = "alert:98be"
SHA = "9f2c41a" + "0" * 33


@pytest.fixture
def opened(oncall: Stas) -> Stas:
    """The alert has an incident, and a change landed before it."""
    root = Path(oncall("config").stdout.strip()).parent
    profile: Profile = Locations.find(root.parents[1]).profile(root.name)
    now = SystemClock().now()
    with open_watch(profile.watch_db) as store:
        status = SourceStatus(
            name="deploys:shop", kind=SourceKind.DEPLOYS, state=DataState.OK, every_ms=600_000, asked_at=now, at=now
        )
        landed = Deploy(
            key=f"shop/{SHA}", project_id="shop", sha=SHA, at=now - 9 * MINUTE, what="Share the pool", state="merged"
        )
        Watch(store).record(status, [landed])
    with build(profile, load(profile)) as application:
        application.desk.open_incident(KEY, by="Ada")
    return oncall


def test_a_cause_is_named_read_and_taken_back(opened: Stas) -> None:
    none = opened("triage", "cause", KEY, "--read-only")
    assert none.returncode == 0, none.stderr
    assert none.stdout.startswith("No cause is named yet.\nSuspected by Stas: Share the pool (9f2c41a00)")
    named = opened("triage", "cause", "alert:98", "9f2c")
    assert "Share the pool (9f2c41a00): cause named by Ada at 20" in named.stdout
    own = opened("triage", "cause", KEY, "the pool", "hands out", "foreign connections")
    assert own.stdout.startswith("the pool hands out foreign connections: cause named by Ada at 20")
    told = json.loads(opened("triage", "cause", KEY, "--json").stdout)
    assert (told["cause"]["text"], told["suspects"][0]["sha"]) == ("the pool hands out foreign connections", SHA)
    assert "; given up since" in opened("triage", "postmortem", KEY).stdout
    assert "cause named by Ada" in opened("triage", "handover").stdout
    back = opened("triage", "cause", KEY, "none", "--reason", "it goes on without it")
    assert back.stdout.startswith("No cause is named yet.")
    assert json.loads(opened("triage", "cause", KEY, "--json").stdout)["cause"] is None
    kinds = [json.loads(line)["kind"] for line in opened("log", "--json").stdout.splitlines()]
    assert [kind for kind in kinds if kind in ("incident.cause", "incident.withdrawn")] == [
        *("incident.cause", "incident.cause", "incident.withdrawn")
    ]
    assert opened("log", "--verify").returncode == 0


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("cause",), 2, "Say which item"),
        (("cause", "alert:77aa"), 1, "Open one first"),
        (("cause", KEY, "none"), 1, "what speaks against it"),
        (("cause", KEY, "none", "--reason", "no"), 1, "none to take back"),
        (("cause", KEY, "the pool", "--read-only"), 2, "changes nothing"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(opened: Stas, words: tuple[str, ...], status: int, why: str) -> None:
    done = opened("triage", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr
