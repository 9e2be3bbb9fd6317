"""What an expression of a policy binds, in the forms in which PostgreSQL prints it."""

from __future__ import annotations

import pytest

from stas_tui.isolation.database.expression import Binds, Rule, judge

SETTING = "current_setting('app.tenant_id'::text, true)"
KEY = f"(NULLIF({SETTING}, ''::text))::uuid"
MEMBER = "(m.user_id = auth.uid())"
FORMS = [
    (Binds.TENANT, f"(tenant_id = {KEY})"),
    (Binds.TENANT, f"((tenant_id)::text = {SETTING})"),
    (Binds.TENANT, f"(tenant_id IS NOT DISTINCT FROM {KEY})"),
    (Binds.TENANT, f"((tenant_id = {KEY}) AND (deleted_at IS NULL))"),
    (Binds.TENANT, "(tenant_id = app.current_tenant())"),
    (Binds.TENANT, "(tenant_id = ( SELECT app.current_tenant() AS current_tenant))"),
    (Binds.TENANT, f"(tenant_id IN ( SELECT m.tenant_id FROM memberships m WHERE {MEMBER}))"),
    (Binds.TENANT, f"(EXISTS ( SELECT 1 FROM memberships m WHERE ((m.tenant_id = orders.tenant_id) AND {MEMBER})))"),
    (Binds.TENANT, f"(tenant_id = ANY ((string_to_array({SETTING}, ','::text))::uuid[]))"),
    (Binds.TENANT, "(tenant_id = (((current_setting('jwt'::text, true))::json ->> 'tenant'::text))::uuid)"),
    (Binds.TENANT, "((tenant_id)::text = (CURRENT_USER)::text)"),
    (Binds.TENANT, f"(NOT (tenant_id <> {KEY}))"),
    (Binds.TENANT, f"(false OR (tenant_id = {KEY}))"),
    (Binds.NOTHING, "false"),
    (Binds.ALL, "true"),
    (Binds.ALL, "(1 = 1)"),
    (Binds.ALL, "(NOT false)"),
    (Binds.ALL, "(tenant_id = tenant_id)"),
    (Binds.EMPTY, f"(({SETTING} IS NULL) OR (tenant_id = {KEY}))"),
    (Binds.EMPTY, f"((COALESCE({SETTING}, ''::text) = ''::text) OR (tenant_id = {KEY}))"),
    (Binds.EMPTY, f"((NULLIF({SETTING}, ''::text) IS NULL) OR (tenant_id = {KEY}))"),
    (Binds.EMPTY, f"(tenant_id = COALESCE({KEY}, tenant_id))"),
    (Binds.EMPTY, f"COALESCE((tenant_id = {KEY}), true)"),
    (Binds.EMPTY, f"CASE WHEN ({SETTING} = ''::text) THEN true ELSE (tenant_id = {KEY}) END"),
    (Binds.EMPTY, f"((({SETTING} = ''::text) AND (id IS NOT NULL)) OR (tenant_id = {KEY}))"),
    (Binds.ALL, f"(({SETTING} IS NOT NULL) OR (tenant_id = {KEY}))"),
    (Binds.TENANT, f"(({SETTING} IS NOT NULL) AND (tenant_id = {KEY}))"),
    (Binds.OPAQUE, "(tenant_id <> ALL (ARRAY[1, 2]))"),
    (Binds.WRONG, f"(id = {KEY})"),
    (Binds.DATA, "(deleted_at IS NULL)"),
    (Binds.DATA, "is_public"),
    (Binds.SHARED, f"(is_public OR (tenant_id = {KEY}))"),
    (Binds.DATA, "(tenant_id IS NOT NULL)"),
    (Binds.DATA, "(tenant_id = 'a0000000-0000-4000-8000-000000000000'::uuid)"),
    (Binds.OTHER, "(user_id = auth.uid())"),
    (Binds.OTHER, f"((current_setting('app.bypass'::text, true) = 'on'::text) OR (tenant_id = {KEY}))"),
    (Binds.OTHER, f"(app.is_admin() OR (tenant_id = {KEY}))"),
    (Binds.OTHER, "((CURRENT_USER = 'admin'::name) OR (tenant_id = app.current_tenant()))"),
    (Binds.OTHER, f"(EXISTS ( SELECT 1 FROM memberships m WHERE {MEMBER}))"),
    (Binds.OTHER, f"(EXISTS ( SELECT 1 FROM memberships m WHERE ((m.tenant_id = m.tenant_id) AND {MEMBER})))"),
    (Binds.OPAQUE, "app.can_see(tenant_id)"),
    (Binds.OPAQUE, "(tenant_id IN ( SELECT tenants.id FROM tenants))"),
    (Binds.OPAQUE, "(this is ( no SQL"),
    (Binds.OPAQUE, "(" * 400 + "true" + ")" * 400),
]


@pytest.mark.parametrize(("binds", "text"), FORMS)
def test_what_remains_visible(binds: Binds, text: str) -> None:
    rule = Rule(table="orders", columns=frozenset({"tenant_id"}), setting="app.tenant_id")
    assert judge(text, rule).binds is binds


@pytest.mark.parametrize(
    ("binds", "text"),
    [
        (Binds.TENANT, "(EXISTS ( SELECT 1 FROM orders o WHERE (o.id = lines.order_id)))"),
        (Binds.TENANT, "(order_id IN ( SELECT orders.id FROM orders))"),
        (Binds.OPAQUE, "(EXISTS ( SELECT 1 FROM orders o))"),
        (Binds.OPAQUE, "(EXISTS ( SELECT 1 FROM others o WHERE (o.id = lines.order_id)))"),
        (Binds.ALL, "true"),
    ],
)
def test_a_table_without_a_tenant_column_is_held_by_its_parent(binds: Binds, text: str) -> None:
    rule = Rule(table="lines", columns=frozenset({"order_id"}), parent="orders", setting="app.tenant_id")
    assert judge(text, rule).binds is binds
