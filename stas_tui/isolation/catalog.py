"""Every check of the matrix and the package that holds it; packages are loaded by name and may be missing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

from stas_tui.isolation.base import Spec, World
from stas_tui.isolation.catalog_outline import OUTLINE
from storage.check_records import CheckResult

EXTRAS = {
    "psycopg": "pg",
    "psycopg_binary": "pg",
    "hcl2": "iac",
    "lark": "iac",
    "zizmor": "iac",
    "alembic": "rehearse",
    "sqlalchemy": "rehearse",
    "keyring": "keyring",
}
"""Modules that come with an extra, by the name that an import misses."""

SETTLED_BY = {
    "Q1": "Q4",
    "Q2": "Q4",
    "Q3": "Q4",
    "Q5": "P4",
    "Q6": "P1",
    "Q7": "P7",
    "Q8": "J1",
}
"""Checks that only read code, and the one on the running thing whose `verified` answers for them.

Reading finds leads or none, and never verifies. Where it found none and the other check is verified, it says nothing
that would keep a cell unknown.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """A package of checks, or why there is none."""

    name: str
    checks: tuple[Spec, ...]
    missing: str = ""
    """Why it cannot be asked, and what would let it; empty if it can."""
    broken: str = ""
    """What went wrong with loading it, for the log."""
    module: ModuleType | None = field(default=None, repr=False)

    def run(self, world: World) -> Iterator[CheckResult]:
        """Its results, as `stas_tui.isolation.base.Group.run`."""
        if self.module is None:
            raise RuntimeError(f"the group {self.name} is not there: {self.missing}")
        found: Iterator[CheckResult] = self.module.run(world)
        return found


def groups() -> tuple[Group, ...]:
    """Every group in the order in which they run, with all checks of the outline: each in exactly one."""
    return tuple(load(name, outlined) for name, outlined in OUTLINE.items())


def catalog() -> tuple[Spec, ...]:
    """Every check, in the order of the groups. Loads descriptions and nothing heavy."""
    return tuple(spec for group in groups() for spec in group.checks)


def load(name: str, outlined: tuple[Spec, ...], package: str = "stas_tui.isolation") -> Group:
    """One group by its name; one that cannot be loaded keeps the descriptions of the outline and says why."""
    full = f"{package}.{name}"
    try:
        module = importlib.import_module(full)
        own = {spec.id: spec for spec in module.CHECKS}
        run = module.run
    except ImportError as error:
        return Group(name, outlined, missing=missing_module(error, full), broken=repr(error))
    except Exception as error:  # noqa: BLE001 - a group that breaks when loaded is a result, and the others go on
        why = f"the checks of this group broke when they were loaded ({type(error).__name__}); the log says more"
        return Group(name, outlined, missing=why, broken=repr(error))
    if not callable(run):
        return Group(name, outlined, missing="this Stas has no such check", broken=f"{full}.run is no function")
    return Group(name, tuple(own.get(spec.id, spec) for spec in outlined), module=module)


def missing_module(error: ImportError, full: str = "") -> str:
    """Which package to install for an import that failed."""
    name = (error.name or "").partition(".")[0]
    if extra := EXTRAS.get(name):
        return f"{name} is not installed; `pip install 'stas-tui[{extra}]'`"
    if error.name is not None and (error.name == full or full.startswith(f"{error.name}.")):
        return "this Stas has no such check"
    if name and name != "stas_tui":
        return f"the Python package {name} is not installed; install Stas again"
    return f"a part of it could not be loaded ({type(error).__name__}); the log says more"
