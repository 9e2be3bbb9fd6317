"""Judges an execution prompt against the routine's template while it is written (R53-R82)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stas_tui.texts import prompt_proofs as proofs
from stas_tui.texts import prompt_rules as rules
from stas_tui.texts import steps, template
from stas_tui.texts.kinds import HARMLESS, FileKind, kind_of
from stas_tui.texts.lines import hidden_counts, listed, one_line, secret_hits
from stas_tui.texts.migrations import IRREVERSIBLE, UNVERIFIED, down_step
from stas_tui.texts.prompt import silent, vision_says
from stas_tui.texts.prompt_files import expand, file_lines
from stas_tui.texts.prompt_parts import names_monitoring
from stas_tui.texts.sections import FILLED, MISSING, WARNING, Document, SectionState, parse, quote_names
from storage.records import Task, TaskClass, Vision

_STOPS = re.compile(
    r"\b(docker[ -]compose (?:down|stop|restart|rm)\b|docker (?:stop|kill|restart|rm)\b|systemctl (?:stop|restart)\b"
    r"|kubectl (?:delete|scale\b[^\n]{0,60}--replicas[= ]0)|(?:stop(?:s|ping)?|shut(?:s|ting)? down|take(?:s)? down"
    r"|restart(?:s|ing)?|kill(?:s|ing)?) (?:the |all |every )?(?:\w[\w\-]* )?(?:services?|containers?|servers?|database"
    r"|stack|api|app|application|workers?|platform)|maintenance (?:window|mode|page)|take (?:the )?\w+ offline)",
    re.IGNORECASE,
)
_NO_DOWNTIME = re.compile(r"\b(?:no|zero|without|never any)[- ]downtime\b|\balways available\b", re.IGNORECASE)
_COMPROMISE = re.compile(
    r"\b(disabl\w+ (?:the )?(?:row[- ]level security|rls|tenant (?:check|filter|isolation|guard)s?)"
    r"|disable row level security|no force row level security|(?<!no)bypassrls"
    r"|(?:bypass|skip|remove|drop|turn off)\w* (?:the )?tenant[- ](?:check|filter|isolation|guard|scope|predicate)\w*"
    r"|(?:share|mix|merge)\w* (?:the )?(?:data|rows|records) (?:across|between|of all) tenants)",
    re.IGNORECASE,
)
_MAIN = re.compile(
    r"\b(?:push|merge|target|rebase|branch|pull request|pr)\b[^.\n]{0,30}\b(?:to|onto|on|into|against|from"
    r"|at)\s+[`'\"“]?(?:origin/)?main\b(?![./\w\-])"
    r"|\btarget(?:s|ing)? [`'\"“]?main\b(?![./\w\-])",
    re.IGNORECASE,
)
_IRREVERSIBLE = re.compile(
    r"\b(irreversible|cannot be (?:undone|reversed|rolled back)|no (?:downgrade|down migration|way back))\b", re.I
)
_FORBIDDEN = re.compile(
    r"\b(?:no|never use|do not use|avoid|must not use)\s+(kubernetes|helm|terraform|swarm|redis|kafka|serverless"
    r"|lambda|nomad|ansible)\b",
    re.IGNORECASE,
)
_DEPLOYS = re.compile(
    r"\b(deploy\w*|roll-?out|releas\w*|migrat\w*|restart\w*|rotat\w*|scal(?:e|ing)|upgrade\w*|terraform|helm|kubectl"
    r"|docker|compose|provision\w*)\b",
    re.IGNORECASE,
)
_WRITES_TEXT = re.compile(r"\b(documentation|document|docs|readme|runbook|changelog|comment|typo)s?\b", re.IGNORECASE)
_CHANGING = (template.CHANGE, template.MODIFY, template.VERIFY)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """What a lint found in a prompt."""

    sections: tuple[SectionState, ...]
    """The fourteen parts of the template, in order."""
    checks: tuple[SectionState, ...]
    """The finer rows below checklist, acceptance, verification and anti-patterns."""
    filled: int
    total: int
    words: int
    locked: bool
    reasons: tuple[str, ...]
    """Why the gate is locked, one sentence each; empty if it is not."""
    denies: tuple[tuple[str, str], ...]
    """(row, sentence): what nobody overrides."""
    conflicts: tuple[str, ...]
    """Sentences where the plan contradicts the vision, itself or the branch policy (R27, R69); they do not lock."""
    files_to_read: tuple[tuple[str, bool], ...]
    """(path, exists at the base commit)"""
    files_to_change: tuple[tuple[str, str, bool], ...]
    """(path, what changes, exists at the base commit)"""
    manual_steps: tuple[str, ...]
    verification: tuple[str, ...]
    """The commands of the verification section, as written."""
    migrations: tuple[tuple[str, str, str], ...] = ()
    """(path, `reversible`, `irreversible` or `unverified`, why)"""

    def state(self, key: str) -> SectionState:
        """One section or check by its key. Raises `KeyError`."""
        for state in (*self.sections, *self.checks):
            if state.key == key:
                return state
        raise KeyError(key)


def lint_prompt(
    text: str,
    *,
    paths: frozenset[str],
    vision: Vision | None,
    vision_sha_used: str | None,
    deploy_like: bool,
    finn_said_yes: bool = False,
    read_file: Callable[[str], bytes | None] | None = None,
) -> PromptReport:
    """Judge a prompt; pure, and fast enough for every key press.

    `paths` are the files at the base commit, empty if unknown. `vision_sha_used` is the vision the prompt was
    written from. `finn_said_yes` is a recorded answer to a schema migration (D13). `read_file` reads a file at the
    base commit; without it no migration is judged.
    """
    document = parse(text)
    rollback = proofs.rollback(document)
    written = rollback.done
    read, to_read = rules.read(document, paths)
    modify, to_change = rules.modify(document, paths)
    monitored = names_monitoring(_acceptance_monitoring(document))
    checklist = proofs.checklist(document, monitored=monitored, rollback_written=written)
    acceptance = proofs.acceptance(document, rollback_written=written)
    verify, commands = proofs.verify(document, paths)
    sections = (
        rules.title(document),
        rules.context(document, vision, vision_sha_used),
        *rules.tenancy(document),
        rules.change(document, paths),
        read,
        modify,
        checklist.state,
        acceptance.state,
        verify.state,
        rollback,
        proofs.anti(document),
    )
    manual = _manual(document)
    migrations = _migrations([path for path, _, _ in to_change], paths, read_file)
    irreversible = "" if finn_said_yes else _irreversible(document, migrations)
    denies = _denies(text, document, rollback if deploy_like else None, irreversible)
    policies = _policies(document, rollback, manual, monitored, denies)
    reasons = [sentence for _, sentence in denies]
    reasons += [state.reason for state in sections if not state.done]
    reasons += _locks(text, document, migrations, finn_said_yes)
    return PromptReport(
        sections=sections,
        checks=(*checklist.checks, *acceptance.checks, *verify.checks, *policies),
        filled=sum(1 for state in sections if state.done),
        total=len(sections),
        words=len(text.split()),
        locked=bool(reasons),
        reasons=tuple(dict.fromkeys(reasons)),
        denies=denies,
        conflicts=_conflicts(document, vision),
        files_to_read=to_read,
        files_to_change=to_change,
        manual_steps=manual,
        verification=commands,
        migrations=migrations,
    )


def listed_files(text: str) -> tuple[str, ...]:
    """The paths under “Files To Create/Modify”; a changed file outside them is a surprise (R62, R87)."""
    return tuple(path for path, _ in file_lines(parse(text).lines(template.MODIFY) or ()))


def deploy_like(task: Task, text: str) -> bool:
    """True unless the listed files or the task's words show that nothing running is touched; doubt is True."""
    files = listed_files(text)
    if task.task_class is not TaskClass.INFRA:
        return True
    if files:
        return any(kind_of(path) not in HARMLESS for path in files)
    return _DEPLOYS.search(task.title) is not None or _WRITES_TEXT.search(task.title) is None


