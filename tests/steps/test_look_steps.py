"""The steps that only look, on a real world: what they find, and what they say unanswered (R9, R19-R43, R120)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from storage.clock import HOUR, MINUTE
from storage.records import (
    DataState,
    Finding,
    Memory,
    Merge,
    Message,
    MessageType,
    Mode,
    Priority,
    Project,
    Step,
    StepState,
    Task,
    Trust,
)
from tests.door.shop import BASE, PERSON, T0, Shop, commit, field, git, like, message, platform_of


class DeadInbox(LocalPlatform):
    def inbox(self, limit: int = 500) -> list[Message]:
        raise PlatformError("inbox is down")


class LostAnswers(LocalPlatform):
    """Creates, and then loses the answer and the connection."""

    def create_task(self, *args: Any, **named: Any) -> Task:
        super().create_task(*args, **named)
        raise PlatformError("timed out")

    def task_by_key(self, key: str) -> Task | None:
        raise PlatformError("timed out")


class DeadForge(LocalGitForge):
    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        raise ForgeError("forge is down")


def step(shop: Shop, n: int) -> Step:
    return shop.context.pulses.steps(shop.pulse.id)[n - 1]


def health(shop: Shop) -> dict[str, Finding]:
    return {finding.subject: finding for finding in shop.context.findings.of_pulse(shop.pulse.id, "health")}


def land(shop: Shop, name: str, at: int, path: str = "services/checkout/pool.py") -> str:
    """Something merged onto the base branch at a time."""
    git("checkout", "-q", BASE, cwd=shop.person_clone)
    sha = commit(shop.person_clone, {path: f"{name}\n"}, f"infra: {name}", at)
    git("fetch", "-q", shop.person_clone, f"+{BASE}:{BASE}", cwd=shop.remote)
    return sha


# inbox, memories, vision --------------------------------------------------------------------------


def test_R9_a_dead_inbox_keeps_the_old_count_and_says_stale(shop: Shop) -> None:
    for n in range(3):
        shop.world.deliver(message(f"m-{n}"))
    shop.look(1)
    assert step(shop, 1).note == "3 new"
    shop.wire(platform=lambda real: platform_of(real, DeadInbox))
    shop.machine.retry(1, by=PERSON)
    shop.machine.advance()
    assert step(shop, 1).state is StepState.FAILED
    assert field(shop.summary(), "Inbox").startswith("### Inbox: 3 (stale)")
    assert "inbox is down" in shop.summary()


def test_R10_100_orders_of_arrival_give_one_order(shop: Shop) -> None:
    kinds = list(MessageType)
    for n in range(20):
        shop.world.deliver(message(f"m-{n:02}", kinds[n * 7 % len(kinds)], at=T0 - n * 7 % 5 * HOUR))
    shop.look(1)
    order = step(shop, 1).data["order"]
    types = [shop.world.message(id_, "Stas").type for id_ in order]  # type: ignore[union-attr]
    assert [kinds.index(type_) for type_ in types] == sorted(kinds.index(type_) for type_ in types)
    assert len(order) == 20


def test_R19_all_five_headings_are_there_with_zero_results(looked: Shop) -> None:
    data = step(looked, 2).data
    assert len(data["headings"]) == 5
    calls = [search["call"] for search in data["searches"]]
    assert calls == [
        'recall("deployment issues", { limit: 5 })',
        'recall("infrastructure incidents", { limit: 5 })',
        'recall("multi-tenant deployment patterns", { limit: 3 })',
    ]
    assert step(looked, 2).data_state is DataState.EMPTY


def test_R20_R22_limits_are_honoured(shop: Shop) -> None:
    for n in range(9):
        title = f"multi-tenant deployment issues and patterns {n}"
        shop.world.put_memory(Memory(id=f"mem-{n}", type="note", title=title, text="deployment", at=T0))
    shop.look(2)
    assert [len(search["hits"]) for search in step(shop, 2).data["searches"]][0::2] == [5, 3]


def test_R25_a_changed_vision_is_told_in_the_next_pulse(shop: Shop) -> None:
    shop.look(4)
    assert step(shop, 4).data["visions"]["shop"]["changed"] is False
    shop.machine.cut_off(by=PERSON)
    shop.world.set_vision("shop", "# Shop\n\n## Scale\nTwice as many tenants.\n")
    shop.look(4)
    assert step(shop, 4).data["visions"]["shop"]["changed"] is True


# health -------------------------------------------------------------------------------------------


def test_the_sources_that_do_not_exist_are_unknown_short_and_evident(looked: Shop) -> None:
    found = health(looked)
    for name in ("alerts", "error rates", "CI", "builds"):
        assert found[name].verdict == "unknown"
        assert found[name].reason.startswith("not configured")
        assert found[name].evidence[0].ref == "stas.toml"
    assert set(step(looked, 6).data["not_checked"]) == {"alerts", "error rates", "CI", "builds"}
    assert all(len(name) <= 14 for name in found)
    assert len(step(looked, 6).note) < 24
    assert step(looked, 6).data_state is DataState.UNKNOWN


def test_R37_memory_and_forge_side_by_side_differ(shop: Shop) -> None:
    shas = [land(shop, f"change {n}", T0 - n * HOUR) for n in (3, 2, 1)]
    for n, at in enumerate((T0 - HOUR, T0 - 2 * HOUR, T0 - 30 * 24 * HOUR)):
        shop.world.put_memory(
            Memory(id=f"mem-{n}", type="note", title=f"deployments in last 24 hours {n}", text="deployments", at=at)
        )
    shop.look(6)
    found = health(shop)["deploys"]
    assert found.reason == "3 in 24 h (memory knows 2)"
    assert {proof.ref for proof in found.evidence} >= set(shas)
    assert step(shop, 6).data["deploys"]["differ"] is True
    assert "3 in last 24h (memory knows 2)" in field(shop.summary(), "Recent Deploys")


def test_R37_a_dead_forge_counts_nothing(shop: Shop) -> None:
    shop.wire(forge=lambda real: like(real, DeadForge))
    shop.look(6)
    assert health(shop)["deploys"].verdict == "unknown"
    assert "deploys" in step(shop, 6).data["not_checked"]
    said = field(shop.summary(), "Recent Deploys")
    assert "0 in last 24h" not in said
    assert "forge is down" in said


def test_R38_a_message_six_minutes_after_a_merge_on_the_same_service_is_linked(shop: Shop) -> None:
    sha = land(shop, "checkout pool", T0 - HOUR)
    land(shop, "billing", T0 - 50 * MINUTE, "services/billing/app.py")
    shop.world.deliver(message("m-1", subject="checkout is broken", body="errors since then", at=T0 - 54 * MINUTE))
    shop.look(6)
    [[told, of, said]] = step(shop, 6).data["linked"]
    assert (told, of) == ("m-1", sha)
    assert said.startswith("6 min after")
    assert health(shop)["reports"].verdict == "degraded"


def test_R38_no_reports_say_when_the_inbox_was_read_and_a_dead_inbox_is_no_calm(shop: Shop) -> None:
    shop.look(6)
    assert health(shop)["reports"].reason == "none reported (11:06Z)"
    shop.wire(platform=lambda real: platform_of(real, DeadInbox))
    shop.machine.retry(6, by=PERSON)
    shop.machine.advance()
    assert health(shop)["reports"].verdict == "unknown"


def test_R39_a_spike_is_mentioned_and_not_measured(shop: Shop) -> None:
    shop.world.deliver(message("m-1", subject="5xx error rate spike on checkout", at=T0 - HOUR))
    shop.look(6)
    found = health(shop)["error spikes"]
    assert found.verdict == "unknown"
    assert "mentioned, not measured" in found.reason
    assert found.evidence[0].ref == "m-1"


def test_R40_three_builds_with_the_same_error_are_one_card_and_one_is_no_pattern(shop: Shop) -> None:
    for n in range(3):
        shop.world.deliver(
            message(f"m-{n}", subject=f"run {n}", body=f"failed to pull image registry/base:1{n}", sender=f"dev{n}")
        )
    shop.look(6)
    found = health(shop)["build failures"]
    assert found.verdict == "degraded"
    assert found.reason.startswith("3 reports from 3 agents")
    assert len(found.evidence) == 3


def test_R40_a_single_build_failure_is_no_pattern(shop: Shop) -> None:
    shop.world.deliver(message("m-1", subject="build failed", body="compilation error"))
    shop.look(6)
    assert (health(shop)["build failures"].verdict, health(shop)["build failures"].reason) == (
        "unknown",
        "1, no pattern",
    )


def test_R41_slow_words_without_a_series_are_said_not_measured(shop: Shop) -> None:
    shop.world.deliver(message("m-1", subject="checkout is slow", body="p95 latency went up"))
    shop.look(6)
    assert "reported, no measurement" in health(shop)["slow responses"].reason


def test_R42_three_login_failures_suggest_a_rotation_and_name_no_value(shop: Shop) -> None:
    token = "ghp_" + "Zx9Qw7Er5Ty3Ui1Op8As6Df4Gh2Jk0Lm5Nb7"
    for n in range(3):
        shop.world.deliver(message(f"m-{n}", subject="401 from billing", body=f"401 with {token}", sender=f"dev{n}"))
    shop.look(6)
    [card] = [card for card in step(shop, 6).data["patterns"] if card["kind"] == "auth"]
    assert "rotate the secrets" in card["suggestion"]
    assert token not in str(step(shop, 6).data) + str(health(shop))


# P0 -----------------------------------------------------------------------------------------------


def p0(shop: Shop) -> list[Task]:
    return [task for task in shop.world.tasks("shop") if task.priority is Priority.P0]


def urgent(shop: Shop, **changes: Any) -> None:
    shop.world.deliver(message("m-1", MessageType.URGENT, "checkout is down", "production is down", **changes))


def test_R43_an_urgent_message_makes_one_P0_task_however_often_the_scan_runs(shop: Shop) -> None:
    urgent(shop)
    shop.look(6)
    [made] = p0(shop)
    assert made.title == "infra: checkout is down"
    assert step(shop, 6).data["created"] == [made.id]
    [action] = shop.actions("create_task")
    assert (action.caused_by, made.created_key) == ("m-1", action.id)
    for _ in range(2):
        shop.machine.retry(6, by=PERSON)
        shop.machine.advance()
    assert p0(shop) == [made]
    assert step(shop, 6).data["known"] == [made.id]


def test_R43_an_open_task_that_says_the_same_is_enough(shop: Shop) -> None:
    shop.task("T-9", "infra: the checkout is down", Priority.P1)
    urgent(shop)
    shop.look(6)
    assert p0(shop) == []
    assert step(shop, 6).data["known"] == ["T-9"]


def test_R43_a_lost_answer_is_shown_and_retried_under_the_same_key(shop: Shop) -> None:
    urgent(shop)
    shop.wire(platform=lambda real: platform_of(real, LostAnswers))
    shop.look(6)
    assert len(p0(shop)) == 1
    assert step(shop, 6).data["created"] == []
    assert step(shop, 6).data["not_created"] == ["infra: checkout is down"]
    assert health(shop)["P0 task"].verdict == "failed"
    assert shop.actions("create_task")[0].state.value == "unknown"
    shop.wire()
    shop.machine.retry(6, by=PERSON)
    shop.machine.advance()
    assert len(p0(shop)) == 1


def test_R11_R43_an_urgent_message_nobody_vouches_for_makes_no_task(shop: Shop) -> None:
    urgent(shop, trust=Trust.EXTERNAL, sender="stranger")
    shop.look(6)
    assert p0(shop) == []
    assert step(shop, 1).data["unverified"] == ["m-1"]
    assert any("nobody vouches" in note for note in step(shop, 1).data["remarks"]["m-1"])


def test_R43_observe_only_proposes(shop: Shop) -> None:
    urgent(shop)
    shop.begin(Mode.OBSERVE)
    shop.look(6)
    assert p0(shop) == []
    assert step(shop, 6).data["not_created"] == ["infra: checkout is down"]
    assert shop.actions("create_task")[0].state.value == "pending"


# after the work -----------------------------------------------------------------------------------


def finish_without_work(shop: Shop, upto: int) -> None:
    """Skip step 7 and walk on."""
    shop.look(6)
    shop.machine.skip(by=PERSON, reason="nothing today")
    for _ in range(8, upto + 1):
        shop.machine.advance()


def test_R99_a_merge_is_watched_once_and_every_check_is_unknown(shop: Shop) -> None:
    sha = land(shop, "checkout pool", T0 - HOUR)
    finish_without_work(shop, 8)
    shop.machine.retry(8, by=PERSON)
    shop.machine.advance()
    assert [merge["sha"] for merge in step(shop, 8).data["merges"]] == [sha]
    found = [f for f in shop.context.findings.of_pulse(shop.pulse.id) if f.check.startswith("after merge:")]
    assert {f.check for f in found} == {
        "after merge:CI",
        "after merge:builds",
        "after merge:error rates",
        "after merge:latency",
        "after merge:health",
        "after merge:isolation",
    }
    assert {f.verdict for f in found} == {"unknown"}
    assert {f.evidence[0].ref for f in found} == {sha}
    assert len(step(shop, 8).note) < 24


def test_R99_a_dead_forge_watches_nothing_and_says_so(shop: Shop) -> None:
    shop.wire(forge=lambda real: like(real, DeadForge))
    finish_without_work(shop, 8)
    assert step(shop, 8).state is StepState.FAILED
    assert "not watched since 11:06Z: forge is down" in step(shop, 8).note


def test_D25_every_cell_of_the_matrix_is_unknown_with_a_reason(shop: Shop) -> None:
    finish_without_work(shop, 9)
    found = [f for f in shop.context.findings.of_pulse(shop.pulse.id) if f.check.startswith("isolation:")]
    assert {f.subject for f in found} == {"shop/acme", "shop/globex"}
    assert {f.verdict for f in found} == {"unknown"}
    assert all(f.reason and f.evidence for f in found)


def test_R120_a_tray_nobody_decided_is_merged_into_the_next_pulse(shop: Shop) -> None:
    for n in range(3):
        shop.world.deliver(message(f"m-{n}", subject="build failed", body="failed to pull image x", sender=f"dev{n}"))
    finish_without_work(shop, 10)
    tray = shop.context.pulses.work(shop.pulse.id)["tray"]["items"]
    assert len(tray) == 1
    shop.machine.cut_off(by=PERSON)
    for n in range(3):
        shop.context.door.platform.acknowledge(f"m-{n}")
    finish_without_work(shop, 10)
    again = shop.context.pulses.work(shop.pulse.id)["tray"]["items"]
    assert [item["title"] for item in again] == [item["title"] for item in tray]


def test_R120_a_rejected_tray_does_not_come_back(shop: Shop) -> None:
    for n in range(3):
        shop.world.deliver(message(f"m-{n}", subject="build failed", body="failed to pull image x", sender=f"dev{n}"))
    finish_without_work(shop, 9)
    shop.reject(shop.gate("create_follow_ups"), "no")
    shop.machine.advance()
    shop.machine.cut_off(by=PERSON)
    for n in range(3):
        shop.context.door.platform.acknowledge(f"m-{n}")
    finish_without_work(shop, 10)
    assert shop.context.pulses.work(shop.pulse.id)["tray"]["items"] == []


@pytest.mark.parametrize("archived", [True, False])
def test_a_project_that_is_archived_or_not_configured_breaks_no_step(shop: Shop, archived: bool) -> None:
    shop.world.put_project(Project(id="old", name="Old", status="archived" if archived else "active"))
    finish_without_work(shop, 9)
    assert step(shop, 6).state is StepState.DONE
