"""The sources that tell of checks, container builds and deployments of a project (R105, R106, R135-R137).

A check that builds a container image is told by `builds:<project>`, every other one by `ci:<project>`, so that each is
told once: whoever judges a pipeline takes the checks of both, and looks at the state of both.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from stas_tui.config_model import Project
from stas_tui.config_sources import Github, Watch
from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.forges.base import Repo
from stas_tui.forges.github_api import GithubApi, GithubDenied, GithubLimited
from stas_tui.health.base import Answer, Source
from stas_tui.health.builds import ComposeBuild, NoBuild, check_of
from stas_tui.health.ci_git import GitReader, git_deploys
from stas_tui.health.ci_github import Pipeline, PipelineReader, Target, github_deploys
from storage.clock import SECOND, Clock
from storage.errors import StasError
from storage.records import DataState, Json
from storage.watch_records import Deploy, SourceKind

GITHUB_EVERY_S = 30.0
"""GitHub is asked no more often than this with a token: five conditional questions a project."""
ANONYMOUS_EVERY_S = 900.0
"""And without one, which leaves 60 questions an hour."""
GIT_EVERY_S = 60.0
"""Nor is a remote fetched from more often than this."""
SHARED_MS = 5 * SECOND
"""What `ci:` has just read, `builds:` does not read again."""


def github_api(settings: Github, clock: Clock, environ: Mapping[str, str] | None = None) -> GithubApi:
    """The API that `[github]` names. Its token is taken when the first question is asked."""
    return GithubApi(
        settings.api,
        token=lambda: token_of(settings.credential, environ),
        clock=clock,
        timeout_s=settings.timeout_s,
    )


def ci_sources(
    project: Project,
    watch: Watch,
    *,
    github: Github,
    api: GithubApi | None,
    forge: GitReader,
    repo: Repo,
    clock: Clock,
    scratch: Path,
    environ: Mapping[str, str] | None = None,
) -> list[Source]:
    """`ci:`, `builds:` and `deploys:` of one project, always all three: one that cannot be asked says why.

    `api` may be None if the project names no repository on GitHub. `scratch` is a folder for builds.
    """
    reader = None
    every_s = watch.every_s
    if project.ci.github and api is not None:
        target = Target(
            project_id=project.id,
            name=project.ci.github,
            base=project.base_branch,
            required=project.ci.required,
            builds=project.ci.builds,
            environments=project.ci.environments,
        )
        reader = _Shared(PipelineReader(api, target))
        every_s = max(every_s, GITHUB_EVERY_S if _has_token(github, environ) else ANONYMOUS_EVERY_S)
    compose = ComposeBuild(forge, repo, scratch / project.id, clock) if project.ci.compose_build else None
    return [
        CiSource(project.id, every_s, reader),
        BuildsSource(
            project.id,
            max(every_s, GIT_EVERY_S) if compose else every_s,
            reader,
            compose,
            forge=forge,
            repo=repo,
            named=project.ci.builds,
        ),
        DeploysSource(project.id, max(every_s, GIT_EVERY_S), reader, forge=forge, repo=repo),
    ]


def _has_token(github: Github, environ: Mapping[str, str] | None) -> bool:
    """Whether a token is configured; a command or a keyring is not asked for this."""
    credential = github.credential
    if credential.env:
        return bool((os.environ if environ is None else environ).get(credential.env, "").strip())
    return credential.named


class _Shared:
    """One reader for the sources of a project: what one has just read serves the other."""

    def __init__(self, reader: PipelineReader) -> None:
        self.reader = reader
        self.api, self.target = reader.api, reader.target
        self._lock = threading.Lock()
        self._last: tuple[int, Pipeline] | None = None

    def read(self, now: int) -> Pipeline:
        """The pipeline, at most `SHARED_MS` old."""
        with self._lock:
            if self._last is None or not 0 <= now - self._last[0] <= SHARED_MS:
                self._last = None
                self._last = (now, self.reader.read(now))
            return self._last[1]


class _Asked:
    """What the three have in common."""

    kind: SourceKind

    def __init__(self, project_id: str, every_s: float) -> None:
        self.project_id = project_id
        self.every_s = every_s
        self.name = f"{self.kind.value}:{project_id}"

    def ask(self, now: int) -> Answer:
        """Ask once; what the world refuses becomes a state with its reason."""
        try:
            return self._ask(now)
        except GithubLimited as error:
            wait = max(error.until - now, SECOND) / SECOND
            return Answer(state=DataState.ERROR, reason=error.what, retry_after_s=wait, detail={"limit": error.word})
        except (GithubDenied, CredentialMissing) as error:
            return Answer(state=DataState.DENIED, reason=str(error))
        except NoBuild as error:
            return Answer(state=DataState.UNKNOWN, things=(), reason=error.what)
        except StasError as error:
            return Answer(state=DataState.ERROR, reason=str(error))

    def _ask(self, now: int) -> Answer:
        raise NotImplementedError

    def close(self) -> None:
        """Connections are the shared API's, which whoever made it closes."""


