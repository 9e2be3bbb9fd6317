"""slack-sdk's client, held to our rules: no retry, no redirect, no endless answer, nothing printed. Heavy to import."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
import urllib.request
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.error import HTTPError

from slack_sdk.web import WebClient

from stas_tui.web_names import LookupTimeout, connect, shared

LONGEST = 4 * 1024 * 1024
"""Bytes of one answer."""
_PIECE = 64 * 1024


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token to another host; it is an error answer instead."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Never follow."""
        return


class _Time:
    """The time of one request. When it is over the connection is cut, whatever it is at then."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self._line: socket.socket | None = None
        self._cutter = threading.Timer(seconds, self._cut)
        self._cutter.daemon = True

    def __enter__(self) -> _Time:
        self._cutter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._cutter.cancel()
        if self._line is not None:
            self._line.close()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def connect(self, address: tuple[str, int], *_: object) -> socket.socket:
        """As `socket.create_connection`, within this time."""
        line = connect(*address, self.until)
        line.settimeout(shared(self.until, 1))
        self._line = line.dup()
        return line

    def _cut(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, limit: _Time) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPConnection, self._limit), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, limit: _Time, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self._made = partial(_connection, HTTPSConnection, limit, context=context)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._made, req)


def _connection(of: type[HTTPConnection], limit: _Time, host: str, **options: Any) -> HTTPConnection:
    made = of(host, **options)
    made._create_connection = limit.connect  # type: ignore[attr-defined]
    return made


class BoundClient(WebClient):
    """One request, one connection, at most `timeout` seconds from the look-up of the name to the end of the answer."""

    def _perform_urllib_http_request_internal(self, url: str, req: urllib.request.Request) -> dict[str, Any]:
        proxy = urllib.request.ProxyHandler({"http": self.proxy, "https": self.proxy} if self.proxy else {})
        with _Time(self.timeout) as limit:
            opener = urllib.request.build_opener(NoRedirect(), proxy, _Http(limit), _Https(limit, self.ssl))
            try:
                answer = _answer(opener, req, self.timeout)
            except (OSError, HTTPException) as error:
                if limit.over and not _no_name(error):
                    raise TimeoutError("the answer takes too long") from error
                raise
            if limit.over:
                raise TimeoutError("the answer was cut off when its time was over")
            return answer


def _no_name(error: BaseException) -> bool:
    return isinstance(getattr(error, "reason", error), LookupTimeout)


def _answer(opener: urllib.request.OpenerDirector, req: urllib.request.Request, timeout: float) -> dict[str, Any]:
    try:
        opened = opener.open(req, timeout=timeout)
    except HTTPError as refused:
        opened = refused
    with opened as answer:
        pieces, size = [], 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LONGEST:
                raise HTTPException("the answer does not end")
        if answer.length:
            raise HTTPException("the answer was cut off")
        return {
            "status": answer.status,
            "headers": answer.headers,
            "body": b"".join(pieces).decode("utf-8", "replace"),
        }


def make_client(token: str, api: str, timeout_s: float) -> WebClient:
    """A client for one workspace. It says nothing: a line on standard error would tear the screen."""
    logger = logging.getLogger("stas.slack")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    return BoundClient(
        token=token,
        base_url=api,
        timeout=timeout_s,  # type: ignore[arg-type]
        retry_handlers=[],
        logger=logger,
    )
