"""A Markdown text cut at its second-level headings, and the state of each part as a lint sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

FILLED = "filled"
PLACEHOLDER = "placeholder"
MISSING = "missing"
WARNING = "warning"

UNFILLED = frozenset({PLACEHOLDER, MISSING})
"""States that keep a gate locked."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^(#{1,2})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_CODE = re.compile(r"`[^`\n]*`")
_BRACES = re.compile(r"(?<![${\w/\"'])\{([^{}\n\"=:;$]{1,120})\}(?!\})")
_SPACED = re.compile(r"^[A-Za-z][^\W\d_]*['’]?[^\W\d_]*(?:[ ,/–—\-]+[^\W\d_]+['’]?[^\W\d_]*)+$")


@dataclass(frozen=True, slots=True)
class SectionState:
    """How far one part of a text is written."""

    key: str
    heading: str
    state: str
    """`filled`, `placeholder`, `missing` or `warning`."""
    reason: str
    """One sentence; empty when there is nothing to say."""
    row: str
    """The obligation it answers to, as `R56`."""

    @property
    def done(self) -> bool:
        """True if this part does not keep the gate locked."""
        return self.state not in UNFILLED


@dataclass(slots=True)
class Document:
    """A Markdown text as title, text before the first section, and sections in order."""

    title: str | None = None
    """The first first-level heading, without its mark."""
    preamble: list[str] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)
    """Heading in lower case -> its lines. The first of several equal headings counts."""
    order: list[str] = field(default_factory=list)
    """All second-level headings as written, repeats included."""

    def lines(self, heading: str) -> list[str] | None:
        """The lines of a section; None if there is no such heading."""
        return self.sections.get(heading.lower())

    def body(self, heading: str) -> str:
        """The text of a section without outer blanks; empty if there is none."""
        return "\n".join(self.lines(heading) or ()).strip()

    def repeated(self) -> list[str]:
        """Headings that stand there more than once, each once."""
        seen: dict[str, int] = {}
        for heading in self.order:
            seen[heading.lower()] = seen.get(heading.lower(), 0) + 1
        return [heading for heading, number in seen.items() if number > 1]


def parse(text: str) -> Document:
    """Cut a text at its headings; a heading inside a code fence is text."""
    document = Document()
    current = document.preamble
    fence = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if line[:4].lstrip(" ")[:1] in ("`", "~") and (opened := _FENCE.match(line)):
            mark = opened.group(1)
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence) and not line.strip().strip(mark[0]):
                fence = ""
        elif not fence and line.startswith("#") and (heading := _HEADING.match(line)):
            name = heading.group(2).strip()
            if heading.group(1) == "#":
                if document.title is None:
                    document.title = name
                    continue
            else:
                document.order.append(name)
                current = document.sections.setdefault(name.lower(), [])
                if document.order.count(name) > 1:
                    current = []
                continue
        current.append(line)
    return document


def placeholders(text: str, known: Iterable[str] = ()) -> list[str]:
    """The template placeholders left in a text, in order, each once.

    A placeholder is one of `known`, or words with a space between braces; `${HOME}`, `{{ value }}`, `/users/{id}`,
    JSON and anything inside backticks are none.
    """
    if "{" not in text:
        return []
    names = frozenset(known)
    found: dict[str, None] = {}
    for match in _BRACES.finditer(_CODE.sub("", text)):
        inner = match.group(1).strip()
        if inner in names or _SPACED.match(inner):
            found[match.group()] = None
    return list(found)


def quote_names(names: Iterable[str]) -> str:
    """`“a”, “b”` for a sentence."""
    return ", ".join(f"“{name}”" for name in names)
