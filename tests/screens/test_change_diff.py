"""Where in a diff a finding stands: by its line, by its code where numbers moved, nowhere if that cannot be said."""

from __future__ import annotations

import pytest

from stas_tui.screens.change_review_diff import line_of
from storage.check_records import Lead

PATCH = """\
diff --git a/compose.yml b/compose.yml
--- a/compose.yml
+++ b/compose.yml
@@ -1,4 +1,5 @@
 services:
-    image: caddy:2
+    image: caddy:latest
+    ports:
   other:
@@ -40,3 +41,4 @@
   last:
+    image: caddy:latest
     mem_limit: 64m
\\ No newline at end of file
"""


def lead(line: int, code: str = "") -> Lead:
    return Lead(rule="r", text="t", path="compose.yml", line=line, code=code)


@pytest.mark.parametrize(
    ("about", "found"),
    [
        (lead(2), "+    image: caddy:latest"),
        (lead(3), "+    ports:"),
        (lead(43), "     mem_limit: 64m"),
        (lead(2, "image: caddy:latest"), "+    image: caddy:latest"),
        (lead(0, "mem_limit: 64m\nmore"), "     mem_limit: 64m"),
        (lead(1, "image: caddy:2"), "-    image: caddy:2"),
    ],
)
def test_the_line_of_a_finding(about: Lead, found: str) -> None:
    number = line_of(PATCH, about)
    assert number is not None
    assert PATCH.split("\n")[number] == found


def test_of_two_lines_with_the_same_code_the_nearer_one() -> None:
    assert (line_of(PATCH, lead(2, "image: caddy:latest")), line_of(PATCH, lead(42, "image: caddy:latest"))) == (6, 11)


def test_a_line_that_moved_is_found_by_its_code() -> None:
    assert line_of(PATCH, lead(90, "image: caddy:latest")) == 6


@pytest.mark.parametrize("about", [lead(0), lead(7), lead(7, "not in it"), lead(0, "+++ b/compose.yml")])
def test_what_is_not_in_the_diff_has_no_line(about: Lead) -> None:
    assert line_of(PATCH, about) is None
