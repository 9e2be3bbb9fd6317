"""What GitHub refuses, and why, as sentences; nothing of an answer is repeated unredacted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from stas_tui.forges.base import ForgeError
from stas_tui.texts.lines import one_line, redacted
from stas_tui.web import Reply
from storage.clock import HOUR, SECOND, age, hhmm

SECONDARY_S = 60.0
"""Wait after a secondary limit that names no time; GitHub asks for a minute at least."""
_LONGEST_MS = 24 * HOUR
_SECONDARY = re.compile(r"secondary rate limit|abuse detection", re.IGNORECASE)
_PRIMARY = re.compile(r"API rate limit exceeded", re.IGNORECASE)


class GithubError(ForgeError):
    """GitHub refused or gave no usable answer.

    `word` names the case in a few fixed words; `sent` is whether a write may have been carried out all the same.
    """

    def __init__(self, word: str, what: str, mend: str = "", *, sent: bool = False) -> None:
        super().__init__(what, mend)
        self.word, self.sent = word, sent


class GithubLimited(GithubError):
    """A rate limit: nothing is asked before `until` (UTC ms). `word` is `primary limit` or `secondary limit`."""

    def __init__(self, limit: Limit, now: int, *, sent: bool = False) -> None:
        wait = age(max(limit.until - now, SECOND))
        if limit.kind == "primary":
            quota = f" of {limit.quota} questions" if limit.quota else ""
            what = f"GitHub's hourly limit{quota} is used up; it listens again at {hhmm(limit.until)}, in {wait}."
        else:
            what = f"GitHub asks to slow down (secondary limit) until {hhmm(limit.until)}, for {wait}."
        super().__init__(f"{limit.kind} limit", what, "Nothing is asked before that.", sent=sent)
        self.until = limit.until


class GithubMissing(GithubError):
    """404: there is no such thing, or this token may not see it; GitHub does not say which."""


class GithubDenied(GithubError):
    """401 or 403 that is no rate limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A time before which GitHub does not want to be asked."""

    kind: str
    """`primary` or `secondary`."""
    until: int
    quota: str = ""


def limit_of(reply: Reply, now: int) -> Limit | None:
    """The rate limit that an answer speaks of; None if it is none. `now` is UTC ms.

    The time of a primary limit is measured against the server's own `Date`, so that a wrong clock here costs nothing.
    """
    if reply.status not in (403, 429):
        return spent(reply, now) if reply.status < 400 else None
    said = message_of(reply)[0]
    slow_down = _SECONDARY.search(said) is not None
    if not slow_down and (reply.headers.get("x-ratelimit-remaining") == "0" or _PRIMARY.search(said)):
        return spent(reply, now) or Limit("primary", now + HOUR)
    if slow_down or reply.retry_after_s is not None or reply.status == 429:
        return Limit("secondary", now + int((reply.retry_after_s or SECONDARY_S) * SECOND))
    return None


def spent(reply: Reply, now: int) -> Limit | None:
    """The primary limit if this answer was the last one within it."""
    reset = reply.headers.get("x-ratelimit-reset", "")
    if reply.headers.get("x-ratelimit-remaining") != "0" or not (reset.isascii() and reset.isdigit()):
        return None
    wait = int(reset[:15]) * SECOND - _server_now(reply, now)
    return Limit("primary", now + min(max(wait, SECOND), _LONGEST_MS), reply.headers.get("x-ratelimit-limit", "")[:9])


def _server_now(reply: Reply, now: int) -> int:
    try:
        return int(parsedate_to_datetime(reply.headers.get("date", "")).timestamp() * SECOND)
    except (ValueError, TypeError, OverflowError):
        return now


def message_of(reply: Reply) -> tuple[str, list[Any]]:
    """GitHub's own message and its list of errors, redacted; empty for a body that is not GitHub's."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return "", []
    if not isinstance(body, dict):
        return "", []
    errors = body.get("errors")
    return plain(body.get("message"), 300), errors[:20] if isinstance(errors, list) else []


def plain(value: object, limit: int = 200) -> str:
    """Text of an answer as one redacted line; anything that is no text is nothing."""
    return one_line(redacted(value[: limit * 16]), limit) if isinstance(value, str) else ""


