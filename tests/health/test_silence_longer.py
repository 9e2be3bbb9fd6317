"""`extend_silence` through the door, against a real Alertmanager: later, never for ever, never twice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.gates.contract import Answer, BadCall
from stas_tui.gates.present import payload_lines
from stas_tui.notify.alertmanager_v2 import to_rfc3339
from stas_tui.notify.base import NotifyError, NotifyUncertain
from stas_tui.notify.silences import AlertmanagerSilences
from storage.clock import DAY, HOUR, MINUTE
from storage.records import Action, ActionState, GateLevel, Json, Mode
from tests.door.shop import PERSON, Shop
from tests.health.real import Alertmanager, http_json
from tests.health.silencing import NOW, UNKNOWN_ID, fire, quiet_before, server, silences_of, wish
from tests.health.test_silence_tool import behind_the_door, ended, shop, shown, template

__all__ = ["quiet_before", "server", "shop", "template"]

REASON = "the part comes at noon"


class Lost(AlertmanagerSilences):
    """Writes, and then its answer is lost."""

    def extend(self, *args: Any, **kwargs: Any) -> str:
        super().extend(*args, **kwargs)
        raise NotifyUncertain("The connection broke.")


class Nothing(AlertmanagerSilences):
    """Its request never arrives, and nobody can tell."""

    def extend(self, *_: Any, **__: Any) -> str:
        raise NotifyUncertain("The connection broke.")


@pytest.fixture
def ready(shop: Shop, server: Alertmanager) -> Iterator[Shop]:
    fire(server, ("DiskFull", "critical", "acme"), ("DiskFull", "warning", "globex"))
    behind_the_door(shop, silences_of(server.url))
    yield shop


def stands(server: Alertmanager, **changes: Any) -> Json:
    """One silence, as it was written."""
    silencer = silences_of(server.url)
    found = silencer.read("alertmanager", silencer.set(wish(**changes)))
    assert found is not None
    return found


def asks(shop: Shop, silence: Json, ms: int = HOUR, *, override: str = "", **changes: Any) -> Answer:
    args = {
        "source": "alertmanager",
        "silenceId": silence["id"],
        "ends": to_rfc3339(silence["ends_at"]),
        "until": to_rfc3339(silence["ends_at"] + ms),
        "reason": REASON,
        **changes,
    }
    return shop.call("extend_silence", **({"override": override} if override else {}), **args)


def waits(answer: Answer) -> Action:
    assert (answer.status, answer.action is None) == ("pending", False), answer
    assert answer.action is not None
    return answer.action


def approved(shop: Shop, answer: Answer) -> Answer:
    action = waits(answer)
    shop.approve(action)
    return shop.toolbox.perform(action.id)


def test_it_is_a_gate_in_every_mode_and_shows_both_ends(ready: Shop, server: Alertmanager) -> None:
    ready.machine.set_mode(Mode.TRUSTED, by=PERSON, reason="a calm day")
    silence = stands(server)
    action = waits(asks(ready, silence))
    assert action.level is GateLevel.GATE
    lines = {line.label: line.text for line in payload_lines(action)}
    assert lines["ends now"] == to_rfc3339(silence["ends_at"])
    assert lines["until"] == to_rfc3339(silence["ends_at"] + HOUR)
    assert lines["reason"] == REASON
    assert lines["added to its comment"] == f" | until {lines['until']} by {action.requested_by}: {REASON}"
    risk = {row.kind: row.text for row in shown(action).risk}
    assert risk["hides now"] == "2: DiskFull (acme), DiskFull (globex)"
    assert risk["in all"] == "2 h"
    assert shown(action).title == "Extend a silence over 2 alerts by 60 min"
    assert "it hides a critical alert" in shown(action).warnings
    assert server.amtool("silence", "query")[0]["endsAt"] == lines["ends now"]


def test_an_approved_extension_keeps_everything_else_and_tells_why(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    done = approved(ready, asks(ready, silence))
    assert (done.status, done.differences) == ("ok", ())
    [told] = server.amtool("silence", "query")
    assert (told["id"], told["createdBy"]) == (silence["id"], silence["by"])
    assert told["endsAt"] == to_rfc3339(silence["ends_at"] + HOUR)
    assert told["comment"].startswith(silence["comment"] + " | until ")
    assert told["comment"].endswith(REASON)
    assert told["startsAt"] == to_rfc3339(silence["starts_at"])
    again = asks(ready, silence)
    assert (again.status, again.result["changed"]) == ("ok", False)


def test_it_can_be_extended_once_more_and_ended_early_with_a_reason(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    approved(ready, asks(ready, silence))
    now = silences_of(server.url).read("alertmanager", silence["id"])
    assert now is not None
    assert approved(ready, asks(ready, now)).status == "ok"
    answer = ready.call("end_silence", source="alertmanager", silenceId=silence["id"], reason="the disk is new")
    assert {line.label: line.text for line in payload_lines(waits(answer))}["reason"] == "the disk is new"
    assert approved(ready, answer).result["state"] == "expired"
    assert server.amtool("silence", "query") == []


def test_a_silence_with_finer_times_than_ours_keeps_its_id(ready: Shop, server: Alertmanager) -> None:
    """amtool writes nanoseconds."""
    by_hand = ["--author=ann", "--comment=by hand", "--duration=1h", "alertname=DiskFull"]
    subprocess.run(
        ["amtool", "silence", "add", *by_hand, f"--alertmanager.url={server.url}"],
        check=True,
        env={**os.environ, "HOME": str(server.folder)},
    )
    [raw] = server.amtool("silence", "query")
    silence = silences_of(server.url).read("alertmanager", raw["id"])
    assert silence is not None
    done = approved(ready, asks(ready, silence))
    assert (done.status, done.differences) == ("ok", ())
    [told] = server.amtool("silence", "query")
    assert told["id"] == raw["id"]


# limits --------------------------------------------------------------------------------------------


def test_more_than_a_day_in_all_needs_a_typed_reason(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server, ends_at=NOW() + 23 * HOUR)
    answer = asks(ready, silence, 2 * HOUR)
    assert (answer.status, "outlives the day" in answer.reason) == ("locked", True)
    typed = asks(ready, silence, 2 * HOUR, override="the part comes on Monday")
    assert "the part comes on Monday" in "\n".join(line.text for line in payload_lines(waits(typed)))
    assert {row.kind: row.level for row in shown(waits(typed)).risk}["in all"] == "warn"


def test_small_steps_do_not_get_around_the_longest_silence(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server, ends_at=NOW() + 30 * DAY - 10 * MINUTE)
    assert waits(asks(ready, silence, 5 * MINUTE, override="a long repair"))
    with pytest.raises(BadCall, match="longer than 30 days"):
        asks(ready, silence, 11 * MINUTE, override="a long repair")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"until": "soon"}, "until must say"),
        ({"until": None}, "until must say"),
        ({"ends": "yesterday"}, "ends must say"),
        ({"reason": " "}, "reason is missing"),
        ({"silenceId": ""}, "silenceId is missing"),
        ({"silenceId": UNKNOWN_ID}, "holds no silence"),
        ({"minutes": 5}, "Unknown argument"),
        ({"source": "elsewhere"}, "no Alertmanager elsewhere"),
    ],
)
def test_what_is_no_whole_request_is_refused(
    ready: Shop, server: Alertmanager, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadCall, match=why):
        asks(ready, stands(server), **changes)


def test_it_never_gets_shorter_and_what_is_over_stays_over(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    with pytest.raises(BadCall, match="already"):
        asks(ready, silence, -MINUTE)
    silences_of(server.url).end("alertmanager", silence["id"])
    with pytest.raises(BadCall, match="is over"):
        asks(ready, silence)


def test_a_secret_never_gets_into_a_comment(ready: Shop, server: Alertmanager) -> None:
    answer = asks(ready, stands(server), reason="with AKIA" + "IOSFODNN7EXAMPLQ")
    assert (answer.status, answer.rule) == ("refused", "R82")


def test_a_full_comment_stays_and_the_gate_says_so(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server, comment="x" * 1_950)
    action = waits(asks(ready, silence))
    assert "its comment is full: the reason stands in the log only" in shown(action).warnings
    ready.approve(action)
    done = ready.toolbox.perform(action.id)
    assert (done.status, done.differences, done.result["comment"]) == ("ok", (), "x" * 1_950)


def test_a_gate_does_not_outlive_the_silence(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server, ends_at=NOW() + 2 * MINUTE)
    action = waits(asks(ready, silence))
    assert action.ask_until <= silence["ends_at"]


# what others do meanwhile --------------------------------------------------------------------------


def test_a_silence_that_somebody_else_changed_is_not_written_over(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    action = waits(asks(ready, silence))
    ready.approve(action)
    later = silence["ends_at"] + 3 * HOUR
    silences_of(server.url).extend("alertmanager", silence["id"], later)
    done = ready.toolbox.perform(action.id)
    assert (done.status, "somebody changed it" in done.reason) == ("failed", True), done
    assert ready.context.journal.get(action.id).state is ActionState.WITHDRAWN
    assert server.amtool("silence", "query")[0]["endsAt"] == to_rfc3339(later)


def test_a_comment_that_changed_asks_again(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    action = waits(asks(ready, silence))
    ready.approve(action)
    raw = http_json(server.port, "GET", f"/api/v2/silence/{silence['id']}")[1]
    kept = {name: raw[name] for name in ("id", "matchers", "startsAt", "endsAt", "createdBy")}
    assert http_json(server.port, "POST", "/api/v2/silences", {**kept, "comment": "ask Ann first"})[0] == 200
    done = ready.toolbox.perform(action.id)
    assert done.status == "pending"
    assert {line.label: line.text for line in payload_lines(waits(done))}["comment"] == "ask Ann first"


def test_one_that_was_ended_meanwhile_is_not_set_anew(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    action = waits(asks(ready, silence))
    ready.approve(action)
    silences_of(server.url).end("alertmanager", silence["id"])
    assert ready.toolbox.perform(action.id).status == "failed"
    assert server.amtool("silence", "query") == []


def test_the_last_look_before_writing_is_the_edges_own(server: Alertmanager) -> None:
    silence = stands(server)
    with pytest.raises(NotifyError, match="somebody changed it") as caught:
        silences_of(server.url).extend(
            "alertmanager", silence["id"], silence["ends_at"] + HOUR, was=silence["ends_at"] - 1
        )
    assert not isinstance(caught.value, NotifyUncertain)
    assert server.amtool("silence", "query")[0]["endsAt"] == to_rfc3339(silence["ends_at"])


def test_the_same_extension_twice_is_one(server: Alertmanager) -> None:
    silence = stands(server)
    silencer = silences_of(server.url)
    for _ in range(2):
        found = silencer.extend(
            "alertmanager", silence["id"], silence["ends_at"] + HOUR, was=silence["ends_at"], said=" | longer"
        )
        assert found == silence["id"]
    [told] = server.amtool("silence", "query")
    assert told["comment"] == silence["comment"] + " | longer"


# lost answers --------------------------------------------------------------------------------------


def test_a_lost_answer_is_found_and_nothing_is_added_twice(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    behind_the_door(ready, Lost([config_sources.Alertmanager(url=server.url)], lambda _: ""))
    done = approved(ready, asks(ready, silence))
    assert (done.status, done.differences) == ("ok", ())
    [told] = server.amtool("silence", "query")
    assert told["comment"].count(REASON) == 1


def test_what_never_arrived_is_looked_for_and_then_done_once(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    behind_the_door(ready, Nothing([config_sources.Alertmanager(url=server.url)], lambda _: ""))
    answer = approved(ready, asks(ready, silence))
    assert answer.status == "unknown"
    assert answer.action is not None
    behind_the_door(ready, silences_of(server.url))
    again = ready.toolbox.perform(answer.action.id)
    assert (again.status, again.differences) == ("ok", ())
    [told] = server.amtool("silence", "query")
    assert (told["endsAt"], told["comment"].count(REASON)) == (to_rfc3339(silence["ends_at"] + HOUR), 1)


def test_what_arrived_although_nobody_could_look_is_recorded_after_a_restart(ready: Shop, server: Alertmanager) -> None:
    class Blind(Lost):
        """Nothing can be read any more once the answer was lost."""

        lost = False

        def extend(self, *args: Any, **kwargs: Any) -> str:
            type(self).lost = True
            return super().extend(*args, **kwargs)

        def read(self, source: str, silence_id: str) -> Json | None:
            if self.lost:
                raise NotifyError("It does not answer.")
            return super().read(source, silence_id)

    silence = stands(server)
    behind_the_door(ready, Blind([config_sources.Alertmanager(url=server.url)], lambda _: ""))
    answer = approved(ready, asks(ready, silence))
    assert (answer.status, "cannot be seen" in json.dumps(answer.reason)) == ("unknown", True)
    behind_the_door(ready, silences_of(server.url))
    [told] = ready.toolbox.recover()
    assert "had happened before the interruption" in told
    assert server.amtool("silence", "query")[0]["comment"].count(REASON) == 1


def test_ending_what_was_extended_is_found_over(ready: Shop, server: Alertmanager) -> None:
    silence = stands(server)
    approved(ready, asks(ready, silence))
    assert approved(ready, ended(ready, silence["id"])).status == "ok"
