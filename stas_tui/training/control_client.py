"""The other end of the control socket: where live lessons listen, and one connection to one of them."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path

from stas_tui.locations import Locations
from storage.errors import StasError
from storage.records import Json

LONGEST_LINE = 64 * 1024
"""Bytes of one line, in and out."""
_FOLDER = "_train"
"""No profile can be called so."""
_NAME = 24


class ControlGone(StasError):
    """There is no live lesson to talk to, or it went away."""


def folder_of(locations: Locations) -> Path:
    """Where the sockets of live lessons are."""
    return locations.runtime_dir / _FOLDER


def path_for(locations: Locations, run: str) -> Path:
    """The socket of a run; long names are cut and told apart by a mark."""
    mark = hashlib.sha256(run.encode("utf-8", "replace")).hexdigest()[:6]
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in run)
    name = plain if plain == run and len(run) <= _NAME else f"{plain[:_NAME]}-{mark}"
    return folder_of(locations) / f"{name}.sock"


def live(locations: Locations) -> list[Path]:
    """The sockets of lessons that answer, sorted. Dead ones are left for the next lesson to clear away."""
    folder = folder_of(locations)
    return [path for path in sorted(folder.glob("*.sock")) if answers(path)] if folder.is_dir() else []


def answers(path: Path) -> bool:
    """Whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True


class Client:
    """One connection to a live lesson. Raises `ControlGone` from every method."""

    def __init__(self, path: Path, *, timeout_s: float = 5.0) -> None:
        """Connect."""
        self.path = path
        self._rest = bytearray()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(timeout_s)
        try:
            self._sock.connect(os.fspath(path))
        except OSError as error:
            self._sock.close()
            raise ControlGone("The lesson is not there any more.", "Start one with `stas train run`.") from error

    def ask(self, what: str, body: Json | None = None) -> Json:
        """The answer to one order: `ok` and `said`, or `ok` and `state`."""
        try:
            self._sock.sendall(json.dumps({"what": what, "body": body or {}}).encode() + b"\n")
        except OSError as error:
            raise self._gone() from error
        return self._heard()

    def _heard(self) -> Json:
        while (end := self._rest.find(b"\n")) < 0:
            if len(self._rest) > LONGEST_LINE:
                raise self._gone()
            try:
                data = self._sock.recv(LONGEST_LINE)
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            self._rest += data
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._gone() from error
        if not isinstance(answer, dict):
            raise self._gone()
        return answer

    @staticmethod
    def _gone() -> ControlGone:
        return ControlGone(
            "The lesson does not answer any more.", "It may have ended; `stas train control` finds others."
        )

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
