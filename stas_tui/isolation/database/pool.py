"""D14: whether what one checkout of the application's pooler sets is still set on the next.

Only settings are touched, in read-only transactions, with a key that is no tenant's; what was left over is cleared.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.live import STATEMENT_MS, Live, NotUsable, Refused, address, connect
from storage.check_records import CheckResult

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Database, Tenancy

TIMES = 50
NOT_DECLARED = "no pooler is declared; set `pooler` in [database], or declare D14 not applicable if there is none"


def pool_leak(case: Case, times: int = TIMES) -> CheckResult:
    """Set, end the transaction, ask on the next checkout; half of them commit, as a setting only then outlives."""
    answer = case.answer("D14", catalogue=False)
    database = case.database
    if not database.pooler.named:
        return answer.unknown(NOT_DECLARED)
    if not database.setting or not database.context:
        return answer.unknown("no setting is declared that names the tenant; set `setting` and `context` in [database]")
    probe = _Probe(case, database, marker(case.tenancy))
    try:
        dsn = "" if case.world.dry else address(database.pooler, case.world, "the connection string of the pooler")
        for number in range(1 if case.world.dry else times):
            case.world.step(f"D14 checkout {number + 1} of {times}")
            probe.checkout(dsn, answer, keep=number % 2 == 0)
    except (NotUsable, Refused) as error:
        answer.weak.append(f"through the pooler: {str(error).rstrip('.')}")
    finally:
        if probe.leaks:
            probe.clear()
    answer.executed += list(dict.fromkeys(probe.executed))
    shared = probe.checkouts - len(probe.backends)
    answer.counts = {"checkouts": probe.checkouts, "server connections": len(probe.backends), "left over": probe.leaks}
    answer.control = f"{shared} of {probe.checkouts} checkouts got a server connection that was used before"
    if probe.leaks:
        text = f"{database.setting} was still set on {probe.leaks} of {probe.checkouts} checkouts after its transaction"
        answer.flag("pool-leak", database.setting, text, "set_config(…, true) and SET LOCAL end with the transaction")
    elif answer.weak:
        pass
    elif not probe.taken and not case.world.dry:
        answer.weak.append(f"the context did not change {database.setting}, so nothing could be left over")
    elif not shared and not case.world.dry:
        answer.weak.append("no two checkouts shared a server connection, so nothing could be left over")
    else:
        answer.proved += 1
    return answer.result(f"nothing was left over on {probe.checkouts} checkouts", "")


def marker(tenancy: Tenancy) -> str:
    """A key of the declared type that is no tenant's."""
    if tenancy.key_type == "uuid":
        return str(uuid.uuid4())
    if tenancy.key_type == "integer":
        return str(-1 - secrets.randbelow(2**30))
    return f"stas-probe-{secrets.token_hex(8)}"


class _Probe:
    def __init__(self, case: Case, database: Database, key: str) -> None:
        self._case, self._database, self._key = case, database, key
        self._dsn = ""
        self._first: str | None = None
        self._inside: set[str] = set()
        self.executed: list[str] = []
        self.backends: set[int] = set()
        self.checkouts = self.leaks = 0
        self.taken = False

    def checkout(self, dsn: str, answer: Answer, *, keep: bool) -> None:
        """One use of the pooler, as the application would. Raises `NotUsable`, `Refused`."""
        self._dsn = dsn
        live = Live(self._case.world, self._database, connect(dsn) if dsn else None)
        try:
            self._begin(live)
            value = live.one("select coalesce(current_setting(%s, true), '')", (self._database.setting,))
            backend = live.one("select pg_backend_pid()")
            self.checkouts += 1
            if backend is not None:
                self.backends.add(backend)
            if self._first is None:
                self._first = value or ""
            self.leaks += self._left_over(value or "")
            for statement in self._database.context:
                live.context(statement, self._key, "a key that is no tenant's")
            inside = live.one("select current_setting(%s, true)", (self._database.setting,))
            if inside and inside != self._first:
                self.taken = True
                self._inside.add(inside)
            live.plain("commit" if keep else "rollback")
        finally:
            self.executed += live.executed
            live.close()

    def _left_over(self, value: str) -> bool:
        """A setting of the application's own is empty on a clean connection; others have a value from the start."""
        if "." in self._database.setting:
            return bool(value)
        return value in self._inside or value != self._first

    def clear(self) -> None:
        """Take away what this check left on server connections of the pooler."""
        clean = 0
        for _ in range(4 * TIMES):
            if clean > 2 * len(self.backends) + 2:
                return
            try:
                live = Live(self._case.world, self._database, connect(self._dsn))
            except NotUsable:
                return
            try:
                self._begin(live)
                value = live.one("select coalesce(current_setting(%s, true), '')", (self._database.setting,))
                clean = 0 if value in self._inside else clean + 1
                if value in self._inside:
                    live.one("select set_config(%s, %s, false)", (self._database.setting, self._first or ""))
                live.plain("commit")
            except (NotUsable, Refused):
                return
            finally:
                live.close()

    def _begin(self, live: Live) -> None:
        live.plain("begin read only")
        live.plain(f"set local statement_timeout = {STATEMENT_MS}")
