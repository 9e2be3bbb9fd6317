"""A tenancy file is drafted from what a repository declares, can be read back, and is nothing but a draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.cli import main
from stas_tui.forges.git import Git
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.drafting.draft import draft_of, text_of
from stas_tui.isolation.drafting.tables import Found, tables_of
from stas_tui.isolation.git_tree import CommitTree
from stas_tui.isolation.tenancy import load_text
from tests.review.worlds import Repository

SQL = """
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE invoices (id bigserial PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants(id), total int);
CREATE TABLE lines (id bigserial PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES invoices(id));
CREATE TABLE notes (id bigserial PRIMARY KEY, line_id bigint NOT NULL REFERENCES lines(id));
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE schema_migrations (version text);
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
"""
MODELS = """
class Org(Base):
    __tablename__ = "orgs"
    id = Column(UUID, primary_key=True)

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))

class Tag(SQLModel, table=True):
    id: int = Field(primary_key=True)
    org_id: int | None = Field(foreign_key="orgs.id")
"""
REVISION = """
def upgrade():
    op.create_table("jobs", sa.Column("id", sa.Integer(), nullable=False), sa.Column("tenant_id", sa.Integer()))
"""
DJANGO = """
class Order(models.Model):
    tenant = models.ForeignKey("core.Tenant", on_delete=models.CASCADE)
    total = models.IntegerField()
"""


def found_in(folder: Path, files: dict[str, str]) -> Found:
    repository = Repository(folder)
    return tables_of(CommitTree(Git(), repository.folder / ".git", repository.commit(files)))


def drafted(folder: Path, files: dict[str, str]) -> Tenancy:
    text = text_of(draft_of(found_in(folder, files)), project="shop", tenants=("acme", "globex"), catalogue=None)
    return load_text(text, folder / "tenancy.toml")


def test_sql_tells_tables_of_tenants_their_children_and_what_nobody_knows(tmp_path: Path) -> None:
    draft = draft_of(found_in(tmp_path, {"db/schema.sql": SQL}))
    assert draft.columns == ("tenant_id",)
    assert (draft.root, draft.key_type, draft.strategy) == ("tenants", "uuid", "rls")
    assert draft.scoped == ("invoices",)
    assert draft.by_parent == (("lines", "invoices", "invoice_id"), ("notes", "lines", "line_id"))
    assert draft.open == ("countries",)
    assert draft.bookkeeping == ("schema_migrations",)


def test_models_revisions_and_django_are_read(tmp_path: Path) -> None:
    tables = found_in(tmp_path, {"app/models.py": MODELS, "alembic/versions/1.py": REVISION, "sales/models.py": DJANGO})
    names = {name: {column.name for column in table.columns} for name, table in tables.tables.items()}
    assert names["items"] == {"id", "org_id"}
    assert names["tag"] == {"id", "org_id"}
    assert names["jobs"] == {"id", "tenant_id"}
    assert names["sales_order"] == {"tenant_id", "total"}
    items, tag = tables.tables["items"].column("org_id"), tables.tables["tag"].column("org_id")
    assert items is not None
    assert (items.refers, items.nullable) == ("orgs", False)
    assert tag is not None
    assert tag.nullable


def test_the_file_is_valid_and_only_a_draft(tmp_path: Path) -> None:
    tenancy = drafted(tmp_path, {"db/schema.sql": SQL})
    assert tenancy.completed_by == ""
    assert tenancy.tables.scoped == ("invoices",)
    assert [tenant.name for tenant in tenancy.tenant] == ["acme", "globex"]
    assert not tenancy.probes
    assert tenancy.database is None


def test_hostile_names_are_told_and_never_become_settings(tmp_path: Path) -> None:
    hostile = 'CREATE TABLE "a""]\nstrategy = x" (id int, tenant_id int NOT NULL);\nCREATE TABLE "b\x07#" (id int);'
    found = found_in(tmp_path, {"x.sql": hostile + SQL})
    draft = draft_of(found)
    assert draft.scoped == ("invoices",)
    assert any("cannot be declared" in remark for remark in draft.remarks)
    text = text_of(draft, project="shop", tenants=(), catalogue=None)
    assert "\nstrategy = x" not in text
    assert load_text(text, tmp_path / "tenancy.toml").tables.scoped == ("invoices",)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"m.py": "class A(models.Model:\n", "x.sql": "CREATE TABLE (((\n"})
    assert sorted(text.split(":")[0] for text in found.unread) == ["m.py", "x.sql"]


def test_the_command_drafts_once_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit({"db/schema.sql": SQL})
    where = ["--repository", str(repository.folder), "--file", str(tmp_path / "t.toml")]
    assert main(["tenancy", "init", *where]) == 0
    assert "2 tables" not in capsys.readouterr().err
    assert main(["tenancy", "init", *where]) == 2
    assert "`--force` replaces it" in capsys.readouterr().err
    assert main(["tenancy", "check", *where]) == 0
    assert "It is still a draft" in capsys.readouterr().out
    (tmp_path / "t.toml").write_text("strategy = 'rows'\n")
    assert main(["tenancy", "check", *where]) == 3
    assert "line 1: strategy must be one of row, rls, schema or database" in capsys.readouterr().err
