"""Q2 and Q3: a query without the tenant that is at hand is found; one that is restricted in another way is not."""

from __future__ import annotations

import pytest

from stas_tui.isolation.code import scan_source
from tests.isolation.code.samples import leads, project, rules, tenancy

UNUSED = {
    "by id": """
        def get(session, tenant_id, item_id):
            return session.get(Item, item_id)
        """,
    "by id, selected": """
        def get(session, tenant_id, item_id):
            return session.scalar(select(Item).where(Item.id == item_id))
        """,
    "everything": """
        def all_of(session, tenant):
            return session.scalars(select(Item).order_by(Item.name)).all()
        """,
    "count": """
        def count(db, user):
            return db.query(func.count(Item.id)).scalar()
        """,
    "tenant column with tenant column": """
        def find(session, tenant_id):
            return session.scalars(select(Item).join(Part, Part.tenant_id == Item.tenant_id))
        """,
    "tenant is not": """
        def find(session, tenant_id):
            return session.scalars(select(Item).where(Item.tenant_id != tenant_id))
        """,
    "or something else": """
        def find(session, tenant_id):
            return session.scalars(select(Item).where(or_(Item.tenant_id == tenant_id, Item.name == "x")))
        """,
    "or, written with a bar": """
        def find(session, tenant_id):
            return session.scalars(select(Item).where((Item.tenant_id == tenant_id) | (Item.name == "x")))
        """,
    "the tenant is in self": """
        class Items:
            def __init__(self, session, tenant_id):
                self.session, self.tenant_id = session, tenant_id
            def mine(self):
                return self.session.scalars(select(Item).where(Item.tenant_id == self.tenant_id))
            def one(self, item_id):
                return self.session.get(Item, item_id)
        """,
    "condition of an outer join": """
        def find(session, tenant_id):
            on = and_(Part.item_id == Item.id, Part.tenant_id == tenant_id)
            return session.scalars(select(Item).outerjoin(Part, on))
        """,
    "update": """
        def close(session, tenant_id, item_id):
            session.execute(update(Item).where(Item.id == item_id).values(closed=True))
        """,
    "delete": """
        def drop(session, tenant_id, item_id):
            session.execute(delete(Item).where(Item.id == item_id))
        """,
    "flask": """
        def get(tenant_id, item_id):
            return Item.query.filter_by(id=item_id).first()
        """,
    "django": """
        def get(tenant, item_id):
            return Item.objects.get(pk=item_id)
        """,
    "generic repository": """
        class Repository:
            def one(self, id, tenant_id):
                return self.session.scalar(select(self.model).where(self.model.id == id))
        class ItemRepository(Repository):
            model = Item
            def two(self, id, tenant_id):
                return self.session.scalar(select(self.model).where(self.model.id == id))
        """,
    "statement of a base that binds nothing": """
        class ItemRepository(Base[Item]):
            def get_base_statement(self):
                return select(self.model)
            def one(self, tenant_id, item_id):
                return self.session.scalar(self.get_base_statement().where(Item.id == item_id))
        """,
    "subquery that nothing scopes": """
        def find(session, tenant_id):
            inner = select(Part.item_id).where(Part.slug == "x")
            return session.scalars(select(Item).where(Item.id.in_(inner)))
        """,
    "text": """
        def get(connection, tenant_id, item_id):
            return connection.execute("SELECT name FROM items WHERE id = ?", (item_id,)).fetchone()
        """,
    "text in a constant": """
        _GET = "SELECT name FROM items WHERE id = %s"
        def get(cursor, tenant_id, item_id):
            cursor.execute(_GET, [item_id])
        """,
    "text of SQLAlchemy": """
        def get(session, tenant_id):
            return session.execute(text("select name from items where name like :n"), {"n": "a%"})
        """,
    "text joined over the tenant": """
        def get(cursor, tenant_id):
            cursor.execute("SELECT * FROM items i JOIN parts p ON p.tenant_id = i.tenant_id")
        """,
}

