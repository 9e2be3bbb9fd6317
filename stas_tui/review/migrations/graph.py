"""C1: one head, parents that exist, and no old migration altered; from the syntax trees of both sides."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.review.base import BY_READING, Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead, said
from stas_tui.review.migrations.model import Chain, Revision, in_order
from stas_tui.texts.lines import count, listed
from storage.check_records import CheckResult, Lead, Verdict


def check(change: Change, found: Found) -> CheckResult:
    """The result of C1 over all chains that the change touches."""
    leads = [one for pair in found.pairs for one in faults(pair)]
    counts = {
        "chains": len(found.pairs),
        "revisions": sum(len(pair.head.revisions) for pair in found.pairs if pair.head),
        "introduced": sum(len(pair.introduced) for pair in found.pairs),
    }
    if any(one.accuses for one in leads):
        first = next(one for one in leads if one.accuses)
        return result(change, "C1", Verdict.FLAGGED, first.text, leads=tuple(leads), counts=counts)
    strange = _strange(found)
    heads = "; ".join(
        f"{pair.chain.label}: head {listed([said(h, 40) for h in pair.chain.heads])}" for pair in found.pairs
    )
    reason = f"no lead: one head and every parent exists ({heads}){BY_READING}"
    return result(change, "C1", Verdict.UNKNOWN, reason, leads=(*leads, *strange), counts=counts)


def not_read(change: Change, check_id: str, found: Found) -> CheckResult:
    """What a check says where all changed migrations are of a kind that is not read."""
    strange = _strange(found)
    reason = f"{count(len(strange), 'migration')} not read: {strange[0].text}"
    return result(change, check_id, Verdict.UNKNOWN, reason, leads=strange, counts={"not read": len(strange)})


def _strange(found: Found) -> tuple[Lead, ...]:
    return tuple(Lead(rule="not-read", path=path, text=text, accuses=False) for path, text in found.strange)


def faults(pair: Pair) -> Iterator[Lead]:
    """What is wrong with the graph of one chain."""
    if pair.head is None:
        for revision in pair.deleted[:1]:
            text = f"the change deletes all {count(len(pair.deleted), 'migration')} of {pair.chain.label}"
            yield lead("deleted-revision", revision, text, severity="crit")
        return
    yield from _files(pair, pair.head)
    yield from _unread(pair.head)
    yield from _parents(pair.head)
    yield from _heads(pair, pair.head)
    for old, new in pair.edited:
        moved = "; what it follows changed too" if old.parents != new.parents else ""
        text = f"a migration from before is altered: databases that ran it keep what it did then{moved}"
        yield lead("edited-revision", new, text, anchor=f"edited {new.id}", severity="crit")
    for revision in pair.deleted:
        text = "a migration from before is gone: databases that ran it name a revision that nobody knows"
        yield lead("deleted-revision", revision, text, anchor=f"deleted {revision.id}", severity="crit")
    if pair.head.framework != "alembic":
        yield from _late(pair)


def _files(pair: Pair, chain: Chain) -> Iterator[Lead]:
    old = pair.base.duplicates if pair.base else ()
    for id_, kept, other in chain.duplicates:
        text = f"two migrations have the id {said(id_, 60)}: {said(kept, 120)} and {said(other, 120)}"
        revision = chain.revisions[id_]
        yield lead(
            "same-id", revision, text, path=other, line=1, anchor=f"same {id_}", severity="crit",
            accuses=(id_, kept, other) not in old,
        )  # fmt: skip
    known = set(pair.base.oddities if pair.base else ())
    for path, why in chain.oddities:
        if (path, why) not in known:
            yield Lead(rule="odd-file", path=path, text=said(f"{path.rpartition('/')[2]}: {why}"))


def _unread(chain: Chain) -> Iterator[Lead]:
    for revision in chain.revisions.values():
        if revision.problem:
            yield lead("not-readable", revision, revision.problem, accuses=False)


def _parents(chain: Chain) -> Iterator[Lead]:
    ids = chain.revisions
    for revision in ids.values():
        for parent in (*revision.parents, *revision.depends):
            if parent not in ids and not _abbreviated(parent, chain):
                text = f"it follows {said(parent, 60)}, and no file has that id"
                yield lead("missing-parent", revision, text, anchor=f"parent {revision.id} {parent}", severity="crit")
    done: set[str] = set()
    for revision in in_order(ids):
        parents = [p for p in (*revision.parents, *revision.depends) if p in ids]
        if all(parent in done for parent in parents):
            done.add(revision.id)
        else:
            yield lead("circle", revision, "it follows itself by way of others", severity="crit")


def _abbreviated(parent: str, chain: Chain) -> bool:
    """Alembic takes the beginning of an id, and labels of branches for what a revision depends on."""
    return len(parent) >= 4 and any(id_.startswith(parent) for id_ in chain.revisions)


def _heads(pair: Pair, chain: Chain) -> Iterator[Lead]:
    heads = chain.heads
    if len(heads) < 2:
        return
    before = pair.base.heads if pair.base else ()
    names = listed([said(head, 40) for head in heads], 5)
    grew = len(heads) > max(len(before), 1)
    new: list[Revision] = [chain.revisions[head] for head in heads if head not in before]
    for revision in new or [chain.revisions[heads[0]]]:
        text = f"there are {len(heads)} heads ({names}): `upgrade head` refuses until they are merged"
        yield lead("several-heads", revision, text, anchor=f"heads {revision.id}", accuses=grew, severity="crit")


def _late(pair: Pair) -> Iterator[Lead]:
    """A new number below the newest old one: databases that are past it may never run it."""
    if pair.base is None or pair.head is None or not pair.base.revisions:
        return
    numbers = {id_: at for at, id_ in enumerate(pair.head.revisions)}
    newest = max((numbers[id_] for id_ in pair.base.revisions if id_ in numbers), default=-1)
    for revision in pair.introduced:
        if numbers[revision.id] < newest:
            text = "its number is below one that is already applied: runners skip it or refuse"
            yield lead("late-number", revision, text, anchor=f"late {revision.id}")
