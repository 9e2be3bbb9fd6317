"""G15: a round over many endpoints calls nobody dead who is not, and is no work of the dashboard's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.health import words
from stas_tui.health.probes import ProbeSource
from stas_tui.locations import Locations, Profile
from storage.clock import SystemClock
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Probe
from tests.health.endpoints import Endpoints, endpoint, http, table

ROOT = Path(__file__).resolve().parents[2]
MANY = 200

BESIDE = """
import json, os, sys, time
from pathlib import Path
from stas_tui.commands.dashboard import watcher_beside
from stas_tui.config import load
from stas_tui.locations import Locations
from storage.schema_watch import open_watch
from storage.watch import Watch

profile = Locations.find(Path(sys.argv[1])).profile("many")
with watcher_beside(profile, load(profile)), open_watch(profile.watch_db) as store:
    watch = Watch(store)
    end = time.monotonic() + 40
    while not watch.facts("probe") and time.monotonic() < end:
        time.sleep(0.05)
    print(json.dumps({"pid": os.getpid(), "watcher": watch.watcher().owner, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    with Endpoints() as served:
        yield [served.add(http()) for _ in range(MANY)]


@pytest.fixture
def profile(tmp_path: Path, ports: list[int]) -> Profile:
    made = Locations.find(tmp_path).profile("many")
    made.make()
    health = [
        f'[[project.health]]\nname = "e{p}"\nurl = "http://127.0.0.1:{p}/health"\ntimeout_s = 30\n' for p in ports
    ]
    project = f'[[project]]\nid = "shop"\nname = "Shop"\nremote = "{tmp_path / "none.git"}"\n'
    watch = '[watch]\nallow_private = ["127.0.0.0/8"]\n'
    made.config_file.write_text("\n".join(['agent_name = "Stas"', watch, project, *health]), "utf-8")
    made.config_file.chmod(0o600)
    return made


def test_G15_a_round_has_no_false_failures(ports: list[int]) -> None:
    asked = [endpoint(port, f"e{port}", timeout_s=30) for port in ports]
    source = ProbeSource("shop", asked, table(), str)
    for _ in range(3):
        answer = source.ask(SystemClock().now())
        probes = [thing for thing in answer.things or () if isinstance(thing, Probe)]
        assert len(probes) == MANY
        assert {probe.word for probe in probes} == {words.HEALTHY}
    assert {probe.tries for probe in probes} == {(words.HEALTHY,) * 3}


def test_G15_the_dashboard_asks_nobody_itself(profile: Profile) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    done = subprocess.run(
        [sys.executable, "-c", BESIDE, str(profile.root.parents[1])],
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert seen["watcher"].split(":")[0] != str(seen["pid"])
    assert "httpx" not in seen["modules"]
    assert "stas_tui.health.probes" not in seen["modules"]
    with open_watch(profile.watch_db) as store:
        probes = [fact.thing for fact in Watch(store).facts("probe") if isinstance(fact.thing, Probe)]
    assert len(probes) == MANY
    assert {word for probe in probes for word in probe.tries} == {words.HEALTHY}
