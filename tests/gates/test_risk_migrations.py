"""R48, R64, D13: what the rollback row says of migrations comes from their syntax tree, where that can be had."""

from __future__ import annotations

import pytest

from stas_tui.gates.risk import Risk, RiskRow, assess_changes, assess_plan
from stas_tui.gates.risk_migrations import MOST_READ
from storage.records import Changes, FileChange, Task, TaskClass
from tests.review.migrations.repositories import revision

TASK = Task(id="T-1", project_id="shop", title="infra: a migration", task_class=TaskClass.INFRA, created_at=0)
REVISION = "db/migrations/versions/2_x.py"
UP = "db/migrations/0002_x.up.sql"
DOWN = "db/migrations/0002_x.down.sql"
PLAN = "## Rollback Plan\n\n1. `migrate down 1`\n"


def added(files: dict[str, str]) -> str:
    """The diff that adds these files, as git writes it."""
    parts = []
    for path, text in files.items():
        lines = text.removesuffix("\n").split("\n")
        parts += [f"diff --git a/{path} b/{path}", "new file mode 100644", "index 0000000..1111111", "--- /dev/null"]
        parts += [f"+++ b/{path}", f"@@ -0,0 +1,{len(lines)} @@", *(f"+{line}" for line in lines)]
    return "\n".join(parts) + "\n"


def risk(files: dict[str, str], *, cut: bool = False, patch: str = "", short: int = 0) -> Risk:
    changed = tuple(
        FileChange(
            path=path, status="A", insertions=text.removesuffix("\n").count("\n") + 1, deletions=0, size=len(text)
        )
        for path, text in files.items()
    )
    patch = patch or added(files)
    made = Changes(
        base_sha="b",
        head_sha="h",
        files=changed,
        commits=(),
        uncommitted=0,
        patch=patch[: len(patch) - short],
        patch_cut=cut,
    )
    return assess_changes(TASK, made, PLAN)


def rollback(files: dict[str, str], **more: object) -> RiskRow:
    return risk(files, **more).row("rollback")  # type: ignore[arg-type]


def alembic(up: str, down: str | None, head: str = "") -> dict[str, str]:
    return {REVISION: revision("r2", "r1", up, down, head=head)}


def test_data_that_goes_is_named_with_the_line_of_the_operation() -> None:
    files = alembic("op.drop_column('t', 'a')", "op.add_column('t', sa.Column('a', sa.Integer))")
    row = rollback(files)
    assert row.level == "crit"
    line = files[REVISION].split("\n").index("    op.drop_column('t', 'a')") + 1
    assert row.evidence[0].ref == f"{REVISION}:{line}"
    assert "drops the column t.a" in row.text
    assert "irreversible" in risk(files).g2_because


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("op.create_table('x')", "for name in ('x',):\n    op.drop_table(name)"),
        ("op.drop_index('i')", "op.create_index('i', 't', ['a'])"),
        ("op.create_table('x')\nop.execute('DROP TABLE x')\nop.create_table('y')", "op.drop_table('y')"),
        ("op.drop_constraint('drop_table_check', 't')\nop.drop_index('i')", "op.create_index('i', 't', ['a'])"),
    ],
)
def test_words_that_destroy_nothing_are_no_destruction(up: str, down: str) -> None:
    row = rollback(alembic(up, down))
    assert (row.level, [proof.text for proof in row.evidence if "DROP" in proof.text]) == ("warn", [])


def test_a_loss_that_no_pattern_knows_is_found() -> None:
    row = rollback(
        alembic("table = 't'\nwith op.batch_alter_table(table) as batch:\n    batch.drop_column('a')", "pass")
    )
    assert row.level == "crit"
    assert "drops the column t.a" in row.text


@pytest.mark.parametrize(
    ("down", "sentence"),
    [("pass", "does nothing"), (None, "there is no way down"), ("raise NotImplementedError", "declared irreversible")],
)
def test_a_way_back_that_is_none_is_none(down: str | None, sentence: str) -> None:
    files = alembic("op.create_table('x')", down)
    row = rollback(files)
    assert row.level == "crit"
    assert sentence in row.text
    assert row.evidence[0].ref.startswith(f"{REVISION}:")
    assert risk(files).g2


def test_plain_sql_is_read_with_its_way_back() -> None:
    lost = "ALTER TABLE a DROP COLUMN b;\n"
    assert rollback({UP: lost, DOWN: "ALTER TABLE a ADD COLUMN b int;\n"}).level == "crit"
    assert rollback({UP: "ALTER TABLE a ADD COLUMN b int;\n", DOWN: lost}).level == "warn"
    assert "no way down" in rollback({UP: "ALTER TABLE a ADD COLUMN b int;\n"}).text


def test_what_is_not_understood_is_still_searched_by_words() -> None:
    for line in (
        "op.execute(helper.sql('drop table t'))",
        "os.system('rm -rf /var/lib/data')",
        "op.execute('drop database shop')",
        "op.execute('drop table if exists t')",
        "op.execute('create table if not exists u (a int)')\n    op.drop_table('u')",
        "op.execute('do $$ begin delete from t; end $$')",
    ):
        row = rollback(
            alembic(f"op.create_table('x')\n{line}", "op.drop_table('x')", "from shop import helper\nimport os\n")
        )
        assert (row.level, line.split("\n")[-1].strip()[:30] in row.text) == ("crit", True), line


def test_a_statement_beside_one_that_is_not_understood_is_searched_too() -> None:
    files = {UP: "drop index i; do $$ begin delete from t; end $$;\n", DOWN: "create index i on t (a);\n"}
    assert rollback(files).level == "crit"


def test_a_file_that_the_diff_does_not_hold_whole_is_searched_by_words() -> None:
    files = alembic("op.create_table('x')", "pass")
    assert rollback(files).level == "crit"
    assert rollback(files, cut=True, short=6).level == "warn"
    text = alembic("op.drop_table('t')", "op.create_table('t')")
    patch = (
        added(text).replace("new file mode 100644\n", "").replace("/dev/null", f"a/{REVISION}").replace("-0,0", "-1,9")
    )
    assert "op.drop_table" in rollback(text, patch=patch).text


def test_sql_of_a_plan_is_read_and_its_prose_searched() -> None:
    def plan(change: str) -> RiskRow:
        text = f"## What To Build/Change\n\n{change}\n\n{PLAN}"
        return assess_plan(TASK, ["db/x.py"], text).row("rollback")

    assert plan("```sql\nCREATE TABLE n (a int);\nDROP TABLE n;\n```").level != "crit"
    found = plan("```sql\nTRUNCATE ONLY t;\n```")
    assert (found.level, "empties the table t" in found.text) == ("crit", True)
    assert plan("```sql\nDROP INDEX i;\n```").level != "crit"
    assert plan("Then drop table t.").level == "crit"


def test_beyond_what_is_read_words_are_searched() -> None:
    files = {f"db/migrations/{n:04}_x.up.sql": "create index i on t (a);\n" for n in range(MOST_READ)}
    files |= {name.replace(".up.", ".down."): "drop index i;\n" for name in files}
    files["db/migrations/9999_x.up.sql"] = "drop table t;\n"
    row = rollback(files)
    assert "drop table t;" in row.text
