"""SQLite: nothing can be enforced there; columns, keys, rows, and the files themselves where each tenant has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stas_tui.isolation.base import World
from stas_tui.isolation.database.answer import Answer, some
from stas_tui.isolation.database.model import TOKEN_NAME
from stas_tui.isolation.database.sqlite_file import File, FileUnreadable, Table, quoted
from stas_tui.isolation.declared import Tenancy, Tenant
from storage.check_records import MOST_EXAMPLES, CheckResult

NO_ROLES = "declared: a SQLite file, which has no roles and no policies"
NOTHING = "SQLite enforces nothing between tenants in one file: the code filters; Q4 and P2 carry the proof"
NO_TABLES = "no table with a tenant column was found; declare [tables] and `columns`"
FOREIGN_KEYS = (
    "SQLite checks foreign keys only on connections that say PRAGMA foreign_keys = on; does the application's?"
)


def checks(world: World, tenancy: Tenancy) -> Iterator[CheckResult]:
    """Every wanted check."""
    assert tenancy.database is not None
    files, apart = _files(tenancy)
    wants = world.wants
    if wants("D1"):
        yield enforces(world, tenancy, files, apart=apart)
    for check in ("D2", "D4", "D5", "D6", "D13", "D14"):
        if wants(check):
            yield _answer(world, check, files).away(NO_ROLES)
    for check, look in (("D3", nulls), ("D7", uniqueness), ("D8", references), ("D9", cross_rows), ("D15", indexes)):
        if wants(check):
            answer = _answer(world, check, files)
            yield look(world, tenancy, answer, files)
    if wants("D12"):
        yield _answer(world, "D12", files).away(NO_ROLES) if apart else _answer(world, "D12", files).unknown(NOTHING)
    for check in ("D10", "D11"):
        if wants(check):
            for name in world.tenants:
                answer = _answer(world, check, files, name)
                tenant = next((one for one in tenancy.tenant if one.name == name), None)
                if not apart:
                    yield answer.unknown(NOTHING)
                elif tenant is None:
                    yield answer.unknown(f"the tenancy file does not name {name}")
                else:
                    yield own_file(world, tenancy, answer, tenant, files)


def _files(tenancy: Tenancy) -> tuple[dict[str, Path], bool]:
    """File by tenant's name, or the one file under the empty name."""
    assert tenancy.database is not None
    pattern = tenancy.database.sqlite
    if "{tenant}" not in pattern:
        return {"": Path(pattern)}, False
    return {tenant.name: Path(pattern.replace("{tenant}", tenant.key)) for tenant in tenancy.tenant}, True


def _answer(world: World, check: str, files: dict[str, Path], tenant: str = "") -> Answer:
    import sqlite3

    return Answer(
        world=world,
        check=check,
        tenant=tenant,
        tool=f"sqlite {sqlite3.sqlite_version}",
        target=f"SQLite {some([str(path) for path in files.values()])}",
    )


def _each(world: World, answer: Answer, files: dict[str, Path]) -> Iterator[tuple[str, File]]:
    """Every file, open; one that cannot be read makes its part unknown."""
    for name, path in files.items():
        world.step(f"{answer.check} {path.name}")
        if world.dry:
            answer.executed += [f"open {path} read-only", *File.LISTED]
            continue
        try:
            with File(path) as file:
                file.read()
                yield name, file
                answer.executed += [text for text in file.executed if text not in answer.executed]
        except FileUnreadable as error:
            answer.weak.append(str(error))


def _scoped(file: File, tenancy: Tenancy) -> list[tuple[Table, str]]:
    away = {entry.name for entry in tenancy.tables.shared} | {tenancy.root}
    named = set(tenancy.tables.scoped)
    found = []
    for table in file.tables:
        column = next((name for name in tenancy.columns if name in table.columns), "")
        if column and table.name not in away and (not named or table.name in named):
            found.append((table, column))
    return found


