"""`stas init`: from a person's own repository to a profile that `stas` can open.

It reads git, asks what was not told, and writes one file. It never changes the repository and never
overwrites a configuration.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui import exit_codes, git_probe
from stas_tui.init_file import configuration_text
from stas_tui.locations import Locations, Profile, check_profile_name, write_private
from storage.errors import StasError

DEFAULT_AGENT = "Stas"
DEFAULT_BASE = "multi-tenant"
DEFAULT_COLUMN = "Review"

Ask = Callable[[str, str], str]
"""Asks a person: question and default in, answer out; an empty answer means the default."""


class InitError(StasError):
    """No profile was made; nothing was written."""


class InitRefused(InitError):
    """What was asked for cannot be done as it was asked."""

    exit_code = exit_codes.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What was told on the command line; None means not told."""

    path: Path
    profile: str | None = None
    agent: str | None = None
    base: str | None = None
    remote: str | None = None
    columns: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    executor: str | None = None
    persons: tuple[str, ...] = ()
    """`NAME` or `NAME=USER`; the first without a user is the current one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the configuration file will say."""

    profile: str
    agent: str
    project_id: str
    project_name: str
    repository: str
    remote: str
    base: str
    main: str
    columns: tuple[str, ...]
    tenants: tuple[str, ...]
    preset: str
    argv: tuple[str, ...]
    persons: tuple[tuple[str, str], ...]
    """(name, os_user)"""


