"""Chooses between an executor and direct work by a table of rules (section 7, step C; R83). Doubt is complex."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stas_tui.texts.kinds import FileKind, kind_of
from stas_tui.texts.lines import count, listed, one_line
from storage.records import Task

SPAWN = "spawn_executor"
DIRECT = "direct"

MAX_SIMPLE_FILES = 3

_COMPLEX_KINDS = (
    (FileKind.MIGRATION, "migration scripts"),
    (FileKind.CONTAINER, "container redesign"),
    (FileKind.COMPOSE, "container redesign"),
    (FileKind.DEPLOY_WORKFLOW, "CI pipeline"),
    (FileKind.WORKFLOW, "CI pipeline"),
    (FileKind.TERRAFORM, "infrastructure as code"),
    (FileKind.ORCHESTRATION, "orchestration"),
    (FileKind.ISOLATION, "tenant isolation"),
    (FileKind.CODE, "program code"),
    (FileKind.DEPENDENCIES, "dependencies"),
)
_COMPLEX_WORDS = re.compile(
    r"\b(redesign|overhaul|migrat(?:e|ion|ions)|rewrite|re-?architect\w*|new (?:table|service|queue|database)"
    r"|refactor\w*)\b",
    re.I,
)
_SECRET_WORDS = re.compile(
    r"\b(rotat\w+|renew\w*)\b.{0,40}\b(secrets?|tokens?|keys?|credentials?|passwords?|certificates?)\b"
    r"|\b(secrets?|tokens?|keys?|credentials?|passwords?)\b.{0,20}\brotation\b",
    re.IGNORECASE,
)
_ALL_TENANTS = re.compile(
    r"\b100\s?%\s+of\s+(?:\w+\s+){0,2}tenants?\b|\b(?:all|across)\s+(?:\w+\s+){0,2}tenants\b|\bevery tenant at once\b"
    r"|\bplatform[- ]wide\b|\ball services\b",
    re.IGNORECASE,
)
_SIMPLE_KINDS = {
    FileKind.MONITORING: "monitoring rule update",
    FileKind.CONFIG: "config tweak",
    FileKind.SECRET: "secret rotation",
    FileKind.DOCS: "documentation",
}


@dataclass(frozen=True, slots=True)
class Method:
    """How a task is worked on, with the rule that decided."""

    name: str
    """`spawn_executor` or `direct`."""
    rule: str
    """The routine's word for the case: `migration scripts`, `config tweak`, `doubt` …"""
    why: str
    """One sentence."""


RULES: tuple[tuple[str, str], ...] = (
    *((SPAWN, rule) for rule in dict.fromkeys(rule for _, rule in _COMPLEX_KINDS)),
    (SPAWN, "all tenants"),
    (SPAWN, "large"),
    *((DIRECT, rule) for rule in _SIMPLE_KINDS.values()),
    (SPAWN, "doubt"),
)
"""Both lists for the screen: (method, rule) in the order in which they are tried."""


def choose_method(task: Task, files: Sequence[str], tenants_total: int, text: str) -> Method:
    """Complex work goes to an executor, simple work is done directly.

    `files` are the paths the work will touch, `tenants_total` the project's tenants (0 if unknown), `text` the task's
    description or the prompt.
    """
    said = f"{task.title}\n{text or task.description}"
    for kind, rule in _COMPLEX_KINDS:
        if hits := [path for path in files if kind_of(path) is kind]:
            return Method(SPAWN, rule, f"It touches {listed([one_line(path, 60) for path in hits])}.")
    if words := _COMPLEX_WORDS.search(task.title):
        return Method(SPAWN, "doubt", f"The title says “{words.group()}”.")
    if (everyone := _ALL_TENANTS.search(said)) and tenants_total != 1:
        of = f"all {tenants_total} tenants" if tenants_total else "all tenants"
        return Method(SPAWN, "all tenants", f"It reaches {of} at once (“{one_line(everyone.group(), 40)}”).")
    if not files:
        return Method(SPAWN, "doubt", "It is not known which files it touches.")
    if len(files) > MAX_SIMPLE_FILES:
        return Method(
            SPAWN, "large", f"It touches {count(len(files), 'file')}; {MAX_SIMPLE_FILES} is the most for direct work."
        )
    kinds = {kind_of(path) for path in files}
    if len(kinds) == 1 and (simple := _SIMPLE_KINDS.get(next(iter(kinds)))):
        return Method(DIRECT, simple, f"It touches only {listed([one_line(path, 60) for path in files])}.")
    if _SECRET_WORDS.search(said) and kinds <= {FileKind.SECRET, FileKind.CONFIG}:
        return Method(
            DIRECT, "secret rotation", f"It rotates a secret in {listed([one_line(path, 60) for path in files])}."
        )
    return Method(SPAWN, "doubt", "No rule for simple work fits.")
