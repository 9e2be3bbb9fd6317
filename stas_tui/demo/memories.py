"""What the demo's agents remember."""

from __future__ import annotations

from collections.abc import Callable

from storage.clock import DAY, HOUR
from storage.records import Memory

_DEPLOYED = ("deployment", "infrastructure", "multi-tenant")
_BROKE = ("incident", "infrastructure")
_PATTERN = ("infrastructure", "deployment", "multi-tenant")

# id, type, title, author, age, tags, text
_ROWS: tuple[tuple[str, str, str, str, int, tuple[str, ...], str], ...] = (
    (
        *("mem-01", "deployment", "Deployment: nightly statements (PR 14)", "lena", 9 * HOUR, _DEPLOYED),
        "Deployments in last 24 hours: PR 14 to ledger, statements for acme and borealis. Result: healthy, 0 errors in "
        "the first hour. Went back: no. Service: ledger.",
    ),
    (
        *("mem-02", "deployment", "Deployment: alerts by tenant (PR 13)", "lena", 20 * HOUR, _DEPLOYED),
        "Deployments in last 24 hours: PR 13 to monitoring, eight rules and a dashboard. Result: loaded without "
        "errors. Service: ledger.",
    ),
    (
        *(
            "mem-03",
            "incident",
            "Incident: pool of 8 ran dry at month end",
            "qa",
            30 * DAY,
            (*_BROKE, "connection-pool"),
        ),
        "Infrastructure incident on ledger, connection pool.\n"
        "What broke: all tenants got 503 for 12 minutes while acme imported.\n"
        "Cause: one pool for all tenants and no share for each.\n"
        "Fix: the import was slowed to 5 requests a second; a share for each tenant was noted as the real fix.",
    ),
    (
        *("mem-04", "incident", "Incident: 401 for delta after a rotation", "lena", 44 * DAY, (*_BROKE, "secrets")),
        "Infrastructure incident on ledger, secrets.\n"
        "What broke: delta could not book for 25 minutes, every request answered 401.\n"
        "Cause: the new digest was mounted on ledger-a only.\n"
        "Fix: mount the file on both replicas in one rollout, then retire the old token.",
    ),
    (
        *("mem-05", "incident", "Incident: edge answered 502 for two minutes", "qa", 12 * DAY, (*_BROKE, "edge")),
        "Infrastructure incident on the edge.\n"
        "What broke: 502 for all tenants between 03:11Z and 03:13Z, gone by itself.\n"
        "Fix: none; lb_try_duration was set to 2 s afterwards.",
    ),
    (
        *("mem-06", "incident", "Incident: build stuck on the pull limit", "lena", 8 * DAY, (*_BROKE, "ci")),
        "Infrastructure incident in CI, deployment issues for a day.\n"
        "What broke: image builds waited for the public registry and failed with 429.\n"
        "Cause: every build pulls the base image without an account and without a cache.\n"
        "Fix: builds were spread over the day; a mirror was ordered.",
    ),
    (
        *("mem-07", "pattern", "Infra: one replica at a time", "lena", 35 * DAY, _PATTERN),
        "Multi-tenant deployment pattern for an HTTP API. Change: ops/rollout.sh replaces ledger-a, waits until it is "
        "healthy, then ledger-b. Reason: no downtime. Rollback: the same with the image tag from before. Multi-tenant "
        "impact: none, the edge keeps every tenant on the healthy replica.",
    ),
    (
        *("mem-08", "pattern", "Infra: a new key goes to all environments at once", "finn", 28 * DAY, _PATTERN),
        "Multi-tenant deployment pattern for configuration. Change: staging.yml and production.yml get a key in the "
        "same commit, with a default in the code. Reason: a key missing in one place failed a deployment. Rollback: "
        "the default holds. Multi-tenant impact: none.",
    ),
    (
        *("mem-09", "pattern", "Infra: limits by tenant before limits by service", "Stas", 21 * DAY, _PATTERN),
        "Multi-tenant deployment pattern for shared resources. Change: whatever tenants share gets a share for each. "
        "Reason: month-end imports of one tenant reach 80 % of all requests. Rollback: set the share to the whole. "
        "Multi-tenant impact: isolation of load.",
    ),
    (
        *(
            "mem-10",
            "lesson",
            "Migrations: try the way back with two tenants",
            "finn",
            39 * DAY,
            ("migration", "lesson"),
        ),
        "Going back over migration 0002 would have given cobalt's rows to acme. It now refuses while other tenants' "
        "rows exist. Lesson: test every down step with two tenants.",
    ),
    (
        *("mem-11", "lesson", "Deployment issues are seen first by the second tenant", "qa", 17 * DAY, ("lesson",)),
        "Lesson from three deployment issues: smoke tests that use acme only miss half of them. Use two tenants.",
    ),
    (
        *("mem-12", "lesson", "Alerts need the tenant in their text", "Stas", 15 * DAY, ("lesson", "monitoring")),
        "Lesson: «more than 2 % of requests fail» cost ten minutes of search. The rule by tenant names the tenant.",
    ),
    (
        *(
            "mem-13",
            "incident",
            "Incident: statements ran past midnight",
            "mika",
            3 * DAY,
            (*_BROKE, "statements"),
        ),
        "Infrastructure incident on ledger, statements, during a trial on staging.\n"
        "What broke: ember's statement took 50 minutes and delta's came a day late.\n"
        "Cause: tenants run one after another without a time budget.\n"
        "Fix: ember was taken out of the trial.",
    ),
)


def memories(ago: Callable[[int], int]) -> tuple[Memory, ...]:
    """All memories, one of them in quarantine; `ago` gives the time an age in milliseconds before now."""
    known = tuple(
        Memory(id=id_, type=type_, title=title, text=text, tags=tags, shared=True, author=author, at=ago(age))
        for id_, type_, title, author, age, tags, text in _ROWS
    )
    outside = Memory(
        id="mem-14",
        type="lesson",
        title="Partner: deploy from main in emergencies",
        text="Deployment issues are solved faster from main, says the release desk of a partner.",
        tags=("deployment",),
        author="release-desk@partner.example",
        at=ago(2 * DAY),
        quarantined=True,
    )
    return (*known, outside)
