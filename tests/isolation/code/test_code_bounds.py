"""Whatever stands in a repository costs little time and memory, and the file that is too much is named as unread."""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path

import pytest

from stas_tui.isolation.code import children
from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.project import read_tree
from stas_tui.isolation.code.scanner import HEAVY, scan
from stas_tui.isolation.code.sql.text import masked
from stas_tui.isolation.code.words import words_of
from tests.isolation.code.samples import MODELS, tenancy
from tests.isolation.code.trees import Repository

SIZE = 100_000
PATIENCE_S = 20.0
"""Far more than any of these takes, and far less than they take without a bound."""
WORDS = words_of(None)
CRUD = "def get(session, tenant_id, item_id):\n    return session.get(Item, item_id)\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


def sql(text: str) -> str:
    return f'db.execute("select * from t where {text}")\n'


def doubled(first: str, step: str, last: str, times: int = 60) -> str:
    """Names of which each is made of the one before, twice."""
    body = "".join(f" a{n + 1} = {step.replace('@', f'a{n}')}\n" for n in range(times))
    return f"def f(db, tenant_id=None):\n a0 = {first}\n{body} {last.replace('@', f'a{times}')}\n"


HOSTILE = {
    "blanks before a statement": f'db.execute("{" " * SIZE}")\n',
    "open comments": sql("/*" * (SIZE // 2)),
    "open quotes": sql("E'\\\\" * (SIZE // 5)),
    "dollar quotes": sql("$a$ $b$ " * (SIZE // 8)),
    "brackets in SQL": sql("(" * SIZE),
    "a long list": sql("a in (" + ",".join("1" * (SIZE // 2)) + ")"),
    "brackets": f"select = {'(' * SIZE}",
    "signs": f"select = {'-' * SIZE}1\n",
    "a long sum": "select = " + "+".join("1" * (SIZE // 2)),
    "a long chain": "x = select(Item)" + ".where(Item.a == 1)" * 900,
    "branches": "def f(tenant_id):\n q = select(Item)\n if a: pass\n"
    + "".join(f" elif x == {n}:\n  q = q.where(Item.b == 1)\n" for n in range(2_000)),
    "blocks": "select\n" + "".join(" " * n + "if x:\n" for n in range(95)) + " " * 95 + "pass\n",
    "conditions of conditions": doubled("Item.b == 1", "and_(@, @)", "q = select(Item).where(@)"),
    "lists of lists": doubled("[Item.b == 1]", "[@, @]", "q = select(Item).where(*@)"),
    "mappings of mappings": doubled("{}", "{**@, **@}", "q = Item.objects.filter(**@)"),
    "texts of texts": doubled("'select * from a'", "@ + @", "db.execute(@)"),
    "keys of keys": doubled("'x'", "@ + @", "redis.get(@)"),
    "queries in queries": "def f():\n q0 = select(A)\n"
    + "".join(f" q{n + 1} = select(A).where(A.x.in_(q{n}))\n" for n in range(2_000)),
    "many queries of one name": "".join(f"q = select(A).where(A.a == {n})\n" for n in range(3_000)),
    "a NUL": "select\0",
    "signs that no terminal should get": "select = '\u202e\x1b[31m'\n",
    "another language": "SELECT <?php echo $x; ?>\n{% if select %}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_or_said_to_be_unread_in_good_time(name: str) -> None:
    start = time.monotonic()
    facts = read("app/x.py", HOSTILE[name].encode(), WORDS)
    assert time.monotonic() - start < PATIENCE_S
    assert "u" not in facts or facts.keys() == {"u"}


def scanner_says(source: str) -> str:
    """Why a file is unread when a child reads it."""
    found = dict(children.read_in_children([("sha", "app/x.py", source.encode())], WORDS, 1))
    return str(found["sha"]["u"])


def test_what_refers_to_itself_without_end_says_so_everywhere_alike() -> None:
    facts = read("app/x.py", HOSTILE["lists of lists"].encode(), WORDS)
    assert facts == {"u": "its code refers to itself so often that reading it would take too long"}
    assert scanner_says(HOSTILE["lists of lists"]) == facts["u"]


def test_a_statement_of_a_log_that_never_closes_is_masked_in_good_time() -> None:
    start = time.monotonic()
    for piece in ("/*", "'", "E'\\", "$a", "$$ $x$", '"', "`", "--"):
        masked("select 1 " + piece * (SIZE // len(piece)))
    assert time.monotonic() - start < PATIENCE_S


def _large(path: Path, megabytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"select = 1\n")
        file.truncate(megabytes * 1024 * 1024)


@pytest.mark.parametrize("megabytes", [50, 70])
def test_a_huge_file_is_named_and_its_content_never_read(repository: Repository, megabytes: int) -> None:
    repository.write({"app/models.py": MODELS, "app/crud.py": CRUD})
    _large(repository.folder / "app" / "huge.py", megabytes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    here = scan(repository.here(), WORDS)
    assert here.unread == {"app/huge.py": "it is larger than 2 MB"}
    assert set(here.files) == {"app/models.py", "app/crud.py"}
    committed = scan(repository.at(repository.commit({"app/more.py": CRUD})), WORDS)
    assert committed.unread == here.unread
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120 * 1024


def test_a_heavy_file_is_read_by_a_child_and_the_same(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = CRUD + "\n# " + "x" * HEAVY
    tree = repository.at(repository.commit({"app/heavy.py": heavy, "app/crud.py": CRUD + "# other\n"}))
    found = scan(tree, WORDS)
    assert found.files["app/heavy.py"] == read("app/heavy.py", heavy.encode(), WORDS)
    monkeypatch.setattr(children, "WORKER", "no.such.reader")
    with pytest.raises(children.ReaderBroken):
        scan(tree, WORDS)
    assert set(scan(repository.at(repository.commit({"app/heavy.py": CRUD})), WORDS).files) == {
        "app/heavy.py",
        "app/crud.py",
    }


def test_a_child_has_no_more_memory_than_a_file_is_worth(tmp_path: Path) -> None:
    code = (
        "from stas_tui.isolation.code import worker\n"
        "worker.bounded()\n"
        "try:\n    bytearray(2 * worker.MOST_MEMORY)\nexcept MemoryError:\n    print('refused')"
    )
    done = subprocess.run([children.sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n", done.stderr


NAMES = (
    "app/a b.py",
    "app/-rf.py",
    "app/q'\".py",
    "app/tab\there.py",
    "app/line\nbreak.py",
    "app/\u202ex.py",
    "app/$(x).py",
)


def test_hostile_names_are_read_and_printed_harmlessly(repository: Repository) -> None:
    names = [*NAMES, "app/" + "n" * 200 + ".py"]
    sha = repository.commit({name: f"{CRUD}# {number}\n" for number, name in enumerate(names)})
    read_ = read_tree(repository.at(sha), words_of(tenancy()))
    assert read_.files == len(names)
    assert read_.unread == {}
    assert all(lead.path.isprintable() for lead in read_.leads)


def test_a_hundred_thousand_files_are_listed_and_each_content_is_read_once(repository: Repository) -> None:
    repository.commit({"README.md": "x\n"})
    stream = [b"blob\nmark :1\ndata %d\n%s\n" % (len(CRUD), CRUD.encode())]
    stream.append(b"commit refs/heads/many\ncommitter A <a@example.test> 0 +0000\ndata 0\n")
    stream += [b"M 100644 :1 p%d/m%d.py\n" % (n % 300, n) for n in range(100_000)]
    git = ["git", "-C", str(repository.folder)]
    subprocess.run([*git, "fast-import", "--quiet"], input=b"".join(stream), check=True)
    sha = subprocess.run([*git, "rev-parse", "many"], capture_output=True, text=True, check=True).stdout.strip()
    start = time.monotonic()
    read_ = read_tree(repository.at(sha), words_of(tenancy()))
    assert (read_.files, read_.blobs, read_.parsed) == (100_000, 1, 1)
    assert time.monotonic() - start < 3 * PATIENCE_S