def _acceptance_monitoring(document: Document) -> str:
    lines = [*(document.lines(template.ACCEPTANCE) or ()), *(document.lines(template.CHECKLIST) or ())]
    named = ""
    for item in steps.items(lines):
        for phrase in (template.ACCEPTANCE_ITEMS[2], template.CHECKLIST_ITEMS[3]):
            if item.lower().startswith(phrase.lower()):
                named += item[len(phrase) :]
    return named


def _manual(document: Document) -> tuple[str, ...]:
    lines: list[str] = []
    for name, section in document.sections.items():
        if name != template.ANTI.lower():
            lines.extend(section)
    return steps.manual_steps(lines)


def _migrations(
    files: list[str], paths: frozenset[str], read_file: Callable[[str], bytes | None] | None
) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[str, str, str]] = []
    for path in files:
        if kind_of(path) is not FileKind.MIGRATION:
            continue
        content = read_file(path) if read_file is not None and expand(path, paths) else None
        if content is None:
            found.append((path, UNVERIFIED, "the file is not written yet"))
        else:
            found.append((path, *down_step(path, content)))
    return tuple(found)


def _irreversible(document: Document, migrations: tuple[tuple[str, str, str], ...]) -> str:
    """Why a listed migration cannot be undone; empty if nothing says so."""
    for path, state, why in migrations:
        if state == IRREVERSIBLE:
            return f"{one_line(path, 80)}: {why}"
    said = steps.unnegated(_IRREVERSIBLE, document.body(template.CHANGE)) if migrations else []
    return f"the prompt says “{one_line(said[0], 40)}”" if said else ""


