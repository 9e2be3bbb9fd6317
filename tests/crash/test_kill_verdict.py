"""Kill -9 around a verdict on a pull request, local and on GitHub: it is sent once, its author hears of it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.records import ActionState, PullRequest
from tests.crash.verdict_driver import BODY, PERSON
from tests.door.shop import Shop, commit, git, make_template

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "forges"), str(ROOT / "tests" / "github")]

from github_double import GithubDouble  # noqa: E402
from github_world import TOKEN  # noqa: E402

HEAD = "infra/edge"
POINTS = ("K1", "K2", "K3", "K4", "K6", "K7", "K10", "K8", "K9")
EDGES = ("review_pr:before", "review_pr:after", "reviews:before", "reviews:after")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with somebody's branch on the remote."""
    made = Shop(tmp_path / "shop", make_template(tmp_path / "template"))
    git("checkout", "-q", "-b", HEAD, cwd=made.person_clone)
    commit(made.person_clone, {"docker-compose.yml": "services: {}\n"}, "infra: edge")
    git("push", "-q", made.remote, HEAD, cwd=made.person_clone)
    yield made
    made.close()


def start(shop: Shop, *edge: str, kill: str = "", token: str = "") -> tuple[int, str]:
    """One process: how it ended, and its last word."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "STAS_KILL_AT": kill, "GITHUB_TOKEN": token}
    argv = [sys.executable, "-m", "tests.crash.verdict_driver", str(shop.folder / "home"), *edge]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.strip()


def whole(shop: Shop) -> None:
    """The record is whole, and holds one action that was done and approved once, by the person."""
    shop.reopen()
    journal = shop.context.journal
    assert journal.verify().ok
    [action] = shop.actions("review_verdict")
    assert action.state is ActionState.SUCCEEDED
    approvals = journal.events(kinds=["gate.approved"])
    assert len(approvals) == len({(event.action_id, event.body["rev"]) for event in approvals})
    assert {event.actor for event in approvals} == {PERSON}
    assert action.outcome is not None
    assert action.outcome["differences"] == []


def campaign(shop: Shop, *, token: str = "") -> None:
    """Killed once at each point; then it comes to its end."""
    hit = []
    for point in POINTS:
        code, said = start(shop, kill=point, token=token)
        hit += [point] if code else []
        if not code:
            assert said.startswith("ok"), said
            break
    assert {"K1", "K4", "K7"} <= set(hit), hit
    assert start(shop, token=token)[1].startswith("ok")
    whole(shop)


def local(shop: Shop) -> None:
    """Lena's pull request as a record of the local forge."""
    sha = git("rev-parse", HEAD, cwd=shop.remote)
    shop.world.add_pr(
        PullRequest(
            number=0, project_id="shop", title="T", body="", base="multi-tenant", head=HEAD, head_sha=sha, author="lena"
        )
    )


def told_once(shop: Shop) -> None:
    [review] = shop.world.reviews("shop", 1)
    assert (review.event, review.body) == ("request changes", BODY)
    assert len(shop.world.inbox("lena")) == len(shop.world.sent()) == 1


def test_each_point_of_a_local_verdict(shop: Shop) -> None:
    local(shop)
    campaign(shop)
    told_once(shop)


@pytest.mark.parametrize("edge", EDGES)
def test_each_edge_of_a_local_verdict(shop: Shop, edge: str) -> None:
    local(shop)
    assert start(shop, edge)[0] == -signal.SIGKILL
    assert start(shop)[1].startswith("ok")
    whole(shop)
    told_once(shop)


@pytest.fixture
def hub(shop: Shop) -> Iterator[GithubDouble]:
    """GitHub over the shop's remote, outside of every process that dies."""
    with GithubDouble(shop.remote, now=shop.clock.now, name="acme/shop").running() as hub:
        shop.configure(extra=f'\n[project.ci]\ngithub = "acme/shop"\n\n[github]\napi = "{hub.url}"\n')
        hub.pull(HEAD, "multi-tenant", login="lena")
        yield hub
    assert hub.wrong == []


def test_each_point_of_a_verdict_on_github(shop: Shop, hub: GithubDouble) -> None:
    campaign(shop, token=TOKEN)
    assert len(hub.reviews[1]) == len(hub.seen("POST")) == 1


@pytest.mark.parametrize("edge", EDGES)
def test_each_edge_of_a_verdict_on_github(shop: Shop, hub: GithubDouble, edge: str) -> None:
    assert start(shop, edge, token=TOKEN)[0] == -signal.SIGKILL
    assert start(shop, token=TOKEN)[1].startswith("ok")
    whole(shop)
    assert len(hub.reviews[1]) == len(hub.seen("POST")) == 1


def test_an_answer_that_was_lost_while_github_died_is_found_by_the_next_start(shop: Shop, hub: GithubDouble) -> None:
    hub.fail("lost", "POST")
    hub.dies_after_a_write = True
    assert start(shop, token=TOKEN)[1].startswith("unknown")
    hub.dies_after_a_write = False
    assert start(shop, token=TOKEN)[1].startswith("ok")
    whole(shop)
    assert len(hub.reviews[1]) == len(hub.seen("POST")) == 1
