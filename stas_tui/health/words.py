"""The fixed words for what a health endpoint did, and what three tries of it mean (R75, R108, H4)."""

from __future__ import annotations

from collections.abc import Sequence

HEALTHY = "healthy"
TIMEOUT = "timeout"
REFUSED = "refused"
UNREACHABLE = "unreachable"
"""No way to the address: no route, or the network is down."""
NAME_NOT_FOUND = "name not found"
TLS_FAILURE = "TLS failure"
BROKEN = "broken connection"
"""It hung up, or what it said is not HTTP."""
REDIRECTED = "redirected"
WRONG_STATUS = "wrong status"
WRONG_BODY = "wrong body"
WRONG_VERSION = "wrong version"
NO_VERSION = "no version"
"""The answer should name a version and does not."""
TOO_LARGE = "too large"
NOT_ALLOWED = "not allowed"
"""The address lies inside somebody's own walls and nobody listed it; nothing was sent."""
NOT_AN_ADDRESS = "not an address"

DOWN = frozenset(
    {TIMEOUT, REFUSED, UNREACHABLE, NAME_NOT_FOUND, TLS_FAILURE, BROKEN, REDIRECTED, WRONG_STATUS, WRONG_BODY}
)
"""The endpoint does not do what it is for; two of three make it `failed`."""

DOUBTFUL = frozenset({WRONG_VERSION, NO_VERSION, TOO_LARGE})
"""Reachable and answering, but not as told: never more than `degraded`."""

NOT_ASKED = frozenset({NOT_ALLOWED, NOT_AN_ADDRESS})
"""Nothing is known about the endpoint."""

WORDS = frozenset({HEALTHY}) | DOWN | DOUBTFUL | NOT_ASKED

NO_CONTACT = frozenset({TIMEOUT, UNREACHABLE, NAME_NOT_FOUND})
"""What every endpoint says at once when it is our own network that is gone."""

TRIES = 3
"""Tries that count: those of the last rounds, so that nobody is hammered."""


def verdict(tries: Sequence[str]) -> str:
    """`ok`, `degraded`, `failed` or `unknown` from the words of the last tries, oldest first.

    Down in two of three is failed, once is degraded (H4); doubtful now is degraded; not asked now is unknown.
    """
    last = list(tries[-TRIES:])
    if not last or last[-1] in NOT_ASKED or last[-1] not in WORDS:
        return "unknown"
    down = sum(word in DOWN for word in last)
    if down >= 2:
        return "failed"
    return "degraded" if down or last[-1] in DOUBTFUL else "ok"
