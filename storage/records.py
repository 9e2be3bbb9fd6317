"""The nouns of Stas: frozen, typed, free of behaviour that needs a database or a screen.

Times are UTC milliseconds since the epoch (`int`). Identifiers are strings as the platform spells them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


# what a source answered ---------------------------------------------------------------------------


class DataState(StrEnum):
    """How far a value can be believed. Absence of data is never good news."""

    OK = "ok"
    EMPTY = "empty"
    """The source was asked and has none."""
    STALE = "stale"
    ERROR = "error"
    DENIED = "denied"
    UNKNOWN = "unknown"
    """Never asked, or not configured."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value together with how far it can be believed."""

    state: DataState
    value: T
    source: str
    at: int | None = None
    """When the source answered; None if it never did."""
    reason: str = ""
    """Why the state is not `ok`: one clause a person understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A thing Stas collected itself, by which a claim that was *said* becomes *seen*."""

    kind: str
    """message, memory, commit, run, file, query, task, pr, policy, probe, event"""
    ref: str
    """Where it is: a message id, a sha, `path:line`, a run id."""
    text: str
    """One line for a list."""
    at: int | None = None
    digest: str = ""


# the world: tasks, messages, memories --------------------------------------------------------------


class Priority(StrEnum):
    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class TaskClass(StrEnum):
    """The process order of the routine, section 5: incidents, deployments, infrastructure."""

    INCIDENT = "incident"
    DEPLOYMENT = "deployment"
    INFRA = "infra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: str
    name: str
    status: str = "active"
    """`active` or `archived`."""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vision:
    project_id: str
    text: str
    sha256: str
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    id: str
    project_id: str
    title: str
    description: str = ""
    status: str = "review"
    """The kanban column, lower case: `backlog`, `ready`, `in_progress`, `review`, `done`, or the platform's own."""
    priority: Priority | None = None
    """None is drawn `P?` and ordered among P1 (D9)."""
    task_class: TaskClass = TaskClass.INFRA
    class_guessed: bool = True
    assignee: str | None = None
    branch: str | None = None
    pr_number: int | None = None
    pr_open: bool = False
    acceptance: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    deadline: int | None = None
    created_at: int = 0
    version: int = 1
    created_key: str | None = None
    """The client key under which `create_task` made it: how a lost answer is found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedTask:
    """A task in the order of work, with the reason for its place (R35)."""

    task: Task
    position: int
    why: str
    """«next: T-31 because …» without the prefix."""


class MessageType(StrEnum):
    """The classes of the routine, section 1, in the order in which they are handled (R10, D21)."""

    URGENT = "urgent"
    HELP_REQUEST = "help_request"
    UNKNOWN = "unknown"
    HANDOFF = "handoff"
    REVIEW_REQUEST = "review_request"
    INFO = "info"


class Trust(StrEnum):
    """Who vouches for a message: a known agent, or nobody."""

    KNOWN = "known"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: str
    type: MessageType
    sender: str
    subject: str
    body: str
    at: int
    trust: Trust = Trust.EXTERNAL
    read_at: int | None = None
    acknowledged_at: int | None = None
    raw_type: str = ""
    """The type as it was sent, when it is none of ours."""
    project_id: str | None = None
    task_id: str | None = None
    pr_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    id: str
    type: str
    title: str
    text: str
    tags: tuple[str, ...] = ()
    shared: bool = False
    author: str = ""
    at: int = 0
    quarantined: bool = False
    """Written from outside text and not yet confirmed; `recall` never returns it (D22)."""
    confirmations: tuple[str, ...] = ()
    score: float = 0.0
    """Rank within one `recall`; higher is better. Meaningless across queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message to another agent, or a Slack DM that waits in the outbox."""

    id: str
    to: str
    channel: str
    """`agent` or `slack`."""
    text: str
    at: int
    category: str = ""
    urgent: bool = False
    state: str = "sent"
    """`sent`, `seen`, `answered`, `edited`, `not configured`, `uncertain`, `failed`, `limited`, `gone`."""
    key: str = ""
    """The action that sent it; unique."""


# git and pull requests ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    number: int
    project_id: str
    title: str
    body: str
    base: str
    head: str
    """The head branch."""
    head_sha: str
    state: str = "open"
    """`open`, `merged`, `closed`."""
    mergeable: bool | None = None
    """None is unknown, never yes."""
    conflicts: tuple[str, ...] = ()
    url: str = ""
    author: str = ""
    created_at: int = 0
    merged_at: int | None = None
    merge_sha: str | None = None
    key: str = ""
    """The action that opened it."""
    task_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReview:
    """A verdict on a pull request, as its forge holds it. None of them is an approval."""

    project_id: str
    number: int
    """Of the pull request."""
    id: str
    """What the forge calls it."""
    event: str
    """`comment` or `request changes`; other forges' words, such as `dismissed`, as they are."""
    commit_sha: str
    """Head that was looked at; empty if the forge does not know it any more."""
    body: str
    author: str
    at: int
    """UTC milliseconds."""
    key: str = ""
    """The action that sent it."""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Something that landed on the base branch."""

    project_id: str
    sha: str
    at: int
    author: str
    subject: str
    pr_number: int | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A task's clone on its own feature branch."""

    project_id: str
    task_id: str
    path: str
    branch: str
    base: str
    base_sha: str
    """The commit of the base branch from which the feature branch was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginProof:
    """Whether a branch was cut from the base branch and not from main (R5, R7).

    `foreign` are the commits reachable from the head and from main but not from the base branch: one is
    enough to refuse. An ancestor test would pass branches cut from an old main.
    """

    head: str
    base: str
    base_sha: str
    main: str | None
    foreign: tuple[str, ...]
    fork_point: str | None
    ahead: int
    behind: int

    @property
    def holds(self) -> bool:
        """True if nothing on the branch came from main alone."""
        return not self.foreign and self.fork_point is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    path: str
    status: str
    """git's letter: A, M, D, R, T."""
    insertions: int | None
    """None for a binary file."""
    deletions: int | None
    size: int
    """Bytes after the change; 0 for a deletion."""
    ignored: bool = False
    """Matches an ignore rule of the repository and would be added all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Everything in a workspace that differs from its recorded base."""

    base_sha: str
    head_sha: str
    files: tuple[FileChange, ...]
    commits: tuple[str, ...]
    """`sha subject` of the commits the executor made, oldest first."""
    uncommitted: int
    patch: str
    """Unified diff, capped; hostile text until drawn through `safe`."""
    patch_cut: bool = False
    history_rewritten: bool = False
    """The base is no longer an ancestor of the head, or the branch was moved."""
    problems: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing changed at all."""
        return not self.files


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretHit:
    """A place that looks like a secret. The value itself is never kept."""

    rule: str
    place: str
    """`path:line` or the name of a text."""
    masked: str
    """Something like `ghp_…9f (40)`; at most the rule's public prefix and a length."""


