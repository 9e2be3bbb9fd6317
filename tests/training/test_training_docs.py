"""docs/training.md explains every key, word and command of a lesson."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from stas_tui.config_explain import submodel
from stas_tui.training.explain import KINDS
from stas_tui.training.reading import parse
from stas_tui.training.scenario import Scenario
from stas_tui.training.template import template
from stas_tui.training.words import TRAPS, VERBS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text("utf-8")
NAMED = set(re.findall(r"`([A-Za-z0-9_]+)`", PAGE))


def models() -> Iterator[type[BaseModel]]:
    """Every table of a lesson's file."""
    found: list[type[BaseModel]] = [Scenario, *KINDS.values()]
    for model in found:
        for field in model.model_fields.values():
            for part in (field.annotation, *get_args(field.annotation)):
                below, _ = submodel(part)
                if below is not None and below not in found:
                    found.append(below)
    yield from found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    tables = {
        "world",
        "rubric",
        "debrief",
        "inject",
        "decision",
        "noise",
        "project",
        "task",
        "memory",
        "source",
        "weights",
        "instant_fail",
    }
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert key in NAMED or key in tables, key


def test_every_word_of_the_closed_lists_stands_in_it() -> None:
    assert {*VERBS, *TRAPS, *KINDS} <= NAMED


def test_the_script_in_it_is_one() -> None:
    from stas_tui.training.inputs import script

    block = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    assert [thing.at for thing in script(block[1], "page")] == [45_000, 50_000]


def test_the_template_shows_what_it_explains() -> None:
    text = template("shown")
    assert parse(text.encode(), Path("shown.toml")).scenario.id == "shown"
    assert "stas train check" in text