def _denies(
    text: str, document: Document, rollback: SectionState | None, irreversible: str
) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if not text.strip():
        found.append(("R53", "The prompt is empty."))
    if rollback is not None and not rollback.done:
        found.append(("R77", f"Work that touches something running needs a rollback plan. {rollback.reason}"))
    if irreversible:
        found.append(("R64", f"The migration cannot be undone ({irreversible}) and Finn has not said yes."))
    if broken := steps.unnegated(_COMPROMISE, _plan(document)):
        found.append(("R81", f"The plan gives up tenant isolation: “{one_line(broken[0], 60)}”."))
    if hits := secret_hits(text, "prompt"):
        places = listed([f"{hit.place} ({hit.rule})" for hit in hits])
        found.append(("R82", f"The prompt holds what looks like a secret: {places}."))
    return tuple(found)


def _plan(document: Document) -> str:
    return "\n".join(document.body(heading) for heading in _CHANGING)


def _policies(
    document: Document,
    rollback: SectionState,
    manual: tuple[str, ...],
    monitored: bool,
    denies: tuple[tuple[str, str], ...],
) -> list[SectionState]:
    rows = {row for row, _ in denies}
    compromised = "R81" in rows
    return [
        SectionState(
            "rollback_policy",
            "No deployments without rollback plan",
            FILLED if rollback.done else MISSING,
            "" if rollback.done else rollback.reason,
            "R78",
        ),
        SectionState(
            "monitoring_policy",
            "No infrastructure changes without monitoring",
            FILLED if monitored else WARNING,
            "" if monitored else "Blind: no alert, rule or dashboard is named.",
            "R79",
        ),
        SectionState(
            "manual_policy",
            "No manual steps that should be automated",
            WARNING if manual else FILLED,
            f"By hand: “{one_line(manual[0], 80)}”." if manual else "",
            "R80",
        ),
        SectionState(
            "isolation_policy",
            "No multi-tenant isolation compromise",
            MISSING if compromised else FILLED,
            "The plan gives up isolation." if compromised else "None found in the text; the diff decides.",
            "R81",
        ),
        SectionState(
            "secret_policy",
            "No secrets in code or logs",
            MISSING if "R82" in rows else FILLED,
            "" if "R82" not in rows else "The prompt holds what looks like a secret.",
            "R82",
        ),
    ]


def _locks(
    text: str, document: Document, migrations: tuple[tuple[str, str, str], ...], finn_said_yes: bool
) -> list[str]:
    found: list[str] = []
    if repeated := document.repeated():
        found.append(f"{quote_names(one_line(name, 60) for name in repeated)} stands there twice; keep one.")
    if hidden := hidden_counts(text):
        kinds = listed([f"{number} {kind}" for kind, number in hidden.items()])
        found.append(f"The prompt holds characters that cannot be seen ({kinds}); take them out.")
    if migrations and not finn_said_yes:
        found.append(f"A schema migration needs Finn's recorded yes ({one_line(migrations[0][0], 80)}).")
    return found


def _conflicts(document: Document, vision: Vision | None) -> tuple[str, ...]:
    found: list[str] = []
    plan = _plan(document)
    stops = [one_line(stop, 60) for stop in steps.unnegated(_STOPS, plan)]
    promised = any(
        template.ACCEPTANCE_ITEMS[0].lower() in item.lower()
        for item in steps.items(document.lines(template.ACCEPTANCE) or ())
    )
    if stops and promised:
        found.append(f"The criteria promise no downtime, the plan says “{stops[0]}”.")
    if vision is not None:
        if stops and _NO_DOWNTIME.search(vision.text):
            found.append(f"The vision says no downtime, the plan says “{stops[0]}”.")
        level = rules.level_of(document)
        said = _vision_level(vision.text)
        if level and said and level != said:
            found.append(f"The vision says isolation by {said}, the prompt says {level}.")
        for name in dict.fromkeys(match.group(1).lower() for match in _FORBIDDEN.finditer(vision.text)):
            if steps.unnegated(re.compile(rf"\b{name}\b", re.IGNORECASE), plan):
                found.append(f"The vision says no {name}, the plan uses it.")
    if targets := steps.unnegated(_MAIN, plan):
        found.append(f"The plan says “{one_line(targets[0], 60)}”; all work targets the delivery branch.")
    return tuple(found)


def _vision_level(text: str) -> str:
    says = vision_says(text)["architecture"]
    if silent(says):
        return ""
    levels = {m.group(1).lower() for m in _VISION_LEVEL.finditer(says)}
    return {"row": "row-level"}.get(level := levels.pop(), level) if len(levels) == 1 else ""


_VISION_LEVEL = re.compile(
    r"\b(database|schema|row)(?:[- ]level|[- ]per[- ]tenant| isolation| per tenant)\b", re.IGNORECASE
)

__all__ = ["PromptReport", "SectionState", "deploy_like", "lint_prompt", "listed_files"]
