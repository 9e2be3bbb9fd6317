"""One spelling for names and types, however a migration writes them, and the names PostgreSQL gives by itself."""

from __future__ import annotations

import re

_TYPES = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "bool": "boolean",
    "string": "varchar",
    "unicode": "varchar",
    "unicodetext": "text",
    "character varying": "varchar",
    "character": "char",
    "bpchar": "char",
    "decimal": "numeric",
    "float8": "double",
    "double precision": "double",
    "float4": "real",
    "float": "double",
    "datetime": "timestamp",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "biginteger": "bigint",
    "smallinteger": "smallint",
    "largebinary": "bytea",
    "blob": "bytea",
    "double_precision": "double",
}
_SIZED = re.compile(r"^([a-z_ ]+?)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$")
_WIDTH = {"smallint": 2, "integer": 4, "bigint": 8, "numeric": 99, "real": 3, "double": 7}


def canonical_type(text: str) -> str:
    """`VARCHAR(20)`, `character varying (20)` and `String(20)` are one: `varchar(20)`."""
    lower = " ".join(text.lower().split())
    array = lower.endswith("[]")
    lower = lower.removesuffix("[]")
    if sized := _SIZED.match(lower):
        numbers = ",".join(n for n in sized.groups()[1:] if n is not None)
        base = _TYPES.get(sized[1], sized[1])
        lower = f"{base}({numbers})" if base not in ("integer", "bigint", "smallint") else base
    else:
        lower = _TYPES.get(lower, lower)
    return lower + ("[]" if array else "")


def narrows(old: str, new: str) -> str:
    """How the new type holds less than the old one, as a clause; empty if it does not, or if that is not known."""
    a, b = _SIZED.match(old), _SIZED.match(new)
    if b and b[1] in ("varchar", "char"):
        if a and a[1] in ("varchar", "char") and int(b[2]) < int(a[2]):
            return f"at most {b[2]} characters instead of {a[2]}"
        if old in ("text", "varchar"):
            return f"at most {b[2]} characters instead of any number"
    old_width, new_width = _WIDTH.get(old.partition("(")[0]), _WIDTH.get(new.partition("(")[0])
    if old_width and new_width and new_width < old_width:
        return f"{new} holds less than {old}"
    if old in ("timestamptz", "timestamp") and new == "date":
        return "the time of day goes"
    if old in ("text", "varchar") and new_width:
        return f"text that is no {new} has no place"
    if old == "jsonb" and new in ("text", "varchar"):
        return ""
    return ""


_TEXTS = ("text", "varchar", "char", "citext")
_NEEDS_CAST = ("enum ", "integer", "bigint", "smallint", "boolean", "uuid", "json", "numeric", "double", "real", "date")
_NEEDS_CAST_TOO = ("timestamp", "time", "bytea", "inet", "interval")


def needs_using(old: str, new: str) -> bool:
    """Whether PostgreSQL has no assignment cast between two types, so that a change wants USING."""
    return old.startswith(_TEXTS) and new.startswith((*_NEEDS_CAST, *_NEEDS_CAST_TOO)) and not new.endswith("[]")


def limit_of(type_: str) -> int | None:
    """How many characters a type holds; None if it has no such limit."""
    sized = _SIZED.match(type_)
    return int(sized[2]) if sized and sized[1] in ("varchar", "char") else None


def given_name(table: str, what: str, columns: tuple[str, ...]) -> str:
    """The name that PostgreSQL gives to a constraint without one."""
    bare = table.rpartition(".")[2]
    if what == "primary key":
        return f"{bare}_pkey"
    ending = {"unique": "key", "foreign key": "fkey", "check": "check", "exclude": "excl"}.get(what, what)
    middle = "_".join(columns) if what != "check" or len(columns) == 1 else ""
    return "_".join(part for part in (bare, middle, ending) if part)[:63]


def folded(name: str) -> str:
    """A name as the database keeps it: lower-case unless it was quoted."""
    name = name.strip()
    if len(name) > 1 and name[0] in '"`[' and name[-1] in '"`]':
        return name[1:-1].replace('""', '"')
    return name.lower()


def folded_path(name: str) -> str:
    """`Public."Order"` as `Order`, `a.b` as `a.b`."""
    parts = re.findall(r'"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^.\s]+', name)
    return ".".join(folded(part) for part in parts).removeprefix("public.")


_CAST = re.compile(r"::[\w ]+(\(\d+\))?|\bcast\((.+) as [\w ]+(?:\(\d+\))?\)", re.IGNORECASE)
_NOW = re.compile(r"\b(now\(\)|current_timestamp(\(\))?)", re.IGNORECASE)


def canonical_default(text: str) -> str:
    """`'x'::character varying`, `'x'` and `x` are one."""
    bare = _CAST.sub(lambda match: match[2] or "", text).strip()
    while bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1].strip()
    return _NOW.sub("now", bare.strip("'\"")).lower()


def canonical_rule(text: str) -> str:
    """A constraint's condition or reference without what PostgreSQL adds when it prints it."""
    return re.sub(r"[\s()\"]|::\w+|\bpublic\.", "", _CAST.sub(lambda match: match[2] or "", text)).lower()
