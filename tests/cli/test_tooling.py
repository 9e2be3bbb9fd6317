"""The Makefile, the CI script and the package's own description."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def make(folder: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": path, "HOME": str(folder)}
    return subprocess.run(
        ["/usr/bin/env", "make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A path with make and a shell, and no Python at all."""
    found = tmp_path / "programs"
    found.mkdir()
    for name in ("make", "sh", "touch", "env", "echo"):
        where = shutil.which(name)
        assert where is not None
        (found / name).symlink_to(where)
    return found


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_python_make_says_what_is_needed(folder: Path, programs: Path) -> None:
    write_program(programs / "python3", "exit 1")
    done = make(folder, "demo", path=str(programs))
    assert done.returncode != 0
    assert "Stas needs Python 3.11 or newer" in done.stderr
    assert not (folder / ".venv").exists()


def test_without_venv_make_names_the_package(folder: Path, programs: Path) -> None:
    write_program(programs / "python3", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    done = make(folder, "demo", path=str(programs))
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr


def test_the_environment_is_made_once_and_again_when_its_inputs_change(folder: Path, programs: Path) -> None:
    """A stand-in for Python writes down what it was asked; the second `make demo` asks for nothing but the demo."""
    log = folder / "log"
    write_program(
        programs / "python3",
        f'echo "python $*" >> {log}\n'
        'if [ "$1" = -m ] && [ "$2" = venv ]; then /bin/mkdir -p .venv/bin;'
        f' for p in python stas; do printf "#!/bin/sh\\necho $p \\$* >> {log}\\n" > .venv/bin/$p;'
        " /bin/chmod 755 .venv/bin/$p; done; fi",
    )
    assert make(folder, "demo", path=str(programs)).returncode == 0
    first = log.read_text().splitlines()
    assert any(
        re.fullmatch(r"python -m pip .*install --constraint constraints.txt --editable \.", line) for line in first
    )
    assert first[-1] == "stas demo --choose"
    log.write_text("")
    assert make(folder, "demo", path=str(programs)).returncode == 0
    assert log.read_text().splitlines() == ["stas demo --choose"]
    stamp = (folder / ".venv" / ".installed").stat().st_mtime
    os.utime(folder / "constraints.txt", (stamp + 5, stamp + 5))
    log.write_text("")
    assert make(folder, "demo", path=str(programs)).returncode == 0
    assert any("install" in line for line in log.read_text().splitlines())


def test_every_target_of_the_help_exists() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    told = re.findall(r'echo "make (\w+)', text)
    assert {"demo", "test", "soak", "bench", "pictures", "clean"} <= set(told)
    for target in told:
        assert re.search(rf"^{target}:", text, re.MULTILINE), target


def test_the_ci_script_is_sound() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert "make test" in text
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=60)


def test_the_dev_group_is_read_as_it_stands() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "dev_group.py")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == PROJECT["dependency-groups"]["dev"]


def test_every_dependency_is_pinned_and_no_address_is_written() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    assert "--" not in text
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert re.sub(r"[-_.]+", "-", name[0]).lower() in normal, requirement


def test_licence_and_readme_are_whole() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in readme
    assert "make test" in readme
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        if not target.startswith("docs/pictures/"):
            assert (ROOT / target).exists(), target
