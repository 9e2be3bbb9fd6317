"""The checks Q1-Q8: queries, routes, keys and jobs as the code has them, and the statements that were executed.

Reading never verifies. Q1 accuses; the others ask a person, except on lines of a change (`ON_A_CHANGE`). Q4 looks at
statements that ran, and can verify.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from stas_tui.isolation.base import World
from stas_tui.isolation.code.specs import CHECKS as CHECKS
from storage.check_records import CheckResult, Lead

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Tenancy
    from stas_tui.isolation.tree import Tree
    from storage.scans import Scans

ON_A_CHANGE = frozenset(
    {"optional-filter", "unused-tenant", "natural-key", "no-tenant", "client-tenant", "shared-key", "job-context"}
)
"""Rules whose leads may accuse where they stand on lines of a change: a person reads those lines anyway."""


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check, one result for all tenants each. Raises `Cancelled`."""
    from stas_tui.isolation.code.results import results

    yield from results(world)


def scan_source(path: str, source: str | bytes, tenancy: Tenancy | None = None) -> list[Lead]:
    """Leads of one file by itself: what other files say of its models and dependencies is not known."""
    from stas_tui.isolation.code.facts import read
    from stas_tui.isolation.code.project import judged
    from stas_tui.isolation.code.scanner import Scanned
    from stas_tui.isolation.code.words import words_of

    words = words_of(tenancy)
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    facts = read(path, data, words)
    return judged(Scanned(files={path: facts} if "u" not in facts else {}), words).leads


def leads_of(
    tree: Tree,
    tenancy: Tenancy | None = None,
    scans: Scans | None = None,
    *,
    step: Callable[[str], None] = lambda _: None,
) -> list[Lead]:
    """Leads of a whole tree, notes included. Raises `ForgeError`, `StoreError`, and whatever `step` raises."""
    from stas_tui.isolation.code.project import read_tree
    from stas_tui.isolation.code.words import words_of

    return read_tree(tree, words_of(tenancy), scans, step=step).leads


def introduced(
    base: Tree,
    head: Tree,
    tenancy: Tenancy | None = None,
    scans: Scans | None = None,
    *,
    step: Callable[[str], None] = lambda _: None,
) -> list[Lead]:
    """Leads of the head that the base does not have, by their identity across commits. Raises as `leads_of`."""
    before = {lead.fingerprint for lead in leads_of(base, tenancy, scans, step=step)}
    return [lead for lead in leads_of(head, tenancy, scans, step=step) if lead.fingerprint not in before]


def leads(world: World) -> list[Lead]:
    """Leads of the code that a world looks at; empty without code. Raises as `leads_of`, and `Cancelled`."""
    return [] if world.tree is None else leads_of(world.tree, world.tenancy, world.scans, step=world.step)
