"""`docker compose build` of the base branch in a fresh checkout, where the configuration asks for it (R106, H2).

The build runs beside the watcher: a question starts it, and later questions tell how it stands. A commit is built once;
how it ended is kept on disk. Without an engine that answers nothing is built, and nothing is said to be fine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from stas_tui.forges.base import Repo
from stas_tui.health.ci_git import GitReader
from stas_tui.texts.lines import one_line, redacted
from storage.clock import Clock
from storage.errors import StasError
from storage.redact import StreamRedactor
from storage.watch_records import Check

NAME = "docker compose build"
INFO_S = 10.0
"""Seconds that the engine has to say that it is there."""
BUILD_S = 1_800.0
"""Seconds that a whole build may take."""
LOG_BYTES = 2 * 1024 * 1024
"""Of the log so much is kept, from its beginning; the last lines follow it."""
TAIL_BYTES = 64 * 1024
FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_ENVIRONMENT = (
    "PATH", "HOME", "USER", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_HOST", "DOCKER_CONTEXT",
    "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip


class NoBuild(StasError):
    """Nothing can be built here; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How the build of a commit stands or ended."""

    sha: str
    since: int
    """When it began (ms)."""
    state: str
    """`pending`, `success` or `failure`."""
    word: str = ""
    """`exit 17`, `timed_out`, or empty."""


class ComposeBuild:
    """Builds one project. `scratch` holds its checkout, its log and its last result."""

    def __init__(
        self,
        forge: GitReader,
        repo: Repo,
        scratch: Path,
        clock: Clock,
        *,
        program: str = "docker",
        most_s: float = BUILD_S,
    ) -> None:
        self._forge, self._repo, self._clock = forge, repo, clock
        self._program, self._most_s = program, most_s
        self._scratch = scratch
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._now: Built | None = None
        self._lock = threading.Lock()
        self._trouble = ""
        self._closed = False

    @property
    def log(self) -> Path:
        """The redacted log of the last build."""
        return self._scratch / "build.log"

    def look(self, sha: str) -> Built:
        """How the build of `sha` stands; starts it if there is none. Raises `NoBuild`, `ForgeError`.

        A build that still runs for an older commit is left to end first, and is what is told.
        """
        with self._lock:
            if self.running and self._now is not None:
                return self._now
            if self._now is None or self._now.sha != sha:
                self._now = self._kept(sha)
            if self._now is not None:
                return self._now
            if self._trouble:
                trouble, self._trouble = self._trouble, ""
                raise NoBuild(trouble)
            engine(self._program)
            folder = self._checked_out(sha)
            self._now = Built(sha=sha, since=self._clock.now(), state="pending")
            self._thread = threading.Thread(target=self._run, args=(self._now, folder), name="stas-build", daemon=True)
            self._thread.start()
            return self._now

    @property
    def running(self) -> bool:
        """Whether a build runs now."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until the running build has ended, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def close(self) -> None:
        """Stop a running build; it is begun again when somebody asks."""
        self._closed = True
        if self._child is not None:
            _kill(self._child)
        self.wait(10.0)

    # on disk ---------------------------------------------------------------------------------------

    def _kept(self, sha: str) -> Built | None:
        try:
            kept = Built(**json.loads((self._scratch / "built.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return kept if kept.sha == sha and kept.state in ("success", "failure") else None

    def _checked_out(self, sha: str) -> Path:
        folder = self._scratch / "checkout"
        if folder.exists():
            shutil.rmtree(folder)
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._forge.write_commit(self._repo, sha, folder)
        if not any((folder / name).is_file() for name in FILES):
            raise NoBuild("the base branch has no compose file")
        return folder

    # the build -------------------------------------------------------------------------------------

    def _run(self, built: Built, folder: Path) -> None:
        state, word, ran = "failure", "", False
        try:
            code, late = self._built(folder)
            state = "success" if code == 0 and not late else "failure"
            word, ran = "timed_out" if late else f"exit {code}" if code else "", True
        except OSError as error:
            self._trouble = f"{self._program} cannot run: {one_line(str(error.strerror), 80)}"
        if not self._closed:
            shutil.rmtree(folder, ignore_errors=True)
        done = Built(sha=built.sha, since=built.since, state=state, word=word)
        self._now = done if ran and not self._closed else None
        if self._now is not None:
            self._keep(done)

    def _keep(self, done: Built) -> None:
        """On a full disk the result is only known to this process, and the commit is built again by the next."""
        part = self._scratch / "built.json.part"
        with suppress(OSError):
            part.write_text(json.dumps(asdict(done)), encoding="utf-8")
            part.replace(self._scratch / "built.json")

    def _built(self, folder: Path) -> tuple[int, bool]:
        """(exit code, whether it was stopped because it took too long)."""
        env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        child = subprocess.Popen(
            [self._program, "compose", "build"],
            cwd=folder,
            env=env | {"BUILDKIT_PROGRESS": "plain", "COMPOSE_ANSI": "never"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._child = child
        if self._closed:
            _kill(child)
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child)

        timer = threading.Timer(self._most_s, stop)
        timer.daemon = True
        timer.start()
        try:
            assert child.stdout is not None
            with child.stdout, self.log.open("wb") as log:
                _copy(child.stdout, log)
            child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                _kill(child)
                child.wait()
            timer.join()
            self._child = None
        return child.returncode, late.is_set()


def engine(program: str = "docker") -> str:
    """The version of the engine that answers. Raises `NoBuild` if the program, its engine or its compose is missing."""
    where = shutil.which(program)
    if where is None:
        raise NoBuild(f"there is no program {program}, so nothing is built here")
    version = _said(program, where, ("info", "--format", "{{.ServerVersion}}"), f"no engine answers behind {program}")
    _said(program, where, ("compose", "version", "--short"), f"{program} has no command compose")
    return version


def _said(program: str, where: str, arguments: tuple[str, ...], otherwise: str) -> str:
    """What a short command prints. Raises `NoBuild` with `otherwise` if it fails or prints nothing."""
    try:
        done = subprocess.run(
            [where, *arguments],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=INFO_S, check=False,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoBuild(f"the engine behind {program} gave no answer within {INFO_S:.0f} s") from None
    except OSError as error:
        raise NoBuild(f"{program} cannot run: {one_line(str(error.strerror), 80)}") from None
    printed = one_line(redacted(done.stdout.decode("utf-8", "replace")), 40)
    if done.returncode or not printed:
        said = one_line(redacted(done.stderr.decode("utf-8", "replace")), 160)
        raise NoBuild(otherwise + (f": {said.rstrip('.')}" if said else ""))
    return printed


def check_of(built: Built, project_id: str) -> Check:
    """The build as a check of its commit."""
    return Check(
        key=f"{project_id}/{built.sha}/{NAME}",
        project_id=project_id,
        sha=built.sha,
        name=NAME,
        state=built.state,
        conclusion=built.word,
        build=True,
        since=built.since,
    )


def _copy(source: IO[bytes], log: IO[bytes]) -> None:
    """The whole output through the redactor; what is too much for the log is read, and only its end is kept."""
    clean, room, tail = StreamRedactor(()), LOG_BYTES, b""

    def write(data: bytes) -> None:
        nonlocal room, tail
        log.write(data[:room])
        tail = (tail + data[room:])[-TAIL_BYTES:]
        room = max(room - len(data), 0)

    while data := os.read(source.fileno(), 65_536):
        write(clean.feed(data))
    write(clean.flush())
    if tail:
        log.write(b"\n... the middle is left out ...\n" + tail)


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
