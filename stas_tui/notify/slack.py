"""Direct messages in Slack: posted once, looked for before anything is repeated, edited afterwards (R122, R128)."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stas_tui.credentials import CredentialMissing
from stas_tui.notify.base import Delivered, DirectMessage, NotifyError, NotifyGone, NotifyLimited, NotifyUncertain
from stas_tui.notify.slack_blocks import compose, shown_text
from storage.redact import redact, register_secret

if TYPE_CHECKING:
    from slack_sdk.web import WebClient

    from stas_tui.config_model import Slack

EVENT_TYPE = "stas_pulse"
PAGE = 100
MOST_PAGES = 10
"""History is read back for at most a thousand messages."""
MARGIN_MS = 60 * 60_000
"""How far Slack's clock may be from ours when history is read."""
UNSAID_WAIT_S = 30.0
"""After a 429 that does not say how long."""
LONGEST_WAIT_S = 3_600.0

_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}")
_OPEN_CODES = frozenset({408, 425})
"""Status codes below 500 after which it is still open whether something happened."""
_OPEN_ERRORS = frozenset({"fatal_error", "internal_error", "service_unavailable"})
"""Errors after which, says Slack, some of it may have happened."""
_NO_CONTACT = "Check the network and its name servers; nothing was sent."
_LIMITS = frozenset({"ratelimited", "rate_limited"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_MENDS: Mapping[str, str] = {
    "invalid_auth": "The token is not known to Slack: put in the bot token of your app.",
    "not_authed": "The token is not known to Slack: put in the bot token of your app.",
    "token_revoked": "Install the app again and put in its new token.",
    "token_expired": "Install the app again and put in its new token.",
    "account_inactive": "The app was removed from the workspace; install it again.",
    "user_not_found": "Check the member id.",
    "users_not_found": "Check the member id.",
    "user_disabled": "This person cannot be messaged any more; name another member.",
    "channel_not_found": "Check the member id, and that the app may write to them.",
    "messages_tab_disabled": "Switch on the messages tab of the app's home.",
    "is_archived": "Check the member id.",
}


class SlackMessenger:
    """The one person who is told, behind `notify.base.Messenger`. Blocks: call it beside the interface."""

    def __init__(
        self,
        config: Slack,
        member: str | None,
        *,
        token: str | Callable[[], str] = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`member` counts if the configuration names none; `token` if it holds none. One that is a function is asked
        when it is first needed, and may raise `CredentialMissing`."""
        self._config = config
        self._member = config.member or member or ""
        self._source = (config.token.get_secret_value() if config.token else "") or token
        self._monotonic = monotonic
        self._limited_until = 0.0
        self._channel = ""
        if isinstance(self._source, str):
            register_secret(self._source)

    @property
    def _token(self) -> str:
        if not isinstance(self._source, str):
            self._source = self._source()
        return self._source

    # what can be said without asking anybody -------------------------------------------------------

    def ready(self) -> str:
        """Why nothing can be sent, as a clause; empty if it can."""
        try:
            if not self._token:
                return "no token"
        except CredentialMissing as error:
            return error.what.rstrip(".")
        if not self._member:
            return "no member id for the person"
        if not _MEMBER.fullmatch(self._member):
            return f"«{self._member[:40]}» is no Slack member id"
        return ""

    @property
    def to(self) -> str:
        """The member id."""
        return self._member

    @property
    def limited_s(self) -> float:
        """Seconds until Slack listens again."""
        return max(0.0, self._limited_until - self._monotonic())

    # effects ---------------------------------------------------------------------------------------

    def post(self, message: DirectMessage, *, key: str) -> Delivered:
        """Open the conversation, then post once, both within the one time limit.

        Errors of the first are never uncertain: nothing was sent.
        """
        until = time.monotonic() + self._config.timeout_s
        channel = self._open(until)
        composed = compose(_redacted(message), key)
        data = self._ask(
            "post the message",
            lambda client: client.chat_postMessage(
                channel=channel,
                text=composed.text,
                blocks=composed.blocks,
                metadata=_mark(message, key),
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
            sends=True,
            until=until,
        )
        return _delivered(data, channel, composed.text)

    def edit(self, at: Delivered, message: DirectMessage, *, key: str) -> Delivered:
        """Replace text, blocks and mark of a message that stands. Raises `NotifyGone` if it cannot be edited."""
        composed = compose(_redacted(message), key)
        data = self._ask(
            "edit the message",
            lambda client: client.chat_update(
                channel=at.channel,
                ts=at.ts,
                text=composed.text,
                blocks=composed.blocks,
                metadata=_mark(message, key),
                parse="none",
                link_names=False,
            ),
            sends=True,
        )
        return _delivered(data, at.channel, composed.text)

    def find(self, key: str, *, since: int = 0) -> Delivered | None:
        """Read the conversation back, newest first, for the message that carries `key`."""
        channel = self._open()
        oldest = f"{max(since - MARGIN_MS, 0) / 1000:.6f}"
        cursor, seen = "", set()
        for _ in range(MOST_PAGES):
            at = cursor
            data = self._ask(
                "read the conversation",
                lambda client, at=at: client.conversations_history(  # type: ignore[misc]
                    channel=channel,
                    include_all_metadata=True,
                    limit=PAGE,
                    oldest=oldest,
                    **({"cursor": at} if at else {}),
                ),
            )
            messages = data.get("messages")
            if not isinstance(messages, list):
                raise NotifyError("Slack gave no list of messages.", "Look in Slack.")
            for message in messages:
                if isinstance(message, dict) and _key_of(message) == key and isinstance(message.get("ts"), str):
                    return Delivered(
                        channel=channel, ts=message["ts"], text=redact(shown_text(str(message.get("text", ""))))
                    )
            if not data.get("has_more"):
                return None
            following = data.get("response_metadata")
            cursor = str(following.get("next_cursor", "")) if isinstance(following, dict) else ""
            if not cursor or cursor in seen:
                break
            seen.add(cursor)
        raise NotifyError("The conversation could not be read to its end.", "Look in Slack.")

    # asking ----------------------------------------------------------------------------------------

    def _open(self, until: float | None = None) -> str:
        """The conversation with the member; asked once, and an early, clear error."""
        if not self._channel:
            data = self._ask(
                "open the conversation", lambda client: client.conversations_open(users=[self._member]), until=until
            )
            channel = data.get("channel")
            if not isinstance(channel, dict) or not isinstance(channel.get("id"), str) or not channel["id"]:
                raise NotifyError("Slack opened no conversation.", "Check the member id.")
            self._channel = channel["id"]
        return self._channel

    def _ask(
        self, what: str, ask: Callable[[WebClient], Any], *, sends: bool = False, until: float | None = None
    ) -> Mapping[str, Any]:
        """The answer to one request. With `sends`, whatever does not prove a refusal is `NotifyUncertain`.

        It has the configured time, or what is left of it `until` then (monotonic seconds).
        """
        problem = self.ready()
        if problem:
            raise NotifyError(f"Slack is not configured: {problem}.", "See docs/slack.md.")
        if self.limited_s:
            raise self._limit(self.limited_s)
        seconds = self._config.timeout_s if until is None else until - time.monotonic()
        if seconds <= 0:
            raise NotifyError(f"Slack was not asked to {what}: the time is over.", "Nothing was sent; try again.")
        from slack_sdk.errors import SlackApiError, SlackClientError

        unclear = NotifyUncertain if sends else NotifyError
        try:
            data = ask(self._client(seconds)).data
        except SlackApiError as error:
            raise self._refused(what, error.response, unclear) from None
        except SlackClientError as error:
            raise NotifyError(f"Slack was not asked to {what}: {type(error).__name__}.") from None
        except _broken() as error:
            if _never_arrived(error):
                raise NotifyError(f"Slack could not be reached to {what}: {_kind(error)}.", _NO_CONTACT) from None
            raise unclear(f"No clear answer came when Slack was asked to {what}: {_kind(error)}.") from None
        if not isinstance(data, dict):
            raise unclear(f"Slack's answer, when asked to {what}, is not readable.")
        return data

    def _client(self, seconds: float) -> WebClient:
        from stas_tui.notify.slack_client import make_client

        return make_client(self._token, self._config.api, seconds)

    def _refused(self, what: str, response: Any, unclear: type[NotifyError]) -> NotifyError:
        status = int(response.status_code)
        data = response.data if isinstance(response.data, dict) else {}
        error = redact(str(data.get("error", "")))[:80]
        if status == 429 or error in _LIMITS:
            return self._limit(_wait(response.headers))
        if (
            status >= 500
            or status in _OPEN_CODES
            or error in _OPEN_ERRORS
            or (status == 200 and data.get("ok") is not False)
        ):
            return unclear(f"Slack answered {status} when asked to {what}.")
        if status == 200 and error.startswith("Received a response in a non-JSON format"):
            return unclear(f"Slack's answer, when asked to {what}, is not readable.")
        if status != 200:
            return NotifyError(f"Slack's address answered {status} when asked to {what}.", "Check `api` in [slack].")
        refusal = NotifyGone if error in _GONE else NotifyError
        return refusal(f"Slack refused to {what}: {error or 'no reason'}{_details(data)}.", _mend(error, data))

    def _limit(self, wait_s: float) -> NotifyLimited:
        self._limited_until = max(self._limited_until, self._monotonic() + wait_s)
        return NotifyLimited(f"Slack takes no message for {max(1, round(wait_s))} s.", retry_after_s=wait_s)


def _redacted(message: DirectMessage) -> DirectMessage:
    """The last border: a secret that became known after the text was approved stays here."""
    return DirectMessage(
        text=redact(message.text),
        category=message.category,
        urgent=message.urgent,
        item=message.item,
        fields={redact(name): redact(value) for name, value in message.fields.items()},
    )


def _mark(message: DirectMessage, key: str) -> dict[str, Any]:
    """Our key, and the incident only as a digest: its identity may hold names from outside."""
    item = hashlib.sha256(message.item.encode()).hexdigest()[:16] if message.item else ""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key, "item": item}}


def _key_of(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return ""
    payload = metadata.get("event_payload")
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""


def _delivered(data: Mapping[str, Any], channel: str, sent: str) -> Delivered:
    """The receipt. Slack's answer holds the text at its top or inside `message`."""
    ts = data.get("ts")
    if not isinstance(ts, str) or not ts:
        raise NotifyUncertain("Slack said yes and did not say where the message stands.")
    inside = data.get("message")
    text = inside.get("text") if isinstance(inside, dict) else data.get("text")
    where = data.get("channel")
    return Delivered(
        channel=where if isinstance(where, str) and where else channel,
        ts=ts,
        text=redact(shown_text(text if isinstance(text, str) else sent)),
    )


def _wait(headers: Mapping[str, Any]) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = str(value[0] if isinstance(value, list) and value else value).strip()
            if re.fullmatch(r"\d{1,9}", text):
                return min(max(float(text), 1.0), LONGEST_WAIT_S)
    return UNSAID_WAIT_S


def _details(data: Mapping[str, Any]) -> str:
    """What a refusal says besides its word: scopes, and the pointers of `invalid_blocks`."""
    if data.get("needed"):
        return redact(f" (needed: {data['needed']}; provided: {data.get('provided') or 'none'})")[:300]
    errors = data.get("errors")
    more = data.get("response_metadata")
    if not errors and isinstance(more, dict):
        errors = more.get("messages")
    if isinstance(errors, list) and errors:
        return redact(f" ({'; '.join(map(str, errors[:4]))})")[:300]
    return ""


def _mend(error: str, data: Mapping[str, Any]) -> str:
    if error == "missing_scope":
        return f"Add the scope {redact(str(data.get('needed', '')))[:60]} to the app and install it again."
    return _MENDS.get(error, "")


def _never_arrived(error: BaseException) -> bool:
    """The connection was never made, so nothing was sent."""
    import socket
    import ssl

    from stas_tui.web_names import LookupTimeout

    reason = getattr(error, "reason", error)
    return isinstance(reason, ConnectionRefusedError | socket.gaierror | LookupTimeout | ssl.SSLCertVerificationError)


def _kind(error: BaseException) -> str:
    import socket

    from stas_tui.web_names import LookupTimeout

    reason = getattr(error, "reason", error)
    if isinstance(reason, LookupTimeout):
        return "its name was not looked up in time"
    if isinstance(reason, socket.gaierror):
        return "its name was not found"
    if isinstance(reason, TimeoutError):
        return "the time is over"
    return type(reason if isinstance(reason, BaseException) else error).__name__


def _broken() -> tuple[type[Exception], ...]:
    """What urllib, http.client, json and slack-sdk raise when a connection or an answer is broken."""
    from http.client import HTTPException

    return OSError, HTTPException, ValueError, RecursionError, LookupError, TypeError, AttributeError
