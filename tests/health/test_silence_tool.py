"""`silence_alert` and `end_silence` through the door, against a real Alertmanager."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.gates.contract import BadCall, Shown
from stas_tui.gates.present import payload_lines
from stas_tui.notify.base import NotifyUncertain, SilenceWish
from stas_tui.notify.silences import AlertmanagerSilences
from stas_tui.toolbox import Toolbox
from storage.records import Action, ActionState, GateLevel, Mode
from tests.door.shop import PERSON, Shop, make_template
from tests.health.nasty import Nasty
from tests.health.real import Alertmanager, http_json
from tests.health.silencing import NOW, fire, quiet_before, server, silences_of, wish

__all__ = ["quiet_before", "server"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


class Lost(AlertmanagerSilences):
    """Writes, and then its answer is lost."""

    def set(self, wish: SilenceWish) -> str:
        super().set(wish)
        raise NotifyUncertain("The connection broke.")


class Nothing(AlertmanagerSilences):
    """Its request never arrives, and nobody can tell."""

    def set(self, wish: SilenceWish) -> str:
        raise NotifyUncertain("The connection broke.")


@pytest.fixture
def shop(tmp_path: Path, template: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop", template)
    made.clock.advance(NOW() - made.clock.now())  # Alertmanager lives in the present
    made.look()
    yield made
    made.close()


def behind_the_door(shop: Shop, silencer: AlertmanagerSilences) -> None:
    shop.toolbox = Toolbox(dataclasses.replace(shop.toolbox.door, silencer=silencer))


ARGS: dict[str, Any] = {
    "source": "alertmanager",
    "matchers": [{"label": "alertname", "value": "DiskFull"}],
    "minutes": 30,
    "reason": "disk is being changed",
    "item": "alert:98be",
}


@pytest.fixture
def ready(shop: Shop, server: Alertmanager) -> Shop:
    fire(server, ("DiskFull", "critical", "acme"), ("DiskFull", "warning", "globex"))
    behind_the_door(shop, silences_of(server.url))
    return shop


def pending(shop: Shop, **changes: Any) -> Action:
    answer = shop.call("silence_alert", **{**ARGS, **changes})
    assert answer.status == "pending", answer
    assert answer.action is not None
    return answer.action


def shown(action: Action) -> Shown:
    assert action.revision is not None
    return Shown.from_json(action.revision.shown)


def test_a_silence_is_a_gate_in_every_mode_and_shows_what_it_would_hide(ready: Shop, server: Alertmanager) -> None:
    ready.machine.set_mode(Mode.TRUSTED, by=PERSON, reason="a calm day")
    action = pending(ready)
    assert action.level is GateLevel.GATE
    lines = {line.label: line.text for line in payload_lines(action)}
    assert lines["matchers"] == 'alertname="DiskFull"'
    assert lines["comment"] == "stas:own:alert:98be: disk is being changed"
    assert {"starts", "ends", "source", "by"} <= set(lines)
    risk = {row.kind: row for row in shown(action).risk}
    assert risk["hides now"].text == "2: DiskFull (acme), DiskFull (globex)"
    assert risk["hides now"].level == "crit"
    assert risk["tenants"].text == "acme, globex"
    assert "it hides a critical alert" in shown(action).warnings
    assert server.amtool("silence", "query") == []


def test_an_approved_silence_stands_exactly_as_shown(ready: Shop, server: Alertmanager) -> None:
    action = pending(ready)
    ready.approve(action)
    done = ready.toolbox.perform(action.id)
    assert (done.status, done.differences) == ("ok", ())
    [told] = server.amtool("silence", "query")
    assert action.revision is not None
    plan = action.revision.plan
    assert (told["id"], told["comment"]) == (done.result["id"], plan["comment"])
    assert told["endsAt"] == plan["ends"]
    assert [a["status"]["state"] for a in server.amtool("alert", "query", "--silenced", "alertname=DiskFull")] == [
        "suppressed",
        "suppressed",
    ]


def test_an_alert_is_named_by_its_fingerprint_and_all_its_labels_count(ready: Shop, server: Alertmanager) -> None:
    [alert] = [a for a in server.amtool("alert", "query", "tenant=globex") if a["labels"]["alertname"] == "DiskFull"]
    action = pending(ready, matchers=None, fingerprint=alert["fingerprint"], item="")
    assert {line.label: line.text for line in payload_lines(action)}["matchers"].splitlines() == [
        'alertname="DiskFull"',
        'severity="warning"',
        'tenant="globex"',
    ]
    assert shown(action).risk[0].text == "1: DiskFull (globex)"
    assert shown(action).warnings == []
    ready.approve(action)
    done = ready.toolbox.perform(action.id)
    assert (done.status, done.differences) == ("ok", ())
    assert done.result["comment"] == f"stas:own:{alert['fingerprint']}: disk is being changed"


@pytest.mark.parametrize(
    "changes",
    [
        {"minutes": 0},
        {"minutes": None},
        {"minutes": True},
        {"minutes": 60 * 24 * 31},
        {"reason": " "},
        {"matchers": []},
        {"matchers": [{"label": "a", "value": "b", "regex": "yes"}]},
        {"matchers": [{"label": "", "value": "b"}]},
        {"fingerprint": "98be"},
        {"matchers": None, "fingerprint": "no such alert"},
        {"source": "elsewhere"},
        {"until": "for ever"},
    ],
)
def test_what_is_not_a_whole_silence_is_refused(ready: Shop, changes: dict[str, Any]) -> None:
    with pytest.raises(BadCall):
        ready.call("silence_alert", **{**ARGS, **changes})


def test_longer_than_a_day_needs_a_typed_reason(ready: Shop) -> None:
    answer = ready.call("silence_alert", **{**ARGS, "minutes": 25 * 60})
    assert answer.status == "locked"
    typed = ready.call("silence_alert", override="the part comes on Monday", **{**ARGS, "minutes": 25 * 60})
    assert typed.status == "pending"
    assert typed.action is not None
    assert "the part comes on Monday" in "\n".join(line.text for line in payload_lines(typed.action))


def test_a_secret_never_gets_into_a_comment_or_a_matcher(ready: Shop) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLQ"
    for changes in ({"reason": f"with {key}"}, {"matchers": [{"label": "key", "value": key}]}):
        answer = ready.call("silence_alert", **{**ARGS, **changes})
        assert (answer.status, answer.rule) == ("refused", "R82")


@pytest.mark.parametrize(
    ("matchers", "warning"),
    [
        ([{"label": "tenant", "value": ".+", "regex": True}], 'tenant=~".+" fits nearly anything'),
        ([{"label": "tenant", "value": "acme", "equal": False}], 'tenant!="acme" fits nearly anything'),
        ([{"label": "tenant", "value": "acme"}], "it names no single alert"),
        ([{"label": "alertname", "value": "DiskFul"}], "it hides nothing now"),
    ],
)
def test_what_is_too_wide_or_hits_nothing_is_warned_of(ready: Shop, matchers: Any, warning: str) -> None:
    assert any(warning in text for text in shown(pending(ready, matchers=matchers)).warnings)


def test_a_lost_answer_is_found_again_by_its_comment(ready: Shop, server: Alertmanager) -> None:
    behind_the_door(ready, Lost([config_sources.Alertmanager(url=server.url)], lambda _: ""))
    done = ready.run(ready.call("silence_alert", **ARGS))
    assert (done.status, done.differences) == ("ok", ())
    assert len(server.amtool("silence", "query")) == 1


def test_what_never_arrived_is_looked_for_and_then_done_once(ready: Shop, server: Alertmanager) -> None:
    """Another silence with the same comment and other matchers is not taken for ours."""
    silences_of(server.url).set(wish(comment="stas:own:alert:98be: disk is being changed"))
    behind_the_door(ready, Nothing([config_sources.Alertmanager(url=server.url)], lambda _: ""))
    answer = ready.run(ready.call("silence_alert", **ARGS))
    assert answer.status == "unknown"
    assert answer.action is not None
    behind_the_door(ready, silences_of(server.url))
    again = ready.toolbox.perform(answer.action.id)
    assert again.status == "ok"
    assert len(server.amtool("silence", "query")) == 2


def test_an_approval_that_comes_after_the_end_silences_nothing(ready: Shop, server: Alertmanager) -> None:
    action = pending(ready, minutes=5)
    ready.later(6)
    with pytest.raises(Exception, match=r"(?i)expired|over|time"):
        ready.approve(action)
    assert ready.context.journal.get(action.id).state is not ActionState.APPROVED
    assert server.amtool("silence", "query") == []


def test_without_an_alertmanager_there_is_no_tool_to_use(shop: Shop) -> None:
    with pytest.raises(BadCall, match="No Alertmanager"):
        shop.call("silence_alert", **ARGS)


def test_a_dead_alertmanager_is_told_before_anybody_is_asked(shop: Shop) -> None:
    with Nasty() as nasty:
        url = nasty.url
    behind_the_door(shop, silences_of(url))
    with pytest.raises(BadCall, match="refused"):
        shop.call("silence_alert", **ARGS)


def ended(shop: Shop, silence_id: str) -> Any:
    return shop.call("end_silence", source="alertmanager", silenceId=silence_id)


def test_ending_a_silence_is_a_gate_and_pages_again(ready: Shop, server: Alertmanager) -> None:
    made = ready.run(ready.call("silence_alert", **ARGS))
    answer = ended(ready, made.result["id"])
    assert answer.status == "pending"
    lines = {line.label: line.text for line in payload_lines(answer.action)}
    assert lines["matchers"] == 'alertname="DiskFull"'
    assert shown(answer.action).risk[0].text.startswith("2: ")
    done = ready.run(answer)
    assert (done.status, done.result["state"], done.differences) == ("ok", "expired", ())
    assert server.amtool("silence", "query") == []
    again = ended(ready, made.result["id"])
    assert (again.status, again.result["state"]) == ("ok", "expired")


def test_ending_one_that_somebody_else_ended_meanwhile_is_done(ready: Shop, server: Alertmanager) -> None:
    made = ready.run(ready.call("silence_alert", **ARGS))
    answer = ended(ready, made.result["id"])
    assert http_json(server.port, "DELETE", f"/api/v2/silence/{made.result['id']}")[0] == 200
    done = ready.run(answer)
    assert (done.status, done.result["state"]) == ("ok", "expired")
