"""Migrations that are plain SQL: pairs of files, files in two parts (dbmate, goose, sql-migrate), Flyway, numbered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Chain, Revision, Way
from stas_tui.review.migrations.sql_ops import ops_of_text
from stas_tui.review.migrations.sql_split import statements

PAIRS, DBMATE, GOOSE, SQL_MIGRATE, FLYWAY, NUMBERED = (
    "sql pairs",
    "dbmate",
    "goose",
    "sql-migrate",
    "flyway",
    "numbered sql",
)
MYSQL = "mysql"

_PAIR = re.compile(r"^(?P<n>\d+)(?P<name>[^/]*?)\.(?P<way>up|down)\.sql$", re.IGNORECASE)
_FLYWAY = re.compile(r"^(?P<way>[VU])(?P<n>[\d._]*\d)__(?P<name>[^/]*)\.sql$")
_NUMBERED = re.compile(r"^(?P<n>\d+)(?P<name>[_\-.][^/]*)?\.sql$", re.IGNORECASE)
_MARKS = {
    DBMATE: (r"^\s*--\s*migrate:up\b(.*)$", r"^\s*--\s*migrate:down\b(.*)$"),
    GOOSE: (r"^\s*--\s*\+goose\s+Up\b(.*)$", r"^\s*--\s*\+goose\s+Down\b(.*)$"),
    SQL_MIGRATE: (r"^\s*--\s*\+migrate\s+Up\b(.*)$", r"^\s*--\s*\+migrate\s+Down\b(.*)$"),
}
_COMPILED = {
    kind: (re.compile(up, re.IGNORECASE | re.MULTILINE), re.compile(down, re.IGNORECASE | re.MULTILINE))
    for kind, (up, down) in _MARKS.items()
}
_OF_SQLITE = re.compile(
    r"\bautoincrement\b|\bstrftime\s*\(|^\s*pragma\b|\bwithout\s+rowid\b|\)\s*strict\b", re.I | re.M
)
_OF_MYSQL = re.compile(r"\bengine\s*=|\bauto_increment\b|\bunsigned\b", re.I)
_OF_POSTGRESQL = re.compile(
    r"\b(big|small)?serial\b|\btimestamptz\b|\bjsonb\b|\bplpgsql\b|\buuid\b|::|\brow\s+level\b|\bas\s+identity\b"
    r"|\bconcurrently\b|\bbytea\b|\bcreate\s+(extension|type|policy)\b|\$\$|\busing\s+(gin|gist|btree)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class File:
    """A migration's file with its text."""

    path: str
    sha: str
    text: str


def is_candidate(path: str) -> bool:
    """Whether a path may be a plain SQL migration, by its name alone."""
    name = path.rpartition("/")[2]
    if _PAIR.match(name) or _FLYWAY.match(name):
        return True
    return bool(_NUMBERED.match(name)) and "migrat" in path.lower()


def guess_dialect(texts: Iterable[str]) -> str:
    """The database that SQL was written for; PostgreSQL if it says nothing."""
    votes = {SQLITE: 0, POSTGRESQL: 0, MYSQL: 0}
    for text in texts:
        votes[SQLITE] += len(_OF_SQLITE.findall(text))
        votes[MYSQL] += len(_OF_MYSQL.findall(text))
        votes[POSTGRESQL] += len(_OF_POSTGRESQL.findall(text))
    best = max(votes, key=lambda name: votes[name])
    return best if votes[best] > votes[POSTGRESQL] else POSTGRESQL


def chain_of(folder: str, files: list[File], dialect: str = "") -> Chain | None:
    """The chain that the SQL files of one folder make; None if they are no migrations."""
    framework = _framework(files)
    if framework is None:
        return None
    dialect = dialect or guess_dialect(file.text for file in files)
    read = _read_pairs if framework in (PAIRS, FLYWAY) else _read_marked
    revisions, duplicates, oddities = read(framework, files, dialect)
    ordered = sorted(revisions.values(), key=lambda r: (_key(r.id), r.path))
    linked: dict[str, Revision] = {}
    last = ""
    for revision in ordered:
        linked[revision.id] = _follow(revision, last)
        last = revision.id
    return Chain(
        framework=framework,
        folder=folder,
        dialect=dialect,
        revisions=linked,
        duplicates=tuple(duplicates),
        oddities=tuple(oddities),
    )


def _framework(files: list[File]) -> str | None:
    names = [file.path.rpartition("/")[2] for file in files]
    for kind, (up, _) in _COMPILED.items():
        if any(up.search(file.text) for file in files):
            return kind
    if any(_PAIR.match(name) for name in names):
        return PAIRS
    if any(_FLYWAY.match(name) for name in names):
        return FLYWAY
    return NUMBERED if any(_NUMBERED.match(name) for name in names) else None