def enforces(world: World, tenancy: Tenancy, files: dict[str, Path], *, apart: bool) -> CheckResult:
    """D1: that nothing is enforced; with a file for each tenant, that they are different files nobody else may read."""
    answer = _answer(world, "D1", files)
    if not apart:
        answer.weak.append(NOTHING)
        return answer.result("", "")
    seen: dict[tuple[int, int], str] = {}
    for name, path in files.items():
        if world.dry:
            answer.executed.append(f"stat {path}")
            continue
        try:
            real = path.stat()
        except OSError:
            answer.weak.append(f"the file of {name} is not there: {path}")
            continue
        key = (real.st_dev, real.st_ino)
        if key in seen:
            answer.flag(
                "shared-file", str(path), f"{name} and {seen[key]} have the same file", anchor=f"{seen[key]} {name}"
            )
        seen.setdefault(key, name)
        if real.st_mode & 0o007:
            text = f"everybody on the machine may use the file of {name} (mode {real.st_mode & 0o777:o})"
            answer.flag("file-mode", str(path), text, f"chmod o-rwx {path}", severity="warn")
        elif real.st_mode & 0o020:
            answer.ask(
                "file-mode", str(path), f"the group may write the file of {name} (mode {real.st_mode & 0o777:o})"
            )
        if path.is_symlink():
            answer.ask("file-link", str(path), f"the file of {name} is a symbolic link")
        answer.proved += 1
    return answer.result(
        f"{len(seen)} tenants have {len(seen)} files that others may not read", "no tenant is declared"
    )


def nulls(world: World, tenancy: Tenancy, answer: Answer, files: dict[str, Path]) -> CheckResult:
    """D3: NOT NULL, or at least no row without a tenant."""
    for _, file in _each(world, answer, files):
        for table, column in _scoped(file, tenancy):
            if table.columns[column].required:
                answer.proved += 1
                continue
            code = f"{table.name}.{column} without NOT NULL"
            try:
                found = file.count(f"{quoted(table.name)} where {quoted(column)} is null")
            except FileUnreadable as error:
                answer.weak.append(str(error))
                continue
            if found:
                answer.flag("rows-without-tenant", table.name, f"{table.name} has {found} rows without a tenant", code)
            else:
                text = f"{column} of {table.name} may be NULL; no row is without a tenant now"
                answer.ask("nullable-tenant", table.name, text, code)
    return answer.result("the tenant column is NOT NULL in every tenant table", NO_TABLES)


def uniqueness(world: World, tenancy: Tenancy, answer: Answer, files: dict[str, Path]) -> CheckResult:
    """D7: natural keys that are unique over all tenants."""
    for _, file in _each(world, answer, files):
        held = {table.name for table, _ in _scoped(file, tenancy)}
        for table, column in _scoped(file, tenancy):
            for name, columns in table.unique.items():
                by_parent = any(set(r.columns) <= set(columns) and r.table in held for r in table.references)
                random = any(TOKEN_NAME.search(own) or table.columns[own].generated for own in columns if own)
                if column in columns or "" in columns or by_parent or random:
                    answer.proved += 1
                    continue
                text = f"{', '.join(columns)} is unique over all tenants in {table.name}"
                answer.flag(
                    "unique-without-tenant", table.name, text, f"unique index {name}", severity="warn", anchor=name
                )
            answer.proved += not table.unique
    return answer.result("every unique key carries the tenant or is no natural key", NO_TABLES)


def references(world: World, tenancy: Tenancy, answer: Answer, files: dict[str, Path]) -> CheckResult:
    """D8: foreign keys without the tenant, and rows that break the ones there are."""
    keys = 0
    for _, file in _each(world, answer, files):
        scoped = {table.name: column for table, column in _scoped(file, tenancy)}
        for table, column in _scoped(file, tenancy):
            for reference in table.references:
                parent = scoped.get(reference.table)
                if parent is None or reference.columns == (column,):
                    continue
                keys += 1
                if (column, parent) in zip(reference.columns, reference.targets, strict=False):
                    answer.proved += 1
                    continue
                columns = ", ".join(reference.columns)
                text = f"{table.name} ({columns}) refers to {reference.table} without the tenant"
                answer.ask(
                    "reference-without-tenant", table.name, text, f"({columns})", anchor=f"{table.name} {columns}"
                )
            answer.proved += not table.references
        try:
            broken = file.broken()
        except FileUnreadable as error:
            answer.weak.append(str(error))
            continue
        for name, number in broken.items():
            text = (
                f"{number} rows of {name} point at no row: foreign keys are not checked on the application's connection"
            )
            answer.flag("broken-reference", name, text, "pragma foreign_key_check")
    if keys:
        answer.ask("foreign-keys-off", "PRAGMA foreign_keys", FOREIGN_KEYS)
    return answer.result("no foreign key leads from one tenant's rows to another's", NO_TABLES)


