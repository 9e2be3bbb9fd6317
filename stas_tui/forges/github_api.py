"""Questions to one GitHub server: conditional, paged, limited, and never repeated on their own (R94, R105).

Plain HTTP through `stas_tui.web`; docs/performance.md says why there is no library of GitHub's between. The token goes
to the configured host only, and never into a text.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stas_tui.forges.github_errors import (
    GithubDenied,
    GithubError,
    GithubLimited,
    GithubMissing,
    Limit,
    limit_of,
    plain,
    refusal,
)
from stas_tui.web import Reply, Web, WebError
from storage.clock import Clock

PAGE = 100
"""Items asked for at once; GitHub gives no more."""
SMALL_PAGE = 50
"""The same for items that may carry long texts of their own, so that a page stays below the bound of an answer."""
PAGES = 30
"""Pages of one list that are read at most."""
KEPT = 512
"""Answers that are kept to be asked for conditionally."""
KEPT_BYTES = 16 * 1024 * 1024
_HOPS = 3
_LINK = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?(next|last)"?')
_NAME = re.compile(r"/repos/([A-Za-z0-9-]+/[A-Za-z0-9._-]+)(?:/|$)")
_BY_ID = re.compile(r"/repositories/\d+(?=/|$)")
_HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer as JSON."""

    data: Any
    links: Mapping[str, str]
    """Addresses of the `next` and the `last` page, as sent."""
    unchanged: bool = False
    """The server said that nothing changed since the last time (304)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, read to its end or to a bound."""

    items: tuple[dict[str, Any], ...]
    more: int = 0
    """How many were not read, as far as the server says; at least 1 if there are any."""

    @property
    def cut(self) -> bool:
        """Whether something was not read."""
        return self.more > 0

    @property
    def remark(self) -> str:
        """`12 more not shown`, or nothing."""
        return f"{self.more} more not shown" if self.more else ""


