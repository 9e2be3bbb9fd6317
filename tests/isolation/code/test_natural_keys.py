"""Q3 with a real PostgreSQL: which keys are unique in a tenant only is the catalogue's word, not a guess."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.code import run
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.isolation.code.samples import MODELS, tenancy
from tests.isolation.code.trees import Repository
from tests.postgres import server

SHOP = """
create table tenants (id int primary key);
create table items (id int primary key, tenant_id int, name text, alias text unique);
create table parts (id int primary key, tenant_id int, slug text, email text, code text, unique (tenant_id, slug));
create unique index parts_email on parts (tenant_id, lower(email));
create unique index parts_code on parts (code) where tenant_id is not null;
create table wishes (id int primary key, tenant_id int, title text, unique (title, tenant_id));
"""
CODE = {
    "app/models.py": MODELS
    + "class Wish(TenantMixin, Base):\n    title: Mapped[str] = mapped_column()\n"
    + "class Gone(TenantMixin, Base):\n    name: Mapped[str] = mapped_column()\n",
    "app/a.py": "def slug(session, slug):\n    return session.scalar(select(Part).where(Part.slug == slug))\n",
    "app/b.py": "def email(session, email):\n    return session.scalar(select(Part).where(Part.email == email))\n",
    "app/c.py": "def code(session, code):\n    return session.scalar(select(Part).where(Part.code == code))\n",
    "app/d.py": "def alias(session, alias):\n    return session.scalar(select(Item).where(Item.alias == alias))\n",
    "app/e.py": "def name(session, name):\n    return session.scalar(select(Item).where(Item.name == name))\n",
    "app/f.py": "def title(session, title):\n    return session.scalar(select(Wish).where(Wish.title == title))\n",
    "app/g.py": "def gone(session, name):\n    return session.scalar(select(Gone).where(Gone.name == name))\n",
}


def build(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SHOP.encode())


@pytest.fixture
def world(tmp_path: Path) -> World:
    repository = Repository(tmp_path / "r")
    watcher = server().name("watcher")
    name = str(psycopg.conninfo.conninfo_to_dict(server().fresh("q3", template=build))["dbname"])
    server().run(name, f"create role {watcher} login")
    return World(
        project_id="shop", tenants=("a",), tenancy=tenancy(database={"dsn": {"env": "WATCH"}}), clock=SystemClock(),
        only=frozenset({"Q3"}), environ={"WATCH": server().dsn(name, watcher)},
        tree=repository.at(repository.commit(CODE)),
    )  # fmt: skip


def asked(world: World, **more: Any) -> CheckResult:
    (result,) = run(replace(world, **more))
    return result


def test_the_lead_says_which_key_the_database_has(world: World) -> None:
    result = asked(world)
    said = {lead.path: lead.text for lead in result.leads}
    assert said["app/a.py"] == (
        "slug looks up Part by slug, unique in a tenant only in the database"
        " (parts_tenant_id_slug_key: tenant_id, slug), without the tenant"
    )
    assert "(parts_email: tenant_id, lower(email)), without the tenant" in said["app/b.py"]
    assert "by code, which no unique key of parts holds together with the tenant, without" in said["app/c.py"]
    assert "by alias, unique over all tenants in the database (items_alias_key), without" in said["app/d.py"]
    assert "by name, which no unique key of items holds together with the tenant, without" in said["app/e.py"]
    assert "(wishes_title_tenant_id_key: title, tenant_id)" in said["app/f.py"]
    assert said["app/g.py"] == "gone looks up Gone by name, unique in a tenant only, without the tenant"
    counted = {kind: result.counts[kind] for kind in ("tenant_keys", "global_keys", "no_key")}
    assert counted == {"tenant_keys": 3, "global_keys": 1, "no_key": 2}
    assert (
        "by the keys of the database 3 unique in a tenant only, 1 unique over all tenants, 2 in no unique key"
        in result.reason
    )
    assert "PostgreSQL 15" in result.target
    assert any("read only" in statement for statement in result.executed)
    assert (result.verdict, any(lead.accuses for lead in result.leads)) == (Verdict.UNKNOWN, False)


def test_the_lead_is_the_same_one_with_and_without_a_database(world: World) -> None:
    without = asked(world, tenancy=tenancy())
    assert [lead.fingerprint for lead in asked(world).leads] == [lead.fingerprint for lead in without.leads]
    assert {lead.text for lead in without.leads if lead.path == "app/a.py"} == {
        "slug looks up Part by slug, unique in a tenant only, without the tenant"
    }
    assert without.executed == ()
    assert "tenant_keys" not in without.counts
    assert "database" not in without.reason


def test_a_database_that_cannot_be_read_is_said_and_the_leads_stand(world: World) -> None:
    dead = asked(world, environ={"WATCH": "postgresql://nobody@127.0.0.1:9/none"})
    assert len(dead.leads) == len(asked(world).leads)
    assert "; the database's keys could not be read: " in dead.reason
    assert "tenant_keys" not in dead.counts


def test_a_dry_run_lists_what_would_be_asked(world: World) -> None:
    dry = asked(world, dry=True)
    assert dry.reason == "dry run: the code was not read"
    assert any("pg_index" in statement for statement in dry.executed)
    assert asked(world, dry=True, tenancy=tenancy()).executed == ()


def test_where_tenants_have_schemas_of_their_own_no_key_is_looked_up(world: World) -> None:
    assert world.tenancy is not None
    own = world.tenancy.model_copy(update={"strategy": "schema"})
    assert asked(world, tenancy=own).executed == ()
