"""Sources that cannot be believed, and every text that comes from outside: no false calm, no hostile line (E5, E6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.health.belief import NOT_RUNNING
from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.identity import LONGEST, message_key
from stas_tui.triage.words import Blind
from storage.clock import MINUTE, SECOND
from storage.records import DataState
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import SourceKind
from tests.triage.looks import only, seen
from tests.triage.samples import (
    HOSTILE,
    NOW,
    alert,
    check,
    comparison,
    deploy,
    fact,
    gate,
    healthy,
    message,
    probe,
    status,
    task,
    tenant,
)

# sources -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(SourceKind))
@pytest.mark.parametrize("state", [DataState.ERROR, DataState.DENIED, DataState.STALE, DataState.UNKNOWN])
def test_E5_every_source_that_dies_is_an_item(kind: SourceKind, state: DataState) -> None:
    ill = status("ill", kind, state, reason=f"refused {HOSTILE}", ago=4 * MINUTE, failures=3)
    item = only(sources=[*healthy(kind), ill])
    assert (item.key, item.item_class, item.count) == ("source:ill", ItemClass.SOURCE, 3)
    assert item.word in {"dead", "denied", "stale", "unknown"}
    assert item.first_seen == NOW - 4 * MINUTE


def test_what_could_never_be_asked_is_information_but_never_so_for_alerts() -> None:
    never = {"state": DataState.UNKNOWN, "at": None, "reason": "no token"}
    assert only(sources=[status("ci", SourceKind.CI, **never)]).item_class is ItemClass.INFO
    assert only(sources=[status("am", SourceKind.ALERTS, **never)]).item_class is ItemClass.SOURCE


def test_a_good_answer_that_nobody_renewed_is_stale() -> None:
    assert only(sources=[status(ago=46 * SECOND)]).word == "stale"
    assert seen(sources=[status(ago=45 * SECOND)]) == {}


def test_a_dead_watcher_is_one_item_and_not_one_for_each_source() -> None:
    sources = [status(f"{kind.value}-1", kind, DataState.STALE) for kind in SourceKind]
    items = seen(sources=sources, blind=Blind.of(NOT_RUNNING))
    assert {"source:watcher", "source:inbox-1", "source:board-1"} <= set(items)
    assert "source:alerts-1" not in items
    assert len(items["source:watcher"].evidence) == items["source:watcher"].count > 1
    assert seen(sources=[], blind=Blind.of(NOT_RUNNING), configured=frozenset()) == {}, (
        "nobody is needed where nothing is asked"
    )


def test_what_a_dead_source_said_stays_with_its_age() -> None:
    items = seen(alerts=[fact(alert(), last_seen=NOW - 4 * MINUTE)], sources=[status(state=DataState.ERROR)])
    assert items["alert:98be5eeda42fa8e5"].word == "firing, as of 4m ago"


def test_replayed_answers_are_marked() -> None:
    sources = [status(replayed=True), status("real", ago=SECOND)]
    assert only(alerts=[fact(alert())], sources=sources).replayed
    assert not only(alerts=[fact(alert()), fact(alert(), source="real")], sources=sources).replayed


# every text ----------------------------------------------------------------------------------------

CANARY = "ghp_" + "a1B2" * 9


def whole(text: str) -> list[TriageItem]:
    """Everything at once, each with `text` in every field that comes from outside."""
    labels = {"tenant": text, "service": text}
    sight = Sight(
        sources=[status(text, state=DataState.ERROR, reason=text)],
        alerts=[
            fact(alert(text, severity=text, name=text, labels=labels, annotations={"summary": text})),
            fact(alert("child", inhibited_by=(text,))),
        ],
        probes=[fact(probe(text, word=text, url=text, service=text, tenant=text))],
        checks=[fact(check(text, url=text))],
        deploys=[fact(deploy(what=text, service=text, url=text))],
        comparisons=[fact(comparison(text, reason=text))],
        tenants=[fact(tenant(text, remark=f"outlier {text}"))],
        gates=[gate(args={"taskId": text, "projectId": text}, requested_by=text, tool=text, revision=None)],
        messages=[message(sender=text, subject=text), message(2, sender=text, subject="", body=text)],
        tasks=[task(title=text, status=text, assignee=text)],
    )
    return gather(sight, now=NOW)


def printed(items: list[TriageItem]) -> list[str]:
    return [text for i in items for text in (i.title, i.word, i.suppressed, *(e.text for e in i.evidence))]


@pytest.mark.parametrize("text", [HOSTILE, "", " \n ", "x" * 100_000, "\u202e" * 5_000, "\ud800"])
def test_E6_titles_and_words_are_one_visible_line_whatever_comes(text: str) -> None:
    items = whole(text)
    assert len(items) >= 10
    for line in printed(items):
        assert len(line) <= 420
        assert not set(line) & set("\x1b\x9b\x00\x07\n\r\t\u202e\u2066\u200b\ud800")
        assert "  " not in line
    assert all(item.title for item in items)
    assert all(len(item.key) <= LONGEST for item in items)
    assert not [link for item in items for link in item.links if "\x1b" in link or not link.startswith("http")]


@given(st.text(max_size=40))
def test_no_text_at_all_breaks_it(text: str) -> None:
    assert gather(Sight(messages=[message(subject=text)], tasks=[task(title=text)]), now=NOW)
    assert printed(whole(text))


@pytest.mark.parametrize("hidden", ["", "\u200b", "\u202e"])
def test_a_secret_is_redacted_also_if_hidden_characters_cut_it(hidden: str) -> None:
    secret = CANARY[:12] + hidden + CANARY[12:]
    said = [message(subject=f"use {secret} now")]
    for line in printed(gather(Sight(messages=said, gates=[gate()], tasks=[task(title=secret)]), now=NOW)):
        assert CANARY not in line


def test_long_identities_stay_apart() -> None:
    assert message_key("x" * 900) != message_key("x" * 901)
    assert len(message_key("x" * 900)) == LONGEST
