"""One connection that only reads: every statement in a transaction that is rolled back, each with a time limit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.isolation.base import Cancelled
from stas_tui.isolation.database import statements
from storage.errors import StasError
from storage.redact import redact, register_secret

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    from stas_tui.config_sources import Credential
    from stas_tui.isolation.base import World
    from stas_tui.isolation.declared import Database, Tenancy, Tenant

CONNECT_S = 5
STATEMENT_MS = 3_000
LOCK_MS = 500
IDLE_MS = 30_000
NO_DRIVER = "psycopg is not installed; `pip install 'stas-tui[pg]'`"
DRY = "a dry run: nothing was sent"

_CONTEXT = re.compile(r"\s*(select\b|set\s+local\b|set\s+role\b)", re.IGNORECASE)
_VALUE = re.compile(r"(?<!%)%(?:\((\w+)\))?s")
_PLAIN = {
    "42501": "permission denied",
    "57014": f"it took longer than {STATEMENT_MS // 1000} s",
    "55P03": "a lock was not to be had",
    "22P02": "the tenant's key does not fit the type of the column",
    "25006": "a read-only transaction refused it",
}


Values = Sequence[object] | Mapping[str, object] | None
"""Parameters; None sends the text as it is."""


class NotUsable(StasError):
    """The database cannot be asked: no address, no driver, no answer, or an account that could write."""


class Refused(StasError):
    """The server refused one statement. The text holds no value of a row; `state` is the SQLSTATE."""

    def __init__(self, state: str, what: str) -> None:
        super().__init__(what)
        self.state = state


class NotBecome(Refused):
    """The account may not become a role."""


class Asking(Protocol):
    """Who asks; a `World` is one."""

    @property
    def cancelled(self) -> Callable[[], bool]:
        """Whether a person ended it."""
        ...

    @property
    def dry(self) -> bool:
        """Whether statements are only listed."""
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks a database outside of a round of isolation checks."""

    cancelled: Callable[[], bool] = lambda: False
    dry: bool = False


@dataclass(slots=True)
class Live:
    """A connection and what was executed on it. Raises `NotUsable` as soon as the connection is lost."""

    world: Asking
    declared: Database
    connection: psycopg.Connection[Any] | None = None
    """None in a dry run: statements are recorded and answer nothing."""
    executed: list[str] = field(default_factory=list)
    account: str = ""
    _depth: int = 0
    _quiet: bool = False

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[None]:
        """One transaction on one snapshot, read-only unless asked otherwise, rolled back in any case."""
        mode = "read write" if write else "read only"
        self.plain(f"begin isolation level repeatable read, {mode}")
        try:
            for name, value in (
                ("statement_timeout", STATEMENT_MS),
                ("lock_timeout", LOCK_MS),
                ("idle_in_transaction_session_timeout", IDLE_MS),
            ):
                self._send(f"set local {name} = {value}")
            yield
        finally:
            self.plain("rollback")

    def fetch(self, statement: str | sql.Composable, values: Values = ()) -> list[Any]:
        """Run a statement in a savepoint and return its rows, or its row count if it has none. Raises `Refused`."""
        import psycopg

        self._record(statement)
        if self.world.cancelled():
            raise Cancelled
        if self.connection is None:
            return []
        name = f"stas_{self._depth}"
        self._send(f"savepoint {name}")
        try:
            text = statement if isinstance(statement, str) else statement.as_string(self.connection)
            cursor = self.connection.execute(text.encode(), values)
            rows: list[Any] = cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
        except psycopg.Error as error:
            if self.connection.closed:
                raise NotUsable("The connection to the database was lost.") from None
            self._send(f"rollback to savepoint {name}")
            raise Refused(error.sqlstate or "", _plain(error)) from None
        except UnicodeDecodeError:
            self._send(f"rollback to savepoint {name}")
            raise Refused("22021", "the answer is not UTF-8") from None
        self._send(f"release savepoint {name}")
        return rows

    def one(self, statement: str | sql.Composable, values: Values = ()) -> Any:
        """The only value of a statement; None in a dry run. Raises `Refused`."""
        rows = self.fetch(statement, values)
        return rows[0][0] if rows else None

    @contextmanager
    def acting(self, role: str, tenant: Tenant | None = None, *, empty: bool = False) -> Iterator[None]:
        """Be the role, in the context of a tenant, of none, or of an empty one. Raises `Refused`."""
        from psycopg import sql

        name = f"stas_role_{self._depth}"
        self._depth += 1
        self.plain(f"savepoint {name}")
        try:
            if role:
                self._become(sql.SQL("set local role {}").format(sql.Identifier(role.replace("%", "%%"))))
            if tenant is not None:
                for statement in self.declared.context:
                    self.context(statement, tenant.key, f"the key of {tenant.name}")
            elif empty and self.declared.setting:
                self.fetch("select set_config(%s, '', true)", (self.declared.setting,))
            yield
        finally:
            self._depth -= 1
            self.plain(f"rollback to savepoint {name}")

    def _become(self, statement: sql.Composable) -> None:
        try:
            self.fetch(statement)
        except Refused as error:
            raise NotBecome(error.state, str(error)) from None

    def context(self, statement: str, key: str, what: str) -> None:
        """Run a declared context statement with `$1` filled in. Raises `Refused`, `NotUsable`."""
        from psycopg import sql

        text = statement.strip().rstrip(";")
        if not _CONTEXT.match(text) or ";" in text:
            raise NotUsable(
                "A context statement is neither a single SELECT nor SET LOCAL.", "Correct `context` in [database]."
            )
        self._note(text + (f"  -- $1 is {what}" if "$1" in text else ""))
        parts: list[sql.Composable] = []
        for piece in text.split("$1"):
            parts += [sql.Literal(key), sql.SQL(piece)]
        self._quiet = True
        try:
            self.fetch(sql.Composed(parts[1:]), None)
        finally:
            self._quiet = False

    def plain(self, statement: str) -> None:
        """Run one that begins or ends a transaction, or sets something in it. Raises `NotUsable`."""
        self._note(statement)
        self._send(statement)

    def close(self) -> None:
        """Let the connection go."""
        if self.connection is not None:
            self.connection.close()

    def _send(self, statement: str) -> None:
        import psycopg

        if self.connection is None:
            return
        try:
            self.connection.execute(statement.encode())
        except psycopg.Error as error:
            if self.connection.closed:
                raise NotUsable("The connection to the database was lost.") from None
            raise NotUsable(f"The database refused `{statement}`: {_plain(error)}.") from None

    def _record(self, statement: str | sql.Composable) -> None:
        if not self._quiet:
            number = itertools.count(1)
            text = statement if isinstance(statement, str) else statement.as_string(None)
            self._note(_VALUE.sub(lambda value: f":{value[1]}" if value[1] else f"${next(number)}", text))

    def _note(self, text: str) -> None:
        plain = redact(" ".join(text.replace("%%", "%").split()))
        if not self.executed or self.executed[-1] != plain:
            self.executed.append(plain)


