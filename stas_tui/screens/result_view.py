"""The result of a run as rows: class and facts, deviations to tick, verification, what was not listed (R86-R91)."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from storage.records import Json, Outcome
from widgets.paint import Line, Palette, Span
from widgets.printable import flat, safe_text, wrap
from widgets.text_view import BuiltScroll
from widgets.tokens import Mark

OUTCOME_MARKS = {
    Outcome.SUCCESS.value: Mark.OK,
    Outcome.PARTIAL.value: Mark.WARN,
    Outcome.RULE4.value: Mark.HUMAN,
    Outcome.FAILURE.value: Mark.FAIL,
}
CHECK_MARKS = {"passed": Mark.DONE, "failed": Mark.FAIL, "not run": Mark.UNKNOWN, "timeout": Mark.FAIL}
RULES = {1: "repaired a bug", 2: "added a missing guard", 3: "unblocked build or dependency", 4: "architecture"}


class ResultView(BuiltScroll):
    """The result as rows: class and facts, deviations to tick, verification, files, diff."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, result: Json) -> None:
        super().__init__()
        self.result = result
        self.ticked: set[int] = set()
        self._rows: list[Line] = []

    def build(self, width: int, palette: Palette) -> int:
        """Lay out everything; nothing is folded."""
        result, report = self.result, self.result["report"]
        rows: list[Line] = []
        mark = OUTCOME_MARKS.get(result["outcome"], Mark.UNKNOWN)
        rows.append(
            [
                palette.mark(mark),
                Span(f" {result['outcome']}", palette.mark(mark).ink, bold=True),
                Span(f"  {flat(result['kind'])}", "ink-2"),
            ]
        )
        for fact in result["because"]:
            rows += _wrapped(f"because {fact}", width, "  ", "ink-2")
        rows += [[], [Span("WHAT IT SAYS", "ink-2", bold=True), Span("  said, not seen", "ink-3")]]
        rows += _wrapped(report["summary"] or "nothing", width, "  ")
        if report["deviations"]:
            rows += [
                [],
                [Span("DEVIATIONS", "ink-2", bold=True), Span("  a number ticks one after you looked at it", "ink-3")],
            ]
        for n, deviation in enumerate(report["deviations"]):
            done = n in self.ticked
            glyph = palette.mark(Mark.DONE if done else Mark.TODO)
            rule = RULES.get(deviation["rule"], "")
            rows.append([glyph, Span(f" {n + 1}  rule {deviation['rule']}: {rule}", "ink", bold=True)])
            rows += _wrapped(deviation["what"], width, "     ")
            if deviation["why"]:
                rows += _wrapped(f"why: {deviation['why']}", width, "     ", "ink-2")
            touched = deviation["tenant_isolation"]
            rows += _wrapped(
                f"tenant isolation: {touched}; files: {', '.join(deviation['files']) or 'not named'}",
                width,
                "     ",
                "ink-2" if touched == "none" else "warn",
            )
        if report["blocker"]:
            rows += [[], [Span("BLOCKER", "human", bold=True)], *_wrapped(report["blocker"], width, "  ")]
            for option in report["options"]:
                rows += _wrapped(f"- {option}", width, "  ", "ink-2")
            if report["recommendation"]:
                rows += _wrapped(f"it recommends: {report['recommendation']}", width, "  ", "ink-2")
        rows += [[], [Span("VERIFICATION", "ink-2", bold=True), Span("  run by Stas in a fresh checkout", "ink-3")]]
        if not result["verification"]:
            rows.append([palette.mark(Mark.UNKNOWN), Span(" nothing was run", "ink-2")])
        for check in result["verification"]:
            glyph = palette.mark(CHECK_MARKS.get(check["state"], Mark.UNKNOWN))
            rows.append([glyph, Span(f" {check['state']}  ", glyph.ink), Span(flat(check["command"]))])
            if check["detail"]:
                rows += _wrapped(check["detail"], width, "    ", "ink-3")
        for path in result["undeclared"]:
            rows.append([palette.mark(Mark.WARN), Span(f" not listed in the prompt: {flat(path)}", "warn")])
        if report["rollback"]:
            rows += [[], [Span("ROLLBACK", "ink-2", bold=True)], *_wrapped(report["rollback"], width, "  ")]
        self._rows = [[Span(" "), *row] for row in rows]
        return len(self._rows)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One row."""
        return self._rows[index]


def _wrapped(text: str, width: int, indent: str, ink: str = "ink") -> list[Line]:
    rows: list[Line] = []
    for line in safe_text(text).split("\n"):
        rows += [[Span(indent + row, ink)] for row in wrap(line, width - len(indent) - 2)]
    return rows
