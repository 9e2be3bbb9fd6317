"""A repository that is not ours: the files of an installed package, as somebody's project with a bare remote."""

from __future__ import annotations

import importlib.metadata
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.e2e.piped import Ended, environment, stas

HERE = Path(__file__).parent
PACKAGE = "click"
VISION = """# Vision

## Deployment strategy
Rolling, without downtime.

## Scale
Two tenants.

## Architecture
Row-level isolation.
"""
WORKER = """#!/bin/sh
# Any program can be an executor: it reads the prompt, changes files and says what it did.
grep -q 'Rotating keys' "$STAS_PROMPT_FILE" || exit 9
echo "working on $STAS_TASK_ID"
printf '\\n## Rotating keys\\n\\nKeys rotate every 90 days.\\n' >> README.md
mkdir -p .stas
printf '%s' '{"schema": "stas.executor-result/1", "outcome": "success",
  "summary": "README.md names the period.", "rollback": "git revert the commit"}' > "$STAS_RESULT_FILE"
"""


def git(where: Path, *arguments: str) -> str:
    """git in a folder; what it printed."""
    return subprocess.run(
        ["git", *arguments],
        cwd=where,
        env=environment(where),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()


def repository(folder: Path) -> Path:
    """A working copy with `origin`, a bare repository that has main and multi-tenant; skips without the package."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the package {PACKAGE} is not installed, so there is no foreign project to work on")
    copy, remote = folder / "foreign", folder / "foreign.git"
    for file in files:
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file() and source.suffix in (".py", ".txt", ".typed"):
            target = copy / Path(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (copy / "README.md").write_text("# click\n\nSomebody else's project.\n")
    git(folder, "init", "-q", "--bare", "-b", "main", str(remote))
    git(copy, "init", "-q", "-b", "main")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "As it was released")
    git(copy, "remote", "add", "origin", str(remote))
    git(copy, "push", "-q", "origin", "main", "main:multi-tenant")
    return copy


def executor(folder: Path, script: str = WORKER) -> Path:
    """A program that does the work."""
    path = folder / "worker.sh"
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def set_up(folder: Path, *more: str, script: str = WORKER) -> Path:
    """`stas init`, a vision and one task; returns the home of Stas."""
    home = folder / "home"
    copy = repository(folder)
    done: list[Ended] = [
        stas(
            home,
            *("init", str(copy), "--yes", "--profile", "foreign", "--person", "Ada"),
            *("--tenant", "acme", "--tenant", "globex", "--executor", str(executor(folder, script)), *more),
        )
    ]
    (folder / "vision.md").write_text(VISION)
    done.append(stas(home, "vision", "set", str(folder / "vision.md")))
    done.append(
        stas(
            home,
            *("task", "add", "Document how signing keys are rotated", "--priority", "P2"),
            *("--acceptance", "README.md names the period in 1 section", "--description", "Nobody knows the period."),
        )
    )
    assert [each.status for each in done] == [0, 0, 0], [each.err for each in done]
    assert done[-1].out == "T-1\n"
    return home


PROMPT = (HERE / "foreign_prompt.md").read_text("utf-8")


class Supervisor:
    """Answers the plain pulse on the foreign repository: completes the prompt, approves, accepts, confirms."""

    def __init__(self, prompt: str = PROMPT) -> None:
        self.prompt = prompt
        self.written = False

    def __call__(self, text: str) -> str | None:
        from tests.e2e.conftest import digest_in

        if "END OF GATE" in text:
            return f"approve {digest_in(text)}"
        if text.endswith("(show | edit | directly <reason> | give up <reason> | defer)\n") and not self.written:
            self.written = True
            return "edit\n" + self.prompt.rstrip("\n") + "\n."
        if "\nRESULT  " in text:
            return "accept looked at every line" if "RESULT  SUCCESS" in text else "give up " + "it failed"
        if "## Pulse Summary" in text:
            return "confirm"
        return None
