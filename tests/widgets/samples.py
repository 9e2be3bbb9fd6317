"""Example models: what the pictures of the design show, and hostile twins of them."""

from __future__ import annotations

from storage.records import DataState
from widgets.detail import Chart, DetailModel, EvidenceRow, Field, Moment
from widgets.gate_model import GateBlock, GateModel, RiskRow
from widgets.keybar import KeyHint
from widgets.matrix import MatrixModel, MatrixRow
from widgets.panel import Count, PanelModel
from widgets.rows import Cell, Column, ListRow
from widgets.stepline import Tab
from widgets.steps import StepView, Tally
from widgets.tokens import Mark
from widgets.topbar import TopBarModel

HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x1b\\\x1b[2J\x9b31m[@click=app.quit]x[/] [/red] [b +\x00\x07\u202egnp.exe\u2066"
    "\ud800\u200b\U000e0041\ufe0f\r\n\ttail"
)
HOSTILE_BYTES = (
    b"\x1b]52",
    b"aGFja2Vk\x1b",
    b"\x1b[2J\xc2\x9b",
    b"\xc2\x9b",
    b"\x07tail",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa6",
)

TOP = TopBarModel(
    environment="prod-eu",
    pulse="pulse 482",
    waiting=1,
    mode="SUPERVISED",
    pace="step mode",
    live=Mark.OK,
    live_word="live",
    live_age="2s",
    clock="14:07Z",
)
STEPS = (
    StepView(1, "Inbox", Mark.DONE, "6 new, 1 urgent", "0.1s"),
    StepView(2, "Memories", Mark.DONE, "13 recalled", "0.2s"),
    StepView(3, "Projects", Mark.DONE, "2 active", "0.1s"),
    StepView(4, "Vision", Mark.DONE, "2 read", "0.1s"),
    StepView(5, "Queue", Mark.DONE, "next T-311, a P0", "0.1s"),
    StepView(6, "Health", Mark.DONE, "1 degraded", "1.8s"),
    StepView(7, "Work", Mark.HUMAN, "C spawn", "04:12"),
    StepView(8, "Validation"),
    StepView(9, "Isolation"),
    StepView(10, "Follow-ups"),
    StepView(11, "Report"),
)
TODAY = (Tally(Mark.DONE, "14 approved"), Tally(Mark.FAIL, "2 rejected"), Tally(Mark.HELD, "3 deferred"))
HINTS = (
    KeyHint("g", "gate", human=True),
    KeyHint("space", "step"),
    KeyHint("p", "pause"),
    KeyHint("1-4", "panel"),
    KeyHint("z", "zoom", rank=2),
    KeyHint("/", "filter"),
    KeyHint("e", "evidence", rank=2),
    KeyHint("^p", "commands"),
    KeyHint("?", "help"),
)

INBOX = PanelModel("Inbox", "1", (Count("6 new"),))
INBOX_COLUMNS = (Column("type", 8, ink="ink-2"), Column("what"), Column("age", 4, right=True, ink="ink-3"))
QUEUE = PanelModel(
    "Queue", "2", (Count("1", Mark.HUMAN), Count("1", Mark.RUN), Count("2", Mark.TODO), Count("1", Mark.HELD))
)
QUEUE_COLUMNS = (Column("task", 5, ink="ink-2"), Column("what"), Column("owner", 7, ink="ink-2"))
INFRA = PanelModel(
    "Infra", "3", (Count("1", Mark.FAIL), Count("1", Mark.WARN), Count("3", Mark.OK), Count("1", Mark.UNKNOWN))
)
INFRA_COLUMNS = (
    Column("source"),
    Column("last hour", 10),
    Column("p99", 6, right=True),
    Column("errors", 7, right=True, ink="ink-2"),
)
ISOLATION = PanelModel("Isolation", "4", (Count("1 leak", Mark.FAIL), Count("checked 38s ago", ink="ink-3")))

NOW = 1_795_000_000_000
MINUTE = 60_000


def inbox_rows() -> list[ListRow]:
    """The inbox of the pictures."""
    data = (
        (Mark.FAIL, "urgent", "checkout 5xx for acme", 6),
        (Mark.WARN, "help", "build stuck: pull limit", 14),
        (Mark.WARN, "handoff", "cache rollout, no undo", 41),
        (Mark.NOTE, "review", "PR 42 touches compose", 121),
        (Mark.NOTE, "info", "design notes filed", 185),
        (Mark.NOTE, "info", "nightly backup done", 301),
    )
    return [
        ListRow(f"M-{n}", 1, (Cell(kind), Cell(what), Cell(at=NOW - minutes * MINUTE)), mark)
        for n, (mark, kind, what, minutes) in enumerate(data)
    ]


def queue_rows() -> list[ListRow]:
    """The queue of the pictures."""
    return [
        ListRow("T-311", 1, (Cell("T-311"), Cell("Cap checkout pool size"), Cell("you", "human")), Mark.HUMAN),
        ListRow("T-309", 1, (Cell("T-309"), Cell("Pin base images"), Cell("run-41")), Mark.RUN),
        ListRow("T-312", 1, (Cell("T-312"), Cell("Rotate webhook secret"), Cell(mark=Mark.SKIP)), Mark.TODO),
        ListRow("T-305", 1, (Cell("T-305"), Cell("Alert on queue age"), Cell(mark=Mark.SKIP)), Mark.TODO),
        ListRow("T-298", 1, (Cell("T-298"), Cell("Drop unused index"), Cell(mark=Mark.SKIP)), Mark.HELD),
    ]


def _sparks(levels: str) -> tuple[float, ...]:
    return tuple(float(" ▁▂▃▄▅▆▇█".index(level)) for level in levels)


def infra_rows() -> list[ListRow]:
    """The infrastructure of the pictures."""
    return [
        ListRow(
            "gateway",
            1,
            (Cell("gateway"), Cell(sparks=_sparks("▃▃▄▃▄▃▄▅▄▄"), top=8.0), Cell("182ms"), Cell("0.02%")),
            Mark.OK,
        ),
        ListRow(
            "checkout",
            1,
            (
                Cell("checkout"),
                Cell(sparks=_sparks("▃▃▃▄▅▆▆▇██"), top=8.0, ink="crit"),
                Cell("1.94s", "crit"),
                Cell("2.10%", "crit"),
            ),
            Mark.FAIL,
        ),
        ListRow(
            "search",
            1,
            (
                Cell("search"),
                Cell(sparks=_sparks("▃▄▃▅▄▅▆▅▆▆"), top=8.0, ink="warn"),
                Cell("640ms", "warn"),
                Cell("0.31%", "warn"),
            ),
            Mark.WARN,
        ),
        ListRow(
            "CI", 1, (Cell("CI"), Cell(sparks=_sparks("▂▂▃▂▂▂▃▂▂▂"), top=8.0), Cell("green"), Cell("7m ago")), Mark.OK
        ),
        ListRow(
            "builds",
            1,
            (Cell("builds"), Cell(sparks=_sparks("▃▃▃▃▃▃▃▃▃▃"), top=8.0), Cell("pass"), Cell("7m ago")),
            Mark.OK,
        ),
        ListRow(
            "deploys",
            1,
            (Cell("deploys"), Cell(sparks=(None,) * 10), Cell(mark=Mark.SKIP), Cell("no data")),
            Mark.UNKNOWN,
        ),
    ]


_D, _W, _F, _U = Mark.DONE, Mark.WARN, Mark.FAIL, Mark.UNKNOWN
MATRIX = MatrixModel(
    ("sql", "db", "api", "job", "logs", "cfg"),
    (
        MatrixRow("acme", (_D, _D, _D, _D, _D, _D)),
        MatrixRow("borealis", (_D, _D, _D, _D, _W, _D)),
        MatrixRow("cobalt", (_D, _D, _F, _D, _D, _D), frozenset({2})),
        MatrixRow("delta", (_D, _D, _D, _U, _D, _U)),
        MatrixRow("ember", (_D, _D, _D, _D, _D, _D)),
    ),
)
DETAIL = DetailModel(
    key="T-311",
    title="Cap the checkout pool per tenant",
    fields=(
        Field("Why", "P0 incident, oldest, nobody else holds it"),
        Field("Asked", "urgent message", "from qa, 6m ago"),
        Field("Plan", "limit per tenant, verify, pull request"),
        Field("Undo", "revert the limit, 2 steps", "(documented)"),
        Field("Risk", "medium", "cobalt can be read by others", Mark.WARN),
    ),
    timeline=(
        Moment("14:01:10", "5xx over 1%", Mark.FAIL),
        Moment("14:01:26", "urgent from qa", Mark.NOTE),
        Moment("14:05:51", "prompt complete", Mark.DONE),
        Moment("14:06:02", "you approved the claim", Mark.HUMAN),
        Moment("14:06:44", "asks you to spawn", Mark.HUMAN),
    ),
    evidence=(
        EvidenceRow("e1", "5xx 2.10% on checkout for 11 min", "metrics", "20s"),
        EvidenceRow("e2", "urgent message: checkout 5xx for acme", "inbox", "6m"),
        EvidenceRow("e3", "memory: pool exhaustion, how it was fixed", "recall", "41d"),
    ),
    raw='{"id": "T-311",\n "title": "Cap the checkout pool per tenant"}',
    chart=Chart(
        "checkout 5xx ratio, last hour",
        tuple(_sparks("▁▁▁▁▁▁▁▂▂▁▁▁▁▁▂▂▁▁▁▁▂▂▂▂▂▁▁▂▂▂▂▂▂▁▁▁▂▂▂▂▄▄▂▂▂▂▂▄▄▄▄▆▆▄▄▄▆▆██"))
        + tuple(8.0 + value for value in _sparks("▁▁▂▂▂▄▄▄▄▆▆▄▄▄▆▆▆▆██▆▆██▇▇█")),
        now="2.10%",
        before="before the merge 0.02%",
        mark=Mark.FAIL,
    ),
)
TABS = (
    Tab("1", "Inbox", (Count("6"),)),
    Tab("2", "Queue", (Count("5"),)),
    Tab("3", "Infra", (Count("1", Mark.FAIL), Count("1", Mark.WARN))),
    Tab("4", "Isolation", (Count("1", Mark.FAIL), Count("1", Mark.WARN))),
)
DIGEST = "9f3c" + "0123456789abcdef" * 3 + "deadbeef17ab"
GATE = GateModel(
    title="Spawn executor for T-311",
    step="step 7C of 11",
    environment="prod-eu",
    risk=Mark.WARN,
    risk_word="MEDIUM RISK",
    digest=DIGEST,
    lines=(
        ("project", "shop            task  T-311"),
        ("workspace", "clone of multi-tenant at 9f2c41a"),
        ("branch", "infra/T-311-cap-checkout-pool"),
        ("program", "codex exec      model default"),
        ("prompt", "14 of 14 sections, 412 words, opens with p"),
        ("limits", "30 min, 20 MB output, no tokens inherited"),
        ("verify", "docker compose build; curl /health"),
    ),
    risks=(
        RiskRow("Blast radius", "1 service of 6; 5 tenants share it", Mark.OK),
        RiskRow("Rollback", "revert the compose limit, 2 steps, documented", Mark.OK),
        RiskRow("Isolation", "cobalt: foreign read open (T-312); not touched by this", Mark.WARN),
        RiskRow("Monitoring", "2 alerts cover checkout; error ratio per tenant", Mark.OK),
    ),
    evidence=DETAIL.evidence,
)
LONG_GATE = GateModel(
    title="Spawn executor for T-311",
    step="step 7C of 11",
    environment="prod-eu",
    risk=Mark.WARN,
    risk_word="MEDIUM RISK",
    digest="a" * 64,
    lines=(
        *GATE.lines,
        ("env", "PATH HOME LANG CI=1 STAS_RUN_ID"),
        ("sandbox", "none (bubblewrap not installed)"),
        ("result", ".stas/result.json"),
        ("tries", "1 of 3"),
        ("on Rule 4", "stop, message Finn"),
    ),
    risks=GATE.risks,
    evidence=GATE.evidence,
)
PROMPT = "\n".join(f"{n}. Section {n} of the prompt says exactly what to do and how to undo it." for n in range(1, 61))
PROMPT_GATE = GateModel(
    title="Spawn executor for T-311",
    environment="prod-eu",
    risk=Mark.WARN,
    risk_word="MEDIUM RISK",
    digest="b" * 64,
    lines=GATE.lines[:3],
    blocks=(GateBlock("execution prompt", PROMPT),),
    risks=GATE.risks,
    evidence=GATE.evidence,
)
STALE = PanelModel("Infra", "3", INFRA.counts, DataState.STALE, "prometheus does not answer", "7m")
