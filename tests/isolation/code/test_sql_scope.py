"""Each table of a statement is bound, found by key, or neither; written cases, one rule each."""

from __future__ import annotations

import pytest

from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.sql.scope import Use, uses_of
from stas_tui.isolation.code.sql.text import NotUnderstood, alike, masked, touches_rows

COLUMNS = {
    "tenants": "id name",
    "items": "id tenant_id owner_id parent_id country_id slug title",
    "parts": "id tenant_id item_id slug",
    "notes": "id item_id body",
    "members": "id tenant_id user_id role",
    "countries": "id name",
    "users": "id email",
}
KEYS = {
    **{name: (frozenset({"id"}),) for name in COLUMNS},
    "parts": (frozenset({"id"}), frozenset({"tenant_id", "slug"})),
}
SCHEMA = Schema(
    tenant_columns=frozenset({"tenant_id"}),
    parents={"notes": "item_id"},
    root="tenants",
    columns_of={name: frozenset(columns.split()) for name, columns in COLUMNS.items()},
    unique=KEYS,
    references={"parts": frozenset({"item_id"}), "notes": frozenset({"item_id"}), "items": frozenset({"parent_id"})},
)


def states(sql: str, schema: Schema = SCHEMA) -> dict[str, str]:
    """Alias or table of every use of a tenant table, to `bound`, `key` or `open`."""
    return {use.alias or use.table: state(use) for use in uses_of(sql, schema) if schema.belongs(use.table)}


def state(use: Use) -> str:
    return "bound" if use.how else "key" if use.by_key else "open"


