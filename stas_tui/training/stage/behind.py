"""What stands behind a reference of the scenario that is no message: the alert, the pull request, the number itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.training.grammar import offset_text
from stas_tui.training.prose import joined
from stas_tui.training.stage.forge import pull_text
from stas_tui.training.telling import told
from storage.redact import redact

if TYPE_CHECKING:
    from stas_tui.training.stage.stage import Stage

WITHOUT_MESSAGE = frozenset(
    f"inject.{kind}" for kind in ("alert", "metric", "probe", "ci", "deploy", "forge", "memory", "source_fault")
)


def behind(stage: Stage, ref: str) -> str | None:
    """What came under this ref last, as text; None if it is none of the scenario's, or a message of the inbox."""
    event = next(
        (one for one in reversed(stage.lines) if one.kind in WITHOUT_MESSAGE and one.body.get("ref") == ref), None
    )
    if event is None:
        return None
    line = told(event)
    when = offset_text(event.at - stage.scenario.started_at)
    if event.kind == "inject.forge":
        pull = event.body["pull"]
        found = stage.forge.pull(str(pull["project"]), int(pull["number"]))
        text = pull_text(found) if found is not None else line.text
    else:
        text = joined(line.text)
    return redact(f"{line.title}\n{ref}, from {line.who} at {when}\n\n{text}")
