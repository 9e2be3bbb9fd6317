"""What all tables of the configuration share: kinds of text, and a model that takes nothing unknown."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""One line that must say something."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that can be part of a path and of a branch."""

_PLACEHOLDER = re.compile(r"\{\{?.*\}?\}")


def _filled(text: str) -> str:
    if _PLACEHOLDER.search(text):
        raise ValueError("still holds a placeholder in braces")
    return text


def _branch(name: str) -> str:
    """Refuses what `git check-ref-format --branch` refuses."""
    bad = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)", name)
    if bad or not name or name[0] in "-./" or name[-1] in "./" or name in {"@", "HEAD"}:
        raise ValueError("is no name git accepts for a branch")
    return name


Filled = Annotated[Text, AfterValidator(_filled)]
"""One line without `{placeholder}`."""

Branch = Annotated[str, AfterValidator(_branch)]
"""A branch name, without `refs/heads/`."""


class Table(BaseModel):
    """What all tables share: nothing unknown, nothing changed after loading, no value in an error text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)
