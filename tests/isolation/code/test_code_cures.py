"""What restricts a query in place of the tenant's column: each form is counted as restricted, and no other is."""

from __future__ import annotations

import textwrap

import pytest

from tests.isolation.code.samples import MODELS, project

CURED = {
    "a branch for staff only": """
        def f(session, tenant_id, user):
            if user.is_superuser:
                return session.scalars(select(Item).order_by(Item.name))
            return None
        """,
    "what the caller's own row names": """
        def f(session, tenant_id, user):
            return session.get(Item, user.item_id)
        """,
    "found by rows of the tenant": """
        def f(session, tenant_id):
            rows = session.scalars(select(Part.item_id).where(Part.tenant_id == tenant_id))
            ids = list(rows)
            return session.scalars(select(Item).where(Item.id.in_(ids)))
        """,
    "a secret": """
        def f(session, tenant_id, given):
            return session.scalar(select(Item).where(Item.token_hash == digest(given)))
        """,
    "rows of one user": """
        def f(session, tenant_id, other_id):
            return session.scalars(select(Item).where(Item.owner_id == other_id))
        """,
    "a row in hand": """
        def f(session, tenant_id, parent):
            return session.scalars(select(Item).where(Item.parent_id == parent.id))
        """,
}
OPEN = {
    "a branch for anybody": CURED["a branch for staff only"].replace("is_superuser", "is_new"),
    "what somebody's request names": CURED["what the caller's own row names"].replace("user", "payload"),
    "rows of nobody": CURED["found by rows of the tenant"].replace("Part.tenant_id == tenant_id", "Part.slug == 'a'"),
    "no secret": CURED["a secret"].replace("token_hash", "colour"),
    "rows of one colour": CURED["rows of one user"].replace("owner_id == other_id", "colour == other_id"),
    "no row in hand": CURED["a row in hand"].replace("parent.id", "parent"),
}


def rules(source: str) -> set[str]:
    read = project({"app/models.py": MODELS, "app/crud.py": textwrap.dedent(source)})
    return {lead.rule for lead in read.leads}


@pytest.mark.parametrize("name", CURED)
def test_what_is_restricted_in_another_way_is_counted_and_no_lead(name: str) -> None:
    read = project({"app/models.py": MODELS, "app/crud.py": textwrap.dedent(CURED[name])})
    assert [lead.text for lead in read.leads] == []
    assert read.counts["Q2"]["otherwise_restricted"] == 1


@pytest.mark.parametrize("name", OPEN)
def test_its_like_that_restricts_nothing_is_a_lead(name: str) -> None:
    assert "unused-tenant" in rules(OPEN[name])


@pytest.mark.parametrize(
    "query",
    [
        "Item.objects.filter(**filters, tenant_id=tenant_id)",
        "Item.objects.filter(Q(**filters), tenant_id=tenant_id)",
        "session.query(Item).filter(and_(filters, Item.tenant_id == tenant_id))",
        "session.query(Item).filter(and_(*filters, Item.tenant_id == tenant_id))",
    ],
)
def test_a_tenant_beside_something_unseen_binds(query: str) -> None:
    source = f"def f(session, tenant_id, filters):\n    return {query}\n"
    counts = project({"app/models.py": MODELS, "app/crud.py": source}).counts["Q2"]
    assert (counts["statements"], counts["bound"], counts["unseen"]) == (1, 1, 0)
    source = source.replace("tenant_id=tenant_id", "name=name").replace("Item.tenant_id == tenant_id", "Item.id == 1")
    counts = project({"app/models.py": MODELS, "app/crud.py": source}).counts["Q2"]
    assert (counts["statements"], counts["bound"], counts["unseen"]) == (1, 0, 1)


def test_the_tenant_itself_belongs_to_none() -> None:
    models = "class Tenant(Base):\n    __tablename__ = 'tenants'\n    tenant_id: Mapped[int] = mapped_column()\n"
    source = (
        "def f(session, tenant_id, name):\n    return session.scalars(select(Tenant).where(Tenant.colour == name))\n"
    )
    read = project({"app/models.py": models, "app/crud.py": source})
    assert read.counts["Q2"]["statements"] == 0
    other = project(
        {"app/models.py": models.replace("Tenant", "Shop"), "app/crud.py": source.replace("Tenant", "Shop")}
    )
    assert other.counts["Q2"]["statements"] == 1


def test_a_query_with_no_tenant_near_is_a_note_and_no_question() -> None:
    source = "def f(session, name):\n    return session.scalars(select(Item).where(Item.colour == name))\n"
    read = project({"app/models.py": MODELS, "app/crud.py": source})
    assert [(lead.rule, lead.severity) for lead in read.leads] == [("no-tenant", "note")]
    assert read.of("Q2") == []
    assert read.counts["Q2"]["no_tenant_at_hand"] == 1
