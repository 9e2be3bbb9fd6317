"""Blast radius, rollback, isolation and monitoring of a plan or a change (R47-R50).

Judged from paths, text and diff alone. A row says «ok» only with a reason; what is not known is `unknown`, which is
never green and never by itself a reason to ask for the object's name. That reason is evidence of a platform-wide,
an isolation-touching or an irreversible effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stas_tui.gates.risk_migrations import of_changes, of_plan
from stas_tui.texts import steps, template
from stas_tui.texts.kinds import HARMLESS, FileKind, kind_of, service_of
from stas_tui.texts.lines import count, listed, one_line
from stas_tui.texts.prompt_parts import names_monitoring
from stas_tui.texts.prompt_proofs import rollback
from stas_tui.texts.sections import FILLED, WARNING, parse
from storage.records import Changes, Evidence, Finding, Task

BLAST, ROLLBACK, ISOLATION, MONITORING = "blast", "rollback", "isolation", "monitoring"
OK, WARN, CRIT, UNKNOWN = "ok", "warn", "crit", "unknown"

_PLATFORM = frozenset(
    {FileKind.COMPOSE, FileKind.DEPLOY_WORKFLOW, FileKind.TERRAFORM, FileKind.ORCHESTRATION, FileKind.SECRET}
)
_BECAUSE = {BLAST: "platform-wide", ROLLBACK: "irreversible", ISOLATION: "touches tenant isolation"}
_DESTROYS = re.compile(
    r"\b(drop\s+(?:table|column|schema|database|index)|drop_(?:table|column)|truncate\s+(?:table\s+)?\w+"
    r"|delete\s+from\s+\w+\s*(?:;|$)|terraform\s+destroy|force_destroy\s*=\s*true|docker\s+volume\s+(?:rm|prune)"
    r"|docker[ -]compose\s+down\s+(?:-\w+\s+)*(?:-v|--volumes)|rm\s+-[a-z]*r[a-z]*\s+/?\S*(?:data|volume|var/lib)\S*"
    r"|kubectl\s+delete\s+(?:pvc?|namespace|ns)\b|(?:delete|wipe|purge|destroy)s?\s+(?:the\s+|all\s+)?(?:\w+\s+)?"
    r"(?:bucket|volume|backups?|database|table|data|rows)\b|cannot be undone|irreversible)",
    re.IGNORECASE | re.MULTILINE,
)
_TENANT_CODE = re.compile(
    r"\btenant(?:_id|_slug|id|s)?\b|\brow level security\b|\bapp\.tenant|\bset_config\(", re.IGNORECASE
)
_PLAN_ISOLATION = re.compile(
    r"\b(tenant (?:middleware|resolver|guard|filter|context|isolation code)|row[- ]level security polic\w+|rls polic\w+"
    r"|search_path|bypassrls|app\.tenant_id)\b",
    re.IGNORECASE,
)
_ALL_TENANTS = re.compile(
    r"\b100\s?%\s+of\s+(?:\w+\s+){0,2}tenants?\b|\b(?:all|across)\s+(?:\w+\s+){0,2}tenants\b|\bevery tenant at once\b"
    r"|\bplatform[- ]wide\b|\ball services\b",
    re.IGNORECASE,
)
_ISOLATION_CHECK = re.compile(r"^(?:R1(?:09|10|11|12)|[QPJGD]\d|C[78])\b|isolation|tenant", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRow:
    """One line of a risk assessment."""

    kind: str
    """`blast`, `rollback`, `isolation` or `monitoring`."""
    level: str
    """`ok`, `warn`, `crit` or `unknown`."""
    text: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The four rows, their word, and whether the object's name must be typed."""

    rows: tuple[RiskRow, ...]
    level: str
    """`low`, `medium`, `high` or `unknown`."""
    g2: bool
    g2_because: str
    """Why, as a clause; empty without `g2`."""

    def row(self, kind: str) -> RiskRow:
        """The row of a kind. Raises `KeyError`."""
        for row in self.rows:
            if row.kind == kind:
                return row
        raise KeyError(kind)


