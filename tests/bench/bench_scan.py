"""G16: reading 7,600 files of code for isolation, all of them, after one changed, and after none did.

The full scan is held against the plain work it stands for (parse every file and walk its tree, in one process), the
re-scan against the full scan, and a scan without changes against the two git commands that say that nothing changed.
"""

from __future__ import annotations

import ast
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rounds import Bench, ratio, run
from terminal import Metrics

from stas_tui.forges.git import Git
from stas_tui.isolation.code.project import Read, read_tree
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.working_tree import WorkingTree
from storage.scans import Scans, open_scans

FILES = 7_600
COPIES, APPLICATION = 0.2, 0.35
"""Share of files that are copies of others, and of those that speak of queries, routes, keys or jobs."""

PLAIN = """
def step_{n}(values, limit={n}, *, strict=False):
    \"\"\"Fold the values below a limit into totals by their first letter.\"\"\"
    totals = {{}}
    for number, value in enumerate(sorted(values, key=str)):
        if strict and not isinstance(value, (int, float)):
            raise TypeError(f"value {{number}} is a {{type(value).__name__}}")
        letter = str(value)[:1] or "-"
        totals[letter] = totals.get(letter, 0) + (len(str(value)) * {n} + number) % limit
    kept = {{name: total for name, total in totals.items() if total > {n} and name not in ("x", "y")}}
    return kept or [total * 2 for total in totals.values()][: limit // 2 + 1]
"""
MODEL = """
class Thing{n}(Base):
    __tablename__ = "things_{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    other: Mapped["Thing{m}"] = relationship(lazy="raise")
"""
QUERY = """
async def find_{n}(session: AsyncSession, tenant_id: int, name: str | None = None) -> list[Thing{n}]:
    query = select(Thing{n}).where(Thing{n}.tenant_id == tenant_id).order_by(Thing{n}.name.desc())
    if name is not None:
        query = query.where(func.lower(Thing{n}.name) == name.lower())
    result = await session.execute(query.limit(100))
    return list(result.scalars().all())


async def open_{n}(session: AsyncSession, tenant_id: int, thing_id: int) -> Thing{n} | None:
    return await session.scalar(select(Thing{n}).where(Thing{n}.id == thing_id, Thing{n}.tenant_id == tenant_id))
"""
OPEN = """
def count_{n}(session: Session, tenant_id: int | None = None) -> int:
    query = select(func.count()).select_from(Thing{n})
    if tenant_id is not None:
        query = query.where(Thing{n}.tenant_id == tenant_id)
    return session.scalar(query)
"""
ROUTE = """
@router.get("/things-{n}/{{thing_id}}", response_model=ThingRead)
async def read_{n}(thing_id: int, user: User = Depends(current_user), session=Depends(get_session)) -> Thing{n}:
    thing = await open_{n}(session, user.tenant_id, thing_id)
    if thing is None:
        raise HTTPException(404, "no such thing")
    await redis.set(f"seen:{{user.tenant_id}}:{{thing_id}}", time.time(), ex={n})
    rebuild_{n}.delay(thing.tenant_id, thing.id)
    return thing
"""


def source(number: int, dice: random.Random) -> str:
    """One file: with code of the application, or without."""
    pieces = [PLAIN.format(n=dice.randrange(1, 10_000)) for _ in range(dice.randrange(6, 36))]
    if dice.random() < APPLICATION:
        for _ in range(dice.randrange(1, 6)):
            kind = dice.choice((*[MODEL] * 3, *[QUERY] * 24, OPEN, *[ROUTE] * 12))
            pieces.insert(dice.randrange(len(pieces)), kind.format(n=dice.randrange(2_000), m=dice.randrange(2_000)))
    return f'"""Module {number}."""\n\nimport os\n' + "\n".join(pieces)


