"""Files as they come: newer syntax, broken, hostile; none of them ends a scan."""

from __future__ import annotations

import ast

import pytest

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.parse import LARGEST, Unreadable, older, parse
from stas_tui.isolation.code.words import words_of
from tests.isolation.code.samples import leads, rules

NEWER = [
    "try:\n    x()\nexcept ValueError, KeyError:\n    pass\ny = 1\n",
    "try:\n    x()\nexcept* (a.B, C):\n    pass\n",
    "type Pair[T] = tuple[T, T]\ny = 1\n",
    "def first[T: (int, str)](items: list[T]) -> T:\n    return items[0]\n",
    "class Box[T,\n    U]:\n    x: T\n\ny = 1\n",
    "async def f[**P](*args: P.args): ...\n",
]


@pytest.mark.parametrize("source", NEWER)
def test_newer_syntax_is_read_line_for_line(source: str) -> None:
    tree = parse(source.encode())
    last = source.rstrip("\n").count("\n") + 1
    assert max(getattr(node, "end_lineno", 0) or 0 for node in ast.walk(tree)) == last
    assert older(source).count("\n") == source.count("\n")


def test_queries_behind_newer_syntax_are_found() -> None:
    source = """
        class Items[T]:
            def get[S](self, session, tenant_id, item_id):
                try:
                    return session.get(Item, item_id)
                except KeyError, ValueError:
                    return None
        """
    assert rules(source) == ["unused-tenant"]
    assert leads(source)[0].line == 5


@pytest.mark.parametrize(
    "data",
    [
        b"def f(:\n  select(1)",
        b"select(\x00)",
        b"x = select(" + b"(" * 20_000,
        b"x = select(" + b"-" * 200_000 + b"1)",
        b"select(Item)" + b".where(x)" * 20_000,
        b"select\n" + b"x" * LARGEST,
    ],
)
def test_what_cannot_be_parsed_says_why(data: bytes) -> None:
    facts = read("app/x.py", data, words_of(None))
    assert facts.keys() == {"u"}
    assert facts["u"]
    with pytest.raises(Unreadable):
        parse(data) if b".where" not in data else parse(b"def")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# -*- coding: klingon -*-\nselect(Item)\n",
        b"\xef\xbb\xbfselect(Item)\n",
        b"# \xff\xfe latin\n",
        b"select = '\xc3\x28'\n",
        b"if select:\r\n  pass\r\n",
    ],
)
def test_odd_files_are_no_failure(data: bytes) -> None:
    read("app/x.py", data, words_of(None))


def test_most_files_are_not_parsed_at_all() -> None:
    assert read("app/x.py", b"def broken(:\n", words_of(None)) == {}


def test_sql_files_say_which_tables_have_a_tenant() -> None:
    sql = b'CREATE TABLE IF NOT EXISTS public."Items" (id int, tenant_id int);\nALTER TABLE parts ADD COLUMN x int;'
    facts = read("db/x.sql", sql, words_of(None))
    assert [list(entry) for entry in facts["T"]] == [["items", ["tenant_id"]], ["parts", []]]