def assess_plan(
    task: Task,
    files: Sequence[str],
    prompt_text: str,
    *,
    tenants: Sequence[str] = (),
    services: Sequence[str] = (),
    alerts: Mapping[str, Sequence[str]] | None = None,
    findings: Sequence[Finding] = (),
) -> Risk:
    """The risk of a plan: the files it lists and the prompt's words.

    `alerts` are the alert names that cover each service; None if no alert source was asked. `findings` are verdicts of
    isolation checks.
    """
    document = parse(prompt_text)
    plan = "\n".join(document.body(name) for name in (template.CHANGE, template.MODIFY, template.VERIFY))
    words = plan or f"{task.title}\n{task.description}"
    sql = of_plan(words, task.id)
    destroyed = sql.destroyed + tuple(
        Evidence(kind="task", ref=task.id, text=f"the plan says “{one_line(match, 60)}”")
        for match in dict.fromkeys(steps.unnegated(_DESTROYS, sql.rest))
    )
    touched = tuple(
        Evidence(kind="task", ref=task.id, text=f"the plan says “{one_line(match, 60)}”")
        for match in dict.fromkeys(steps.unnegated(_PLAN_ISOLATION, words))
    )
    everyone = steps.unnegated(_ALL_TENANTS, document.body(template.CHANGE))
    return _risk(
        _blast(files, tenants, services, everyone[0] if everyone else ""),
        _rollback(prompt_text, files, destroyed),
        _isolation(files, touched, findings),
        _monitoring(files, prompt_text, services, alerts),
    )


def assess_changes(
    task: Task,
    changes: Changes,
    prompt_text: str = "",
    *,
    tenants: Sequence[str] = (),
    services: Sequence[str] = (),
    alerts: Mapping[str, Sequence[str]] | None = None,
    findings: Sequence[Finding] = (),
) -> Risk:
    """The risk of what was really changed: its files and its diff.

    `prompt_text` is the execution prompt, or the body of the pull request; its rollback and monitoring sections count.
    """
    files = [change.path for change in changes.files]
    migrations = of_changes(changes)
    destroyed, touched = _read_patch(changes, migrations.judged)
    return _risk(
        _blast(files, tenants, services, ""),
        _rollback(prompt_text, files, (*migrations.destroyed, *destroyed), migrations.one_way, cut=changes.patch_cut),
        _isolation(files, touched, findings, cut=changes.patch_cut),
        _monitoring(files, prompt_text, services, alerts),
    )


def _risk(*rows: RiskRow) -> Risk:
    levels = {row.level for row in rows}
    reasons = [
        f"{_BECAUSE[row.kind]}: {row.text}"
        for row in rows
        if row.level == CRIT and row.kind in _BECAUSE and row.evidence
    ]
    level = "high" if CRIT in levels else "medium" if WARN in levels else "unknown" if UNKNOWN in levels else "low"
    return Risk(rows=rows, level=level, g2=bool(reasons), g2_because="; ".join(reasons))


def _files(paths: Sequence[str], limit: int = 5) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind="file", ref=path, text=one_line(path, 120)) for path in paths[:limit])


# blast radius -------------------------------------------------------------------------------------


def _blast(files: Sequence[str], tenants: Sequence[str], services: Sequence[str], everyone: str) -> RiskRow:
    share = f"; {count(len(tenants), 'tenant')} share it" if tenants else "; tenants not known"
    if not files:
        if everyone:
            said = Evidence(kind="task", ref="prompt", text=f"the plan says “{one_line(everyone, 60)}”")
            text = f"platform: “{one_line(everyone, 60)}”{share}"
            return RiskRow(kind=BLAST, level=CRIT, text=text, evidence=(said,))
        return RiskRow(kind=BLAST, level=UNKNOWN, text="not known: no file is listed")
    platform = [path for path in files if kind_of(path) in _PLATFORM and service_of(path, services) is None]
    if platform or everyone:
        what = listed([one_line(path, 60) for path in platform]) if platform else f"“{one_line(everyone, 60)}”"
        proof = _files(platform) or (Evidence(kind="task", ref="prompt", text=f"the plan says {what}"),)
        of = f" of {count(len(services), 'service')}" if services else ""
        return RiskRow(kind=BLAST, level=CRIT, text=f"platform{of}: {what}{share}", evidence=proof)
    running = [path for path in files if kind_of(path) not in HARMLESS]
    if not running:
        text = f"no running service: {count(len(files), 'file')} of documentation, tests or monitoring"
        return RiskRow(kind=BLAST, level=OK, text=text, evidence=_files(files))
    owners = {path: service_of(path, services) for path in running}
    named = sorted({name for name in owners.values() if name})
    stray = [path for path, name in owners.items() if name is None]
    if len(named) > 1:
        text = f"{len(named)} services of {len(services)}: {listed(named)}{share}"
        return RiskRow(kind=BLAST, level=WARN, text=text, evidence=_files(running))
    pipeline = [path for path in stray if kind_of(path) is FileKind.WORKFLOW]
    if stray and len(pipeline) == len(stray) and not named:
        text = f"the pipeline of every service: {listed(pipeline)}; nothing that runs"
        return RiskRow(kind=BLAST, level=WARN, text=text, evidence=_files(pipeline))
    if stray:
        what = listed([one_line(path, 60) for path in stray])
        known = f"{named[0]} and " if named else ""
        return RiskRow(
            kind=BLAST,
            level=UNKNOWN,
            text=f"not known: {known}{what} belongs to no known service{share}",
            evidence=_files(stray),
        )
    text = f"1 service of {len(services)}: {named[0]}{share}"
    return RiskRow(kind=BLAST, level=OK, text=text, evidence=_files(running))