class GithubApi:
    """One server, one token. Safe for several threads; they wait for each other.

    `token` gives the token or an empty text, and is asked when the first question is sent, and again after a 401.
    """

    def __init__(
        self, base: str, *, token: Callable[[], str], clock: Clock, timeout_s: float = 10.0, pages: int = PAGES
    ) -> None:
        self.base = base.rstrip("/")
        self.clock = clock
        self.pages_at_most = pages
        self._token = token
        self._timeout_s = timeout_s
        self._web: Web | None = None
        self._signed_in = False
        self._limit: Limit | None = None
        self._kept: OrderedDict[str, tuple[str, Page, int]] = OrderedDict()
        self._lock = threading.RLock()
        self._remarks: dict[str, str] = {}
        self._renamed: dict[str, str] = {}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know once: a renamed repository, anonymous reading."""
        return tuple(text for text in self._remarks.values() if text)

    def remark(self, about: str, text: str) -> None:
        """Keep a remark, in place of an older one about the same; an empty text takes it back."""
        self._remarks[about] = text

    def current_name(self, name: str) -> str:
        """What a repository is called now, as far as a redirection told; itself otherwise."""
        return self._renamed.get(name, name)

    @property
    def signed_in(self) -> bool:
        """Whether there is a token. Raises `CredentialMissing`."""
        self._opened()
        return self._signed_in

    def close(self) -> None:
        """Let the connections go."""
        with self._lock:
            if self._web is not None:
                self._web.close()
                self._web = None

    # reading ---------------------------------------------------------------------------------------

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Page:
        """One answer. Raises `GithubError`, `GithubLimited`, `GithubMissing`, `GithubDenied`, `CredentialMissing`."""
        with self._lock:
            where = path
            for _ in range(_HOPS):
                reply, moved = self._hop(where, None if "?" in where else params)
                if not moved:
                    return reply
                self._tell_moved(path, moved)
                where = moved
        raise GithubError("moved", f"GitHub sends {_name_of(path)} in circles.", "Look at the repository's name.")

    def _hop(self, where: str, params: Mapping[str, Any] | None) -> tuple[Page, str]:
        key = f"{where}?{sorted((params or {}).items())!r}"
        kept = self._kept.get(key)
        headers = {"if-none-match": kept[0]} if kept else {}
        try:
            reply = self._send("GET", where, params=params, headers=headers)
        except WebError as error:
            moved = self._same_host(error, where)
            if moved:
                return Page(None, {}), moved
            raise self._no_answer(error, where, write=False) from error
        if reply.status == 304 and kept:
            self._kept.move_to_end(key)
            return Page(kept[1].data, kept[1].links, unchanged=True), ""
        self._check(reply, where, write=False)
        if reply.status == 304:
            raise GithubError("not asked", "GitHub says «not modified» to a question without a condition.", "")
        try:
            page = Page(reply.json(), _links(reply))
        except WebError as error:
            raise self._no_answer(error, where, write=False) from error
        if etag := reply.headers.get("etag", "")[:200]:
            self._keep(key, (etag, page, len(reply.body)))
        return page, ""

    def _keep(self, key: str, entry: tuple[str, Page, int]) -> None:
        self._kept.pop(key, None)
        self._kept[key] = entry
        while len(self._kept) > KEPT or sum(size for _, _, size in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)

    def listed(self, path: str, params: Mapping[str, Any] | None = None, *, member: str = "", most: int = 0) -> Listed:
        """A list with all its pages, or the first `most` of them; `member` names it inside a JSON object.

        Raises as `get`, and `GithubError` if an answer has another shape. A list that changes while it is read may
        give an item twice: each is given once by its id.
        """
        most = most or self.pages_at_most
        items: dict[object, dict[str, Any]] = {}
        where, asked, total, last = path, {"per_page": PAGE, **(params or {})}, 0, ""
        seen: set[str] = set()
        for number in range(most):
            page = self.get(where, asked if number == 0 else None)
            rows = page.data.get(member) if member and isinstance(page.data, dict) else page.data
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise shapeless(path)
            for row in rows:
                items[_identity(row) or len(items)] = row
            if member and isinstance(page.data.get("total_count"), int):
                total = page.data["total_count"]
            last = page.links.get("last", last)
            where = page.links.get("next", "")
            if not where or where in seen:
                return Listed(tuple(items.values()))
            if not self._is_ours(where):
                raise GithubError("another host", "GitHub's next page is on another host.", "It was not asked.")
            seen.add(where)
        more = total - len(items) if total else (_page_of(last) - most) * int(asked["per_page"])
        return Listed(tuple(items.values()), more=max(more, 1))

    # writing ---------------------------------------------------------------------------------------

    def write(self, method: str, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send one change, once. Raises as `get`; an error's `sent` says whether it may have happened."""
        with self._lock:
            if not self.signed_in:
                raise GithubDenied(
                    "no token",
                    f"Stas has no token for GitHub, so it writes nothing to {_name_of(path)}.",
                    "Name one in [github.credential].",
                )
            try:
                reply = self._send(method, path, payload=payload)
            except WebError as error:
                raise self._no_answer(error, path, write=True) from error
            self._check(reply, path, write=True)
            try:
                data = reply.json()
            except WebError as error:
                raise self._no_answer(error, path, write=True) from error
        if not isinstance(data, dict):
            raise GithubError("not understood", "GitHub's answer to a write has another shape.", _LOOK, sent=True)
        return data

    # the wire --------------------------------------------------------------------------------------

    def _opened(self) -> Web:
        with self._lock:
            if self._web is None:
                token = self._token()
                self._signed_in = bool(token)
                self._web = Web(self.base, timeout_s=self._timeout_s, token=token, headers=_HEADERS)
                if not token:
                    self._remarks["anonymous"] = (
                        "GitHub is read without a token: 60 questions an hour, no private repository, no writing."
                    )
            return self._web

    def _send(self, method: str, path: str, **rest: Any) -> Reply:
        now = self.clock.now()
        if self._limit is not None and now < self._limit.until:
            raise GithubLimited(self._limit, now)
        self._limit = None
        return self._opened().send(method, path, **rest)

    def _check(self, reply: Reply, path: str, *, write: bool) -> None:
        """Raise for what is no success, and remember a limit that was reached."""
        now = self.clock.now()
        self._limit = limit_of(reply, now)
        if reply.status in (403, 429) and self._limit is not None:
            raise GithubLimited(self._limit, now)
        if reply.status == 401:
            self.close()
            self._kept.clear()
        if reply.status >= 400:
            raise refusal(reply, _name_of(path), write=write, signed_in=self._signed_in)

    def _no_answer(self, error: WebError, path: str, *, write: bool) -> GithubError:
        if error.word == "redirected" and write:
            return GithubError(
                "moved",
                f"{_name_of(path)} has another name on GitHub now; nothing was written.",
                "Put the new name into `github` of [project.ci].",
            )
        if error.word == "redirected":
            return GithubError("moved", f"GitHub sends {_name_of(path)} elsewhere.", "Name the final address.")
        if error.word == "not JSON":
            what = f"GitHub's answer for {_name_of(path)} is cut off or no JSON: {error.what}"
        else:
            what = f"GitHub gave no answer for {_name_of(path)}: {error.what}"
        uncertain = write and error.sent
        return GithubError(error.word, what, _LOOK if uncertain else error.mend, sent=uncertain)

    def _same_host(self, error: WebError, where: str) -> str:
        """The address that a redirection of a read leads to, if it is on this host; else nothing."""
        if error.word != "redirected" or error.reply is None or error.reply.status not in (301, 302, 307, 308):
            return ""
        target = error.reply.headers.get("location", "")
        if target.startswith("/") and not target.startswith("//"):
            parts = urlsplit(self.base)
            target = f"{parts.scheme}://{parts.netloc}{target}"
        return target if self._is_ours(target) and target != where else ""

    def _is_ours(self, address: str) -> bool:
        ours, theirs = urlsplit(self.base), urlsplit(address)
        return (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower())

    def _tell_moved(self, path: str, target: str) -> None:
        """Say once that a repository has another name, and which."""
        old = _name_of(path)
        if old in self._remarks:
            return
        self._remarks[old] = f"{old} has another name on GitHub now."
        named, by_id = _NAME.search(target), _BY_ID.search(urlsplit(target).path)
        new = named[1] if named else ""
        if by_id:
            head = target[: target.index("/repositories/")] + by_id[0]
            try:
                data = self._hop(head, None)[0].data
                new = plain(data.get("full_name"), 140) if isinstance(data, dict) else ""
            except GithubError:
                new = ""
        if new:
            self._renamed[old] = new
            self._remarks[old] = f"{old} is called {new} on GitHub now: put that into `github` of [project.ci]."


_LOOK = "It may have happened: it is looked for before anything is repeated."


def shapeless(path: str) -> GithubError:
    """An answer that is JSON and not what was asked for."""
    return GithubError("not understood", f"GitHub's answer for {_name_of(path)} has another shape.", "Is it GitHub?")


def _name_of(path: str) -> str:
    found = _NAME.search(path)
    return found[1] if found else "the repository"


def _identity(row: Mapping[str, Any]) -> str:
    return next((f"{name} {row[name]}" for name in ("id", "filename") if isinstance(row.get(name), int | str)), "")


def _links(reply: Reply) -> dict[str, str]:
    return {rel: address for address, rel in _LINK.findall(reply.headers.get("link", "")[:8_192])}


def _page_of(address: str) -> int:
    found = re.search(r"[?&]page=(\d{1,6})(?:&|$)", address)
    return int(found[1]) if found else 0


__all__ = ["GithubApi", "GithubDenied", "GithubError", "GithubLimited", "GithubMissing", "Listed", "Page", "shapeless"]
