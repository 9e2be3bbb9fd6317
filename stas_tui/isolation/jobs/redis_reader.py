"""One connection to a Redis that only reads: a closed list of commands, a limit of time and one of bytes."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.isolation.jobs.counted import QueueUnreadable
from storage.redact import register_secret

if TYPE_CHECKING:
    import socket

    from stas_tui.isolation.base import World
    from stas_tui.isolation.declared import Jobs

READS = frozenset({"TYPE", "LRANGE", "ZRANGE", "XRANGE", "SMEMBERS", "GETRANGE", "HSTRLEN", "HGET"})
"""The commands that may be sent, beside those of the greeting (AUTH, SELECT). None of them writes or blocks."""
CONNECT_S = 5.0
ANSWER_S = 3.0
"""Seconds without a byte until a server is given up."""
TOTAL_S = 20.0
"""Seconds that all reading may take."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all answers together."""
NO_CLIENT = "redis-py is not installed; `pip install 'stas-tui[redis]'`"
_KNOWN = frozenset(
    {"host", "port", "path", "db", "username", "password", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
)
"""What an address may say; nothing of it makes a connection less safe."""
_SAYS = {
    "NOAUTH": "it asks for a password; put it into the address",
    "WRONGPASS": "it does not accept the user or password of the address",
    "NOPERM": "the account may not read the queue; allow it to read those keys",
    "MOVED": "it is a cluster and holds the queue on another node; name that one",
    "LOADING": "it is still loading its data",
    "WRONGTYPE": "the queue is of another type than its kind of jobs uses; look at `kind` in [jobs]",
    "MASTERDOWN": "it has lost its primary",
}


class _Limited:
    """A socket that gives up after a time and a number of bytes, however an answer is dripped or swollen."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._until = time.monotonic() + TOTAL_S
        self._left = MOST_BYTES
        self.why = ""

    def recv(self, size: int) -> bytes:
        left = self._until - time.monotonic()
        if self._left <= 0:
            self.why = f"its answers are larger than {MOST_BYTES // 1024 // 1024} MB"
            raise TimeoutError(self.why)
        try:
            self._inner.settimeout(max(min(left, ANSWER_S), 0.001))
            data = self._inner.recv(size)
        finally:
            if time.monotonic() >= self._until:
                self.why = f"it took longer than {TOTAL_S:g} s"
        if self.why:
            raise TimeoutError(self.why)
        self._left -= len(data)
        return data

    def settimeout(self, _: float | None) -> None:
        """Times are set for each read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Reader:
    """A connection. Raises `QueueUnreadable` for everything that goes wrong, with nothing of an answer in it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def many(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        """Answers to commands that are sent together; an error of the server is raised."""
        from redis.exceptions import RedisError

        for command in commands:
            if command[0] not in READS:
                raise AssertionError(f"{command[0]} is not one of the commands that only read")
        try:
            packed = [self._connection.pack_command(*command) for command in commands]
            self._connection.send_packed_command([part for parts in packed for part in parts], check_health=False)
            return [self._connection.read_response(disable_decoding=True) for _ in commands]
        except (RedisError, OSError, ValueError, RecursionError, MemoryError) as error:
            why = _why(error, self._connection)
            self.close()
            raise QueueUnreadable(why) from None

    def one(self, *command: str) -> Any:
        """The answer to one command."""
        return self.many([command])[0]

    def texts(self, *command: str) -> list[bytes]:
        """The answer to one command that is answered with a list of texts."""
        answer = self.one(*command)
        return [one for one in answer if isinstance(one, bytes)] if isinstance(answer, list | set) else []

    def close(self) -> None:
        """Let the connection go."""
        self._connection.disconnect()


def open_reader(world: World, jobs: Jobs) -> Reader:
    """A connection to the declared Redis. Raises `QueueUnreadable`."""
    try:
        import redis.connection as connections
        from redis.exceptions import RedisError
    except ImportError:
        raise QueueUnreadable(NO_CLIENT) from None
    options = _options(_address(world, jobs))
    base = options.pop("connection_class", connections.Connection)

    class Limited(base):  # type: ignore[misc, valid-type]
        limits: _Limited | None = None

        def _connect(self) -> Any:
            self.limits = _Limited(super()._connect())
            return self.limits

    extra = {} if base is connections.UnixDomainSocketConnection else {"socket_connect_timeout": CONNECT_S}
    connection = Limited(**options, **extra, socket_timeout=ANSWER_S, protocol=2, **_silent())
    world.step("connecting to Redis")
    try:
        connection.connect()
    except (RedisError, OSError, ValueError) as error:
        raise QueueUnreadable(_why(error, connection)) from None
    return Reader(connection)


def _silent() -> dict[str, Any]:
    """Options that keep the client from telling the server what it is, and from trying again."""
    from redis.backoff import NoBackoff
    from redis.connection import AbstractConnection
    from redis.retry import Retry

    newer = "driver_info" in inspect.signature(AbstractConnection.__init__).parameters
    name = {"driver_info": None} if newer else {"lib_name": None, "lib_version": None}
    return {**name, "retry": Retry(NoBackoff(), 0), "health_check_interval": 0}


def _address(world: World, jobs: Jobs) -> str:
    try:
        address = token_of(jobs.redis, world.environ)
    except CredentialMissing as error:
        raise QueueUnreadable(f"the address of Redis could not be had: {error}".rstrip(".")) from None
    if not address:
        where = f"the variable {jobs.redis.env} is not set" if jobs.redis.env else "nothing was printed"
        raise QueueUnreadable(f"the address of Redis could not be had: {where}")
    return address


def _options(address: str) -> dict[str, Any]:
    """What an address says. Raises `QueueUnreadable`, also where it would make the connection less safe."""
    import redis.connection as connections

    parse: Callable[[str], dict[str, Any]] = connections.parse_url
    try:
        options = parse(address)
    except ValueError:
        raise QueueUnreadable("the address of Redis is none; write redis://, rediss:// or unix://") from None
    if password := options.get("password"):
        register_secret(str(password))
    for name in sorted(set(options) - _KNOWN - {"connection_class"}):
        raise QueueUnreadable(f"the address of Redis says {name[:40]}, which is not used; leave it out")
    return options


def _why(error: Exception, connection: Any) -> str:
    """What went wrong, without the server's text: that may hold a value."""
    from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
    from redis.exceptions import TimeoutError as TookLong

    limits = getattr(connection, "limits", None)
    if limits is not None and limits.why:
        return f"Redis was left: {limits.why}"
    word = str(error).partition(" ")[0]
    if word in _SAYS:
        return f"Redis was not read: {_SAYS[word]}"
    if isinstance(error, NoPermissionError):
        return f"Redis was not read: {_SAYS['NOPERM']}"
    if isinstance(error, AuthenticationError):
        return f"Redis was not read: {_SAYS['NOAUTH' if 'required' in str(error) else 'WRONGPASS']}"
    if isinstance(error, TookLong | TimeoutError):
        return f"Redis did not answer within {ANSWER_S:g} s"
    if isinstance(error, ResponseError):
        return "Redis refused a command that reads"
    return "Redis could not be reached, or it is none"
