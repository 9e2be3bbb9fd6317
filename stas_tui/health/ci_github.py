"""Checks and deployments of a project on GitHub, always of the base branch's head (R105, R106, R135-R137).

A commit's verdict is spread over three lists: check runs, commit statuses, and workflow runs that never got as far as
a check. A list that cannot be read is named, and the answer is then no good answer, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from stas_tui.forges.github_api import (
    SMALL_PAGE,
    GithubApi,
    GithubDenied,
    GithubError,
    GithubLimited,
    GithubMissing,
    Listed,
    shapeless,
)
from stas_tui.forges.github_errors import plain
from stas_tui.forges.github_pulls import member, ms_of, web_link
from stas_tui.forges.names import is_sha
from stas_tui.health.ci_git import LOOKED_BACK
from storage.watch_records import Check, Deploy

DEPLOYS = 40
"""Deployments whose outcome is asked for."""

_DONE = {
    "success": "success",
    "failure": "failure",
    "timed_out": "failure",
    "cancelled": "failure",
    "action_required": "failure",
    "startup_failure": "failure",
    "neutral": "neutral",
    "skipped": "neutral",
}
_STATUS = {"success": "success", "failure": "failure", "error": "failure"}
_WORST = ("failure", "flaky", "pending", "success", "neutral")


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about: a repository on GitHub, its base branch, and the names that the configuration gives."""

    project_id: str
    name: str
    base: str
    required: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that was reported for the head of the base branch."""

    head: str
    checks: tuple[Check, ...]
    required: tuple[str, ...]
    """Names that must report: those of the configuration and of the branch's protection."""
    problems: tuple[str, ...] = ()
    """Lists that could not be read, or not to their end."""
    denied: bool = False


@dataclass(slots=True)
class _Run:
    """One report on a check; the latest of its group decides."""

    state: str
    word: str
    since: int
    order: tuple[int, int]
    url: str


@dataclass(slots=True)
class _Reports:
    """Reports by the name of the check, and within it by where they come from."""

    groups: dict[str, dict[object, list[_Run]]] = field(default_factory=dict)

    def add(self, name: str, origin: object, run: _Run) -> None:
        self.groups.setdefault(name, {}).setdefault(origin, []).append(run)


