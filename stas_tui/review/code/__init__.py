"""C8: queries, routes, keys and jobs that a change introduces and that leave the tenant out (R49, R103, R109)."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import UNDECLARED, Spec
from stas_tui.review.base import Change, result
from storage.check_records import CheckResult, Verdict

CHECKS = (
    Spec(
        id="C8",
        point="queries",
        title="New queries keep tenants apart",
        method="Rules Q1 to Q3 and Q5 to Q8 on the code of both sides; what only the head has, on lines of the change.",
        live=False,
        precision="a filter under a condition 28 of 29; the others are often wrong, and stand on lines that are read",
    ),
)


def run(change: Change) -> Iterator[CheckResult]:
    """One result. Raises `Cancelled`."""
    if not change.wants("C8"):
        return
    from stas_tui.forges.base import ForgeError
    from stas_tui.isolation.code.words import words_of
    from stas_tui.review.code.leads import introduced_leads, unread

    words = words_of(change.tenancy)
    files = [file for file in change.files if file.status != "deleted" and words.wanted(file.path)]
    if not files:
        yield result(change, "C8", Verdict.UNKNOWN, "no code of the application is touched")
        return
    change.step("C8: reading the code of both sides")
    try:
        leads = introduced_leads(change, files)
        left_out = unread(change, files)
    except ForgeError as error:
        yield result(change, "C8", Verdict.UNKNOWN, f"the code could not be read: {error}")
        return
    accused = [lead for lead in leads if lead.accuses]
    more = {"leads": tuple(leads), "counts": {"files": len(files), "leads": len(leads), "unread": len(left_out)}}
    if accused:
        rest = f", and {len(accused) - 1} more" if len(accused) > 1 else ""
        yield result(change, "C8", Verdict.FLAGGED, f"{accused[0].text}{rest}", **more)
        return
    reason = _open(len(leads), len(files))
    if left_out:
        reason += f"; {left_out[0]} could not be understood"
    if change.cut:
        reason += f"; {change.cut}"
    if change.tenancy is None:
        reason += f"; {UNDECLARED}"
    yield result(change, "C8", Verdict.UNKNOWN, reason, **more)


def _open(leads: int, files: int) -> str:
    if leads:
        return f"{leads} place{'s' if leads > 1 else ''} may leave the tenant out; a person must look"
    return (
        f"no lead in {files} file{'s' if files > 1 else ''} of code; reading never verifies, Q4 and P2 would settle it"
    )
