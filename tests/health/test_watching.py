"""From the configuration to sources, rows and what they know of each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from endpoints import unused_port
from watched import ENDPOINT, PROJECT, configure, make_profile, probing, prometheus, stas

from stas_tui import doctor_sources
from stas_tui.config import load
from stas_tui.doctor_rows import State
from stas_tui.health.ci import ANONYMOUS_EVERY_S
from stas_tui.locations import Profile
from stas_tui.watching import deployed_sha, merges, planned, sources_of, strip
from storage.clock import HOUR, MINUTE, SystemClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Deploy, SourceKind, SourceStatus


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return make_profile(tmp_path)


def test_a_watcher_that_gives_no_sign_of_life_does_not_watch(profile: Profile) -> None:
    configure(profile, prometheus(9))
    plans, now = planned(load(profile), profile), SystemClock().now()
    with open_watch(profile.watch_db) as store:
        watch = Watch(store)
        watch.record(
            SourceStatus(
                name="prometheus", kind=SourceKind.METRICS, state=DataState.OK, every_ms=3_600_000, asked_at=now, at=now
            )
        )
        assert [row.state for row in strip(plans, watch, now)] == [DataState.STALE]
        watch.beat(now, 1)
        assert [row.state for row in strip(plans, watch, now)] == [DataState.OK]
        assert [row.state for row in strip(plans, watch, now + 2 * MINUTE)] == [DataState.STALE]


def test_doctor_has_a_row_for_every_source_with_its_age_and_how_to_mend_it(profile: Profile) -> None:
    probing(profile, unused_port())
    settings = load(profile)
    [unasked] = doctor_sources.sources(profile, settings)
    assert (unasked.id, unasked.state) == ("watcher", State.UNKNOWN)
    assert not profile.watch_db.exists(), "doctor only looks"
    stas(profile, "watch", "--once")
    found = {row.id: row for row in doctor_sources.sources(profile, settings)}
    assert set(found) == {
        "watcher",
        "source:probes:shop",
        "source:deploys:shop",
    }
    assert found["watcher"].state is State.UNKNOWN
    assert "nobody asks" in found["watcher"].detail
    assert found["source:probes:shop"].state is State.UNKNOWN, "stale is not good"
    assert "answered" in found["source:probes:shop"].detail
    broken = found["source:deploys:shop"]
    assert broken.state is State.WARN
    assert "[project.ci]" in broken.mend
    profile.watch_db.write_bytes(b"no database at all, and longer than a header " * 4)
    [damaged] = doctor_sources.sources(profile, settings)
    assert damaged.state is State.FAIL
    assert "Delete it" in damaged.mend


# from the configuration ----------------------------------------------------------------------------


def test_every_planned_source_is_the_source_it_says(profile: Profile, tmp_path: Path) -> None:
    configure(
        profile,
        '[[alertmanager]]\nname = "pager"\nurl = "http://127.0.0.1:9"\n',
        prometheus(9, "numbers"),
        PROJECT.format(remote=tmp_path / "remote.git"),
        ENDPOINT.format(name="api", port=9),
        '[project.ci]\ngithub = "ada/shop"\nbuilds = ["image"]\n',
        PROJECT.format(remote=tmp_path / "other.git").replace("shop", "lone"),
    )
    settings = load(profile)
    plans = planned(settings, profile)
    assert [(plan.name, plan.kind) for plan in plans] == [
        ("pager", SourceKind.ALERTS),
        ("numbers", SourceKind.METRICS),
        ("probes:shop", SourceKind.PROBES),
        ("ci:shop", SourceKind.CI),
        ("builds:shop", SourceKind.BUILDS),
        ("deploys:shop", SourceKind.DEPLOYS),
        ("deploys:lone", SourceKind.DEPLOYS),
    ]
    with open_watch(profile.watch_db) as store:
        for plan in planned(settings, profile, Watch(store)):
            source = plan.make()
            assert (source.name, source.kind, source.project_id) == (plan.name, plan.kind, plan.project_id)
            source.close()
            plan.close()


def test_a_token_that_cannot_be_had_is_an_answer(profile: Profile) -> None:
    configure(
        profile,
        '[[alertmanager]]\nname = "pager"\nurl = "http://127.0.0.1:9"\n'
        '[alertmanager.credential]\ncommand = ["/nonexistent/token"]\n',
    )
    with open_watch(profile.watch_db) as store:
        [source] = sources_of(load(profile), profile, Watch(store))
        answer = source.ask(SystemClock().now())
        source.close()
    assert answer.state is DataState.UNKNOWN
    assert "/nonexistent/token" in answer.reason


def test_a_source_keeps_the_pace_it_has_itself(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    ci = '[project.ci]\ngithub = "ada/shop"\n[github]\napi = "http://127.0.0.1:9"\n'
    configure(profile, PROJECT.format(remote=tmp_path / "remote.git"), ci)
    with open_watch(profile.watch_db) as store:
        [source] = [one for one in sources_of(load(profile), profile, Watch(store)) if one.name == "ci:shop"]
        assert source.every_s == 1
        assert source.ask(SystemClock().now()).state is DataState.ERROR
        assert source.every_s == ANONYMOUS_EVERY_S
        source.close()


def deploys(watch: Watch, now: int, *found: tuple[str, str, str, int], state: DataState = DataState.OK) -> None:
    things = [
        Deploy(key=f"shop/{sha}", project_id="shop", sha=sha, at=now - ago, what="w", state=how, environment=where)
        for sha, how, where, ago in found
    ]
    watch.record(
        SourceStatus(name="deploys:shop", kind=SourceKind.DEPLOYS, state=state, every_ms=15_000, asked_at=now, at=now),
        things,
    )


@pytest.mark.parametrize(
    ("found", "sha"),
    [
        ([], ""),
        ([("m1", "merged", "", HOUR), ("m2", "merged", "", 1)], "m2"),
        ([("m1", "merged", "", 1), ("d1", "success", "other", HOUR)], "d1"),
        ([("d1", "success", "test", HOUR), ("d2", "success", "other", 1), ("d3", "failure", "test", 0)], "d1"),
    ],
)
def test_the_deployed_sha_is_what_the_sources_tell(
    found: Sequence[tuple[str, str, str, int]], sha: str, profile: Profile
) -> None:
    now = SystemClock().now()
    with open_watch(profile.watch_db) as store:
        watch = Watch(store)
        deploys(watch, now, *found)
        assert deployed_sha(watch, "shop", "test", now) == sha
        assert deployed_sha(watch, "other", "test", now) == ""
        assert {merge.sha for merge in merges(watch)} == {one[0] for one in found if one[1] != "failure"}
        assert deployed_sha(watch, "shop", "test", now + HOUR) == "", "a stale answer is compared with nothing"
