"""What the files of a project say together: which models belong to tenants, and what stands behind a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from stas_tui.isolation.code.bodies import MODELS
from stas_tui.isolation.code.routes import is_identity
from stas_tui.isolation.code.sql.schema import GUESSED_KEYS, plain
from stas_tui.isolation.code.words import Words, snake

Facts = dict[str, Any]
_DEPTH = 8


def _shows_column(how: str) -> bool:
    """Whether the way in which a statement binds a table shows that it has a tenant column."""
    return how.endswith(" = parameter") or how == "the tenant is written"


class Known:
    """Answers questions over the facts of all files. Files are given by path."""

    def __init__(self, files: Mapping[str, Facts], words: Words) -> None:
        self.files, self.words = files, words
        self._tenant: dict[str, bool | None] = {}
        self._asks: dict[str, str] = {}

    # models ----------------------------------------------------------------------------------------

    @cached_property
    def models(self) -> dict[str, list[Facts]]:
        """Classes by name; a name may stand for several, ORM models first."""
        found: dict[str, list[Facts]] = {}
        for facts in self.files.values():
            for model in facts.get("m", ()):
                found.setdefault(model["n"], []).append(model)
        for same in found.values():
            same.sort(key=lambda model: -model.get("r", 0))
        return found

    @cached_property
    def tables(self) -> dict[str, bool]:
        """Tables that are created or modelled, to whether they have a tenant column."""
        found: dict[str, bool] = {}
        for facts in self.files.values():
            for table, columns in facts.get("T", ()):
                found[table] = found.get(table, False) or bool(columns)
        for name, same in self.models.items():
            if table := same[0].get("t", ""):
                found[plain(table)] = found.get(plain(table), False) or bool(self.belongs(name))
        for facts in self.files.values():
            for function in facts.get("f", ()):
                for site in function.get("s", ()):
                    found |= {table: True for table, how, _ in site.get("t", ()) if _shows_column(how)}
        return found

    def belongs(self, model: str) -> bool | None:
        """Whether rows of a model belong to tenants; None if nobody knows the model."""
        if model not in self._tenant:
            self._tenant[model] = None
            self._tenant[model] = self._belongs(model, 0)
        return self._tenant[model]

    def _belongs(self, model: str, depth: int) -> bool | None:
        words = self.words
        if words.is_root(model):
            return False
        same = self.models.get(model)
        table = words.models.get(model) or (plain(same[0]["t"]) if same and same[0].get("t") else "")
        if table and (words.schema.scoped or table in words.schema.shared or table in words.schema.parents):
            return words.schema.belongs(table)
        if same is None:
            return words.schema.belongs(guessed) if (guessed := self._guessed(model)) else None
        if words.schema.scoped and (guessed := self._guessed(model)):
            return words.schema.belongs(guessed)
        first = same[0]
        if first.get("c"):
            return True
        if depth < _DEPTH:
            bases = [self._belongs(base, depth + 1) for base in first.get("b", ()) if not base.startswith("[")]
            if any(bases):
                return True
        return False if first.get("r") or depth else None

    def _guessed(self, model: str) -> str:
        """A declared table that a class is likely named after: `InvoiceLine` and `invoice_lines`."""
        schema = self.words.schema
        if not (schema.scoped or schema.shared or schema.parents):
            return ""
        name = re.sub(r"_(model|db|dbe|orm|entity|table|record|row)$", "", snake(model))
        forms = {name, f"{name}s", f"{name}es", f"{name[:-1]}ies"}
        declared = schema.scoped | schema.shared | set(schema.parents)
        return next((table for table in sorted(declared) if table.rpartition(".")[2] in forms), "")

    def table_of(self, model: str) -> str:
        """The table of a model, where it is declared or written; else the name as it is given."""
        written = next((plain(ancestor["t"]) for ancestor in self._line(model, 0) if ancestor.get("t")), "")
        return self.words.models.get(model) or written or model

    def managed(self, model: str) -> bool:
        """Whether every query on a model begins at a manager that binds it to the tenant by itself."""
        for ancestor in self._line(model, 0):
            if manager := ancestor.get("o"):
                return any(self._managers.get(one["n"]) for one in self._line(manager, 0))
        return False

    @cached_property
    def _managers(self) -> dict[str, str]:
        """Classes with a `get_queryset` of their own, to how it binds."""
        return {
            function["q"].rpartition(".")[0].rpartition(".")[2]: function["R"]
            for facts in self.files.values()
            for function in facts.get("f", ())
            if "R" in function and function["q"].endswith(".get_queryset")
        }

    def is_unique(self, model: str, column: str) -> bool:
        """Whether a column names one row of all tenants."""
        if column in GUESSED_KEYS:
            return True
        return any(column in ancestor.get("u", ()) for ancestor in self._line(model, 0))

    def _line(self, model: str, depth: int) -> Iterator[Facts]:
        """A class and its bases."""
        for same in self.models.get(model, ())[:1]:
            yield same
            if depth < _DEPTH:
                for base in same.get("b", ()):
                    yield from self._line(base, depth + 1)

    def repository_model(self, name: str) -> str:
        """The model that a class fills in for `self.model`; empty if it fills in none."""
        for ancestor in self._line(name, 0):
            if model := ancestor.get("p", ""):
                return str(model)
            for base in ancestor.get("b", ()):
                if base.startswith("[") and self.belongs(base[1:-1]) is not None:
                    return str(base[1:-1])
        return ""

    def class_asks(self, name: str) -> str:
        """How a class-based view, or a base of it, looks at the caller in its attributes; empty if it does not."""
        asked = (to for ancestor in self._line(name, 0) for to in ancestor.get("d", ()))
        return next((how for to in asked if (how := self.asks_who(to))), "")

    def is_filled_in(self, name: str) -> bool:
        """Whether a class, or a base of it, is a model that frameworks fill from what the client sent."""
        return any(base in MODELS for ancestor in self._line(name, 0) for base in ancestor.get("b", ()))

    def class_holds(self, name: str) -> bool:
        """Whether a class, or a base of it, keeps the tenant in `self`."""
        return any(ancestor.get("h") for ancestor in self._line(name, 0))

    # functions -------------------------------------------------------------------------------------

    @cached_property
    def returns(self) -> dict[str, list[str]]:
        """Functions that return a query by their last name, to how each definition binds it."""
        found: dict[str, list[str]] = {}
        for facts in self.files.values():
            for function in facts.get("f", ()):
                if "R" in function:
                    found.setdefault(function["q"].rpartition(".")[2], []).append(function["R"])
        return found

    def begun_open(self, helper: str) -> bool:
        """Whether every known function of this name returns a query that nothing binds."""
        known = self.returns.get(helper)
        return known is not None and not any(known)

    # who calls -------------------------------------------------------------------------------------

    @cached_property
    def aliases(self) -> dict[str, list[str]]:
        """Names of `Annotated[…, Depends(…)]`, to what they depend on."""
        return {name: list(to) for facts in self.files.values() for name, to in facts.get("a", {}).items()}

    @cached_property
    def _dependencies(self) -> dict[str, Facts]:
        return {name: asked for facts in self.files.values() for name, asked in facts.get("d", {}).items()}

    def asks_who(self, name: str, depth: int = 0) -> str:
        """How a dependency, or an alias of one, looks at the caller; empty if it does not."""
        if name in self._asks:
            return self._asks[name]
        self._asks[name] = ""
        self._asks[name] = self._asks_who(name, depth)
        return self._asks[name]

    def _asks_who(self, name: str, depth: int) -> str:
        if name.startswith("@"):
            return next((found for to in self.aliases.get(name[1:], ()) if (found := self.asks_who(to, depth + 1))), "")
        if is_identity(name):
            return name
        asked = self._dependencies.get(name)
        if asked is None or depth > _DEPTH:
            return self.asks_who(f"@{name}", depth + 1) if name in self.aliases and depth <= _DEPTH else ""
        if asked.get("i"):
            return f"{name}() ({asked['i']})"
        return next((found for to in asked.get("d", ()) if (found := self.asks_who(to, depth + 1))), "")

    def checks_tenant(self, names: list[str], tenant: str, depth: int = 0) -> str:
        """The dependency that takes the tenant of the same name itself, and looks at the caller."""
        for name in names:
            targets = self.aliases.get(name[1:], []) if name.startswith("@") else [name]
            for target in targets:
                asked = self._dependencies.get(target)
                if asked and tenant in asked.get("t", ()) and self.asks_who(target):
                    return target
                if depth < 3 and asked and (found := self.checks_tenant(asked.get("d", []), tenant, depth + 1)):
                    return found
        return ""

    @cached_property
    def middleware(self) -> str:
        """A middleware that looks at the caller; empty for none."""
        return next((one["w"] for facts in self.files.values() for one in facts.get("M", ())), "")

    @cached_property
    def guarded_routers(self) -> dict[tuple[str, str], str]:
        """(path, variable) of routers all of whose routes ask who calls, to what they ask."""
        found: dict[tuple[str, str], str] = {}
        for path, facts in self.files.items():
            for name, depends in facts.get("v", {}).items():
                if asked := next((how for to in depends if (how := self.asks_who(to))), ""):
                    found[path, name] = asked
        for _ in range(_DEPTH):
            before = len(found)
            for path, one in self._inclusions:
                asked = next((how for to in one["d"] if (how := self.asks_who(to))), "")
                asked = asked or next((found[key] for key in self._router(path, one["v"]) if key in found), "")
                for key in self._router(path, one["r"]) if asked else ():
                    found.setdefault(key, asked)
            if len(found) == before:
                break
        return found

    @cached_property
    def _inclusions(self) -> list[tuple[str, Facts]]:
        return [(path, one) for path, facts in self.files.items() for one in facts.get("i", ())]

    def _router(self, path: str, name: str) -> list[tuple[str, str]]:
        """The routers that a name in a file may stand for."""
        if name in self.files[path].get("v", {}):
            return [(path, name)]
        imports = self.files[path].get("x", {})
        first, _, rest = name.partition(".")
        full = f"{imports.get(first, first)}.{rest}".strip(".").split(".")
        if len(full) > 1:
            return self._routers.get((full[-2], full[-1]), [])
        return self._routers.get(("", full[0]), []) if full[0] != "router" else []

    @cached_property
    def _routers(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """(module or empty, variable) to routers as (path, variable)."""
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for path in sorted(self.files):
            module = path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
            for name in self.files[path].get("v", {}):
                found.setdefault((module, name), []).append((path, name))
                found.setdefault(("", name), []).append((path, name))
        return found
