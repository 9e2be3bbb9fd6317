"""Lines of JSON get the answer of `json`, one line after the other: on what is hard to read, generated, and mutated."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stas_tui.isolation.logs import counting
from stas_tui.isolation.logs.counting import NO_TENANTS, Form, count
from stas_tui.isolation.logs.lines import JsonLines

NAMES = {"tenant": ("tenant", "tenant_id"), "request": ("rid",), "level": ("level",), "logger": ("name", "logger")}
FORM = Form("json", **NAMES)
GOOD = b'{"tenant": "acme", "rid": "r1", "level": "info", "name": "app"}'
WHO = (*NAMES["tenant"], *NAMES["request"])


def by_json(line: bytes) -> dict[str, Any] | None:
    """What `json` says of a line; None if it is no object with plain values where they count."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or any(isinstance(row.get(name), dict | list) for name in WHO):
        return None
    return row


def value(row: dict[str, Any], role: str) -> Any:
    """The first field of a role that is there and plain; half a surrogate pair is shown as what it is."""
    found = next((row[name] for name in NAMES[role] if not isinstance(row.get(name), dict | list | None)), None)
    return found.encode("utf-8", "backslashreplace").decode() if isinstance(found, str) else found


def expected(data: bytes) -> dict[str, Any]:
    """The counts, from `json` line by line."""
    lines = [line for line in BytesIO(data) if line.strip()]
    rows = [row for row in map(by_json, lines) if row is not None]
    lack = [row for row in rows if not (named := value(row, "tenant")) or named in NO_TENANTS]
    where: Counter[str] = Counter()
    for row in lack:
        level, logger = value(row, "level"), value(row, "logger")
        where[f"{'' if level is None else str(level).lower()} {logger or ''}".strip() or "no level, no logger"] += 1
    return {
        "lines": len(lines),
        "unreadable": len(lines) - len(rows),
        "without": len(lack),
        "requests": sum(value(row, "request") is not None for row in rows),
        "requests_without": sum(value(row, "request") is not None for row in lack),
        "where": where,
    }


def counted(folder: Path, data: bytes, *, join: bool = True) -> dict[str, Any]:
    path = folder / "a.log"
    path.write_bytes(data)
    found = count(path, 0, len(data), FORM, join=join)
    return {name: getattr(found, name) for name in expected(b"")}


