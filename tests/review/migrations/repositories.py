"""Real repositories with migrations, and the change between their last two commits."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stas_tui.review.base import Change
from storage.check_records import CheckResult, Lead
from tests.review.worlds import Repository

INI = """\
[alembic]
script_location = %(here)s/db
prepend_sys_path = .
sqlalchemy.url = postgresql://app:hunter2hunter2@db.production.example/app
"""

ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
section = config.get_section(config.config_ini_section)
with engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def change(folder: Path, before: Mapping[str, str], after: Mapping[str, str], **more: Any) -> Change:
    """The change from one whole set of files to another."""
    gone = dict.fromkeys(before.keys() - after.keys())
    return Repository(folder).changed(before, {**after, **gone}, **more)


def revision(id_: str, parent: object, up: str, down: str | None, *, head: str = "") -> str:
    """The text of an Alembic revision; `down` None leaves its function out."""
    parts = [
        "from alembic import op\nimport sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql\n" + head,
        f"revision = {id_!r}\ndown_revision = {parent!r}\n",
        f"def upgrade():\n{_body(up)}",
    ]
    if down is not None:
        parts.append(f"def downgrade():\n{_body(down)}")
    return "\n\n".join(parts)


def _body(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip() or "pass", "    ") + "\n"


def alembic(*revisions: tuple[str, str, str | None], start: Mapping[str, str] | None = None) -> dict[str, str]:
    """An Alembic repository with the revisions r1, r2, …, each given as (name of its file, way up, way down)."""
    files = {"alembic.ini": INI, "db/env.py": ENV, **(start or {})}
    for number, (name, up, down) in enumerate(revisions, 1):
        parent = f"r{number - 1}" if number > 1 else None
        files[f"db/versions/{number:04}_{name}.py"] = revision(f"r{number}", parent, up, down)
    return files


def by_check(results: Any) -> dict[str, CheckResult]:
    """Results by the id of their check."""
    found = {result.check: result for result in results}
    assert found
    return found


def rules(result: CheckResult, *, accusing: bool = True) -> set[str]:
    """Rules of its leads."""
    return {lead.rule for lead in result.leads if lead.accuses or not accusing}


def texts(leads: tuple[Lead, ...]) -> str:
    """All sentences, for a search."""
    return "\n".join(f"{lead.place} {lead.text}" for lead in leads)
