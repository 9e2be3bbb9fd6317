from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui import doctor_terminal, git_probe
from stas_tui.doctor import Doctor, _sqlite, as_json, worst
from stas_tui.doctor_files import filesystem_of
from stas_tui.doctor_rows import Row, State
from stas_tui.doctor_runs import runs
from stas_tui.executors import procs
from stas_tui.init_profile import InitOptions, create
from stas_tui.locations import Locations, Profile, os_user
from storage.clock import ManualClock
from storage.journal import Journal
from storage.journal_ask import NewAction
from storage.pulses import Pulses
from storage.records import EffectClass, GateLevel, Mode, Run, RunState
from storage.runs import Runs
from storage.schema_record import MIGRATIONS, open_record
from storage.schema_world import open_world
from storage.sqlite import WAL_SAFE_FROM, Store, sql_migration

Stas = Callable[..., "subprocess.CompletedProcess[str]"]

IDS = {
    *("python", "git", "sqlite", "folder", "filesystem", "disk", "config", "person", "executor", "agents"),
    *("gitleaks", "bwrap", "containers", "terminal", "size", "characters", "clipboard", "record", "world", "work"),
    *("repository:shop-front", "base:shop-front", "push:shop-front", "watcher"),
    *("extra:pg", "extra:iac", "extra:rehearse", "extra:redis"),
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STAS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def profile(repository: Path, tmp_path: Path) -> Profile:
    places = Locations.find(tmp_path / "home")
    create(InitOptions(path=repository, persons=("Ada",), executor="git help"), places, os_user=os_user())
    return places.profile("shop-front")


def rows(profile: Profile) -> dict[str, Row]:
    found = list(Doctor(profile=profile).examine())
    assert len({row.id for row in found}) == len(found)
    return {row.id: row for row in found}


def test_a_sound_profile(profile: Profile) -> None:
    found = rows(profile)
    assert found.keys() == IDS
    for id_ in ("python", "git", "folder", "config", "person", "executor", "repository:shop-front", "base:shop-front"):
        assert found[id_].state is State.OK, found[id_]
    assert "Ada" in found["person"].detail
    assert found["work"].state is State.UNKNOWN, "no record yet is not ok"


def test_every_bad_row_says_how_to_mend_it(profile: Profile) -> None:
    profile.config_file.chmod(0o644)
    profile.record_db.write_text("not a database, and long enough to have a header " * 4)
    for row in rows(profile).values():
        if row.state in {State.WARN, State.FAIL}:
            assert row.mend, row


def test_a_configuration_others_can_read_fails(profile: Profile) -> None:
    profile.config_file.chmod(0o640)
    row = rows(profile)["folder"]
    assert row.state is State.FAIL
    assert row.mend.startswith("chmod 600")


def test_without_a_profile_the_rest_is_unknown_and_not_ok(tmp_path: Path) -> None:
    found = rows(Locations.find(tmp_path).profile("none"))
    assert found["config"].state is State.WARN
    assert "stas init" in found["config"].mend
    for id_ in ("folder", "person", "project", "record", "world"):
        assert found[id_].state is State.UNKNOWN


def test_a_wrong_configuration_fails_with_its_sentence(profile: Profile) -> None:
    profile.config_file.write_text('agent_name = ""\n')
    row = rows(profile)["config"]
    assert row.state is State.FAIL
    assert "AGENT_NAME" in row.detail


def test_somebody_else_at_the_keyboard(profile: Profile) -> None:
    text = profile.config_file.read_text()
    profile.config_file.write_text(text.replace(f'os_user = "{os_user()}"', 'os_user = "somebody"'))
    row = rows(profile)["person"]
    assert row.state is State.WARN
    assert os_user() in row.mend


def test_a_deleted_repository(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "remote.git").rename(tmp_path / "moved.git")
    found = rows(profile)
    assert found["repository:shop-front"].state is State.FAIL
    assert found["base:shop-front"].state is State.UNKNOWN
    assert found["push:shop-front"].state is State.UNKNOWN


def test_a_missing_base_branch(profile: Profile, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "branch", "-q", "-D", "multi-tenant"], cwd=remote, check=True, timeout=60)
    row = rows(profile)["base:shop-front"]
    assert row.state is State.FAIL
    assert "target branch not found" in row.detail
    assert "refs/heads/multi-tenant" in row.mend


def test_a_missing_executor(profile: Profile) -> None:
    text = profile.config_file.read_text()
    profile.config_file.write_text(text.replace('argv = ["git", "help"]', 'argv = ["no-such-program-anywhere"]'))
    row = rows(profile)["executor"]
    assert row.state is State.FAIL
    assert "no-such-program-anywhere" in row.detail


