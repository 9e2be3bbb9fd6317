"""What step 9 found goes on: the tray of step 10 (R120, R121), the summary (R142, D25), the faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.plain import Plain
from stas_tui.pulse.view import View, take_view
from storage.check_records import Verdict
from storage.clock import DAY
from storage.records import Json, Mode
from tests.door.shop import PERSON, Shop, field
from tests.steps.checking import Checked


@pytest.fixture
def checked(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checked:
    monkeypatch.setenv("CORE_FILE", str(tmp_path / "looked-at"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    made = Checked(shop, tmp_path / "looked-at")
    made.declare()
    return made


def tray(checked: Checked) -> list[Json]:
    """What step 10 proposes."""
    checked.advance()
    items: list[Json] = checked.shop.context.pulses.work(checked.shop.pulse.id)["tray"]["items"]
    return items


def accept_all(checked: Checked) -> None:
    for check in ("D1", "D10"):
        checked.shop.app.rounds.accept(
            "shop", check, tenant="", fingerprint="", reason="known", by=PERSON, until=checked.shop.clock.now() + DAY
        )


def test_a_flag_is_proposed_once_with_its_place_and_evidence(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    checked.finish()
    (item,) = tray(checked)
    assert item["title"] == "infra: close the tenant isolation gap in public.t"
    assert item["priority"] == "P2"
    assert "D1 flags it for acme and globex" in item["why"]
    for told in ("query D1 public.t: somebody reads others", "query D10 public.t: acme reads others", "looked at"):
        assert told in item["description"], item["description"]


def test_what_a_person_accepted_is_no_proposal(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    checked.finish()
    accept_all(checked)
    assert tray(checked) == []


def test_an_open_task_about_the_same_place_is_not_filed_again_and_one_about_another_is_no_duplicate(
    checked: Checked,
) -> None:
    checked.says("leak")
    checked.shop.task("T-50", "infra: close the tenant isolation gap in public.other")
    checked.to_step()
    checked.finish()
    assert len(tray(checked)) == 1
    checked.shop.task("T-51", "infra: close the tenant isolation gap in public.t")
    checked.shop.context.pulses.save_work(checked.shop.pulse.id, {"tray": None, "tray_action": None}, actor="Stas")
    assert tray(checked) == []


def test_the_next_pulse_merges_the_same_proposal(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    checked.finish()
    assert len(tray(checked)) == 1
    checked.shop.machine.cut_off(by=PERSON)
    checked.to_step()
    checked.finish()
    assert len(tray(checked)) == 1


def test_the_summary_tells_flags_with_their_place_and_never_calls_isolation_preserved(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    checked.finish()
    told = field(checked.shop.summary(), "Multi-Tenant Isolation").replace("\\", "")
    assert told.startswith("### Multi-Tenant Isolation: Flagged"), told
    assert "Flagged: database of acme and globex: D1: it leaks, at public.t" in told
    assert "R110 API endpoints validate tenant context: unknown (acme and globex: Q6: not run yet" in told
    assert "Matrix of shop: 2 flagged, 18 unknown, 0 verified, 0 n/a" in told
    assert "erified:" not in told.replace("0 verified", "")


def test_the_summary_without_a_flag_counts_what_is_unknown(checked: Checked) -> None:
    checked.says("sound")
    checked.to_step()
    checked.finish()
    told = field(checked.shop.summary(), "Multi-Tenant Isolation").replace("\\", "")
    assert told.startswith("### Multi-Tenant Isolation: N/A"), "nothing was changed"
    assert "Matrix of shop: 0 flagged, 18 unknown, 0 verified, 0 n/a" in told


def test_an_accepted_flag_stays_in_the_summary_with_who_and_until_when(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    checked.finish()
    accept_all(checked)
    checked.shop.machine.retry(9, by=PERSON)
    checked.finish()
    told = field(checked.shop.summary(), "Multi-Tenant Isolation").replace("\\", "")
    assert "accepted by Ada until" in told
    assert "2 accepted" in told


def look(checked: Checked) -> View:
    return take_view(checked.shop.context, idle_mode=Mode.OBSERVE)


def test_the_view_follows_the_matrix_and_an_ended_pulse_shows_what_it_recorded(checked: Checked) -> None:
    assert look(checked).isolation == (), "nothing was ever asked"
    checked.says("leak")
    checked.to_step()
    checked.finish()
    lines = {line.key: line for line in look(checked).isolation}
    assert list(lines) == ["shop/", "shop/acme", "shop/globex"]
    square = lines["shop/acme"].squares["database"]
    assert (square.verdict, square.flagged, square.leak) == (Verdict.FLAGGED, True, False)
    pulse = checked.shop.pulse
    checked.shop.machine.cut_off(by=PERSON)
    accept_all(checked)
    now = {line.key: line for line in look(checked).isolation}["shop/acme"].squares["database"]
    assert now.accepted.startswith("accepted by Ada until")
    recorded = take_view(checked.shop.context, idle_mode=Mode.OBSERVE, pulse_id=pulse.id)
    then = {line.key: line for line in recorded.isolation}["shop/acme"].squares["database"]
    assert (then.verdict, then.accepted, then.reason) == (Verdict.FLAGGED, "", "D1: it leaks")
    assert recorded.checked is None


def test_a_look_at_a_matrix_that_did_not_change_reads_it_once(checked: Checked) -> None:
    checked.says("sound")
    checked.to_step()
    checked.finish()
    rounds = checked.shop.app.rounds
    first = rounds.look("shop")
    assert rounds.look("shop") is first
    assert rounds.looks()[0] is first
    checked.shop.clock.advance(DAY)
    later = rounds.look("shop")
    assert later is not first, "what was verified has run out"
    assert {said.verdict for said in later.board.cell("acme", "database").said} == {Verdict.UNKNOWN}
    checked.declare("version = 1\n")
    assert rounds.look("shop").board.problem, "the file is another one"


def test_the_plain_pulse_prints_what_is_read_and_goes_on(checked: Checked) -> None:
    checked.says("leak")
    checked.to_step()
    lines: list[str] = []

    def nobody() -> str:
        raise EOFError

    Plain(app=checked.shop.app, write=lines.append, read=nobody, walk_past=True).run()
    told = "\n".join(lines)
    assert "[ 9 Isolation] Isolation of shop: " in told
    assert "What they read, indented; ctrl+c ends them" in told
    assert "[ 9 Isolation] Isolation: 2 flagged, 16 unknown" in told
    assert told.index("ctrl+c ends them") < told.index("2 flagged")
