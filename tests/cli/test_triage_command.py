"""`stas triage`: the list as lines, and the acts of the desk, as processes of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.triage.counted import NOTHING
from storage.clock import MINUTE, SystemClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Alert, SourceKind, SourceStatus

Stas = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def oncall(stas: Stas, repository: Path) -> Iterator[Stas]:
    """A profile in which an alert about a tenant and a warning fire; this test is its watcher."""
    assert stas("init", str(repository), "--yes", "--person", "Ada", "--executor", "claude").returncode == 0
    config = Path(stas("config").stdout.strip())
    config.write_text(config.read_text() + '\n[[alertmanager]]\nurl = "http://127.0.0.1:9"\n')
    with open_watch(config.parent / "watch.db") as store:
        now = SystemClock().now()
        status = SourceStatus(
            name="alertmanager",
            kind=SourceKind.ALERTS,
            state=DataState.OK,
            every_ms=600_000,
            asked_at=now,
            at=now,
        )
        alerts = [
            Alert(
                key=key,
                name=name,
                severity=severity,
                labels={"tenant": "acme"},
                annotations={"summary": summary},
                starts_at=now - 3 * MINUTE,
            )
            for key, name, severity, summary in (
                ("98be", "CrossTenantRead", "critical", "acme saw globex \x1b[31m"),
                ("77aa", "DiskFull", "warning", "disk 80%"),
            )
        ]
        Watch(store).record(status, alerts)
        Watch(store).beat(now, 1)
        yield stas


def test_the_list_is_read_from_top_to_bottom_and_is_json_for_scripts(oncall: Stas) -> None:
    done = oncall("triage")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert rows[0].startswith("P0 1")
    first = next(row for row in rows if row.startswith("1. "))
    assert first.startswith("1. P0 incident, firing: acme saw globex")
    assert first.endswith("Unowned for 3m. Tenants acme. Key alert:98be")
    assert "\x1b" not in done.stdout
    assert "Nobody was asked about" in done.stdout
    data = json.loads(oncall("triage", "--json").stdout)
    assert data["schema"] == "stas.triage/1"
    assert next(item["key"] for item in data["items"] if item["class"] == "incident") == "alert:98be"
    filtered = json.loads(oncall("triage", "p:P0", "--json").stdout)
    assert [item["key"] for item in filtered["items"]] == ["alert:98be"]
    wrong = oncall("triage", "nonsense:1")
    assert wrong.returncode != 0
    assert wrong.stderr.startswith("stas: ")


def test_an_item_is_taken_put_aside_and_given_back(oncall: Stas) -> None:
    taken = oncall("triage", "own", "alert:98", "alert:77")
    assert taken.returncode == 0, taken.stderr
    assert "alert:98be is yours until " in taken.stdout
    assert "Owned by you until" in oncall("triage").stdout
    refused = oncall("triage", "snooze", "alert:98be", "--reason", "fix is out", "--for", "2h")
    assert refused.returncode == 1
    assert "at most 15 minutes" in refused.stderr
    aside = oncall("triage", "snooze", "alert:77aa", "--reason", "disk is ordered", "--for", "2h")
    assert aside.stdout == "alert:77aa is put aside.\n"
    assert "Put aside: 1." in oncall("triage").stdout
    assert oncall("triage", "wake", "alert:77aa").returncode == 0
    assert oncall("triage", "release", "alert:98be").stdout == "alert:98be is nobody's now.\n"
    assert oncall("triage", "undo").stdout.startswith("Undone: giving back")
    assert oncall("triage", "group", "alert:77", "--under", "alert:98").stdout == (
        "alert:77aa stands under alert:98be.\n"
    )
    assert oncall("triage", "ungroup", "alert:77aa").returncode == 0
    kinds = [json.loads(line)["kind"] for line in oncall("log", "--json").stdout.splitlines()]
    assert kinds.count("triage.owned") == 1
    assert "triage.snoozed" in kinds
    assert oncall("log", "--verify").returncode == 0


def test_an_event_is_said_in_words_to_people_and_as_it_is_to_scripts(oncall: Stas) -> None:
    for act, reason in (("own", ""), ("snooze", "waits for it")):
        key = "alert:98be" if act == "own" else "alert:77aa"
        done = oncall("triage", act, key, "--reason", reason, "--until-event", "next pulse")
        assert done.returncode == 0, done.stderr
    read = oncall("triage").stdout
    assert "until the next pulse: P2 incident" in read
    assert "Owned by you until the next pulse, at most until " in read
    [item] = json.loads(oncall("triage", "is:snoozed", "--json").stdout)["items"]
    assert item["put_aside"] == "snoozed until next pulse"
    sheet = oncall("triage", "handover").stdout
    assert "- snooze until the next pulse: disk 80%" in sheet
    assert "lease until the next pulse, at most until " in sheet


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("own",), 2, "Say which item"),
        (("own", "alert:"), 2, "fits 2 items"),
        (("own", "alert:nobody"), 1, "nothing with the key"),
        (("snooze", "alert:77aa", "--reason", "r"), 1, "Until when"),
        (("snooze", "alert:77aa", "--reason", "r", "--for", "soon"), 2, "no span of time"),
        (("snooze", "alert:77aa", "--for", "2h"), 1, "needs a reason"),
        (("dismiss", "alert:77aa", "--reason", "r"), 1, "is not over"),
        (("group", "alert:77aa"), 2, "under which"),
        (("handover", "give"), 2, "does not know"),
        (("postmortem", "alert:98be"), 1, "Open one first"),
        (("own", "alert:98be", "--read-only"), 2, "changes nothing"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(oncall: Stas, words: tuple[str, ...], status: int, why: str) -> None:
    done = oncall("triage", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr


def test_a_sheet_is_written_shown_and_accepted_by_somebody_else(oncall: Stas, tmp_path: Path) -> None:
    oncall("triage", "own", "alert:98be")
    file = tmp_path / "sheet.md"
    done = oncall("triage", "handover", "--tried", "restarted the api", "--write", str(file))
    assert done.returncode == 0, done.stderr
    assert "- restarted the api" in file.read_text("utf-8")
    command = done.stderr.split("stas triage ")[1].split()
    shown = oncall("triage", *command[:3])
    assert shown.returncode == 2, "the sheet has to be read first"
    assert "# Hand-over" in shown.stdout
    own = oncall("triage", *command)
    assert own.returncode == 1
    assert "nobody accepts their own" in own.stderr
    config = Path(oncall("config").stdout.strip())
    config.write_text(config.read_text("utf-8").replace('name = "Ada"', 'name = "Bea"'), "utf-8")
    wrong = oncall("triage", *command[:3], "--digest", "0" * 12)
    assert "not the sheet you were shown" in wrong.stderr
    taken = oncall("triage", *command)
    assert taken.stdout == "Taken over from Ada: what was theirs is yours.\n"
    assert "Owned by you until" in oncall("triage").stdout


def test_numbers_and_a_draft_are_printed(oncall: Stas) -> None:
    assert oncall("triage", "numbers").stdout == f"{NOTHING}\n"
    assert oncall("triage", "own", "alert:98be").returncode == 0
    said = oncall("triage", "numbers").stdout
    assert "Median time to decide: nothing decided in " in said
    assert "How often: too early after " in said, "an hour of a record of seconds would be made up"
    assert "What was before that is not known." in said
    assert json.loads(oncall("triage", "numbers", "--json").stdout)["gates_per_hour"] is None
    assert json.loads(oncall("triage", "numbers", "--for", "7d", "--json").stdout)["hours"] == 168
    draft = json.loads(oncall("triage", "task", "alert:98", "--json").stdout)
    assert draft["title"].startswith("infra: acme saw globex")
