"""One rule for each part of the prompt template that proves something: checklists to anti-patterns (R63-R80)."""

from __future__ import annotations

import re

from stas_tui.texts import steps, template
from stas_tui.texts.commands import commands_of
from stas_tui.texts.kinds import FileKind, kind_of
from stas_tui.texts.lines import count, listed, one_line
from stas_tui.texts.prompt_parts import ALERT_NAME, Checked, names_monitoring, part_state, unwritten
from stas_tui.texts.sections import FILLED, MISSING, PLACEHOLDER, WARNING, Document, SectionState, quote_names

_HOW = re.compile(
    r"\b(rolling|blue.?green|canary|one (?:at a time|by one)|drain\w*|reload\w*|graceful\w*|start-first"
    r"|zero[- ]downtime"
    r"|no (?:service|container|process) (?:is )?(?:re)?start\w*|touches no (?:running )?service|surge"
    r"|two replicas|replicas?)\b",
    re.IGNORECASE,
)
_PROOF = re.compile(
    r"\b(prov(?:e|ed|en|es)|check(?:s|ed)?|test(?:s|ed)?|verif(?:y|ied|ies)|query|queries|probe[sd]?|assert\w*"
    r"|diff|review\w*|R1(?:09|10|11|12))\b",
    re.IGNORECASE,
)
_URL = re.compile(r"\bhttps?://\S+")
_BUILD = re.compile(r"\b(docker|podman|buildah|nerdctl)\b.*\bbuild\b|\bmake\b.*\b(image|build)", re.IGNORECASE)
_UP = re.compile(
    r"\b(?:docker[ -]compose|podman[ -]compose)\b.*\bup\b|\bkubectl\b.*\brollout status\b|\bsystemctl\b"
    r"|\bhelm\b.*\bupgrade\b",
    re.I,
)

# checklists ---------------------------------------------------------------------------------------


def _fixed(items: list[str], phrase: re.Pattern[str]) -> str | None:
    return next((item for item in items if phrase.search(item)), None)


_CHECKLIST = (
    ("tests", "R63", "All tests pass", re.compile(r"\btests? (?:pass|are green|green)", re.I)),
    ("reversible", "R64", "Database migrations are reversible", re.compile(r"\bmigrations?\b.*\brevers", re.I)),
    (
        "configured",
        "R65",
        "Secrets/config updated",
        re.compile(r"\b(secrets?|config\w*)\b.*\b(environments?|updated)\b", re.I),
    ),
    ("monitored", "R66", "Monitoring in place", re.compile(r"\bmonitor\w*\b", re.I)),
    ("documented", "R67", "Rollback plan documented", re.compile(r"\brollback\b", re.I)),
)


def checklist(document: Document, *, monitored: bool, rollback_written: bool) -> Checked:
    """R63-R67: all five points stand there. A ticked box proves nothing; only the forge and the plan do."""
    lines = document.lines(template.CHECKLIST)
    if (state := unwritten("checklist", None if lines is None else "\n".join(lines))) is not None:
        return Checked(state)
    items = steps.items(lines or ())
    checks: list[SectionState] = []
    for key, row, name, phrase in _CHECKLIST:
        if _fixed(items, phrase) is None:
            checks.append(SectionState(key, name, MISSING, f"The checklist lacks “{name}”.", row))
        elif key == "monitored" and not monitored:
            checks.append(SectionState(key, name, WARNING, "Blind: no alert, rule or dashboard is named.", row))
        elif key == "documented" and not rollback_written:
            checks.append(SectionState(key, name, MISSING, f"“{template.ROLLBACK}” is not written.", row))
        elif key == "tests":
            checks.append(
                SectionState(key, name, FILLED, "A tick counts for nothing: the checks of the head decide.", row)
            )
        else:
            checks.append(SectionState(key, name, FILLED, "", row))
    return Checked(_sum("checklist", checks, ignore=("documented",)), tuple(checks))


def acceptance(document: Document, *, rollback_written: bool) -> Checked:
    """R68-R72: a measurable outcome, then no downtime, isolation, monitoring, rollback, each with its how."""
    lines = document.lines(template.ACCEPTANCE)
    if (state := unwritten("acceptance", None if lines is None else "\n".join(lines))) is not None:
        return Checked(state)
    items = steps.items(lines or ())
    fixed = {
        name: next((item for item in items if item.lower().startswith(name.lower())), None)
        for name in template.ACCEPTANCE_ITEMS
    }
    own = [item for item in items if item not in fixed.values()]
    checks = [_outcome(own)]
    for (name, item), (key, row, judge) in zip(fixed.items(), _ACCEPTANCE, strict=True):
        if item is None:
            checks.append(SectionState(key, name, MISSING, f"The criteria lack “{name}”.", row))
            continue
        verdict, reason = judge(item[len(name) :].strip(" :—–-()"), rollback_written)
        checks.append(SectionState(key, name, verdict, reason, row))
    ignore = () if fixed[template.ACCEPTANCE_ITEMS[3]] is None else ("undo",)
    return Checked(_sum("acceptance", checks, ignore), tuple(checks))


def _outcome(own: list[str]) -> SectionState:
    measured = [item for item in own if steps.measurable(item)]
    name = "Measurable outcome"
    if measured:
        return SectionState("outcome", name, FILLED, one_line(measured[0], 100), "R68")
    given = f"“{one_line(own[0], 60)}” has no number." if own else "None is written."
    return SectionState("outcome", name, MISSING, f"No measurable outcome: {given}", "R68")


