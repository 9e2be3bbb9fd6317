"""Drafting the tenancy file of a project from its repository and its database, for a person to complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.isolation.tree import Tree


class FileThere(StasError):
    """There is a tenancy file already."""

    exit_code = exit_codes.USAGE


class NoConnectionString(StasError):
    """The variable that should hold the database's connection string is not set."""

    exit_code = exit_codes.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft as it would stand in the file."""

    text: str
    known: int
    """Tables of which it says whose rows they hold."""
    unclear: int
    """Tables of which nothing tells."""


def draft(
    project: str,
    tenants: Sequence[str],
    tree: Tree | None,
    file: Path,
    *,
    dsn_env: str = "",
    environ: Mapping[str, str],
) -> Drafted:
    """Read the delivered files, and the database that a variable names; writes nothing.

    Raises `NoConnectionString`, `DatabaseUnreadable`, `ForgeError`.
    """
    from stas_tui.isolation.drafting.catalogue import read
    from stas_tui.isolation.drafting.draft import draft_of, text_of
    from stas_tui.isolation.drafting.tables import Found, tables_of
    from stas_tui.isolation.tenancy import load_text

    found = tables_of(tree) if tree is not None else Found()
    catalogue = None
    if dsn_env:
        dsn = environ.get(dsn_env, "")
        if not dsn:
            raise NoConnectionString(
                f"The variable {dsn_env} is not set.", "Put the connection string into it; it is never written."
            )
        catalogue = read(dsn)
    made = draft_of(found, catalogue)
    text = text_of(made, project=project, tenants=tuple(tenants), catalogue=catalogue, dsn_env=dsn_env)
    load_text(text, file)
    return Drafted(text=text, known=len(made.scoped) + len(made.by_parent), unclear=len(made.open))


def refuse_if_there(file: Path) -> None:
    """Raises `FileThere`."""
    if file.exists():
        raise FileThere(f"There is a tenancy file already: {file}.", "`--force` replaces it, `--print` only prints.")


def write(file: Path, drafted: Drafted) -> tuple[str, str]:
    """Write the draft; returns what was done and what a person does next. Raises `OSError`."""
    from stas_tui.texts.lines import count

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(drafted.text, "utf-8")
    return (
        f"Wrote {file}: {count(drafted.known, 'table')} of tenants, {drafted.unclear} that nothing tells about.",
        "Read it, correct it, put your name into completed_by; then `stas tenancy check`.",
    )
