"""Where tokens come from, and that the redactor knows each before anything else does."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.config_sources import Credential
from stas_tui.credentials import CredentialMissing, token_of
from storage.redact import forget_secrets, redact

TOKEN = "plain-words-that-no-rule-would-find"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    forget_secrets()


def test_a_token_from_the_environment_is_known_to_the_redactor() -> None:
    assert token_of(Credential(env="FORGE_TOKEN"), {"FORGE_TOKEN": f" {TOKEN}\n"}) == TOKEN
    assert TOKEN not in redact(f"the server said: {TOKEN} is expired")


def test_a_variable_that_is_not_set_is_no_token_and_no_error() -> None:
    assert token_of(Credential(env="FORGE_TOKEN"), {}) == ""
    assert token_of(Credential(), {"FORGE_TOKEN": TOKEN}) == ""


def test_a_command_prints_the_token() -> None:
    assert token_of(Credential(command=(sys.executable, "-c", f"print({TOKEN!r})"))) == TOKEN
    assert TOKEN not in redact(TOKEN)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("a-command-that-nobody-has",), "does not exist"),
        ((sys.executable, "-c", f"print({TOKEN!r}); raise SystemExit(3)"), "ended with 3"),
        ((sys.executable, "-c", "print('two words')"), "blanks or control characters"),
        ((sys.executable, "-c", r"print('esc\x1b[31m')"), "blanks or control characters"),
    ],
)
def test_a_command_that_fails_is_a_sentence_without_the_token(command: tuple[str, ...], says: str) -> None:
    with pytest.raises(CredentialMissing) as caught:
        token_of(Credential(command=command))
    assert says in caught.value.what
    assert TOKEN not in str(caught.value)


def test_a_command_that_may_not_run_is_a_sentence(tmp_path: Path) -> None:
    script = tmp_path / "token"
    script.write_text("#!/bin/sh\necho x\n")
    script.chmod(stat.S_IRUSR)
    with pytest.raises(CredentialMissing, match="cannot run"):
        token_of(Credential(command=(str(script),)))


@pytest.mark.parametrize("more", [{"env": "A", "command": ["b"]}, {"env": "A", "keyring": "s/u"}, {"keyring": "s"}])
def test_a_credential_names_one_place(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"keep one|service/user"):
        Credential(**more)  # type: ignore[arg-type]
