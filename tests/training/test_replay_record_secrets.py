"""Secrets that only the profile's configuration knows do not come out of its record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.cli import main
from stas_tui.locations import Profile
from stas_tui.training.record import recording
from stas_tui.training.record_lesson import lesson_text, log_of
from stas_tui.training.record_secrets import know_secrets
from storage.redact import forget_secrets, redact
from tests.training.records import asked, desk

SLACK, FORGE, ALERTS, MODEL = (
    "a-plain-word-of-slack",
    "meadow-lantern-seven",
    "printed-by-a-command",
    "quiet-otter-key",
)
DSN_WORD, TENANT = "copper-violin-42", "marble-kite-of-acme"
DSN = f"postgresql://reader:{DSN_WORD}@db.invalid/shop"
SECRETS = (SLACK, FORGE, ALERTS, MODEL, DSN, DSN_WORD, TENANT)
CONFIG = f"""
agent_name = "Stas"

[[project]]
id = "shop"
name = "Shop"
remote = "/nowhere/shop.git"
base_branch = "multi-tenant"

[project.ci]
github = "acme/shop"

[slack]
token = "{SLACK}"

[github.credential]
env = "FORGE_WORD"

[[alertmanager]]
name = "am"
url = "http://127.0.0.1:1"

[alertmanager.credential]
command = [{sys.executable!r}, "-c", "print({ALERTS!r})"]

[executor]
argv = ["agent"]
env_allow = ["AGENT_WORD"]
"""
TENANCY = """
strategy = "row"

[[tenant]]
name = "acme"
key = "acme"
token = { env = "ACME_WORD" }

[database]
dsn = { env = "SHOP_DSN" }
"""
ENVIRON = {"FORGE_WORD": FORGE, "AGENT_WORD": MODEL, "ACME_WORD": TENANT, "SHOP_DSN": DSN}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    forget_secrets()


def configured(profile: Profile, config: str = CONFIG, tenancy: str = TENANCY) -> None:
    profile.config_file.parent.mkdir(parents=True, exist_ok=True)
    profile.config_file.write_text(config)
    file = profile.tenancy_file("shop")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(tenancy)


@pytest.fixture
def spoken(tmp_path: Path) -> Profile:
    """A profile in whose record each of its secrets stands, in an argument, a reason and the summary."""
    with desk(tmp_path) as (profile, clock, journal, pulses, pulse):
        action = journal.request(
            asked(pulse, "s", args={"message": " and ".join(SECRETS), "to": {"of": TENANT}})
        ).action
        clock.advance(4_000)
        journal.decide(
            action.id, rev=1, digest=action.digest, verdict="reject", voter="ann", reason=f"it holds {DSN_WORD}"
        )
        pulses.end(pulse.id, outcome="interrupted", summary=f"ended with {SLACK}", by="ann")
    configured(profile)
    return profile


def test_without_the_configuration_they_would_come_out(spoken: Profile) -> None:
    """They are plain words: no rule finds them, so that what follows proves something."""
    text = lesson_text(recording(spoken))
    assert [secret for secret in SECRETS if secret not in (DSN, DSN_WORD) and secret not in text] == []


def test_none_reaches_the_lesson_or_the_replay(spoken: Profile) -> None:
    assert know_secrets(spoken, ENVIRON) == []
    made = recording(spoken)
    for secret in SECRETS:
        assert secret not in lesson_text(made)
        assert secret not in repr(log_of(made))


def test_the_command_knows_them_before_it_reads(
    spoken: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    for words in (["record"], ["replay"], ["replay", "--json"]):
        assert main(["train", *words, "--home", str(tmp_path / "home")]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert "Message s" in said.out
        assert [secret for secret in SECRETS if secret in said.out] == []
        forget_secrets()


def test_what_could_not_be_had_is_said(
    spoken: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ENVIRON:
        monkeypatch.delenv(name, raising=False)
    configured(spoken, CONFIG.replace(f"print({ALERTS!r})", "raise SystemExit(3)"))
    assert main(["train", "record", "--home", str(tmp_path / "home")]) == 0
    said = capsys.readouterr().err
    assert "github.credential could not be had, because the variable FORGE_WORD is not set" in said
    assert "alertmanager" in said
    assert "ended with 3" in said
    assert "tenancy of shop.database.dsn" in said
    assert "masked only where it looks like a secret" in said


def test_a_tenancy_file_that_is_wrong_is_said_and_the_rest_is_known(spoken: Profile) -> None:
    configured(spoken, tenancy="strategy = 3")
    [told] = know_secrets(spoken, ENVIRON)
    assert "tenancy file of shop cannot be read" in told
    assert FORGE not in redact(FORGE)


def test_defaults_that_nobody_wrote_are_not_missed(spoken: Profile) -> None:
    configured(spoken, 'agent_name = "Stas"\n', "")
    assert know_secrets(spoken, {}) == []


def test_a_profile_without_a_configuration_names_none(tmp_path: Path) -> None:
    with desk(tmp_path) as (profile, *_):
        assert know_secrets(profile, ENVIRON) == []
