"""Q1: a tenant filter that is there only sometimes is found; one that is always there, or guarded, is not."""

from __future__ import annotations

import textwrap

import pytest

from stas_tui.isolation.code import scan_source
from tests.isolation.code.samples import leads, rules, tenancy

FAULTY = {
    "if": """
        def find(session, item_id, tenant_id: int | None = None):
            query = select(Item).where(Item.id == item_id)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.execute(query).scalars().all()
        """,
    "is not None": """
        async def find(session, tenant_id: Optional[int] = None):
            query = select(Item)
            if tenant_id is not None:
                query = query.filter_by(tenant_id=tenant_id)
            return (await session.scalars(query)).all()
        """,
    "session.query": """
        def find(db, tenant_id=None):
            q = db.query(Item)
            if tenant_id:
                q = q.filter(Item.tenant_id == tenant_id)
            return q.all()
        """,
    "list of conditions": """
        def find(session, name, tenant_id: int | None = None):
            conditions = [Item.name == name]
            if tenant_id is not None:
                conditions.append(Item.tenant_id == tenant_id)
            return session.scalars(select(Item).where(*conditions)).all()
        """,
    "mapping of conditions": """
        def find(session, tenant_id=None):
            filters = {"active": True}
            if tenant_id:
                filters["tenant_id"] = tenant_id
            return session.scalars(select(Item).filter_by(**filters)).all()
        """,
    "with another condition beside it": """
        def find(session, tenant_id=None, strict=True):
            query = select(Item)
            if tenant_id and strict:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "or is None": """
        def find(session, tenant_id: int | None = None):
            return session.scalars(select(Item).where(or_(tenant_id is None, Item.tenant_id == tenant_id)))
        """,
    "chosen inside": """
        def find(session, tenant_id: int | None = None):
            return session.scalars(select(Item).where(Item.tenant_id == tenant_id if tenant_id else True))
        """,
    "chosen mapping": """
        def find(session, tenant_id=None):
            return session.scalars(select(Item).filter_by(name="x", **({"tenant_id": tenant_id} if tenant_id else {})))
        """,
    "relation": """
        def find(session, tenant=None):
            query = select(Item)
            if tenant:
                query = query.where(Item.tenant == tenant)
            return session.scalars(query)
        """,
    "two ways out": """
        def find(db, tenant_id: int = None):
            if tenant_id:
                return db.query(Item).filter(Item.tenant_id == tenant_id).all()
            return db.query(Item).all()
        """,
    "update": """
        def rename(session, item_id, name, tenant_id=None):
            statement = update(Item).where(Item.id == item_id)
            if tenant_id:
                statement = statement.where(Item.tenant_id == tenant_id)
            session.execute(statement.values(name=name))
        """,
    "negated": """
        def find(session, tenant_id=None):
            query = select(Item)
            if not tenant_id:
                pass
            else:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "django": """
        def find(tenant=None):
            items = Item.objects.filter(active=True)
            if tenant:
                items = items.filter(tenant=tenant)
            return items
        """,
    "text": """
        def find(connection, tenant_id=None):
            sql = "SELECT id, name FROM items WHERE active = 1"
            values = []
            if tenant_id:
                sql += " AND tenant_id = ?"
                values.append(tenant_id)
            return connection.execute(sql, values).fetchall()
        """,
    "text of joined conditions": """
        def find(cursor, tenant_id=None):
            clauses, values = ["active = 1"], []
            clauses = ["active = 1"]
            if tenant_id is not None:
                clauses.append("tenant_id = %s")
            cursor.execute("SELECT id FROM items WHERE " + " AND ".join(clauses), values)
        """,
    "text chosen inside": """
        def find(connection, tenant_id=None):
            return connection.execute(
                f"SELECT id FROM items WHERE active = 1 {'AND tenant_id = :t' if tenant_id else ''}"
            )
        """,
    "nested function": """
        def outer(session, tenant_id=None):
            def inner():
                query = select(Item)
                if tenant_id:
                    query = query.where(Item.tenant_id == tenant_id)
                return session.scalars(query)
            return inner()
        """,
}

