"""Canonical JSON and digests: one value, one string of bytes, one SHA-256 (RFC 8785)."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from storage.errors import StasError

_SAFE_INT = 2**53 - 1


class CanonicalError(StasError):
    """A value has no canonical form: NaN, infinity, an integer beyond 2^53, a lone surrogate, a key that is no text."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value.

    Raises `CanonicalError` for everything that two JSON readers could understand differently.
    """
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CanonicalError(
            f"This value cannot be sealed: {why}.",
            "Send plain JSON: finite numbers below 2^53, well-formed text, text keys.",
        ) from error


def digest_of(value: Any, domain: str) -> str:
    """SHA-256 (hex) over the domain's name, a line feed, and the canonical form. Raises `CanonicalError`."""
    return hashlib.sha256(f"{domain}\n".encode() + canonical(value)).hexdigest()


def well_formed(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, so that it can be stored and hashed."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def tame(value: Any) -> Any:
    """A value that surely has a canonical form, for log lines that must not be lost.

    Lone surrogates become U+FFFD; numbers without a canonical form, and anything that is not JSON, become text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return well_formed(str(value))
    if isinstance(value, int):
        return int(value) if abs(value) <= _SAFE_INT else str(int(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [tame(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(str(key)): tame(item) for key, item in value.items()}
    return well_formed(str(value))


def dump(value: Any) -> str:
    """JSON text for a column: ASCII, so that lone surrogates of hostile text survive the round trip.

    Raises `CanonicalError` for NaN, infinity and things that are not JSON.
    """
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise CanonicalError(f"This value cannot be stored as JSON: {error}.") from error


def load(text: str) -> Any:
    """The value of a JSON column."""
    return json.loads(text)
