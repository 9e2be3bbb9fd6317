"""Writes docs/tenancy.md from the model of the tenancy file itself (`make docs`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stas_tui.config_docs import described
from stas_tui.config_explain import submodel
from stas_tui.isolation.declared import Tenancy

HEAD = """\
# The tenancy file

<!-- Written by `make docs` from the model itself; edit the docstrings in stas_tui/isolation/declared.py instead. -->

It says how one project keeps its tenants apart: which tables hold their rows, how the database and the code know whose
turn it is, and which tenants were made for probing. Stas can only prove what it was told to expect, so without this
file every cell of the matrix is unknown.

    stas tenancy init                        # draft it from the repository
    stas tenancy init --dsn-env STAGING_DSN  # and from the catalogue of the database; no row is read
    stas tenancy check                       # what is wrong with it, and what will stay unknown

The account must be unable to write: one that could is refused before a table is read, as for the checks
(`isolation-database.md`).

The draft marks what nobody could know. Read it, correct it, and write your name into `completed_by`: until then nothing
is verified from it. It lies in the profile as `tenancy/PROJECT.toml`, never in a repository that executors write to;
`tenancy` in the project's `[[project]]` names another place. Anything that Stas does not know in it is refused with the
line and the nearest name.

## What to prepare for probing

* **Two tenants of nobody's**, in staging or production, with `probe = true`. Only these are ever read as.
* **Canaries** in each of them: objects whose ids exist nowhere else, with a text in them that stands nowhere else.
* **A user in each** with a token that a variable, a command or the keyring holds; never the file.
* **A database account that cannot write.** One that could is refused; docs/isolation-database.md has the SQL.

## A whole one

```toml
version = 1
completed_by = "ada"
strategy = "rls"
columns = ["tenant_id"]
key_type = "uuid"
root = "tenants"

[[tables.shared]]
name = "countries"
reason = "the same for everybody"

[[tables.by_parent]]
name = "invoice_lines"
parent = "invoices"
column = "invoice_id"

[database]
dsn = { env = "STAGING_DSN" }
app_role = "app"
setting = "app.tenant_id"

[api]
base = "https://staging.example.com"
openapi = "/openapi.json"

[[log]]
path = "/var/log/app/*.log"

[[tenant]]
name = "probe-one"
key = "0b9f4a52-6c8e-4a52-9d6e-111111111111"
probe = true
token = { env = "PROBE_ONE_TOKEN" }

[[tenant.canary]]
kind = "invoice"
id = "4711"
marker = "canary-of-probe-one"
table = "invoices"

[[not_applicable]]
check = "X3"
reason = "there are no flags"
```
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, "## At the top of the file\n", _table(Tenancy), *_tables(Tenancy, ())])


def _tables(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below, many = submodel(field.annotation)
        if below is None or below.__name__ == "Credential":
            continue
        here = (*path, field.alias or name)
        dotted = ".".join(here)
        yield f"## `[[{dotted}]]`, any number\n" if many else f"## `[{dotted}]`\n"
        about = (below.__doc__ or "").split("`: ", 1)[-1].strip()
        yield f"{about[:1].upper()}{about[1:]}\n"
        yield _table(below)
        yield from _tables(below, here)


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | default | what it is |", "| --- | --- | --- |"]
    sentences = described(model)
    for name, field in model.model_fields.items():
        below, _ = submodel(field.annotation)
        if below is not None and below.__name__ != "Credential":
            continue
        what = " ".join(sentences.get(name, "").split()).replace("|", "\\|")
        rows.append(f"| `{field.alias or name}` | {_default(field.default, credential=below is not None)} | {what} |")
    return "\n".join(rows) + "\n"


def _default(value: object, *, credential: bool) -> str:
    if credential:
        return '`{ env = "NAME" }`'
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.stdout.write(page())
