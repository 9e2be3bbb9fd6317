"""C3 from what rehearsals came to."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.isolation.base import LIVE_MS
from stas_tui.review.base import Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead, said
from stas_tui.review.rehearsal.rehearse import Rehearsal, Trial
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict

MOST_EXECUTED = 200
MOST_LEADS = 200


def c3(change: Change, found: Found, done: list[tuple[Pair, Rehearsal]]) -> CheckResult:
    """One result over all chains."""
    trials = [trial for _, rehearsal in done for trial in rehearsal.trials]
    leads = [one for trial in trials for one in _leads(trial)]
    problems = [f"{pair.chain.label}: {r.problem}" for pair, r in done if r.problem]
    problems += [f"{path}: {why}" for path, why in found.strange]
    seconds = sum(trial.seconds for trial in trials)
    counts: dict[str, object] = {
        "revisions": len(trials),
        "sound": sum(trial.sound for trial in trials),
        "one way": sum(bool(trial.one_way) for trial in trials),
        "made before": sum(rehearsal.base_revisions for _, rehearsal in done),
        "seconds for before": round(sum(rehearsal.base_s for _, rehearsal in done), 1),
        "seconds a revision": round(seconds / len(trials), 2) if trials else 0,
    }
    verdict, reason = _judged(change, trials, leads, problems, seconds, done)
    made = result(change, "C3", verdict, reason, leads=tuple(leads[:MOST_LEADS]), counts=counts, live=bool(trials))
    return replace(
        made,
        target="; ".join(dict.fromkeys(r.what for _, r in done if r.what)) or made.target,
        tool="; ".join(dict.fromkeys(r.tool for _, r in done if r.tool)),
        control=_control(trials, done),
        executed=tuple(text for trial in trials for text in trial.executed)[:MOST_EXECUTED],
        expires_at=change.clock.now() + LIVE_MS if trials else None,
    )


def _control(trials: list[Trial], done: list[tuple[Pair, Rehearsal]]) -> str:
    walls = "; ".join(dict.fromkeys(r.walls for _, r in done if r.walls))
    seen = sum(trial.changed for trial in trials)
    return f"the comparison saw {count(seen, 'difference')} made by the ways up; {walls}" if trials else walls


def _judged(
    change: Change,
    trials: list[Trial],
    leads: list[Lead],
    problems: list[str],
    seconds: float,
    done: list[tuple[Pair, Rehearsal]],
) -> tuple[Verdict, str]:
    accused = [one for one in leads if one.accuses]
    if accused:
        more = f", and {count(len(accused) - 1, 'more finding')}" if len(accused) > 1 else ""
        return Verdict.FLAGGED, f"{accused[0].text}{more}"
    if problems:
        return Verdict.UNKNOWN, said(problems[0], 500)
    if not trials:
        return Verdict.UNKNOWN, "no migration was added; there is nothing to rehearse"
    blank = [trial for trial in trials if not trial.changed and trial.revision.up.ops]
    if blank:
        what = f"{said(blank[0].revision.id, 60)} changes no schema, and an empty database says nothing about its rows"
        return Verdict.UNKNOWN, what
    if change.cut:
        return Verdict.UNKNOWN, f"what was read came back, but {change.cut}"
    if change.rehearsal is not None and change.rehearsal.dump:
        where = "the given schema"
    else:
        where = "the schema that the chain makes"
    took = f"{seconds / len(trials):.1f} s a revision"
    what = "; ".join(dict.fromkeys(r.what for _, r in done if r.what))
    return (
        Verdict.VERIFIED,
        f"{count(len(trials), 'revision')} up, down and up again on {where}, {what}: all came back ({took})",
    )


def _leads(trial: Trial) -> list[Lead]:
    revision = trial.revision
    found = list(trial.one_way)
    for rule, text, line in trial.findings:
        up = rule in ("upgrade-fails", "second-upgrade-fails")
        path = revision.path if up else revision.place
        way = revision.up if up else revision.down
        found.append(
            lead(
                rule,
                revision,
                text,
                path=path,
                line=line or way.line,
                anchor=f"{revision.id} {rule} {text}",
                severity="crit",
            )
        )
    for text in trial.notes:
        anchor = f"{revision.id} stays {text}"
        found.append(
            lead("extension-stays", revision, text, path=revision.place, line=revision.down.line, anchor=anchor,
                 accuses=False, severity="note")
        )  # fmt: skip
    if trial.means:
        found.append(lead("not-rehearsed", revision, trial.means, accuses=False))
    return found
