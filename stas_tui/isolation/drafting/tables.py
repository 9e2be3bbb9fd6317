"""Tables with their columns as a repository declares them: SQL, Alembic revisions, SQLAlchemy and Django models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stas_tui.isolation.tree import Tree

LARGEST_FILE = 2 * 1024 * 1024
_SKIP = re.compile(r"(^|/)(tests?|node_modules|vendor|third_party|examples?|docs)/")
_DJANGO_KEY = {"ForeignKey", "OneToOneField"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its type as written, whether it may be empty, and the table that it refers to."""

    name: str
    type: str = ""
    nullable: bool = True
    refers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """One table and where it was read."""

    name: str
    place: str
    columns: tuple[Column, ...]
    rls: bool = False

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(slots=True)
class Found:
    """Everything that was read, and what could not be."""

    tables: dict[str, FoundTable] = field(default_factory=dict)
    rls: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)

    def add(self, table: FoundTable) -> None:
        """Keep a table; of two texts about one table the one with more columns counts, added columns are joined."""
        old = self.tables.get(table.name)
        if old is not None:
            known = {column.name for column in old.columns}
            more = tuple(column for column in table.columns if column.name not in known)
            table = replace(old, columns=old.columns + more)
        self.tables[table.name] = table


def tables_of(tree: Tree) -> Found:
    """Read every SQL and Python file of a tree. Raises `ForgeError`."""
    found = Found()
    wanted = {
        path: blob.sha
        for path, blob in tree.files().items()
        if path.endswith((".sql", ".py")) and not _SKIP.search(path) and not blob.link and blob.size <= LARGEST_FILE
    }
    contents = tree.read_many(sorted(set(wanted.values())))
    for path in sorted(wanted):
        text = contents.get(wanted[path], b"").decode("utf-8", "replace")
        try:
            for table in _from_sql(text, path, found) if path.endswith(".sql") else _from_python(text, path):
                found.add(table)
        except (SyntaxError, ValueError, RecursionError) as error:
            found.unread.append(f"{path}: {type(error).__name__}")
    for name in found.rls & set(found.tables):
        found.tables[name] = replace(found.tables[name], rls=True)
    return found


# SQL -----------------------------------------------------------------------------------------------

_RLS = re.compile(r"alter\s+table\s+(?:only\s+)?([\w.\"]+)\s+(?:enable|force)\s+row\s+level\s+security", re.IGNORECASE)
_CREATE = re.compile(r"\b(?:create|alter)\s+table\b", re.IGNORECASE)


def _from_sql(text: str, path: str, found: Found) -> Iterator[FoundTable]:
    found.rls |= {match.replace('"', "").removeprefix("public.") for match in _RLS.findall(text)}
    if not _CREATE.search(text) or path.endswith(".down.sql"):
        return
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    for dialect in ("postgres", "sqlite"):
        try:
            statements = sqlglot.parse(text, read=dialect)
            break
        except SqlglotError:
            continue
    else:
        raise ValueError("no SQL that can be read")
    for statement in statements:
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            table = statement.find(exp.Table)
            columns = tuple(_column(definition) for definition in statement.find_all(exp.ColumnDef))
        elif isinstance(statement, exp.Alter) and statement.args.get("kind") == "TABLE":
            table = statement.find(exp.Table)
            columns = tuple(
                _column(action) for action in statement.args.get("actions") or () if isinstance(action, exp.ColumnDef)
            )
        else:
            continue
        if table is not None and columns:
            schema = f"{table.db}." if table.db and table.db != "public" else ""
            yield FoundTable(name=schema + table.name, place=path, columns=columns)


