"""One rule for each part of the routine's prompt template, from the title to the files (R54-R62)."""

from __future__ import annotations

import re

from stas_tui.texts import steps, template
from stas_tui.texts.lines import count, listed, one_line, words
from stas_tui.texts.prompt_files import expand, file_lines, outside, vocabulary
from stas_tui.texts.prompt_parts import ROWS, part_state, unwritten
from stas_tui.texts.sections import FILLED, MISSING, WARNING, Document, SectionState
from stas_tui.texts.template import LINE_ITEM
from storage.records import Vision

_LEVEL = re.compile(r"\b(database|schema|row)(?:[- ]level)?s?\b", re.IGNORECASE)
_ISOLATION_LINE = re.compile(r"^tenant isolation\b(?:\s+at\b)?[:\s]*(.*)$", re.IGNORECASE | re.DOTALL)
_NONE = re.compile(r"^\W*(none|no limits?|n/?a|not applicable)\b\W*(.*)$", re.IGNORECASE | re.DOTALL)

# title, context, tenancy --------------------------------------------------------------------------


def title(document: Document) -> SectionState:
    """R54: the first line, with the routine's words and a clear title."""
    if document.title is None:
        return part_state("title", MISSING, f"The first line must read “# {template.TITLE}…”.")
    head, dash, rest = document.title.partition("—")
    if head.strip().lower() != "task: infrastructure" or not dash:
        return part_state("title", MISSING, f"The title must begin with “{template.TITLE.strip()}”.")
    return unwritten("title", rest.strip(), what="title") or part_state("title", FILLED, one_line(rest, 80))


def context(document: Document, vision: Vision | None, sha_used: str | None) -> SectionState:
    """R55: the condensed vision, and whether it is still the vision that was read."""
    text = document.body(template.CONTEXT) if document.lines(template.CONTEXT) is not None else None
    if (state := unwritten("context", text)) is not None:
        return state
    if vision is None:
        return part_state("context", WARNING, "No vision is set for the project: nothing to compare the context with.")
    if sha_used is None:
        return part_state("context", WARNING, "It is not recorded which version of the vision this was written from.")
    if sha_used != vision.sha256:
        return part_state(
            "context",
            MISSING,
            f"The vision changed since ({sha_used[:8]} was read, now {vision.sha256[:8]}): read it, write this again.",
        )
    return part_state("context", FILLED, f"from the vision {vision.sha256[:8]}")


def _labelled(document: Document) -> dict[str, str]:
    """The tenancy section's items by their first words, lower case; later lines belong to the item above."""
    found: dict[str, str] = {}
    current = ""
    labels = ("tenant isolation", "tenant-aware routing", "data isolation", "resource limits")
    for line in document.lines(template.TENANCY) or ():
        match = LINE_ITEM.match(line)
        text = match.group(1) if match else line.strip()
        plain = text.strip("*_ ")
        label = next((name for name in labels if plain.lower().startswith(name)), "") if match else ""
        if label and label not in found:
            current = label
            found[label] = plain
        elif current and text and not label:
            found[current] += f"\n{text}"
    return found


def tenancy(document: Document) -> list[SectionState]:
    """R56-R59: level, routing, data isolation, limits."""
    parts = _labelled(document)
    return [_level(parts.get("tenant isolation")), *(_described(key, label, parts) for key, label in _DESCRIBED)]


_DESCRIBED = (("routing", "tenant-aware routing"), ("data", "data isolation"), ("limits", "resource limits"))


def _level(line: str | None) -> SectionState:
    if (state := unwritten("level", line)) is not None:
        return state
    match = _ISOLATION_LINE.match(line or "")
    head, _, tail = (match.group(1) if match else "").partition(":")
    chosen = {name.lower() for name in _LEVEL.findall(head)} or {name.lower() for name in _LEVEL.findall(tail)}
    if len(chosen) != 1:
        given = one_line(head, 40) or "nothing"
        return part_state("level", MISSING, f"“{given}” is no isolation level: choose database, schema or row-level.")
    level = chosen.pop()
    return part_state("level", FILLED, "row-level" if level == "row" else level)