class PipelineReader:
    """Asks GitHub for the checks of the head, and remembers when it first saw which head."""

    def __init__(self, api: GithubApi, target: Target) -> None:
        self.api = api
        self.target = target
        self._seen: tuple[str, int] = ("", 0)

    def read(self, now: int) -> Pipeline:
        """The pipeline now. Raises `GithubError` if not even the branch, or none of the lists, can be read."""
        target, repo = self.target, f"/repos/{self.target.name}"
        branch = self.api.get(f"{repo}/branches/{quote(target.base, safe='')}").data
        head = member(branch, "commit", "sha")
        if not isinstance(head, str) or not is_sha(head):
            raise shapeless(repo)
        landed = self._landed(head, ms_of(member(branch, "commit", "commit", "committer", "date")), now)
        required = tuple(dict.fromkeys((*target.required, *_protected(branch), *self._rules(repo))))
        reports, problems, errors = _Reports(), [], []
        asked: list[tuple[str, Callable[[], Listed]]] = [
            (
                "check runs",
                lambda: self.api.listed(
                    f"{repo}/commits/{head}/check-runs", {"filter": "all", "per_page": SMALL_PAGE}, member="check_runs"
                ),
            ),
            ("commit statuses", lambda: self.api.listed(f"{repo}/commits/{head}/statuses")),
            (
                "workflow runs",
                lambda: self.api.listed(f"{repo}/actions/runs", {"head_sha": head}, member="workflow_runs"),
            ),
        ]
        lists: dict[str, Sequence[Mapping[str, Any]]] = {}
        for name, ask in asked:
            try:
                listed = ask()
            except GithubLimited:
                raise
            except GithubError as error:
                errors.append(error)
                problems.append(f"{name} cannot be read: {error.what.rstrip('.')}")
            else:
                lists[name] = listed.items
                if listed.cut:
                    problems.append(f"{name}: {listed.remark}")
        if len(errors) == len(asked):
            raise errors[0]
        runs = [run for run in lists.get("workflow runs", ()) if run.get("head_sha") == head]
        _take_checks(reports, lists.get("check runs", ()), runs, head)
        _take_statuses(reports, lists.get("commit statuses", ()))
        _take_runs(reports, runs, lists.get("check runs", ()))
        return Pipeline(
            head=head,
            checks=tuple(self._checks(reports, head, required, landed)),
            required=required,
            problems=tuple(problems),
            denied=any(isinstance(error, GithubDenied | GithubMissing) for error in errors),
        )

    def _landed(self, head: str, committed: int | None, now: int) -> int:
        """When the head became the head: when it was first seen, if there was another before; else its own time."""
        before, since = self._seen
        if before != head:
            since = now if before else min(committed or now, now)
            self._seen = (head, since)
        return since

    def _rules(self, repo: str) -> Iterable[str]:
        """Checks that rule sets require; a server without them, or a token that may not ask, has none to tell."""
        try:
            listed = self.api.listed(f"{repo}/rules/branches/{quote(self.target.base, safe='')}")
        except (GithubMissing, GithubDenied):
            return ()
        rules = [rule for rule in listed.items if rule.get("type") == "required_status_checks"]
        checks = [member(rule, "parameters", "required_status_checks") for rule in rules]
        return _contexts(check for some in checks if isinstance(some, list) for check in some)

    def _checks(self, reports: _Reports, head: str, required: Sequence[str], landed: int) -> Iterable[Check]:
        for name, origins in sorted(reports.groups.items()):
            outcomes = [_outcome(runs) for runs in origins.values()]
            worst = min(outcomes, key=lambda run: _WORST.index(run.state))
            yield self._check(head, name, required, worst.state, worst.word, worst.since or landed, worst.url)
        for name in dict.fromkeys((*required, *self.target.builds)):
            if name not in reports.groups:
                yield self._check(head, name, required, "missing", "", landed, "")

    def _check(
        self, head: str, name: str, required: Sequence[str], state: str, word: str, since: int, url: str
    ) -> Check:
        return Check(
            key=f"{self.target.project_id}/{head}/{name}",
            project_id=self.target.project_id,
            sha=head,
            name=name,
            state=state,
            conclusion=word,
            required=name in required,
            build=name in self.target.builds,
            since=since,
            url=url,
        )


def _protected(branch: object) -> Iterable[str]:
    rules = member(branch, "protection", "required_status_checks")
    contexts, checks = member(rules, "contexts"), member(rules, "checks")
    named = [{"context": name} for name in contexts] if isinstance(contexts, list) else []
    return _contexts([*named, *(checks if isinstance(checks, list) else [])])


def _contexts(checks: Iterable[object]) -> list[str]:
    names = [plain(member(check, "context")) for check in checks]
    return [name for name in names if name]


def _outcome(runs: list[_Run]) -> _Run:
    """The latest report; a success after a failure of the same commit is flaky (H1)."""
    latest = max(runs, key=lambda run: run.order)
    failed_before = any(run.state == "failure" for run in runs if run is not latest)
    if failed_before and latest.state == "success":
        latest.state, latest.word = "flaky", "success after a failure"
    elif failed_before and latest.state == "pending":
        latest.word = f"{latest.word}, again after a failure"
    return latest


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _state(status: object, conclusion: object) -> tuple[str, str]:
    """(state, GitHub's word). A conclusion that is not known here is never a success."""
    word = plain(conclusion if status == "completed" else status, 40)
    return (_DONE.get(word, "pending"), word or "no conclusion") if status == "completed" else ("pending", word)


