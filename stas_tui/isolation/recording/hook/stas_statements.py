"""Writes down the text of each SQL statement that a program runs, with how often: never what is bound to it.

It needs nothing but the library of Python 3.8 or newer and works in the environment of the program. With the variable
`STAS_STATEMENTS` naming a file it starts as soon as it is imported, e.g. by `pytest -p stas_statements`; without it, it
does nothing. `stas isolation record -- COMMAND` does both. SQLAlchemy, psycopg 3 and sqlite3 are listened to.

Each process appends whole lines of JSON to the file: a statement when it ran for the first time, its number at 10, 100
and so on, and the last numbers at the end. So a run that is killed leaves a file that can be read. Whatever goes wrong
here ends the recording and is written into the file; the program never hears of it.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import json
import os
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FILE, ROOT = "STAS_STATEMENTS", "STAS_STATEMENTS_ROOT"
MOST = 5_000
"""Different statements of one process that are kept."""
LONGEST = 100_000
"""Characters of a statement; of a longer one only the beginning is kept, and it is not understood."""
MOST_FRAMES = 300

_PIECES = r"""
    (?P<keep>
        {identifier} `[A-Za-z_][\w$.-]{0,62}` | \[[A-Za-z_]\w{0,62}\]
      | \$\d+ | %\(\w+\)s | %[sbt] | ::\s*\w+(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))? | :\w+ | \?\d*
      | \b(?:var|n|nvar)?char(?:acter)?(?:\s+varying)?\s*\(\s*\d+\s*\)
      | \b(?:numeric|decimal|float|time|timestamp|timestamptz|bit|varbit|interval|varchar2|number)
        \s*\(\s*\d+(?:\s*,\s*\d+)?\s*\)
    )
  | (?P<note>--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<text>
        (?:\b[eE])'(?:[^'\\]|''|\\.)*(?:'|\Z)
      | (?:\b(?:[nNxXbB]|[uU]&))?'(?:[^']|'')*(?:'|\Z)
      | "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z)
      | \$(?P<tag>[A-Za-z_]\w*)\$.*?(?:\$(?P=tag)\$|\Z) | \$\$.*?(?:\$\$|\Z)
    )
  | (?P<number>(?<![\w$])(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+))
