"""G16: after a change of one file a re-scan reads and parses exactly that file; without a change it reads none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from stas_tui.forges.git import Done, Git
from stas_tui.isolation.code.project import Read, read_tree
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.working_tree import WorkingTree
from storage.scans import Scans, open_scans
from tests.isolation.code.trees import Repository

FILES = 250
FAULTY = """
def find(session, tenant_id=None):
    query = select(Item)
    if tenant_id:
        query = query.where(Item.tenant_id == tenant_id)
    return session.scalars(query)
"""


class Counted(WorkingTree):
    """A working copy that counts the contents it is asked for."""

    asked: list[str]

    def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
        self.asked += shas
        return super().read_many(shas)


class CountedGit(Git):
    """A runner that counts its commands."""

    commands: list[str]

    def run(self, *args: str | bytes, **more: object) -> Done:  # type: ignore[override]
        self.commands.append(str(args[0]))
        return super().run(*args, **more)  # type: ignore[arg-type]


class Scene:
    def __init__(self, folder: Path, scans: Scans) -> None:
        self.repository = Repository(folder)
        self.scans = scans
        self.repository.commit({f"app/m{n}.py": f"{FAULTY}# {n}\n" for n in range(FILES)})

    def scan(self) -> tuple[Read, list[str], list[str]]:
        """What was read now: (result, contents asked for, git commands)."""
        git = CountedGit()
        git.commands = []
        tree = Counted(git, self.repository.folder / ".git", self.repository.folder)
        tree.asked = []
        return read_tree(tree, words_of(None), self.scans), tree.asked, git.commands


@pytest.mark.parametrize("children", ["many", "few"])
def test_G16_a_rescan_parses_exactly_what_changed(
    tmp_path: Path, children: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stas_tui.isolation.code.scanner.POOL_FROM", 50 if children == "many" else 10_000)
    with open_scans(tmp_path / "scan.db") as store:
        scene = Scene(tmp_path / "r", Scans(store))
        first, asked, _ = scene.scan()
        assert first.parsed == len(asked) == len(first.leads) == FILES

        again, asked, commands = scene.scan()
        assert (again.parsed, asked, commands) == (0, [], ["ls-files", "ls-files"])
        assert again.leads == first.leads

        scene.repository.write({"app/m7.py": "x = 1\nquery = 2\n"})
        changed, asked, commands = scene.scan()
        assert (changed.parsed, len(asked), len(commands)) == (1, 1, 2)
        assert {lead.path for lead in first.leads} - {lead.path for lead in changed.leads} == {"app/m7.py"}

        scene.repository.write({"app/copy.py": "x = 1\nquery = 2\n"})
        copied, asked, _ = scene.scan()
        assert (copied.parsed, asked) == (0, [])