HARD = [
    b'{"name": {}, "logger": "x"}', b'{"level": null, "logger": [], "rid": "r"}',
    b'{"tenant\\u005fid": "acme"}', b'{"\\u0074enant": "acme"}', b'{"tenant": "a", "tenant": null}',
    b'{"tenant": null, "tenant": "a"}', b'{"tenant": {}, "tenant": "a"}', b'{"tenant": "a", "tenant": [1]}',
    b'{"ctx": {"tenant": "a"}}', b'{"ctx": [{"tenant": "a"}], "rid": 1}', b'{"msg": "\\"tenant\\": \\"a\\""}',
    b'{"tenant": ["a"]}', b'{"rid": {"a": 1}, "tenant": "a"}', b'{"level": {"a": 1}}', b'{"name": ["x"], "level": 3}',
    b'{"x": "\xff"}', b'{"tenant": "\xff"}', b'{"\xff": 1}', b'{"x": "\xc3\xbc"}', b'{"tenant": "\xc3\xbc"}',
    b'{"x": "\xed\xa0\x80"}', b'{"tenant": "\xed\xa0\x80"}', b'{"x": "\\ud800"}', b'{"tenant": "\\ud800"}',
    b'{"rid": "\\udfff\\ud800", "tenant": "a"}', b'{"tenant": "\\ud83d\\ude00"}', b'{"\\ud800": 1, "tenant": "a"}',
    b'{"x": NaN}', b'{"tenant": NaN}', b'{"x": Infinity, "tenant": "a"}', b'{"x": -Infinity}', b'{"x": nan}',
    b'{"x": 1e999}', b'{"tenant": 1e999}', b'{"tenant": -1e-999}', b'{"tenant": 0}', b'{"tenant": -0.0}',
    b'{"tenant": 0.0, "rid": 0}', b'{"tenant": false, "rid": false}', b'{"tenant": true, "rid": ""}', b'{"rid": null}',
    b'{"x": ' + b"1" * 4_300 + b"}", b'{"x": ' + b"1" * 4_301 + b"}", b'{"x": -' + b"9" * 4_301 + b"}",
    b'{"tenant": ' + b"1" * 4_301 + b"}", b'{"tenant": ' + b"1" * 300 + b"}", b'{"x": 1.' + b"0" * 5_000 + b"}",
    b'{"x": "' + b"1" * 9_000 + b'"}', b'{"tenant": 18446744073709551616, "rid": -9223372036854775809}',
    b'{"x": ' + b"[" * 300 + b"]" * 300 + b"}", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"[" * 100_000, b'{"x": ' * 3_000 + b"1" + b"}" * 3_000,
    b"", b" ", b"\t\r", b'{"tenant": "a"}\r', b"\r{}", b'{"a"\r: 1}', b"{}\r{}", b"{} {}", b"{}{}", b"{},{}", b"{},",
    b'{"a":', b"1}", b'{"tenant": "a"', b'"rid": 1}', b'{"a": [', b"]}", b'{"a": "x', b'y"}', b'{"x": "a\tb"}',
    b'{"x": "\x00"}', b'{"x": "\x7f"}', b'{"x": "\\q"}', b'{"x": "\\u12"}', b'{"tenant": "\\/\\b\\f"}', b"{'a': 1}",
    b"[]", b"1", b'"x"', b"null", b"true", b'{"a": 1,}', b'{"a": 1}}', b'{"a": 1} x', b'{"x": 01}', b'{"x": 1.}',
    b'{"x": .5}', b'{"x": +1}', b'{"x": -}', b'{"x": 0x1}', b'{"x": 1_0}', b'{"x": tru}', b'{"a":\x0b1}', b"\x0c{}",
    b"\xef\xbb\xbf{}", b'\xef\xbb\xbf{"tenant": "a"}', b"\xfe\xff", b"\x00{\x00}", b"{\x00}\x00", b"{}\xc2\xa0",
    b'{"tenant": "unknown"}', b'{"tenant": "n/a", "tenant_id": "a"}', b'{"tenant": null, "tenant_id": "a"}',
    b'{"level": "ERROR", "logger": "db", "rid": "r2"}', b"Traceback (most recent call last):", GOOD,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HARD)))
@pytest.mark.parametrize("around", [b"", GOOD + b"\n", b"no json\n", b'{"x": "\xc3\xbc"}\n'])
def test_a_line_that_is_hard_to_read_counts_as_json_says(tmp_path: Path, number: int, around: bytes) -> None:
    data = around + HARD[number] + b"\n" + around
    assert counted(tmp_path, data) == expected(data)


def test_all_of_them_together(tmp_path: Path) -> None:
    data = b"\n".join(HARD) + b"\n"
    assert counted(tmp_path, data) == expected(data)
    assert expected(data)["unreadable"] > 40
    assert expected(data)["lines"] - expected(data)["unreadable"] > 40


@pytest.mark.parametrize(
    "lines",
    [
        [b"{}{}", b'{"a":', b"1}"],
        [b'{"tenant": "a", "x":', b'{"rid": 1}}', b'{"tenant": "a"} {"rid": 2}'],
        [b'{"a": "x', b'y"}', b"{}{}"],
    ],
)
def test_values_that_share_or_span_lines_are_not_readable_even_if_their_number_is_right(
    tmp_path: Path, lines: list[bytes]
) -> None:
    found = counted(tmp_path, b"\n".join([GOOD, *lines, GOOD]) + b"\n")
    assert (found["lines"], found["unreadable"]) == (len(lines) + 2, len(lines))


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    data = GOOD + b"\n" + GOOD[:20]
    assert counted(tmp_path, data) == expected(GOOD + b"\n")


def test_lines_that_are_longer_than_a_block_are_read_whole(tmp_path: Path) -> None:
    long = b'{"x": "' + b"a" * (3 * counting.BLOCK) + b'", "tenant": "a"}'
    digits = b'{"x": ' + b"7" * (2 * counting.BLOCK) + b"}"
    data = b"\n".join([GOOD, long, GOOD, digits, long[:-1], long]) + b"\n"
    assert counted(tmp_path, data) == expected(data)


