"""Summary facts of one whole pulse, for goldens and for single changes."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.pulse.summary import (
    ActionFact,
    BranchProof,
    CheckFact,
    ChecksFacts,
    DeployFacts,
    InboxFacts,
    IsolationPoint,
    Item,
    LessonFact,
    MemoryFacts,
    MethodFact,
    ProjectFacts,
    RollbackFact,
    RunFact,
    SlackFact,
    SummaryFacts,
    TaskFact,
    VisionFact,
)
from storage.clock import MINUTE
from storage.records import DataState, Evidence, MessageType

END = 1_795_000_000_000
OK = DataState.OK


def proof(kind: str, ref: str) -> tuple[Evidence, ...]:
    """One piece of evidence."""
    return (Evidence(kind=kind, ref=ref, text=ref),)


POINTS = tuple(
    IsolationPoint(row=row, name=name, verdict="verified", reason="checked", evidence=proof("run", row))
    for row, name in (("R109", "queries"), ("R110", "endpoints"), ("R111", "jobs"), ("R112", "logs"))
)
WHOLE = SummaryFacts(
    ended_at=END,
    number=7,
    agent="stas",
    duration_ms=31 * MINUTE,
    inbox=InboxFacts(
        state=OK,
        by_type=((MessageType.URGENT, 1), (MessageType.HANDOFF, 1), (MessageType.INFO, 1)),
        brief=(Item(text="checkout answers 5xx for acme", evidence=proof("message", "m1")), Item(text="deploy T-30")),
    ),
    memories=MemoryFacts(
        state=OK, returned=6, used=(Item(text="pool exhaustion, how it was fixed", evidence=proof("memory", "k3")),)
    ),
    projects=ProjectFacts(state=OK, names=("shop", "docs")),
    visions=(
        VisionFact(state=OK, project="shop", read=True, sha256="9f3c17ab" * 8, priorities=("no downtime", "40 rps")),
        VisionFact(state=OK, project="docs", read=True, sha256="0a" * 32),
    ),
    ci=ChecksFacts(state=OK, checks=(CheckFact(name="unit", conclusion="success", evidence=proof("run", "ci-1")),)),
    builds=ChecksFacts(state=DataState.UNKNOWN, reason="no job is configured"),
    deploys=DeployFacts(state=OK, forge=3, memory=2, issues=(Item(text="checkout 5xx"),)),
    task=TaskFact(
        id="T-31",
        title="Cap the checkout pool",
        project="shop",
        priority="P1",
        branch="infra/T-31-cap",
        evidence=proof("task", "T-31"),
    ),
    method=MethodFact(
        runs=(RunFact(model="", seconds=751.0, outcome="PARTIAL", deviations=("rule 3: pinned a dependency",)),),
        said="direct",
    ),
    branches=(
        BranchProof(name="branch infra/T-31-cap", holds=True, evidence=proof("commit", "9f2c41a")),
        BranchProof(name="pull request #12", holds=True, evidence=proof("pr", "12")),
    ),
    actions=(
        ActionFact(id="a2", at=END - 9 * MINUTE, seq=20, actor="stas", text="spawn_executor T-31", result="done"),
        ActionFact(id="a1", at=END - 30 * MINUTE, seq=4, actor="stas", text="claim_task T-31", result="done"),
        ActionFact(id="a3", at=END - 2 * MINUTE, seq=30, actor="policy", text="push main", result="refused: R8"),
    ),
    changed=True,
    isolation=POINTS,
    deploy_like=True,
    rollbacks=(
        RollbackFact(subject="T-31", documented=True, where="prompt, 2 steps", evidence=proof("file", "prompt")),
    ),
    lessons=(LessonFact(title="Infra: Cap the pool", state="queued", reason="memory is down"),),
    urgent=(Item(text="P1 T-40 has no owner"),),
    dead_sources=(("Alertmanager", "connection refused"),),
    slack=(SlackFact(category="incident", state="sent", evidence=proof("event", "s1")),),
    proposals=(Item(text="infra: add alerts for checkout"),),
    pending_gates=(Item(text="review verdict for #9"),),
)

RED_SAID = "failed: unit (timed_out)"
BURNING = replace(
    WHOLE,
    ci=ChecksFacts(
        state=OK,
        checks=(CheckFact(name="shop", conclusion="failure"), CheckFact(name="docs", conclusion="missing")),
        said=(f"shop: {RED_SAID}; docs: not configured",),
        evidence=proof("check", "shop/9f2c41a/unit"),
    ),
    builds=ChecksFacts(state=DataState.UNKNOWN, reason="builds:shop stale: last answer 11:00Z (6m ago)"),
    deploys=DeployFacts(
        state=OK,
        forge=3,
        deployments=2,
        memory=2,
        open="deploys:shop error: 502, last answer 11:00Z (6m ago)",
    ),
    urgent=(Item(text="still burning: critical CheckoutDown on checkout (acme), since 10:56Z (10m)"),),
    dead_sources=(
        ("builds:shop", "stale: last answer 11:00Z (6m ago)"),
        ("deploys:shop", "error: 502, last answer 11:00Z (6m ago)"),
        ("alertmanager", "replayed: a recording, nobody was asked"),
    ),
)
"""A pulse at whose end something burns and several sources are in doubt."""
