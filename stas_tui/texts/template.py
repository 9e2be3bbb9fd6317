"""The routine's template of an execution prompt (section 7, step B): its parts, fixed words and placeholders."""

from __future__ import annotations

import re
from dataclasses import dataclass

TITLE = "Task: Infrastructure — "

CONTEXT = "Project Context"
TENANCY = "Multi-Tenant Infrastructure Requirements"
CHANGE = "What To Build/Change"
READ = "Files To Read First"
MODIFY = "Files To Create/Modify"
CHECKLIST = "Pre-Deploy Checklist"
ACCEPTANCE = "Acceptance Criteria"
VERIFY = "Verification Steps"
ROLLBACK = "Rollback Plan"
ANTI = "Anti-Patterns to Avoid"

HEADINGS = (CONTEXT, TENANCY, CHANGE, READ, MODIFY, CHECKLIST, ACCEPTANCE, VERIFY, ROLLBACK, ANTI)
"""The second-level headings, word for word and in order."""

P_TITLE = "{clear title}"
P_CONTEXT = "{condensed project vision — deployment target, scale, multi-tenant requirements}"
P_LEVEL = "{level}"
P_ROUTING = "{how requests are routed to correct tenant}"
P_DATA = "{how tenant data is segregated}"
P_LIMITS = "{per-tenant resource constraints if any}"
P_CHANGE = "{specific infrastructure change required}"
P_READ = "{exact paths to infrastructure configs}"
P_MODIFY = "{exact file paths with what each change should do}"
P_OUTCOME = "{specific measurable outcome}"
P_VERIFY = "{commands to run after implementation}"
P_ROLLBACK = "{specific steps to undo if something goes wrong}"

PLACEHOLDERS = frozenset(
    name[1:-1]
    for name in (
        P_TITLE,
        P_CONTEXT,
        P_LEVEL,
        P_ROUTING,
        P_DATA,
        P_LIMITS,
        P_CHANGE,
        P_READ,
        P_MODIFY,
        P_OUTCOME,
        P_VERIFY,
        P_ROLLBACK,
    )
)

LEVELS = ("database", "schema", "row-level")
"""The isolation levels of the template (R56)."""

READ_HINTS = (
    "- Dockerfile.* (container definitions)",
    "- docker-compose.yml (service orchestration)",
    "- .github/workflows/*.yml (CI/CD pipelines)",
    "- infra/terraform/... (infrastructure as code)",
    "- packages/server/alembic/... (database migrations)",
)
CHECKLIST_ITEMS = (
    "All tests pass on {base} branch",
    "Database migrations are reversible",
    "Secrets/config updated for all environments",
    "Monitoring in place for new infrastructure",
    "Rollback plan documented",
)
"""`{base}` stands for the delivery branch, `multi-tenant` in the routine."""

ACCEPTANCE_ITEMS = (
    "No downtime during deployment",
    "Multi-tenant isolation preserved",
    "Monitoring/alerting covers the change",
    "Rollback tested or documented",
)
VERIFY_ITEMS = (
    "- docker compose build (verify container builds)",
    "- docker compose up -d (verify services start)",
    "- curl health endpoints (verify services healthy)",
    "- Check monitoring dashboards",
)
ANTI_ITEMS = (
    "- No deployments without rollback plan",
    "- No infrastructure changes without monitoring",
    "- No manual steps that should be automated",
    "- No multi-tenant isolation compromise",
    "- No secrets in code or logs",
)


@dataclass(frozen=True, slots=True)
class PromptSection:
    """One part of the template that the section meter counts."""

    key: str
    heading: str
    """The heading as the template has it; for the four tenancy lines, the words before their colon."""
    mandatory: bool
    help: str
    row: str


SECTIONS: tuple[PromptSection, ...] = (
    PromptSection("title", TITLE.strip(" —"), True, "One line that names the change, not the ticket.", "R54"),
    PromptSection(
        "context", CONTEXT, True, "What the vision says on deployment target, scale and tenants, condensed.", "R55"
    ),
    PromptSection("level", "Tenant isolation", True, "One of database, schema or row-level.", "R56"),
    PromptSection("routing", "Tenant-aware routing", True, "How a request finds its tenant.", "R57"),
    PromptSection("data", "Data isolation", True, "How the data of one tenant is kept from another.", "R58"),
    PromptSection("limits", "Resource limits", True, "Limits per tenant, or “none, because …”.", "R59"),
    PromptSection("change", CHANGE, True, "The change itself, with the names the repository uses.", "R60"),
    PromptSection("read", READ, True, "Exact paths that exist at the base commit.", "R61"),
    PromptSection("modify", MODIFY, True, "Every file that may change, each with what changes in it.", "R62"),
    PromptSection("checklist", CHECKLIST, True, "The five points that must hold before a deployment.", "R63"),
    PromptSection(
        "acceptance", ACCEPTANCE, True, "At least one outcome with a number, then the four fixed ones.", "R68"
    ),
    PromptSection("verify", VERIFY, True, "Commands that Stas runs itself after the change.", "R73"),
    PromptSection("rollback", ROLLBACK, True, "Numbered steps, each with a command or a person, and the time.", "R77"),
    PromptSection("anti", ANTI, True, "The five things that the executor must not do.", "R78"),
)
"""The parts in the template's order; the section meter reads `n of 14` (R53)."""

LINE_ITEM = re.compile(r"^[ \t]{0,3}(?:[-*+]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(.*\S)[ \t]*$")
"""A list item of Markdown; group 1 is its text without the mark and a check box."""
