"""Looking up a host's addresses within a time: the system's resolver knows no limit that a caller could set.

A look-up that hangs cannot be ended. It goes on in a thread that nobody waits for, and whoever asks for the same name
meanwhile waits for that one, so that a dead resolver does not collect threads.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

ASKED_ANEW_S = 60.0
"""A look-up that has hung for this long is given up, and the next question begins one of its own."""


class LookupTimeout(TimeoutError):
    """No answer about a name came in time; nothing was sent to the host itself."""


class _Lookup:
    def __init__(self, host: str, port: int) -> None:
        self.began = time.monotonic()
        self.done = threading.Event()
        self.found: list[str] = []
        self.problem: Exception | None = None
        self._host, self._port = host, port

    def run(self) -> None:
        try:
            rows = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            self.found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except Exception as error:  # noqa: BLE001  raised where it was asked for
            self.problem = error
        with _lock:
            if _running.get((self._host, self._port)) is self:
                del _running[self._host, self._port]
        self.done.set()


_lock = threading.Lock()
_running: dict[tuple[str, int], _Lookup] = {}


def addresses(host: str, port: int, seconds: float) -> list[str]:
    """Every address of a host, in the resolver's order; an address is its own.

    Raises `LookupTimeout`, and what the resolver raises: `socket.gaierror`, or `UnicodeError` for what is no name.
    """
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        asked = _asked(host, port)
    if not asked.done.wait(max(seconds, 0.0)):
        raise LookupTimeout(f"{host} was not looked up within {seconds:.0f} s")
    if asked.problem is not None:
        raise asked.problem
    return asked.found


def _asked(host: str, port: int) -> _Lookup:
    with _lock:
        known = _running.get((host, port))
        if known is not None and time.monotonic() - known.began < ASKED_ANEW_S:
            return known
        fresh = _running[host, port] = _Lookup(host, port)
    threading.Thread(target=fresh.run, name="stas-resolve", daemon=True).start()
    return fresh


def connect(host: str, port: int, until: float) -> socket.socket:
    """A connection that was made before `until` (monotonic seconds); each address has its share of the time.

    Raises as `addresses`, and `OSError`.
    """
    found = addresses(host, port, until - time.monotonic())
    for place, address in enumerate(found, 1):
        try:
            return socket.create_connection((address, port), shared(until, len(found) - place + 1))
        except OSError:
            if place == len(found):
                raise
    raise OSError(f"{host} has no address")


def shared(until: float, among: int) -> float:
    """Seconds for the next of several tries, never none: zero would mean not to wait at all."""
    return max((until - time.monotonic()) / among, 0.001)
