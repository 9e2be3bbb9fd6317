"""D5: what each policy of a tenant table lets through."""

from __future__ import annotations

from collections.abc import Iterable

from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.expression import CAST_EMPTY, DEFAULT, NOBODY, Binds, Judged, Rule, judge
from stas_tui.isolation.database.model import Policy
from stas_tui.isolation.database.tables import Held
from storage.check_records import CheckResult

_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_DECIDES = {"using": "rwd", "check": "aw", "both": "rawd"}
"""Commands for which a clause decides."""
_CAUGHT = (Binds.TENANT, Binds.NOTHING)
_WHAT = {
    Binds.ALL: ("always-true", "lets every row through"),
    Binds.EMPTY: ("opens-without-tenant", "lets every row through when no tenant is set"),
    Binds.WRONG: ("wrong-column", "compares the tenant with a column that does not name it"),
    Binds.DATA: ("no-tenant", "lets rows of every tenant through: nothing in it asks for the tenant"),
    Binds.SHARED: ("shared-by-column", "also lets rows through by another column, whoever's they are; is that meant?"),
    Binds.OTHER: ("other-restriction", "restricts by something other than the tenant; is that enough?"),
    Binds.OPAQUE: (
        "not-understood",
        "uses a form or function that was not understood; does it restrict to the tenant?",
    ),
}
_REMARKS = {
    CAST_EMPTY: "casts the setting without nullif: it fails on an empty setting, as after a rolled-back SET LOCAL",
    DEFAULT: "falls back to a fixed tenant when none is set",
    NOBODY: "shows rows without a tenant to everybody",
}


def shape(case: Case) -> CheckResult:
    """Every policy that is for the application's role, on every tenant table and its partitions."""
    answer = case.answer("D5")
    if not case.enforced:
        return answer.away("declared: strategy row, where no policies are expected")
    tables = [
        (held, relation)
        for held in case.scope.held
        for relation in (held.relation, *case.catalogue.below(held.relation))
        if relation.rls
    ]
    policies = 0
    for held, relation in tables:
        ours = [policy for policy in relation.policies if policy.applies]
        policies += len(ours)
        _table(answer, held, relation.place, ours, _rule(case, held, relation.name))
    answer.counts = {"tables": len(tables), "policies": policies}
    if not case.role:
        answer.remarks.append("no app_role is declared, so policies of every role were read")
    return answer.result(
        f"all {policies} policies on {len(tables)} tables restrict to the tenant",
        "no tenant table has row level security and a policy",
    )


def _rule(case: Case, held: Held, table: str) -> Rule:
    return Rule(
        table=table,
        columns=held.bound,
        parent=held.parent.relation.name if held.parent is not None else "",
        setting=case.database.setting,
    )


def _table(answer: Answer, held: Held, place: str, policies: list[Policy], rule: Rule) -> None:
    judged = {(policy.name, clause): judge(text, rule) for policy in policies for clause, text in _clauses(policy)}
    for policy in policies:
        if not policy.permissive:
            continue
        found = False
        for clause, text in _clauses(policy):
            commands = [command for command in _commands(policy) if command in _DECIDES[clause]]
            if all(_restricted(policies, judged, command, clause) for command in commands):
                continue
            verdict = judged[policy.name, clause]
            others = [
                other
                for other in policies
                if other.permissive and other.name != policy.name and set(_commands(other)) & set(commands)
            ]
            extra = any(judged[o.name, c].binds in _CAUGHT for o in others for c, _ in _clauses(o))
            found |= _said(answer, place, policy, clause, text, verdict, extra=extra)
        answer.proved += not found


def _clauses(policy: Policy) -> Iterable[tuple[str, str | None]]:
    """What decides: on rows that are there, on rows that are written, or on both alike."""
    if policy.command == "a":
        yield "check", policy.check
    elif policy.command in ("r", "d"):
        yield "using", policy.using
    elif policy.check is None or policy.check == policy.using:
        yield "both", policy.using
    else:
        yield "using", policy.using
        yield "check", policy.check


def _commands(policy: Policy) -> str:
    return "rawd" if policy.command == "*" else policy.command


def _restricted(policies: list[Policy], judged: dict[tuple[str, str], Judged], command: str, clause: str) -> bool:
    """Whether a restrictive policy binds the tenant for this command anyway."""
    return any(
        judged[other.name, own].binds in _CAUGHT
        for other in policies
        if not other.permissive and command in _commands(other)
        for own, _ in _clauses(other)
        if "both" in (own, clause) or own == clause
    )


def _said(
    answer: Answer, place: str, policy: Policy, clause: str, text: str | None, verdict: Judged, *, extra: bool
) -> bool:
    """Tell what a policy does wrong; whether anything was."""
    command = "every command" if policy.command == "*" else _COMMANDS[policy.command]
    part = {"check": "its WITH CHECK", "using": "its USING", "both": "it"}[clause]
    if policy.command == "a" and text is None:
        said = f"policy {policy.name} on {place} is for INSERT and has no WITH CHECK"
        answer.ask("insert-without-check", place, said, f"{policy.name}: no WITH CHECK", anchor=policy.name)
        return True
    code = f"create policy {policy.name} on {place} for {command}, {clause}: {text or 'true'}"
    anchor = f"{policy.name} {clause}"
    for remark in sorted(verdict.remarks):
        severity = "note" if remark == CAST_EMPTY else "warn"
        answer.ask(
            remark, place, f"policy {policy.name} on {place} {_REMARKS[remark]}", code, severity=severity, anchor=anchor
        )
    if verdict.binds in _CAUGHT:
        return bool(verdict.remarks)
    rule, what = _WHAT[verdict.binds]
    beside = " beside one that does restrict, and permissive policies add up" if extra else ""
    said = f"policy {policy.name} on {place} for {command}: {part} {what}{beside}"
    if verdict.binds in (Binds.OTHER, Binds.OPAQUE, Binds.SHARED):
        answer.ask(rule, place, said, code, anchor=anchor)
    else:
        if extra and verdict.binds in (Binds.ALL, Binds.DATA):
            rule = "extra-permissive"
        answer.flag(rule, place, said, code, anchor=anchor)
    return True
