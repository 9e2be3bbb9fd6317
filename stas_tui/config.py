"""The settings of a profile: a TOML file, `STAS_…` variables of the environment, and flags, in rising order.

`load` is the only way in. Nothing here starts anything or touches the network.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from stas_tui.config_base import Text
from stas_tui.config_errors import ConfigError, ConfigMissing, broken_toml, line_of, lines_of, shown
from stas_tui.config_explain import Explainer
from stas_tui.config_model import Demo, Executor, Gates, Person, Project, Slack, minutes_of_quiet_hours
from stas_tui.config_sources import Alertmanager, Github, Notices, Prometheus, Watch
from stas_tui.keys import resolve
from stas_tui.locations import HOME_VARIABLE, PROFILE_VARIABLE, Locations, Profile
from storage.clock import MINUTE
from storage.records import Mode

__all__ = ["ConfigError", "ConfigMissing", "Person", "Project", "Settings", "load", "load_text", "person_for"]

ENV_PREFIX = "STAS_"
NO_SETTINGS = frozenset({HOME_VARIABLE, PROFILE_VARIABLE, "STAS_KILL_AT"})
"""Variables of ours that say where to look or when to crash."""
PLACEHOLDER = "{{AGENT_NAME}}"
"""The routine's own placeholder; a name that is still this refuses to start (R1, D18)."""