@dataclass(slots=True)
class InitReport:
    """What was done, what was assumed, and what a person should know."""

    profile: str = ""
    config_file: Path = Path()
    project_id: str = ""
    done: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The report for scripts."""
        return {
            "schema": "stas.init/1",
            "profile": self.profile,
            "config_file": str(self.config_file),
            "project": self.project_id,
            "done": self.done,
            "assumed": self.assumed,
            "warnings": self.warnings,
            "next": self.next_steps,
        }

    def as_text(self) -> str:
        """The report for people."""
        parts = (("", self.done), ("Assumed: ", self.assumed), ("Note: ", self.warnings), ("Next: ", self.next_steps))
        return "\n".join(f"{head}{line}" for head, lines in parts for line in lines)


def create(
    options: InitOptions,
    locations: Locations,
    *,
    os_user: str,
    ask: Ask | None = None,
    presets: Collection[str] = (),
    create_databases: Callable[[Profile], None] | None = None,
) -> InitReport:
    """Make a profile for a repository.

    `ask` is None when nobody can be asked; defaults are then used and reported. `presets` are names that an
    executor of one word may be. `create_databases` is called once the folders exist and before the
    configuration is written, so that a configuration never stands without its databases.

    Raises `InitRefused` for a wrong path, name or branch and for a profile that exists, `ConfigError` for
    settings that would not load, `LocationError` if a folder or file cannot be written.
    """
    report = InitReport()
    if git_probe.version() is None:
        raise InitError("git is not installed.", "Install it and run `stas init` again.")
    root = git_probe.top_level(options.path)
    if root is None:
        raise InitRefused(
            f"{options.path} is not in a git repository.", "Give the path of one, or try `stas demo` instead."
        )
    questions = _Questions(ask, report)
    profile = _free_profile(questions.told_or("profile", options.profile, "Profile name", _slug(root.name)), locations)
    plan = _plan(options, root, profile=profile.name, os_user=os_user, presets=presets, questions=questions)

    from stas_tui.config import load_text

    text = configuration_text(plan)
    load_text(text, profile.config_file, profile.name)
    profile.make()
    if create_databases is not None:
        create_databases(profile)
    try:
        write_private(profile.config_file, text, replace=False)
    except FileExistsError:
        raise _exists(profile) from None

    report.profile, report.config_file, report.project_id = profile.name, profile.config_file, plan.project_id
    report.done.append(f"Wrote {profile.config_file}.")
    _point_to(profile, locations, report)
    if not plan.persons:
        report.warnings.append("Nobody is named who may decide, so this profile only observes; add a [[person]].")
    if not (plan.preset or plan.argv):
        report.warnings.append("No executor is set; work directly from the dashboard, or fill in [executor].")
    report.next_steps += [
        "`stas doctor` checks everything.",
        "`stas vision set FILE` says what the project is for; nothing is claimed before it was read.",
        "`stas task add TITLE --priority P1 --acceptance TEXT` gives the agent something to do.",
        "`stas` opens the dashboard, `stas pulse --plain` works without one.",
    ]
    return report


class _Questions:
    """Answers from the command line, from a person, or the default, which is then reported."""

    def __init__(self, ask: Ask | None, report: InitReport) -> None:
        self._ask = ask
        self.report = report

    def told_or(self, what: str, told: str | None, question: str, default: str) -> str:
        if told is not None:
            return told.strip()
        if self._ask is not None:
            return self._ask(question, default).strip() or default
        self.report.assumed.append(f"{what} = {default}" if default else f"{what}: none")
        return default

    def several(self, what: str, told: tuple[str, ...], question: str, default: str) -> tuple[str, ...]:
        if told:
            return tuple(dict.fromkeys(item.strip() for item in told if item.strip()))
        answer = self.told_or(what, None, f"{question} (several with commas)", default)
        return tuple(dict.fromkeys(item.strip() for item in answer.split(",") if item.strip()))


def _free_profile(name: str, locations: Locations) -> Profile:
    profile = locations.profile(check_profile_name(name))
    if profile.exists():
        raise _exists(profile)
    return profile


def _exists(profile: Profile) -> InitRefused:
    return InitRefused(
        f"Profile {profile.name} exists already: {profile.config_file}; nothing was changed.",
        "Edit that file, or choose another name with --profile.",
    )


def _plan(
    options: InitOptions,
    root: Path,
    *,
    profile: str,
    os_user: str,
    presets: Collection[str],
    questions: _Questions,
) -> Plan:
    report = questions.report
    agent = questions.told_or("agent_name", options.agent, "Name of the agent", DEFAULT_AGENT)
    remote = _remote(options.remote, root, questions)
    base = questions.told_or("base_branch", options.base, "Branch that all work targets", DEFAULT_BASE)
    main = _check_branches(root, remote, base, report)
    columns = questions.several("columns", options.columns, "Columns the agent takes tasks from", DEFAULT_COLUMN)
    tenants = questions.several("tenants", options.tenants, "Tenants", "")
    persons = _persons(options, os_user, root, questions)
    command = questions.told_or("executor", options.executor, "Command that does the work (empty: none)", "")
    preset, argv = _executor(command, presets)
    name = root.name.removesuffix(".git") or "project"
    return Plan(
        profile=profile,
        agent=agent,
        project_id=_slug(name),
        project_name=name,
        repository=str(root),
        remote=remote,
        base=base,
        main=main,
        columns=columns or (DEFAULT_COLUMN,),
        tenants=tenants,
        preset=preset,
        argv=argv,
        persons=persons,
    )


def _remote(told: str | None, root: Path, questions: _Questions) -> str:
    """The path or URL of the remote; empty means the repository itself."""
    report = questions.report
    known = git_probe.remotes(root)
    default = "origin" if "origin" in known else next(iter(known), "")
    name = questions.told_or("remote", told, "Remote (name, path or URL; empty: this repository itself)", default)
    if not name:
        here, bare = shlex.quote(str(root)), shlex.quote(str(root.with_name(root.name + ".git")))
        report.warnings.append(
            "The repository has no remote: branches are read from it and feature branches pushed to it. "
            f"To make one beside it: git init --bare {bare} && git -C {here} remote add origin {bare} "
            f"&& git -C {here} push origin --all; then set remote in the configuration."
        )
        return ""
    url = known.get(name, name)
    if name not in known and not re.search(r"[/:.]", name):
        raise InitRefused(
            f"{root} has no remote called {name}.", f"It has: {', '.join(known) or 'none'}. A path or URL works too."
        )
    clean = git_probe.without_password(url)
    if clean != url:
        report.warnings.append("The remote's URL holds a password; it was left out, git's credential helper is asked.")
    path = git_probe.local_path(clean)
    return str((root / path).resolve()) if path is not None else clean


def _check_branches(root: Path, remote: str, base: str, report: InitReport) -> str:
    """Warns about what is missing; returns the name of the main branch."""
    if (branch := git_probe.current_branch(root)) is None:
        report.done.append("The repository has a detached head; that is fine, Stas works in clones of its own.")
    elif branch == base:
        report.done.append(f"Your working copy is on {base}; Stas never touches it.")
    where = remote or str(root)
    heads, default, answer = git_probe.heads(where)
    if not answer.ok:
        report.warnings.append(f"{where} could not be asked for its branches: {answer.reason}.")
        return "main" if base != "main" else "master"
    main = default if default and default != base else next((b for b in ("main", "master") if b in heads), "main")
    if main == base:
        raise InitRefused(
            f"{base} is the main branch of {where}; work must never start from it.",
            "Choose another branch with --base.",
        )
    if base not in heads:
        source = main if main in heads else "HEAD"
        target = shlex.quote(remote) if remote else "."
        command = f"git -C {shlex.quote(str(root))} push {target} {source}:refs/heads/{shlex.quote(base)}"
        if source not in heads or not git_probe.git(["rev-parse", "-q", "--verify", source], root).ok:
            command = f"create it on {where}"
        report.warnings.append(
            f"Target branch not found: {where} has no branch {base}. Until it exists nothing can be claimed. "
            f"To create it: {command}"
        )
    return main


def _persons(options: InitOptions, os_user: str, root: Path, questions: _Questions) -> tuple[tuple[str, str], ...]:
    told = options.persons or questions.several("person", (), "Who may decide (empty: nobody, only observe)", "")
    persons: list[tuple[str, str]] = []
    for item in told:
        name, mark, user = (part.strip() for part in item.partition("="))
        if not name or (mark and not user):
            raise InitRefused(f"--person {item!a} is not NAME or NAME=USER.", 'Write for example "Ada=ada".')
        if not mark and any(known == os_user for _, known in persons):
            raise InitRefused(
                f"Only one person can be the user {os_user}; {name!a} needs another.", f'Write "{name}=USER".'
            )
        persons.append((name, user or os_user))
    return tuple(persons)


def _executor(command: str, presets: Collection[str]) -> tuple[str, tuple[str, ...]]:
    if command in presets:
        return command, ()
    try:
        return "", tuple(shlex.split(command))
    except ValueError as error:
        raise InitRefused(f"The executor's command cannot be split into words: {error}.", "Close its quotes.") from None


def _point_to(profile: Profile, locations: Locations, report: InitReport) -> None:
    if not locations.pointer.exists():
        locations.set_current(profile.name)
        report.done.append(f"{profile.name} is now the profile that `stas` opens.")
    elif (current := locations.current({})) != profile.name:
        report.done.append(f"`stas` opens profile {current}; use `stas --profile {profile.name}` for this one.")


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.removesuffix(".git").lower()).strip("-")[:32].strip("-")
    return slug or "default"
