"""A scan parses each content once, keeps what it read, and survives files on which its readers hang or die."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.base import Cancelled
from stas_tui.isolation.code import introduced, leads_of
from stas_tui.isolation.code.children import ReaderBroken, read_in_children
from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.project import read_tree
from stas_tui.isolation.code.scanner import Scanned, scan
from stas_tui.isolation.code.words import Words, words_of
from stas_tui.isolation.code.worker import packed, unpacked
from stas_tui.isolation.tree import Tree
from storage.scans import Scans, open_scans
from tests.isolation.code.samples import MODELS, tenancy
from tests.isolation.code.trees import Repository, unprivileged

CRUD = "def get(session, tenant_id, item_id):\n    return session.get(Item, item_id)\n"
FILES = {
    "app/models.py": MODELS,
    "app/crud.py": CRUD,
    "app/copy.py": CRUD,
    "app/api.py": "from fastapi import APIRouter\nrouter = APIRouter()\n",
    "app/plain.py": "x = 1\n",
    "db/schema.sql": "create table items (id int, tenant_id int);",
    "tests/test_x.py": CRUD,
    "README.md": "select\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Scans]:
    with open_scans(tmp_path / "scan.db") as store:
        yield Scans(store)


def test_copies_are_parsed_once_and_known_contents_never(repository: Repository, scans: Scans) -> None:
    words = words_of(tenancy())
    tree = repository.at(repository.commit(FILES))
    first = _kept(tree, words, scans)
    assert (first.total, first.blobs, first.parsed) == (6, 5, 5)
    assert first.files["app/crud.py"] == first.files["app/copy.py"]
    again = scan(tree, words, scans)
    assert again.parsed == 0
    assert _plain(again.files) == _plain(first.files)
    assert again.digest == first.digest
    repository.write({"app/crud.py": CRUD + "# changed\n"})
    changed = scan(repository.here(), words, scans)
    assert changed.parsed == 1
    assert changed.digest != first.digest


def test_other_words_read_again(repository: Repository, scans: Scans) -> None:
    tree = repository.at(repository.commit(FILES))
    assert _kept(tree, words_of(tenancy()), scans).parsed == 5
    assert _kept(tree, words_of(None), scans).parsed == 5
    assert _kept(tree, words_of(tenancy()), scans).parsed == 0


def test_without_a_cache_everything_is_read(repository: Repository) -> None:
    tree = repository.at(repository.commit(FILES))
    assert scan(tree, words_of(None)).parsed == 5


def test_what_was_said_of_a_state_is_said_again_without_reading(repository: Repository, scans: Scans) -> None:
    words = words_of(tenancy())
    tree = repository.at(repository.commit(FILES))
    steps: list[str] = []
    first = read_tree(tree, words, scans, step=steps.append)
    assert steps
    steps.clear()
    again = read_tree(repository.at(tree.commit), words, scans, step=steps.append)
    assert (again.leads, again.counts, again.digest) == (first.leads, first.counts, first.digest)
    assert steps == []
    assert again.parsed == 0
    other = read_tree(tree, words_of(tenancy(code={"staff": ("app/crud.py",)})), scans)
    assert len(other.leads) < len(first.leads)


def test_children_read_the_same(repository: Repository) -> None:
    files = {f"app/m{n}.py": f"{CRUD}# {n}\n" for n in range(40)} | FILES | {"app/broken.py": "select(\n"}
    tree = repository.at(repository.commit(files))
    words = words_of(tenancy(code={"helpers": ("mine",)}, jobs={"binder": ("bind",)}))
    alone, together = scan(tree, words, children=0), scan(tree, words, children=3)
    assert _plain(alone.files) == _plain(together.files)
    assert alone.unread == together.unread
    assert list(alone.unread) == ["app/broken.py"]


def test_the_words_cross_to_children_whole() -> None:
    words = words_of(tenancy(tables={"scoped": ("a",), "shared": ({"name": "b", "reason": "c"},)}))
    assert unpacked(packed(words)).digest == words.digest
    source = b"def f(c, tenant):\n c.execute('select * from a join b on a.id = b.x')"
    assert read("x.py", source, unpacked(packed(words))) == read("x.py", source, words)


def test_a_file_on_which_a_child_hangs_or_dies_is_said_and_the_others_are_read() -> None:
    argv = [sys.executable, str(Path(__file__).with_name("hanging_reader.py"))]
    items = [(f"sha{n}", path, CRUD.encode()) for n, path in enumerate(["a.py", "hang.py", "die.py", "b.py", "c.py"])]
    found = dict(read_in_children(items, words_of(tenancy()), 2, argv=argv, file_s=3.0))
    assert found["sha1"] == {"u": "reading it took longer than 3 s"}
    assert found["sha2"] == {"u": "the reader broke on it"}
    assert all("f" in found[f"sha{n}"] for n in (0, 3, 4))


def test_readers_that_do_not_start_are_no_property_of_a_file() -> None:
    items = [("sha", "a.py", CRUD.encode())]
    with pytest.raises(ReaderBroken):
        dict(read_in_children(items, words_of(None), 2, argv=[sys.executable, "-c", "raise SystemExit(1)"]))


def test_a_person_can_end_a_scan_and_what_was_read_is_kept(repository: Repository, scans: Scans) -> None:
    files = {f"app/m{n}.py": f"{CRUD}# {n}\n" for n in range(1_500)}
    tree = repository.at(repository.commit(files))
    before = _children_of(os.getpid())

    def step(what: str) -> None:
        if "(1281 of" in what:
            raise Cancelled

    with pytest.raises(Cancelled):
        scan(tree, words_of(None), scans, step=step, children=2)
    assert _children_of(os.getpid()) == before
    assert 0 < scan(tree, words_of(None), scans, children=0).parsed < 1_500


def test_introduced_leads_are_those_that_the_base_does_not_have(repository: Repository, scans: Scans) -> None:
    base = repository.at(repository.commit(FILES))
    moved = "import os\n\n" + CRUD
    added = (
        moved
        + "\ndef drop(session, tenant_id, item_id):\n    session.execute(delete(Item).where(Item.id == item_id))\n"
    )
    head = repository.at(repository.commit({"app/crud.py": added}))
    found = introduced(base, head, tenancy(), scans)
    assert [(lead.path, lead.line, lead.rule) for lead in found] == [("app/crud.py", 7, "unused-tenant")]
    assert {lead.fingerprint for lead in leads_of(base, tenancy(), scans)} <= {
        lead.fingerprint for lead in leads_of(head, tenancy(), scans)
    }


def test_declared_folders_are_the_ones_that_are_read(repository: Repository) -> None:
    tree = repository.at(repository.commit({**FILES, "lib/x.py": CRUD, "app/vendor/y.py": CRUD}))
    only = scan(tree, words_of(tenancy(code={"include": ("app",)})))
    assert set(only.files) == {"app/models.py", "app/crud.py", "app/copy.py", "app/api.py"}
    assert "app/vendor/y.py" in scan(tree, words_of(tenancy(code={"exclude": ()}))).files


def _kept(tree: Tree, words: Words, scans: Scans) -> Scanned:
    """A scan whose facts are kept."""
    scanned = scan(tree, words, scans)
    scans.keep_all(scanned.fresh)
    return scanned


def _plain(files: dict[str, Any]) -> Any:
    """Facts as they come out of the cache."""
    import json

    return json.loads(json.dumps(files))


def _children_of(pid: int) -> set[str]:
    return {child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()}


def test_a_file_without_permission_is_unread_and_the_others_are_judged(repository: Repository, scans: Scans) -> None:
    words = words_of(tenancy())
    repository.commit(FILES)
    repository.write({"secret.py": CRUD})
    (repository.folder / "secret.py").chmod(0)
    with unprivileged():
        read = read_tree(repository.here(), words, scans)
        again = read_tree(repository.here(), words, scans)
    assert read.unread == again.unread == {"secret.py": "it cannot be read: Permission denied"}
    assert (read.unread_total, read.leads) == (1, again.leads)
    assert read.leads
    (repository.folder / "secret.py").chmod(0o600)
    after = read_tree(repository.here(), words, scans)
    assert (after.unread, after.files) == ({}, read.files)
    assert after.digest != read.digest
