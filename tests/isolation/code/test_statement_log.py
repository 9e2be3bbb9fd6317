"""Logs of statements as PostgreSQL writes them: csv and stderr, several lines, other roles, and anything else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from stas_tui.isolation.code import postgres_log, statement_log
from stas_tui.isolation.code.postgres_log import LogUnreadable
from stas_tui.isolation.code.statement_log import read_log, shape

STDERR = """\
2026-01-01 10:00:00.000 UTC [7] app@shop LOG:  statement: select 1 from items
\twhere tenant_id = 4
2026-01-01 10:00:00.000 UTC [7] app@shop LOG:  duration: 0.021 ms  parse <unnamed>: select 2 from items
2026-01-01 10:00:00.000 UTC [7] app@shop LOG:  duration: 0.034 ms  bind <unnamed>: select 2 from items
2026-01-01 10:00:00.000 UTC [7] app@shop LOG:  duration: 1.121 ms  execute <unnamed>: select 2 from items where id = $1
2026-01-01 10:00:00.000 UTC [7] app@shop DETAIL:  parameters: $1 = 'LOG:  statement: select 3 from items'
2026-01-01 10:00:00.000 UTC [7] app@shop ERROR:  relation "x" does not exist at character 15
2026-01-01 10:00:00.000 UTC [7] app@shop STATEMENT:  select 4 from x
2026-01-01 10:00:01.000 UTC [7] app@shop LOG:  statement: select 1 from items\twhere tenant_id = 5
2026-01-01 10:00:01.000 UTC [7] app@shop LOG:  statement: BEGIN
2026-01-01 10:00:01.000 UTC [7] app@shop LOG:  duration: 3.000 ms  statement: delete from items
2026-01-01 10:00:01.000 UTC [7] app@shop LOG:  checkpoint starting: time
"""


def line(user: str, database: str, message: str, *, level: str = "LOG", application: str = "web") -> list[str]:
    row = [""] * 26
    row[0], row[1], row[2], row[11], row[13], row[22] = (
        "2026-01-01 10:00:00.000 UTC",
        user,
        database,
        level,
        message,
        application,
    )
    return row


def written(path: Path, *rows: list[str]) -> Path:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path.write_text(out.getvalue())
    return path


def test_stderr_is_read_with_its_further_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(STDERR)
    window = read_log(log)
    assert {(shape(ran.sql), ran.calls) for ran in window.statements} == {
        ("select ? from items where tenant_id = ?", 2),
        ("select ? from items where id = $1", 1),
        ("delete from items", 1),
    }
    assert window.last is not None


def test_csv_knows_who_ran_what(tmp_path: Path) -> None:
    log = written(
        tmp_path / "log.csv",
        line("app", "shop", "statement: select 1 from items\nwhere name = 'a,\"b\"'"),
        line("app", "shop", "execute s1: select 1 from items\nwhere name = 'c'"),
        line("migrator", "shop", "statement: select 2 from items"),
        line("app", "other", "statement: select 3 from items"),
        line("app", "shop", "statement: select 4 from items", application="stas"),
        line("app", "shop", "statement: select 5 from items", level="ERROR"),
        ["short", "row"],
    )
    window = read_log(log, role="app", database="shop")
    assert [(ran.user, ran.calls) for ran in window.statements] == [("app", 2)]
    assert window.left_out == 3


def test_lists_of_any_length_are_one_shape() -> None:
    assert shape("select 1 from t where a in (1, 2, 3)") == shape("select 1 from t where a in (4,5)")
    assert shape("select 1 from t where a in ($1, $2)") == "select ? from t where a in (?)"


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_text("x LOG:  statement: select 1 from a\n" * 100 + "x LOG:  statement: select 1 from b\n")
    monkeypatch.setattr(postgres_log, "MOST_BYTES", 100)
    assert [shape(ran.sql) for ran in read_log(log).statements] == ["select ? from a", "select ? from b"]


def test_an_end_that_begins_inside_a_statement_is_still_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "statement: select 1 from a where x in (\n" + ",\n".join(f"'{n}, \"q\"'" for n in range(50)) + ")\n"
    log = written(tmp_path / "log.csv", line("web", "shop", long), line("app", "shop", "statement: select 1 from b"))
    size = log.stat().st_size
    for most in (150, 200, 300, 500):
        monkeypatch.setattr(postgres_log, "MOST_BYTES", most)
        window = read_log(log, role="app", database="shop")
        assert [(shape(ran.sql), ran.user) for ran in window.statements] == [("select ? from b", "app")], most
        assert most < size


def test_a_statement_of_many_megabytes_is_cut_and_stays_one_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        for end in ("where tenant_id = 1", "where true"):
            file.write("x LOG:  statement: select 1 from a /*\n" + ("\t" + "y" * 99 + "\n") * 30_000 + f"\t*/ {end}\n")
        file.write("x LOG:  statement: select 1 from b\n")
    statements = [ran.sql for ran in read_log(log).statements]
    assert [len(sql) > 100_000 for sql in statements] == [True, False]
    assert all(len(sql) < 3_000_000 for sql in statements)


def test_long_statements_that_differ_at_their_end_only_are_two() -> None:
    start = "select 1 from a where x in (" + ", ".join(["name"] * 5_000)
    assert shape(f"{start}) and tenant_id = 1") != shape(f"{start})")


def test_more_shapes_than_are_kept_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"x LOG:  statement: select 1 from t{n}\n" for n in range(5)))
    monkeypatch.setattr(statement_log, "MOST_SHAPES", 3)
    window = read_log(log)
    assert window.cut
    assert len(window.statements) == 3


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"2026-01-01 " + b"," * 30 + b'"unclosed', b"\n\n\t\n"])
def test_whatever_stands_there_is_no_failure(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    assert read_log(log).statements == []


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogUnreadable, match="cannot be read"):
        read_log(tmp_path / "none")
    with pytest.raises(LogUnreadable):
        read_log(tmp_path)
    with pytest.raises(LogUnreadable, match="is no file"):
        read_log(Path("/dev/null"))
