"""Both sources against a service at its worst: an error with its word, in time, and never a green state."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stas_tui.credentials import CredentialMissing
from storage.canonical import dump, tame
from storage.records import DataState
from storage.redact import forget_secrets, register_secret
from storage.watch_records import Alert, Silence
from tests.health.nasty import WAYS, WORDS, Nasty
from tests.health.recorded import (
    ALERT,
    HOSTILE,
    NOW,
    SILENCE,
    SOURCES,
    STATUS,
    alertmanager,
    ask,
    good_alertmanager,
    good_prometheus,
    prometheus,
)


@pytest.mark.parametrize("which", SOURCES)
@pytest.mark.parametrize("way", WAYS)
def test_E5_each_way_of_being_wrong_is_an_error_with_its_word(way: str, which: str) -> None:
    make, good = SOURCES[which]
    with Nasty(how=way, pages=good()) as server:
        answer = ask(make(server))
        assert answer.state is (DataState.DENIED if way in ("401", "403") else DataState.ERROR)
        assert answer.things is None
        assert answer.reason
        assert answer.detail["word"] == WORDS.get(way, answer.detail["word"])
        assert len(server.requests) == 1  # the first failure ends the round
        path = "/api/v2/alerts" if which == "alertmanager" else "/api/v1/query"
        assert path in answer.reason
        if way in ("500 text", "502 html", "429", "401", "403"):
            assert way[:3] in answer.reason
            assert "<" not in answer.reason
        assert answer.retry_after_s == (28.0 if way == "429" else None)


@pytest.mark.parametrize("path", ["/api/v2/silences", "/api/v2/status"])
@pytest.mark.parametrize("way", ["hang", "500 text", "html", "wrong shape"])
def test_alerts_stand_although_another_part_fails(way: str, path: str) -> None:
    with Nasty(how=way, only=path, pages=good_alertmanager()) as server:
        answer = ask(alertmanager(server))
    assert answer.state is DataState.OK
    assert [thing.key for thing in answer.things or () if isinstance(thing, Alert)] == [ALERT["fingerprint"]]
    assert "unknown: " in answer.reason
    assert path in answer.reason


@pytest.mark.parametrize("path", ["/api/v2/silences", "/api/v2/status"])
def test_E5_an_empty_list_with_any_doubt_is_not_calm(path: str) -> None:
    pages = good_alertmanager(**{"/api/v2/alerts": []})
    with Nasty(pages=pages) as server:
        assert ask(alertmanager(server)).state is DataState.EMPTY
    with Nasty(how="500 text", only=path, pages=pages) as server:
        assert ask(alertmanager(server)).state is DataState.UNKNOWN


def test_known_silences_stand_while_they_cannot_be_read_and_resolved_alerts_still_go() -> None:
    with Nasty(pages=good_alertmanager()) as server:
        source = alertmanager(server)
        source.ask(NOW)
        server.how, server.only = "500 text", "/api/v2/silences"
        answer = ask(source)
    assert not answer.partial
    assert [thing.key for thing in answer.things or () if isinstance(thing, Silence)] == [SILENCE["id"]]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good alert with one member replaced; `None` takes it away."""
    alert = copy.deepcopy(ALERT)
    *where, last = path.split(".")
    place = alert
    for name in where:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return alert


@pytest.mark.parametrize(
    "bad",
    [
        changed("fingerprint", None),
        changed("fingerprint", 7),
        changed("fingerprint", ""),
        changed("fingerprint", "f" * 5_000),
        changed("labels", None),
        changed("labels", ["alertname"]),
        changed("labels", {"alertname": ["x"]}),
        changed("annotations", "text"),
        changed("status", None),
        changed("status.state", "exploded"),
        changed("status.state", ["active"]),
        changed("startsAt", None),
        changed("startsAt", "yesterday"),
        changed("startsAt", "99999-01-01T00:00:00Z"),
        changed("startsAt", 5),
        None,
        "an alert",
        [],
        7,
    ],
)
def test_E6_a_bad_alert_is_dropped_and_counted_and_the_others_stand(bad: Any) -> None:
    good = {**ALERT, "fingerprint": "aaaa"}
    with Nasty(pages=good_alertmanager(**{"/api/v2/alerts": [bad, good]})) as server:
        answer = ask(alertmanager(server))
    assert [thing.key for thing in answer.things or () if isinstance(thing, Alert)] == ["aaaa"]
    assert sum(answer.detail["dropped alerts"].values()) == 1
    assert "1 alerts were not readable" in answer.reason


@pytest.mark.parametrize(
    "odd",
    [
        changed("receivers", {"name": "x"}),
        changed("receivers", [None, {"name": 5}]),
        changed("status.silencedBy", None),
        changed("status.inhibitedBy", "x"),
        changed("updatedAt", None),
        changed("generatorURL", 5),
        changed("annotations", {"summary": 5, "x": None}),
        changed("labels", {f"l{n}": HOSTILE for n in range(500)} | {"tenant": "acme", "alertname": HOSTILE}),
        changed("labels", {HOSTILE: HOSTILE}),
    ],
)
def test_E6_odd_parts_do_not_spoil_an_alert_and_nothing_is_endless(odd: dict[str, Any]) -> None:
    with Nasty(pages=good_alertmanager(**{"/api/v2/alerts": [odd]})) as server:
        answer = ask(alertmanager(server))
    [alert] = [thing for thing in answer.things or () if isinstance(thing, Alert)]
    assert len(dump(tame(alert.to_json()))) < 2_000_000
    assert all(len(text) <= 2_000 for pair in alert.labels.items() for text in pair)
    assert len(alert.labels) <= 64
    if "tenant" in odd["labels"]:
        assert alert.tenant == "acme"


