"""The demo's tasks. T-301 to T-305 show one outcome of an executor each; the others show what the queue does."""

from __future__ import annotations

from collections.abc import Callable

from stas_tui.demo.repository import OWN_BRANCH
from storage.clock import DAY, HOUR, MINUTE
from storage.records import Priority, Task, TaskClass

PROJECT = "ledger"
OWN_PR = 16
REVIEW_PR = 17


def tasks(now: int, ago: Callable[[int], int]) -> tuple[Task, ...]:
    """All tasks of the project `ledger`; `ago` gives the time an age in milliseconds before `now`."""
    return (
        Task(
            id="T-301",
            project_id=PROJECT,
            title="Cap the connection pool per tenant",
            description=(
                "Since pull request 15 all requests share one pool of 16 connections. acme's month-end import takes "
                "all of them; borealis, cobalt, delta and ember get 503 after 2 s of waiting. Give each tenant a share "
                "of the pool, so that one tenant's load is that tenant's wait."
            ),
            priority=Priority.P0,
            task_class=TaskClass.INCIDENT,
            class_guessed=False,
            acceptance=(
                "One tenant holds at most 4 of the 16 connections; the 5th request waits and gets 503 after 2 s",
                "With one tenant at its share, 12 requests of three other tenants are served, 0 refused",
                "The share is configured in staging and production with the same key",
                "An alert tells when a tenant uses 90 % of its share for 2 minutes",
            ),
            labels=("type:incident", "service:ledger", "domain:connection-pool", "alert:LedgerPoolExhausted"),
            deadline=now + 2 * HOUR,
            created_at=ago(5 * MINUTE),
        ),
        Task(
            id="T-302",
            project_id=PROJECT,
            title="Roll the nightly statements out to all five tenants",
            description=(
                "Statements run for acme and borealis since pull request 14. Turn them on for cobalt, delta and ember, "
                "with a time budget for each tenant, so that a large tenant does not push the others past midnight."
            ),
            priority=Priority.P1,
            task_class=TaskClass.DEPLOYMENT,
            class_guessed=False,
            acceptance=(
                "5 of 5 tenants get a statement in one run",
                "A tenant that needs more than 30 s is given up and counted; the next one starts within 1 s",
                "LedgerStatementsLate stays quiet for 2 nights",
            ),
            labels=("type:deployment", "service:ledger", "domain:statements"),
            deadline=now + 8 * HOUR,
            created_at=ago(26 * HOUR),
        ),
        Task(
            id="T-303",
            project_id=PROJECT,
            title="Archive entries older than 400 days",
            description=(
                "The entries table grows by 2 million rows a month. Rows older than 400 days are read about once a "
                "week. Keep them readable for their tenant, but out of the way of the daily queries."
            ),
            priority=Priority.P1,
            task_class=TaskClass.INFRA,
            class_guessed=False,
            acceptance=(
                "Balance of an account with 1 million rows answers within 500 ms",
                "Archived entries can be read by their tenant and by nobody else",
            ),
            labels=("service:ledger", "domain:storage"),
            deadline=now + 3 * DAY,
            created_at=ago(4 * DAY),
        ),
        Task(
            id="T-304",
            project_id=PROJECT,
            title="Build images through the registry mirror",
            description=(
                "Builds stall on the public registry's pull limit several times a day. Take base images from the "
                "mirror whose addresses stand in infra/registry-mirror.yml."
            ),
            priority=Priority.P1,
            task_class=TaskClass.DEPLOYMENT,
            class_guessed=False,
            acceptance=(
                "10 builds in a row finish without an answer 429 from the registry",
                "The build falls back to the public registry when LEDGER_REGISTRY is not set",
            ),
            labels=("type:deployment", "service:build", "domain:ci"),
            deadline=now + DAY,
            created_at=ago(2 * DAY),
        ),
        Task(
            id="T-305",
            project_id=PROJECT,
            title="Load test of the pool with five tenants",
            description="Show with numbers that five tenants get through side by side, before the other 35 arrive.",
            priority=Priority.P2,
            task_class=TaskClass.INFRA,
            class_guessed=False,
            acceptance=("A report names requests answered and failed for each of 5 tenants over 10 minutes",),
            labels=("service:ledger", "domain:capacity"),
            deadline=now + 5 * DAY,
            created_at=ago(3 * DAY),
        ),
        Task(
            id="T-306",
            project_id=PROJECT,
            title="Finish the rotation of cobalt's token",
            description="The digest was changed on one replica only. Bring the new one to both.",
            priority=Priority.P1,
            task_class=TaskClass.INFRA,
            class_guessed=False,
            assignee="lena",
            branch="infra/T-306-finish-the-rotation",
            acceptance=("0 answers 401 for cobalt over 30 minutes on both replicas",),
            labels=("service:ledger", "domain:secrets"),
            deadline=now + 6 * HOUR,
            created_at=ago(3 * HOUR),
        ),
        Task(
            id="T-307",
            project_id=PROJECT,
            title="Tenant in the access log of the edge",
            description="Each line of the edge's log names the tenant, so that a support question takes minutes.",
            priority=Priority.P2,
            task_class=TaskClass.INFRA,
            class_guessed=False,
            assignee="Stas",
            branch=OWN_BRANCH,
            pr_number=OWN_PR,
            pr_open=True,
            acceptance=("100 of 100 sampled log lines name the tenant of the request",),
            labels=("service:edge", "domain:logging"),
            created_at=ago(2 * DAY),
        ),
        Task(
            id="T-308",
            project_id=PROJECT,
            title="Write down how old entries come back from the archive",
            description="Support asks for it. Nothing is decided yet.",
            priority=None,
            blocked_by=("T-303",),
            labels=("service:ledger", "domain:docs"),
            created_at=ago(DAY),
        ),
    )
