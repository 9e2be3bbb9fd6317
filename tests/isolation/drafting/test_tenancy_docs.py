"""docs/tenancy.md is what the model says, and its example can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from stas_tui.config_docs import described
from stas_tui.isolation import declared
from stas_tui.isolation.tenancy import load_text
from stas_tui.isolation.tenancy_docs import page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tenancy.md"


def test_the_page_is_that_of_the_model() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


def test_the_example_can_be_loaded() -> None:
    example = re.search(r"```toml\n(.*?)```", page(), re.DOTALL)
    assert example is not None
    tenancy = load_text(example[1], Path("tenancy.toml"))
    assert tenancy.probes[0].canary[0].marker == "canary-of-probe-one"


MODELS = [m for m in vars(declared).values() if isinstance(m, type) and issubclass(m, BaseModel)]


@pytest.mark.parametrize("model", [m for m in MODELS if m.__module__ == declared.__name__], ids=lambda m: m.__name__)
def test_every_setting_says_what_it_is(model: type[BaseModel]) -> None:
    plain = {name for name, field in model.model_fields.items() if not _is_table(field.annotation)}
    assert plain <= set(described(model))


def _is_table(annotation: object) -> bool:
    from stas_tui.config_explain import submodel

    below, _ = submodel(annotation)
    return below is not None and below.__name__ != "Credential"
