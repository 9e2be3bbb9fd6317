"""Names that cross the border between git's bytes and Stas's text.

git knows paths as bytes: a file name may hold line feeds, quotes, escape sequences or bytes that are no UTF-8.
Records hold text that can be stored as JSON and drawn. `printable` maps every path to a printable text and
`raw_path` maps it back without loss, so a path that a person was shown can be asked for again.
"""

from __future__ import annotations

import hashlib
import re

from stas_tui.forges.naming import slug

_ESCAPED = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_+=#@%,.-]|/(?=[A-Za-z0-9_]))*")


def printable(path: bytes) -> str:
    r"""A path as text: UTF-8 where it is printable, `\xNN` for every other byte, `\\` for a backslash."""
    out: list[str] = []
    for char in path.decode("utf-8", "surrogateescape"):
        if char == "\\":
            out.append("\\\\")
        elif char.isprintable():
            out.append(char)
        else:
            out.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return "".join(out)


def raw_path(path: str) -> bytes:
    """The bytes of a path that `printable` wrote."""

    def back(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1], 16)]) if found[1] else b"\\"

    return _ESCAPED.sub(back, path.encode("utf-8", "surrogateescape"))


def id_slug(identifier: str) -> str:
    """A file name for an identifier: itself if it is harmless, else a cleaned form with a digest of the original.

    Two different identifiers never share a name.
    """
    if len(identifier) <= 64 and _SAFE_ID.fullmatch(identifier) and not identifier.endswith(".lock"):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{slug(identifier, 40) or 'id'}-{digest}"


def is_sha(text: str) -> bool:
    """Whether a text is a full object name."""
    return _SHA.fullmatch(text) is not None


def is_branch(name: str) -> bool:
    """Whether a text is a branch name that Stas accepts; stricter than git."""
    bad = ".." in name or "@{" in name or name.endswith((".", "/", ".lock")) or ".lock/" in name or "/." in name
    return len(name) <= 200 and not bad and _BRANCH.fullmatch(name) is not None


def without_userinfo(text: str) -> str:
    """The text with `user:password@` taken out of every URL in it."""
    return _USERINFO.sub("", text)
