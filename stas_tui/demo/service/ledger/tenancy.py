"""Who is asking. A request without a valid tenant never reaches a query."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Iterable, Mapping, Optional

HEADER = "X-Tenant"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class TenantError(Exception):
    """The request has no usable tenant; `status` is the HTTP answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Tenancy:
    """Checks the tenant header, and the tenant's own token where tokens are configured."""

    def __init__(self, tenants: Iterable[str], token_digests: Optional[Mapping[str, str]] = None) -> None:
        self.tenants = frozenset(tenants)
        self._digests = None if token_digests is None else dict(token_digests)

    def resolve(self, header: Optional[str], authorization: Optional[str]) -> str:
        """The tenant of a request. Raises `TenantError` with 400, 401 or 403."""
        if header is None:
            raise TenantError(400, "header %s is missing" % HEADER)
        name = header.strip()
        if not _NAME.fullmatch(name):
            raise TenantError(400, "header %s is not a tenant name" % HEADER)
        if name not in self.tenants:
            raise TenantError(403, "unknown tenant")
        if self._digests is not None:
            self._check_token(name, authorization or "")
        return name

    def _check_token(self, tenant: str, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        given = hashlib.sha256(token.strip().encode()).hexdigest()
        expected = self._digests.get(tenant, "") if self._digests else ""
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, expected):
            raise TenantError(401, "the token is not this tenant's")


def read_token_digests(path: Optional[str]) -> Optional[Mapping[str, str]]:
    """`{"tenant": "sha256 of its token"}` from a mounted file; the tokens themselves are never stored."""
    if path is None:
        return None
    return {str(tenant): str(digest) for tenant, digest in json.loads(Path(path).read_text()).items()}
