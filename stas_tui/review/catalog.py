"""Every check of a review, where it lives, and which of the routine's four questions it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from stas_tui.isolation.base import Spec

PACKAGES = ("files", "secrets", "migrations", "code", "watched", "plan", "blast", "rehearsal")
"""Packages of this folder that hold checks, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the routine asks before a merge (R101-R104)."""

    id: str
    title: str
    checks: tuple[str, ...]


QUESTIONS = (
    Question("safety", "Operational safety", ("C6", "C9", "C10", "C11", "C12", "C13")),
    Question("rollback", "Rollback path", ("C1", "C2", "C3", "C4", "C5", "C15")),
    Question("isolation", "Tenant isolation", ("C7", "C8")),
    Question("monitoring", "Monitoring", ("C14",)),
)
"""In the routine's order. C16 has no verdict: it says what the change touches."""

BLAST = "C16"


def specs() -> tuple[Spec, ...]:
    """All checks, C1 to C16. Nothing heavy is imported for it."""
    found: list[Spec] = []
    for name in PACKAGES:
        checks: Sequence[Spec] = import_module(f"stas_tui.review.{name}").CHECKS
        found += checks
    return tuple(sorted(found, key=lambda spec: int(spec.id[1:])))