class Settings(BaseModel):
    """Everything a person can set for one profile."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    profile: str = "default"
    """Name of the profile; follows from where the file lies and need not be written."""
    environment: Text = "local"
    """Name of the environment that is supervised, always on screen, e.g. `staging`."""
    agent_name: str
    """Name of the agent, the routine's AGENT_NAME; Stas does not start without it (R1)."""
    agent_role: Text = "Site Reliability Engineer"
    """Title of the agent, shown beside its name (R1)."""
    mode: Mode = Mode.OBSERVE
    """How far the agent may go: `observe`, `supervised` or `trusted`; `supervised` once a person is named."""
    columns: tuple[Text, ...] = Field(("Review",), min_length=1)
    """Columns of the board from which the agent takes tasks."""
    theme: Literal["night", "day", "auto"] = "night"
    """Colours: `night`, `day`, or `auto` for what the terminal says."""
    ascii: bool = False
    """Draw with plain characters only."""
    mouse: bool = True
    """Let the mouse act; off leaves selecting text to the terminal."""
    animation: bool = False
    """Let scrolling and opening be animated; costs bytes over ssh."""
    quiet_hours: str = ""
    """Hours in UTC in which only P0 makes a sound, e.g. `22:00-07:00`; empty means none."""
    keymap: dict[str, str] = {}
    """Keys by action id, several separated by commas; `stas keys` lists the ids."""
    agents: dict[str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = {}
    """Ids of the agents and people the routine names, e.g. `Finn` and `Sky`; without one nothing can be sent (D14)."""
    person: tuple[Person, ...] = ()
    """People who may decide; without one the profile only observes."""
    project: tuple[Project, ...] = ()
    """Repositories in which the agent works."""
    executor: Executor = Executor()
    """Program that does the work."""
    gates: Gates = Gates()
    """How long questions wait."""
    slack: Slack = Slack()
    """Messages to people."""
    notices: Notices = Notices()
    """How the terminal calls a person."""
    watch: Watch = Watch()
    """How sources are asked."""
    alertmanager: tuple[Alertmanager, ...] = ()
    """Alertmanagers; none means that alerts are unknown, not that there are none."""
    prometheus: tuple[Prometheus, ...] = ()
    """Prometheus servers; none means that numbers are unknown."""
    github: Github = Github()
    """The forge on the network."""
    demo: Demo = Demo()
    """Marks a simulated world."""

    @model_validator(mode="before")
    @classmethod
    def _mode_follows_the_people(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("mode") is None:
            return {**data, "mode": Mode.SUPERVISED if data.get("person") else Mode.OBSERVE}
        return data

    @field_validator("agent_name")
    @classmethod
    def _agent_is_named(cls, name: str) -> str:
        name = name.strip()
        if not name or re.search(r"\{.*\}", name):
            raise ValueError("AGENT_NAME is not filled")
        if not name.isprintable() or len(name) > 60:
            raise ValueError("is no name of one short line")
        return name

    @field_validator("quiet_hours")
    @classmethod
    def _quiet_hours_are_hours(cls, text: str) -> str:
        minutes_of_quiet_hours(text)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for what, names in (
            ("project with the id", [p.id for p in self.project]),
            ("person with the os_user", [p.os_user for p in self.person]),
            ("person with the name", [p.name for p in self.person]),
            ("source with the name", [a.name for a in self.alertmanager] + [p.name for p in self.prometheus]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"there is more than one {what} {shown(name)}")
        if self.mode is not Mode.OBSERVE and not self.person:
            raise ValueError(f"the mode is {self.mode}, but no [[person]] is named who could decide")
        return self

    def project_by_id(self, project_id: str) -> Project | None:
        """The project with this id."""
        return next((p for p in self.project if p.id == project_id), None)

    def agent_id(self, name: str) -> str | None:
        """The id of an agent or person the routine names, in any case; None means nothing can be sent (D14)."""
        folded = name.casefold()
        return next((id_ for known, id_ in self.agents.items() if known.casefold() == folded), None)

    def is_quiet(self, now: int) -> bool:
        """Whether `now` (UTC milliseconds) lies in the quiet hours."""
        hours = minutes_of_quiet_hours(self.quiet_hours)
        if hours is None:
            return False
        start, end = hours
        minute = now // MINUTE % (24 * 60)
        return start <= minute < end if start < end else minute >= start or minute < end

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The keys of every action."""
        return resolve(self.keymap)


def load(profile: Profile | str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a profile, by name in the user's own folders or as paths.

    `overrides` are settings from flags; they win over the environment, which wins over the file.
    Raises `ConfigMissing` if the profile was never set up, `ConfigError` for anything wrong in it.
    """
    if isinstance(profile, str):
        profile = Locations.find().profile(profile)
    file = profile.config_file
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise ConfigMissing(
            f"There is no profile {profile.name} yet: {file} does not exist.",
            "Run `stas demo` to look around, or `stas init` for your own repository.",
        ) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Check its permissions.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}, line {line}: the text is not UTF-8.", "Save the file as UTF-8.") from None
    return load_text(text, file, profile.name, overrides)


def load_text(text: str, file: Path, profile: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings that a configuration text gives; `file` is what sentences call it. Raises `ConfigError`."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(*broken_toml(text, file, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply.", "Stas needs two levels of tables at most.") from None
    named = written.get("profile", profile)
    lines = lines_of(text)
    if named != profile:
        raise ConfigError(
            f"{file}, line {line_of(lines, ('profile',))}: the file calls itself profile {shown(named)},"
            f" but it lies in profile {profile}.",
            "Remove that line.",
        )
    environment = _from_environment()
    merged = _over(_over(written, environment), {**(overrides or {}), "profile": profile})
    explainer = Explainer(Settings, file, lines, environment)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        problems = explainer.sentences(error)
        raise ConfigError("\n".join(problems), explainer.mend(error)) from None
    try:
        resolve(settings.keymap)
    except ConfigError as error:
        raise ConfigError(f"{explainer.place(('keymap',))}{error.what}", error.mend) from None
    return settings


def person_for(settings: Settings, os_user: str) -> Person | None:
    """The person an operating-system user is; None may look but not decide."""
    return next((person for person in settings.person if person.os_user == os_user), None)


def _from_environment() -> dict[str, Any]:
    """What `STAS_…` variables say. Most starts have none, and are spared the library that reads them."""
    if not any(name.upper().startswith(ENV_PREFIX) and name.upper() not in NO_SETTINGS for name in os.environ):
        return {}
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

    class FromEnvironment(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__")

    try:
        return EnvSettingsSource(FromEnvironment)()
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = ENV_PREFIX + field[1].upper() if field else f"A variable that starts with {ENV_PREFIX}"
        raise ConfigError(
            f"{name} in the environment cannot be read as JSON.",
            'Write lists as ["a", "b"] and tables as {"name": "value"}, or unset it.',
        ) from None


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, table by table; lists are replaced as a whole."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, Mapping) else value
    return merged


def effective(settings: Settings) -> str:
    """The settings as JSON for people and scripts; secrets are masked."""
    return json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2)
