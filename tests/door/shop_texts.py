"""The words of the small world: its files, vision, prompt, pull request, note, program, configuration."""

from __future__ import annotations

FILES = {
    "README.md": "shop\n",
    ".gitignore": "*.log\nbuild/\n",
    "Dockerfile": "FROM python:3.12-slim\n",
    "docker-compose.yml": "services:\n  checkout:\n    image: shop/checkout\n",
    "services/checkout/pool.py": "LIMIT = 0\n",
    "services/checkout/settings.toml": "pool_max = 0\n",
    "services/billing/app.py": "RATE = 1\n",
    "monitoring/alerts/checkout.rules.yml": "groups: []\n",
}

VISION = """# Shop

## Deployment strategy
Rolling releases to one cluster, no downtime.

## Scale requirements
40 requests a second for each tenant.

## Architecture
Row-level isolation: every table of a tenant has a tenant_id column.
"""

PROMPT = """# Task: Infrastructure — Cap the checkout pool

## Project Context
Rolling releases to one cluster, no downtime, 40 requests a second for each tenant, row-level isolation.

## Multi-Tenant Infrastructure Requirements
- Tenant isolation at row-level: tenant_id in every table
- Tenant-aware routing: the subdomain names the tenant
- Data isolation: every query carries the tenant_id of the session
- Resource limits: 20 database connections for each tenant

## What To Build/Change
Give the connection pool of the checkout service an upper bound of 20 connections for each tenant, read from
services/checkout/settings.toml, and let a request that finds no free connection wait for two seconds before it
fails with a clear error that the existing metrics count.

## Files To Read First
- docker-compose.yml (service orchestration)
- services/checkout/pool.py

## Files To Create/Modify
- services/checkout/pool.py: read the bound and enforce it
- services/checkout/settings.toml: add pool_max = 20

## Pre-Deploy Checklist
1. All tests pass on multi-tenant branch
2. Database migrations are reversible
3. Secrets/config updated for all environments
4. Monitoring in place for new infrastructure: alert `CheckoutPoolFull`
5. Rollback plan documented

## Acceptance Criteria
1. At most 20 open connections for each tenant at 100 requests a second
2. No downtime during deployment: rolling, one replica at a time
3. Multi-tenant isolation preserved: proved by the query test of the tenancy suite
4. Monitoring/alerting covers the change: alert `CheckoutPoolFull`
5. Rollback tested or documented: documented below

## Verification Steps
- python3 -c "print(1)" (verify container builds: docker compose build is not there)
- docker compose build (verify container builds)
- docker compose up -d (verify services start)
- curl -fsS http://127.0.0.1:8080/health (verify services healthy)
- Check monitoring dashboards: `checkout_pool_used`

## Rollback Plan
1. Run `git revert --no-edit <merge>` and deploy (5 min)
2. Sky sets pool_max back to 0 in settings.toml and reloads checkout (1 min)

## Anti-Patterns to Avoid
- No deployments without rollback plan
- No infrastructure changes without monitoring
- No manual steps that should be automated
- No multi-tenant isolation compromise
- No secrets in code or logs
"""

BODY = """## Change
The pool of checkout gets an upper bound of 20 connections for each tenant.

## Risk Assessment
One service. Rollback:
1. Run `git revert --no-edit <merge>` and deploy (5 min)

## Multi-Tenant Impact
Isolation preserved: no query changes.

## Monitoring
Alert `CheckoutPoolFull`.
"""

NOTE = (
    "Change: the pool of checkout is capped at 20. Reason: it grew without bound. "
    "Rollback: git revert the merge and deploy. Multi-tenant impact: none, no query changes."
)

PROGRAM = """
import json, os, pathlib, sys
print("working")
pathlib.Path("services/checkout/pool.py").write_text("LIMIT = 20\\n")
said = pathlib.Path(os.environ["STAS_RESULT_FILE"])
said.parent.mkdir(exist_ok=True)
said.write_text(json.dumps({
    "schema": "stas.executor-result/1", "outcome": "success", "summary": "capped", "deviations": [],
    "verification": [], "rollback": "revert", "followUps": [],
}))
"""

CONFIG = """
environment = "test"
agent_name = "{agent}"
mode = "{mode}"

[agents]
Finn = "finn"
dev = "dev"

[[person]]
name = "Ada"
os_user = {user!r}

[[project]]
id = "shop"
name = "Shop"
remote = {remote!r}
tenants = ["acme", "globex"]
services = ["checkout", "billing"]
isolation_level = "row"

[executor]
argv = [{python!r}, "-I", {program!r}]
model = "test-model"

[executor.limits]
start_s = 30
idle_s = 60
total_s = 60
"""
