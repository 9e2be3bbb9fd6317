"""A commit's files written into the rehearsal's folder, from git's blobs and never from the user's working copy."""

from __future__ import annotations

from pathlib import Path

from stas_tui.isolation.tree import Tree
from stas_tui.review.rehearsal.walls import Place

MOST_BYTES = 400 * 1024 * 1024
LARGEST = 8 * 1024 * 1024
"""Larger files are no code and are left out."""
_AT_ONCE = 500


def write_tree(tree: Tree, here: Place, name: str) -> Path:
    """Write the files of a tree into a folder. Links, and names that would lead outside, are left out.

    Raises `ForgeError`; `OSError` if there is no room.
    """
    root = here.made(name)
    wanted = {
        path: blob for path, blob in tree.files().items() if not blob.link and blob.size <= LARGEST and _inside(path)
    }
    paths = sorted(wanted)
    written = 0
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        contents = tree.read_many(list(dict.fromkeys(wanted[path].sha for path in some)))
        for path in some:
            data = contents[wanted[path].sha]
            written += len(data)
            if written > MOST_BYTES:
                raise OSError(f"the repository has more than {MOST_BYTES // 1024 // 1024} MB")
            _write(root / path, data, executable=wanted[path].executable)
    here.give(root)
    return root


def _inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and "\0" not in path and not {"", ".", "..", ".git"} & set(parts)


def _write(path: Path, data: bytes, *, executable: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError, UnicodeEncodeError):
        return  # two names that this file system takes for one
    except OSError as error:
        if error.errno == 36:  # the name is longer than this file system allows
            return
        raise
    path.chmod(0o755 if executable else 0o644)