BOUND = {
    "parameter": "select * from items where tenant_id = $1",
    "driver marks": "select * from items i where i.tenant_id = %s and i.title like '%%x'",
    "named": "select * from items where tenant_id = %(tenant)s",
    "question mark": "select * from items where title = ? and tenant_id = ?",
    "cast of a parameter": "select * from items where tenant_id = $1::uuid",
    "cast of the column": "select * from items where tenant_id::text = $1",
    "setting": "select * from items where tenant_id = current_setting('app.tenant_id', true)::uuid",
    "nullif of a setting": "select * from items where tenant_id = nullif(current_setting('app.tenant_id'), '')::uuid",
    "subselect without a table": "select * from items where tenant_id = (select current_setting('app.t')::uuid)",
    "list": "select * from items where tenant_id in ($1, $2)",
    "any": "select * from items where tenant_id = any($1)",
    "not distinct": "select * from items where tenant_id is not distinct from $1",
    "tuple": "select * from items where (tenant_id, id) = ($1, $2)",
    "tuples": "select * from items where (tenant_id, id) in (($1, $2), ($3, $4))",
    "tuple of marks side by side": "select * from items where ($1,$2) = (tenant_id, id)",
    "both branches": "select * from items where (tenant_id = $1 and title = 'a') or (tenant_id = $2 and title = 'b')",
    "own or nobody's": "select * from items where tenant_id = $1 or tenant_id is null",
    "join over the tenant": "select * from items i join parts p on p.tenant_id = i.tenant_id where i.tenant_id = $1",
    "join by key": "select * from items i join parts p on p.item_id = i.id where i.tenant_id = $1",
    "join by key upwards": "select * from parts p join items i on i.id = p.item_id where p.tenant_id = $1",
    "join to a table by parent": "select * from notes n join items i on i.id = n.item_id where i.tenant_id = $1",
    "comma join": "select * from items i, parts p where p.item_id = i.id and i.tenant_id = $1",
    "using": "select * from items i join parts p using (tenant_id) where i.tenant_id = $1",
    "left join binds the joined side": "select * from items i left join parts p on p.item_id = i.id "
    "where i.tenant_id = $1",
    "left join, bound in where": "select * from users u left join items i on i.owner_id = u.id where i.tenant_id = $1",
    "right join binds the left side": "select * from parts p right join items i on i.id = p.item_id "
    "where i.tenant_id = $1",
    "the tenant's own row": "select * from items i join tenants t on t.id = i.tenant_id where t.id = $1",
    "composite key": "select * from items i join parts p on p.tenant_id = i.tenant_id and p.slug = i.slug "
    "where i.tenant_id = $1",
    "in a scoped subquery": "select * from notes where item_id in (select id from items where tenant_id = $1)",
    "in over the tenant": "select * from parts where tenant_id in (select tenant_id from items where tenant_id = $1)",
    "membership of the caller": "select * from items where tenant_id in "
    "(select m.tenant_id from members m join items j on j.tenant_id = m.tenant_id where m.user_id = $1 "
    "and m.tenant_id = $2)",
    "exists": "select * from notes n where exists (select 1 from items i where i.id = n.item_id and i.tenant_id = $1)",
    "not exists leans on outside": "select * from items i where tenant_id = $1 "
    "and not exists (select 1 from parts p where p.item_id = i.id)",
    "scalar subquery leans on outside": "select i.id, (select count(*) from parts p where p.item_id = i.id) "
    "from items i where i.tenant_id = $1",
    "lateral leans on outside": "select * from items i left join lateral "
    "(select * from parts p where p.item_id = i.id limit 1) x on true where i.tenant_id = $1",
    "derived table": "select * from (select * from items where tenant_id = $1) x where x.title = 'a'",
    "condition outside a derived table": "select * from (select tenant_id, count(*) n from items group by 1) x "
    "where x.tenant_id = $1",
    "condition outside a star": "select * from (select * from items) x where x.tenant_id = $1",
    "common table expression": "with mine as (select id from items where tenant_id = $1) "
    "select * from parts p join mine on mine.id = p.item_id",
    "condition outside an expression": "with a as (select tenant_id, id from items) "
    "select * from a where tenant_id = $1",
    "parameter in an expression": "with ctx as (select $1::uuid as tenant_id) "
    "select * from items i join ctx on ctx.tenant_id = i.tenant_id",
    "recursive": "with recursive tree as (select id, tenant_id from items where tenant_id = $1 union all "
    "select i.id, i.tenant_id from items i join tree t on i.parent_id = t.id) select * from tree",
    "unnest": "select * from items i join unnest($1::uuid[]) as t(tenant_id) on t.tenant_id = i.tenant_id",
    "union": "select id from items where tenant_id = $1 union all select id from parts where tenant_id = $1",
    "update": "update items set title = $2 where tenant_id = $1",
    "update from": "update parts set slug = i.slug from items i where i.id = parts.item_id and i.tenant_id = $1",
    "delete using": "delete from parts using items i where i.id = parts.item_id and i.tenant_id = $1",
    "delete": "delete from items where id = $1 and tenant_id = $2",
    "insert": "insert into items(id, tenant_id, title) values ($1, $2, $3)",
    "insert of many": "insert into items(tenant_id, title) values ($1, $2), ($3, $4) on conflict (id) do nothing",
    "insert select": "insert into parts(tenant_id, item_id) select tenant_id, id from items where tenant_id = $1",
    "insert select of a parameter": "insert into parts(tenant_id, slug) select $1, name from countries",
    "copy of a query": "copy (select * from items where tenant_id = 'a') to stdout",
    "cursor": "declare c cursor for select * from items where tenant_id = $1",
    "having": "select tenant_id, count(*) from items group by tenant_id having tenant_id = $1",
    "subquery's tenant by scalar": "select * from items where tenant_id = (select tenant_id from members "
    "where user_id = $1 limit 1) and exists (select 1 from members m where m.tenant_id = items.tenant_id)",
}
EXCEPT = {"members"}
"""Tables that a case reads by the caller and not by the tenant."""


@pytest.mark.parametrize("name", BOUND)
def test_every_table_is_bound(name: str) -> None:
    found = {alias: word for alias, word in states(BOUND[name]).items() if alias not in EXCEPT}
    assert found
    assert set(found.values()) == {"bound"}, found


