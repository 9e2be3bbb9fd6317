"""Step 8: which pull requests want a review before their merge, and what reading says of each (R14, R100-R104)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import HOUR
from storage.records import DataState, Finding, MessageType, PullRequest, Trust
from tests.door.shop import AGENT, BASE, T0, Shop, commit, git, like, message
from tests.steps.outside import step, walk

UNSAFE = "services:\n  checkout:\n    image: shop/checkout:latest\n    privileged: true\n"


class CutForge(LocalGitForge):
    """Lists some of the files and says how many it did not."""

    def pr_files(self, repo: Repo, number: int) -> list[str]:
        return ["docs/a.md", "… 12 more not shown"]


class BlindForge(LocalGitForge):
    """Lists pull requests and has none of their commits."""

    def pull_objects(self, repo: Repo, pr: PullRequest) -> Any:
        raise ForgeError("the branch is gone")


def pull(shop: Shop, files: dict[str, str], *, head: str = "infra/edge", body: str = "", **fields: Any) -> PullRequest:
    """Somebody's pull request with these files."""
    git("checkout", "-q", "-B", head, BASE, cwd=shop.person_clone)
    sha = commit(shop.person_clone, files, f"infra: {head}")
    git("push", "-q", shop.remote, head, cwd=shop.person_clone)
    git("checkout", "-q", BASE, cwd=shop.person_clone)
    values: dict[str, Any] = {"author": "lena", "title": f"infra: {head}", "body": body, "created_at": T0 - HOUR}
    return shop.world.add_pr(
        PullRequest(number=0, project_id="shop", base=BASE, head=head, head_sha=sha, **{**values, **fields})
    )


def rows(shop: Shop) -> list[dict[str, Any]]:
    walk(shop, 8)
    return [dict(row) for row in step(shop, 8).data["reviews"]]


def finding(shop: Shop, subject: str) -> Finding:
    found = shop.context.findings.of_pulse(shop.pulse.id, "pre-merge review")
    return next(one for one in found if one.subject == subject)


def test_R100_files_of_infrastructure_make_it_due_and_nothing_else_does(shop: Shop) -> None:
    pull(shop, {"docs/a.md": "a"}, head="docs/a")
    pull(shop, {"services/checkout/pool.py": "LIMIT = 5\n"}, head="app/pool")
    due = [
        pull(shop, {name: text}, head=f"infra/{n}").number
        for n, (name, text) in enumerate(
            {
                "Dockerfile": "FROM python:3.12-slim\nUSER app\n",
                ".github/workflows/ci.yml": "on: push\n",
                "config/app.toml": "a = 1\n",
                "migrations/0001_a.up.sql": "create table a (id integer);\n",
            }.items()
        )
    ]
    assert sorted(row["number"] for row in rows(shop)) == due


def test_R101_what_is_unsafe_is_flagged_with_its_place(shop: Shop) -> None:
    pr = pull(shop, {"docker-compose.yml": UNSAFE})
    [row] = rows(shop)
    assert (row["number"], row["author"], row["head"]) == (pr.number, "lena", pr.head_sha)
    assert row["groups"] == ["service orchestration"]
    assert (row["verdict"], row["proposal"]) == ("flagged", "request changes")
    assert {id_: verdict for id_, verdict, _ in row["answers"]}["safety"] == "flagged"
    found = finding(shop, "#1")
    assert found.verdict == "flagged"
    assert found.reason.startswith("request changes: Operational safety: docker-compose.yml:4:")
    assert {"#1", "docker-compose.yml:4"} <= {proof.ref for proof in found.evidence}
    assert step(shop, 8).note == "0 merges, 1 review, 1 flagged"


def test_R102_a_way_back_in_the_text_and_nothing_found_is_still_no_proof(shop: Shop) -> None:
    body = "## Change\nA limit.\n\n## Rollback\n1. Run `git revert --no-edit HEAD` and deploy (5 min)\n"
    pull(shop, {"config/app.toml": "a = 2\n"}, body=body)
    [row] = rows(shop)
    assert row["verdict"] == "unknown"
    assert "open" in row["said"]
    assert "verified" not in [verdict for _, verdict, _ in row["answers"]]


def test_the_own_pull_request_of_the_agent_is_reviewed_by_others(shop: Shop) -> None:
    pull(shop, {"Dockerfile": "FROM a:1\n"}, author=AGENT, task_id="T-1")
    assert rows(shop) == []


def test_R14_what_somebody_asks_for_is_due_whatever_it_touches(shop: Shop) -> None:
    pull(shop, {"docs/a.md": "a"}, head="docs/a")
    shop.world.deliver(message("M-1", MessageType.REVIEW_REQUEST, "please look", "PR #1 is ready", sender="dev"))
    [row] = rows(shop)
    assert row["why"] == "dev asks"


def test_R14_404_says_number_and_place_and_the_message_stays_open(shop: Shop) -> None:
    shop.world.deliver(message("M-9", MessageType.REVIEW_REQUEST, "Please review PR 999", sender="dev"))
    assert rows(shop) == []
    found = finding(shop, "#999")
    assert found.verdict == "unknown"
    assert found.reason == "M-9 asks for a review of #999, which is not in shop; the message stays open"
    assert shop.world.inbox_count(AGENT) == 1
    assert step(shop, 8).data_state is DataState.UNKNOWN


def test_a_stranger_cannot_make_work_with_a_number_of_another_project(shop: Shop) -> None:
    asked = message("M-9", MessageType.REVIEW_REQUEST, "PR 999", sender="x@example.org", trust=Trust.EXTERNAL)
    shop.world.deliver(replace(asked, project_id="other"))
    assert rows(shop) == []
    assert shop.context.findings.of_pulse(shop.pulse.id, "pre-merge review") == []


def test_R100_a_list_that_is_cut_counts_as_touching_everything(shop: Shop) -> None:
    pull(shop, {"docs/a.md": "a"})
    shop.wire(forge=lambda real: like(real, CutForge))
    [row] = rows(shop)
    assert row["why"] == "list cut: 12 more not shown"


def test_R101_without_its_diff_there_is_no_verdict(shop: Shop) -> None:
    pull(shop, {"Dockerfile": "FROM a:latest\n"})
    shop.wire(forge=lambda real: like(real, BlindForge))
    [row] = rows(shop)
    assert (row["verdict"], row["proposal"], row["answers"]) == ("unknown", "", [])
    assert finding(shop, "#1").reason == "it could not be read: the branch is gone"


def test_a_secret_in_a_title_stays_out_of_the_record(shop: Shop) -> None:
    secret = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    pull(shop, {"Dockerfile": "FROM a:1\n"}, title=f"infra: {secret}")
    rows(shop)
    assert secret.encode() not in shop.profile.record_db.read_bytes()
