"""D1-D15: what each proves about the database."""

from __future__ import annotations

from stas_tui.isolation.base import LIVE_MS, Spec

PLANTED = "every planted fault found, none on the sound databases"


def _spec(id_: str, title: str, method: str, *, each: bool = False, precision: str = PLANTED) -> Spec:
    return Spec(
        id=id_, point="database", title=title, method=method, live=True, per_tenant=each, ttl_ms=LIVE_MS,
        precision=precision,
    )  # fmt: skip


CHECKS = (
    _spec("D1", "What the database itself enforces", "relrowsecurity of every tenant table; schemas; databases"),
    _spec(
        "D2",
        "The application's role cannot bypass it",
        "attributes, memberships, ownership, TRUNCATE and CREATE of the application's role in the catalogue",
    ),
    _spec("D3", "Every row belongs to a tenant", "attnotnull, and a bounded count of rows without a tenant"),
    _spec("D4", "Policies apply to the application's role", "row_security_active() under SET LOCAL ROLE, leaves too"),
    _spec(
        "D5",
        "Policies restrict to the tenant",
        "the expressions in pg_policy, taken apart",
        precision=f"{PLANTED}; of 35 public ones 2 accused, both without a tenant, 12 asked about, none passed wrongly",
    ),
    _spec("D6", "No view or function leads round the policies", "reads through each with row_security = off"),
    _spec("D7", "Uniqueness is per tenant", "unique indexes without the tenant; random and generated keys are exempt"),
    _spec("D8", "Children stay with their tenant", "foreign keys between tenant tables that leave the tenant out"),
    _spec("D9", "No row points at another tenant's", "child joined with parent where their tenants differ"),
    _spec("D10", "A tenant reads nothing of another", "rows not its own, read in its context, with control", each=True),
    _spec("D11", "Rows seen by one tenant are not seen by another", "places of rows, in one snapshot", each=True),
    _spec("D12", "Without a tenant nothing is visible", "reads with the setting unset and empty, with control"),
    _spec(
        "D13", "A tenant cannot write into another", "INSERT, UPDATE, DELETE in a savepoint; only if allowed by name"
    ),
    _spec("D14", "The tenant does not outlive its transaction", "the setting on 50 checkouts of the pooler"),
    _spec("D15", "The tenant leads an index", "first column of the indexes of larger tables", precision=""),
)
