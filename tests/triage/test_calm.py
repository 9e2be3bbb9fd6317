"""When an empty list is calm, and what it says when it is not (E5)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.health.belief import NOT_RUNNING
from stas_tui.triage.arrange import calm
from stas_tui.triage.words import WATCHED, Blind
from storage.clock import HOUR, MINUTE
from storage.records import DataState
from storage.triage_records import TriageList
from storage.watch_records import SourceKind
from tests.triage.looks import listed
from tests.triage.samples import (
    HOSTILE,
    NOW,
    deploy,
    fact,
    healthy,
    item,
    status,
)


def test_all_clear_is_said_when_every_source_answered_well() -> None:
    shown = listed([], deploys=[fact(deploy())])
    assert shown.words == ("deploys 24h 1", "all clear")
    assert (shown.dead, shown.never, shown.doubts) == ((), (), ())
    assert calm(shown).startswith("All clear")


@pytest.mark.parametrize("kind", list(SourceKind))
@pytest.mark.parametrize("state", [DataState.ERROR, DataState.DENIED, DataState.STALE, DataState.UNKNOWN])
def test_E5_with_any_source_dead_nothing_is_all_clear(kind: SourceKind, state: DataState) -> None:
    ill = status("ill", kind, state, ago=4 * MINUTE, reason=f"refused {HOSTILE}")
    shown = listed([], sources=[*healthy(kind), ill])
    assert shown.dead == ("ill",)
    assert "all clear" not in shown.words
    assert any(word.startswith(f"{kind.value} ") and word.endswith(" 4m") for word in shown.words)
    assert "not calm" in calm(shown)
    assert not set(calm(shown)) & set("\x1b\u202e\n")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"sources": healthy(), "now": NOW + HOUR}, "alerts stale 1h"),
        ({"blind": Blind.of(NOT_RUNNING)}, "watcher dead"),
        ({"blind": Blind("watcher silent", "Nobody asks the sources")}, "watcher silent"),
        ({"configured": frozenset({SourceKind.PROBES})}, "no alert source"),
        ({"configured": frozenset()}, "no alert source"),
        ({"sources": [*healthy(SourceKind.ALERTS), status(replayed=True)]}, "alerts replayed"),
        ({"sources": healthy(SourceKind.ALERTS)}, "alerts never asked"),
        ({"sources": healthy(SourceKind.PROBES)}, "probes never asked"),
        ({"sources": [*healthy(SourceKind.CI), status("c", SourceKind.CI, DataState.UNKNOWN, asked_at=None, at=None)]},
         "ci never asked"),
        ({"sources": [*healthy(SourceKind.CI), status("c", SourceKind.CI, DataState.ERROR, at=None)]},
         "ci dead, never answered"),
    ],
)  # fmt: skip
def test_what_else_is_not_calm(more: dict[str, Any], word: str) -> None:
    shown = listed([], **more)
    assert word in shown.words
    assert "all clear" not in shown.words
    assert "All clear" not in calm(shown)
    assert word in calm(shown)


def test_sources_of_one_kind_are_told_apart_and_many_are_counted() -> None:
    ill = [status(f"ci:{name}", SourceKind.CI, DataState.ERROR, ago=MINUTE) for name in "abcdef"]
    shown = listed([], sources=[*healthy(SourceKind.CI), *ill])
    assert shown.words == ("ci:a dead 1m", "ci:b dead 1m", "ci:c dead 1m", "3 more in doubt")
    assert shown.dead == tuple(f"ci:{name}" for name in "abcdef")


def test_a_good_answer_with_a_reservation_is_not_all_clear_and_no_noise_above_an_incident() -> None:
    sources = [*healthy(SourceKind.PROBES), status("p", SourceKind.PROBES, reason="2 of 9 not asked")]
    assert listed([], sources=sources).words == ("probes in part",)
    assert "probes in part (2 of 9 not asked)" in calm(listed([], sources=sources))
    assert listed([item(tenants=("acme",))], sources=sources).words == ("incidents 1 (unowned 3m)", "tenants hit 1")


def test_calm_says_what_nobody_watches_and_what_is_put_aside() -> None:
    shown = listed([item(suppressed="silenced until 14:00Z")], configured=frozenset({SourceKind.ALERTS}))
    assert shown.never == tuple(kind.value for kind in WATCHED if kind is not SourceKind.ALERTS)
    assert calm(shown) == (
        "All clear: every source that is configured has answered, and nothing needs you."
        " Nobody watches metrics, probes, ci, deploys and builds: no source is configured."
        " 1 item is put aside below."
    )


def test_calm_is_silent_over_a_list_and_honest_about_a_filter_and_about_no_list_yet() -> None:
    assert calm(listed([item()])) == ""
    assert calm(listed([item()], query="tenant:nobody")) == (
        "Nothing matches the filter; 1 item outside it needs a person."
    )
    assert calm(TriageList(at=0)) == "Nobody has looked yet."