def _no_downtime(rest: str, _: bool) -> tuple[str, str]:
    if _HOW.search(rest):
        return FILLED, one_line(rest, 100)
    return WARNING, "Not said how: rolling, blue-green, reload, one at a time …"


def _preserved(rest: str, _: bool) -> tuple[str, str]:
    if _PROOF.search(rest):
        return FILLED, one_line(rest, 100)
    return MISSING, "Not said how it will be proved that isolation is preserved."


def _alerts(rest: str, _: bool) -> tuple[str, str]:
    if names_monitoring(rest):
        return FILLED, one_line(rest, 100)
    return MISSING, "No alert, rule or dashboard that covers the change is named."


def _undo(rest: str, rollback_written: bool) -> tuple[str, str]:
    if re.search(r"\btested\b.*\d|\brehearsed\b", rest, re.IGNORECASE):
        return FILLED, one_line(rest, 100)
    if rollback_written:
        return FILLED, f"documented under “{template.ROLLBACK}”"
    return MISSING, "Neither tested nor documented."


_ACCEPTANCE = (
    ("no_downtime", "R69", _no_downtime),
    ("preserved", "R70", _preserved),
    ("alerts", "R71", _alerts),
    ("undo", "R72", _undo),
)


def _sum(key: str, checks: list[SectionState], ignore: tuple[str, ...] = ()) -> SectionState:
    counted = [check for check in checks if check.key not in ignore]
    for state in (MISSING, PLACEHOLDER, WARNING):
        if bad := [check for check in counted if check.state == state]:
            more = f" ({len(bad) - 1} more)" if len(bad) > 1 else ""
            return part_state(key, state, f"{bad[0].reason}{more}")
    return part_state(key, FILLED, count(len(checks), "point"))


# verification, rollback, anti-patterns ------------------------------------------------------------


def verify(document: Document, paths: frozenset[str]) -> tuple[Checked, tuple[str, ...]]:
    """R73-R76: the runnable commands, and whether build, start, health and dashboards are among them."""
    lines = document.lines(template.VERIFY)
    listed_commands = tuple(commands_of(lines or ()))
    if (state := unwritten("verify", None if lines is None else "\n".join(lines))) is not None:
        return Checked(state), listed_commands
    items = steps.items(lines or ())
    has_container = any(kind_of(path) in (FileKind.CONTAINER, FileKind.COMPOSE) for path in _near(paths))
    dashboards = [item for item in items if re.search(r"\b(dashboards?|panels?|query|promtool|amtool)\b", item, re.I)]
    checks = [
        _verify_point("build", "R73", "Container build", any(_BUILD.search(c) for c in listed_commands), has_container),
        _verify_point("start", "R74", "Services start", any(_UP.search(c) for c in listed_commands), has_container),
        _verify_point("health", "R75", "Health endpoints", any(_URL.search(c) for c in listed_commands), True),
        SectionState(
            "dashboards",
            "Monitoring dashboards",
            FILLED if any(ALERT_NAME.search(item) or _URL.search(item) for item in dashboards) else WARNING,
            ""
            if any(ALERT_NAME.search(item) or _URL.search(item) for item in dashboards)
            else "No panel or query is named: a person has to look.",
            "R76",
        ),
    ]
    if not listed_commands:
        return Checked(part_state("verify", MISSING, "No command that can be run is listed."), tuple(checks)), ()
    warned = [check.heading.lower() for check in checks if check.state == WARNING]
    reason = count(len(listed_commands), "command") + (f"; not covered: {listed(warned)}" if warned else "")
    return Checked(part_state("verify", WARNING if warned else FILLED, reason), tuple(checks)), listed_commands


def _near(paths: frozenset[str]) -> list[str]:
    return [path for path in paths if path.count("/") < 3] if len(paths) < 5_000 else []


def _verify_point(key: str, row: str, name: str, there: bool, expected: bool) -> SectionState:
    if there:
        return SectionState(key, name, FILLED, "", row)
    if not expected:
        return SectionState(key, name, FILLED, "The repository has no container file.", row)
    return SectionState(key, name, WARNING, f"No command checks this: {name.lower()}.", row)


def rollback(document: Document) -> SectionState:
    """R77: numbered steps, each with a command or an actor; «revert» alone is no plan."""
    lines = document.lines(template.ROLLBACK)
    text = None if lines is None else "\n".join(lines).strip()
    if (state := unwritten("rollback", text)) is not None:
        return state
    written = steps.items(lines or ())
    good = [step for step in written if steps.executable(step)]
    if not good:
        if any(steps.only_revert(step) for step in written):
            return part_state(
                "rollback", WARNING, "“revert” alone: say what is reverted, by which command, and in what time."
            )
        return part_state("rollback", MISSING, f"“{one_line(written[0], 60)}” is no step that somebody can carry out.")
    if len(steps.numbered(lines or ())) == 0:
        return part_state("rollback", WARNING, f"{count(len(good), 'step')}, not numbered.")
    if not steps.has_time(text or ""):
        return part_state("rollback", WARNING, f"{count(len(good), 'step')}, without a time estimate.")
    return part_state("rollback", FILLED, count(len(good), "step"))


def anti(document: Document) -> SectionState:
    """R78-R82: the five lines stand there word for word, so that the executor reads them."""
    lines = document.lines(template.ANTI)
    if (state := unwritten("anti", None if lines is None else "\n".join(lines))) is not None:
        return state
    there = "\n".join(steps.items(lines or ())).lower()
    gone = [item[2:] for item in template.ANTI_ITEMS if item[2:].lower() not in there]
    if gone:
        return part_state("anti", MISSING, f"Left out: {quote_names(gone)}.")
    return part_state("anti", FILLED, "5 points")
