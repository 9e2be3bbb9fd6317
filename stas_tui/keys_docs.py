"""Writes docs/keys.md from the table of keys (`make docs`)."""

from __future__ import annotations

import sys

from stas_tui.keys import ACTIONS, SCOPES

HEAD = """\
# Keys

<!-- Written by `make docs` from stas_tui/keys.py. -->

`?` shows them on screen, `stas keys` prints those in force. Change them under `[keymap]` in `stas.toml`, by the id in
the last column: `"list.filter" = "f,/"`. Keys marked *fixed* stay. Enter, space, escape and lower-case letters can
never approve anything, whatever the keymap says.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for scope, title in SCOPES.items():
        rows = [f"## {title}\n", "| key | does | id |", "| --- | --- | --- |"]
        for action in ACTIONS:
            if action.scope == scope:
                keys = ", ".join(f"`{key}`" for key in action.keys)
                does = action.tooltip.replace("|", "\\|")
                rows.append(f"| {keys}{' *fixed*' if action.fixed else ''} | {does} | `{action.id}` |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
