"""`docker compose build` where an engine answers, and what is said where none does (R106, R136, H2)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge_bench import Remote
from github_bench import Bench

from stas_tui.config_model import Project
from stas_tui.config_sources import Ci, Github, Watch
from stas_tui.health import builds, ci
from stas_tui.health.base import Answer
from stas_tui.health.builds import ComposeBuild, NoBuild
from storage.clock import ManualClock
from storage.records import DataState
from storage.redact import register_secret
from storage.watch_records import Check
from tests.health.real import until

ENGINE = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$1 $2" in
  info*) {info} ;;
  "compose version") {compose} ;;
  "compose build") {build} ;;
esac
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on PATH, for a program `docker`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def engine(folder: Path, build: str, info: str = "echo 27.0.1", compose: str = "echo 2.29.1") -> None:
    program = folder / "docker"
    program.write_text(ENGINE.format(info=info, build=build, compose=compose))
    program.chmod(0o755)


@pytest.fixture
def compose(remote: Remote) -> str:
    """The sha of a base branch with a compose file."""
    return remote.advance("multi-tenant", {"compose.yaml": "services: {}\n", "Dockerfile": "FROM scratch\n"})


@pytest.fixture
def build(bench: Bench, compose: str, tmp_path: Path, clock: ManualClock) -> Iterator[ComposeBuild]:
    made = ComposeBuild(bench.forge, bench.repo, tmp_path / "scratch", clock)
    yield made
    made.close()


def ask(bench: Bench, clock: ManualClock, scratch: Path) -> Answer:
    project = Project(id="shop", name="Shop", remote=bench.repo.url, ci=Ci(compose_build=True))
    sources = ci.ci_sources(
        project, Watch(), github=Github(), api=None, forge=bench.forge, repo=bench.repo, clock=clock, scratch=scratch
    )
    answer = sources[1].ask(clock.now())
    for source in sources:
        source.close()
    return answer


def test_the_engine_of_this_machine(
    bench: Bench, compose: str, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real program if there is one, and no engine behind it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    answer = ask(bench, clock, tmp_path / "scratch")
    assert (answer.state, answer.things) == (DataState.UNKNOWN, ())
    expected = "no engine answers behind docker" if shutil.which("docker") else "there is no program docker"
    assert answer.reason.startswith(expected)


def test_no_program(
    bench: Bench, compose: str, clock: ManualClock, tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("git", "sh"):
        (stand_in / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(stand_in))
    answer = ask(bench, clock, tmp_path / "scratch")
    assert answer.reason == "there is no program docker, so nothing is built here"


def test_an_engine_that_does_not_answer_in_time(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(stand_in, "exit 0", info="exec sleep 30")
    monkeypatch.setattr(builds, "INFO_S", 0.2)
    with pytest.raises(NoBuild, match="gave no answer within"):
        builds.engine()


def test_a_program_without_compose_fails_no_build(stand_in: Path) -> None:
    engine(stand_in, "exit 1", compose="echo 'docker: compose is not a docker command' >&2; exit 1")
    with pytest.raises(NoBuild, match="docker has no command compose: docker: compose is not"):
        builds.engine()


def test_a_build_that_succeeds(build: ComposeBuild, compose: str, stand_in: Path, clock: ManualClock) -> None:
    register_secret("hunter2hunter2")
    engine(stand_in, "test -f Dockerfile && test -f svc/api.py && echo token hunter2hunter2 && exit 0")
    started = build.look(compose)
    assert (started.state, started.sha, started.since) == ("pending", compose, clock.now())
    build.wait(20)
    assert build.look(compose).state == "success"
    assert "token" in build.log.read_text()
    assert "hunter2hunter2" not in build.log.read_text()
    assert (stand_in / "calls").read_text().splitlines()[2:] == ["compose build"]


def test_a_build_that_fails_is_not_tried_again_for_the_same_commit(
    bench: Bench, build: ComposeBuild, compose: str, stand_in: Path, clock: ManualClock, tmp_path: Path
) -> None:
    engine(stand_in, "echo no space left; exit 17")
    build.look(compose)
    build.wait(20)
    done = build.look(compose)
    assert (done.state, done.word) == ("failure", "exit 17")
    again = ComposeBuild(bench.forge, bench.repo, tmp_path / "scratch", clock)
    assert again.look(compose) == done
    assert (stand_in / "calls").read_text().count("compose build") == 1
    check = builds.check_of(done, "shop")
    assert (check.name, check.build, check.sha, check.key) == (
        builds.NAME, True, compose, f"shop/{compose}/{builds.NAME}",
    )  # fmt: skip


def test_the_next_commit_is_built_afresh(build: ComposeBuild, compose: str, stand_in: Path, remote: Remote) -> None:
    engine(stand_in, "test -f broken && exit 1; exit 0")
    build.look(compose)
    build.wait(20)
    head = remote.advance("multi-tenant", {"broken": "1\n"})
    assert build.look(head).state == "pending"
    build.wait(20)
    assert (build.look(head).sha, build.look(head).state) == (head, "failure")


def test_a_build_that_takes_too_long_is_stopped_with_all_its_children(
    bench: Bench, compose: str, stand_in: Path, tmp_path: Path, clock: ManualClock
) -> None:
    engine(stand_in, f"sleep 300 & echo $! > {tmp_path}/child; wait")
    build = ComposeBuild(bench.forge, bench.repo, tmp_path / "scratch", clock, most_s=1.0)
    build.look(compose)
    build.wait(30)
    done = build.look(compose)
    assert (done.state, done.word) == ("failure", "timed_out")
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    until(lambda: not child.exists() or " Z " in child.read_text(), "the end of the child that was killed")


def test_a_flood_of_output_is_cut_in_the_middle(build: ComposeBuild, compose: str, stand_in: Path) -> None:
    engine(stand_in, "yes 'a line of the log' | head -c 6000000; echo the end; exit 0")
    build.look(compose)
    build.wait(30)
    assert build.look(compose).state == "success"
    text = build.log.read_bytes()
    assert len(text) < builds.LOG_BYTES + builds.TAIL_BYTES + 100
    assert b"the middle is left out" in text
    assert text.endswith(b"the end\n")


def test_a_closed_build_ends_and_leaves_no_result(
    build: ComposeBuild, compose: str, stand_in: Path, tmp_path: Path
) -> None:
    engine(stand_in, f"echo $$ > {tmp_path}/child; exec sleep 300")
    build.look(compose)
    build.close()
    assert not build.running
    pid = (tmp_path / "child").read_text().strip() if (tmp_path / "child").exists() else ""
    assert not pid or not Path(f"/proc/{pid}/stat").exists()
    assert not (tmp_path / "scratch" / "built.json").exists()


def test_a_base_without_a_compose_file(bench: Bench, clock: ManualClock, tmp_path: Path, stand_in: Path) -> None:
    engine(stand_in, "exit 0")
    answer = ask(bench, clock, tmp_path / "scratch")
    assert (answer.state, answer.reason) == (DataState.UNKNOWN, "the base branch has no compose file")


def test_the_source_tells_the_build_as_a_check(
    bench: Bench, compose: str, clock: ManualClock, tmp_path: Path, stand_in: Path
) -> None:
    engine(stand_in, "exit 0")
    answer = ask(bench, clock, tmp_path / "scratch")
    (check,) = [thing for thing in answer.things or () if isinstance(thing, Check)]
    assert (check.name, check.state, check.sha) == (builds.NAME, "pending", compose)
    assert answer.detail["head"] == compose
