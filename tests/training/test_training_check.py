"""What a lesson must hold besides its grammar is told with place and remedy."""

from __future__ import annotations

import pytest
from small_lesson import TEXT, lesson

from stas_tui.training.check import check
from stas_tui.training.reading import Problem

TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


def problems(*changes: tuple[str, str]) -> list[Problem]:
    return list(check(lesson(*changes)).problems)


def line_of(piece: str) -> int:
    return TEXT[: TEXT.index(piece)].count("\n") + 1


def test_the_small_lesson_holds() -> None:
    report = check(lesson())
    assert report.ok
    assert report.scores["ideal"].percent == 100
    assert not report.scores["approve everything"].passed
    assert not report.scores["reject everything"].passed


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('on = "a2"', 'on = "a9"', 'on = "a2"', "is on a9, and no inject has that ref"),
        ('ref = "al1"', 'ref = "m1"', 'ref = "al1"', "m1 is the ref of another one already"),
        ('id = "d2"', 'id = "d0"', 'id = "d2"', "d0 is the id of another one already"),
        ('decided = "d1", within', 'decided = "d9", within', 'when = { decided = "d1", within', "no such decision"),
        ('caused_by = "m1"', 'caused_by = "m9"', "caused_by", "caused_by is m9, and no inject has that ref"),
        ('ref = "al1"', 'ref = "al1"\ntrap = "noise"', 'name = "DiskFull"', "nothing scores the trap noise"),
        ("why = \"Its base is main, and all work here targets multi-tenant.\"", "", "", "decision d1 has no why"),
        ('hint = ["What has changed since the first one?"]', "", "", "decision d2 has no hint"),
        ('also_ok = ["pause_pulse"]', 'also_ok = ["approve"]', "deadly =", "approve is right and deadly at once in d1"),
        ('by = "+3m"', 'by = "+8m"', 'by = "+3m"', "may be made until +8m20s, and the lesson ends at +8m"),
        ('name = "alertmanager"', 'name = "other"', "[[inject]]                      # unless", "source alertmanager"),
        ('kind = "alerts"', 'kind = "ci"', "[[inject]]                      # unless", "which is of kind ci"),
        ('id = "T-1"\nproject = "shop"', 'id = "T-1"\nproject = "shp"', "", "there is no project shp in the world"),
        ('taskId = "T-1", title = "infra: alert on a full disk", base = "main"', 'taskId = "T-7", base = "main"',
         'base = "main"', "there is no task T-7 in the world"),
        ('"opened:m1"', '"opened:m7"', '"opened:m1"', "m7 in opened:m7 is nothing that can be opened"),
        ('"opened:m1"', '"opened:m1.text"', '"opened:m1"', "m1 has no part text that can be opened"),
        ('"opened:a2.base"', '"opened:a2.bas"', '"opened:a2.base"', "a2 has no part bas that can be opened"),
        ('else_at = "+4m"', 'else_at = "+8m"', 'else_at = "+4m"', "this never happens: the lesson ends at +8m"),
        ('else_at = "+4m"', 'else_at = "+30s"', 'else_at = "+4m"', "comes before d1 can be decided, at +40s"),
        ('at = "+20s"', 'at = "+9m"', 'at = "+20s"', "this never happens"),
        ('by = "+2m"\nevidence = ["opened:a2.base"]', 'by = "+7m"\nevidence = ["opened:a2.base"]', "", "comes up at"),
        ('ref = "al1"', 'ref = "alert-12"', 'ref = "al1"', "alert-12 is a ref that Stas gives itself"),
        ("# A lesson: a small world", f"# {TOKEN} a small world", "# A lesson", "looks like a secret (github-token)"),
        ('says = "Now', f'says = "{TOKEN} Now', 'says = "Now', "looks like a secret (github-token)"),
        ('says = "Now', f'says = "\\u0067{TOKEN[1:]} Now', 'says = "Now', "looks like a secret (github-token)"),
        ("seed = 1 ", 'canaries = ["abc"]\nseed = 1 ', "seed = 1 ", "fewer than 6 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(old: str, new: str, place: str, words: str) -> None:
    found = problems((old, new))
    fits = [problem for problem in found if words in problem.what]
    assert fits, [problem.said("x") for problem in found]
    assert fits[0].mend
    if place:
        assert fits[0].spot.line == line_of(place)


def test_a_canary_may_look_like_a_secret() -> None:
    assert not problems(('says = "Now', f'says = "{TOKEN} Now'), ("seed = 1 ", f'canaries = ["{TOKEN}"]\nseed = 1 '))


def test_a_chain_of_consequences_that_cannot_begin_is_told() -> None:
    found = problems(('when = { decided = "d1", verbs', 'when = { decided = "d2", verbs'))
    assert any("this can never happen" in problem.what for problem in found)


def test_a_trap_in_a_message_is_scored_by_the_action_that_it_causes() -> None:
    assert not problems(
        ('type = "help_request"', 'type = "help_request"\ntrap = "prompt_injection"'),
        ('on = "m1"', 'on = "a1"'),
        ('expected = "own"', 'expected = "reject"'),
        ('also_ok = ["message_agent", "create_task"]', ""),
    )


def said(*changes: tuple[str, str]) -> str:
    return " ".join(problem.what for problem in problems(*changes))


def test_the_careful_run_has_to_pass() -> None:
    """One answer settles both decisions about a1, and is right for d1 only."""
    words = said(
        ('on = "m1"', 'on = "a1"'),
        ('expected = "own"', 'expected = "reject"'),
        (
            'expected = "reject"\nalso_ok = ["pause_pulse"]\ndeadly = ["approve", "edit_and_approve"]',
            'expected = "approve"',
        ),
    )
    assert "does not pass" in words
    assert "Lost at: d0 wrong, 0 of 10" in words


def test_refusing_everything_must_not_pass() -> None:
    words = said(("pass_percent = 70", "pass_percent = 30"), ("floor_percent = 40", "floor_percent = 0"))
    assert words == "who does nothing but reject everything passes with 39.2 %"


def test_approving_everything_must_not_pass() -> None:
    """a1 is harmless now, so that approving it is right, and nothing else counts for much."""
    words = said(
        ("pass_percent = 70", "pass_percent = 30"),
        ("floor_percent = 40", "floor_percent = 0"),
        ('approve_of = ["pr_targets_main"]', ""),
        (
            'expected = "reject"\nalso_ok = ["pause_pulse"]\ndeadly = ["approve", "edit_and_approve"]',
            'expected = "approve"',
        ),
        ('verbs = ["reject"]', 'verbs = ["approve"]'),
    )
    assert words == "who does nothing but approve everything passes with 58.8 %"


def test_noise_is_bounded() -> None:
    noise = '[[noise]]\ncount = 500\nfrom = ["bot"]\ntexts = ["fine"]\nend = "+1m"\n'
    found = check(lesson(text=TEXT + 3 * noise)).problems
    assert [problem.what for problem in found] == ["there are more than 1000 messages of noise"]
    assert check(lesson(text=TEXT + 2 * noise)).ok