def test_databases(profile: Profile) -> None:
    assert rows(profile)["record"].state is State.UNKNOWN
    open_record(profile.record_db).close()
    open_world(profile.platform_db).close()
    found = rows(profile)
    assert (found["record"].state, found["world"].state) == (State.OK, State.OK)
    assert f"schema {len(MIGRATIONS)}" in found["record"].detail
    profile.platform_db.write_bytes(b"\x00" * 4096)
    assert rows(profile)["world"].state is State.FAIL


def test_a_database_of_a_newer_stas_is_named_and_left_alone(profile: Profile) -> None:
    newer = [*MIGRATIONS, *[sql_migration("create table from_the_future (a);")]]
    Store(profile.record_db, newer).close()
    before = profile.record_db.read_bytes()
    row = rows(profile)["record"]
    assert row.state is State.FAIL
    assert f"schema {len(newer)}" in row.detail
    assert profile.record_db.read_bytes() == before


def test_an_older_database_is_not_migrated_by_looking(profile: Profile) -> None:
    with Store(profile.record_db, []) as store, store.write() as conn:
        conn.execute("create table t (a)")
    before = profile.record_db.read_bytes()
    found = rows(profile)
    assert "the next start" in found["record"].detail
    assert found["work"].state is State.UNKNOWN
    assert profile.record_db.read_bytes() == before


def test_a_damaged_database_fails(profile: Profile) -> None:
    open_record(profile.record_db).close()
    data = bytearray(profile.record_db.read_bytes())
    data[100:] = b"\xff" * (len(data) - 100)
    profile.record_db.write_bytes(data)
    found = rows(profile)
    assert State.FAIL in {found["record"].state, found["work"].state}


def test_an_open_pulse_and_an_unknown_outcome_are_told(profile: Profile) -> None:
    clock = ManualClock()
    with open_record(profile.record_db) as store:
        journal = Journal(store, clock)
        pulses = Pulses(store, journal)
        assert "no pulse is open" in rows(profile)["work"].detail
        pulse = pulses.begin(agent="Stas", operator="Ada", mode=Mode.SUPERVISED, policy_digest="0")
        row = rows(profile)["work"]
        assert row.state is State.OK
        assert f"pulse {pulse.number} is open since 2026-" in row.detail
        asked = journal.request(
            NewAction(
                pulse_id=pulse.id,
                tool="slack_dm",
                natural_key="report",
                args={"message": "hello"},
                plan={},
                preconditions={},
                shown={},
                effect_class=EffectClass.OPAQUE,
                level=GateLevel.GATE,
                requested_by="agent:Stas",
            )
        ).action
        assert "1 gate waiting" in rows(profile)["work"].detail
        journal.decide(asked.id, rev=1, digest=asked.digest, verdict="approve", voter="Ada")
        attempt = journal.claim(asked.id, owner="1:1")
        journal.finish(asked.id, n=attempt.n, owner="1:1", result="unknown", detail="no answer")
        row = rows(profile)["work"]
        assert row.state is State.WARN
        assert f"slack_dm ({asked.id})" in row.detail


def test_a_run_that_nobody_looked_after_is_told(profile: Profile) -> None:
    assert next(runs(profile)).state is State.UNKNOWN
    with open_record(profile.record_db) as store:
        assert next(runs(profile)) == Row("runs", "Executor runs", State.OK, "none is alive")
        journal = Journal(store, ManualClock())
        pulse = Pulses(store, journal).begin(agent="Stas", operator="Ada", mode=Mode.SUPERVISED, policy_digest="0")
        spawn = NewAction(
            pulse_id=pulse.id,
            tool="spawn_executor",
            natural_key="spawn",
            args={},
            plan={},
            preconditions={},
            shown={},
            effect_class=EffectClass.LOOKUP,
            level=GateLevel.GATE,
            requested_by="agent:Stas",
        )
        run = Run(
            id="run-1",
            pulse_id=pulse.id,
            project_id="shop-front",
            task_id="T-1",
            action_id=journal.request(spawn).action.id,
            attempt=1,
            prompt_sha256="0" * 64,
            cause="",
            program="git",
            model="",
            directory=str(profile.runs / "run-1"),
            state=RunState.RUNNING,
            started_at=1,
        )
        Runs(store).add(run)
        row = next(runs(profile))
        assert row.state is State.WARN
        assert "run-1 of T-1 is over or lost" in row.detail
        state = {"state": "running", "shim_pid": os.getpid(), "shim": procs.identity(os.getpid())}
        (profile.runs / "run-1").mkdir(parents=True)
        (profile.runs / "run-1" / "state.json").write_text(json.dumps(state))
        assert next(runs(profile)).detail == "run-1 works on T-1"


