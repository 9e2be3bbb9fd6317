"""The demo's story: one morning of a small multi-tenant service, as records.

A shared connection pool was merged three hours ago. Now one tenant's import starves the others, and the agent wakes up.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.demo.inbox import messages
from stas_tui.demo.memories import memories
from stas_tui.demo.repository import BASE, OWN_BRANCH, REVIEW_BRANCH
from stas_tui.demo.tasks import OWN_PR, PROJECT, REVIEW_PR, tasks
from storage.clock import DAY, HOUR, MINUTE
from storage.records import Memory, Message, Project, PullRequest, Task, Vision

AGENT = "Stas"
ENVIRONMENT = "demo"
TENANTS = ("acme", "borealis", "cobalt", "delta", "ember")
DEFAULT_SEED = 7

_OWN_BODY = """## Change
The edge writes an access log in JSON; the host name, and with it the tenant, is in every line.

## Risk Assessment
Blast radius: the edge only. Rollback: roll the Caddyfile from before out, no data is touched.

## Multi-Tenant Impact
Isolation is preserved; lines of different tenants can be told apart.

## Monitoring
LedgerHighErrorRate and LedgerDown watch the edge's upstreams.
"""

_REVIEW_BODY = """## Change
The edge listens on all interfaces, so that the office can reach staging directly, and retries for ten seconds.

## Multi-Tenant Impact
None.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody the story mentions: an agent or a human."""

    id: str
    name: str
    role: str
    human: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that a platform and a forge hold when the demo starts."""

    agent: str = AGENT
    environment: str = ENVIRONMENT
    tenants: tuple[str, ...] = TENANTS
    people: tuple[Person, ...]
    projects: tuple[Project, ...]
    visions: tuple[Vision, ...]
    tasks: tuple[Task, ...]
    messages: tuple[Message, ...]
    memories: tuple[Memory, ...]
    pull_requests: tuple[PullRequest, ...] = field(default=())


PEOPLE = (
    Person(id=AGENT, name=AGENT, role="site reliability engineer"),
    Person(id="qa", name="QA", role="quality assurance"),
    Person(id="finn", name="Finn", role="architect"),
    Person(id="lena", name="Lena", role="infrastructure"),
    Person(id="mika", name="Mika", role="back end"),
    Person(id="sky", name="Sky", role="head of engineering", human=True),
)
"""Agents whose messages are trusted, and the one human."""

PROJECTS = (
    Project(id=PROJECT, name="Ledger", status="active", role="SRE"),
    Project(id="ledger-classic", name="Ledger Classic", status="archived", role="SRE"),
)


def story(*, seed: int, now: int, heads: Mapping[str, str] | None = None) -> Story:
    """The story at `now` (milliseconds, UTC). The seed shifts ages by seconds, never their order.

    `heads` are the shas of the demo's branches, as `DemoRepository.heads` holds them; without them the pull requests
    carry an empty head sha.
    """
    shift = random.Random(seed)

    def ago(age: int) -> int:
        return now - age - shift.randrange(30) * 1_000

    text = (Path(__file__).resolve().parent / "vision.md").read_text(encoding="utf-8")
    vision = Vision(
        project_id=PROJECT, text=text, sha256=hashlib.sha256(text.encode()).hexdigest(), updated_at=ago(6 * DAY)
    )
    return Story(
        people=PEOPLE,
        projects=PROJECTS,
        visions=(vision,),
        tasks=tasks(now, ago),
        messages=messages(ago),
        memories=memories(ago),
        pull_requests=_pull_requests(now, heads or {}),
    )


def _pull_requests(now: int, heads: Mapping[str, str]) -> tuple[PullRequest, ...]:
    return (
        PullRequest(
            number=OWN_PR,
            project_id=PROJECT,
            title="infra: tenant in the access log of the edge",
            body=_OWN_BODY,
            base=BASE,
            head=OWN_BRANCH,
            head_sha=heads.get(OWN_BRANCH, ""),
            author=AGENT,
            created_at=now - 5 * HOUR,
            key=f"demo:pr-{OWN_PR}",
            task_id="T-307",
        ),
        PullRequest(
            number=REVIEW_PR,
            project_id=PROJECT,
            title="infra: edge on all interfaces, longer retries",
            body=_REVIEW_BODY,
            base=BASE,
            head=REVIEW_BRANCH,
            head_sha=heads.get(REVIEW_BRANCH, ""),
            author="lena",
            created_at=now - 95 * MINUTE,
            key=f"demo:pr-{REVIEW_PR}",
        ),
    )