def cross_rows(world: World, tenancy: Tenancy, answer: Answer, files: dict[str, Path]) -> CheckResult:
    """D9: child joined with parent where their tenants differ; in a tenant's own file, rows that name another."""
    keys = {tenant.name: tenant.key for tenant in tenancy.tenant}
    for name, file in _each(world, answer, files):
        scoped = {table.name: column for table, column in _scoped(file, tenancy)}
        for table, column in _scoped(file, tenancy):
            try:
                if name:
                    _wrong_tenant(answer, file, table, column, name, keys[name])
                for reference in table.references:
                    parent = scoped.get(reference.table)
                    if parent is not None and reference.columns != (column,):
                        _joined(
                            answer, file, table, column, reference.columns, reference.targets, reference.table, parent
                        )
            except FileUnreadable as error:
                answer.weak.append(str(error))
                continue
            answer.proved += 1
    return answer.result("no row points at another tenant's", NO_TABLES)


def _wrong_tenant(answer: Answer, file: File, table: Table, column: str, name: str, key: str) -> None:
    found = file.count(f"{quoted(table.name)} where cast({quoted(column)} as text) is not ?", key)
    if found:
        text = f"{table.name} in the file of {name} holds {found} rows that name another tenant"
        answer.flag("cross-row", table.name, text, str(file.path), anchor=f"{table.name} {name}")


def _joined(
    answer: Answer,
    file: File,
    table: Table,
    column: str,
    own: tuple[str, ...],
    other: tuple[str, ...],
    to: str,
    parent: str,
) -> None:
    on = " and ".join(f"c.{quoted(a)} = p.{quoted(b)}" for a, b in zip(own, other, strict=True))
    found = file.count(
        f"{quoted(table.name)} as c join {quoted(to)} as p on {on}"
        f" where c.{quoted(column)} is not p.{quoted(parent)} limit {MOST_EXAMPLES}"
    )
    if found:
        many = f"{found} rows or more" if found == MOST_EXAMPLES else f"{found} rows"
        text = f"{many} of {table.name} point by {', '.join(own)} at a row of {to} that is another tenant's"
        answer.flag("cross-row", table.name, text, anchor=f"{table.name} {own}")


def indexes(world: World, tenancy: Tenancy, answer: Answer, files: dict[str, Path]) -> CheckResult:
    """D15: an index that begins with the tenant."""
    for _, file in _each(world, answer, files):
        for table, column in _scoped(file, tenancy):
            if column in table.leading:
                answer.proved += 1
            else:
                text = f"no index of {table.name} begins with {column}"
                answer.ask("no-tenant-index", table.name, text, severity="note")
    return answer.result("an index begins with the tenant in every tenant table", NO_TABLES)


def own_file(world: World, tenancy: Tenancy, answer: Answer, tenant: Tenant, files: dict[str, Path]) -> CheckResult:
    """D10, D11 with a file for each tenant: the tenant's file holds rows of it alone, and it is nobody else's."""
    path = files[tenant.name]
    others = [name for name, other in files.items() if name != tenant.name and _same(path, other)]
    if others:
        answer.flag("shared-file", str(path), f"{tenant.name} and {some(others)} have the same file")
    looked = 0
    for _, file in _each(world, answer, {tenant.name: path}):
        for table, column in _scoped(file, tenancy):
            try:
                _wrong_tenant(answer, file, table, column, tenant.name, tenant.key)
                looked += file.count(f"{quoted(table.name)} where cast({quoted(column)} as text) is ?", tenant.key) > 0
            except FileUnreadable as error:
                answer.weak.append(str(error))
    answer.proved = looked
    answer.control = f"rows of {tenant.name} in {looked} tables"
    return answer.result(
        f"the file of {tenant.name} holds its rows alone", f"no table in {path.name} has a row that names {tenant.name}"
    )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
