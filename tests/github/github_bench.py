"""A provisioned task in a repository whose pull requests may live on GitHub, and what its sources say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forge_bench import AGENT, Remote
from github_double import GithubDouble

from stas_tui.forges.base import Repo
from stas_tui.forges.github import GithubForge
from stas_tui.health.base import Answer, Source
from stas_tui.health.ci_verdict import pipeline_verdict
from storage.clock import SECOND, ManualClock
from storage.records import PullRequest, Workspace
from storage.watch_records import Check


@dataclass(frozen=True)
class Bench:
    forge: GithubForge
    repo: Repo
    remote: Remote
    workspace: Workspace
    double: GithubDouble

    def pushed(self, files: dict[str, str] | None = None) -> str:
        """Work, committed and pushed to the bare repository; returns the sha."""
        for name, content in (files or {"svc/api.py": "LIMIT = 3\n", "svc/new.py": "N = 1\n"}).items():
            path = Path(self.workspace.path) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        staged = self.forge.stage(self.workspace)
        sha = self.forge.commit(self.workspace, staged, "infra: change", author=AGENT)
        return self.forge.push(self.repo, self.workspace, sha)

    def open(self, sha: str, key: str = "p-1:open_pull_request:shop:T-1", body: str = "Body") -> PullRequest:
        return self.forge.open_pr(
            self.repo, self.workspace, title="infra: x", body=body, head_sha=sha, author="stas", key=key
        )

    def opened(self, key: str = "p-1:open_pull_request:shop:T-1") -> PullRequest:
        return self.open(self.pushed(), key)

    def merge(self, pr: PullRequest) -> str:
        """A person merges it; GitHub then knows, a plain repository shows it."""
        sha = self.remote.merge(pr.head, message=f"Merge pull request #{pr.number} from acme/x")
        for pull in self.double.pulls:
            if pull["number"] == pr.number and self.repo.github:
                pull.update(state="closed", merged=self.double.now(), merge_sha=sha, sha=pr.head_sha)
        return sha


def ask(source: Source, clock: ManualClock) -> tuple[Answer, dict[str, Check]]:
    clock.advance(30 * SECOND)
    answer = source.ask(clock.now())
    return answer, {thing.name: thing for thing in answer.things or () if isinstance(thing, Check)}


def states(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.state for name, check in checks.items()}


def word(answer: Answer, clock: ManualClock) -> str:
    checks = [thing for thing in answer.things or () if isinstance(thing, Check)]
    head, required = answer.detail["head"], answer.detail["required"]
    return pipeline_verdict(checks, head=head, required=required, now=clock.now()).word
