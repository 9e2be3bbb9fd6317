"""What the tests of the code checks share: a small application, and its tenancy."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.project import Read, judged
from stas_tui.isolation.code.scanner import Scanned
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.declared import Tenancy
from storage.check_records import Lead

MODELS = """
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

class Base: ...

class TenantMixin:
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    tenant: Mapped["Tenant"] = relationship()

class Tenant(Base):
    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)

class Item(TenantMixin, Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column()
    token_hash: Mapped[str] = mapped_column(unique=True)
    serial: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("items.id"))

class Part(TenantMixin, Base):
    __tablename__ = "parts"
    __table_args__ = (UniqueConstraint("tenant_id", "slug"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    slug: Mapped[str] = mapped_column()

class Country(Base):
    __tablename__ = "countries"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column()
"""


def tenancy(**more: object) -> Tenancy:
    """A tenancy of rows, completed by a person."""
    return Tenancy(strategy="row", columns=("tenant_id",), root="tenants", completed_by="Ada", **more)  # type: ignore[arg-type]


def project(files: Mapping[str, str], declared: Tenancy | None = None, *, undeclared: bool = False) -> Read:
    """What is said of a project with these files, beside the models."""
    words = words_of(None if undeclared else declared or tenancy())
    facts = {}
    for path, source in {"app/models.py": MODELS, **files}.items():
        if found := read(path, textwrap.dedent(source).encode(), words):
            facts[path] = found
    unread = {path: found["u"] for path, found in facts.items() if "u" in found}
    return judged(
        Scanned(files={p: f for p, f in facts.items() if "u" not in f}, total=len(facts), unread=unread), words
    )


def leads(
    source: str, *, path: str = "app/crud.py", declared: Tenancy | None = None, notes: bool = False
) -> list[Lead]:
    """Leads in one file of the application."""
    found = project({path: source}, declared).leads
    return [lead for lead in found if lead.path == path and (notes or lead.severity != "note")]


def rules(source: str, **more: object) -> list[str]:
    """Rules of those leads."""
    return [lead.rule for lead in leads(source, **more)]  # type: ignore[arg-type]
