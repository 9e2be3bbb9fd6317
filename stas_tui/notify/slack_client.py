"""slack-sdk's client, held to our rules: no retry, no redirect, no endless answer, nothing printed. Heavy to import."""

from __future__ import annotations

import logging
import time
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError

from slack_sdk.web import WebClient

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


class BoundClient(WebClient):
    """One request, one connection, at most `timeout` seconds for the answer once it has begun."""

    def _perform_urllib_http_request_internal(self, url: str, req: urllib.request.Request) -> dict[str, Any]:
        proxy = urllib.request.ProxyHandler({"http": self.proxy, "https": self.proxy} if self.proxy else {})
        opener = urllib.request.build_opener(NoRedirect(), proxy, urllib.request.HTTPSHandler(context=self.ssl))
        until = time.monotonic() + self.timeout
        try:
            opened = opener.open(req, timeout=self.timeout)
        except HTTPError as refused:
            opened = refused
        with opened as answer:
            pieces, size = [], 0
            while piece := answer.read1(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > LONGEST:
                    raise HTTPException("the answer does not end")
                if time.monotonic() > until:
                    raise TimeoutError("the answer takes too long")
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