# rollback -----------------------------------------------------------------------------------------


def _rollback(
    text: str,
    files: Sequence[str],
    destroyed: tuple[Evidence, ...],
    one_way: tuple[Evidence, ...] = (),
    *,
    cut: bool = False,
) -> RiskRow:
    if destroyed:
        what = f"none that brings data back: {destroyed[0].text}"
        return RiskRow(kind=ROLLBACK, level=CRIT, text=what, evidence=(*destroyed, *one_way))
    if one_way:
        return RiskRow(kind=ROLLBACK, level=CRIT, text=f"none in the migration: {one_way[0].text}", evidence=one_way)
    migrations = [path for path in files if kind_of(path) is FileKind.MIGRATION]
    if files and all(kind_of(path) in HARMLESS for path in files):
        return RiskRow(
            kind=ROLLBACK, level=OK, text="revert the commit: nothing that runs is changed", evidence=_files(files)
        )
    plan = rollback(parse(text))
    if plan.state == FILLED:
        if migrations:
            what = f"{plan.reason}, documented; {count(len(migrations), 'migration')} not rehearsed"
            return RiskRow(kind=ROLLBACK, level=WARN, text=what, evidence=_files(migrations))
        if cut:
            return RiskRow(
                kind=ROLLBACK,
                level=UNKNOWN,
                text=f"{plan.reason}, documented; the diff was cut, not all of it was read",
            )
        return RiskRow(kind=ROLLBACK, level=OK, text=f"{plan.reason}, documented, not rehearsed")
    if plan.state == WARNING:
        return RiskRow(kind=ROLLBACK, level=WARN, text=plan.reason)
    if written := [
        step for step in steps.numbered(parse(text).lines("Risk Assessment") or ()) if steps.executable(step)
    ]:
        level = WARN if migrations else OK
        return RiskRow(kind=ROLLBACK, level=level, text=f"{count(len(written), 'step')}, documented, not rehearsed")
    if named := _named_rollback(text):
        return RiskRow(kind=ROLLBACK, level=WARN, text=f"said: “{named}”")
    return RiskRow(kind=ROLLBACK, level=WARN, text=f"none: {plan.reason}")


_ROLLBACK_LINE = re.compile(r"^[ \t>*+\-]*\*{0,2}roll-?back\*{0,2}\s*:\s*\*{0,2}(\S.*)$", re.IGNORECASE | re.MULTILINE)


def _named_rollback(text: str) -> str:
    match = _ROLLBACK_LINE.search(text)
    return one_line(match.group(1), 80) if match and not steps.is_empty(match.group(1)) else ""


# isolation ----------------------------------------------------------------------------------------


def _isolation(
    files: Sequence[str], touched: tuple[Evidence, ...], findings: Sequence[Finding], *, cut: bool = False
) -> RiskRow:
    flagged = [
        finding for finding in findings if finding.verdict == "flagged" and _ISOLATION_CHECK.search(finding.check)
    ]
    proof = tuple(
        Evidence(kind="event", ref=finding.id, text=one_line(f"{finding.check}: {finding.reason}", 120), at=finding.at)
        for finding in flagged
    )
    paths = [path for path in files if kind_of(path) is FileKind.ISOLATION]
    evidence = (*_files(paths), *touched, *proof)
    if evidence:
        return RiskRow(kind=ISOLATION, level=CRIT, text=f"yes: {evidence[0].text}", evidence=evidence)
    if not files:
        return RiskRow(kind=ISOLATION, level=UNKNOWN, text="not known: no file is listed")
    if cut:
        return RiskRow(kind=ISOLATION, level=UNKNOWN, text="not known: the diff was cut, not all of it was read")
    other = [path for path in files if kind_of(path) not in HARMLESS and kind_of(path) is not FileKind.WORKFLOW]
    if not other:
        text = f"no: {count(len(files), 'file')} of documentation, tests, monitoring or pipeline, no tenant code"
        return RiskRow(kind=ISOLATION, level=OK, text=text, evidence=_files(files))
    text = f"not verified: nothing found by name in {count(len(other), 'file')}; the checks of step 9 decide"
    return RiskRow(kind=ISOLATION, level=UNKNOWN, text=text)