SOUND = {
    "always": """
        def find(session, tenant_id: int | None = None):
            return session.scalars(select(Item).where(Item.tenant_id == tenant_id)).all()
        """,
    "raises otherwise": """
        def find(session, tenant_id: int | None = None):
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            else:
                raise ValueError("no tenant")
            return session.scalars(query)
        """,
    "refused before": """
        def find(session, tenant_id: int | None = None):
            if not tenant_id:
                raise ValueError("no tenant")
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "returns before": """
        def find(session, tenant_id=None):
            if tenant_id is None or not tenant_id:
                return []
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "asserted": """
        def find(session, tenant_id=None):
            assert tenant_id is not None
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "filled in before": """
        def find(session, context, tenant_id=None):
            if tenant_id is None:
                tenant_id = context.tenant_id
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "defaulted": """
        def find(session, tenant_id=None):
            tenant_id = tenant_id or current_tenant()
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "both branches": """
        def find(session, user, tenant_id=None):
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            else:
                query = query.where(Item.tenant_id == user.tenant_id)
            return session.scalars(query)
        """,
    "whole query inside": """
        def find(session, tenant_id=None):
            if tenant_id:
                return session.scalars(select(Item).where(Item.tenant_id == tenant_id))
            return []
        """,
    "further filter on a scoped query": """
        def find(session, user, tenant_id=None):
            query = select(Item).where(Item.tenant_id.in_(user.tenant_ids))
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "begun by a helper that gets the caller": """
        def find(session, auth_subject, tenant_id=None):
            query = self.get_readable_statement(auth_subject)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """,
    "other arguments may be missing": """
        def find(session, tenant_id, name=None):
            query = select(Item).where(Item.tenant_id == tenant_id)
            if name:
                query = query.where(Item.name == name)
            return session.scalars(query)
        """,
    "staff see all": """
        def find(session, user):
            query = select(Item)
            if not user.is_superuser:
                query = query.where(Item.tenant_id == user.tenant_id)
            return session.scalars(query)
        """,
    "the tenants themselves": """
        def find(session, tenant_id=None):
            query = select(Tenant)
            if tenant_id:
                query = query.where(Tenant.id == tenant_id)
            return session.scalars(query)
        """,
    "text": """
        def find(connection, tenant_id, name=None):
            sql = "SELECT id FROM items WHERE tenant_id = ?"
            if name:
                sql += " AND name = ?"
            return connection.execute(sql, (tenant_id, name))
        """,
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_filter_that_may_be_missing_is_found_and_accused(name: str) -> None:
    found = [lead for lead in leads(FAULTY[name]) if lead.rule == "optional-filter"]
    assert len(found) == 1, rules(FAULTY[name])
    assert found[0].accuses
    assert found[0].severity == "crit"


@pytest.mark.parametrize("name", SOUND)
def test_a_filter_that_is_always_there_is_not(name: str) -> None:
    assert "optional-filter" not in rules(SOUND[name])


def test_the_line_is_the_one_of_the_filter() -> None:
    (lead,) = leads(FAULTY["if"])
    assert (lead.place, lead.code) == ("app/crud.py:5", "query = select(Item).where(Item.id == item_id)")
    assert "find reads Item of every tenant when tenant_id is missing" in lead.text


def test_an_argument_that_must_be_given_is_only_asked_about() -> None:
    source = """
        def find(session, tenant_id):
            query = select(Item)
            if tenant_id:
                query = query.where(Item.tenant_id == tenant_id)
            return session.scalars(query)
        """
    (lead,) = [lead for lead in leads(source) if lead.rule == "optional-filter"]
    assert not lead.accuses


@pytest.mark.parametrize("path", ["app/backoffice/items.py", "scripts/export.py", "app/nightly_job.py"])
def test_tools_of_the_staff_are_asked_about_and_not_accused(path: str) -> None:
    (lead,) = [lead for lead in leads(FAULTY["if"], path=path) if lead.rule == "optional-filter"]
    assert not lead.accuses


def test_declared_staff_and_helpers_count() -> None:
    declared = tenancy(code={"staff": ("app/crud.py",), "helpers": ("mine",)})
    (lead,) = [lead for lead in leads(FAULTY["if"], declared=declared) if lead.rule == "optional-filter"]
    assert not lead.accuses
    helped = FAULTY["if"].replace("Item.id == item_id", "mine(Item)")
    assert "optional-filter" not in rules(helped, declared=declared)


def test_nothing_declared_nothing_accused() -> None:
    (lead,) = scan_source("app/crud.py", textwrap.dedent(FAULTY["if"]))
    assert (lead.rule, lead.accuses) == ("optional-filter", False)


def test_one_file_alone_is_enough() -> None:
    (lead,) = scan_source("app/crud.py", textwrap.dedent(FAULTY["if"]), tenancy())
    assert (lead.rule, lead.accuses) == ("optional-filter", True)


def test_identity_outlives_moved_lines() -> None:
    (before,) = leads(FAULTY["if"])
    (after,) = leads("import os\n\n\nX = 1\n" + textwrap.dedent(FAULTY["if"]))
    assert before.line != after.line
    assert before.fingerprint == after.fingerprint


def test_two_in_one_function_are_two() -> None:
    source = """
        def find(session, tenant_id=None):
            first = select(Item)
            if tenant_id:
                first = first.where(Item.tenant_id == tenant_id)
            second = select(Item).where(Item.name == "x")
            if tenant_id:
                second = second.where(Item.tenant_id == tenant_id)
            return session.scalars(first), session.scalars(second)
        """
    found = leads(source)
    assert len({lead.fingerprint for lead in found}) == len(found) == 2
