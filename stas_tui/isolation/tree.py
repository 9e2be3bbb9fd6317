"""Files of a commit or of a working copy, by blob hash: what was read once need not be read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """One file: the hash of its content, its size in bytes, and whether it is a symbolic link or executable."""

    sha: str
    size: int
    link: bool = False
    executable: bool = False


class Tree(Protocol):
    """Files that do not change while one looks at them."""

    @property
    def commit(self) -> str:
        """Sha of the commit; for a working copy with changes, the head's sha with `+` behind it."""
        ...

    def files(self) -> Mapping[str, Blob]:
        """Paths with `/`, to blobs; submodules are left out. Raises `ForgeError`."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's content; None if it is not there or is a link. Raises `ForgeError`."""
        ...

    def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
        """Contents by blob hash, in one go. Raises `ForgeError`."""
        ...


class StatedTree(Tree, Protocol):
    """A tree that can say cheaply whether it is the one that was read before, and which blobs it holds."""

    @property
    def state(self) -> str:
        """Two trees with the same state hold the same files; empty if that cannot be said. Raises `ForgeError`."""
        ...

    def shas(self) -> Mapping[str, str]:
        """Paths of files, without links and submodules, to blob hashes; no sizes are looked up. Raises `ForgeError`."""
        ...

    def sizes(self, shas: list[str]) -> Mapping[str, int]:
        """Bytes of contents by blob hash, in one go and without reading any. Raises `ForgeError`."""
        ...


def shas_of(tree: Tree) -> Mapping[str, str]:
    """Paths of a tree's files to blob hashes, in the cheapest way that it has. Raises `ForgeError`."""
    shas = getattr(tree, "shas", None)
    if shas is not None:
        found: Mapping[str, str] = shas()
        return found
    return {path: blob.sha for path, blob in tree.files().items() if not blob.link}


def state_of(tree: Tree) -> str:
    """A tree's state; empty if it has none. Raises `ForgeError`."""
    return str(getattr(tree, "state", ""))


def unread_of(tree: Tree) -> Mapping[str, str]:
    """Files of a tree that nobody may read, and why; they stand in no other list of it. Raises `ForgeError`."""
    unread: Mapping[str, str] = getattr(tree, "unread", {})
    return unread


def sizes_of(tree: Tree, shas: list[str]) -> Mapping[str, int]:
    """Bytes of contents by blob hash, in the cheapest way that a tree has. Raises `ForgeError`."""
    sizes = getattr(tree, "sizes", None)
    if sizes is not None:
        found: Mapping[str, int] = sizes(shas)
        return found
    return {blob.sha: blob.size for blob in tree.files().values()}
