"""A review as lines for a terminal, as JSON for programs, and as the text of a comment on the forge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stas_tui.review.runner import Answered, Review, concerned
from stas_tui.texts.kinds import label_of
from stas_tui.texts.lines import count, listed, one_line
from storage.check_records import CheckResult, Lead, Verdict
from storage.clock import iso_seconds
from storage.records import Json

WORDS = {
    Verdict.FLAGGED: ("✖", "x", "flagged"),
    Verdict.UNKNOWN: ("◌", "?", "unknown"),
    Verdict.VERIFIED: ("✓", "v", "verified"),
    Verdict.NOT_APPLICABLE: ("·", ".", "n/a"),
}
"""Glyph, ASCII glyph, word."""
MOST_PATHS = 6
MOST_NOTED = 20
COMMENT_MAX = 60_000
"""Characters of a comment; GitHub takes 65,536."""


def lines(review: Review, *, ascii_only: bool = False) -> Iterator[str]:
    """The review for a terminal."""
    yield f"{review.project_id}  {review.base[:12]}..{review.head[:12]}  {count(len(review.files), 'file')}"
    if review.cut:
        yield f"Not all of it was read: {review.cut}."
    for kind, paths in review.groups.items():
        names = [one_line(path, 80) for path in paths]
        yield f"  {label_of(kind):<24} {listed(names, limit=MOST_PATHS)}"
    for answer in review.answers:
        yield ""
        glyph, word = _glyph(answer.verdict, ascii_only), WORDS[answer.verdict][2]
        yield f"{glyph} {answer.question.title}: {word}, {answer.reason}"
        for result in answer.results:
            yield f"    {_glyph(result.verdict, ascii_only)} {result.check:<4}{result.reason}"
            for lead in result.leads:
                yield from _lead(lead, "        ")
    if review.blast is not None:
        yield ""
        yield f"Touches: {review.blast.reason}"
    yield ""
    yield f"Proposed: {review.proposal}. A person sends it; approving stays with people on the forge."


def _glyph(verdict: Verdict, ascii_only: bool) -> str:
    return WORDS[verdict][1 if ascii_only else 0]


def _lead(lead: Lead, indent: str) -> Iterator[str]:
    ask = "" if lead.accuses else " (asks)"
    yield f"{indent}{lead.place or lead.rule}{ask}: {lead.text}"
    if lead.code:
        yield f"{indent}    {one_line(lead.code, 110)}"


def as_json(review: Review) -> Json:
    """The review for programs."""
    return {
        "project": review.project_id,
        "base": review.base,
        "head": review.head,
        "at": iso_seconds(review.at),
        "cut": review.cut,
        "files": [{"path": f.path, "status": f.status, "was": f.old_path} for f in review.files],
        "groups": {str(kind): paths for kind, paths in review.groups.items()},
        "questions": [
            {"id": a.question.id, "title": a.question.title, "verdict": str(a.verdict), "reason": a.reason}
            for a in review.answers
        ],
        "checks": [result_json(result) for result in review.results],
        "proposal": review.proposal,
    }


def result_json(result: CheckResult) -> Json:
    """One result for programs."""
    return {
        "check": result.check,
        "verdict": str(result.verdict),
        "reason": result.reason,
        "target": result.target,
        "counts": result.counts,
        "control": result.control,
        "tool": result.tool,
        "executed": list(result.executed),
        "leads": [
            {
                "rule": lead.rule,
                "severity": lead.severity,
                "accuses": lead.accuses,
                "path": lead.path,
                "line": lead.line,
                "text": lead.text,
                "code": lead.code,
                "fingerprint": lead.fingerprint,
            }
            for lead in result.leads
        ],
    }


def comment(review: Review) -> str:
    """The text of a comment or of a request for changes; a person reads and edits it before it is sent."""
    body = [f"## Infrastructure review of `{review.head[:12]}`", ""]
    if review.cut:
        body += [f"Not all of the change was read: {review.cut}.", ""]
    body += ["| question | verdict | why |", "| --- | --- | --- |"]
    body += [f"| {a.question.title} | {WORDS[a.verdict][2]} | {_cell(a)} |" for a in review.answers]
    flags = review.flags
    if flags:
        body += ["", "### To change", ""]
        body += _once(flags)
    asks = [pair for pair in review.questions if pair[0].verdict is not Verdict.VERIFIED]
    if asks:
        body += ["", "### To look at", "", "These rules are often wrong; please say if they are here.", ""]
        noted = _once(asks)
        body += noted[:MOST_NOTED]
        if len(noted) > MOST_NOTED:
            body.append(f"- and {len(noted) - MOST_NOTED} more")
    unknown = [r for a in review.answers for r in a.results if r.verdict is Verdict.UNKNOWN and concerned(r)]
    if unknown:
        body += ["", "### Not known", ""]
        body += [f"- {result.check}: {_safe(result.reason)}" for result in unknown]
    if review.blast is not None:
        body += ["", f"Touches: {_safe(review.blast.reason)}"]
    text = "\n".join(body) + "\n"
    return text if len(text) <= COMMENT_MAX else text[: COMMENT_MAX - 40].rsplit("\n", 1)[0] + "\n\n(cut: too long)\n"


def _once(pairs: Iterable[tuple[CheckResult, Lead]]) -> list[str]:
    """A line for each place and sentence, with every check that says it."""
    checks: dict[str, list[str]] = {}
    for result, lead in pairs:
        said = checks.setdefault(f"- {_place(lead)}: {_safe(lead.text)}", [])
        if result.check not in said:
            said.append(result.check)
    return [f"{line} ({', '.join(names)})" for line, names in checks.items()]


def _cell(answer: Answered) -> str:
    return _safe(answer.reason).replace("|", "\\|")


def _place(lead: Lead) -> str:
    return f"`{one_line(lead.place or lead.rule, 120).replace('`', '')}`"


def _safe(text: str) -> str:
    """One line in which outside text mentions nobody and makes no markup."""
    return one_line(text, 300).replace("@", "@\u2060").replace("<", "&lt;")
