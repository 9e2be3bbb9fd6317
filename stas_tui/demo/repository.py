"""The demo's repository: real git history, written in one go into a bare repository that the caller made."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.demo.edge_review import edge_files
from storage.clock import DAY, HOUR, MINUTE
from storage.errors import StasError

HERE = Path(__file__).resolve().parent
BASE = "multi-tenant"
MAIN = "main"
REVIEW_BRANCH = "infra/edge-on-all-interfaces"
"""Lena's branch, for which a review is asked."""
OWN_BRANCH = "infra/T-307-edge-access-log"
"""The agent's own branch, with an open pull request."""

_DOT = "dot_"


class DemoError(StasError):
    """The demo's repository could not be written."""


@dataclass(frozen=True, slots=True)
class DemoRepository:
    """What stands in the bare repository now."""

    remote: Path
    main_sha: str
    base_sha: str
    heads: Mapping[str, str] = field(default_factory=dict)
    """Sha of every branch, by name."""


def service_files() -> dict[str, bytes]:
    """The service as it stands on `multi-tenant`: path in the repository -> content."""
    root = HERE / "service"
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            parts = [_undotted(part) for part in path.relative_to(root).parts]
            files["/".join(parts)] = path.read_bytes()
    return files


def build_repository(remote: Path, *, seed: int, now_ms: int) -> DemoRepository:
    """Write the demo's branches into the bare repository `remote`, and point its HEAD at `main`.

    The same seed and time give the same shas: authors are fixed and dates follow from `now_ms` (milliseconds, UTC),
    shifted by a few minutes that the seed chooses. No hook is asked, because nothing is pushed. Raises `DemoError`
    if git refuses, for example because the repository holds other branches of these names already.
    """
    _git(remote, "fast-import", "--quiet", "--done", given=_history(seed, now_ms))
    _git(remote, "symbolic-ref", "HEAD", f"refs/heads/{MAIN}")
    listing = _git(remote, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/").decode()
    heads = dict(line.rsplit(" ", 1) for line in listing.splitlines())
    return DemoRepository(remote, heads[MAIN], heads[BASE], heads)


def merges_on_base(remote: Path) -> dict[int, str]:
    """The merges of the demo's base branch: number of the pull request -> sha. Raises `DemoError`."""
    listing = _git(remote, "log", "--first-parent", "--merges", "--format=%H %s", BASE).decode()
    found = re.findall(r"^([0-9a-f]{40}) Merge pull request #(\d+) ", listing, re.MULTILINE)
    return {int(number): sha for sha, number in found}


def _git(remote: Path, *arguments: str, given: bytes = b"") -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", "--git-dir", str(remote), *arguments],
            input=given,
            capture_output=True,
            check=False,
            env=environment,
        )
    except OSError as error:
        raise DemoError(f"git could not be started: {error}.", "Install git 2.30 or newer.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        raise DemoError(f"git {arguments[0]} refused in {remote}: {said}", "Start the demo in an empty folder.")
    return done.stdout


def _undotted(name: str) -> str:
    return "." + name[len(_DOT) :] if name.startswith(_DOT) else name


def _earlier(name: str) -> bytes:
    return (HERE / "history" / f"{name}.txt").read_bytes()


Tree = dict[str, bytes]

_PEOPLE = {
    "finn": b"Finn <finn@demo.invalid>",
    "lena": b"Lena <lena@demo.invalid>",
    "qa": b"QA <qa@demo.invalid>",
    "Stas": b"Stas <stas@demo.invalid>",
}


class _Stream:
    """Commits in the format of `git fast-import`, each with its whole tree."""

    def __init__(self, random_: random.Random, now_ms: int) -> None:
        self._out: list[bytes] = [b"feature done\n"]
        self._marks = 0
        self._random = random_
        self._now = now_ms

    def commit(self, branch: str, who: str, ago: int, subject: str, tree: Tree, *parents: int) -> int:
        """Add a commit made `ago` milliseconds before now; returns its mark."""
        self._marks += 1
        seconds = (self._now - ago) // 1000 - self._random.randrange(240)
        person = _PEOPLE[who]
        self._out.append(b"commit refs/heads/%s\nmark :%d\n" % (branch.encode(), self._marks))
        for role in (b"author", b"committer"):
            self._out.append(b"%s %s %d +0000\n" % (role, person, seconds))
        self._data(subject.encode() + b"\n")
        for word, parent in zip((b"from", b"merge"), parents, strict=False):
            self._out.append(b"%s :%d\n" % (word, parent))
        self._out.append(b"deleteall\n")
        for path, content in sorted(tree.items()):
            self._out.append(b"M 100644 inline %s\n" % path.encode())
            self._data(content)
        self._out.append(b"\n")
        return self._marks

    def finish(self) -> bytes:
        """The whole stream."""
        return b"".join([*self._out, b"done\n"])

    def _data(self, content: bytes) -> None:
        self._out.append(b"data %d\n%s\n" % (len(content), content))


def _history(seed: int, now_ms: int) -> bytes:
    stream = _Stream(random.Random(seed), now_ms)
    final = service_files()

    def take(*starts: str) -> Tree:
        return {path: content for path, content in final.items() if path.startswith(starts)}

    single: Tree = {
        **take("migrations/0001", ".gitignore", "tests/__init__"),
        "README.md": _earlier("README.md"),
        "ledger/__init__.py": final["ledger/__init__.py"].replace(b'"2.4.0"', b'"1.9.0"'),
        "ledger/__main__.py": _earlier("__main__.py"),
        "ledger/migrate.py": _earlier("migrate.py"),
        "tests/test_ledger.py": _earlier("test_ledger.py"),
    }
    main = stream.commit(MAIN, "finn", 60 * DAY, "ledger for one customer", single)
    single |= {".github/workflows/ci.yml": _earlier("ci.yml")}
    main = stream.commit(MAIN, "finn", 57 * DAY, "ci: run the tests on every push", single, main)
    single |= take("Dockerfile", ".dockerignore")
    main = stream.commit(MAIN, "lena", 51 * DAY, "container image", single, main)

    tree = {**single, **take("migrations/0002", "ledger/migrate.py", "tests/test_migrations")}
    del tree["tests/test_ledger.py"]
    base = stream.commit(
        BASE, "finn", 40 * DAY, "db: every row belongs to a tenant; migrations can be undone", tree, main
    )
    tree |= take("README.md", "ledger/", "tests/support", "tests/test_api", "tests/test_isolation")
    tree |= {"ledger/pool.py": _earlier("pool.py")}
    del tree["ledger/jobs.py"]
    base = stream.commit(
        BASE, "lena", 33 * DAY, "api: the tenant comes with the request, every query names it", tree, base
    )
    tree |= take("docker-compose.yml", "infra/", "ops/", "tests/test_config", ".github/")
    base = stream.commit(
        BASE, "lena", 19 * DAY, "infra: two replicas behind an edge, one file of keys each", tree, base
    )

    def merged(number: int, branch: str, ago: int, subject: str, files: Tree) -> None:
        nonlocal base
        tree.update(files)
        # The feature branch's ref is written over by the next one; its commit stays reachable through the merge.
        side = stream.commit(BASE, "lena", ago + 40 * MINUTE, subject, tree, base)
        title = f"Merge pull request #{number} from {branch}\n\n{subject}"
        base = stream.commit(BASE, "finn", ago, title, tree, base, side)

    merged(13, "infra/tenant-alerts", 21 * HOUR, "infra: alerts and a dashboard by tenant", take("monitoring/"))
    jobs = take("ledger/jobs.py", "tests/test_jobs")
    merged(14, "infra/nightly-statements", 9 * HOUR, "infra: nightly statements, one tenant at a time", jobs)
    fork, at_fork = base, dict(tree)
    pool = take("ledger/pool.py", "tests/test_pool")
    merged(15, "infra/shared-pool", 3 * HOUR, "infra: one bounded connection pool for all requests", pool)

    single |= {"ledger/__init__.py": final["ledger/__init__.py"].replace(b'"2.4.0"', b'"1.9.1"')}
    stream.commit(MAIN, "finn", 2 * HOUR, "release 1.9.1 for the single customer", single, main)

    subject = "infra: edge on all interfaces, longer retries"
    stream.commit(REVIEW_BRANCH, "lena", 100 * MINUTE, subject, {**tree, **edge_files(final, _with)}, base)
    site = b"\n:8080 {\n"
    access_log = _with(final["infra/Caddyfile"], site, site + b"\tlog {\n\t\toutput stdout\n\t\tformat json\n\t}\n")
    subject = "infra: tenant in the access log of the edge"
    stream.commit(OWN_BRANCH, "Stas", 5 * HOUR, subject, {**at_fork, "infra/Caddyfile": access_log}, fork)
    return stream.finish()


def _with(content: bytes, old: bytes, new: bytes) -> bytes:
    if content.count(old) != 1:
        raise DemoError(f"The demo's files do not hold {old!r} exactly once.", "Reinstall Stas.")
    return content.replace(old, new)
