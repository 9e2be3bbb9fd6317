"""Files whose names say that they hold a secret (R92). Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.records import SecretHit

_SECRET_NAMES = re.compile(
    r"(?i)^(?:\.env(?:\..+)?|.+\.env|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.+\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc)|"
    r"\.netrc|_netrc|\.pgpass|\.npmrc|\.pypirc|\.htpasswd|\.git-credentials|\.dockercfg|\.vault-token|credentials(?:\.\w+)?|"
    r"client_secret.*\.json|service[-_]account.*\.json|secrets?\.(?:ya?ml|json|toml|ini|env)|kubeconfig|"
    r"terraform\.tfstate(?:\.backup)?|.+\.tfvars)$"
)
_HARMLESS_NAMES = re.compile(r"(?i)(?:^|[._-])(?:example|sample|template|dist|tmpl|defaults?)(?:$|[._-])|\.pub$")
_SECRET_PATHS = re.compile(
    r"(?i)(?:^|/)(?:\.aws/(?:credentials|config)|\.docker/config\.json|\.kube/config|\.ssh/[^/]+)$"
)


def scan_names(paths: Iterable[str]) -> list[SecretHit]:
    """Files whose name says that they hold a secret: `.env`, `id_rsa`, `*.pem` — not `.env.example` (R92)."""
    from storage.records import SecretHit

    hits = []
    for path in paths:
        name = PurePosixPath(path).name
        if _HARMLESS_NAMES.search(name):
            continue
        if _SECRET_NAMES.match(name) or _SECRET_PATHS.search(path):
            hits.append(SecretHit(rule="file-name", place=path, masked=name))
    return hits
