from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.config import load, load_text, person_for
from stas_tui.init_file import configuration_text
from stas_tui.init_profile import InitError, InitOptions, InitRefused, Plan, create
from stas_tui.locations import Locations, Profile
from storage.errors import StoreFull
from storage.records import Mode

Stas = Callable[..., "subprocess.CompletedProcess[str]"]
Git = Callable[..., str]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STAS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def nobody_asked(question: str, default: str) -> str:
    raise AssertionError(f"asked: {question} [{default}]")


def test_defaults_are_used_and_reported(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    report = create(InitOptions(path=repository), places, os_user="ada")
    settings = load(places.profile("shop-front"))
    assert report.profile == places.current({}) == "shop-front"
    assert settings.agent_name == "Stas"
    assert settings.mode is Mode.OBSERVE
    assert settings.columns == ("Review",)
    (project,) = settings.project
    assert project.repository == str(repository)
    assert project.remote == str(tmp_path / "remote.git")
    assert (project.base_branch, project.main_branch) == ("multi-tenant", "main")
    for assumed in ("profile = shop-front", "agent_name = Stas", "remote = origin", "base_branch = multi-tenant"):
        assert assumed in report.assumed
    assert any("only observes" in warning for warning in report.warnings)
    assert stat.S_IMODE(report.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(report.config_file.parent.stat().st_mode) == 0o700


def test_what_is_told_is_written_and_not_asked(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    options = InitOptions(
        path=repository / ".",
        profile="prod",
        agent='Stas "the" second',
        base="multi-tenant",
        remote="origin",
        columns=("Review", "Ready"),
        tenants=("acme", "globex\\corp"),
        executor="my-agent --flag 'two words'",
        persons=("Ada Ü", "Bo=bo"),
    )
    report = create(options, places, os_user="ada", ask=nobody_asked)
    settings = load(places.profile("prod"))
    assert report.assumed == []
    assert settings.agent_name == 'Stas "the" second'
    assert settings.columns == ("Review", "Ready")
    assert settings.project[0].tenants == ("acme", "globex\\corp")
    assert settings.executor.argv == ("my-agent", "--flag", "two words")
    assert settings.mode is Mode.SUPERVISED
    assert [(p.name, p.os_user) for p in settings.person] == [("Ada Ü", "ada"), ("Bo", "bo")]
    assert person_for(settings, "ada") is not None


def test_what_was_not_told_is_asked_and_empty_means_the_default(repository: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: str, default: str) -> str:
        asked.append(question)
        answers = {"Who may decide": "Ada, Bo=bo", "Tenants": " acme , globex ,"}
        return answers.get(question.split(" (", maxsplit=1)[0], "")

    places = Locations.find(tmp_path / "home")
    report = create(InitOptions(path=repository, agent="Stas"), places, os_user="ada", ask=ask)
    settings = load(places.profile("shop-front"))
    assert report.assumed == []
    assert not any("Name of the agent" in question for question in asked)
    assert [p.os_user for p in settings.person] == ["ada", "bo"]
    assert settings.project[0].tenants == ("acme", "globex")


def test_a_preset_is_named_not_run(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    create(InitOptions(path=repository, executor="claude"), places, os_user="ada", presets={"claude"})
    executor = load(places.profile("shop-front")).executor
    assert (executor.preset, executor.argv) == ("claude", ())


def test_an_existing_configuration_is_never_overwritten(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    file = create(InitOptions(path=repository, profile="one"), places, os_user="ada").config_file
    before = file.read_bytes()
    with pytest.raises(InitRefused, match="exists already") as caught:
        create(InitOptions(path=repository, profile="one", agent="Other"), places, os_user="ada")
    assert caught.value.exit_code == 2
    assert file.read_bytes() == before


def test_a_second_profile_does_not_take_over(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    create(InitOptions(path=repository, profile="one"), places, os_user="ada")
    report = create(InitOptions(path=repository, profile="two"), places, os_user="ada")
    assert places.current({}) == "one"
    assert any("stas --profile two" in line for line in report.done)


def test_databases_are_made_before_the_configuration(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    seen: list[tuple[bool, bool]] = []

    def make(profile: Profile) -> None:
        seen.append((profile.clones.is_dir(), profile.exists()))

    create(InitOptions(path=repository), places, os_user="ada", create_databases=make)
    assert seen == [(True, False)]


def test_without_databases_there_is_no_configuration(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")

    def fail(profile: Profile) -> None:
        raise StoreFull("No room left.", "Free disk space.")

    with pytest.raises(StoreFull):
        create(InitOptions(path=repository), places, os_user="ada", create_databases=fail)
    assert places.profiles() == []
    create(InitOptions(path=repository), places, os_user="ada")
    assert places.profiles() == ["shop-front"]


def test_a_missing_base_branch_is_said_with_the_command_that_makes_it(
    repository: Path, tmp_path: Path, environ: dict[str, str], git: Git
) -> None:
    places = Locations.find(tmp_path / "home")
    report = create(InitOptions(path=repository, base="tenants/all"), places, os_user="ada")
    (warning,) = [w for w in report.warnings if "Target branch not found" in w]
    command = warning.split("To create it: ")[1]
    subprocess.run(command, shell=True, check=True, env=environ, capture_output=True, timeout=60)
    assert "refs/heads/tenants/all" in git(tmp_path / "remote.git", "for-each-ref")
    again = create(InitOptions(path=repository, base="tenants/all", profile="b"), places, os_user="ada")
    assert not any("Target branch" in w for w in again.warnings)


def test_working_from_the_main_branch_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(InitRefused, match="work must never start from it"):
        create(InitOptions(path=repository, base="main"), Locations.find(tmp_path / "home"), os_user="ada")
    assert not (tmp_path / "home").exists()


def test_the_main_branch_is_read_from_the_remote(repository: Path, tmp_path: Path, git: Git) -> None:
    git(repository, "push", "-q", "origin", "main:trunk")
    git(tmp_path / "remote.git", "symbolic-ref", "HEAD", "refs/heads/trunk")
    places = Locations.find(tmp_path / "home")
    create(InitOptions(path=repository), places, os_user="ada")
    assert load(places.profile("shop-front")).project[0].main_branch == "trunk"


def test_a_detached_head_is_fine_and_said(repository: Path, tmp_path: Path, git: Git) -> None:
    git(repository, "checkout", "-q", "--detach")
    report = create(InitOptions(path=repository), Locations.find(tmp_path / "home"), os_user="ada")
    assert any("detached head" in line for line in report.done)


def test_a_subfolder_leads_to_the_repository(repository: Path, tmp_path: Path) -> None:
    (repository / "deep" / "er").mkdir(parents=True)
    places = Locations.find(tmp_path / "home")
    create(InitOptions(path=repository / "deep" / "er"), places, os_user="ada")
    assert load(places.profile("shop-front")).project[0].repository == str(repository)


def test_a_bare_repository_without_remote_is_its_own_remote(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    report = create(InitOptions(path=tmp_path / "remote.git"), places, os_user="ada")
    project = load(places.profile("remote")).project[0]
    assert project.where == str(tmp_path / "remote.git")
    assert not any("Target branch" in w for w in report.warnings)


def test_an_unreachable_remote_is_a_warning(repository: Path, tmp_path: Path) -> None:
    report = create(
        InitOptions(path=repository, remote=str(tmp_path / "gone.git")),
        Locations.find(tmp_path / "home"),
        os_user="ada",
    )
    assert any("could not be asked" in w for w in report.warnings)


def test_a_password_in_the_remote_is_not_written(repository: Path, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    url = "https://me:hush-hush@127.0.0.1:9/shop.git"
    report = create(InitOptions(path=repository, remote=url), places, os_user="ada")
    text = report.config_file.read_text()
    assert "hush" not in text + report.as_text() + json.dumps(report.as_json())
    assert "https://127.0.0.1:9/shop.git" in text
    assert any("password" in w for w in report.warnings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": Path("/nowhere/at/all")}, "not in a git repository"),
        ({"profile": "Not Good"}, "no profile name"),
        ({"remote": "upstream"}, "no remote called upstream"),
        ({"persons": ("Ada", "Bo")}, "Only one person"),
        ({"persons": ("=ada",)}, "NAME or NAME=USER"),
        ({"persons": ("Ada=a", "Bo=a")}, "more than one person"),
        ({"executor": "agent 'open"}, "Close its quotes"),
        ({"base": "a..b"}, "no name git accepts"),
        ({"agent": "{{AGENT_NAME}}"}, "AGENT_NAME is not filled"),
        ({"agent": ""}, "AGENT_NAME is not filled"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    options: dict[str, object], words: str, repository: Path, tmp_path: Path
) -> None:
    from storage.errors import StasError

    with pytest.raises(StasError, match=words):
        create(InitOptions(**{"path": repository, **options}), Locations.find(tmp_path / "home"), os_user="ada")  # type: ignore[arg-type]
    assert not list((tmp_path / "home").rglob("*.toml"))


def test_the_repository_is_not_touched(repository: Path, tmp_path: Path, git: Git) -> None:
    def state() -> list[str]:
        return [
            git(repository, "status", "--porcelain=v2", "--branch"),
            git(repository, "for-each-ref"),
            *_files(repository),
        ]

    before = state()
    create(InitOptions(path=repository), Locations.find(tmp_path / "home"), os_user="ada")
    assert state() == before


def _files(folder: Path) -> list[str]:
    return sorted(f"{p} {p.stat().st_mtime_ns}" for p in folder.rglob("*") if p.is_file() and p.name != "index")


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(texts, texts, st.lists(texts, max_size=3), st.lists(texts, min_size=1, max_size=3))
def test_any_text_survives_being_written(name: str, path: str, tenants: list[str], argv: list[str]) -> None:
    plan = Plan(
        profile="p",
        agent=name,
        project_id="p",
        project_name=name,
        repository=path,
        remote="",
        base="multi-tenant",
        main="main",
        columns=("Review",),
        tenants=tuple(tenants),
        preset="",
        argv=tuple(argv),
        persons=((name, path),),
    )
    read = tomllib.loads(configuration_text(plan))
    assert read["agent_name"] == read["person"][0]["name"] == name
    assert read["project"][0]["repository"] == path
    assert read["project"][0]["tenants"] == tenants
    assert read["executor"]["argv"] == argv


def test_the_commented_lines_are_valid_too(repository: Path, tmp_path: Path) -> None:
    """A person who takes the comment signs away from the suggested settings gets a file that loads."""
    report = create(InitOptions(path=repository), Locations.find(tmp_path / "home"), os_user="ada")
    lines = report.config_file.read_text().splitlines()
    setting = [line[2:] if line.startswith("# ") and (" = " in line or line[2] == "[") else line for line in lines]
    text = "\n".join(line for line in setting if "Without" not in line)
    settings = load_text(text, report.config_file, report.profile)
    assert settings.person[0].os_user == "ada"
    assert settings.project[0].health[0].name == "api"
    assert (settings.project[0].ci.github, settings.alertmanager[0].url) == ("owner/name", "http://127.0.0.1:9093")
    assert settings.agent_id("Finn") == "agent-id-of-finn"


def test_from_the_command_line(stas: Stas, repository: Path, tmp_path: Path) -> None:
    done = stas("init", "--yes", "--person", "Ada", "--tenant", "acme", "--tenant", "globex", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Wrote" in done.stderr
    assert stas("config", "--check").returncode == 0
    profile = Locations.find(tmp_path / "home").profile("shop-front")
    for database in (profile.record_db, profile.platform_db):
        assert stat.S_IMODE(database.stat().st_mode) == 0o600
    doctor = json.loads(stas("doctor", "--json").stdout)
    states = {row["id"]: row["state"] for row in doctor["rows"]}
    assert (states["record"], states["world"], states["work"]) == ("ok", "ok", "ok")
    again = stas("init", "--yes", cwd=repository)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    other = stas("init", str(repository), "--profile", "other", "--json")
    assert json.loads(other.stdout)["profile"] == "other"


def test_questions_in_a_real_terminal(environ: dict[str, str], repository: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "stas_tui", "init", "--agent", "Stas"],
            cwd=repository,
            env=environ,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(ours, b"mine\n\n\n\nacme\nAda\n\n")
        _, said = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0, said
    assert b"Profile name [shop-front]: " in said
    settings = load(Locations.find(tmp_path / "home").profile("mine"))
    assert settings.project[0].tenants == ("acme",)
    assert settings.mode is Mode.SUPERVISED


def test_input_that_ends_early_writes_nothing(repository: Path, tmp_path: Path) -> None:
    def ends(question: str, default: str) -> str:
        raise InitError("The input ended.")

    with pytest.raises(InitError):
        create(InitOptions(path=repository), Locations.find(tmp_path / "home"), os_user="ada", ask=ends)
    assert not (tmp_path / "home").exists()
