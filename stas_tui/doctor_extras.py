"""What `stas doctor` says of the packages that are installed with an extra: `pip install 'stas-tui[pg]'`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from stas_tui.doctor_rows import Row, State
from stas_tui.texts.lines import listed, one_line

_PACKAGES = {
    "psycopg": "psycopg",
    "python-hcl2": "hcl2",
    "zizmor": "zizmor",
    "alembic": "alembic",
    "SQLAlchemy": "sqlalchemy",
    "redis": "redis",
}
"""Names of packages to names of modules."""
_PROGRAMS = frozenset({"zizmor"})
"""Packages that bring a program and no module that anybody imports."""


@dataclass(frozen=True, slots=True)
class _Extra:
    name: str
    what: str
    packages: tuple[str, ...]
    use: str


_EXTRAS = (
    _Extra("pg", "PostgreSQL client", ("psycopg",), "checks that ask a live PostgreSQL"),
    _Extra("iac", "Terraform, workflows", ("python-hcl2", "zizmor"), "review of Terraform and workflows"),
    _Extra("rehearse", "Rehearsal of migrations", ("alembic", "SQLAlchemy", "psycopg"), "Alembic migrations rehearsed"),
    _Extra("redis", "Redis client", ("redis",), "the check of jobs that wait in Redis"),
)


def extras() -> Iterator[Row]:
    """One row for each extra. Without one its checks are unknown, and nothing else is."""
    for extra in _EXTRAS:
        yield _row(extra)


def _row(extra: _Extra) -> Row:
    mend = f"pip install 'stas-tui[{extra.name}]'"
    id_ = f"extra:{extra.name}"
    missing = [package for package in extra.packages if not _there(package)]
    if missing:
        some = f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        what = "not installed" if len(missing) == len(extra.packages) else some
        return Row(id_, extra.what, State.UNKNOWN, f"{what} (optional: {extra.use})", mend)
    for package in extra.packages:
        if package not in _PROGRAMS and (why := _broken(_PACKAGES[package])):
            detail = f"{package} is installed and cannot be loaded: {why}"
            return Row(id_, extra.what, State.WARN, detail, f"Install it anew: {mend}")
    return Row(id_, extra.what, State.OK, ", ".join(map(_named, extra.packages)))


def _there(package: str) -> bool:
    if package in _PROGRAMS:
        from stas_tui.review.files.external import ZIZMOR

        return ZIZMOR.program() is not None
    return find_spec(_PACKAGES[package]) is not None


def _broken(module: str) -> str:
    """Why a module cannot be imported; empty if it can."""
    try:
        import_module(module)
    except ImportError as error:
        return one_line(str(error), 120) or type(error).__name__
    return ""


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
