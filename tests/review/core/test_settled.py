"""A rehearsal that came back settles what the checks beside it could only read; it never takes back a flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stas_tui.review.runner import Answered, Review, review
from storage.check_records import CheckResult, Lead, Verdict
from storage.clock import DAY
from tests.review.worlds import Repository

ENDS = 5 * DAY
ASK = Lead(rule="drop-column", text="drops the column a.b; how much could not be counted", accuses=False)
FLAG = Lead(rule="left-behind", text="column a.b stays behind")


def said(check: str, verdict: Verdict = Verdict.UNKNOWN, **more: Any) -> CheckResult:
    ending = "a rehearsal (C3) settles it" if check == "C2" else "reading alone does not verify"
    fields = {"reason": f"no lead; {ending}", "live": verdict is Verdict.VERIFIED, **more}
    return CheckResult(check=check, project_id="shop", verdict=verdict, **fields)


REHEARSED = said("C3", Verdict.VERIFIED, reason="1 revision up, down and up again: all came back", expires_at=ENDS)


def asked(*results: CheckResult) -> Review:
    return Review(project_id="shop", base="b", head="h", files=(), results=results)


def rollback(review: Review) -> Answered:
    return next(answer for answer in review.answers if answer.question.id == "rollback")


@pytest.mark.parametrize("check", ["C1", "C2", "C4", "C5"])
def test_what_was_only_read_is_settled_by_the_rehearsal_and_says_so(check: str) -> None:
    answer = rollback(asked(said(check), REHEARSED))
    assert answer.verdict is Verdict.VERIFIED
    settled = next(one for one in answer.results if one.check == check)
    assert settled.reason == f"no lead; settled by C3: {REHEARSED.reason}"
    assert (settled.live, settled.expires_at) == (True, ENDS)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.FLAGGED])
def test_a_rehearsal_that_did_not_come_back_settles_nothing(verdict: Verdict) -> None:
    leads = (FLAG,) if verdict is Verdict.FLAGGED else ()
    found = asked(said("C2"), said("C3", verdict, leads=leads))
    assert found.results[0].verdict is Verdict.UNKNOWN
    assert rollback(found).verdict is verdict


def test_a_flag_stays_a_flag() -> None:
    for check in ("C1", "C2", "C4", "C5"):
        found = asked(said(check, Verdict.FLAGGED, leads=(FLAG,)), REHEARSED)
        assert rollback(found).verdict is Verdict.FLAGGED
        assert found.results[0].leads == (FLAG,)


@pytest.mark.parametrize("check", ["C1", "C4", "C5"])
def test_a_question_about_rows_or_the_line_is_not_answered_by_an_empty_database(check: str) -> None:
    found = asked(said(check, leads=(ASK,)), REHEARSED)
    assert found.results[0].verdict is Verdict.UNKNOWN
    assert rollback(found).verdict is Verdict.UNKNOWN


def test_a_question_about_the_way_back_is() -> None:
    found = asked(
        said("C2", leads=(ASK,), reason="1 question about the way back; a rehearsal (C3) settles it"), REHEARSED
    )
    assert rollback(found).verdict is Verdict.VERIFIED
    assert found.questions == ()


def test_what_the_rehearsal_does_not_run_is_not_settled_by_it() -> None:
    found = asked(
        said("C6"), said("C8"), said("C14"), said("C15"), said("C2", reason="the check broke: KeyError"), REHEARSED
    )
    assert {one.check for one in found.results if one.verdict is Verdict.VERIFIED} == {"C3"}


# whole reviews, rehearsed on a scratch SQLite file ------------------------------------------------

FIRST = {
    "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT);\n",
    "migrations/0001_a.down.sql": "DROP TABLE a;\n",
}
SECOND = {
    "migrations/0002_b.up.sql": "ALTER TABLE a ADD COLUMN b TEXT;\n",
    "migrations/0002_b.down.sql": "ALTER TABLE a DROP COLUMN b;\n",
}
PLAN = "## Rollback Plan\n\n1. `migrate down 1` takes 0002 back\n2. `kubectl rollout undo deploy/shop`\n"


def reviewed(folder: Path, files: dict[str, str], plan: str = PLAN, **more: Any) -> Answered:
    change = Repository(folder).changed(FIRST, {**FIRST, **files}, plan=plan, **more)
    return rollback(review(change, ("migrations", "plan", "rehearsal")))


def test_a_rehearsed_migration_with_a_plan_has_a_verified_way_back(tmp_path: Path) -> None:
    answer = reviewed(tmp_path, SECOND)
    assert answer.verdict is Verdict.VERIFIED, {one.check: one.reason for one in answer.results}
    assert {one.check for one in answer.results} == {"C1", "C2", "C3", "C4", "C5", "C15"}


def test_read_alone_it_is_unknown(tmp_path: Path) -> None:
    assert reviewed(tmp_path, SECOND, rehearse=False).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("plan", ["", "Rollback: we will see about 0002\n"])
def test_without_a_plan_whose_steps_can_be_run_it_is_not_verified(tmp_path: Path, plan: str) -> None:
    assert reviewed(tmp_path, SECOND, plan).verdict is Verdict.UNKNOWN


def test_a_plan_for_more_than_migrations_is_not_rehearsed_by_them(tmp_path: Path) -> None:
    files = {**SECOND, "Dockerfile": "FROM python:3.11-slim\nUSER app\n"}
    assert reviewed(tmp_path, files).verdict is Verdict.UNKNOWN


def test_a_way_down_that_was_not_understood_may_demand_something_of_rows(tmp_path: Path) -> None:
    change = Repository(tmp_path).changed(
        {}, {
            "alembic.ini": "[alembic]\nscript_location = db\n", "db/env.py": "\n",
            "db/versions/1_a.py": "from alembic import op\nfrom shop.helpers import demand\nrevision = 'r1'\n"
            "down_revision = None\ndef upgrade():\n    op.create_table('t')\n"
            "def downgrade():\n    op.drop_table('t')\n    op.execute(demand())\n",
        },
    )  # fmt: skip
    found = {one.check: one for one in review(change, ("migrations",)).results}
    assert [lead.rule for lead in found["C5"].leads] == ["not-understood"]
    assert "was not understood" in found["C5"].reason