def _column(definition: object) -> Column:
    from sqlglot import exp

    assert isinstance(definition, exp.ColumnDef)
    kinds = [constraint.args.get("kind") for constraint in definition.constraints]
    required = any(
        (isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"))
        or isinstance(kind, exp.PrimaryKeyColumnConstraint)
        for kind in kinds
    )
    reference = definition.find(exp.Reference)
    target = reference.find(exp.Table) if reference is not None else None
    return Column(
        name=definition.name,
        type=definition.kind.sql().lower() if definition.kind is not None else "",
        nullable=not required,
        refers=target.name if target is not None else "",
    )


# Python --------------------------------------------------------------------------------------------


def _from_python(text: str, path: str) -> Iterator[FoundTable]:
    if "__tablename__" not in text and "create_table" not in text and "models." not in text and "SQLModel" not in text:
        return
    module = ast.parse(text)
    app = path.rsplit("/", 2)[-2] if path.count("/") else ""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield from _model(node, path, app)
        elif isinstance(node, ast.Call) and _name(node.func).endswith("create_table"):
            yield from _revision(node, path)


def _model(node: ast.ClassDef, path: str, app: str) -> Iterator[FoundTable]:
    columns: list[Column] = []
    named, django = "", any(_name(base) == "models.Model" for base in node.bases)
    sqlmodel = any(keyword.arg == "table" for keyword in node.keywords)
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            target, value, hint = line.target.id, line.value, ast.unparse(line.annotation)
        elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            target, value, hint = line.targets[0].id, line.value, ""
        else:
            continue
        if target == "__tablename__" and isinstance(value, ast.Constant):
            named = str(value.value)
        elif isinstance(value, ast.Call):
            columns += _attribute(target, value, hint, django=django)
        elif sqlmodel and hint:
            columns.append(Column(name=target, type=_plain(hint), nullable="None" in hint or "Optional" in hint))
    if not named and sqlmodel:
        named = node.name.lower()
    if not named and django and columns:
        named = f"{app}_{node.name.lower()}"
    if named and columns:
        yield FoundTable(name=named, place=f"{path}:{node.lineno}", columns=tuple(columns))


def _attribute(target: str, value: ast.Call, hint: str, *, django: bool) -> Iterator[Column]:
    kind = _name(value.func).rpartition(".")[2]
    options = {k.arg: k.value for k in value.keywords if k.arg}
    if django:
        if kind in _DJANGO_KEY:
            null = _true(options.get("null"))
            refers = _text(value.args[0]) if value.args else ""
            yield Column(name=f"{target}_id", type="key", nullable=null, refers=refers.rpartition(".")[2].lower())
        elif kind.endswith("Field"):
            yield Column(name=target, type=kind.removesuffix("Field").lower(), nullable=_true(options.get("null")))
        return
    if kind not in ("Column", "mapped_column", "Field"):
        return
    first = _text(value.args[0]) if value.args and isinstance(value.args[0], ast.Constant) else ""
    refers = _text(options["foreign_key"]) if "foreign_key" in options else _foreign(value)
    nullable = "None" in hint or "Optional" in hint or not hint
    if "nullable" in options:
        nullable = _true(options["nullable"])
    if _true(options.get("primary_key")):
        nullable = False
    kinds = [ast.unparse(arg) for arg in value.args if not isinstance(arg, ast.Constant)]
    written = next((text for text in kinds if "ForeignKey" not in text), _plain(hint))
    yield Column(name=first or target, type=written.lower(), nullable=nullable, refers=refers.rpartition(".")[0])


def _revision(node: ast.Call, path: str) -> Iterator[FoundTable]:
    if not node.args or not isinstance(node.args[0], ast.Constant):
        return
    columns: list[Column] = []
    for arg in node.args[1:]:
        if isinstance(arg, ast.Call) and _name(arg.func).endswith("Column") and arg.args:
            columns += _attribute(_text(arg.args[0]), arg, "", django=False)
    if columns:
        yield FoundTable(name=_text(node.args[0]), place=f"{path}:{node.lineno}", columns=tuple(columns))


def _foreign(value: ast.Call) -> str:
    for arg in value.args:
        if isinstance(arg, ast.Call) and _name(arg.func).endswith("ForeignKey") and arg.args:
            return _text(arg.args[0])
    return ""


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        left = _name(node.value)
        return f"{left}.{node.attr}" if left else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else _name(node)


def _true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _plain(hint: str) -> str:
    return re.sub(r"(Mapped|Optional|\[|\]|\| None|None \|)", " ", hint).strip().lower()