class CiSource(_Asked):
    """Checks of the base branch's head, without those that build images."""

    kind = SourceKind.CI

    def __init__(self, project_id: str, every_s: float, reader: _Shared | None) -> None:
        super().__init__(project_id, every_s)
        self._reader = reader

    def _ask(self, now: int) -> Answer:
        if self._reader is None:
            return Answer(
                state=DataState.UNKNOWN,
                things=(),
                reason="plain git knows no checks: name the repository in [project.ci] github",
            )
        pipeline = self._reader.read(now)
        checks = [check for check in pipeline.checks if not check.build]
        state, reason = _read_state(pipeline, found=bool(checks))
        return Answer(
            state=state,
            things=checks,
            reason=reason,
            partial=bool(pipeline.problems),
            detail=_detail(self._reader, pipeline),
        )


class BuildsSource(_Asked):
    """Checks that build container images, and our own build where the configuration asks for one."""

    kind = SourceKind.BUILDS

    def __init__(
        self,
        project_id: str,
        every_s: float,
        reader: _Shared | None,
        compose: ComposeBuild | None,
        *,
        forge: GitReader,
        repo: Repo,
        named: tuple[str, ...],
    ) -> None:
        super().__init__(project_id, every_s)
        self._reader, self._compose, self._forge, self._repo, self._named = reader, compose, forge, repo, named

    def _ask(self, now: int) -> Answer:
        pipeline = self._reader.read(now) if self._reader is not None and self._named else None
        checks = [check for check in pipeline.checks if check.build] if pipeline else []
        detail = _detail(self._reader, pipeline) if pipeline and self._reader else {}
        if self._compose is not None:
            head = pipeline.head if pipeline else self._forge.branch_head(self._repo, self._repo.base)
            try:
                checks.append(check_of(self._compose.look(head), self.project_id))
            except NoBuild as error:
                if not checks:
                    raise
                detail["compose"] = error.what
            else:
                detail |= {"head": head, "log": str(self._compose.log)}
        if pipeline is None and self._compose is None:
            return Answer(state=DataState.UNKNOWN, things=(), reason=self._missing())
        state, reason = _read_state(pipeline, found=bool(checks)) if pipeline else (DataState.OK, "")
        return Answer(
            state=state, things=checks, reason=reason, partial=bool(pipeline and pipeline.problems), detail=detail
        )

    def _missing(self) -> str:
        if self._named:
            return "build jobs are named in [project.ci], and no repository on GitHub where they run"
        return "no build is named in [project.ci] builds, and compose_build is off"

    def close(self) -> None:
        """Stop a running build."""
        if self._compose is not None:
            self._compose.close()


class DeploysSource(_Asked):
    """Deployments; merges and tags where nobody records deployments."""

    kind = SourceKind.DEPLOYS

    def __init__(
        self, project_id: str, every_s: float, reader: _Shared | None, *, forge: GitReader, repo: Repo
    ) -> None:
        super().__init__(project_id, every_s)
        self._reader, self._forge, self._repo = reader, forge, repo

    def _ask(self, now: int) -> Answer:
        found: list[Deploy] = []
        detail: Json = {}
        reason = ""
        if self._reader is not None:
            found, reason = github_deploys(self._reader.api, self._reader.target, now)
            detail = {"recorded": len(found), "remarks": list(self._reader.api.remarks)}
        deployed = {deploy.sha for deploy in found}
        merges = [deploy for deploy in git_deploys(self._forge, self._repo, now) if deploy.sha not in deployed]
        things = [*found, *merges]
        detail["merged"] = len(merges)
        state = DataState.OK if things else DataState.EMPTY
        return Answer(state=state, things=things, reason=reason, detail=detail)


def _read_state(pipeline: Pipeline, *, found: bool) -> tuple[DataState, str]:
    if pipeline.problems:
        return DataState.DENIED if pipeline.denied else DataState.ERROR, "; ".join(pipeline.problems)
    if not found:
        return DataState.EMPTY, f"no check reported for {pipeline.head[:8]}"
    return DataState.OK, ""


def _detail(reader: _Shared | None, pipeline: Pipeline) -> Json:
    assert reader is not None
    return {
        "head": pipeline.head,
        "branch": reader.target.base,
        "required": list(pipeline.required),
        "remarks": list(reader.api.remarks),
    }
