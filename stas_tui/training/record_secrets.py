"""The secrets that a profile's configuration names: known to the redactor before anything is read from its record.

What looks like a secret is masked everywhere. A plain word that is one can only be masked by whoever knows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from stas_tui.config_sources import Credential
from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.executors.presets import PRESETS
from storage.errors import StasError
from storage.redact import register_secret

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.locations import Profile

MASKED_BY_SHAPE = "it is masked only where it looks like a secret."
_PASSWORD = re.compile(r"(?:^|\s)password\s*=\s*(?:'([^']+)'|(\S+))", re.IGNORECASE)


def know_secrets(profile: Profile, environ: Mapping[str, str] | None = None) -> list[str]:
    """Have the redactor know them; a sentence for each that could not be had.

    Values of the configuration itself, of the variables, commands and keyring entries that it and the tenancy files of
    its projects name, and of the variables that its executor is given. Raises `ConfigError`.
    """
    from stas_tui.config import load

    environ = os.environ if environ is None else environ
    if not profile.exists():
        return []
    settings = load(profile)
    told = list(_know(settings, "", environ, unused=_unused(settings)))
    shipped = PRESETS.get(settings.executor.preset)
    for name in (*settings.executor.env_allow, *(shipped.env_allow if shipped else ())):
        register_secret(environ.get(name, ""))
    for project in settings.project:
        told += _of_tenancy(profile, project.id, project.tenancy, environ)
    return told


def _unused(settings: Settings) -> frozenset[str]:
    """Sections that nobody wrote and nothing needs: what their defaults name need not be there."""
    needed = {"github"} if any(project.ci.github for project in settings.project) else set()
    return frozenset(type(settings).model_fields) - settings.model_fields_set - needed


def _of_tenancy(profile: Profile, project_id: str, named: str, environ: Mapping[str, str]) -> Iterator[str]:
    from stas_tui.isolation.tenancy import load

    file = profile.tenancy_file(project_id, named)
    if not file.exists():
        return
    try:
        tenancy = load(file)
    except StasError as error:
        yield f"The tenancy file of {project_id} cannot be read, nor which secrets it names: {error}"
        return
    yield from _know(tenancy, f"tenancy of {project_id}", environ)


def _know(
    value: object, where: str, environ: Mapping[str, str], *, unused: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Everything below a model that is a secret or says where one is; of what is `unused` nothing is told."""
    if isinstance(value, Credential):
        yield from _credential(value, where, environ)
    elif isinstance(value, SecretStr):
        _register(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            told = list(_know(getattr(value, name), f"{where}.{name}".lstrip("."), environ))
            yield from () if name in unused else told
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _know(item, f"{where}.{name}", environ)
    elif isinstance(value, list | tuple):
        for n, item in enumerate(value, 1):
            yield from _know(item, f"{where} {n}" if len(value) > 1 else where, environ)


def _credential(credential: Credential, where: str, environ: Mapping[str, str]) -> Iterator[str]:
    if not credential.named:
        return
    try:
        found = token_of(credential, environ, blanks=True)
    except CredentialMissing as error:
        yield f"The secret of {where} could not be had: {error} Until then {MASKED_BY_SHAPE}"
        return
    if found:
        _register(found)
    else:
        why = f"the variable {credential.env} is not set" if credential.env else "nothing was printed"
        yield f"The secret of {where} could not be had, because {why}: {MASKED_BY_SHAPE}"


def _register(secret: str) -> None:
    """The value, and the password in it if it is an address or a connection string."""
    register_secret(secret)
    try:
        password = urlsplit(secret).password
    except ValueError:
        password = None
    match = _PASSWORD.search(secret)
    for part in (password, match and (match[1] or match[2])):
        if part:
            register_secret(part)