def test_E6_secrets_in_any_field_are_redacted() -> None:
    register_secret("hunter2hunter2")
    secret = "pw hunter2hunter2"
    alert = {
        **ALERT,
        "labels": {"alertname": secret, "hunter2hunter2": secret},
        "annotations": {"summary": secret},
        "generatorURL": secret,
        "receivers": [{"name": secret}],
    }
    silence = {**SILENCE, "comment": secret, "createdBy": secret, "matchers": [{"name": "a", "value": secret}]}
    status = {**STATUS, "versionInfo": {"version": secret}}
    try:
        with Nasty(
            pages={"/api/v2/alerts": [alert], "/api/v2/silences": [silence], "/api/v2/status": status}
        ) as server:
            answer = ask(alertmanager(server))
        series = {"metric": {"tenant": secret}, "value": [1, "1"]}
        vector = {"status": "success", "warnings": [secret], "data": {"resultType": "vector", "result": [series]}}
        rule = {"type": "alerting", "name": secret, "query": secret}
        rules = {"status": "success", "data": {"groups": [{"name": secret, "rules": [rule]}]}}
        with Nasty(pages=good_prometheus(**{"/api/v1/query": vector, "/api/v1/rules": rules})) as server:
            further = ask(prometheus(server))
        error = {"status": "error", "errorType": secret, "error": secret}
        with Nasty(pages=good_prometheus(**{"/api/v1/query": error})) as server:
            failed = ask(prometheus(server))
    finally:
        forget_secrets()
    assert failed.state is DataState.ERROR
    for each in (answer, further, failed):
        assert "hunter2" not in repr(each)
    assert "‹redacted" in repr(answer)
    assert "‹redacted" in repr(further)


def test_a_secret_that_is_known_only_later_is_not_shown_from_what_was_kept() -> None:
    alert = {**ALERT, "annotations": {"summary": "pw hunter2hunter2"}}
    with Nasty(pages=good_alertmanager(**{"/api/v2/alerts": [alert]})) as server:
        source = alertmanager(server)
        assert "hunter2" in repr(source.ask(NOW))
        register_secret("hunter2hunter2")
        try:
            assert "hunter2" not in repr(ask(source))
        finally:
            forget_secrets()


def test_more_alerts_than_are_kept_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stas_tui.health.alertmanager.MOST_ALERTS", 3)
    many = [{**ALERT, "fingerprint": f"f{n}"} for n in range(5)]
    with Nasty(pages=good_alertmanager(**{"/api/v2/alerts": [*many[:2], many[0], *many[2:]]})) as server:
        answer = ask(alertmanager(server))
    assert answer.partial
    assert answer.detail["not shown"] == 3
    assert answer.detail["dropped alerts"] == {"repeated": 1}


def test_a_restart_is_seen_by_our_clock_if_the_server_says_no_time() -> None:
    """This server says no time of its own, so ours counts; the real one in `test_alertmanager` says its own."""
    with Nasty(
        pages=good_alertmanager(**{"/api/v2/status": {**STATUS, "uptime": "2026-11-23T15:33:00.000Z"}})
    ) as server:
        answer = ask(alertmanager(server), 1_795_447_990_000)
    assert "restarted 10 s ago" in answer.reason
    assert answer.partial


@pytest.mark.parametrize(
    "status", [[], {"uptime": None}, {"uptime": "soon"}, {**STATUS, "versionInfo": 5, "cluster": [], "uptime": "x"}]
)
def test_a_status_that_says_no_uptime_is_a_doubt(status: Any) -> None:
    with Nasty(pages=good_alertmanager(**{"/api/v2/alerts": [], "/api/v2/status": status})) as server:
        answer = ask(alertmanager(server))
    assert answer.state is DataState.UNKNOWN
    assert "uptime unknown" in answer.reason


@pytest.mark.parametrize("which", SOURCES)
def test_a_token_is_sent_and_taken_afresh_after_a_denial(which: str) -> None:
    make, good = SOURCES[which]
    tokens = iter(["t-old-0123456789", "t-new-0123456789"])
    with Nasty(how="401", pages=good()) as server:
        source = make(server, lambda: next(tokens))
        assert source.ask(NOW).state is DataState.DENIED
        server.how = ""
        assert ask(source).state is DataState.OK
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent[0] == "Bearer t-old-0123456789"
    assert set(sent[1:]) == {"Bearer t-new-0123456789"}


@pytest.mark.parametrize("which", SOURCES)
def test_a_token_that_cannot_be_had_is_unknown_and_nobody_is_asked(which: str) -> None:
    def missing() -> str:
        raise CredentialMissing("The command gh for a token does not exist.")

    make, good = SOURCES[which]
    with Nasty(pages=good()) as server:
        answer = ask(make(server, missing))
        assert (answer.state, answer.things) == (DataState.UNKNOWN, None)
        assert "command gh" in answer.reason
        assert server.requests == []