def level_of(document: Document) -> str:
    """The isolation level the prompt chose: `database`, `schema`, `row-level` or empty."""
    state = _level(_labelled(document).get("tenant isolation"))
    return state.reason if state.state == FILLED else ""


def _described(key: str, label: str, parts: dict[str, str]) -> SectionState:
    line = parts.get(label)
    text = None if line is None else line.partition(":")[2].strip(" *_")
    if key == "limits" and text is not None and (none := _NONE.match(text)):
        if len(words(none.group(2))) >= 3:
            return part_state(key, FILLED, "none, with a reason")
        return part_state(key, MISSING, "“none” needs its reason: “none, because …”.")
    if (state := unwritten(key, text)) is not None:
        return state
    if len(words(text or "")) < 3:
        return part_state(key, MISSING, f"“{ROWS[key].heading}” must be described, not named.")
    return part_state(key, FILLED)


# the change and its files -------------------------------------------------------------------------


def change(document: Document, paths: frozenset[str]) -> SectionState:
    """R60: specific, in the repository's own nouns."""
    lines = document.lines(template.CHANGE)
    text = None if lines is None else "\n".join(lines).strip()
    if (state := unwritten("change", text)) is not None:
        return state
    said = words(text or "")
    if len(said) < 30:
        return part_state("change", WARNING, f"Vague: {count(len(said), 'word')}; 30 or more say what exactly changes.")
    if paths and vocabulary(paths).isdisjoint(_pieces(said)):
        return part_state("change", WARNING, "Vague: it names nothing that this repository has.")
    return part_state("change", FILLED, count(len(said), "word"))


def _pieces(said: list[str]) -> set[str]:
    found: set[str] = set()
    for word in said:
        lower = word.lower()
        found.add(lower)
        found.update(re.split(r"[./_\-]", lower))
    return found


def read(document: Document, paths: frozenset[str]) -> tuple[SectionState, tuple[tuple[str, bool], ...]]:
    """R61: the paths to read, and whether each exists at the base commit; globs are expanded and counted."""
    lines = document.lines(template.READ)
    text = None if lines is None else "\n".join(lines)
    if (state := unwritten("read", text)) is not None:
        return state, ()
    counts = [(path, expand(path, paths)) for path, _ in file_lines(lines or ())]
    files = tuple((path, number > 0) for path, number in counts)
    if not files:
        return part_state("read", MISSING, "No path is listed."), ()
    if not paths:
        return part_state("read", WARNING, "The tree of the base commit could not be read: no path is checked."), files
    if gone := [path for path, exists in files if not exists]:
        return part_state("read", WARNING, f"Not at the base commit: {listed([one_line(p, 80) for p in gone])}."), files
    return part_state("read", FILLED, count(sum(number for _, number in counts), "file")), files


def modify(document: Document, paths: frozenset[str]) -> tuple[SectionState, tuple[tuple[str, str, bool], ...]]:
    """R62: every file that may change, what changes in it, and whether it is there already."""
    lines = document.lines(template.MODIFY)
    text = None if lines is None else "\n".join(lines)
    files = tuple((path, what, expand(path, paths) > 0) for path, what in file_lines(lines or ()))
    if (state := unwritten("modify", text)) is not None:
        return state, files
    if not files:
        return part_state("modify", MISSING, "No path is listed: any changed file would be a surprise."), files
    if bad := outside(path for path, _, _ in files):
        return part_state(
            "modify", MISSING, f"Outside the repository: {listed([one_line(p, 60) for p in bad])}."
        ), files
    if silent := [path for path, what, _ in files if steps.is_empty(what)]:
        return part_state(
            "modify", MISSING, f"Not said what changes in {listed([one_line(p, 60) for p in silent])}."
        ), files
    new = sum(1 for _, _, exists in files if not exists)
    return part_state("modify", FILLED, f"{count(len(files), 'file')}, {new} new"), files
