"""Checks of folders, the disk, and the files of databases."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from stas_tui.doctor_rows import Row, State
from stas_tui.locations import HOME_VARIABLE, Profile

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems on which SQLite's locks cannot be relied on."""

MIB = 1024 * 1024
DISK_FAIL, DISK_WARN = 200 * MIB, 1024 * MIB

_SQLITE_HEADER = b"SQLite format 3\x00"
_VERSION_AT = 60


def folders(profile: Profile) -> Iterator[Row]:
    """The profile's folder: who may read it, where it lies, how much room there is."""
    yield _permissions(profile)
    nearest = profile.root
    while not nearest.exists():
        nearest = nearest.parent
    yield _filesystem(nearest, _mounts())
    yield _disk(nearest)


def _permissions(profile: Profile) -> Row:
    what = "Profile folder"
    if not profile.root.exists():
        return Row("folder", what, State.UNKNOWN, f"{profile.root} does not exist yet", "`stas init` makes it.")
    for path in (profile.root, profile.config_file, profile.record_db, profile.platform_db):
        if not path.exists():
            continue
        info = path.stat()
        if info.st_uid != os.getuid():
            return Row("folder", what, State.FAIL, f"{path} belongs to another user", "Give it back with chown.")
        if stat.S_IMODE(info.st_mode) & 0o077:
            wanted = "700" if path.is_dir() else "600"
            return Row("folder", what, State.FAIL, f"others can open {path}", f"chmod {wanted} '{path}'")
    if not os.access(profile.root, os.W_OK):
        return Row("folder", what, State.FAIL, f"{profile.root} cannot be written", "Make it writable for your user.")
    return Row("folder", what, State.OK, f"{profile.root}, yours alone")


def _mounts() -> str | None:
    """The table of mounted file systems; None where there is none to read."""
    try:
        return Path("/proc/self/mounts").read_text("utf-8", errors="replace")
    except OSError:
        return None


def filesystem_of(path: Path, mounts: str) -> str | None:
    """Type of the file system that holds `path`, by the longest mount point above it; the last mount wins."""
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape", "replace") if "\\" in fields[1] else fields[1]
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind


def _filesystem(path: Path, mounts: str | None) -> Row:
    what = "File system"
    kind = filesystem_of(path.resolve(), mounts) if mounts is not None else None
    if kind is None:
        return Row("filesystem", what, State.UNKNOWN, "this system does not tell")
    if kind in NETWORK:
        return Row(
            "filesystem",
            what,
            State.FAIL,
            f"{kind}: locks over a network cannot be relied on",
            f"Set {HOME_VARIABLE} to a folder on a local disk.",
        )
    return Row("filesystem", what, State.OK, kind)


def _disk(path: Path) -> Row:
    free = shutil.disk_usage(path).free
    shown = f"{free / (1024 * MIB):.1f} GiB free"
    if free < DISK_FAIL:
        return Row("disk", "Disk", State.FAIL, shown, "Free at least 1 GiB.")
    if free < DISK_WARN:
        return Row("disk", "Disk", State.WARN, shown, "Free at least 1 GiB.")
    return Row("disk", "Disk", State.OK, shown)


def header_row(id_: str, what: str, path: Path) -> tuple[Row, int | None]:
    """A database by its file header alone, and its schema version if it has one; nothing is opened or created."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return Row(id_, what, State.UNKNOWN, "not created yet"), None
    except OSError as error:
        return Row(id_, what, State.FAIL, f"cannot be read: {error.strerror}", "Check its permissions."), None
    if not header:
        return Row(id_, what, State.UNKNOWN, "empty, nothing was ever written"), None
    if not header.startswith(_SQLITE_HEADER) or len(header) < 100:
        return Row(id_, what, State.FAIL, f"{path} is no SQLite database", "Move it away and restore a copy."), None
    if not os.access(path, os.W_OK):
        return Row(id_, what, State.FAIL, f"{path} cannot be written", "Make it writable for your user."), None
    schema = int.from_bytes(header[_VERSION_AT : _VERSION_AT + 4], "big")
    return Row(id_, what, State.OK, f"schema {schema}, {path.stat().st_size / MIB:.1f} MiB"), schema
