"""SQLite: nothing is enforced and nothing is pretended; columns, keys, rows and files are looked at, unchanged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stas_tui.isolation.database import CHECKS
from storage.check_records import CheckResult, Verdict
from tests.isolation.database.shop import ask, tenancy

SOUND = """
create table tenants (id text primary key, slug text unique);
create table customers (id integer primary key, tenant_id text not null references tenants, email text,
  unique (tenant_id, email), unique (tenant_id, id));
create table orders (id integer primary key, tenant_id text not null, customer_id integer, token text unique,
  foreign key (tenant_id, customer_id) references customers (tenant_id, id));
create index orders_tenant on orders (tenant_id);
insert into tenants values ('acme', 'a'), ('globex', 'b');
insert into customers values (1, 'acme', 'ada@example.org'), (2, 'globex', 'ada@example.org');
insert into orders values (1, 'acme', 1, 'x'), (2, 'globex', 2, 'y');
"""


def filled(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.executescript(statement)
    connection.close()
    return path


def asked(path: str, *checks: str, strategy: str = "row", **more: object) -> dict[tuple[str, str], CheckResult]:
    text = f'strategy = "{strategy}"\ncompleted_by = "ada"\nroot = "tenants"\n[database]\nsqlite = "{path}"\n'
    text += "".join(f'[[tenant]]\nname = "{name}"\nkey = "{name}"\n' for name in ("acme", "globex"))
    return {(r.check, r.tenant): r for r in ask("none", *checks, declared=tenancy(text), **more)}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_one_file_for_all_is_never_verified_as_enforced(tmp_path: Path, mode: str) -> None:
    path = filled(tmp_path / "app.db", SOUND, f"pragma journal_mode = {mode}")
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    results = asked(str(path))
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
    assert {check for check, _ in results} == {spec.id for spec in CHECKS}
    said = {f"{check} {tenant}".strip(): str(result.verdict) for (check, tenant), result in results.items()}
    assert {check for check, verdict in said.items() if verdict == "n/a"} == {"D2", "D4", "D5", "D6", "D13", "D14"}
    for check in ("D1", "D10 acme", "D11 globex", "D12"):
        assert said[check] == "unknown", check
        assert "SQLite enforces nothing" in results[check.split()[0], check.partition(" ")[2]].reason
    assert {check for check, verdict in said.items() if verdict == "verified"} == {"D3", "D7", "D9", "D15"}
    assert results["D8", ""].leads[0].rule == "foreign-keys-off"
    assert results["D8", ""].verdict is Verdict.UNKNOWN
    assert "ada@example.org" not in repr(results)


@pytest.mark.parametrize(
    ("check", "rule", "planted"),
    [
        ("D3", "rows-without-tenant", "create table notes (tenant_id text); insert into notes values (null)"),
        ("D3", "nullable-tenant", "create table notes (tenant_id text)"),
        ("D7", "unique-without-tenant", "create table notes (tenant_id text not null, slug text unique)"),
        ("D8", "reference-without-tenant", "alter table orders add parent_id integer references orders"),
        ("D8", "broken-reference", "insert into orders values (9, 'acme', 77, 'z')"),
        (
            "D9",
            "cross-row",
            "alter table orders add parent_id integer references orders; update orders set parent_id = 2",
        ),
        ("D15", "no-tenant-index", "drop index orders_tenant"),
    ],
)
def test_planted_faults_are_named(tmp_path: Path, check: str, rule: str, planted: str) -> None:
    result = asked(str(filled(tmp_path / "app.db", SOUND, planted)), check)[check, ""]
    lead = next(lead for lead in result.leads if lead.rule == rule)
    assert lead.path in ("notes", "orders")
    assert result.verdict is (Verdict.FLAGGED if lead.accuses else Verdict.UNKNOWN)


def files(folder: Path, *globex: str) -> str:
    for name, more in (("acme", ()), ("globex", globex)):
        path = filled(folder / f"{name}.db", SOUND, f"delete from orders where tenant_id <> '{name}'",
                      f"delete from customers where tenant_id <> '{name}'", *more)  # fmt: skip
        path.chmod(0o600)
    return str(folder / "{tenant}.db")


def test_a_file_for_each_tenant_is_verified_by_paths_modes_and_rows(tmp_path: Path) -> None:
    results = asked(files(tmp_path), strategy="database")
    for check, tenant in (("D1", ""), ("D9", ""), ("D10", "acme"), ("D10", "globex"), ("D11", "acme")):
        assert results[check, tenant].verdict is Verdict.VERIFIED, results[check, tenant].reason


def test_a_file_with_another_tenants_rows_open_to_all_or_shared(tmp_path: Path) -> None:
    pattern = files(tmp_path, "insert into orders values (8, 'acme', null, 'q')")
    assert asked(pattern, "D10", strategy="database")["D10", "globex"].verdict is Verdict.FLAGGED
    assert asked(pattern, "D9", strategy="database")["D9", ""].leads[0].path == "orders"
    (tmp_path / "acme.db").chmod(0o644)
    assert asked(pattern, "D1", strategy="database")["D1", ""].leads[0].rule == "file-mode"
    (tmp_path / "globex.db").unlink()
    gone = asked(pattern, "D1", "D10", strategy="database")
    assert gone["D10", "globex"].verdict is Verdict.UNKNOWN
    (tmp_path / "globex.db").symlink_to(tmp_path / "acme.db")
    rules = {lead.rule for lead in asked(pattern, "D1", strategy="database")["D1", ""].leads}
    assert rules == {"shared-file", "file-link", "file-mode"}


@pytest.mark.parametrize("content", [b"", b"no database at all, just some text " * 40])
def test_a_file_that_is_no_database_and_one_that_is_not_there(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(content)
    assert asked(str(path), "D3")["D3", ""].verdict is Verdict.UNKNOWN
    gone = asked(str(tmp_path / "gone.db"), "D3")["D3", ""]
    assert gone.reason.endswith("gone.db cannot be read: No such file or directory")
    assert not (tmp_path / "gone.db").exists()


def test_a_dry_run_opens_nothing(tmp_path: Path) -> None:
    results = asked(str(tmp_path / "gone.db"), dry=True)
    assert all(result.verdict in (Verdict.UNKNOWN, Verdict.NOT_APPLICABLE) for result in results.values())
    assert any(text.startswith("open ") for text in results["D3", ""].executed)


def test_hostile_names(tmp_path: Path) -> None:
    path = filled(tmp_path / "a?b#c%.db", 'create table "o""d; drop" (tenant_id text, "x""" text unique)')
    result = asked(str(path), "D7")["D7", ""]
    assert [lead.path for lead in result.leads] == ['o"d; drop']
