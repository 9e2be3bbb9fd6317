"""The files an execution prompt names: to read, and to create or modify (R61, R62)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from stas_tui.texts.kinds import inside
from stas_tui.texts.steps import items

_SEPARATOR = re.compile(r"^\s*(?:→|->|=>|—|–|:|\||-(?=\s))\s*|^\s+")
_QUOTED = re.compile(r"^[`“\"']([^`”\"'\n]+)[`”\"']")
_BARE = re.compile(r"^[^\s:|→`“\"]+")
_LOOKS_LIKE_PATH = re.compile(r"[/.*]|^(?:Dockerfile|Containerfile|Makefile|Jenkinsfile|Procfile|Caddyfile|LICENSE)\b")
_TABLE_RULE = re.compile(r"^\|?[\s:|\-]+\|?$")
_WHOLE_NOTE = re.compile(r"^\((.*)\)$")
_GLOB = re.compile(r"[*?\[]")


def file_lines(lines: Iterable[str]) -> list[tuple[str, str]]:
    """(path, rest of the line) for every line that begins with a path; other lines are skipped."""
    found: dict[str, str] = {}
    for raw in items(lines):
        if _TABLE_RULE.match(raw):
            continue
        text = raw.strip("| \t") if raw.startswith("|") else raw
        match = _QUOTED.match(text)
        path = match.group(1).strip() if match else ""
        end = match.end() if match else 0
        if not match and (plain := _BARE.match(text)):
            path, end = plain.group(), plain.end()
            path = path.rstrip(",;")
        path = path.removeprefix("./")
        if not path or path.startswith("{") or not _LOOKS_LIKE_PATH.search(path):
            continue
        rest = _SEPARATOR.sub("", text[end:], count=1).strip()
        rest = re.sub(r"^(?:→|->|=>|—|–|:|\||-)\s*", "", rest)
        whole = _WHOLE_NOTE.match(rest)
        found.setdefault(path, (whole.group(1) if whole else rest).strip())
    return list(found.items())


@lru_cache(maxsize=512)
def expand(pattern: str, paths: frozenset[str]) -> int:
    """How many of `paths` a path, a glob, `folder/` or `folder/...` names."""
    if pattern in paths:
        return 1
    folder = pattern.removesuffix("...").removesuffix("…")
    if folder.endswith("/"):
        return sum(1 for path in paths if path.startswith(folder))
    if _GLOB.search(pattern):
        match = re.compile(translate(pattern)).match
        return sum(1 for path in paths if match(path))
    return 1 if any(path.startswith(pattern + "/") for path in paths) else 0


def outside(paths: Iterable[str]) -> list[str]:
    """Paths that leave the repository."""
    return [path for path in paths if not inside(path)]


@lru_cache(maxsize=8)
def vocabulary(paths: frozenset[str]) -> frozenset[str]:
    """The names a repository uses: parts of its paths and their stems, lower case."""
    names: set[str] = set()
    for path in paths:
        for part in path.lower().split("/"):
            names.add(part)
            names.update(piece for piece in re.split(r"[._\-]", part) if len(piece) > 3)
    return frozenset(names - _COMMON)


# fmt: off
_COMMON = frozenset({
    "with", "from", "that", "this", "then", "when", "have", "make", "main", "test", "tests", "docs", "file",
    "files", "index", "init", "readme", "license", "code", "data", "json", "yaml", "html",
})
# fmt: on
"""Parts of paths that prove nothing about a text."""
