"""The one module that knows where Stas keeps things on a person's machine, and which person that is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stas_tui import exit_codes
from storage.errors import StasError

HOME_VARIABLE = "STAS_HOME"
"""Set, it moves everything of Stas into one folder; `--home` does the same."""

PROFILE_VARIABLE = "STAS_PROFILE"
"""Set, it names the profile to use; `--profile` does the same."""

DEFAULT_PROFILE = "default"

SOCKET_PATH_BYTES = 100
"""Longest path of a socket; Linux takes 107 bytes, macOS 103."""

_SHORT_NAME = 16
_SOCKET_NAME_BYTES = 40
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class LocationError(StasError):
    """A folder of Stas cannot be used."""


class ProfileNameWrong(LocationError):
    """A profile name that could not be a folder's name everywhere."""

    exit_code = exit_codes.USAGE

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:60]!a} is no profile name.",
            "Use 1 to 32 lower-case letters, digits and hyphens, starting and ending with a letter or a digit.",
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """One supervised installation and the paths of everything it owns."""

    name: str
    root: Path
    runtime_dir: Path
    """Sockets of this profile's processes; short enough for `sun_path`."""

    @property
    def config_file(self) -> Path:
        """The settings, `stas.toml`."""
        return self.root / "stas.toml"

    @property
    def record_db(self) -> Path:
        """The record: journal, pulses, findings, runs."""
        return self.root / "stas.db"

    @property
    def platform_db(self) -> Path:
        """The world of the local platform: tasks, inbox, memories, pull requests."""
        return self.root / "platform.db"

    @property
    def watch_db(self) -> Path:
        """What the sources outside said last; it can be deleted at any time."""
        return self.root / "watch.db"

    @property
    def scan_db(self) -> Path:
        """What was read from files before, by their hashes; it can be deleted at any time."""
        return self.root / "scan.db"

    def tenancy_file(self, project_id: str, named: str = "") -> Path:
        """Where a project's tenancy file is; `named` is the place that the configuration names, if it does."""
        return self.root / Path(named).expanduser() if named else self.tenancy_dir / f"{project_id}.toml"

    def test_run_file(self, project_id: str) -> Path:
        """Where the statements of a project's test run are written down, unless a person names another place."""
        return self.tenancy_dir / f"{project_id}.statements.jsonl"

    @property
    def tenancy_dir(self) -> Path:
        """The tenancy files of all projects that name no other place."""
        return self.root / "tenancy"

    @property
    def clones(self) -> Path:
        """The tasks' workspaces."""
        return self.root / "clones"

    @property
    def runs(self) -> Path:
        """One folder for each run of an executor."""
        return self.root / "runs"

    @property
    def archive(self) -> Path:
        """What was unpushed when a workspace was deleted."""
        return self.root / "archive"

    @property
    def exports(self) -> Path:
        """Summaries and copies that a person asked for."""
        return self.root / "exports"

    @property
    def typed(self) -> Path:
        """What somebody types and has not sent yet; it can be deleted at any time."""
        return self.root / "typed"

    def exists(self) -> bool:
        """Whether the profile was set up."""
        return self.config_file.exists()

    def make(self) -> None:
        """Create the profile's folders, readable by their owner only. Raises `LocationError`."""
        for folder in (self.root, self.clones, self.runs, self.archive, self.exports):
            private_dir(folder)

    def socket_path(self, name: str) -> Path:
        """Path for a socket called `name` (at most 40 bytes); its folder is created.

        Raises `LocationError` if the folder belongs to somebody else or the path would be too long.
        """
        private_dir(self.runtime_dir.parent)
        private_dir(self.runtime_dir)
        path = self.runtime_dir / name
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            raise LocationError(
                f"The socket path {path} is longer than {SOCKET_PATH_BYTES} bytes.",
                f"Set {HOME_VARIABLE} to a shorter folder.",
            )
        return path


