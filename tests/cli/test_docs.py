"""The documentation says what the program does."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui import cli, exit_codes, keys_docs
from stas_tui.config_model import ExecutorLimits
from stas_tui.executors.presets import PRESETS
from stas_tui.plain_text import HELP

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CODE = [
    path
    for folder in ("stas_tui", "storage", "widgets", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "service" not in path.parts
]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_keys_are_those_of_the_program() -> None:
    assert read("docs/keys.md") == keys_docs.page(), "run `make docs`"


def test_every_cited_rule_is_explained_once() -> None:
    explained = re.findall(r"^\| ([RD]\d+) \|", read("docs/requirements.md"), re.MULTILINE)
    assert len(explained) == len(set(explained))
    cited = {number for path in CODE for number in re.findall(r"\b[RD][1-9]\d{0,2}\b", path.read_text("utf-8"))}
    rules = {number for number in cited if (number[0] == "R" and int(number[1:]) <= 147) or int(number[1:]) <= 30}
    assert rules <= set(explained), sorted(rules - set(explained))


def links(page: Path) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("docs/pictures/"):
            continue
        path = page.parent / target if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, link


def commands() -> list[str]:
    """Every `stas …` of the pages: indented lines and words in backticks."""
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        found.update(
            re.findall(r"^    (stas(?: [^#\n]*)?)$", re.sub(r"[ \t]+#.*$", "", text, flags=re.M), re.MULTILINE)
        )
        found.update(re.findall(r"`(stas(?: [^`\n…]+)?)`", text))
    groups = {"stas task", "stas vision", "stas message", "stas tenancy"}
    return sorted(line for line in found - groups)


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_written_down_is_understood(line: str) -> None:
    words = ["1" if word in ("N", "[N]") else word.strip("[]") for word in shlex.split(line)[1:]]
    cli.parser().parse_args(words)


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 20


def test_every_command_is_written_down() -> None:
    root = cli.parser()
    [names] = [list(a.choices) for a in root._actions if isinstance(a, argparse._SubParsersAction)]
    told = {line.split()[1] for line in commands() if len(line.split()) > 1}
    assert set(names) - told == {"version"}


def test_plain_answers_exit_codes_limits_and_presets_are_told() -> None:
    plain = read("docs/plain.md")
    for usage in HELP.values():
        for answer in usage.split(" | "):
            assert f"`{answer}`" in plain, answer
    for code in (exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE, exit_codes.CONFIG, exit_codes.INTERRUPTED):
        assert re.search(rf"^\| {code} \|", plain, re.MULTILINE)
    executors = read("docs/executors.md")
    for name in ExecutorLimits.model_fields:
        assert f"`{name}`" in executors
    for name in PRESETS:
        assert f"`{name}`" in executors


def test_nothing_of_any_machine_is_written_down() -> None:
    for page in PAGES:
        assert not re.search(r"/(root|home/(?!ada))\b", page.read_text("utf-8")), page.name