def address(credential: Credential, world: World, what: str) -> str:
    """A declared connection string, known to the redactor. Raises `NotUsable`."""
    if not credential.named:
        raise NotUsable(f"{what} is not declared.", "Name where its connection string comes from in the tenancy file.")
    try:
        dsn = token_of(credential, world.environ, blanks=True)
    except CredentialMissing as error:
        raise NotUsable(f"{what} could not be had: {error}") from None
    if not dsn:
        where = f"the variable {credential.env} is not set" if credential.env else "nothing was printed"
        raise NotUsable(f"{what} could not be had: {where}.")
    return dsn


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A connection named `stas`. Raises `NotUsable`."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise NotUsable(NO_DRIVER) from None
    try:
        parts = conninfo_to_dict(dsn)
        if password := parts.get("password"):
            register_secret(str(password))
        options: dict[str, Any] = {"application_name": "stas", "connect_timeout": CONNECT_S, "client_encoding": "UTF8"}
        return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, **options)
    except psycopg.ProgrammingError:
        raise NotUsable("The connection string is not in a form that PostgreSQL knows.", "Correct it.") from None
    except psycopg.Error as error:
        raise NotUsable(f"The database could not be reached: {first_line(error)}.") from None


def open_live(world: World, declared: Database, schemas: Sequence[str], roles: Sequence[str]) -> Live:
    """The declared connection, or its dry form. Raises `NotUsable`, also for an account that could write."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise NotUsable(NO_DRIVER) from None
    if world.dry:
        return Live(world, declared)
    world.step("connecting to the database")
    live = Live(world, declared, connect(address(declared.dsn, world, "the connection string of the database")))
    try:
        refuse_writers(live, roles)
    except BaseException:
        live.close()
        raise
    return live


@contextmanager
def reading(
    dsn: str, roles: Sequence[str] | None = None, *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Live]:
    """A connection for reading outside of a round; ask inside of `transaction`.

    Raises `NotUsable`, also for an account that could write other than by becoming one of `roles`; None stands for
    those that it may become without having their rights, for a database of which nothing is declared yet.
    """
    from stas_tui.isolation.declared import Database

    live = Live(Reader(cancelled), Database(), connect(dsn))
    try:
        refuse_writers(live, roles)
        yield live
    finally:
        live.close()


def roles_of(tenancy: Tenancy) -> tuple[str, ...]:
    """Roles as which the application connects, by declaration."""
    own = tenancy.database.app_role if tenancy.database is not None else ""
    return tuple(dict.fromkeys(role for role in (own, *(tenant.role for tenant in tenancy.tenant)) if role))


def refuse_writers(live: Live, roles: Sequence[str] | None) -> None:
    """Raise `NotUsable` for an account that could write other than by becoming one of the `roles`.

    None stands for those that it may become without having their rights.
    """
    with live.transaction():
        try:
            if roles is None:
                roles = [name for (name,) in live.fetch(statements.MAY_BECOME)]
            _, number, _, account = live.fetch(statements.FACTS)[0]
            option = statements.MEMBERSHIP_16 if number >= 160000 else ""
            why = live.fetch(statements.POWERS.replace("{option}", option), {"taken": list(roles)})
        except Refused as error:
            raise NotUsable(f"Whether the account could write is not known: {error}.") from None
    live.account = account
    live.executed.clear()
    if why:
        more = f" (and {len(why) - 1} more)" if len(why) > 1 else ""
        raise NotUsable(
            f"The account {account} could write, and nothing was read: {why[0][0]}{more}.",
            "Make one that cannot; docs/isolation-database.md has the statements.",
        )


def first_line(error: Exception) -> str:
    """The first line of an error of the connection, without secrets."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return redact(text)[:200].rstrip(".")


def _plain(error: psycopg.Error) -> str:
    """What went wrong, without the server's text: that may hold values of rows."""
    return _PLAIN.get(error.sqlstate or "", f"the server said {error.sqlstate or type(error).__name__}")
