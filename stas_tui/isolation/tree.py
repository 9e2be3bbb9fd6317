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
