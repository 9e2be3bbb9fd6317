"""Tokens: taken from the environment, a command or the keyring when needed, and known to the redactor first."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.errors import StasError
from storage.redact import register_secret

if TYPE_CHECKING:
    from stas_tui.config_sources import Credential

COMMAND_S = 10.0
"""How long a command may take to print a token."""
LONGEST = 16 * 1024


class CredentialMissing(StasError):
    """A token was configured and could not be had; the text names the place, never the token."""


def token_of(credential: Credential, environ: Mapping[str, str] | None = None, *, blanks: bool = False) -> str:
    """The token, or an empty text if no place is configured, or the named variable is not set.

    Raises `CredentialMissing` if a command or the keyring fails. The token is registered for redaction. `blanks` lets
    it hold spaces, as a connection string may.
    """
    environ = os.environ if environ is None else environ
    if credential.env:
        token = environ.get(credential.env, "").strip()
    elif credential.command:
        token = _printed(credential.command)
    elif credential.keyring:
        token = _kept(credential.keyring)
    else:
        return ""
    if not token:
        return ""
    if len(token) > LONGEST or not token.isprintable() or (" " in token and not blanks):
        raise CredentialMissing("The token holds blanks or control characters.", "Look at where it comes from.")
    register_secret(token)
    return token


def _printed(command: tuple[str, ...]) -> str:
    name = command[0]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_S, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise CredentialMissing(
            f"The command {name} for a token does not exist.", "Install it or name another."
        ) from None
    except subprocess.TimeoutExpired:
        raise CredentialMissing(
            f"The command {name} printed no token within {COMMAND_S:.0f} s.", "Run it by hand."
        ) from None
    except OSError as error:
        raise CredentialMissing(
            f"The command {name} for a token cannot run: {error.strerror}.", "Run it by hand."
        ) from None
    if done.returncode:
        raise CredentialMissing(f"The command {name} for a token ended with {done.returncode}.", "Run it by hand.")
    return done.stdout.decode("utf-8", "replace").strip()


def _kept(place: str) -> str:
    service, _, user = place.partition("/")
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise CredentialMissing(
            "A token is in the keyring, and the library for it is not installed.", "Install stas-tui[keyring]."
        ) from None
    try:
        return keyring.get_password(service, user) or ""
    except keyring.errors.KeyringError as error:
        raise CredentialMissing(f"The keyring did not answer: {type(error).__name__}.", "Unlock it.") from None
