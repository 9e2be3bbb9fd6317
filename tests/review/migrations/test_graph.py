"""C1: heads, parents, and what happened to migrations that are already out there."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.review.migrations import run
from storage.check_records import CheckResult, Verdict
from tests.review.migrations.repositories import alembic, by_check, change, revision, rules, texts

FIRST = ("first", "op.create_table('t', sa.Column('id', sa.Integer))", "op.drop_table('t')")
SECOND = ("second", "op.add_column('t', sa.Column('a', sa.Integer))", "op.drop_column('t', 'a')")
PAIR = {"migrations/0001_a.up.sql": "create table a (id int);", "migrations/0001_a.down.sql": "drop table a;"}


def c1(folder: Path, before: dict[str, str], after: dict[str, str]) -> CheckResult:
    return by_check(run(change(folder, before, after, only=frozenset({"C1"}))))["C1"]


def test_one_line_of_migrations_gives_no_lead_and_is_not_verified(tmp_path: Path) -> None:
    found = c1(tmp_path, alembic(FIRST), alembic(FIRST, SECOND))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.leads
    assert "no lead" in found.reason
    assert "head r2" in found.reason
    assert not found.live


def test_two_heads_are_flagged_on_the_new_ones(tmp_path: Path) -> None:
    base = alembic(FIRST)
    branch = {"db/versions/x.py": revision("rx", "r1", "pass", "pass")}
    found = c1(tmp_path, {**base}, {**alembic(FIRST, SECOND), **branch})
    assert rules(found) == {"several-heads"}
    assert {lead.path for lead in found.leads} == {"db/versions/0002_second.py", "db/versions/x.py"}


def test_a_merge_brings_heads_together(tmp_path: Path) -> None:
    branch = {"db/versions/x.py": revision("rx", "r1", "pass", "pass")}
    before = {**alembic(FIRST, SECOND), **branch}
    after = {**before, "db/versions/m.py": revision("rm", ("r2", "rx"), "", "")}
    assert not c1(tmp_path, before, after).leads


def test_heads_that_were_there_before_are_not_the_changes_fault(tmp_path: Path) -> None:
    branch = {"db/versions/x.py": revision("rx", "r1", "pass", "pass")}
    before = {**alembic(FIRST, SECOND), **branch}
    after = {**before, "db/versions/y.py": revision("ry", "rx", "pass", "pass")}
    found = c1(tmp_path, before, after)
    assert found.verdict is Verdict.UNKNOWN
    assert [lead.accuses for lead in found.leads] == [False]


def test_a_parent_that_is_not_there_is_flagged(tmp_path: Path) -> None:
    lost = {"db/versions/x.py": revision("rx", "nowhere", "pass", "pass")}
    found = c1(tmp_path, alembic(FIRST), {**alembic(FIRST, SECOND), **lost})
    assert "missing-parent" in rules(found)
    assert "nowhere" in texts(found.leads)


def test_a_circle_is_flagged(tmp_path: Path) -> None:
    circle = {f"db/versions/{a}.py": revision(f"r{a}", f"r{b}", "pass", "pass") for a, b in (("x", "y"), ("y", "x"))}
    assert "circle" in rules(c1(tmp_path, alembic(FIRST), {**alembic(FIRST), **circle}))


def test_an_altered_migration_is_flagged_and_an_altered_comment_is_not(tmp_path: Path) -> None:
    before = alembic(FIRST, SECOND)
    path = "db/versions/0001_first.py"
    commented = {**before, path: '"""Better words."""\n\n# and a comment\n' + before[path]}
    assert not c1(
        tmp_path / "comment", before, {**commented, **alembic(FIRST, SECOND, SECOND)} | {path: commented[path]}
    ).leads
    altered = {**before, path: before[path].replace("sa.Integer", "sa.BigInteger")}
    found = c1(tmp_path / "altered", before, altered)
    assert rules(found) == {"edited-revision"}
    assert found.leads[0].path == path


def test_a_deleted_migration_is_flagged(tmp_path: Path) -> None:
    found = c1(tmp_path, alembic(FIRST, SECOND), alembic(FIRST))
    assert rules(found) == {"deleted-revision"}


def test_two_files_with_one_id_are_flagged(tmp_path: Path) -> None:
    after = {**alembic(FIRST), "db/versions/z.py": revision("r1", None, "pass", "pass")}
    assert "same-id" in rules(c1(tmp_path, alembic(FIRST), after))


@pytest.mark.parametrize(
    ("added", "rule"),
    [
        ({"migrations/0001_b.up.sql": "select 1", "migrations/0001_b.down.sql": "select 1"}, "same-id"),
        ({"migrations/0000_b.up.sql": "select 1", "migrations/0000_b.down.sql": "select 1"}, "late-number"),
        ({"migrations/0003_b.down.sql": "select 1"}, "odd-file"),
        ({"migrations/0001_a.up.sql": "create table a (id bigint);"}, "edited-revision"),
    ],
)
def test_pairs_of_sql_have_an_order_too(tmp_path: Path, added: dict[str, str], rule: str) -> None:
    assert rule in rules(c1(tmp_path, PAIR, {**PAIR, **added}))


def test_a_comment_in_sql_alters_nothing(tmp_path: Path) -> None:
    more = {"migrations/0002_b.up.sql": "select 1", "migrations/0002_b.down.sql": "select 1"}
    after = {**PAIR, **more, "migrations/0001_a.up.sql": "-- why\ncreate  table a (id int);"}
    assert not c1(tmp_path, PAIR, after).leads


def test_other_kinds_are_named_and_not_judged(tmp_path: Path) -> None:
    django = {
        "shop/migrations/0001_initial.py": "from django.db import migrations as m\nclass Migration(m.Migration): ..."
    }
    results = by_check(run(change(tmp_path, {"a": ""}, {"a": "", **django})))
    assert set(results) == {"C1", "C2", "C4", "C5", "C6"}
    for found in results.values():
        assert found.verdict is Verdict.UNKNOWN
        assert "Django" in found.reason
        assert found.leads[0].path == "shop/migrations/0001_initial.py"


def test_a_change_without_migrations_says_nothing(tmp_path: Path) -> None:
    assert list(run(change(tmp_path, alembic(FIRST), {**alembic(FIRST), "app.py": "x = 1"}))) == []


def test_hostile_names_and_texts_stay_one_redacted_line(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    name = "db/versions/0009_\x1b[31m\u202eevil; rm -rf.py"
    hostile = {name: revision("x\x1b]0;y\x07\n# " + token, "gone " + token, "op.execute('--')", "pass")}
    found = c1(tmp_path, alembic(FIRST), {**alembic(FIRST), **hostile})
    assert "missing-parent" in rules(found)
    for lead in found.leads:
        assert lead.text.isprintable(), lead.text
        assert token not in lead.text + lead.code + lead.anchor + found.reason
