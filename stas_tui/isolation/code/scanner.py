"""Reads a tree: facts of every file, parsed once for each content and kept by its hash (`storage.scans`)."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.parse import LARGEST, TOO_LARGE
from stas_tui.isolation.code.words import Words
from stas_tui.isolation.tree import Tree, shas_of, sizes_of, unread_of

if TYPE_CHECKING:
    from storage.scans import Scans

POOL_FROM = 200
"""New contents from which on children read them; below it starting them costs more than it saves."""
BATCH = 64
"""Files that are fetched from git and read between two looks at whether a person ended the run."""
BATCH_BYTES = 8 * 1024 * 1024
"""Bytes that a batch holds at most, or one file."""
HEAVY = 128 * 1024
"""Bytes from which on a file is read by a child, which may hang or die on it."""
PORTION = 512
"""Facts that are kept at once where there are many; fewer are kept together with what was made of them."""

Facts = dict[str, Any]
Step = Callable[[str], None]


@dataclass(slots=True)
class Scanned:
    """The facts of a tree's files."""

    files: dict[str, Facts] = field(default_factory=dict)
    """Facts of files that have any, by path."""
    total: int = 0
    """Files that were asked about."""
    blobs: int = 0
    """Different contents among them."""
    parsed: int = 0
    """Contents that were read now; the others were known."""
    unread: dict[str, str] = field(default_factory=dict)
    """Files that could not be read, and why."""
    digest: str = ""
    """Hash over paths and contents, for the evidence."""
    fresh: dict[str, dict[str, Facts]] = field(default_factory=dict)
    """Facts by rule set and blob hash that the caller still has to keep."""


def scan(
    tree: Tree, words: Words, scans: Scans | None = None, *, step: Step = lambda _: None, children: int | None = None
) -> Scanned:
    """Read every wanted file of a tree. `children` is how many processes may read; None chooses by the work.

    Raises `ForgeError`, `StoreError`, and whatever `step` raises when a person ended the run.
    """
    step("which files changed")
    shas = {path: sha for path, sha in shas_of(tree).items() if words.wanted(path)}
    unread = {path: why for path, why in unread_of(tree).items() if words.wanted(path)}
    scanned = Scanned(total=len(shas) + len(unread), digest=_digest({**shas, **unread}), unread=unread)
    for kind in (".py", ".sql"):
        of_kind = {sha: path for path, sha in shas.items() if path.endswith(kind)}
        scanned.blobs += len(of_kind)
        rules = words.rules + ("" if kind == ".py" else kind)
        with without_collecting():
            known = scans.known(rules, of_kind) if scans is not None and of_kind else {}
        misses = {sha: path for sha, path in of_kind.items() if sha not in known}
        scanned.parsed += len(misses)
        for batch in _batches(_read(tree, misses, words, step, children)):
            if scans is not None and len(misses) > PORTION:
                scans.keep(rules, batch)
            elif scans is not None:
                scanned.fresh[rules] = batch
            known |= batch
        for path, sha in shas.items():
            if sha in known and (facts := known[sha]) and path.endswith(kind):
                if "u" in facts:
                    scanned.unread[path] = facts["u"]
                else:
                    scanned.files[path] = facts
    return scanned


@contextmanager
def without_collecting() -> Iterator[None]:
    """The facts of thousands of files are many small objects that all stay: looking for garbage among them is waste."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _digest(shas: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{sha} {path}\n" for path, sha in sorted(shas.items())).encode()).hexdigest()


def _batches(found: Iterator[tuple[str, Facts]]) -> Iterator[dict[str, Facts]]:
    """The facts in portions that are kept together, so that an ended run leaves what it read."""
    batch: dict[str, Facts] = {}
    for sha, facts in found:
        batch[sha] = facts
        if len(batch) >= PORTION:
            yield batch
            batch = {}
    if batch:
        yield batch


def _read(
    tree: Tree, misses: Mapping[str, str], words: Words, step: Step, children: int | None
) -> Iterator[tuple[str, Facts]]:
    if not misses:
        return
    sizes = sizes_of(tree, list(misses))
    here: list[str] = []
    heavy: list[str] = []
    for sha in sorted(misses, key=lambda sha: misses[sha]):
        if sizes[sha] > LARGEST:
            yield sha, {"u": TOO_LARGE}
        else:
            (heavy if sizes[sha] > HEAVY else here).append(sha)
    if children is None:
        children = min(os.cpu_count() or 1, 4) if len(misses) >= POOL_FROM else 0
    if children <= 1:
        for sha, path, data in _contents(tree, here, misses, sizes, step):
            yield sha, read(path, data, words)
        here = []
    if not (here or heavy):
        return
    from stas_tui.isolation.code.children import read_in_children

    items = _contents(tree, [*heavy, *here], misses, sizes, step)
    with closing(read_in_children(items, words, max(children, 1))) as answers:  # type: ignore[type-var]
        yield from answers


def _contents(
    tree: Tree, shas: list[str], paths: Mapping[str, str], sizes: Mapping[str, int], step: Step
) -> Iterator[tuple[str, str, bytes]]:
    at = 0
    while at < len(shas):
        end, held = at + 1, sizes[shas[at]]
        while end < min(at + BATCH, len(shas)) and held + sizes[shas[end]] <= BATCH_BYTES:
            held += sizes[shas[end]]
            end += 1
        step(f"reading {paths[shas[at]]} ({at + 1} of {len(shas)})")
        contents = tree.read_many(shas[at:end])
        for sha in shas[at:end]:
            yield sha, paths[sha], contents[sha]
        at = end
