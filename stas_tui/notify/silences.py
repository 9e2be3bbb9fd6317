"""Silences written into Alertmanager, each on a person's request only; what the API does not promise is looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stas_tui.credentials import token_of
from stas_tui.notify import alertmanager_v2 as v2
from stas_tui.notify.base import NotifyError, NotifyLimited, NotifyUncertain, SilenceWish
from stas_tui.web import Reply, Web, WebError
from storage.records import Json
from storage.watch_records import Alert

if TYPE_CHECKING:
    from stas_tui import config_sources

MOST = 5_000
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def _credential(config: config_sources.Alertmanager) -> str:
    return token_of(config.credential)


class AlertmanagerSilences:
    """The `Silencer` of every configured Alertmanager. One request each; nothing is retried in here."""

    def __init__(
        self,
        configs: Sequence[config_sources.Alertmanager],
        token: Callable[[config_sources.Alertmanager], str] = _credential,
    ) -> None:
        self._configs = {config.name: config for config in configs}
        self._token = token

    @property
    def names(self) -> Sequence[str]:
        """The configured Alertmanagers."""
        return tuple(self._configs)

    def set(self, wish: SilenceWish) -> str:
        """Create it; returns its id. Raises `NotifyError`, `NotifyUncertain`, `NotifyLimited`."""
        if not wish.comment.strip() or not wish.by.strip():
            raise NotifyError("A silence says who made it and why.", "Give a reason.")
        return self._post(
            wish.source,
            {
                "matchers": [
                    {"name": name, "value": value, "isRegex": regex, "isEqual": equal}
                    for name, value, regex, equal in wish.matchers
                ],
                "startsAt": v2.to_rfc3339(wish.starts_at),
                "endsAt": v2.to_rfc3339(wish.ends_at),
                "createdBy": wish.by,
                "comment": wish.comment,
            },
        )

    def extend(self, source: str, silence_id: str, ends_at: int, *, was: int | None = None, said: str = "") -> str:
        """Move its end by writing the whole object back; returns the id it has then.

        `was` is the end that it has to have still, `said` goes behind its comment. One that ends at `ends_at` already
        is left alone, so that a request whose answer was lost can be repeated. The id stays only because `startsAt`
        goes back exactly as it came. Raises as `set`, and `NotifyError` for one that is gone or over: a new one would
        be a new decision.
        """
        raw = self._get(source, silence_id)
        state = raw["status"]["state"] if raw is not None and isinstance(raw.get("status"), dict) else "gone"
        if raw is None or state not in ("active", "pending"):
            raise NotifyError(f"Silence {silence_id} is {state}; it cannot be extended.", "Set a new one.")
        ends = self._made(raw)["ends_at"]
        if ends == ends_at:
            return silence_id
        if was is not None and ends != was:
            told = f"It ends at {v2.to_rfc3339(ends)} now, and no more at {v2.to_rfc3339(was)}"
            raise NotifyError(f"{told}: somebody changed it meanwhile.", "Look at it, then ask again.")
        kept = {name: raw.get(name) for name in ("id", "matchers", "startsAt", "createdBy")}
        comment = f"{raw.get('comment') or ''}{said}"
        return self._post(source, {**kept, "comment": comment, "endsAt": v2.to_rfc3339(ends_at)})

    def read(self, source: str, silence_id: str) -> Json | None:
        """The silence, as `alertmanager_v2.silence_json` says it; None if there is none. Raises `NotifyError`."""
        raw = self._get(source, silence_id)
        return None if raw is None else self._made(raw)

    def find(self, source: str, comment: str) -> Json | None:
        """The latest unexpired silence with exactly this comment. Raises `NotifyError`."""
        with self._asking(source, writes=False) as web:
            raw = self._list(web, v2.SILENCES)
        mine = [
            self._made(r)
            for r in raw
            if isinstance(r, dict)
            and r.get("comment") == comment
            and isinstance(r.get("status"), dict)
            and r["status"].get("state") in ("active", "pending")
        ]
        return max(mine, key=lambda found: (found["starts_at"], found["ends_at"])) if mine else None

    def hides(self, source: str, matchers: Sequence[v2.Matcher]) -> Sequence[Alert]:
        """The alerts that fit all matchers now, judged by Alertmanager itself, so that a regular expression means what
        it will mean there; without matchers all alerts, by name and tenant. Raises `NotifyError`.
        """
        clean = v2.Cleaner()
        with self._asking(source, writes=False) as web:
            raw = self._list(web, v2.ALERTS, {"filter": [v2.matcher_text(m) for m in matchers]})
        made, _, _ = v2.each(raw, lambda r: v2.alert_of(r, clean), most=MOST)
        return sorted(made, key=lambda alert: (alert.name, alert.tenant, alert.key))

    def end(self, source: str, silence_id: str) -> None:
        """Let it expire now; one that is gone or over is no error. Raises as `set`.

        0.25 answers 500 for an id it does not know, so a 500 here is no server that is down: it is looked up.
        """
        if not _UUID.fullmatch(silence_id):
            return
        with self._asking(source, writes=True) as web:
            reply = web.send("DELETE", v2.SILENCE + silence_id)
        if reply.status == 200:
            return
        if reply.status == 404 or reply.status >= 500:
            now = self.read(source, silence_id)
            if now is None or now["state"] == "expired":
                return
        self._raise(reply, "DELETE " + v2.SILENCE)

    # requests --------------------------------------------------------------------------------------

    def _post(self, source: str, body: Json) -> str:
        with self._asking(source, writes=True) as web:
            reply = web.send("POST", v2.SILENCES, payload=body)
        if reply.status != 200:
            self._raise(reply, "POST " + v2.SILENCES)
        try:
            answer: Any = reply.json()
        except WebError as error:
            raise NotifyUncertain(f"{v2.SILENCES} answered 200 without an id.", "Look for it.") from error
        silence_id = answer.get("silenceID") if isinstance(answer, dict) else None
        if not isinstance(silence_id, str) or not silence_id:
            raise NotifyUncertain(f"{v2.SILENCES} answered 200 without an id.", "Look for it.")
        return silence_id[: v2.LONGEST_NAME]

    def _get(self, source: str, silence_id: str) -> dict[str, Any] | None:
        """The raw silence. What is no UUID is nobody's id, and is not put into a path."""
        if not _UUID.fullmatch(silence_id):
            return None
        with self._asking(source, writes=False) as web:
            reply = web.get(v2.SILENCE + silence_id)
            if reply.status == 404:
                return None
            raw = self._json(reply, v2.SILENCE)
        if not isinstance(raw, dict):
            raise NotifyError(f"{v2.SILENCE} answered no silence.", "Is the address right?")
        return raw

    @staticmethod
    def _made(raw: Any) -> Json:
        try:
            return v2.silence_json(v2.silence_of(raw, v2.Cleaner()))
        except v2.Bad as bad:
            raise NotifyError(f"A silence has no readable {bad}.", "Look at it in Alertmanager.") from None

    def _list(self, web: Web, path: str, params: Json | None = None) -> list[Any]:
        raw = self._json(web.get(path, params), path)
        if not isinstance(raw, list):
            raise NotifyError(f"{path} answered no list.", "Is the address right?")
        return raw

    def _json(self, reply: Reply, path: str) -> Any:
        if reply.status != 200:
            self._raise(reply, f"GET {path}")
        return reply.json()

    @contextmanager
    def _asking(self, source: str, *, writes: bool) -> Iterator[Web]:
        """A client for one question; a failure is a `NotifyError`, or uncertain if it may have been carried out."""
        config = self._configs.get(source)
        if config is None:
            known = ", ".join(self._configs) or "none"
            raise NotifyError(f"There is no Alertmanager {source}.", f"Configured: {known}.")
        web = Web(config.url, timeout_s=config.timeout_s, token=self._token(config))
        try:
            yield web
        except WebError as error:
            if writes and error.sent:
                raise NotifyUncertain(error.what, "Look whether it happened before anything is repeated.") from error
            raise NotifyError(error.what, error.mend) from error
        finally:
            web.close()

    @staticmethod
    def _raise(reply: Reply, where: str) -> None:
        what = v2.clause(where, reply) + "."
        if reply.status == 429:
            raise NotifyLimited(what, "Wait.", retry_after_s=reply.retry_after_s or 30.0)
        if reply.status >= 500 and not where.startswith("GET"):
            raise NotifyUncertain(what, "Look whether it happened before anything is repeated.")
        if reply.status in (401, 403):
            raise NotifyError(what, "Look at the credential.")
        raise NotifyError(what)