def refusal(reply: Reply, name: str, *, write: bool, signed_in: bool) -> GithubError:
    """A status of 400 and above as an error. `name` is `owner/name`; `signed_in` is whether a token was sent."""
    status = reply.status
    said = message_of(reply)[0]
    quote = f": {said.rstrip('.')}." if said else "."
    if status == 401:
        return GithubDenied(
            "not accepted", "GitHub does not accept the token.", "It is wrong, expired or revoked: get a new one."
        )
    if status == 403:
        mend = "Give the token the right named in docs/github.md." if signed_in else "Configure a token."
        return GithubDenied("no right", f"GitHub does not allow this for {name}{quote}", mend)
    if status in (404, 410):
        mend = "Is the name right, and may the token see it?" if signed_in else "A private one needs a token."
        return GithubMissing("not found", f"GitHub shows no such thing in {name}.", mend)
    if status == 422:
        return invalid(reply, name)
    if status >= 500:
        what = f"GitHub answers {status}{quote}"
        return GithubError(f"status {status}", what, "Try again later.", sent=write)
    return GithubError(f"status {status}", f"GitHub answers {status} for {name}{quote}", "Look at the configuration.")


_SAYINGS: tuple[tuple[str, str, str, str], ...] = (
    (
        r"already .*for base branch",
        "already exists",
        "GitHub already has a pull request of this branch on that base.",
        "Close one of the two.",
    ),
    (
        r"pull request already exists",
        "already exists",
        "GitHub already has an open pull request of this branch.",
        "Look for it by its branch.",
    ),
    (
        r"no commits between|no new commits",
        "no commits",
        "The branch has no commit that the base branch lacks.",
        "Commit and push first.",
    ),
    (
        r"proposed base branch .* was not found|base.* not found",
        "no such base",
        "GitHub has no such base branch.",
        "Create it, or configure another base branch.",
    ),
    (
        r"change the base branch of a closed",
        "closed",
        "The pull request is closed; its base cannot be changed.",
        "Open it again first.",
    ),
    (r"body is too long", "too long", "GitHub finds the text of the pull request too long.", "Shorten it."),
    (r"title is too long", "too long", "GitHub finds the title of the pull request too long.", "Shorten it."),
    (
        r"request changes on your own",
        "own pull request",
        "GitHub takes no request for changes from the account that opened the pull request.",
        "Send it as a comment.",
    ),
    (
        r"one pending review",
        "pending review",
        "This account has begun a review there and not sent it.",
        "Send or discard it on GitHub first.",
    ),
    (
        r"commit\b.*\bnot part of the pull request|no commit found for sha",
        "commit gone",
        "The commit that was looked at is no longer part of the pull request.",
        "Review the pull request again.",
    ),
    (
        r"lock prevents|is locked",
        "locked",
        "The pull request is locked.",
        "Unlock it on GitHub, or talk to its author.",
    ),
    (
        r"not all refs are readable|head repository|fork",
        "head not readable",
        "GitHub cannot read the head branch.",
        "Push it to the same repository.",
    ),
)
_FIELDS = {
    ("base", "invalid"): ("no such base", "GitHub has no such base branch.", "Create it, or configure another one."),
    ("head", "invalid"): ("no such head", "GitHub has no such head branch.", "Push it first."),
}


def invalid(reply: Reply, name: str) -> GithubError:
    """A 422 in any of its forms: a list of objects, a list of texts, or only a message."""
    said, errors = message_of(reply)
    objects = [error for error in errors if isinstance(error, Mapping)]
    found = [plain(error.get("message")) if isinstance(error, Mapping) else plain(error) for error in errors]
    texts = [text for text in (*found, said) if text]
    for pattern, word, what, mend in _SAYINGS:
        if any(re.search(pattern, text, re.IGNORECASE) for text in texts):
            return GithubError(word, f"{name}: {what}", mend)
    for error in objects:
        pair = (str(error.get("field")), str(error.get("code")))
        if pair in _FIELDS:
            word, what, mend = _FIELDS[pair]
            return GithubError(word, f"{name}: {what}", mend)
    texts += [_field(error) for error in objects if not error.get("message")]
    return GithubError("invalid", f"{name}: GitHub finds the request invalid: {_joined(texts)}.", "Read what it says.")


def _field(error: Mapping[str, Any]) -> str:
    field, code = plain(error.get("field"), 40), plain(error.get("code"), 40)
    words = {"missing_field": "is missing", "missing": "does not exist", "already_exists": "exists already"}
    return f"{field or 'a field'} {words.get(code, code or 'is not valid')}"


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(text.rstrip(".") for text in dict.fromkeys(texts)) or "no reason given"