SOUND = {
    "column": "session.scalars(select(Item).where(Item.tenant_id == tenant_id))",
    "reversed": "session.scalars(select(Item).where(tenant_id == Item.tenant_id))",
    "relation": "session.scalars(select(Item).where(Item.tenant == tenant))",
    "filter_by": "session.query(Item).filter_by(tenant_id=tenant_id).all()",
    "in": "session.scalars(select(Item).where(Item.tenant_id.in_(tenant_ids)))",
    "cast": "session.scalars(select(Item).where(cast(Item.tenant_id, String) == str(tenant_id)))",
    "col()": "session.exec(select(Item).where(col(Item.tenant_id) == tenant_id))",
    "beside others": "session.scalars(select(Item).where(and_(Item.name == name, Item.tenant_id == tenant_id)))",
    "own or nobody's": "s.scalars(select(Item).where(or_(Item.tenant_id == tenant_id, Item.tenant_id.is_(None))))",
    "in a variable": "session.scalars(select(Item).where(mine := Item.tenant_id == tenant_id))",
    "helper with the tenant": "session.scalars(select(Item).where(visible(Item, tenant_id)))",
    "helper by name": "session.scalars(for_tenant(select(Item)))",
    "helper around the query": "session.scalars(scoped(select(Item), tenant_id))",
    "method by name": "session.scalars(select(Item).for_tenant(tenant_id))",
    "exists": "s.scalars(select(Item).where(exists().where(Part.item_id == Item.id, Part.tenant_id == tenant_id)))",
    "exists inside query": "session.query(session.query(Item).filter(Item.tenant_id == tenant_id).exists()).scalar()",
    "scoped subquery": "s.scalars(select(Item).where(Item.id.in_(select(Part.item_id).filter_by(tenant=tenant))))",
    "the tenant's own row": "session.scalars(select(Item).join(Tenant).where(Tenant.id == tenant_id))",
    "the tenant itself": "session.get(Tenant, tenant_id)",
    "a shared table": "session.get(Country, country_id)",
    "alias": "session.scalars(select(other := aliased(Item)).where(other.tenant_id == tenant_id))",
    "django suffix": "Part.objects.filter(item__tenant=tenant)",
    "text": "session.execute(text('select * from items where tenant_id = :t'), {'t': tenant_id})",
    "conditions that cannot be seen": "session.scalars(select(Item).where(*conditions))",
    "mapping that cannot be seen": "session.scalars(select(Item).filter_by(**filters))",
    "query of somebody else": "session.scalars(query.where(Item.name == name))",
    "statement of an unknown helper": "session.scalars(self.readable_statement().where(Item.name == name))",
}

CURED = {
    "row in hand": """
        def parts(session, tenant_id, item):
            return session.scalars(select(Part).where(Part.item_id == item.id))
        """,
    "rows in hand": """
        def parts(session, tenant_id, items):
            return session.scalars(select(Part).where(Part.item_id.in_([item.id for item in items])))
        """,
    "compared after": """
        def get(session, user, item_id):
            item = session.get(Item, item_id)
            if item is None or item.tenant_id != user.tenant_id:
                raise NotFound
            return item
        """,
    "compared before": """
        def get(session, tenant_id, item):
            if item.tenant_id != tenant_id:
                raise Forbidden
            return session.get(Part, item.main_part)
        """,
    "owner compared": """
        def get(session, user, item_id):
            item = session.get(Item, item_id)
            if item.owner_id != user.id:
                raise Forbidden
            return item
        """,
    "asked whether the caller may": """
        def get(session, user, item_id):
            item = session.get(Item, item_id)
            check_item_access(user, item)
            return item
        """,
    "checked together": """
        def parts(session, tenant_id, item_id):
            item = items.get(session, tenant_id, item_id)
            return session.scalars(select(Part).where(Part.item_id == item_id))
        """,
    "found by rows of the tenant": """
        def parts(session, tenant_id):
            ids = session.scalars(select(Item.id).where(Item.tenant_id == tenant_id)).all()
            return session.scalars(select(Part).where(Part.item_id.in_(ids)))
        """,
    "credential by its hash": """
        def by_token(session, user, token):
            return session.scalar(select(Item).where(Item.token_hash == digest(token)))
        """,
    "secret by name": """
        def consume(session, user, state):
            return session.get(Item, state)
        """,
    "finds the tenant": """
        def tenant_of(session, user, item_id):
            return session.scalar(select(Item.tenant_id).where(Item.id == item_id))
        """,
    "rows of one user": """
        def memberships(session, tenant_id, someone):
            return session.scalars(select(Item).where(Item.user_id == someone))
        """,
    "the caller's own": """
        def mine(session, current_user):
            return session.scalars(select(Item).where(Item.made_by == current_user.id))
        """,
    "for staff only": """
        def find(session, user):
            if user.is_superuser:
                return session.scalars(select(Item))
            return session.scalars(select(Item).where(Item.tenant_id == user.tenant_id))
        """,
    "over all tenants": """
        def refresh(session, tenants):
            for tenant in tenants:
                session.execute(update(Item).values(fresh=False))
        """,
    "work over all tenants by name": """
        def purge_expired_items(session, tenant_id):
            session.execute(delete(Item).where(Item.name == "x"))
        """,
    "bound beside an outer join": """
        def growth(session, tenant_id, series):
            return session.execute(select(series.c.day, func.count(Item.id)).select_from(series)
                .join(Item, and_(Item.day == series.c.day, Item.tenant_id == tenant_id), isouter=True))
        """,
    "correlated inside a scoped one": """
        def find(session, tenant_id):
            part = select(Part.id).where(Part.item_id == Item.id).exists()
            return session.scalars(select(Item).where(Item.tenant_id == tenant_id, ~part))
        """,
    "begun anew under a condition": """
        def find(session, tenant_id, wide):
            query = select(Item)
            if wide:
                query = select(Item.id, Item.name)
            return session.execute(query.where(Item.tenant_id == tenant_id))
        """,
    "peewee join": """
        def find(tenant_id):
            return Part.select(Part.id).join(Item, on=((Part.item_id == Item.id) & (Item.tenant_id == tenant_id)))
        """,
    "key of a row by way of a variable": """
        def parts(session, user, item):
            key = item.id
            return session.scalars(select(Part).where(Part.item_id == key))
        """,
    "django subquery": """
        def find(tenant):
            part = Part.objects.filter(item=OuterRef("id")).values("slug")[:1]
            return Item.objects.filter(tenant=tenant).annotate(part=Subquery(part))
        """,
    "an insert of django": """
        def add(tenant_id):
            return Item.objects.create(name="x", tenant_id=tenant_id), Item.objects.bulk_create([])
        """,
    "an insert": """
        def add(session, tenant_id):
            session.execute(insert(Item).values(name="x", tenant_id=tenant_id))
        """,
}