OPEN = {
    "nothing": ("select * from items where title = $1", {"items": "open"}),
    "own column": ("select * from items where tenant_id = tenant_id", {"items": "open"}),
    "not equal": ("select * from items where tenant_id <> $1", {"items": "open"}),
    "null-safe or everything": ("select * from items where $1 is null or tenant_id = $1", {"items": "open"}),
    "coalesce": ("select * from items where tenant_id = coalesce($1, tenant_id)", {"items": "open"}),
    "one branch": ("select * from items where tenant_id = $1 or title = 'public'", {"items": "open"}),
    "one branch, deeper": (
        "select * from items where title = 'x' and (owner_id = $2 or (tenant_id = $1 and title = 'y'))",
        {"items": "open"},
    ),
    "tenant column with tenant column": (
        "select * from items i join parts p on p.tenant_id = i.tenant_id",
        {"i": "open", "p": "open"},
    ),
    "join by a key of its tenant only": (
        "select * from items i join parts p on p.slug = i.slug where i.tenant_id = $1",
        {"i": "bound", "p": "open"},
    ),
    "join through a shared table": (
        "select * from items i join countries c on c.id = i.country_id join items j on j.country_id = c.id "
        "where i.tenant_id = $1",
        {"i": "bound", "j": "open"},
    ),
    "left join does not bind the left side": (
        "select * from items i left join parts p on p.item_id = i.id and p.tenant_id = $1",
        {"i": "open", "p": "bound"},
    ),
    "condition of a left join on the left table": (
        "select * from items i left join parts p on p.item_id = i.id and i.tenant_id = $1",
        {"i": "open", "p": "open"},
    ),
    "full join binds nobody": (
        "select * from items i full join parts p on p.item_id = i.id and i.tenant_id = $1 and p.tenant_id = $1",
        {"i": "open", "p": "open"},
    ),
    "condition of a right join on the right table": (
        "select * from items i right join parts p on p.item_id = i.id and p.tenant_id = $1",
        {"i": "open", "p": "open"},
    ),
    "tenant column with some other column": (
        "select * from items i join parts p on p.tenant_id = i.owner_id where i.tenant_id = $1",
        {"i": "bound", "p": "open"},
    ),
    "joined to a union of which one branch is bound": (
        "select * from parts p join (select tenant_id from items where tenant_id = $1 "
        "union all select tenant_id from items j) x on x.tenant_id = p.tenant_id",
        {"p": "open", "items": "bound", "j": "open"},
    ),
    "not in": ("select * from items where tenant_id not in ($1)", {"items": "open"}),
    "not exists binds nobody": (
        "select * from notes n where not exists (select 1 from items i where i.id = n.item_id and i.tenant_id = $1)",
        {"n": "open", "i": "bound"},
    ),
    "in an unscoped subquery": (
        "select * from parts where item_id in (select id from items where title = $1)",
        {"parts": "open", "items": "open"},
    ),
    "one branch of a union": (
        "select id from items where tenant_id = $1 union select id from items j where title = 'x'",
        {"items": "bound", "j": "open"},
    ),
    "subquery of an or": (
        "select * from items where tenant_id = $1 or exists (select 1 from parts p where p.item_id = items.id)",
        {"items": "open", "p": "open"},
    ),
    "expression read twice": (
        "with a as (select tenant_id, id from items) select * from a where tenant_id = $1 "
        "union all select * from a b",
        {"items": "open"},
    ),
    "derived table sees nothing outside": (
        "select * from items i join (select item_id from parts) x on true where i.tenant_id = $1",
        {"i": "bound", "parts": "open"},
    ),
    "update without": ("update items set title = 'x'", {"items": "open"}),
    "update sets the tenant": ("update items set tenant_id = $1 where title = 'x'", {"items": "open"}),
    "insert without": ("insert into items(id, title) values ($1, $2)", {"items": "open"}),
    "insert select without": (
        "insert into parts(tenant_id, slug) select tenant_id, slug from items",
        {"parts": "open", "items": "open"},
    ),
    "truncate": ("truncate items", {"items": "open"}),
    "copy": ("copy items to stdout", {"items": "open"}),
    "written by an expression": (
        "with gone as (delete from items returning id) select 1",
        {"items": "open"},
    ),
    "by its own key": ("select * from items where id = $1", {"items": "key"}),
    "by its parent's key": ("select * from parts where item_id = $1", {"parts": "key"}),
    "by parent": ("select * from notes where item_id = $1", {"notes": "key"}),
    "insert by parent": ("insert into notes(item_id, body) values ($1, $2)", {"notes": "key"}),
    "key on one branch": ("select * from items where id = $1 or title = $2", {"items": "open"}),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_what_is_not_bound_is_found(name: str) -> None:
    sql, expected = OPEN[name]
    assert states(sql) == expected


def test_membership_counts_only_for_the_caller() -> None:
    mine = "select * from items where tenant_id in (select tenant_id from members where user_id = $1)"
    any_ = "select * from items where tenant_id in (select tenant_id from members where role = $1)"
    assert states(mine)["items"] == "bound"
    assert states(any_)["items"] == "open"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from items natural join parts",
        "insert into items values ($1, $2)",
        "select * from where",
        "lock table items; merge",
        "explain vacuum items",
        "select " + "(" * 5_000 + "1" + ")" * 5_000 + " from items",
        "select * from items where title = '" + "x" * 100_001 + "'",
    ],
)
def test_what_is_not_understood_is_said(sql: str) -> None:
    with pytest.raises(NotUnderstood):
        uses_of(sql, SCHEMA)


