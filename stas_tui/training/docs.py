"""The table of the lessons that come with Stas, for docs/training.md (`make docs`).

    python -m stas_tui.training.docs docs/training.md > docs/training.md.new

prints the page with what stands between its two markers written anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stas_tui.training.catalog import Catalog
from stas_tui.training.scenario import Scenario
from storage.errors import StasError

BEGIN = "<!-- lessons: written by `make docs` from stas_tui/training/scenarios -->"
END = "<!-- end of lessons -->"


class NoPlace(StasError):
    """A page does not say where the table stands."""


def table() -> str:
    """The lessons as a Markdown table. Raises `ScenarioError`."""
    rows = [
        "| id | title | minutes | difficulty | grounded in | teaches |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    catalog = Catalog()
    rows += [_row(catalog.find(entry.id).scenario) for entry in catalog.entries()]
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """A page with the table between its markers. Raises `NoPlace`, `ScenarioError`."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace("The page does not say where the lessons stand.", f"Write {BEGIN} and {END} into it.")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def _row(scenario: Scenario) -> str:
    cells = (
        f"`{scenario.id}`",
        scenario.title,
        str(scenario.minutes),
        f"{scenario.difficulty} of 5",
        "; ".join(scenario.grounded_in) or "none, it teaches the keys",
        "; ".join(scenario.teaches),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text("utf-8")) if len(sys.argv) > 1 else table())
