"""The table that says how a project's migrations are rehearsed before a merge (R48, R64, R102)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stas_tui.config_base import Table
from stas_tui.config_sources import Credential

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""


class Rehearse(Table):
    """`[project.rehearse]`: how migrations are tried out on a scratch database, never on one that holds anything."""

    python: str = Field("", pattern=r"^(/.+)?$")
    """Interpreter in which the project's own packages are installed, an absolute path; empty means that of Stas."""
    server: Credential = Credential()
    """Where the connection string of a PostgreSQL on this machine comes from; empty means a private one is started."""
    engine: Literal["auto", "postgresql", "sqlite"] = "auto"
    """Database that the migrations are written for; `auto` reads it from them."""
    dump: str = ""
    """Schema of the database before the change as SQL, absolute or in the repository; empty means the chain is run."""
    seconds: float = Field(120.0, ge=5, le=3_600)
    """Seconds that a whole rehearsal may take."""
    always: bool = False
    """Whether a review on the screen rehearses without being asked."""
    env: dict[Variable, str] = {}
    """Variables that the project's environment needs in order to load; no secrets, they are seen by its code."""
    url_env: tuple[Variable, ...] = ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL", "DB_URL")
    """Variables that hold the scratch database's address during a rehearsal."""
