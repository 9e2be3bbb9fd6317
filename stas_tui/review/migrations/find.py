"""The chains of migrations in a tree, and what a change does to them."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from stas_tui.isolation.tree import Blob, Tree
from stas_tui.review.base import Change
from stas_tui.review.migrations.alembic_file import looks_like_revision, read_revision
from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Chain, Revision, in_order
from stas_tui.review.migrations.plain_sql import File, by_folder, chain_of, said_the_same
from stas_tui.texts.kinds import FileKind, kind_of

MOST_FILES = 5_000
"""Migrations of one folder that are read."""
LARGEST = 2 * 1024 * 1024

_DJANGO = re.compile(r"(^|/)migrations/\d{4}_[^/]*\.py$")
_HELP = re.compile(r"(^|/)(__init__|env|conftest)\.py$|(^|/)script\.py\.mako$")


@dataclass(frozen=True, slots=True)
class Script:
    """Where an Alembic chain lives."""

    folder: str
    """Folder with `env.py`."""
    versions: tuple[str, ...]
    ini: str = ""
    dialect: str = POSTGRESQL


@dataclass(frozen=True)
class Pair:
    """One chain before and after a change."""

    base: Chain | None
    head: Chain | None
    same: dict[str, bool] = field(default_factory=dict, repr=False)

    @property
    def chain(self) -> Chain:
        """The chain after the change, or before it if it was deleted."""
        chain = self.head or self.base
        assert chain is not None
        return chain

    @cached_property
    def introduced(self) -> list[Revision]:
        """Revisions that the change adds, each behind its parents."""
        if self.head is None:
            return []
        old = self.base.revisions if self.base else {}
        return [revision for revision in in_order(self.head.revisions) if revision.id not in old]

    @cached_property
    def edited(self) -> list[tuple[Revision, Revision]]:
        """Revisions from before whose statements the change alters, as (old, new)."""
        if self.base is None or self.head is None:
            return []
        new = self.head.revisions
        return [
            (old, new[old.id])
            for old in self.base.revisions.values()
            if old.id in new and old.blobs != new[old.id].blobs and not self.same.get(old.id, False)
        ]

    @cached_property
    def deleted(self) -> list[Revision]:
        """Revisions from before that are gone."""
        if self.base is None:
            return []
        kept = self.head.revisions if self.head else {}
        return [old for old in self.base.revisions.values() if old.id not in kept]


@dataclass(frozen=True, slots=True)
class Found:
    """What a change does to migrations."""

    pairs: tuple[Pair, ...]
    strange: tuple[tuple[str, str], ...]
    """(path, sentence) for changed files that look like migrations of a kind that is not read."""

    @property
    def nothing(self) -> bool:
        """Whether the change has nothing to do with migrations."""
        return not self.pairs and not self.strange


def affected(change: Change) -> Found:
    """The chains that a change touches. Raises `ForgeError`."""
    touched = [path for file in change.files for path in {file.path, file.before} if path]
    wanted = [path for path in touched if path.endswith((".py", ".sql"))]
    if not wanted:
        return Found((), tuple(_strange(change, touched, set())))
    sqlite = bool(change.tenancy and change.tenancy.database and change.tenancy.database.sqlite)
    old = {chain.folder: chain for chain in chains(change.base, wanted, SQLITE if sqlite else "")}
    new = {chain.folder: chain for chain in chains(change.head, wanted, SQLITE if sqlite else "")}
    pairs = [_pair(change, old.get(folder), new.get(folder)) for folder in sorted({*old, *new})]
    read = {r.path for p in pairs for c in (p.base, p.head) if c for r in c.revisions.values()}
    read |= {r.down_path for p in pairs for c in (p.base, p.head) if c for r in c.revisions.values()}
    read |= {path for p in pairs for c in (p.base, p.head) if c for path, _ in c.oddities}
    read |= {path for p in pairs for c in (p.base, p.head) if c for _, _, path in c.duplicates}
    kept = tuple(p for p in pairs if p.introduced or p.edited or p.deleted or _changed(p))
    return Found(kept, tuple(_strange(change, touched, read)))


def _changed(pair: Pair) -> bool:
    if pair.base is None or pair.head is None:
        return True
    return pair.base.duplicates != pair.head.duplicates or pair.base.oddities != pair.head.oddities


def _pair(change: Change, base: Chain | None, head: Chain | None) -> Pair:
    same: dict[str, bool] = {}
    if base is not None and head is not None:
        for old in base.revisions.values():
            new = head.revisions.get(old.id)
            if new is not None and old.blobs != new.blobs:
                same[old.id] = _same(change, old, new)
    return Pair(base, head, same)


def _same(change: Change, old: Revision, new: Revision) -> bool:
    """Whether only comments and layout differ."""
    if old.path.endswith(".sql"):
        return said_the_same(old, new)
    texts = [_text(tree.read(revision.path)) for tree, revision in ((change.base, old), (change.head, new))]
    try:
        trees = [ast.dump(_bare(ast.parse(text))) for text in texts]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return trees[0] == trees[1]


def _bare(tree: ast.Module) -> ast.Module:
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del tree.body[0]
    return tree


def _strange(change: Change, touched: list[str], read: set[str]) -> Iterator[tuple[str, str]]:
    for path in dict.fromkeys(touched):
        if path in read or _HELP.search(path) or kind_of(path) is not FileKind.MIGRATION:
            continue
        if _DJANGO.search(path):
            yield path, "Django's migrations are not read; `manage.py sqlmigrate` prints their SQL for a person"
        elif path.endswith((".rb", ".ts", ".js", ".xml", ".yml", ".yaml", ".sql", ".py")):
            yield path, "it looks like a migration of a kind that is not read"


def chains(tree: Tree, touched: list[str] | None = None, dialect: str = "") -> list[Chain]:
    """Every chain of a tree; with `touched` only those whose folder holds one of these paths. Raises `ForgeError`."""
    files = {path: blob for path, blob in tree.files().items() if not blob.link and blob.size <= LARGEST}
    found = []
    scripts = list(_scripts(tree, files))
    for script in scripts:
        inside = tuple(f"{folder}/" for folder in (script.folder, *script.versions) if folder)
        if touched is None or any(path.startswith(inside) for path in touched):
            found.append(_alembic(tree, files, script, dialect))
    for folder, paths in by_folder(files).items():
        if touched is not None and not any(path.rpartition("/")[0] == folder for path in touched):
            continue
        shas = {path: files[path].sha for path in sorted(paths)[:MOST_FILES]}
        contents = tree.read_many(list(shas.values()))
        read = [File(path, sha, _text(contents[sha])) for path, sha in shas.items()]
        if chain := chain_of(folder, read, dialect):
            found.append(chain)
    return found


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8-sig", "replace").replace("\r\n", "\n")


# Alembic ------------------------------------------------------------------------------------------


def _scripts(tree: Tree, files: dict[str, Blob]) -> Iterator[Script]:
    known: set[str] = set()
    for path in sorted(files):
        name = path.rpartition("/")[2]
        if name in ("alembic.ini", "pyproject.toml"):
            script = _configured(path, _text(tree.read(path)))
            if script is not None and script.folder not in known and f"{script.folder}/env.py" in files:
                known.add(script.folder)
                yield script
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        if name == "env.py" and folder and folder not in known:
            versions = f"{folder}/versions"
            if any(other.startswith(f"{versions}/") for other in files):
                known.add(folder)
                yield Script(folder, (versions,))


def _configured(path: str, text: str) -> Script | None:
    here = path.rpartition("/")[0]
    url = ""
    if path.endswith(".toml"):
        try:
            table = tomllib.loads(text).get("tool", {}).get("alembic", {})
        except tomllib.TOMLDecodeError:
            return None
        location, places = table.get("script_location"), table.get("version_locations", [])
    else:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(text)
        except configparser.Error:
            return None
        if not parser.has_section("alembic"):
            return None
        location = parser.get("alembic", "script_location", fallback=None)
        places = re.split(r"[\s,;:]+", parser.get("alembic", "version_locations", fallback=""))
        url = parser.get("alembic", "sqlalchemy.url", fallback="")
    if not isinstance(location, str):
        return None
    folder = _inside(here, location)
    if folder is None:
        return None
    given = [inside for place in places if isinstance(place, str) and place and (inside := _inside(here, place))]
    dialect = SQLITE if url.strip().startswith("sqlite") else POSTGRESQL
    return Script(folder, tuple(given) or (f"{folder}/versions",), path, dialect)


def _inside(here: str, location: str) -> str | None:
    """A place that a configuration names, as a path of the tree; None if it is outside or in a package."""
    location = location.strip().replace("%(here)s", ".").replace("\\", "/")
    if ":" in location or location.startswith("/"):
        return None
    parts: list[str] = [part for part in here.split("/") if part]
    for part in location.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _alembic(tree: Tree, files: dict[str, Blob], script: Script, dialect: str) -> Chain:
    inside = tuple(f"{folder}/" for folder in script.versions)
    paths = [p for p in sorted(files) if p.startswith(inside) and p.endswith(".py") and not _HELP.search(p)][
        :MOST_FILES
    ]
    contents = tree.read_many(list(dict.fromkeys(files[path].sha for path in paths)))
    revisions: dict[str, Revision] = {}
    duplicates: list[tuple[str, str, str]] = []
    for path in paths:
        text = _text(contents[files[path].sha])
        if not looks_like_revision(text):
            continue
        revision = read_revision(path, text, files[path].sha, dialect or script.dialect)
        if revision is None:
            continue
        if revision.id in revisions:
            duplicates.append((revision.id, revisions[revision.id].path, path))
        else:
            revisions[revision.id] = revision
    ordered = {revision.id: revision for revision in in_order(revisions)}
    return Chain(
        framework="alembic",
        folder=script.folder,
        dialect=dialect or script.dialect,
        revisions=ordered,
        ini=script.ini if script.ini.endswith(".ini") else "",
        duplicates=tuple(duplicates),
    )
