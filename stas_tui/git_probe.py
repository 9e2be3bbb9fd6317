"""Questions to git and other programs that change nothing: for setting up a profile and for `stas doctor`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

GIT_FROM = (2, 38)
"""The first git whose `merge-tree --write-tree` tells conflicts without a work tree."""

TIMEOUT_S = 15.0
"""Seconds to wait for a remote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What git said; `code` is -1 if it could not be asked."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether git ended well."""
        return self.code == 0

    @property
    def reason(self) -> str:
        """The line that best says why it did not."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))]
        line = (fatal or lines or ["it gave no reason"])[0]
        return "".join(c if c.isprintable() else "?" for c in without_password(line))[:200]


def git(arguments: Sequence[str], cwd: Path | None = None, timeout_s: float = TIMEOUT_S) -> Answer:
    """Ask git; it never prompts, never takes locks, and is given up after `timeout_s` seconds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10")
    return ask(["git", *arguments], cwd, timeout_s, environment)


def ask(
    command: Sequence[str],
    cwd: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """Run a program that only answers; without a terminal, given up after `timeout_s` seconds."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(-1, "", f"no answer within {timeout_s:.0f} s")
    except (OSError, ValueError) as error:
        return Answer(-1, "", f"{command[0]} could not be run: {error}")
    return Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def version() -> tuple[int, ...] | None:
    """git's version; None if there is no git."""
    if shutil.which("git") is None:
        return None
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", git(["--version"]).out)
    return tuple(int(part) for part in match.groups() if part) if match else None


def top_level(path: Path) -> Path | None:
    """The root of the working copy around `path`, or the bare repository at `path`; None if there is neither."""
    if not path.is_dir():
        return None
    answer = git(["rev-parse", "--show-toplevel"], path)
    if answer.ok and answer.out.strip():
        return Path(answer.out.rstrip("\n"))
    if git(["rev-parse", "--is-bare-repository"], path).out.strip() == "true":
        return Path(git(["rev-parse", "--absolute-git-dir"], path).out.rstrip("\n"))
    return None


def current_branch(path: Path) -> str | None:
    """The branch that is checked out; None for a detached head."""
    answer = git(["symbolic-ref", "--short", "-q", "HEAD"], path)
    return answer.out.strip() or None


def remotes(path: Path) -> dict[str, str]:
    """Remote names and their URLs."""
    names = git(["remote"], path).out.split()
    return {name: git(["remote", "get-url", name], path).out.strip() for name in names}


def heads(where: str) -> tuple[dict[str, str], str | None, Answer]:
    """Branches of a path or URL with their shas, the default branch if it says so, and git's answer."""
    answer = git(["ls-remote", "--symref", "--", where, "HEAD", "refs/heads/*"])
    found: dict[str, str] = {}
    default = None
    for line in answer.out.splitlines():
        left, _, name = line.partition("\t")
        if left.startswith("ref: refs/heads/") and name == "HEAD":
            default = left.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/"):
            found[name.removeprefix("refs/heads/")] = left
    return found, default, answer


def without_password(text: str) -> str:
    """The text with the user part of every URL in it that has a password taken out."""
    return re.sub(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]*:[^/\s@]*@", r"\1", text)


def local_path(where: str) -> Path | None:
    """The path a remote names, if it is on this machine."""
    if where.startswith("file://"):
        return Path(urlunsplit(urlsplit(where)._replace(scheme="", netloc="")))
    if "://" in where or re.match(r"[^/]+@?[^/]*:", where):
        return None
    return Path(where)
