"""What a tool of the agent is called where people read: words, never its name with underscores. Pure."""

from __future__ import annotations

from storage.redact import redact

_OF_THEIR_OWN = {
    "retarget_pr": "retarget pull request",
    "slack_dm": "Slack message",
}
LONGEST = 60


def tool_words(tool: str) -> str:
    """`open_pull_request` is `open pull request`; one printable line, also for a tool that nobody knows.

    Configuration, scripts and JSON name a tool as it is called.
    """
    return _OF_THEIR_OWN.get(tool) or _line(redact(tool))


def _line(name: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in name.replace("_", " ")).split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