NATURAL = {
    "name": "def f(session, name):\n return session.scalar(select(Item).where(Item.name == name))",
    "slug of the tenant only": "def f(session, slug):\n return session.scalar(select(Part).filter_by(slug=slug))",
    "field that the client sent": "def f(s, item_in):\n return s.query(Item).filter(Item.name == item_in.name).one()",
    "lowered": "def f(s, name):\n return s.scalar(select(Item).where(func.lower(Item.name) == name.lower()))",
    "list": "def f(s, names):\n return s.scalars(select(Item).where(Item.name.in_(names)))",
    "with the tenant at hand": "def f(s, tenant_id, name):\n return s.scalar(select(Item).where(Item.name == name))",
    "text": "def f(c, name):\n return c.execute('SELECT id FROM items WHERE name = ?', (name,))",
}

NOT_NATURAL = {
    "with the tenant": "def f(s, tenant_id, name):\n return s.query(Item).filter_by(name=name, tenant_id=tenant_id)",
    "unique everywhere": "def f(s, serial):\n return s.scalar(select(Item).where(Item.serial == serial))",
    "slug of the tenants": "def f(s, slug):\n return s.scalar(select(Tenant).where(Tenant.slug == slug))",
    "a shared table": "def f(s, code):\n return s.scalar(select(Country).where(Country.code == code))",
    "with its parent": "def f(s, item_id, slug):\n return s.scalar(select(Part).filter_by(item_id=item_id, slug=slug))",
    "a constant": "def f(s):\n return s.scalar(select(Item).where(Item.name == 'default'))",
    "of a row in hand": "def f(s, item):\n return s.scalar(select(Item).where(Item.name == item.name))",
}


@pytest.mark.parametrize("name", UNUSED)
def test_a_query_without_the_tenant_at_hand_is_found(name: str) -> None:
    found = [lead for lead in leads(UNUSED[name]) if lead.rule == "unused-tenant"]
    assert found, leads(UNUSED[name], notes=True)
    assert not any(lead.accuses for lead in found)


@pytest.mark.parametrize("name", SOUND)
def test_a_query_with_the_tenant_is_silent(name: str) -> None:
    source = f"""
        def find(self, s, session, user, tenant, tenant_id, tenant_ids, name, country_id, conditions, filters, query):
            return {SOUND[name]}
        """
    assert leads(source, notes=True) == []


@pytest.mark.parametrize("name", CURED)
def test_what_restricts_it_in_another_way_is_silent(name: str) -> None:
    assert leads(CURED[name], notes=True) == []


