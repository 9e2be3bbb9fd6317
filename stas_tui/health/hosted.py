"""What the sources share that ask one server, with a token, over several requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from stas_tui import config_sources
from stas_tui.credentials import CredentialMissing
from stas_tui.health.base import Answer
from stas_tui.notify.alertmanager_v2 import Cleaner
from stas_tui.web import Web, WebError
from storage.records import DataState, Json

LATEST_RETRY_S = 3_600.0


class HostedSource:
    """One server as a source (`health.base.Source`); what it is asked, `_ask` says.

    No token is `unknown`, no whole answer an error with its word. After a refused token it is taken afresh.
    """

    main: ClassVar[str]
    """The endpoint without whose answer there is none."""

    def __init__(
        self,
        config: config_sources.Alertmanager | config_sources.Prometheus,
        token: Callable[[], str],
        *,
        project_id: str,
        every_s: float,
    ) -> None:
        self.name = config.name
        self.project_id = project_id
        self.every_s = every_s
        self._server = config
        self._token = token
        self._clean = Cleaner()
        self._web: Web | None = None

    def ask(self, now: int) -> Answer:
        """One round of questions. `now` is UTC milliseconds."""
        self._clean.begin()
        try:
            web = self._open()
        except CredentialMissing as missing:
            return Answer(state=DataState.UNKNOWN, reason=missing.what)
        try:
            return self._ask(web, now)
        except WebError as error:
            detail: Json = {"word": error.word} | ({"http": error.reply.status} if error.reply is not None else {})
            reason = f"{self.main}: {error.word}: {error.what}"[:300]
            return Answer(state=DataState.ERROR, reason=reason, detail=detail)

    def close(self) -> None:
        """Let connections go; the token is taken afresh the next time."""
        if self._web is not None:
            self._web.close()
            self._web = None

    def _ask(self, web: Web, now: int) -> Answer:
        """The questions. Raises `WebError` for the one that decides."""
        raise NotImplementedError

    def _open(self) -> Web:
        if self._web is None:
            self._web = Web(self._server.url, timeout_s=self._server.timeout_s, token=self._token())
        return self._web

    def _refused(self, reason: str, status: int, retry_after_s: float | None) -> Answer:
        """The answer to a status that is no success: denied, or an error that names endpoint and status."""
        detail: Json = {"http": status, "endpoint": self.main, "word": f"status {status}"}
        if status in (401, 403):
            self.close()
            return Answer(state=DataState.DENIED, reason=reason, detail=detail)
        retry = None if retry_after_s is None else min(retry_after_s, LATEST_RETRY_S)
        if status == 429 and retry is not None:
            reason = f"{self.main} answered 429, retry in {retry:.0f} s"
        return Answer(state=DataState.ERROR, reason=reason, retry_after_s=retry, detail=detail)
