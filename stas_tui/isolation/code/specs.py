"""What the checks of this group prove, how, and how often they were right on public code."""

from __future__ import annotations

from stas_tui.isolation.base import LIVE_MS, Spec

CHECKS = (
    Spec(
        id="Q1",
        point="queries",
        title="No query drops its tenant filter when the argument is missing",
        method="syntax tree: a filter under a condition on an argument that may be missing (R109)",
        live=False,
        precision="43 of 43 flags in 14 public repositories were true of the code, 5 of them meant so",
    ),
    Spec(
        id="Q2",
        point="queries",
        title="A function that holds the tenant uses it",
        method="syntax tree: a query on a tenant's table without the tenant that is at hand; asks a person (R109)",
        live=False,
        precision="23 of 28 questions in 14 public repositories were true of the code, 6 looked like a gap",
    ),
    Spec(
        id="Q3",
        point="queries",
        title="A lookup by name, slug or e-mail carries the tenant",
        method="syntax tree: a key that is unique in a tenant only, held equal without the tenant; the keys of the"
        " live catalogue where a database is declared; asks (R109)",
        live=False,
        precision="17 of 19 questions in 14 public repositories were true of the code, 9 looked like a gap",
    ),
    Spec(
        id="Q4",
        point="queries",
        title="Every executed statement binds every tenant table",
        method="pg_stat_statements, a statement log or the record of a test run; a rule for each table of each"
        " statement (R109)",
        live=True,
        ttl_ms=LIVE_MS,
        precision="91 of 91 written statements; no public traffic was at hand",
    ),
    Spec(
        id="Q5",
        point="queries",
        title="The tenant comes from the caller's identity",
        method="routes: a tenant that the client sends and that is held against nothing; asks (R110)",
        live=False,
        precision="3 of 9 questions in 14 public repositories were true of the code, 2 looked like a gap",
    ),
    Spec(
        id="Q6",
        point="endpoints",
        title="Every route that touches tenant data knows the caller",
        method="routes with ids: signature, aliases, class views, routers around them; `security` of an OpenAPI"
        " document in the code; asks (R110)",
        live=False,
        precision="15 of 19 questions in 14 public repositories were true of the code, all meant so",
    ),
    Spec(
        id="Q7",
        point="queries",
        title="Caches, object paths and locks carry the tenant",
        method="key expressions of functions that hold or read a tenant's data; asks",
        live=False,
        precision="no question on 471 keys in 14 public repositories",
    ),
    Spec(
        id="Q8",
        point="jobs",
        title="Jobs receive and set the tenant",
        method="pairs what puts a job into a queue with what it reads; asks (R111)",
        live=False,
        precision="3 of 3 questions in 14 public repositories were true of the code, none looked like a gap",
    ),
)