def make(folder: Path, files: int) -> Path:
    """A repository of this many files, the same one every time."""
    dice = random.Random(16)
    made: list[str] = []
    for number in range(files):
        text = dice.choice(made) if made and dice.random() < COPIES else source(number, dice)
        made.append(text)
        path = folder / f"pkg{number % 97:02}" / f"part{number % 7}" / f"mod{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("init", "-q", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "all", cwd=folder)
    return folder


def git(*args: str, cwd: Path) -> bytes:
    """The command-line program itself."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    env |= {
        f"GIT_{role}_{what}": "bench@example.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, check=True).stdout


def timed(act: Callable[[], object]) -> Metrics:
    """How long something took."""
    before = time.perf_counter()
    act()
    return {"ms": (time.perf_counter() - before) * 1000}


class Subject:
    """The repository, and what is done with it."""

    def __init__(self, folder: Path, files: int) -> None:
        self.folder = make(folder / "repository", files)
        self.words = words_of(None)
        self.base = folder
        self.store = open_scans(folder / "kept.db")
        self.kept = Scans(self.store)
        self.salt = 0

    def read(self, scans: Scans) -> Read:
        """A scan of the working copy as it is now."""
        return read_tree(WorkingTree(Git(), self.folder / ".git", self.folder), self.words, scans)

    def plain(self) -> Metrics:
        """Parse every file and walk its tree, in this process."""
        return timed(lambda: [sum(1 for _ in ast.walk(ast.parse(data))) for data in self._files()])

    def _files(self) -> Iterator[bytes]:
        return (path.read_bytes() for path in sorted(self.folder.rglob("*.py")))

    def full(self) -> Metrics:
        """A scan that knows nothing yet."""
        path = self.base / f"full-{self.salt}.db"
        self.salt += 1
        with open_scans(path) as store:
            return timed(lambda: self.read(Scans(store)))

    def one(self) -> Metrics:
        """A scan after one file changed."""
        self.salt += 1
        path = self.folder / "pkg05" / "part5" / "mod5.py"
        path.write_text(f"{path.read_text()}\nsalt_{self.salt} = select(Thing{self.salt})\n")
        found: list[Read] = []
        took = timed(lambda: found.append(self.read(self.kept)))
        assert found[0].parsed == 1, found[0].parsed
        return took

    def unchanged(self) -> Metrics:
        """A scan after nothing changed."""
        return timed(lambda: self.read(self.kept))

    def commands(self) -> Metrics:
        """The two commands that say what git knows."""
        return timed(lambda: (git("ls-files", "-s", "-z", cwd=self.folder), git("diff-files", "-z", cwd=self.folder)))


def bench(bench: Bench) -> None:
    """Everything in turn, the large and the small apart."""
    files = bench.size or (900 if bench.quick else FILES)
    subject = Subject(bench.folder, files)
    first = subject.read(subject.kept)
    bench.note(f"{first.files} files, {first.blobs} different, {len(first.leads)} leads")
    large = bench.take_turns({"plain": subject.plain, "full": subject.full}, warm=False)
    rounds, bench.rounds = bench.rounds, max(bench.rounds * 4, 12)
    small = bench.take_turns({"one": subject.one, "unchanged": subject.unchanged, "git": subject.commands}, warm=True)
    bench.rounds = rounds
    bench.table({**large, **small})
    whole = sorted(run["ms"] for run in large["full"])[len(large["full"]) // 2]
    one = sorted(run["ms"] for run in small["one"])[len(small["one"]) // 2]
    small_limits = (None, None) if bench.quick else (0.01, 2)
    bench.say("G16", "re-scan after one file changed, of the full scan", one / whole, small_limits[0])
    nothing = ratio(small["unchanged"], small["git"], "ms")
    bench.say("G16", "nothing changed, x ls-files and diff-files", nothing, small_limits[1])
    bench.say("G16", "full scan, x parse and walk in one process", ratio(large["full"], large["plain"], "ms"), 0.75)
    subject.store.close()


if __name__ == "__main__":
    run("scan", bench, rounds=3, quick_rounds=1, size="files in the repository")