@dataclass(frozen=True, slots=True)
class Locations:
    """The user's folders, all of them below `home` if one was given."""

    config_dir: Path
    data_dir: Path
    runtime_dir: Path
    """Follows from the data folder alone, so that a login shell, cron and ssh find each other's sockets."""

    @classmethod
    def find(cls, home: Path | None = None, environ: Mapping[str, str] | None = None) -> Locations:
        """The folders for `home`, else for `$STAS_HOME`, else those of the platform. Creates nothing."""
        environ = os.environ if environ is None else environ
        if home is None and environ.get(HOME_VARIABLE):
            home = Path(environ[HOME_VARIABLE])
        if home is not None:
            home = Path(os.path.abspath(home.expanduser()))  # noqa: PTH100  symbolic links stay as they were written
            return cls(config_dir=home, data_dir=home, runtime_dir=_short(home / "run"))
        import platformdirs

        dirs = platformdirs.PlatformDirs("stas", appauthor=False)
        data = dirs.user_data_path
        return cls(dirs.user_config_path, data, _short(data / "run"))

    def profile(self, name: str) -> Profile:
        """The paths of a profile, whether it exists or not. Raises `ProfileNameWrong`."""
        check_profile_name(name)
        return Profile(name, self.data_dir / "profiles" / name, self.runtime_dir / _short_name(name))

    def profile_dir(self, name: str) -> Path:
        """The folder of a profile. Raises `ProfileNameWrong`."""
        return self.profile(name).root

    def profiles(self) -> list[str]:
        """Names of the profiles that were set up, sorted."""
        folder = self.data_dir / "profiles"
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if _NAME.fullmatch(p.name) and (p / "stas.toml").exists())

    @property
    def pointer(self) -> Path:
        """The file that names the profile to use when none is told."""
        return self.config_dir / "current-profile"

    def current(self, environ: Mapping[str, str] | None = None) -> str:
        """The profile to use when none is told.

        In this order: `$STAS_PROFILE`, the pointer file, the only profile there is, `default`.
        Raises `ProfileNameWrong`.
        """
        environ = os.environ if environ is None else environ
        name = environ.get(PROFILE_VARIABLE, "")
        if not name:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                name = self.pointer.read_text("utf-8", errors="replace").strip()
        if not name:
            known = self.profiles()
            name = known[0] if len(known) == 1 else DEFAULT_PROFILE
        return check_profile_name(name)

    def set_current(self, name: str) -> None:
        """Make `name` the profile to use when none is told. Raises `ProfileNameWrong`, `LocationError`."""
        private_dir(self.config_dir)
        write_private(self.pointer, check_profile_name(name) + "\n")


def check_profile_name(name: str) -> str:
    """The name itself. Raises `ProfileNameWrong`."""
    if not _NAME.fullmatch(name):
        raise ProfileNameWrong(name)
    return name


def os_user() -> str:
    """The operating-system user by the process' user id; the environment is not believed."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def private_dir(path: Path) -> Path:
    """Create a folder for the owner only, or check that an existing one is ours.

    Raises `LocationError` if it cannot be made, is no folder, or belongs to another user.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat() if path.parent == Path(tempfile.gettempdir()) else path.stat()
    except OSError as error:
        raise LocationError(
            f"The folder {path} cannot be created: {error.strerror}.", "Check permissions and free space."
        ) from error
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise LocationError(
            f"{path} is not a folder of the user {os_user()}.", f"Remove it, or set {HOME_VARIABLE} to another folder."
        )
    return path


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a whole file or nothing, readable by its owner only.

    Raises `FileExistsError` if `replace` is false and the file is there, `LocationError` for anything else.
    """
    handle, name = -1, ""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            os.link(name, path)
    except FileExistsError:
        raise
    except (OSError, UnicodeEncodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the text is not valid Unicode"
        raise LocationError(f"{path} cannot be written: {reason}.", "Check permissions and free space.") from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)


def _short(folder: Path) -> Path:
    """The folder itself if sockets fit into it, else a stand-in of our own in the temporary folder."""
    if len(os.fsencode(folder)) + len("/") + _SHORT_NAME + len("/") + _SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES:
        return folder
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"stas-{os.getuid()}-{mark}"


def _short_name(name: str) -> str:
    """The profile's name if it is short, else its beginning and a mark that tells it from others."""
    if len(name) <= _SHORT_NAME:
        return name
    return f"{name[:9]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