def test_the_demo_is_sound(stas: Stas) -> None:
    stas("demo")
    found = {row["id"]: row for row in json.loads(stas("doctor", "--json").stdout)["rows"]}
    assert found["executor"]["detail"] == "the demo's own script"
    assert found["work"]["detail"].endswith("3 gates waiting")
    asked = ("person", "project", "executor", "agents", "record", "world", "work", "runs", "repository:ledger")
    assert {found[id_]["state"] for id_ in asked if id_ in found} == {"ok"}


def test_callers_may_look_further(profile: Profile) -> None:
    def further(given: Profile) -> Iterator[Row]:
        yield Row("forge", "Forge", State.FAIL, given.name, "mend")

    found = list(Doctor(profile=profile, look_further=further).examine())
    assert found[-1].detail == "shop-front"
    assert worst(found) is State.FAIL


def test_json_is_stable(profile: Profile) -> None:
    data = json.loads(json.dumps(as_json("p", Doctor(profile=profile).examine())))
    assert set(data) == {"schema", "profile", "state", "rows"}
    assert data["schema"] == "stas.doctor/1"
    assert {key for row in data["rows"] for key in row} == {"id", "what", "state", "detail", "mend"}
    assert {row["state"] for row in data["rows"]} <= {"ok", "warn", "fail", "unknown"}


def test_the_worst_row_decides() -> None:
    def of(*states: State) -> State:
        return worst(Row(str(n), "", state, "") for n, state in enumerate(states))

    assert of() is State.UNKNOWN
    assert of(State.OK) is State.OK
    assert of(State.OK, State.UNKNOWN) is State.UNKNOWN
    assert of(State.WARN, State.UNKNOWN, State.OK) is State.WARN
    assert of(State.WARN, State.FAIL) is State.FAIL


def test_exit_status_and_streams(stas: Stas, profile: Profile) -> None:
    done = stas("doctor", "--profile", "shop-front")
    assert done.returncode == 0, done.stdout
    assert "● ok       git" in done.stdout
    assert done.stderr == ""
    assert stas("--ascii", "doctor").stdout.isascii()
    profile.config_file.write_text("broken")
    broken = stas("doctor", "--json")
    assert broken.returncode == 1
    assert json.loads(broken.stdout)["state"] == "fail"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/a/x", "nfs4"), ("/home/ab", "ext4"), ("/", "ext4"), ("/mnt/two words/x", "cifs"), ("/over/x", "tmpfs")],
)
def test_the_longest_mount_point_decides(path: str, kind: str) -> None:
    mounts = (
        "dev / ext4 rw 0 0\nsrv:/a /home/a nfs4 rw 0 0\n//s/x /mnt/two\\040words cifs rw 0 0\n"
        "a /over ext4 rw 0 0\nb /over tmpfs rw 0 0\nbroken\n"
    )
    assert filesystem_of(Path(path), mounts) == kind


def test_sqlite_says_which_journal_it_means() -> None:
    assert _sqlite((3, 30, 0)).state is State.FAIL
    assert "rollback journal" in _sqlite((3, 40, 1)).detail
    assert "write-ahead" in _sqlite(WAL_SAFE_FROM).detail


@pytest.mark.parametrize(
    ("environ", "state", "words"),
    [
        ({}, State.WARN, "not set"),
        ({"TERM": "dumb"}, State.WARN, "dumb"),
        ({"TERM": "xterm-256color"}, State.OK, "256 colours"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, State.OK, "16 million"),
        ({"TERM": "xterm", "NO_COLOR": ""}, State.OK, "no colours"),
    ],
)
def test_the_terminal_is_described(environ: dict[str, str], state: State, words: str) -> None:
    row = next(doctor_terminal.terminal(environ))
    assert row.state is state
    assert words in row.detail


def test_a_remote_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/x.git"
        answer = git_probe.git(["ls-remote", "--", url], timeout_s=0.5)
    assert not answer.ok
    assert "no answer within" in answer.reason


def test_a_reason_holds_no_password_and_no_escape() -> None:
    answer = git_probe.Answer(128, "", "warning: x\nfatal: cannot reach https://me:hush@host/x\x1b[31m\n")
    assert answer.reason == "fatal: cannot reach https://host/x?[31m"


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("/srv/git/a.git", Path("/srv/git/a.git")),
        ("../a", Path("../a")),
        ("file:///srv/a", Path("/srv/a")),
        ("https://host/a", None),
        ("git@host:a/b", None),
        ("host:a", None),
    ],
)
def test_local_paths_are_told_from_urls(where: str, path: Path | None) -> None:
    assert git_probe.local_path(where) == path
