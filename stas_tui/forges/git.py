"""Runs git: one process per command, nothing inherited, nothing interactive, always bounded.

The command-line program is used everywhere. GitPython is as fast only where it passes arguments through to the same
program (1.0-1.3x), is 9-26x slower where it has objects of its own (diffs, history, index), costs 80 ms to import, and
gives no hold on the environment that keeps an executor's configuration out. Pass-through without that hold is a
subprocess, so a subprocess it is.

What every command gets:

* an environment built from an allow-list; `GIT_CONFIG_NOSYSTEM`, `GIT_CONFIG_GLOBAL=/dev/null`, no prompts, no optional
  locks, no replace refs, no path patterns, `LC_ALL=C`;
* hooks, file-system monitor, commit graph, multi-pack index, credential helpers, automatic maintenance and
  `ext::` remotes switched off;
* its own session, a time limit, and a kill of the whole process group when the limit is over.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stas_tui.forges.base import ForgeError
from stas_tui.forges.names import without_userinfo

LOCAL_TIMEOUT = 120.0
"""Seconds for a command that touches only this machine's files."""
REMOTE_TIMEOUT = 300.0
"""Seconds for a command that speaks with a remote."""

_ALLOWED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)

_FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_CEILING_DIRECTORIES": "/",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
    "LC_ALL": "C",
}

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.symlinks": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "true",
    "core.bigFileThreshold": "32m",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "push.gpgSign": "false",
    "credential.helper": "",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "init.defaultBranch": "main",
    "protocol.allow": "never",
    "protocol.file.allow": "always",
    "protocol.ssh.allow": "always",
    "protocol.git.allow": "always",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ext.allow": "never",
}


class GitFailed(ForgeError):
    """A git command ended with an exit code that its caller did not expect."""

    def __init__(self, what: str, mend: str = "", *, code: int, err: str) -> None:
        super().__init__(what, mend, remote=remote_lines(err))
        self.code = code
        self.err = err


class GitTimeout(ForgeError):
    """A git command took longer than its limit and was killed."""


@dataclass(frozen=True, slots=True)
class Done:
    """A git command that ended as expected."""

    code: int
    out: bytes
    err: str
    cut: bool = False
    """The output was longer than its limit; the command was stopped and `out` holds the first part."""

    @property
    def text(self) -> str:
        """The output as text, without surrounding white space."""
        return self.out.decode("utf-8", "replace").strip()

    @property
    def items(self) -> list[bytes]:
        """The output of a `-z` command."""
        return [item for item in self.out.split(b"\0") if item]

    @property
    def lines(self) -> list[str]:
        """The output's non-empty lines."""
        return [line for line in self.out.decode("utf-8", "replace").split("\n") if line]


def remote_lines(err: str) -> tuple[str, ...]:
    """What the remote printed: the `remote:` lines of git's messages, without the prefix and trailing blanks."""
    found = re.findall(r"^remote: ?(.*?)\s*$", err.replace("\r", "\n"), flags=re.MULTILINE)
    return tuple(line for line in found if line)[:50]


def quoted_alternate(objects: Path) -> str:
    """A path in the form in which git's list of alternate object folders keeps colons and quotes."""
    text = str(objects).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


