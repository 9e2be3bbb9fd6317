"""A review as rows: what each question is told by, what two checks say, and a change that is too large for a list."""

from __future__ import annotations

from pathlib import Path

from stas_tui.review.codec import Arriving
from stas_tui.screens.change_review_rows import MOST_FILES, MOST_LEADS, Spot, spots, tally
from stas_tui.screens.change_review_text import standing
from storage.check_records import CheckResult, Lead, Verdict
from storage.records import PullRequest, PullReview
from widgets.tokens import Mark

HEAD, OLD = "b" * 40, "c" * 40


def known(*results: CheckResult, files: tuple[str, ...] = ("compose.yml",), whole: bool = True) -> Arriving:
    begun = {
        "project": "p", "base": "a" * 40, "head": HEAD, "cut": "", "at": 1,
        "files": [[path, "modified", "", False, False] for path in files],
    }  # fmt: skip
    pull = PullRequest(
        number=1, project_id="p", title="t", body="", base="main", head="h", head_sha=HEAD, author="lena"
    )
    titles = {f"C{n}": f"title {n}" for n in range(1, 17)}
    return Arriving(pull=pull, git_dir=Path(), begun=begun, titles=titles, results=list(results), whole=whole)


def said(check: str, verdict: Verdict, reason: str = "a reason", *leads: Lead) -> CheckResult:
    live = {"live": True, "executed": ("x",), "control": "c", "expires_at": 9} if verdict is Verdict.VERIFIED else {}
    return CheckResult(
        check=check,
        project_id="p",
        verdict=verdict,
        reason=reason,
        target="t",
        started_at=1,
        ended_at=1,
        leads=leads,
        **live,  # type: ignore[arg-type]
    )


def lead(n: int = 1, *, severity: str = "warn", accuses: bool = True, text: str = "") -> Lead:
    return Lead(
        rule="r",
        text=text or f"text {n}",
        path="compose.yml",
        line=n,
        code=f"code {n}",
        severity=severity,
        accuses=accuses,
    )


def of(rows: list[Spot], question: str) -> list[Spot]:
    """A question's row and those below it."""
    start = next(n for n, spot in enumerate(rows) if spot.answer and spot.answer.question.id == question)
    end = next((n for n, s in enumerate(rows[start + 1 :], start + 1) if s.answer), len(rows))
    return rows[start:end]


def texts(spot: Spot) -> tuple[str, ...]:
    return tuple(cell.text for cell in spot.row.cells)


def test_what_one_check_alone_says_stands_on_the_row_of_its_question() -> None:
    [row, *rest] = of(spots(known(said("C14", Verdict.UNKNOWN, "nobody was asked"))), "monitoring")
    assert texts(row) == ("Monitoring", "unknown", "nobody was asked")
    assert [spot.key for spot in rest if spot.result] == []


def test_a_question_counts_what_stands_below_it_gravest_first() -> None:
    results = (
        said("C9", Verdict.VERIFIED, "it ran"),
        said("C13", Verdict.UNKNOWN, "not looked"),
        said("C10", Verdict.FLAGGED, "bad", lead(1), lead(2, severity="crit"), lead(3, accuses=False)),
        said("C12", Verdict.UNKNOWN, "no Terraform file is touched"),
    )
    row, *below = of(spots(known(*results)), "safety")
    assert texts(row) == ("Operational safety", "flagged", "2 findings, 1 to look at, 1 unknown, 1 verified")
    states = [spot.row.state for spot in below]
    assert states == [Mark.FAIL, Mark.WARN, Mark.HUMAN, Mark.UNKNOWN, Mark.DONE, Mark.NONE]
    assert texts(below[0]) == ("compose.yml:2", "", "text 2")
    assert texts(below[-1]) == ("Not touched", "", "Terraform file")


def test_what_two_checks_say_of_one_place_is_one_row() -> None:
    results = (said("C2", Verdict.FLAGGED, "x", lead()), said("C3", Verdict.FLAGGED, "x", lead(severity="crit")))
    row, *below = of(spots(known(*results)), "rollback")
    assert texts(row)[2] == "1 finding"
    assert [(spot.row.state, spot.result.check) for spot in below if spot.result] == [(Mark.FAIL, "C3")]


def test_until_everything_was_asked_nothing_is_called_unknown() -> None:
    row = of(spots(known(whole=False)), "safety")[0]
    assert (texts(row), row.row.state) == (("Operational safety", "asking", ""), Mark.RUN)
    row = of(spots(known(said("C10", Verdict.FLAGGED, "x", lead()), whole=False)), "safety")[0]
    assert texts(row)[1] == "flagged"


def test_a_change_that_is_too_large_for_a_list_says_how_much_is_not_listed() -> None:
    files = tuple(f"src/file{n}.py" for n in range(MOST_FILES + 30))
    leads = tuple(lead(n) for n in range(1, MOST_LEADS + 21))
    found = spots(known(said("C10", Verdict.FLAGGED, "x", *leads), files=files))
    row, *below = of(found, "safety")
    assert texts(row)[2] == f"{MOST_LEADS + 20} findings"
    assert texts(below[MOST_LEADS])[2] == "and 20 more places; enter lists all of them"
    assert any(texts(spot)[2] == "and 30 more files" for spot in found)
    assert len(found) < MOST_FILES + MOST_LEADS + 20


def test_two_places_of_one_rule_have_rows_of_their_own() -> None:
    same = lead(1, text="the same"), lead(1, text="another")
    found = spots(known(said("C10", Verdict.FLAGGED, "x", *same)))
    assert len({spot.key for spot in found}) == len(found)


def test_the_tally_counts_places_once() -> None:
    results = (
        said("C2", Verdict.FLAGGED, "x", lead(1), lead(2, accuses=False)),
        said("C3", Verdict.FLAGGED, "x", lead(1)),
        said("C14", Verdict.UNKNOWN, "no rule was told"),
        said("C9", Verdict.UNKNOWN, "no Dockerfile is touched"),
    )
    assert tally(known(*results)) == "1 finding, 1 to look at, 1 unknown"
    assert tally(known()) == "no finding"


def test_what_follows_tells_what_was_sent_about_which_commit() -> None:
    def sent(commit: str) -> PullReview:
        return PullReview(
            project_id="p", number=1, id=commit[:4], event="comment", commit_sha=commit, body="x", author="Stas", at=0
        )

    at = known(said("C2", Verdict.FLAGGED, "x", lead()))
    assert standing(at) == "Proposed: request changes."
    at.sent = (sent(OLD),)
    assert standing(at) == "Proposed: request changes. What was sent is about an earlier commit."
    at.sent = (sent(HEAD), sent(OLD))
    assert standing(at) == "Stas sent «comment» about this commit."
    assert [texts(s)[2] for s in spots(at) if s.sent] == [
        f"comment by Stas, about an earlier commit, {OLD[:8]}",
        "comment by Stas, about this commit",
    ]


def test_verdicts_that_cannot_be_read_are_unknown_and_not_absent() -> None:
    [row] = [spot for spot in spots(known(), "GitHub did not answer") if spot.key == "sent"]
    assert (texts(row), row.row.state) == (("Sent verdicts", "unknown", "GitHub did not answer"), Mark.UNKNOWN)
