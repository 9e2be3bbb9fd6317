"""What the Pulse Summary is computed from: facts of the log, each with how far it can be believed (R130-R147)."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.records import DataState, Evidence, MessageType

Proof = tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How a source answered. The default is the honest one: nobody asked."""

    state: DataState = DataState.UNKNOWN
    reason: str = ""
    """Why the state is not `ok` or `empty`."""
    evidence: Proof = ()

    @property
    def known(self) -> bool:
        """True if the source answered now, with something or with nothing."""
        return self.state in (DataState.OK, DataState.EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of outside or own text with where it is from."""

    text: str
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFacts(Source):
    """Step 1 (R131)."""

    by_type: tuple[tuple[MessageType, int], ...] = ()
    brief: tuple[Item, ...] = ()
    """Incident reports and deploy requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFacts(Source):
    """Step 2 (R132)."""

    returned: int = 0
    used: tuple[Item, ...] = ()
    """Memories that a decision of this pulse cites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts(Source):
    """Step 3 (R133)."""

    names: tuple[str, ...] = ()
    """The active projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionFact(Source):
    """Step 4, for one active project (R134)."""

    project: str
    read: bool
    """Read in this pulse."""
    sha256: str = ""
    priorities: tuple[str, ...] = ()
    """Its key infrastructure and deployment priorities, condensed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFact:
    """One required check or build job on the head of the delivery branch."""

    name: str
    conclusion: str
    """`success`, `failure`, `pending`, `missing`, or the forge's own word."""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksFacts(Source):
    """CI pipeline or container builds of step 6 (R135, R136)."""

    checks: tuple[CheckFact, ...] = ()
    said: tuple[str, ...] = ()
    """Why, in lines under the value; without any it follows from the checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployFacts(Source):
    """Recent deployments of step 6 (R137)."""

    deployments: int | None = None
    """What a source of deployments recorded; None if none was asked."""
    open: str = ""
    """Why nobody can say that there was no trouble; empty if everybody answered."""

    forge: int | None = None
    """What the forge saw in 24 hours; None if it could not be asked."""
    memory: int | None = None
    """What memory knows; None if it could not be asked."""
    issues: tuple[Item, ...] = ()
    """Trouble reported after one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFact:
    """The claimed task (R138)."""

    id: str
    title: str
    project: str
    priority: str
    """`P1`, or `P?`."""
    branch: str
    workspace_problem: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """One executor run (R139)."""

    model: str
    """Empty is shown as `unknown`."""
    seconds: float | None
    """Measured; None while it runs or if it was lost."""
    outcome: str
    deviations: tuple[str, ...] = ()
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFact:
    """How the task was worked on: what the log saw, and what the agent says (R139)."""

    runs: tuple[RunFact, ...] = ()
    direct: bool = False
    """A person or the agent worked in the workspace itself."""
    said: str = ""
    """The agent's own word, if it gave one."""
    why_none: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchProof:
    """A branch or pull request with the proof of its base (R140)."""

    name: str
    """`branch infra/T-3`, `pull request #12`."""
    holds: bool | None
    """True: seen; False: violated; None: not verified."""
    reason: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFact:
    """One effect of the log: done, failed, refused or not decided (R141)."""

    id: str
    at: int
    seq: int
    """The event's number: the order among equal times."""
    actor: str
    """`agent stas`, `Sky`, `policy`."""
    text: str
    """What, as `claim_task T-311`."""
    result: str
    """`done`, `failed: …`, `refused: …`, `expired`, `went on against a lock: …`"""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationPoint:
    """One of the four points R109-R112."""

    row: str
    name: str
    verdict: str
    """`verified`, `flagged`, `unknown`, or `n/a` if the change cannot touch it."""
    reason: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackFact:
    """The rollback plan of one piece of deploy-like work (R143)."""

    subject: str
    documented: bool
    where: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonFact:
    """A lesson: saved, queued, or not saved (R144)."""

    title: str
    state: str
    """`saved`, `queued`, `rejected`, `failed`."""
    reason: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFact:
    """A direct message to the human with its delivery state (R146)."""

    category: str
    state: str
    """`sent`, `seen`, `answered` are receipts; `uncertain`; anything else did not arrive."""
    reason: str = ""
    evidence: Proof = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFacts:
    """Everything the summary says, computed from the log before. Defaults are the honest answers of an empty log."""

    ended_at: int
    """The pulse's end; for a draft, now. UTC milliseconds."""
    number: int = 0
    agent: str = ""
    interrupted: bool = False
    duration_ms: int | None = None
    """Measured by the monotonic clock."""
    base: str = "multi-tenant"
    human: str = "Sky"
    inbox: InboxFacts = field(default_factory=InboxFacts)
    memories: MemoryFacts = field(default_factory=MemoryFacts)
    projects: ProjectFacts = field(default_factory=ProjectFacts)
    visions: tuple[VisionFact, ...] = ()
    """One for each active project."""
    ci: ChecksFacts = field(default_factory=ChecksFacts)
    builds: ChecksFacts = field(default_factory=ChecksFacts)
    deploys: DeployFacts = field(default_factory=DeployFacts)
    task: TaskFact | None = None
    no_task_because: str = ""
    method: MethodFact = field(default_factory=MethodFact)
    branches: tuple[BranchProof, ...] = ()
    actions: tuple[ActionFact, ...] = ()
    changed: bool = False
    """Something was changed in this pulse: a diff, a setting, a deployment."""
    isolation: tuple[IsolationPoint, ...] = ()
    isolation_flags: tuple[Item, ...] = ()
    """What is flagged on the matrix, whether it was changed in this pulse or not."""
    isolation_counts: tuple[Item, ...] = ()
    """How many cells of the matrix are how."""
    deploy_like: bool = False
    rollbacks: tuple[RollbackFact, ...] = ()
    lessons: tuple[LessonFact, ...] = ()
    urgent: tuple[Item, ...] = ()
    """Open P0 and P1, expired gates, unowned incidents."""
    dead_sources: tuple[tuple[str, str], ...] = ()
    """(source, reason) of sources that should have answered and did not."""
    slack: tuple[SlackFact, ...] = ()
    proposals: tuple[Item, ...] = ()
    pending_gates: tuple[Item, ...] = ()
    hand_over: tuple[Item, ...] = ()