@pytest.mark.parametrize("sql", ["begin", "set app.tenant_id = 'x'", "commit", "vacuum items", "create table x(a int)"])
def test_statements_without_rows_are_left_out(sql: str) -> None:
    assert not touches_rows(sql)
    assert uses_of(sql, SCHEMA) == ()


def test_without_a_catalogue_keys_are_guessed() -> None:
    guess = Schema(tenant_columns=frozenset({"tenant_id"}), shared=frozenset({"countries"}))
    joined = "select * from items i join parts p on p.item_id = i.id where i.tenant_id = ?"
    assert states(joined, guess) == {"i": "bound", "p": "bound"}
    by_slug = "select * from items i join parts p on p.slug = i.slug where i.tenant_id = ?"
    assert states(by_slug, guess) == {"i": "bound", "p": "open"}
    assert states("select * from countries", guess) == {}
    assert states("select * from items where item_id = ?", guess) == {"items": "key"}


def test_how_says_what_binds() -> None:
    sql = "select * from items i join parts p on p.item_id = i.id where i.tenant_id = $1"
    hows = {use.alias: use.how for use in uses_of(sql, SCHEMA)}
    assert hows == {"i": "tenant_id = parameter", "p": "joined to items by key"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select ($1,$2)", "select (:p1,:p2)"),
        ("a = $1 -- $2\n", "a = :p1  \n"),
        ("a = '$1 %s ?' and b = %s", "a = '$1 %s ?' and b = :p"),
        ("a::uuid = :a::uuid", "a::uuid = :a::uuid"),
        ("a ? 'k' and b = ?", "a ? 'k' and b = :p"),
        ("a ?| array['x'] and $tag$ $1 $tag$ = b", "a ?| array['x'] and $tag$ $1 $tag$ = b"),
    ],
)
def test_placeholders_of_every_driver_are_alike(sql: str, expected: str) -> None:
    assert alike(sql) == expected


def test_no_value_is_left_in_a_masked_statement() -> None:
    sql = "select * from items where title = 'Ada''s secret' and n = 42.5 and e = E'a\\'b' and d = $x$ Ada $x$ -- Ada\n"
    out = masked(sql)
    assert "Ada" not in out
    assert "42" not in out
    assert out.count("?") == 4


def test_many_branches_stay_affordable() -> None:
    clause = " and ".join(f"(tenant_id = ${n} or tenant_id = ${n + 1})" for n in range(1, 40))
    assert states(f"select * from items where {clause}") == {"items": "bound"}