@pytest.mark.parametrize("name", NATURAL)
def test_a_lookup_by_a_key_of_the_tenant_only_is_found(name: str) -> None:
    assert rules(NATURAL[name]) == ["natural-key"]


@pytest.mark.parametrize("name", NOT_NATURAL)
def test_a_lookup_by_a_key_of_everybody_is_not(name: str) -> None:
    assert "natural-key" not in rules(NOT_NATURAL[name])


def test_cures_are_counted() -> None:
    counts = project({"app/crud.py": CURED["row in hand"]}).counts["Q2"]
    assert (counts["statements"], counts["bound"], counts["otherwise_restricted"]) == (1, 0, 1)


def test_without_a_tenant_at_hand_it_is_a_note() -> None:
    by_id, by_name = (
        leads(f"def f(session, x):\n return session.scalars(select(Item).where(Item.{column} == x))", notes=True)
        for column in ("parent_id", "colour")
    )
    assert [(lead.rule, lead.severity, lead.accuses) for lead in by_id] == [("key-alone", "note", False)]
    assert [(lead.rule, lead.severity, lead.accuses) for lead in by_name] == [("no-tenant", "note", False)]
    assert project({"app/crud.py": "def f(s):\n return s.scalars(select(Item))"}).of("Q2") == []


def test_tables_are_the_declared_ones() -> None:
    declared = tenancy(tables={"scoped": ("items",), "shared": ({"name": "parts", "reason": "price list"},)})
    source = "def f(s, tenant_id):\n return s.get({}, 1)"
    assert rules(source.format("Item"), declared=declared) == ["unused-tenant"]
    assert rules(source.format("Part"), declared=declared) == []
    named = tenancy(tables={"scoped": ("stock",)}, code={"models": {"Article": "stock"}})
    assert rules(source.format("Article"), declared=named) == ["unused-tenant"]
    assert rules(source.format("Item"), declared=named) == []


def test_a_table_by_its_parent_is_a_tenants_too() -> None:
    notes = {"name": "notes", "parent": "items", "column": "item_id"}
    declared = tenancy(tables={"scoped": ("items",), "by_parent": (notes,)})
    assert rules("def f(c, tenant_id):\n c.execute('SELECT body FROM notes')", declared=declared) == ["unused-tenant"]
    scoped = "SELECT body FROM notes n JOIN items i ON i.id = n.item_id WHERE i.tenant_id = ?"
    assert rules(f"def f(c, tenant_id):\n c.execute('{scoped}', [tenant_id])", declared=declared) == []


def test_what_a_statement_shows_of_a_table_counts_for_the_others() -> None:
    """Nothing is declared and no model is there: the first statement shows that the table has a tenant column."""
    source = """
def mine(c, tenant):
    return c.execute("SELECT id FROM entries WHERE tenant_id = ?", (tenant,))

def theirs(c, tenant):
    return c.execute("SELECT id FROM entries")
"""
    (lead,) = scan_source("ledger/entries.py", source)
    assert (lead.rule, lead.line, lead.accuses) == ("unused-tenant", 6, False)


def test_text_with_holes_is_not_guessed() -> None:
    read = project(
        {"app/x.py": "def f(c, tenant_id, where):\n c.execute('SELECT * FROM items WHERE ' + where(1) + ' x y z')"}
    )
    assert read.leads == []
    assert read.counts["Q2"]["unparsed"] == 1
    table = "def f(c, tenant_id, table):\n c.execute(f'SELECT * FROM {table} WHERE id = ?')"
    assert leads(table, notes=True) == []


def test_code_is_shown_without_values() -> None:
    (lead,) = leads("def f(c, tenant_id):\n c.execute(\"SELECT id FROM items WHERE title = 'Ada Lovelace'\")")
    assert "Ada" not in lead.code
    assert lead.code == "SELECT id FROM items WHERE title = ?"


def test_a_manager_that_binds_by_itself_counts() -> None:
    source = """
        class Mine(models.Manager):
            def get_queryset(self):
                return super().get_queryset().filter(tenant=current_tenant())

        class Everyone(models.Manager):
            def get_queryset(self):
                return super().get_queryset().filter(active=True)

        class Order(models.Model):
            tenant = models.ForeignKey(Tenant)
            objects = Mine()

        class Draft(models.Model):
            tenant = models.ForeignKey(Tenant)
            objects = Everyone()

        def get(user, id):
            return Order.objects.get(pk=id), Draft.objects.get(pk=id)
        """
    assert [lead.text.split(" reads ")[1][:5] for lead in leads(source)] == ["Draft"]
