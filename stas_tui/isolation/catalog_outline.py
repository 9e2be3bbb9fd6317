"""The checks of the specification, group by group: what stands in the matrix even where a group cannot be loaded."""

from __future__ import annotations

from stas_tui.isolation.base import LIVE_MS, METRICS_MS, Spec


def _read(id_: str, point: str, title: str, method: str) -> Spec:
    """A check that reads code; its result holds for the commit."""
    return Spec(id=id_, point=point, title=title, method=method, live=False)


def _live(id_: str, point: str, title: str, method: str, *, each: bool = False, ttl_ms: int = LIVE_MS) -> Spec:
    """A check on the running thing."""
    return Spec(id=id_, point=point, title=title, method=method, live=True, per_tenant=each, ttl_ms=ttl_ms)


def _metric(id_: str, title: str, method: str, *, each: bool = True) -> Spec:
    return _live(id_, "metrics", title, method, each=each, ttl_ms=METRICS_MS)


_CODE = (
    _read("Q1", "queries", "No query drops its tenant filter when the argument is missing", "reads the code"),
    _read("Q2", "queries", "A function that holds the tenant uses it", "reads the code"),
    _read("Q3", "queries", "A lookup by name, slug or e-mail carries the tenant", "reads the code and the keys"),
    _live("Q4", "queries", "Every executed statement binds every tenant table", "parses the statements that ran"),
    _read("Q5", "queries", "The tenant comes from the caller's identity", "follows the argument in the code"),
    _read("Q6", "endpoints", "Every route that touches tenant data knows the caller", "reads the routes"),
    _read("Q7", "queries", "Caches, object paths and locks carry the tenant", "reads the key expressions"),
    _read("Q8", "jobs", "Jobs receive and set the tenant", "pairs what enqueues with what consumes"),
)

_DATABASE = (
    _live("D1", "database", "What the database itself enforces", "reads the catalogue"),
    _live("D2", "database", "The application's role cannot bypass it", "reads roles, memberships and owners"),
    _live("D3", "database", "Every row belongs to a tenant", "reads the columns and counts empty ones"),
    _live("D4", "database", "Policies apply to the application's role", "asks as that role"),
    _live("D5", "database", "Policies restrict to the tenant", "reads the policies"),
    _live("D6", "database", "No view or function leads round the policies", "reads through each as that role"),
    _live("D7", "database", "Uniqueness is per tenant", "reads the unique indexes"),
    _live("D8", "database", "Children stay with their tenant", "reads the foreign keys"),
    _live("D9", "database", "No row points at another tenant's", "joins children with parents"),
    _live("D10", "database", "A tenant reads nothing of another", "reads as the tenant, with a control", each=True),
    _live("D11", "database", "Keys seen by one tenant are not seen by another", "reads as both", each=True),
    _live("D12", "database", "Without a tenant nothing is visible", "reads with an empty and an unset context"),
    _live("D13", "database", "A tenant cannot write into another", "tries in a transaction that is rolled back"),
    _live("D14", "database", "The tenant does not outlive its transaction", "asks again through the pooler"),
    _live("D15", "database", "The tenant leads an index", "reads the indexes"),
)

_ENDPOINTS = (
    _live("P1", "endpoints", "Identity is asked for", "calls without credentials"),
    _live("P2", "endpoints", "An object is shown to its tenant only", "swaps identities, with controls", each=True),
    _live("P3", "endpoints", "Lists hold the tenant's own rows", "looks for another tenant's marker", each=True),
    _live("P4", "endpoints", "A named tenant does not win over identity", "names another tenant", each=True),
    _live("P5", "endpoints", "A token is bound to its tenant and time", "uses it elsewhere", each=True),
    _live("P6", "endpoints", "Parent and child are tied", "names a foreign child under its own parent", each=True),
    _live("P7", "endpoints", "A shared cache does not mix tenants", "asks in turn and compares"),
    _live("P8", "endpoints", "Writes are checked", "sends an empty change to another tenant's canary", each=True),
)

_JOBS = (
    _live("J1", "jobs", "A job for one tenant touches that tenant only", "reads the statements of a traced job"),
    _live("J2", "jobs", "Waiting jobs carry their tenant", "reads the names in queued payloads"),
)

_LOGS = (
    _live("G1", "logs", "Log lines name the tenant", "counts lines with and without"),
    _live("G2", "logs", "One request has one tenant", "joins lines by request"),
    _live("G3", "logs", "No secret stands in the logs", "looks for known forms"),
    _live("G4", "logs", "One tenant's marker never stands under another", "looks for canaries", each=True),
)

_SETTINGS = (
    _live("X1", "secrets", "Secrets are each tenant's own where declared", "compares names", each=True),
    _live("X2", "configuration", "Every tenant has its configuration", "compares names of keys", each=True),
    _live("X3", "flags", "Flags can tell tenants apart", "evaluates the flag file"),
    _live("X4", "secrets", "Secrets are not overdue", "reads dates of the listing", each=True),
)

_METRICS = (
    _metric("M1", "Metrics carry the tenant", "asks which series have the label", each=False),
    _metric("M2", "No tenant has more errors than it should", "compares with the same hours of seven days"),
    _metric("M3", "No tenant is slower than it should be", "compares with the same hours of seven days"),
    _metric("M4", "Traffic neither explodes nor stops", "compares with the same hours of seven days"),
    _metric("M5", "No tenant differs from its peers", "compares the tenants with each other"),
    _metric("M6", "No tenant hurts the others", "holds shares of cost against others' latency", each=False),
    _metric("M7", "Alert rules know tenants", "reads the expressions of the rules", each=False),
    _metric("M8", "Every tenant's share is known", "reads cost by tenant"),
)

OUTLINE: dict[str, tuple[Spec, ...]] = {
    "code": _CODE,
    "database": _DATABASE,
    "endpoints": _ENDPOINTS,
    "jobs": _JOBS,
    "logs": _LOGS,
    "settings": _SETTINGS,
    "metrics": _METRICS,
}
"""Group to its checks. The description of a group that is there takes the place of the one here."""
