"""What of the demo's service runs (database, log, names of secrets), and how its tenants are declared.

The database is made by the service's own migrations and queries. Log and secrets follow the story: one import starves
four tenants, and one rotation was not finished.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from stas_tui.demo.repository import DemoError
from stas_tui.locations import Profile, os_user, private_dir, write_private
from storage.clock import DAY, HOUR, MINUTE, SECOND, iso_seconds

FOLDER = "deployed"
LINES = 420
"""Lines of the log; fewer than 200 could not be judged."""
_SERVICE = Path(__file__).resolve().parent / "service"
_BOOK = """
import sqlite3, sys
sys.path.insert(0, sys.argv[1])
from ledger import entries, migrate
connection = sqlite3.connect(sys.argv[2])
migrate.up(connection)
with connection:
    for tenant in sys.argv[3:]:
        entries.add(connection, tenant, "cash", 120000, tenant + "-opening")
        entries.add(connection, tenant, "rent", -80000, "january")
connection.close()
"""
_REFUSED = ("borealis", "cobalt", "delta", "ember")
_AGES = {"acme": 31, "borealis": 47, "cobalt": 0, "delta": 44, "ember": 12}
"""Days since each tenant's token was changed."""
_BEFORE = ("ledger-token-cobalt-before", 131)
"""The token that the unfinished rotation left in force."""


def deploy(profile: Profile, project: str, tenants: Sequence[str], *, seed: int, now: int) -> None:
    """Write what runs beside the demo, and the tenancy file that declares it. Raises `DemoError`."""
    folder = private_dir(profile.root / FOLDER)
    _book(folder / "ledger.db", tenants)
    write_private(folder / "ledger.log", "".join(_log(tenants, random.Random(seed), now)))
    write_private(folder / "secrets.json", json.dumps({"secrets": list(_secrets(tenants, now))}, indent=1) + "\n")
    private_dir(profile.tenancy_dir)
    write_private(profile.tenancy_file(project), _tenancy(folder, tenants))


def _book(database: Path, tenants: Sequence[str]) -> None:
    command = [sys.executable, "-I", "-S", "-B", "-c", _BOOK, str(_SERVICE), str(database), *tenants]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise DemoError(f"The demo's database could not be made: {done.stderr.strip()[-300:]}", "Reinstall Stas.")


def _log(tenants: Sequence[str], random_: random.Random, now: int) -> Iterator[str]:
    """What one replica wrote in the last three hours, oldest first."""
    yield _line(now - 3 * HOUR, "INFO", f"ledger 2.4.0 listens on 0.0.0.0:8080 for {len(tenants)} tenants")
    step = 3 * HOUR // LINES
    for number in range(1, LINES):
        at = now - 3 * HOUR + number * step
        tenant = tenants[random_.randrange(len(tenants))]
        starved = tenant in _REFUSED and now - at < 25 * MINUTE
        took = random_.uniform(2_000, 2_040) if starved else random_.uniform(0.6, 9.0)
        yield _line(at, "INFO", f"tenant={tenant} GET /entries {503 if starved else 200} {took:.1f}ms")


def _line(at: int, level: str, text: str) -> str:
    clock = iso_seconds(at).replace("T", " ").rstrip("Z")
    return f"{clock},{at % SECOND:03} {level} {text}\n"


def _secrets(tenants: Sequence[str], now: int) -> Iterator[dict[str, str]]:
    for tenant in tenants:
        yield {"name": f"ledger-token-{tenant}", "rotated": iso_seconds(now - _AGES.get(tenant, 20) * DAY - 2 * HOUR)}
    name, days = _BEFORE
    yield {"name": name, "rotated": iso_seconds(now - days * DAY)}


def _tenancy(folder: Path, tenants: Sequence[str]) -> str:
    q = json.dumps
    named = "\n".join(f"[[tenant]]\nname = {q(tenant)}\nkey = {q(tenant)}\n" for tenant in tenants)
    return f"""# How the demo's service keeps its tenants apart. `stas tenancy init` drafts such a file for yours.
version = 1
strategy = "row"
columns = ["tenant_id"]
key_type = "text"
completed_by = {q(os_user())}

[tables]
scoped = ["entries"]

[[tables.shared]]
name = "schema_migrations"
reason = "numbers of the migrations that ran"

[code]
include = ["ledger"]

[database]
sqlite = {q(str(folder / "ledger.db"))}

[[log]]
path = {q(str(folder / "ledger.log"))}
format = "pattern"
pattern = '^\\S+ \\S+ (?P<level>[A-Z]+) tenant=(?P<tenant>\\S+) '

[settings]
secrets = ["ledger-token-{{tenant}}"]
secret_listing = {q(str(folder / "secrets.json"))}

{named}
[[not_applicable]]
check = "D1"
reason = "one SQLite file enforces nothing between tenants; the code filters"

[[not_applicable]]
check = "D10"
reason = "SQLite has no roles to read as; the code filters"

[[not_applicable]]
check = "D11"
reason = "SQLite has no roles to read as; the code filters"

[[not_applicable]]
check = "D12"
reason = "SQLite has no roles to read as; the code filters"
"""
