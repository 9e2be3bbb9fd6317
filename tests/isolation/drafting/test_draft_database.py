"""A draft asks a real database with an account that cannot write; one that could is refused before a table is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.isolation.drafting.catalogue import DatabaseUnreadable, read
from stas_tui.tenancy_draft import draft
from tests.postgres import server

TABLES = (
    "create table tenants (id uuid primary key, name text)",
    "create table invoices (id int primary key, tenant_id uuid not null references tenants)",
    "alter table invoices enable row level security",
    "create policy own on invoices using (tenant_id::text = current_setting('app.tenant_id', true))",
)


class Shop:
    """A database with the application's role, and accounts that are granted what a test says."""

    def __init__(self) -> None:
        self.name = server().fresh("draft").rpartition("/")[2].partition("?")[0]
        self.app = server().name("shop_app")
        self.run(*TABLES, f'create role "{self.app}" login', f'grant select, insert on invoices to "{self.app}"')

    def run(self, *statements: str) -> None:
        server().run(self.name, *statements)

    def account(self, *grants: str, options: str = "") -> str:
        """The connection string of a new account; `{}` in a statement is its name."""
        role = server().name("looks")
        self.run(f'create role "{role}" login {options}', *(grant.format(f'"{role}"') for grant in grants))
        return server().dsn(self.name, role)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_an_account_that_cannot_write_is_answered(shop: Shop) -> None:
    found = read(shop.account())
    assert sorted(found.found.tables) == ["invoices", "tenants"]
    assert (shop.app in found.writers, found.settings) == (True, ("app.tenant_id",))


def test_the_documented_account_may_become_the_applications_role_and_does_not_inherit_it(shop: Shop) -> None:
    membership = " with inherit false, set true" if server().version >= 16 else ""
    dsn = shop.account(f'grant "{shop.app}" to {{}}{membership}', options="noinherit")
    assert "invoices" in read(dsn).found.tables


@pytest.mark.parametrize(
    ("grants", "options", "why"),
    [
        (("grant insert on invoices to {}",), "", "it may INSERT on public.invoices"),
        (("grant create on schema public to {}",), "", "it may CREATE in the schema public"),
        (("alter table invoices owner to {}",), "", "it owns public.invoices"),
        ((), "createrole", "CREATEROLE"),
        ((), "superuser", "SUPERUSER"),
        (("grant pg_write_all_data to {}",), "noinherit", "pg_write_all_data"),
    ],
)
def test_an_account_that_could_write_is_refused(shop: Shop, grants: tuple[str, ...], options: str, why: str) -> None:
    with pytest.raises(DatabaseUnreadable, match="could write, and nothing was read") as refused:
        read(shop.account(*grants, options=options))
    assert why in str(refused.value)
    assert "isolation-database.md" in refused.value.mend


def test_one_that_inherits_the_applications_role_is_refused(shop: Shop) -> None:
    with pytest.raises(DatabaseUnreadable, match="could write"):
        read(shop.account(f'grant "{shop.app}" to {{}}'))


def test_one_that_may_become_a_superuser_is_refused(shop: Shop) -> None:
    boss = server().name("boss")
    shop.run(f'create role "{boss}" superuser')
    with pytest.raises(DatabaseUnreadable, match="SUPERUSER"):
        read(shop.account(f'grant "{boss}" to {{}}', options="noinherit"))


def test_nothing_is_changed_and_a_password_is_never_told(shop: Shop, tmp_path: Path) -> None:
    before = server().dump(shop.name)
    made = draft("shop", ("acme",), None, tmp_path / "t.toml", dsn_env="D", environ={"D": shop.account()})
    assert made.known == 1
    assert server().dump(shop.name) == before
    with pytest.raises(DatabaseUnreadable) as unreachable:
        read("postgresql://looks:verysecretword@127.0.0.1:1/shop")
    assert "verysecretword" not in str(unreachable.value)
    with pytest.raises(DatabaseUnreadable) as wrong:
        read("postgresql://looks:verysecretword@:::/shop")
    assert "verysecretword" not in str(wrong.value)