def _take_checks(
    reports: _Reports, checks: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]], head: str
) -> None:
    """Check runs; those of one workflow belong together even if it ran several times for the commit."""
    workflows = {_number(run.get("check_suite_id")): _number(run.get("workflow_id")) for run in runs}
    for check in checks:
        name, sha = plain(check.get("name")), check.get("head_sha")
        if not name or sha != head:
            continue
        state, word = _state(check.get("status"), check.get("conclusion"))
        suite = _number(member(check, "check_suite", "id"))
        workflow = workflows.get(suite) if suite else None
        origin = ("workflow", workflow) if workflow else ("app", _number(member(check, "app", "id")))
        since = ms_of(check.get("started_at")) or 0
        url = web_link(check.get("html_url")) or web_link(check.get("details_url"))
        reports.add(name, origin, _Run(state, word, since, (since, _number(check.get("id"))), url))


def _take_statuses(reports: _Reports, statuses: Sequence[Mapping[str, Any]]) -> None:
    for status in statuses:
        name, word = plain(status.get("context")), plain(status.get("state"), 40)
        if name:
            since = ms_of(status.get("created_at")) or 0
            run = _Run(_STATUS.get(word, "pending"), word, since, (since, _number(status.get("id"))), "")
            run.url = web_link(status.get("target_url"))
            reports.add(name, "status", run)


def _take_runs(reports: _Reports, runs: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]]) -> None:
    """Workflow runs without any check: queued, waiting for a person, or broken before their first job."""
    suites = {_number(member(check, "check_suite", "id")) for check in checks} - {0}
    for run in runs:
        if _number(run.get("check_suite_id")) in suites:
            continue
        state, word = _state(run.get("status"), run.get("conclusion"))
        since = ms_of(run.get("run_started_at")) or ms_of(run.get("created_at")) or 0
        name = f"workflow {plain(run.get('name')) or plain(run.get('path')) or 'without a name'}"
        order = (_number(run.get("run_number")), _number(run.get("run_attempt")))
        reports.add(
            name, _number(run.get("workflow_id")), _Run(state, word, since, order, web_link(run.get("html_url")))
        )


def github_deploys(api: GithubApi, target: Target, now: int) -> tuple[list[Deploy], str]:
    """Deployments of the last two days with their latest status, and a remark about what is not shown.

    Raises `GithubError`.
    """
    repo = f"/repos/{target.name}"
    asked: list[Mapping[str, Any]] = []
    for environment in target.environments or ("",):
        params = {"environment": environment} if environment else {}
        asked += api.listed(f"{repo}/deployments", params, most=1).items
    recent = [item for item in asked if (ms_of(item.get("created_at")) or 0) >= now - LOOKED_BACK]
    recent.sort(key=lambda item: str(item.get("created_at")), reverse=True)
    found = [_deploy(api, target, item, now) for item in recent[:DEPLOYS]]
    more = len(recent) - DEPLOYS
    return found, f"{more} more not shown" if more > 0 else ""


def _deploy(api: GithubApi, target: Target, item: Mapping[str, Any], now: int) -> Deploy:
    number, sha = item.get("id"), item.get("sha")
    if not isinstance(number, int) or not isinstance(sha, str) or not is_sha(sha):
        raise shapeless(f"/repos/{target.name}")
    listed = api.listed(f"/repos/{target.name}/deployments/{number}/statuses", most=1)
    last = max(listed.items, key=lambda row: (ms_of(row.get("created_at")) or 0, _number(row.get("id"))), default={})
    created = ms_of(item.get("created_at")) or now
    what = plain(item.get("description"), 300) or f"{plain(item.get('task'), 40)} {plain(item.get('ref'), 200)}".strip()
    return Deploy(
        key=f"{target.project_id}/{number}",
        project_id=target.project_id,
        sha=sha,
        at=min(created, now),
        what=what,
        environment=plain(item.get("environment"), 80),
        state=plain(last.get("state"), 40),
        author=plain(member(item, "creator", "login"), 80),
        url=web_link(last.get("log_url")) or web_link(last.get("environment_url")),
    )
