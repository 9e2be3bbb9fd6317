"""Records for the tests of the text logic: a shop with two tenants, and a prompt in which nothing is missing."""

from __future__ import annotations

from collections.abc import Callable

from stas_tui.texts.prompt import PromptContext
from stas_tui.texts.prompt_lint import PromptReport, lint_prompt
from storage.records import (
    Changes,
    FileChange,
    Memory,
    Merge,
    Message,
    MessageType,
    Priority,
    Project,
    Task,
    TaskClass,
    Trust,
    Vision,
)

T0 = 1_795_000_000_000
"""2026-11-18T11:06:40Z"""

SERVICES = ("checkout", "billing", "catalog")
TENANTS = ("acme", "globex")
PATHS = frozenset(
    {
        "Dockerfile",
        "docker-compose.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/deploy.yml",
        "infra/terraform/main.tf",
        "infra/terraform/db.tf",
        "packages/server/alembic/versions/0001_start.py",
        "packages/server/alembic/versions/0002_pool.py",
        "services/checkout/pool.py",
        "services/checkout/settings.toml",
        "services/billing/app.py",
        "monitoring/alerts/checkout.rules.yml",
        "packages/server/tenancy/middleware.py",
        "docs/runbook.md",
        "README.md",
    }
)
VISION_TEXT = """# Shop

## Deployment strategy
Rolling releases to one cluster, no downtime.

## Scale requirements
40 requests a second for each tenant.

## Architecture
Row-level isolation: every table of a tenant has a tenant_id column.
Requests are routed to their tenant by the subdomain.
Limits: at most 20 database connections for each tenant.
"""
VISION = Vision(project_id="shop", text=VISION_TEXT, sha256="a" * 64, updated_at=T0)
TASK = Task(
    id="T-31",
    project_id="shop",
    title="infra: Cap the checkout pool",
    description="The pool of services/checkout/pool.py grows without bound.\nCap it at 20 connections.",
    priority=Priority.P1,
    task_class=TaskClass.INFRA,
    acceptance=("At most 20 open connections for each tenant at 100 requests a second",),
)

GOOD = """# Task: Infrastructure — Cap the checkout pool

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
- tests/test_pool.py: cover the bound

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


def lint(
    text: str,
    *,
    deploy_like: bool = True,
    finn: bool = False,
    vision: Vision | None = VISION,
    sha: str | None = VISION.sha256,
    read_file: Callable[[str], bytes | None] | None = None,
    paths: frozenset[str] = PATHS,
) -> PromptReport:
    """The lint with the world of these tests."""
    return lint_prompt(
        text,
        paths=paths,
        vision=vision,
        vision_sha_used=sha,
        deploy_like=deploy_like,
        finn_said_yes=finn,
        read_file=read_file,
    )


def swap(old: str, new: str) -> str:
    """The good prompt with one passage replaced; the passage must be there once."""
    assert GOOD.count(old) == 1, (GOOD.count(old), old)
    return GOOD.replace(old, new)


def section(heading: str, body: str) -> str:
    """The good prompt with the body of one section replaced."""
    head, mark, rest = GOOD.partition(f"## {heading}\n")
    assert mark
    _, follow, tail = rest.partition("\n## ")
    return f"{head}{mark}{body}\n{follow}{tail}" if follow else f"{head}{mark}{body}\n"


def context(**changes: object) -> PromptContext:
    """A prompt context with everything known."""
    values: dict[str, object] = {
        "task": TASK,
        "project": Project(id="shop", name="shop"),
        "vision": VISION,
        "base": "multi-tenant",
        "base_sha": "9f2c41a" + "0" * 33,
        "tenants": TENANTS,
        "isolation_level": "row",
        "paths": PATHS,
        "memories": (Memory(id="m1", type="pattern", title="Pool exhaustion", text="The pool had no bound."),),
        "agent": "stas",
        "services": SERVICES,
        "health_endpoints": ("http://127.0.0.1:8080/health",),
    }
    return PromptContext(**{**values, **changes})  # type: ignore[arg-type]


def message(
    id_: str,
    type_: MessageType = MessageType.INFO,
    *,
    subject: str = "note",
    body: str = "",
    sender: str = "dev",
    at: int = T0,
    trust: Trust = Trust.KNOWN,
    pr: int | None = None,
    task: str | None = None,
) -> Message:
    """A message of a known agent."""
    return Message(
        id=id_, type=type_, sender=sender, subject=subject, body=body, at=at, trust=trust, pr_number=pr, task_id=task
    )


def merge(sha: str, *, at: int = T0, subject: str = "merge", files: tuple[str, ...] = ()) -> Merge:
    """Something that landed."""
    return Merge(project_id="shop", sha=sha, at=at, author="dev", subject=subject, files=files)


def changes(*files: str, patch: str = "", cut: bool = False) -> Changes:
    """Changed files with a diff."""
    return Changes(
        base_sha="b" * 40,
        head_sha="c" * 40,
        files=tuple(FileChange(path=path, status="M", insertions=2, deletions=1, size=10) for path in files),
        commits=(),
        uncommitted=len(files),
        patch=patch,
        patch_cut=cut,
    )