"""
_LITERAL, _QUOTED = (
    re.compile(_PIECES.replace("{identifier}", identifier), re.VERBOSE | re.DOTALL)
    for identifier in (r'"[A-Za-z_][\w$.-]{0,62}" |', "")
)
"""With double quotes around identifiers, and around texts as MySQL has them."""
_FIRST = re.compile(r"[\s(;]*([A-Za-z]+)")
_ROWS = frozenset(
    "select insert update delete with merge copy truncate table values replace declare explain prepare".split()
)
_OUTSIDE = frozenset("site-packages dist-packages .venv venv .tox .nox __pypackages__".split())


@functools.lru_cache(maxsize=2_000)
def without_values(sql: str, *, quoted: bool = False) -> str:
    """A statement in one line with every literal as `?` and without comments; placeholders stay as they are.

    `quoted` says that double quotes stand around texts, and not around identifiers.
    """

    def one(found: re.Match[str]) -> str:
        return found[0] if found["keep"] else " " if found["note"] else "?"

    return " ".join((_QUOTED if quoted else _LITERAL).sub(one, sql).split())


class Recorder:
    """The record of one process. Nothing that it does raises, beside what ends the program anyway."""

    def __init__(self, path: str, root: str) -> None:
        self._path, self._root = path, os.path.join(root, "")
        self._lock = threading.RLock()
        self._places: dict[str, str] = {}
        self._mine = os.path.abspath(__file__)
        inside = (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))
        self._python = tuple(os.path.join(path, "") for path in inside if path != os.sep)
        self._handle: int | None = None
        self.on = True
        self.begin()

    def begin(self) -> None:
        """Be a process of its own: at the start, and in the child after a fork."""
        self._lock = threading.RLock()
        self._token = os.urandom(6).hex()
        self._seen: dict[tuple[str, str, str], list[int]] = {}
        self._full = False
        self._unheard: set[str] = set()

    def saw(self, sql: Any, by: str, *, quoted: bool = False) -> None:
        """A statement is about to run; two frames up is who runs it."""
        if not self.on:
            return
        try:
            self._saw(sql, by, sys._getframe(2), quoted)
        except Exception as error:  # a test run must never break for the sake of its record
            self.trouble(error)

    def _saw(self, sql: Any, by: str, frame: Any, quoted: bool) -> None:
        text = sql.decode("utf-8", "replace") if isinstance(sql, bytes) else sql
        if not isinstance(text, str) or (by != "sqlalchemy" and self._heard_elsewhere(frame)):
            return
        long = len(text) > LONGEST
        text = without_values(text[:LONGEST], quoted=quoted)
        first = _FIRST.match(text)
        if first is None or first[1].lower() not in _ROWS:
            return
        path, function = self._place(frame)
        key = (text, path, function)
        with self._lock:
            known = self._seen.get(key)
            if known is None:
                if len(self._seen) >= MOST:
                    if not self._full:
                        self._full = True
                        self._write({"p": self._token, "more": True})
                    return
                known = self._seen[key] = [len(self._seen), 1, 1]
                line = {"p": self._token, "k": known[0], "n": 1, "sql": text, "at": [path, function], "by": by}
                self._write({**line, "long": True} if long else line)
                return
            known[1] += 1
            if known[1] >= known[2] * 10:
                known[2] = known[1]
                self._write({"p": self._token, "k": known[0], "n": known[1]})

    def _heard_elsewhere(self, frame: Any) -> bool:
        """Whether SQLAlchemy runs this through the driver: it is listened to itself."""
        for _ in range(4):
            if frame is None:
                return False
            name = str(frame.f_globals.get("__name__", ""))
            if name.startswith("sqlalchemy."):
                return True
            if name.startswith("aiosqlite") and "sqlalchemy.dialects.sqlite.aiosqlite" in sys.modules:
                return True
            frame = frame.f_back
        return False

    def _place(self, frame: Any) -> tuple[str, str]:
        """The innermost file of the project that this comes from, and the function in it; empty if none is seen."""
        greenlets = sys.modules.get("greenlet")
        within = greenlets.getcurrent().parent if greenlets is not None else None
        for _ in range(MOST_FRAMES):
            if frame is None:
                frame = within.gr_frame if within is not None else None
                within = within.parent if within is not None else None
                if frame is None:
                    break
            code = frame.f_code
            place = self._places.get(code.co_filename)
            if place is None:
                place = self._places[code.co_filename] = self._inside(code.co_filename)
            if place:
                return place, str(getattr(code, "co_qualname", code.co_name))
            frame = frame.f_back
        return "", ""

    def _inside(self, name: str) -> str:
        path = os.path.abspath(name)
        if name.startswith("<") or not path.startswith(self._root) or path == self._mine:
            return ""
        inner = path[len(self._root) :]
        if path.startswith(self._python) or not _OUTSIDE.isdisjoint(inner.split(os.sep)):
            return ""
        return inner.replace(os.sep, "/")

    def _write(self, line: dict[str, Any]) -> None:
        if self._handle is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._handle = os.open(self._path, flags, 0o600)
        data = json.dumps(line).encode() + b"\n"
        if os.write(self._handle, data) != len(data):
            raise OSError("the record could not be written whole")

    def unheard(self, what: str) -> None:
        """Say once that something runs statements that cannot be listened to."""
        with self._lock:
            if self.on and what not in self._unheard:
                self._unheard.add(what)
                try:
                    self._write({"p": self._token, "unheard": what})
                except Exception as error:  # see above
                    self.trouble(error)

    def end(self) -> None:
        """Write the last numbers."""
        if not self.on:
            return
        try:
            with self._lock:
                for known in self._seen.values():
                    if known[1] > known[2]:
                        known[2] = known[1]
                        self._write({"p": self._token, "k": known[0], "n": known[1]})
        except Exception as error:  # see above
            self.trouble(error)

    def trouble(self, error: BaseException) -> None:
        """Stop recording, and say so where there is still a way to."""
        self.on = False
        try:
            self._write({"p": self._token, "trouble": type(error).__name__})
        except Exception:  # there is nobody left to tell
            pass


# what is listened to --------------------------------------------------------------------------------


def _sqlalchemy(recorder: Recorder) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        recorder.saw(statement, "sqlalchemy", quoted=conn.dialect.name in ("mysql", "mariadb"))

    event.listen(Engine, "before_cursor_execute", before)


def _psycopg(recorder: Recorder) -> None:
    module = sys.modules["psycopg"]
    for name in ("Cursor", "AsyncCursor", "ServerCursor", "AsyncServerCursor"):
        cls = getattr(module, name)
        for method in ("execute", "executemany", "stream", "copy"):
            if method in vars(cls):
                setattr(cls, method, _heard(recorder, vars(cls)[method], "psycopg", _composed))


def _composed(cursor: Any, query: Any) -> Any:
    return query.as_string(cursor) if hasattr(query, "as_string") else query


def _sqlite3(recorder: Recorder) -> None:
    module, inner = sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"]
    real = inner.connect
    made: dict[Any, Any] = {}
    own = ("cursor", "execute", "executemany")

    def cursors(base: Any) -> Any:
        """A class of cursors that tell what they are asked to run."""
        if base not in made:
            parts = {name: _heard(recorder, getattr(base, name), "sqlite3") for name in ("execute", "executemany")}
            made[base] = type(base.__name__, (base,), parts)
        return made[base]

    def connections(base: Any) -> Any:
        """A class of connections that make such cursors, also for their own `execute`."""
        if base not in made:

            def cursor(self: Any, factory: Any = inner.Cursor) -> Any:
                try:
                    heard = cursors(factory)
                except Exception:  # the driver says itself what is wrong with it, if anything is
                    recorder.unheard("cursors of sqlite3 of its own kind")
                    heard = factory
                return base.cursor(self, heard)

            def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
                return self.cursor().execute(*args, **kwargs)

            def executemany(self: Any, *args: Any, **kwargs: Any) -> Any:
                return self.cursor().executemany(*args, **kwargs)

            parts = {"cursor": cursor, "execute": execute, "executemany": executemany}
            made[base] = type(base.__name__, (base,), parts)
        return made[base]

    @functools.wraps(real)
    def connect(*args: Any, **kwargs: Any) -> Any:
        factory = kwargs.get("factory", args[5] if len(args) > 5 else inner.Connection)
        if not recorder.on:
            return real(*args, **kwargs)
        try:
            if any(getattr(factory, name) is not getattr(inner.Connection, name) for name in own):
                raise TypeError
            heard = connections(factory)
        except Exception:  # it makes its cursors itself
            recorder.unheard("connections of sqlite3 of its own kind")
            return real(*args, **kwargs)
        if len(args) > 5:
            return real(*args[:5], heard, *args[6:], **kwargs)
        return real(*args, **{**kwargs, "factory": heard})

    setattr(module, "connect", connect)
    setattr(inner, "connect", connect)


def _heard(recorder: Recorder, real: Any, by: str, text: Callable[[Any, Any], Any] | None = None) -> Any:
    """A method that tells the text of the query before it does what it did."""

    @functools.wraps(real)
    def heard(self: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder.on:
            query = args[0] if args else kwargs.get("query", kwargs.get("statement"))
            try:
                query = text(self, query) if text is not None else query
            except Exception:  # the driver is about to say what is wrong with the query
                query = None
            recorder.saw(query, by)
        return real(self, *args, **kwargs)

    return heard


_LISTEN: dict[str, Callable[[Recorder], None]] = {"sqlalchemy": _sqlalchemy, "psycopg": _psycopg, "sqlite3": _sqlite3}


class _Finder:
    """Listens to a module as soon as the program has loaded it; it loads none itself."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._busy: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the others find, with a loader that tells when it is done."""
        if name not in _LISTEN or name in self._busy:
            return None
        self._busy.append(name)
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.loader is not None:
                load = spec.loader.exec_module

                def loaded(module: Any) -> None:
                    load(module)
                    listen(self._recorder, name)

                setattr(spec.loader, "exec_module", loaded)
            return spec
        except Exception as error:  # see above
            self._recorder.trouble(error)
            return None
        finally:
            self._busy.remove(name)


def listen(recorder: Recorder, name: str) -> None:
    """Listen to a module that is loaded."""
    try:
        _LISTEN[name](recorder)
    except Exception as error:  # see above
        recorder.trouble(error)


def install(path: str, root: str) -> Recorder:
    """Record into a file from now on."""
    recorder = Recorder(path, root)
    for name in _LISTEN:
        if name in sys.modules:
            listen(recorder, name)
    finder: Any = _Finder(recorder)
    sys.meta_path.insert(0, finder)
    atexit.register(recorder.end)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=recorder.begin)
    return recorder


if os.environ.get(FILE) and not getattr(sys, "_stas_statements", False):
    setattr(sys, "_stas_statements", True)
    install(os.environ[FILE], os.environ.get(ROOT) or os.getcwd())