def _read_patch(
    changes: Changes, judged: frozenset[tuple[str, int]]
) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Evidence of (destroyed data, touched tenant code) in the changed lines of a diff, by their words.

    Lines that are judged already, (path, line), are not searched for destruction.
    """
    destroyed: list[Evidence] = []
    touched: list[Evidence] = []
    path, line_no, in_downgrade = "", 0, False
    for line in changes.patch.split("\n"):
        if line.startswith("+++ "):
            path = line[4:].removeprefix("b/").split("\t")[0]
            in_downgrade = _way_back(path)
        elif line.startswith("@@"):
            match = re.search(r"\+(\d+)", line)
            line_no = int(match.group(1)) - 1 if match else 0
            in_downgrade = "def downgrade" in line or _way_back(path)
        elif line.startswith("--- "):
            continue
        elif line[:1] in ("+", "-", " "):
            line_no += line[0] != "-"
            in_downgrade = _in_downgrade(line[1:], in_downgrade)
            if line[0] == " " or kind_of(path) in HARMLESS:
                continue
            body = line[1:2_000]
            place = Evidence(
                kind="file", ref=f"{path}:{line_no}", text=one_line(f"{path}:{line_no} {line[0]} {body.strip()}", 120)
            )
            searched = line[0] == "+" and not in_downgrade and (path, line_no) not in judged
            if searched and not _comment(body) and _DESTROYS.search(body):
                destroyed.append(place)
            if line[0] == "-" and _TENANT_CODE.search(body) and not _comment(body):
                touched.append(place)
    return tuple(destroyed[:5]), tuple(touched[:5])


def _way_back(path: str) -> bool:
    """Whether a file holds nothing but the way back of a migration: dropping what the way up made is its purpose."""
    return path.endswith((".down.sql", "_down.sql", "/down.sql")) and kind_of(path) is FileKind.MIGRATION


def _in_downgrade(line: str, before: bool) -> bool:
    if line.startswith("def "):
        return line.startswith("def downgrade")
    if re.match(r"--\s*(\+goose\s+down|migrate:down|\+migrate\s+down)", line.strip(), re.IGNORECASE):
        return True
    return before


def _comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//", "--", "*", "/*"))


# monitoring ---------------------------------------------------------------------------------------


def _monitoring(
    files: Sequence[str], text: str, services: Sequence[str], alerts: Mapping[str, Sequence[str]] | None
) -> RiskRow:
    touched = sorted({name for path in files if (name := service_of(path, services))})
    if alerts is None:
        said = "; the text names some, nobody looked" if _says_monitoring(text) else ""
        return RiskRow(kind=MONITORING, level=UNKNOWN, text=f"not known: no alert source was asked{said}")
    if not touched:
        total = sum(len(names) for names in alerts.values())
        what = f"not known: no known service is named; {count(total, 'alert')} in all"
        return RiskRow(kind=MONITORING, level=UNKNOWN, text=what)
    blind = [name for name in touched if not alerts.get(name)]
    if blind:
        return RiskRow(kind=MONITORING, level=WARN, text=f"blind: no alert covers {listed(blind)}")
    covering = [alert for name in touched for alert in alerts[name]]
    proof = tuple(Evidence(kind="query", ref=alert, text=one_line(alert, 120)) for alert in covering[:5])
    verb = "covers" if len(covering) == 1 else "cover"
    return RiskRow(
        kind=MONITORING, level=OK, text=f"{count(len(covering), 'alert')} {verb} {listed(touched)}", evidence=proof
    )


def _says_monitoring(text: str) -> bool:
    document = parse(text)
    body = document.body(template.ACCEPTANCE) or document.body("Monitoring")
    return any(
        names_monitoring(re.sub(r"(?i)^monitoring/alerting covers the change", "", item))
        for item in steps.items(body.split("\n"))
        if "monitor" in item.lower() or "alert" in item.lower()
    )