def _key(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", number)) or (0,)


def _follow(revision: Revision, last: str) -> Revision:
    from dataclasses import replace

    return replace(revision, parents=(last,) if last else ())


_Read = tuple[dict[str, Revision], list[tuple[str, str, str]], list[tuple[str, str]]]


def _read_pairs(framework: str, files: list[File], dialect: str) -> _Read:
    pattern = _PAIR if framework == PAIRS else _FLYWAY
    ups: dict[str, File] = {}
    downs: dict[str, File] = {}
    written: dict[str, str] = {}
    duplicates: list[tuple[str, str, str]] = []
    oddities: list[tuple[str, str]] = []
    for file in sorted(files, key=lambda f: f.path):
        match = pattern.match(file.path.rpartition("/")[2])
        if match is None:
            oddities.append((file.path, "its name is no migration's, so its runner skips it or refuses the folder"))
            continue
        number = match["n"].lstrip("0") or "0"
        upwards = match["way"].lower() in ("up", "v")
        place = ups if upwards else downs
        if number in place:
            duplicates.append((written.get(number, match["n"]), place[number].path, file.path))
            continue
        place[number] = file
        if upwards:
            written[number] = match["n"]
    revisions = {}
    for number, up in ups.items():
        down = downs.pop(number, None)
        id_ = written[number]
        revisions[id_] = Revision(
            id=id_,
            path=up.path,
            down_path=down.path if down else "",
            up=_way(up.text, dialect),
            down=_way(down.text, dialect) if down else Way(),
            blobs=(up.sha, *((down.sha,) if down else ())),
            sql=up.text,
            sql_down=down.text if down else "",
            transaction=framework == FLYWAY,
        )
    oddities += [(file.path, "it goes down from nowhere: there is no file with its way up") for file in downs.values()]
    return revisions, duplicates, oddities


def _way(text: str, dialect: str, line: int = 1) -> Way:
    return Way(ops=ops_of_text(text, dialect, line), line=line)


def _read_marked(framework: str, files: list[File], dialect: str) -> _Read:
    revisions: dict[str, Revision] = {}
    known: dict[str, str] = {}
    duplicates: list[tuple[str, str, str]] = []
    oddities: list[tuple[str, str]] = []
    for file in sorted(files, key=lambda f: f.path):
        match = _NUMBERED.match(file.path.rpartition("/")[2])
        if match is None:
            oddities.append((file.path, "its name is no migration's, so its runner skips it or refuses the folder"))
            continue
        number = match["n"].lstrip("0") or "0"
        if number in known:
            duplicates.append((known[number], revisions[known[number]].path, file.path))
            continue
        known[number] = match["n"]
        revisions[match["n"]] = _marked(framework, file, match["n"], dialect)
    return revisions, duplicates, oddities


def _marked(framework: str, file: File, number: str, dialect: str) -> Revision:
    if framework == NUMBERED:
        up, down, begin, said = file.text, None, 0, ""
    else:
        first, second = _COMPILED[framework]
        start, cut = first.search(file.text), second.search(file.text)
        if start is None:
            return Revision(
                id=number, path=file.path, problem=f"it has no part that {framework} runs upwards", blobs=(file.sha,)
            )
        said = start[1]
        end = cut.start() if cut is not None and cut.start() > start.end() else len(file.text)
        begin = start.end()
        up, down = file.text[begin:end], file.text[cut.end() :] if cut is not None else None
        if cut is not None and cut.start() < start.start():
            down = file.text[cut.end() : start.start()]
    line = file.text.count("\n", 0, begin) + 1
    down_line = file.text.count("\n", 0, file.text.find(down)) + 1 if down else line
    plain = "transaction:false" in said.replace(" ", "") or re.search(
        r"--\s*\+goose\s+NO\s+TRANSACTION", file.text, re.I
    )
    return Revision(
        id=number,
        path=file.path,
        up=_way(up, dialect, line),
        down=_way(down, dialect, down_line) if down is not None else Way(),
        blobs=(file.sha,),
        sql=up,
        sql_down=down or "",
        transaction=not plain,
    )


def said_the_same(old: Revision, new: Revision) -> bool:
    """Whether two versions of a plain SQL migration hold the same statements, whatever their comments say."""
    return all(_said(a) == _said(b) for a, b in ((old.sql, new.sql), (old.sql_down, new.sql_down)))


def _said(text: str) -> list[str]:
    return [" ".join(re.sub(r"--[^\n]*", " ", one.text).split()) for one in statements(text)]


def by_folder(paths: Iterable[str]) -> Mapping[str, list[str]]:
    """Candidates by the folder that they stand in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        if is_candidate(path):
            found.setdefault(path.rpartition("/")[0], []).append(path)
    return found


Reader = Callable[[str], str]
