"""Everything that reading says about a tree: leads of every check with counts, kept for as long as nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.code.judge import ALONE, NATURAL, NOWHERE, OPTIONAL, UNUSED, QueryJudge
from stas_tui.isolation.code.judge_routes import BARE, CLIENT, judge_routes
from stas_tui.isolation.code.judge_shared import JOB, KEY, judge_jobs, judge_keys
from stas_tui.isolation.code.known import Known
from stas_tui.isolation.code.scanner import Scanned, scan, without_collecting
from stas_tui.isolation.code.words import Words
from stas_tui.isolation.tree import Tree, state_of
from storage.check_records import Lead

if TYPE_CHECKING:
    from storage.scans import Scans

CHECK_OF = {
    OPTIONAL: "Q1", UNUSED: "Q2", NOWHERE: "Q2", ALONE: "Q2", NATURAL: "Q3",
    CLIENT: "Q5", BARE: "Q6", KEY: "Q7", JOB: "Q8",
}  # fmt: skip
"""Rule of a lead, to the check that it belongs to."""
MOST_UNREAD = 20
FORM = 2
"""Form in which what was said of a tree is kept."""

Facts = dict[str, Any]
Step = Callable[[str], None]


@dataclass(slots=True)
class Read:
    """What was said of a tree."""

    leads: list[Lead] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By check."""
    notes: dict[str, str] = field(default_factory=dict)
    """What else must be said, by check, as a clause."""
    files: int = 0
    blobs: int = 0
    parsed: int = 0
    """Contents that were read now; 0 if nothing had changed."""
    unread: dict[str, str] = field(default_factory=dict)
    """The first files that could not be read, and why."""
    unread_total: int = 0
    digest: str = ""
    naturals: dict[str, list[str]] = field(default_factory=dict)
    """Fingerprint of a lead of Q3, to its table or model and the column that it looks up by."""
    bare: list[Lead] = field(default_factory=list)
    """Every route that looks bare, also where these are too many to be leads."""

    def of(self, check: str) -> list[Lead]:
        """Leads of one check; notes that accuse nobody and ask nothing are left out."""
        return [lead for lead in self.leads if CHECK_OF[lead.rule] == check and lead.severity != "note"]


def read_tree(
    tree: Tree, words: Words, scans: Scans | None = None, *, step: Step = lambda _: None, children: int | None = None
) -> Read:
    """Read and judge a tree. What was said of the same state before is said again without a look at any file.

    Raises `ForgeError`, `StoreError`, and whatever `step` raises when a person ended the run.
    """
    rules, state = f"judged {FORM} {words.judged}", state_of(tree)
    if scans is not None and state and (known := scans.known(rules, [state]).get(state)):
        return _unpacked(known)
    scanned = scan(tree, words, scans, step=step, children=children)
    step("what the files say together")
    with without_collecting():
        read = judged(scanned, words)
    if scans is not None:
        scans.keep_all({**scanned.fresh, **({rules: {state: _packed(read)}} if state else {})})
    return read


def judged(scanned: Scanned, words: Words) -> Read:
    """What the facts of all files mean together."""
    known = Known(scanned.files, words)
    read = Read(
        files=scanned.total, blobs=scanned.blobs, parsed=scanned.parsed, digest=scanned.digest,
        unread=dict(sorted(scanned.unread.items())[:MOST_UNREAD]), unread_total=len(scanned.unread),
    )  # fmt: skip
    queries = QueryJudge(known, accuse=words.declared)
    read.leads += queries.leads()
    read.naturals = queries.naturals
    routes, keys, jobs = judge_routes(known), judge_keys(known), judge_jobs(known)
    read.bare = routes.bare
    if routes.too_many:
        read.notes["Q6"] = (
            f"{len(routes.bare)} of {routes.judged} routes look bare, more than a third:"
            " how this project asks who calls is not understood; P1 asks the running API"
        )
    else:
        read.leads += routes.bare
        if routes.middleware and routes.bare:
            read.notes["Q6"] = f"{routes.middleware} looks at the caller too and may guard what looks bare"
    if routes.too_many_sent:
        read.notes["Q5"] = (
            f"{len(routes.client)} of {routes.judged} routes seem to take the tenant from the client, more than a"
            " third: how this project fills it in is not understood; P4 asks the running API"
        )
    else:
        read.leads += routes.client
    read.leads += [*keys.leads, *jobs.leads]
    counted = queries.counted
    statements = {
        "statements": counted.statements, "bound": counted.bound, "staff": counted.staff, "unseen": counted.unseen,
        "unparsed": counted.unparsed, "otherwise_restricted": sum(counted.cured.values()),
        "no_tenant_at_hand": sum(lead.rule in (NOWHERE, ALONE) for lead in read.leads),
    }  # fmt: skip
    read.counts = {
        **dict.fromkeys(("Q1", "Q2", "Q3"), statements),
        "Q5": {"routes": routes.total},
        "Q6": {"routes": routes.total, "judged": routes.judged, "bare": len(routes.bare)},
        "Q7": {"keys": keys.keys},
        "Q8": {"jobs": jobs.jobs, "enqueued": jobs.enqueued},
    }
    return read


_FIELDS = tuple(field.name for field in fields(Lead))
_OF_LEADS = ("leads", "bare")
_OF_READ = tuple(field.name for field in fields(Read) if field.name not in _OF_LEADS)


def _packed(read: Read) -> Facts:
    packed: Facts = {name: getattr(read, name) for name in _OF_READ}
    for name in _OF_LEADS:
        packed[name] = [[getattr(lead, key) for key in _FIELDS] for lead in getattr(read, name)]
    return packed


def _unpacked(kept: Facts) -> Read:
    leads = {name: [Lead(**dict(zip(_FIELDS, lead, strict=True))) for lead in kept[name]] for name in _OF_LEADS}
    return Read(**{**kept, **leads, "parsed": 0})
