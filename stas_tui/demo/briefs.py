"""What the scripted agent knows about each task it can work on: the parts of its prompts, requests and memories."""

from __future__ import annotations

from dataclasses import dataclass

from stas_tui.demo.executor import CREATE_MIRROR, MIRROR_FILE, SMOKE, TESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One task. Lists are lines without their bullet or number."""

    title: str
    """Goes behind `infra: ` and `# Task: Infrastructure — `."""
    change: tuple[str, ...]
    limits: str
    """The per-tenant resource limits (R59)."""
    read: tuple[tuple[str, str], ...]
    """(path, why)"""
    modify: tuple[tuple[str, str], ...]
    """(path, what happens to it)"""
    config: str
    """Pre-deploy item 3."""
    measure: str
    """Acceptance criterion 1, with its number."""
    monitoring: str
    alerts: tuple[str, ...]
    """Alerts of `monitoring/alerts.yml` that would notice a failure."""
    panels: tuple[str, ...]
    reason: str
    alignment: str
    blast: str
    impact: str
    rollback: tuple[str, ...]
    rollback_minutes: int
    follow_ups: tuple[tuple[str, str, str], ...] = ()
    cause: tuple[str, str] = ("", "")
    """What went wrong at the first attempt, and what the prompt says differently after it (R90)."""
    modify_again: tuple[tuple[str, str], ...] = ()
    """Further files of the second attempt."""
    checks: tuple[str, ...] = (f"{TESTS} (tests pass)", f"{SMOKE} (verify the service starts and keeps tenants apart)")


_ROLL_BACK_IMAGE = (
    "Note the tag that is running: `docker compose images ledger-a` (on-call, 1 minute)",
    'Roll the tag from before out: `LEDGER_IMAGE_TAG="$PREVIOUS_TAG" sh ops/rollout.sh` (on-call, 4 minutes)',
    "Check both replicas through the edge: `curl -fsS http://127.0.0.1:8080/health` (on-call, 1 minute)",
    "Take the merge back on a branch of its own and open a pull request to `multi-tenant`: "
    '`git revert --no-edit -m 1 "$MERGE_COMMIT"` (agent, 2 minutes)',
)

_COMPOSE = ("docker-compose.yml", "service orchestration: both replicas, their configuration and limits")
_DOCKERFILE = ("Dockerfile", "container definition")
_CI = (".github/workflows/ci.yml", "CI/CD pipeline")
_ALERTS = ("monitoring/alerts.yml", "alert rules")
_MIGRATIONS = ("migrations/0002_tenants.up.sql", "database migration: tenant_id on every row")

BRIEFS: dict[str, Brief] = {
    "T-301": Brief(
        title="cap the connection pool per tenant",
        change=(
            "`Pool` in `ledger/pool.py` gets a share for each tenant: `per_tenant` connections of the pool's `size`. A "
            "tenant that has used up its share waits for its own connections only, at most `LEDGER_POOL_WAIT_MS`, and "
            "then gets `PoolExhausted` (503), while every other tenant is served at once.",
            "The share is read from `LEDGER_POOL_PER_TENANT`; the default is a quarter of `LEDGER_POOL_SIZE`. A share "
            "below 1 or above the pool's size is refused when the service starts.",
            "`/metrics` gets the gauge `ledger_pool_per_tenant`, and a new rule tells when a tenant uses 90 % of it.",
        ),
        limits="at most 4 of the 16 connections of a replica for one tenant (`LEDGER_POOL_PER_TENANT`), 2 s of waiting",
        read=(
            ("ledger/pool.py", "the pool that pull request 15 brought"),
            ("ledger/config.py", "how keys are read and checked"),
            ("ledger/http_api.py", "where the pool is made and its gauges are shown"),
            ("ledger/jobs.py", "the other place where a pool is made"),
            ("tests/test_pool.py", "what is promised about the pool today"),
            _COMPOSE,
            _DOCKERFILE,
            _CI,
            _MIGRATIONS,
            _ALERTS,
        ),
        modify=(
            ("ledger/pool.py", "exists; add `per_tenant` and count connections by tenant before handing one out"),
            ("ledger/config.py", "exists; add the key `LEDGER_POOL_PER_TENANT` with its check"),
            ("ledger/http_api.py", "exists; pass the share to the pool, add the gauge `ledger_pool_per_tenant`"),
            ("ledger/jobs.py", "exists; pass the share to the pool"),
            ("docker-compose.yml", "exists; set `LEDGER_POOL_PER_TENANT` to 4 for both replicas"),
            ("infra/environments/staging.yml", "exists; the same key"),
            ("infra/environments/production.yml", "exists; the same key"),
            ("monitoring/alerts.yml", "exists; add the rule LedgerTenantPoolSaturated"),
            ("tests/test_pool.py", "exists; one tenant at its share leaves 12 connections to three others"),
            ("tests/test_config.py", "exists; a share above the pool's size is refused"),
        ),
        config="`LEDGER_POOL_PER_TENANT` goes to staging and production in the same commit; no secret changes",
        measure="With acme at its share of 4 connections, 12 requests of three other tenants are served and 0 get 503",
        monitoring="`LedgerPoolExhausted` and `LedgerTenantErrorSpike` stay quiet for the four other tenants",
        alerts=("LedgerPoolExhausted", "LedgerTenantErrorSpike"),
        panels=("Pool in use by tenant", "Turned away by tenant"),
        reason="acme's import took all 16 connections and four tenants got 503 for 25 minutes",
        alignment=(
            "The vision says that one tenant must not starve another and that nobody notices a deployment: a share for "
            "each tenant does the first, and the rollout replaces one replica at a time for the second."
        ),
        blast="one service (ledger), both replicas, all five tenants; no data is written or moved",
        impact="isolation of load is restored; queries and rows are untouched and stay scoped by tenant_id",
        rollback=_ROLL_BACK_IMAGE,
        rollback_minutes=8,
        follow_ups=(
            (
                "infra: panel for the share of the pool by tenant",
                "The dashboard shows connections in use but not the share; add ledger_pool_per_tenant as a line.",
                "P3",
            ),
            (
                "infra: slow answer instead of 503 for month-end imports",
                "acme's import now gets 503 beyond 4 connections. Offer a bulk page with a queue of its own.",
                "P2",
            ),
        ),
        cause=(
            "The tests of the pool failed: the share was checked after a connection had been taken.",
            "Check the share before a connection is taken, inside the same lock.",
        ),
    ),
    "T-302": Brief(
        title="nightly statements for all five tenants",
        change=(
            "`run_statements` in `ledger/jobs.py` gets a time budget for each tenant. A tenant whose totals take "
            "longer is given up, logged by name and counted in `ledger_statements_failed_total`; the next one starts.",
            "The budget is read from `LEDGER_STATEMENTS_BUDGET_MS` (30000). `LEDGER_FEATURE_STATEMENTS` names all five "
            "tenants in production and in docker-compose.yml.",
        ),
        limits="30 s of database time for each tenant's statement (`LEDGER_STATEMENTS_BUDGET_MS`), one connection",
        read=(
            ("ledger/jobs.py", "the job as pull request 14 brought it"),
            ("ledger/entries.py", "the query it uses, scoped by tenant_id"),
            ("ledger/config.py", "how keys are read"),
            ("tests/test_jobs.py", "what is promised about the job today"),
            _COMPOSE,
            _DOCKERFILE,
            _CI,
            _MIGRATIONS,
            _ALERTS,
        ),
        modify=(
            ("ledger/jobs.py", "exists; add the time budget"),
            ("ledger/config.py", "exists; add the key `LEDGER_STATEMENTS_BUDGET_MS`"),
            ("docker-compose.yml", "exists; all five tenants, and the new key"),
            ("infra/environments/staging.yml", "exists; the new key"),
            ("infra/environments/production.yml", "exists; all five tenants, and the new key"),
            ("tests/test_jobs.py", "exists; a tenant over its budget does not hold up the next"),
        ),
        config="`LEDGER_STATEMENTS_BUDGET_MS` goes to staging and production in the same commit; no secret changes",
        measure="5 of 5 tenants get a statement in one run, and a tenant over 30 s delays the next by less than 1 s",
        monitoring="`LedgerStatementsLate` tells for each tenant when its last statement is older than 26 h",
        alerts=("LedgerStatementsLate", "LedgerSlow"),
        panels=("Latency by tenant", "Pool in use by tenant"),
        reason="three tenants have no statements, and without a budget a large one pushes the others past midnight",
        alignment=(
            "The vision expects forty tenants on the same replicas: a time budget for each keeps the nightly run "
            "bounded, and the flag is rolled out to one replica at a time without downtime."
        ),
        blast="the nightly job of one service; requests are not touched",
        impact="each tenant's statement is computed alone and written to a file of its own",
        rollback=(
            "Set `LEDGER_FEATURE_STATEMENTS: acme,borealis` in docker-compose.yml (on-call, 1 minute)",
            "Bring it to both replicas: `sh ops/rollout.sh` (on-call, 4 minutes)",
            "Check: `curl -fsS http://127.0.0.1:8080/health` (on-call, 1 minute)",
        ),
        rollback_minutes=6,
        follow_ups=(
            (
                "infra: alert when a statement runs over its budget",
                "ledger_statements_failed_total has no rule yet; a tenant may miss its statement for 26 h unnoticed.",
                "P2",
            ),
        ),
        cause=("The budget was measured for the whole run instead of each tenant.", "Measure the budget per tenant."),
    ),
    "T-303": Brief(
        title="archive entries older than 400 days",
        change=(
            "Keep the daily queries of `ledger/entries.py` fast while the table grows by 2 million rows a month: rows "
            "older than 400 days leave the path of `newest` and `balance`, and stay readable for their own tenant.",
            "Do not add a table and do not change the schema. If there is no way without, that is rule 4: report the "
            "options and a recommendation for Finn, and leave the repository as it is.",
        ),
        limits="none, because archiving runs at night inside each tenant's share of the connection pool",
        read=(
            ("ledger/entries.py", "the queries"),
            ("ledger/migrate.py", "how migrations run, up and down"),
            ("migrations/0001_entries.up.sql", "database migration: the table"),
            ("migrations/0002_tenants.down.sql", "database migration: how going back refuses to mix tenants"),
            _COMPOSE,
            _DOCKERFILE,
            _CI,
            _ALERTS,
        ),
        modify=(
            ("ledger/entries.py", "exists; read old rows on request only"),
            ("tests/test_isolation.py", "exists; archived rows of one tenant are invisible to another"),
        ),
        config="no key and no secret changes, in any environment",
        measure="The balance of an account with 1 million rows answers within 500 ms",
        monitoring="`LedgerSlow` tells for each tenant when requests take more than half a second",
        alerts=("LedgerSlow", "LedgerTenantErrorSpike"),
        panels=("Latency by tenant", "Errors by tenant"),
        reason="the table grows by 2 million rows a month and old rows are read once a week",
        alignment=(
            "The vision leaves tables and migrations to Finn and asks for 500 ms at forty tenants: I look for a way "
            "inside the present schema first and bring him the options if there is none."
        ),
        blast="one service (ledger); reads of old entries of all tenants",
        impact="old rows stay in the same isolation: tenant_id on every row, every query scoped by it",
        rollback=_ROLL_BACK_IMAGE,
        rollback_minutes=8,
        cause=(
            "It cannot be done inside the present schema: old rows need a place of their own, which Finn decides.",
            "Add Finn's answer, word for word, with the place he chose.",
        ),
    ),
    "T-304": Brief(
        title="build images through the registry mirror",
        change=(
            "`Dockerfile` takes the registry of its base image from the build argument `REGISTRY`, whose default is "
            "the public registry; `docker-compose.yml` passes `LEDGER_REGISTRY` on to it.",
            f"The mirror's address of each environment is read from `{MIRROR_FILE}`; CI takes the line of staging.",
        ),
        limits="none, because images are built once for all tenants and no tenant's request takes part in it",
        read=(
            _DOCKERFILE,
            _COMPOSE,
            _CI,
            ("infra/README.md", "how images get their tags"),
            ("migrations/0002_tenants.up.sql", "database migration that the image applies when it starts"),
            _ALERTS,
        ),
        modify=(
            ("Dockerfile", "exists; base image from `REGISTRY`"),
            ("docker-compose.yml", "exists; build argument from `LEDGER_REGISTRY`"),
            (".github/workflows/ci.yml", "exists; read the mirror's address before the build"),
        ),
        config="`LEDGER_REGISTRY` has a default in every environment; the mirror needs no account: no secret changes",
        measure="10 builds in a row finish without an answer 429 from the registry",
        monitoring="`LedgerDown` tells within 1 minute when a replica with a bad image does not answer",
        alerts=("LedgerDown", "LedgerHighErrorRate"),
        panels=("Requests by tenant", "Errors by tenant"),
        reason="builds stall on the public registry's pull limit and Lena cannot ship",
        alignment=(
            "The vision wants every change taken back within ten minutes: that needs builds that do not wait for a "
            "public registry. The rollout itself stays one replica at a time."
        ),
        blast="builds and CI; a running replica is not touched until the next rollout",
        impact="none on isolation: the same image serves all tenants as before",
        rollback=(
            "Build from the public registry again: `env -u LEDGER_REGISTRY docker compose build` (agent, 5 minutes)",
            'Roll the tag from before out: `LEDGER_IMAGE_TAG="$PREVIOUS_TAG" sh ops/rollout.sh` (on-call, 4 minutes)',
            "Check: `curl -fsS http://127.0.0.1:8080/health` (on-call, 1 minute)",
        ),
        rollback_minutes=10,
        follow_ups=(
            ("infra: pin the base image by digest", "The mirror serves python:3.12-slim by tag; pin its digest.", "P2"),
        ),
        cause=(
            f"The prompt took for granted that {MIRROR_FILE} exists. It does not exist on multi-tenant: it was never "
            "committed.",
            f"{CREATE_MIRROR} (new) with one line for staging and one for production, and a test that every "
            "environment has one (`tests/test_mirror.py`, new).",
        ),
        modify_again=(
            (MIRROR_FILE, "new; the mirror's address for each environment"),
            ("tests/test_mirror.py", "new; every environment has an address"),
        ),
    ),
    "T-305": Brief(
        title="load generator with a count for each tenant",
        change=(
            "`ops/load.py` asks a running service with several tenants at once and prints requests answered and failed "
            "for each. Run it for 10 minutes with five tenants and put the counts into the result.",
        ),
        limits="one thread for each tenant, so that no tenant sends more than a fifth of the load",
        read=(
            ("ops/smoke.py", "how a service is started for a check"),
            ("ledger/pool.py", "what the load shall show"),
            _COMPOSE,
            _DOCKERFILE,
            _CI,
            _MIGRATIONS,
            _ALERTS,
        ),
        modify=(("ops/load.py", "new; the load generator, standard library only"),),
        config="no key and no secret changes, in any environment",
        measure="A report names requests answered and failed for each of 5 tenants over 10 minutes, with 0 failed",
        monitoring="`LedgerPoolExhausted` and `LedgerSlow` are watched while the load runs, on staging only",
        alerts=("LedgerPoolExhausted", "LedgerSlow"),
        panels=("Pool in use by tenant", "Latency by tenant"),
        reason="forty tenants arrive this year and nobody has numbers for five",
        alignment=(
            "The vision names forty tenants on two replicas: numbers for five are the first step, on staging, where a "
            "deployment is not noticed by any tenant."
        ),
        blast="staging only; production is not asked",
        impact="each tenant is asked with its own header; nothing is written",
        rollback=(
            'Remove the file again: `git revert --no-edit -m 1 "$MERGE_COMMIT"` (agent, 1 minute)',
            "Check: `curl -fsS http://127.0.0.1:8080/health` (agent, 1 minute)",
        ),
        rollback_minutes=2,
        cause=(
            "The load generator waited for a service that nobody had started, and never came back.",
            "Start the service first (`python3 -m ops.smoke` shows how), ask for 20 seconds only, give up after 60.",
        ),
    ),
}