class Git:
    """The runner. Holds no state but its limits; safe to share between threads."""

    def __init__(self, *, program: str = "git", local: float = LOCAL_TIMEOUT, remote: float = REMOTE_TIMEOUT) -> None:
        self._program = program
        self._local = local
        self._remote = remote

    def environment(self) -> dict[str, str]:
        """The environment of every command, before its own additions."""
        env = {name: os.environ[name] for name in _ALLOWED if name in os.environ}
        env |= _FIXED
        env["GIT_CONFIG_COUNT"] = str(len(_SETTINGS))
        for n, (key, value) in enumerate(_SETTINGS.items()):
            env[f"GIT_CONFIG_KEY_{n}"] = key
            env[f"GIT_CONFIG_VALUE_{n}"] = value
        return env

    def run(
        self,
        *args: str | bytes,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        index: Path | None = None,
        alternate: Path | None = None,
        stdin: bytes | IO[bytes] = b"",
        into: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        limit: int | None = None,
        ok: Collection[int] = (0,),
        remote: bool = False,
    ) -> Done:
        """Run one git command and return its output.

        The working directory is the work tree, else the git directory, else `/`: never the caller's, so no
        configuration is found by accident. `into` receives the output instead of memory; `limit` stops the command
        after so many bytes. Raises `GitFailed` for an exit code not in `ok`, `GitTimeout`, and `ForgeError` if
        there is no git program.
        """
        full = self.environment()
        if git_dir is not None:
            full["GIT_DIR"] = str(git_dir)
        if work_tree is not None:
            full["GIT_WORK_TREE"] = str(work_tree)
        if index is not None:
            full["GIT_INDEX_FILE"] = str(index)
        if alternate is not None:
            full["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = quoted_alternate(alternate)
        full |= env or {}
        done = self._spawn(
            args, full, work_tree or git_dir or Path("/"), stdin=stdin, into=into, limit=limit, remote=remote
        )
        if done.code not in ok and not done.cut:
            raise _failure(str(args[0]), done)
        return done

    def _spawn(
        self,
        args: tuple[str | bytes, ...],
        env: dict[str, str],
        cwd: Path,
        *,
        stdin: bytes | IO[bytes],
        into: IO[bytes] | None,
        limit: int | None,
        remote: bool,
    ) -> Done:
        seconds = self._remote if remote else self._local
        with tempfile.TemporaryFile() as errors, _input(stdin) as source:
            try:
                child = subprocess.Popen(
                    [self._program, *args],
                    stdin=source,
                    stdout=subprocess.PIPE if into is None else into,
                    stderr=errors,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                if not cwd.is_dir():
                    raise ForgeError(f"The folder {cwd} is gone.", "Provision the workspace again.") from error
                raise ForgeError(f"There is no program {self._program}.", "Install git and try again.") from error
            expired = threading.Event()

            def stop() -> None:
                expired.set()
                _kill(child)

            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            try:
                out, cut = _read(child, limit)
            finally:
                _end(child, timer)
            errors.seek(0, os.SEEK_END)
            errors.seek(max(errors.tell() - 65_536, 0))
            err = without_userinfo(errors.read().decode("utf-8", "replace"))
        if expired.is_set():
            raise GitTimeout(
                f"git {args[0]!s} took longer than {seconds:g} s and was stopped.",
                "Check that the remote answers." if remote else "Check the disk and the size of the work tree.",
            )
        return Done(child.returncode, out, err, cut)


@contextmanager
def _input(stdin: bytes | IO[bytes]) -> Iterator[IO[bytes] | int]:
    if not isinstance(stdin, bytes):
        yield stdin
    elif not stdin:
        yield subprocess.DEVNULL
    else:
        with tempfile.TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            yield file


def _read(child: subprocess.Popen[bytes], limit: int | None) -> tuple[bytes, bool]:
    if child.stdout is None:
        return b"", False
    if limit is None:
        return child.stdout.read(), False
    out = child.stdout.read(limit + 1)
    if len(out) <= limit:
        return out, False
    _kill(child)
    return out[:limit], True


def _end(child: subprocess.Popen[bytes], timer: threading.Timer) -> None:
    """Reap the child in every case: after a normal end, a cut, and an exception in this thread."""
    if child.stdout is not None:
        child.stdout.close()
    try:
        child.wait()
    finally:
        timer.cancel()
        if child.returncode is None:
            _kill(child)
            child.wait()
        timer.join()


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _failure(command: str, done: Done) -> GitFailed:
    lines = [line for line in done.err.split("\n") if line.strip()]
    telling = [line for line in lines if re.match(r"(fatal|error):", line)] or lines[-1:]
    text = re.sub(r"^(fatal|error): ", "", telling[0]).strip() if telling else f"exit code {done.code}"
    return GitFailed(f"git {command} failed: {text[:400].rstrip('.')}.", code=done.code, err=done.err)
