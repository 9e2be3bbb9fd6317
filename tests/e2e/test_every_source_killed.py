"""E5 on the whole program: real servers, the real watcher; each is killed in turn, and nothing is calm afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config import load
from stas_tui.locations import Profile
from stas_tui.wiring import build
from storage.schema_watch import open_watch
from storage.watch import Watch
from tests.health.endpoints import Endpoints, http
from tests.health.real import Alertmanager, MetricsPage, Prometheus, free_port, needs, until
from tests.health.watched import ENDPOINT, configure, environ, make_profile, stas

CALM = ("all clear", "nothing is firing", "passing", "green")


@dataclass
class Scene:
    """Everything a small company has, alive on loopback."""

    profile: Profile
    alertmanager: Alertmanager
    prometheus: Prometheus
    endpoints: Endpoints
    remote: Path

    def ask(self) -> None:
        """Ask every source once, in a process of its own."""
        asked = stas(self.profile, "watch", "--once", "--json")
        assert asked.returncode in (0, 1), asked.stderr

    def asked(self) -> set[str]:
        """The sources that answered anything yet."""
        with open_watch(self.profile.watch_db) as store:
            return {status.name for status in Watch(store).sources() if status.asked_at}

    def triage(self) -> dict[str, Any]:
        listed = stas(self.profile, "triage", "--json")
        assert listed.returncode == 0, listed.stderr
        return dict(json.loads(listed.stdout))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    needs("prometheus", "prometheus-alertmanager")
    profile = make_profile(tmp_path)
    remote = profile.root / "remote.git"
    work = tmp_path / "work"
    for command in (
        ["git", "init", "-q", "--bare", str(remote)],
        ["git", "init", "-q", "-b", "multi-tenant", str(work)],
        ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"],
        ["git", "-C", str(work), "push", "-q", str(remote), "multi-tenant", "multi-tenant:main"],
    ):
        subprocess.run(command, check=True)
    with ExitStack() as stack:
        page = stack.enter_context(MetricsPage())
        page.rates = {"acme": (50, 0), "globex": (50, 0)}
        endpoints = stack.enter_context(Endpoints())
        alive = endpoints.add(http())
        for name in ("am", "prom"):
            (tmp_path / name).mkdir()
        alertmanager = stack.enter_context(Alertmanager(tmp_path / "am"))
        prometheus = stack.enter_context(Prometheus(tmp_path / "prom", page))
        until(lambda: page.scrapes > 4, "a few scrapes")
        configure(
            profile,
            f'[[alertmanager]]\nurl = "{alertmanager.url}"\n',
            f'[[prometheus]]\nurl = "{prometheus.url}"\n',
            'requests = "sum by ({tenant}) (rate(http_requests_total[5s]))"\n'
            "errors = 'sum by ({tenant}) (rate(http_requests_total{code=\"500\"}[5s]))'\n",
            f'[[project]]\nid = "shop"\nname = "Shop"\nremote = "{remote}"\ntenants = ["acme", "globex"]\n',
            ENDPOINT.format(name="api", port=alive),
        )
        yield Scene(profile, alertmanager, prometheus, endpoints, remote)


KILLS: dict[str, tuple[str, Callable[[Scene], None]]] = {
    "alertmanager": ("alertmanager", lambda scene: scene.alertmanager.stop()),
    "prometheus": ("prometheus", lambda scene: scene.prometheus.stop()),
}


@pytest.fixture
def watcher(scene: Scene) -> Iterator[subprocess.Popen[bytes]]:
    place = ["--home", str(scene.profile.root.parents[1]), "--profile", scene.profile.name]
    with subprocess.Popen(
        [sys.executable, "-m", "stas_tui", *place, "watch"],
        env=environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield process
        process.kill()


def test_E5_each_source_killed_in_turn_is_named_and_nothing_is_calm(
    scene: Scene, watcher: subprocess.Popen[bytes]
) -> None:
    with build(scene.profile, load(scene.profile)) as application:
        _kill_each(scene, watcher, lambda: set(application.desk.look().dead))


def _kill_each(scene: Scene, watcher: subprocess.Popen[bytes], dead: Callable[[], set[str]]) -> None:
    names = {name for name, _ in KILLS.values()}
    until(lambda: scene.asked() >= names and not dead() & (names - {"alertmanager"}), "every source has answered")
    gone: set[str] = set()
    for name, kill in KILLS.values():
        kill(scene)
        gone.add(name)
        until(lambda: dead() >= gone, f"{name} is among the dead")
        said = scene.triage()
        words = " ".join([*said["words"], *said["doubts"], stas(scene.profile, "triage").stdout]).lower()
        assert not [calm for calm in CALM if calm in words]
    watcher.kill()
    watcher.wait(10)
    until(lambda: "watcher" in dead(), "the watcher is among the dead")


def test_E5_an_endpoint_that_dies_is_a_failed_probe_and_an_alert_that_fires_is_an_incident(scene: Scene) -> None:
    scene.alertmanager.post({"labels": {"alertname": "Down", "severity": "critical", "tenant": "acme"}})
    scene.ask()
    items = scene.triage()["items"]
    assert any(item["class"] == "incident" and "Down" in item["title"] for item in items), items
    closed = free_port()
    text = scene.profile.config_file.read_text("utf-8")
    alive = text.split("http://127.0.0.1:")[-1].split("/")[0]
    scene.profile.config_file.write_text(text.replace(f":{alive}/health", f":{closed}/health"), "utf-8")
    for _ in range(3):
        scene.ask()
    with open_watch(scene.profile.watch_db) as store:
        (probe,) = [fact.thing for fact in Watch(store).facts("probe")]
    assert (probe.verdict, probe.word) == ("failed", "refused")  # type: ignore[attr-defined]
    scene.remote.rename(scene.remote.with_name("gone.git"))
    scene.ask()
    assert "deploys:shop" in scene.triage()["dead"]
    assert any("refused" in item["title"] or "refused" in item["state"] for item in scene.triage()["items"])
