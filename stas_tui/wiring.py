"""The one place where a configuration becomes real edges; nothing else constructs one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from stas_tui.application import Application, Edges, Opened, assemble, decider, opened, policy_digest, rules_of
from stas_tui.credentials import token_of
from stas_tui.executors.command import CommandExecutor
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.locations import Profile
from stas_tui.notify.silences import AlertmanagerSilences
from stas_tui.notify.slack import SlackMessenger
from stas_tui.platforms.local import LocalPlatform
from stas_tui.proposed import DoorChecker
from stas_tui.pulse.proposer import Proposer
from stas_tui.rounds import Rounds
from storage.clock import Clock, SystemClock
from storage.world import World

if TYPE_CHECKING:
    from stas_tui.config import Settings

__all__ = ["KILL_VARIABLE", "Application", "build", "decider", "policy_digest", "rules_of"]

KILL_VARIABLE = "STAS_KILL_AT"
"""For crash tests: the process kills itself at this point, e.g. `K8`, or `K8:2` for the second time it comes by.

`K1` to `K10` and `K13`: the journal's and the door's points around an effect. `S1` to `S11`: a step is entered;
`S3.found`: what step 3 found is not written yet. `S7.commit`: a phase of step 7 is entered; `S7.commit.answered`: the
door has answered, and the working state does not know yet.
"""


def build(
    profile: Profile,
    settings: Settings,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    proposer: Proposer | None = None,
    new_id: Callable[[str], str] | None = None,
) -> Application:
    """Open the stores of a profile and put the parts together; without a proposer the generated drafts stand.

    `new_id` makes the ids of actions and pulses from a prefix, `a` or `p`; random ones by default.

    Raises `StoreError`, `LocationError`.
    """
    environ = os.environ if environ is None else environ
    killpoint = _killpoint(environ.get(KILL_VARIABLE, ""))
    parts = opened(profile, settings, clock=clock or SystemClock(), killpoint=killpoint, new_id=new_id)
    return assemble(
        parts,
        profile,
        settings,
        _edges(parts, profile, settings, environ),
        rules=rules_of(settings, profile),
        proposer=proposer,
        killpoint=killpoint,
    )


def _edges(parts: Opened, profile: Profile, settings: Settings, environ: Mapping[str, str]) -> Edges:
    clock = parts.clock
    return Edges(
        platform=LocalPlatform(parts.world, settings.agent_name, clock, columns=settings.columns),
        forge=_forge(profile, settings, parts.world, clock, environ),
        executor=CommandExecutor(profile.runs, clock),
        rounds=Rounds(profile, settings, parts.checks, parts.pulses, clock),
        messenger=SlackMessenger(
            settings.slack, settings.agent_id("Sky"), token=partial(token_of, settings.slack.credential, environ)
        ),
        silencer=AlertmanagerSilences(settings.alertmanager) if settings.alertmanager else None,
        checker=DoorChecker(settings, profile, parts.watch, parts.checks, clock),
    )


def _forge(
    profile: Profile, settings: Settings, world: World, clock: Clock, environ: Mapping[str, str]
) -> LocalGitForge:
    """Plain git, with pull requests on GitHub for the projects that name a repository there."""
    if not any(project.ci.github for project in settings.project):
        return LocalGitForge(prs=world, workspaces=world, root=profile.clones, archive=profile.archive, clock=clock)
    from stas_tui.forges.github import GithubForge
    from stas_tui.health.ci import github_api

    return GithubForge(
        api=github_api(settings.github, clock, environ),
        prs=world,
        workspaces=world,
        root=profile.clones,
        archive=profile.archive,
        clock=clock,
    )


def _killpoint(spec: str) -> Callable[[str], None]:
    if not spec:
        return lambda _: None
    name, _, count = spec.partition(":")
    left = [int(count or 1)]

    def at(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)

    return at