# runs of an executor ------------------------------------------------------------------------------


class Outcome(StrEnum):
    """The result classes of the routine, section 7, step D (D20)."""

    SUCCESS = "SUCCESS"
    PARTIAL = "PARTIAL"
    RULE4 = "RULE 4 BLOCKER"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Something the executor did beyond its prompt (D17: 1 repaired a bug, 2 added a guard, 3 unblocked; 4 stop)."""

    rule: int
    what: str
    why: str = ""
    files: tuple[str, ...] = ()
    tenant_isolation: str = "unknown"
    """`none`, `touched` or `unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One command of the approved prompt, run by Stas itself in a fresh checkout."""

    command: str
    state: str
    """`passed`, `failed`, `not run`, `timeout`."""
    exit: int | None = None
    seconds: float = 0.0
    detail: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorReport:
    """What the executor *said*; nothing here is *seen*."""

    outcome: str
    """`success`, `partial`, `rule4_blocker`, `failure`, or `` when it said nothing."""
    summary: str = ""
    deviations: tuple[Deviation, ...] = ()
    blocker: str = ""
    options: tuple[str, ...] = ()
    recommendation: str = ""
    said_verification: tuple[str, ...] = ()
    rollback: str = ""
    follow_ups: tuple[tuple[str, str], ...] = ()
    """(title, priority)"""
    no_changes_expected: bool = False
    problem: str = ""
    """Why the result file could not be read, if it could not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The class of a finished run with the facts that decided it."""

    outcome: Outcome
    kind: str
    """Finer than the class: `ok`, `unreported`, `nothing changed`, `timeout`, `spawn failed`, `cancelled`, `lost`, …"""
    because: tuple[str, ...]
    """The facts, in the order in which they decided."""
    report: ExecutorReport
    exit: int | None
    seconds: float
    verification: tuple[Verification, ...] = ()
    undeclared: tuple[str, ...] = ()
    """Changed files that the prompt did not list."""
    survivors: tuple[int, ...] = ()
    """Processes that were still alive after the cancel ladder; normally none."""


class RunState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run as its shim last reported it."""

    run_id: str
    state: RunState
    started_at: int | None = None
    ended_at: int | None = None
    exit: int | None = None
    stop: str = ""
    """Why it ended: `exit`, `cancelled`, `timeout`, `idle`, `spawn failed`, `lost`, `signal`."""
    detail: str = ""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    dropped_bytes: int = 0
    redactions: int = 0
    shim_alive: bool = False
    heartbeat_at: int | None = None
    survivors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The record of one spawned executor."""

    id: str
    pulse_id: str
    project_id: str
    task_id: str
    action_id: str
    attempt: int
    """1 for the first spawn of a task in this pulse; at most 1 + 3 (R90)."""
    prompt_sha256: str
    cause: str
    """Why it was spawned again; empty for the first."""
    program: str
    model: str
    directory: str
    state: RunState
    started_at: int
    ended_at: int | None = None
    result: RunResult | None = None


# the pulse ----------------------------------------------------------------------------------------


class Mode(StrEnum):
    """How far the agent may go on its own (design section 10)."""

    OBSERVE = "observe"
    SUPERVISED = "supervised"
    TRUSTED = "trusted"


class StepState(StrEnum):
    TODO = "todo"
    ACTIVE = "active"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


STEP_NAMES: dict[int, str] = {
    1: "Inbox",
    2: "Memories",
    3: "Projects",
    4: "Vision",
    5: "Queue",
    6: "Health",
    7: "Work",
    8: "Validation",
    9: "Isolation",
    10: "Follow-ups",
    11: "Report",
}
"""The eleven sections of the routine."""

SUBSTEP_NAMES: dict[str, str] = {
    "A": "claim and understand",
    "B": "prompt",
    "C": "execute",
    "D": "review",
    "E": "complete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    pulse_id: str
    n: int
    name: str
    state: StepState
    sub: str = ""
    """For step 7: the current sub-step, A to E."""
    data_state: DataState = DataState.UNKNOWN
    note: str = ""
    """One short line for the stepper."""
    data: Json = field(default_factory=dict)
    """What the step found, as JSON: panels and the summary read it."""
    started_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    id: str
    number: int
    agent: str
    operator: str
    mode: Mode
    started_at: int
    ended_at: int | None = None
    outcome: str = ""
    """`complete`, `interrupted`, `abandoned`, or empty while it runs."""
    summary: str = ""
    """The published Pulse Summary, Markdown."""


# findings -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict of one check on one subject."""

    id: str
    pulse_id: str
    check: str
    subject: str
    verdict: str
    """`verified`, `flagged`, `unknown`; or `ok`, `degraded`, `failed` for health."""
    reason: str
    evidence: tuple[Evidence, ...] = ()
    at: int = 0
    expires_at: int | None = None


# the journal --------------------------------------------------------------------------------------


class EffectClass(StrEnum):
    """What may happen after a crash in the middle of an effect."""

    KEY = "key"
    """The remote honours an idempotency key: call again with the same key."""
    CONVERGE = "converge"
    """The same call twice leaves the same state: read, then call again."""
    LOOKUP = "lookup"
    """The effect carries our marker and can be searched for."""
    OPAQUE = "opaque"
    """None of these: it is never re-run by software; a person says what happened."""


class ActionState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


TERMINAL = frozenset(
    {
        ActionState.REJECTED,
        ActionState.EXPIRED,
        ActionState.WITHDRAWN,
        ActionState.SUCCEEDED,
        ActionState.FAILED,
        ActionState.ABANDONED,
    }
)


class GateLevel(StrEnum):
    """What a person has to do before an effect (requirements, part A)."""

    LOG = "L"
    """Done at once, logged."""
    GATE = "G"
    """A person approves exactly these bytes."""
    GATE2 = "G2"
    """As G, and the object's name is typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version of what an action would do. Never changed; an edit makes a new one."""

    action_id: str
    rev: int
    args: Json
    """The call's arguments as given."""
    plan: Json
    """What the call resolves to: repository, base, head sha, task version, whole texts."""
    preconditions: Json
    """Facts about the world that must still hold when it runs."""
    shown: Json
    """What the gate draws beside the payload: title, risk rows, evidence, warnings, gate level. Not in the digest."""
    digest: str
    author: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A call of one of the routine's tools, from intent to outcome."""

    id: str
    pulse_id: str
    call_key: str
    tool: str
    effect_class: EffectClass
    requested_by: str
    level: GateLevel
    state: ActionState
    rev: int
    digest: str
    approved_digest: str | None
    requested_at: int
    ask_until: int
    approved_until: int | None = None
    defer_until: int | None = None
    attempts: int = 0
    owner: str | None = None
    lease_until: int | None = None
    outcome: Json | None = None
    """`{"intended": …, "requested": …, "observed": …, "differences": [...]}` once it ran."""
    reason: str = ""
    """Why it was rejected, expired, withdrawn, failed or abandoned."""
    decided_by: str = ""
    decided_at: int | None = None
    finished_at: int | None = None
    caused_by: str = ""
    """The message, finding or run this action derives from (R17)."""
    version: int = 1
    revision: Revision | None = None
    """The current revision, filled by reads of single actions and of gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the hash-chained log."""

    seq: int
    at: int
    actor: str
    kind: str
    """Past tense, dotted: `gate.requested`, `gate.approved`, `policy.refused`, `step.done`, `pulse.closed`."""
    pulse_id: str | None
    action_id: str | None
    body: Json
    prev: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at an effect; its row is committed before the effect starts (invariant 1)."""

    action_id: str
    n: int
    idem_key: str
    digest: str
    owner: str
    started_at: int
    ended_at: int | None = None
    result: str | None = None
    detail: str = ""