@pytest.mark.parametrize("before", range(0, 700, 61))
def test_a_number_with_too_many_digits_is_found_wherever_it_stands(tmp_path: Path, before: int) -> None:
    line = b'{"x": ' + b"3" * 4_301 + b', "tenant": "a"}\n'
    data = (GOOD + b"\n") * (before // 61) + b'{"y": "' + b"b" * before + b'"}\n' + line
    assert counted(tmp_path, data)["unreadable"] == expected(data)["unreadable"] == 1


def test_a_name_that_no_decoder_takes_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b'{"my \\"tenant\\"": "a", "rid": 1}\n\n{"rid": 2}\nno json\n')
    found = count(path, 0, path.stat().st_size, Form("json", tenant=('my "tenant"',), request=("rid",)))
    assert (found.lines, found.without, found.requests, found.unreadable) == (3, 1, 2, 1)


# generated ----------------------------------------------------------------------------------------

names = st.sampled_from(["tenant", "tenant_id", "rid", "level", "logger", "name", "x", "é", "a b", "ten", ""])
texts = st.one_of(
    st.sampled_from(
        ["", "null", "none", "-", "unknown", "acme", "ERROR", "tenant", '"tenant":"a"', "\\", "\n", "é", "😀"]
    ),
    st.text(st.characters(codec=None), max_size=8),
)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**30, 10**40), st.floats(), texts, texts, texts
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """An object as text: keys may be repeated or escaped, spaces stand anywhere, text may be raw or escaped."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        key = json.dumps(draw(names), ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 5)) == 0 and len(key) > 2:
            key = f'"\\u{ord(json.loads(key)[0]):04x}' + json.dumps(json.loads(key)[1:])[1:]
        text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()))
        space = draw(st.sampled_from(["", " ", "\t", " \r"]))
        parts.append(f"{key}{space}:{draw(st.sampled_from(['', ' ']))}{text}")
    text = draw(st.sampled_from(["", " "])) + "{" + ",".join(parts) + "}" + draw(st.sampled_from(["", "\r", " "]))
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An object with a few bytes put in, taken out or written over."""
    data = bytearray(draw(objects() | st.sampled_from([line for line in HARD if len(line) < 100])))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        new = draw(
            st.sampled_from([*b'{}[]":,\\ \t\r\n019.-+eEtfnuN\x00\x1f\x7f\x80\xc3\xed\xff']) | st.integers(0, 255)
        )
        data[at : at + draw(st.integers(0, 2))] = bytes([new]) * draw(st.integers(0, 2))
    return bytes(data)


lines = st.one_of(objects(), objects(), mutated(), st.sampled_from(HARD), st.binary(max_size=20), st.just(GOOD))


@settings(max_examples=400, deadline=None)
@given(st.lists(lines, max_size=12), st.booleans())
@example([b'{"a":', b"1}", b"{}{}"], False)
@example([b'{"a":1', b'"b":2}', b"{},{}"], False)
def test_every_line_counts_as_json_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], join: bool
) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert counted(tmp_path_factory.mktemp("lines"), data, join=join) == expected(data)


@settings(max_examples=600, deadline=None)
@given(lines)
def test_every_line_is_read_as_json_reads_it(line: bytes) -> None:
    """By itself, each field of it, and in one block with others."""
    line = line.replace(b"\n", b" ") + b"\n"
    reader = JsonLines(*NAMES.values())
    for before in (b"", GOOD + b"\n"):
        read, rows = reader.read(before + line)
        if not line.strip():
            assert (rows[-1:] == []) is (before == b"")
            continue
        row = by_json(line)
        assert (rows[-1] is reader.unreadable) is (row is None)
        if row is None:
            continue
        who = reader.tenants(rows[-1:]), reader.requests(rows[-1:])
        found = next(zip(*who, *reader.said(read[-1:], rows[-1:]), strict=True))
        wanted = tuple(value(row, role) for role in NAMES)
        assert repr(found) == repr(wanted)
