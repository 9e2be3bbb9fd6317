"""What checks and deployments of a commit amount to, in the words of the summary (R105, R106, R135-R137, D15).

Pure functions over observed nouns. They say nothing about the freshness of the source that reported them: whoever
asks looks at its state first, and a source that did not answer well is Unknown before these are called.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stas_tui.texts.lines import count, listed, one_line
from storage.clock import MINUTE, age
from storage.records import Evidence
from storage.watch_records import Check, Deploy

GREEN, YELLOW, RED = "Green", "Yellow", "Red"
PASSING, FAILING = "Passing", "Failing"
UNKNOWN = "Unknown"

MISSING_MS = 30 * MINUTE
"""A required check that did not report for longer than this is no longer merely pending (R105)."""

_NAME = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word, one clause why, and what it was read from."""

    word: str
    reason: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it was measured; an unknown is never good news."""
        return self.word != UNKNOWN


def pipeline_verdict(checks: Sequence[Check], *, head: str, required: Sequence[str], now: int) -> Verdict:
    """R135 for the commit `head` and no other. `required` names checks that must report; `now` is UTC ms.

    Red: any check failed. Yellow: flaky, pending, or a required one missing or skipped. Green: something
    succeeded, and everything required did. Unknown: nothing ran, or nothing has reported yet within 30 minutes.
    """
    if not head:
        return Verdict(UNKNOWN, "the head of the base branch is not known")
    here = _with_missing(_of(checks, head), required, head)
    if not here:
        return Verdict(UNKNOWN, _nothing(checks, head))
    proof = _proof(here)
    if failed := _named(here, "failure"):
        return Verdict(RED, f"failed: {failed}", proof)
    if all(check.state == "missing" for check in here):
        waited = max((now - check.since for check in here if check.since), default=0)
        word = YELLOW if waited > MISSING_MS else UNKNOWN
        return Verdict(word, f"nothing has reported for {head[:8]}: {_waiting(here, now)}", proof)
    required_here = {check.name for check in here if check.required} | set(required)
    if reasons := _open(here, required_here, now):
        return Verdict(YELLOW, "; ".join(reasons), proof)
    passed = [check for check in here if check.state == "success"]
    if not passed:
        return Verdict(UNKNOWN, f"no check ran for {head[:8]}: all were skipped or neutral", proof)
    idle = sum(check.state == "neutral" for check in here)
    skipped = f", {idle} did not run" if idle else ""
    return Verdict(GREEN, f"{count(len(passed), 'check')} succeeded for {head[:8]}{skipped}", proof)


def builds_verdict(checks: Sequence[Check], *, head: str, names: Sequence[str], now: int) -> Verdict:
    """R136 for the commit `head`: Passing only if each named build succeeded; an open or flaky one is Unknown.

    Builds are the checks of `names` and those that are marked as builds. `now` is UTC ms.
    """
    if not head:
        return Verdict(UNKNOWN, "the head of the base branch is not known")
    chosen = [check for check in checks if check.build or check.name in names]
    here = _with_missing(_of(chosen, head), names, head)
    if not here:
        older = {check.sha for check in chosen}
        return Verdict(UNKNOWN, _nothing(chosen, head) if older else "no build job")
    proof = _proof(here)
    if failed := _named(here, "failure"):
        return Verdict(FAILING, f"failed: {failed}", proof)
    if reasons := _open(here, {check.name for check in here}, now):
        return Verdict(UNKNOWN, "; ".join(reasons), proof)
    return Verdict(PASSING, f"{count(len(here), 'build')} succeeded for {head[:8]}", proof)


def deploys_line(deploys: Sequence[Deploy] | None, *, since: int, now: int) -> Verdict:
    """R137: how many deployments there were from `since` to `now` (UTC ms) and what became of them.

    The word is their number, or Unknown for None (nobody could be asked). Merges count as deployments only in
    projects that record none.
    """
    if deploys is None:
        return Verdict(UNKNOWN, "deployments could not be read")
    recent = [deploy for deploy in deploys if deploy.at >= since]
    deployed = {deploy.sha for deploy in recent if deploy.state != "merged"}
    recording = {deploy.project_id for deploy in recent if deploy.state != "merged"}
    landed = [deploy for deploy in recent if deploy.state == "merged" and deploy.sha not in deployed]
    waiting = [deploy for deploy in landed if deploy.project_id in recording]
    counted = [deploy for deploy in recent if deploy.state != "merged"]
    counted += [deploy for deploy in landed if deploy.project_id not in recording]
    counted.sort(key=lambda deploy: (-deploy.at, deploy.key))
    parts = []
    for states, word in _OUTCOMES:
        some = [deploy for deploy in counted if deploy.state in states]
        if some and word in ("failed", "no outcome"):
            parts.append(f"{len(some)} {word} ({listed([_target(deploy) for deploy in some])})")
        elif some:
            parts.append(f"{len(some)} {word}")
    told = {state for states, _ in _OUTCOMES for state in states}
    if odd := [deploy for deploy in counted if deploy.state not in told]:
        parts.append(f"{len(odd)} {listed(sorted({one_line(deploy.state, 20) for deploy in odd}))}")
    if waiting:
        parts.append(f"{len(waiting)} merged and not deployed")
    proof = tuple(
        Evidence(kind="commit", ref=deploy.sha, text=one_line(f"{deploy.state}: {deploy.what}"), at=min(deploy.at, now))
        for deploy in counted
    )
    return Verdict(str(len(counted)), "; ".join(parts) or "none", proof)


_OUTCOMES = (
    (("failure", "error"), "failed"),
    (("in_progress", "pending", "queued", "waiting"), "not finished"),
    (("success", "inactive"), "succeeded"),
    (("merged",), "merged"),
    (("",), "no outcome"),
)


def _target(deploy: Deploy) -> str:
    return one_line(f"{deploy.environment or 'no environment'} {deploy.sha[:8]}", _NAME)


def _of(checks: Sequence[Check], head: str) -> list[Check]:
    """The checks of one commit, each once even if two sources tell of it."""
    return list({check.key: check for check in checks if check.sha == head}.values())


def _with_missing(here: list[Check], required: Sequence[str], head: str) -> list[Check]:
    """The checks, with the required ones that nobody mentions as missing since an unknown time."""
    if not here:
        return here
    names = {check.name for check in here}
    lacking = [name for name in dict.fromkeys(required) if name not in names]
    project = here[0].project_id
    return here + [
        Check(key=f"{project}/{head}/{name}", project_id=project, sha=head, name=name, state="missing", required=True)
        for name in lacking
    ]


def _open(here: Sequence[Check], required: Collection[str], now: int) -> list[str]:
    """Why this is not all good, worst first."""
    reasons = []
    if flaky := _named(here, "flaky"):
        reasons.append(f"failed and passed at the same commit: {flaky}")
    late = [check for check in here if check.state == "missing" and (not check.since or now - check.since > MISSING_MS)]
    if late:
        reasons.append(f"never reported: {_waiting(late, now)}")
    waiting = [check for check in here if check not in late and check.state not in ("success", "neutral", "flaky")]
    if waiting:
        reasons.append(f"pending: {_waiting(waiting, now)}")
    idle = [check for check in here if check.state == "neutral" and check.name in required]
    if idle:
        words = [f"{_short(check)} ({one_line(check.conclusion, 20) or 'neutral'})" for check in idle]
        reasons.append(f"required but did not run: {listed(words)}")
    return reasons


def _nothing(checks: Sequence[Check], head: str) -> str:
    older = next(iter(sorted({check.sha for check in checks})), "")
    if older:
        return f"no check reported for {head[:8]}; those of {older[:8]} do not count"
    return f"no checks for {head[:8]}"


def _waiting(checks: Sequence[Check], now: int) -> str:
    words = []
    for check in sorted(checks, key=lambda check: (check.since or now, check.name)):
        words.append(f"{_short(check)} ({age(now - check.since)})" if check.since else f"{_short(check)} (age unknown)")
    return listed(words)


def _named(checks: Sequence[Check], state: str) -> str:
    some = [(_short(check), _own_word(check)) for check in checks if check.state == state]
    return listed(sorted(f"{name} ({word})" if word else name for name, word in some))


def _own_word(check: Check) -> str:
    """The forge's word where it says more than the state."""
    return "" if check.conclusion == check.state else one_line(check.conclusion, 40)


def _short(check: Check) -> str:
    return one_line(check.name, _NAME)


def _proof(checks: Sequence[Check]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            kind="check",
            ref=check.url or check.key,
            text=f"{_short(check)}: {check.state}" + (f" ({word})" if (word := _own_word(check)) else ""),
            at=check.since or None,
        )
        for check in sorted(checks, key=lambda check: (check.state == "success", check.name))
    )
