"""The rules that keep the code apart, checked on the code itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("storage", "widgets", "stas_tui")
NOT_OURS = ROOT / "stas_tui" / "demo" / "service"
"""The demo's patient: a program that Stas looks at, not a part of it."""

LONGEST = 400
LONGER_ALLOWED: frozenset[str] = frozenset(
    {
        "storage/records.py",  # the list of nouns: declarations without behaviour, in one place for all houses
    }
)
"""Files that may be longer, each with its reason beside it."""

DRAWING = ("stas_tui.app", "stas_tui.screens")
"""The modules of stas_tui that may import textual and rich."""

CLOCK = "storage/clock.py"
SQL = re.compile(
    r"\s*(select\s+.+?\s+from\s+\w|insert\s+(or\s+\w+\s+)?into\s+\w|update\s+\w+\s+set\s+\w|delete\s+from\s+\w"
    r"|(create|drop|alter)\s+(unique\s+)?(table|index|trigger|view)\s+\w|pragma\s+\w+\s*(=|\(|$)|begin\s+immediate)",
    re.IGNORECASE | re.DOTALL,
)


def sources(*folders: str) -> list[Path]:
    found = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    return sorted(p for p in found if not p.is_relative_to(NOT_OURS))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def test_import_contracts_hold() -> None:
    code = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def core_modules() -> list[str]:
    names = []
    for path in sources("storage", "stas_tui"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__") and not any(name == d or name.startswith(d + ".") for d in DRAWING):
            names.append(name)
    return names


def test_no_core_module_loads_the_screen() -> None:
    """One process imports them all; the first that pulls textual or rich in is named."""
    names = core_modules()
    assert {"storage.records", "stas_tui.cli", "stas_tui.config"} <= set(names)
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    loaded = {'textual', 'rich'} & set(sys.modules)\n"
        "    if loaded: sys.exit(f'{name} loads {sorted(loaded)}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_file_is_too_long() -> None:
    lengths = {name_of(p): len(p.read_text("utf-8").splitlines()) for p in sources(*HOUSES, "tests")}
    too_long = {name: n for name, n in lengths.items() if n > LONGEST and name not in LONGER_ALLOWED}
    assert not too_long, f"split these: {too_long}"
    assert lengths.keys() >= LONGER_ALLOWED, "the list of allowed files names one that does not exist"


def wall_clock_calls(tree: ast.AST) -> Iterator[int]:
    """Lines that ask the operating system for the date or time of day."""
    asked = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
    asked |= {("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            owner_name = (
                owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            )
            if (owner_name, node.attr) in asked:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and {(node.module, alias.name) for alias in node.names} & asked:
            yield node.lineno


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "import time\ntime.time()",
        "from time import time",
        "import time\nnow = time.time_ns",
    ],
)
def test_the_clock_check_sees_what_it_should(code: str) -> None:
    assert list(wall_clock_calls(ast.parse(code)))


def test_time_comes_from_the_clock_alone() -> None:
    found = [
        f"{name_of(path)}:{line}"
        for path in sources(*HOUSES)
        if name_of(path) != CLOCK
        for line in wall_clock_calls(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "ask an injected storage.clock.Clock"


def sql_texts(tree: ast.AST) -> Iterator[int]:
    """Lines of texts that begin as an SQL statement does; docstrings are not looked at."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, str) and SQL.match(node.value):
            yield node.lineno


@pytest.mark.parametrize(
    "text", ["select a from b", "SELECT *\nFROM t", "insert or ignore into t values (1)", "pragma user_version"]
)
def test_the_sql_check_sees_what_it_should(text: str) -> None:
    assert list(sql_texts(ast.parse(f"x = {text!r}")))


THEIRS = (
    "stas_tui/isolation/code/",
    "stas_tui/isolation/database/",
    "stas_tui/isolation/declared.py",
    "stas_tui/isolation/drafting/",
    "stas_tui/isolation/jobs/",
    "stas_tui/review/migrations/",
    "stas_tui/review/rehearsal/",
)
"""They look into the databases of supervised projects; ours are opened by storage alone."""


def test_sql_on_our_databases_stands_in_storage_only() -> None:
    found = [
        f"{name_of(path)}:{line}"
        for path in sources("stas_tui", "widgets")
        if not name_of(path).startswith(THEIRS)
        for line in sql_texts(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "move these statements into storage"
