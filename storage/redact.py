"""The one place where secrets leave a text before it reaches a disk, a log, a screen or another agent (R82).

Standard library only: the shim of a run loads it by path. Whole texts and streams go through the same code, so a secret
that arrives in two reads is found like one that arrives in one. What is read is bytes; invalid UTF-8 passes unchanged.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from storage.secrets_names import scan_names
from storage.secrets_rules import (
    KEY_BEGIN,
    KEY_BODY,
    KEY_END,
    KEY_MATERIAL,
    LONGEST_KNOWN,
    PRIVATE_KEY,
    REACH,
    find,
)

if TYPE_CHECKING:
    from storage.records import SecretHit

__all__ = [
    "SHORTEST_KNOWN",
    "WINDOW",
    "Redactor",
    "StreamRedactor",
    "forget_secrets",
    "redact",
    "register_secret",
    "registered_secrets",
    "scan",
    "scan_added",
    "scan_names",
]

WINDOW = 65_536
"""Bytes held back at most: a longer line is judged in pieces that overlap by `REACH`."""

SHORTEST_KNOWN = 6
"""A registered value below this many bytes is ignored: it would blacken ordinary words."""

_ROUNDS = 8
_MARKER_REACH = 128
"""A begin or end marker of a key is shorter than this."""
_CONTEXT = 64
_FRAME = 200
_DIGITS = re.compile(rb"\d+")
_MATERIAL = re.compile(rb"[A-Za-z0-9+/=]{0,128}[\"',\\ \t\r\n]{0,16}\Z")
_LINE_ENDS = (b"\n", b"\r")

_registered: tuple[bytes, ...] = ()


def register_secret(value: str) -> None:
    """Have this process redact a configured value wherever it appears, as it is and percent-encoded.

    Streams take up values registered before they were made. Values under `SHORTEST_KNOWN` bytes are ignored.
    """
    global _registered  # noqa: PLW0603
    _registered = tuple(sorted({*_registered, *_pieces(value)}, key=lambda v: (-len(v), v)))


def registered_secrets() -> tuple[str, ...]:
    """The values this process redacts by value; handed to a run's shim through a pipe, never through a file."""
    return tuple(value.decode("utf-8", "surrogateescape") for value in _registered)


def forget_secrets() -> None:
    """Drop all registered values."""
    global _registered  # noqa: PLW0603
    _registered = ()


def _pieces(value: str) -> set[bytes]:
    raw = value.encode("utf-8", "surrogateescape" if _escaped(value) else "surrogatepass")
    pieces: set[bytes] = set()
    for line in re.split(rb"[\r\n]+", raw):
        text = line.strip()
        for form in (text, quote(text, safe="").encode()):
            if len(form) >= SHORTEST_KNOWN:
                pieces.update(
                    part
                    for part in (form[i : i + LONGEST_KNOWN] for i in range(0, len(form), LONGEST_KNOWN))
                    if len(part) >= SHORTEST_KNOWN
                )
    return pieces


def _escaped(value: str) -> bool:
    return any("\udc80" <= c <= "\udcff" for c in value) and not any("\ud800" <= c < "\udc80" for c in value)


def _label(rule: str) -> bytes:
    return f"‹redacted:{rule}›".encode()


def _shape(line: bytes) -> bytes:
    return _DIGITS.sub(b"0", line)


def _known_values(values: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(sorted({*_registered, *(piece for v in values for piece in _pieces(v))}, key=lambda v: (-len(v), v)))


def _replace(text: bytes, known: tuple[bytes, ...], lead: int = 0) -> tuple[bytes, int]:
    """Lines without key blocks, redacted until nothing more is found; `lead` bytes of context are dropped."""
    count = 0
    for _ in range(_ROUNDS):
        found = [hit for hit in find(text, known) if hit.start >= lead]
        if not found:
            break
        out: list[bytes] = []
        at = 0
        for hit in sorted(found, key=lambda h: (h.secret, -h.end)):
            if hit.secret < at:
                at = max(at, hit.end)
                continue
            out += (text[at : hit.secret], _label(hit.rule))
            at = hit.end
            count += 1
        out.append(text[at:])
        text = b"".join(out)
    return text[lead:], count


class StreamRedactor:
    """Redacts a stream of bytes; `feed` returns what is safe to write now, `flush` the rest.

    Output comes in whole lines (ended by a line feed or a carriage return); of a line longer than `WINDOW` it comes in
    pieces. At most about `WINDOW` bytes plus one read are held. The pieces joined equal `redact` of the whole, however
    the stream was cut.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.count = 0
        """Secrets replaced so far."""
        self._known = _known_values(values)
        self._held = bytearray()
        self._context = b""
        """What stood before the held bytes on the same line, for word edges."""
        self._in_line = False
        """The held bytes continue a line of which a piece is already out."""
        self._key = False
        """Inside a private key block."""
        self._frame = b""
        """What stood before its begin marker on the line, such as a time stamp, with digits levelled."""
        self._swallow: re.Pattern[bytes] | None = None
        """The rest of a secret that was longer than the window."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return redacted bytes, possibly none yet."""
        out: list[bytes] = []
        view = memoryview(data)
        for at in range(0, len(data), WINDOW):
            self._held += view[at : at + WINDOW]
            self._advance(out)
        return b"".join(out)

    def flush(self) -> bytes:
        """Return what was held back; the stream has ended."""
        out: list[bytes] = []
        if self._held:
            rest = bytes(self._held)
            self._held.clear()
            self._lines(rest, out)
        self._in_line, self._context, self._swallow, self._key = False, b"", None, False
        return b"".join(out)

    def _advance(self, out: list[bytes]) -> None:
        while True:
            ends = max(self._held.rfind(end) for end in _LINE_ENDS)
            first = min((e for e in (self._held.find(end) for end in _LINE_ENDS) if e >= 0), default=-1)
            if self._swallow or first < 0 or first >= WINDOW:
                if len(self._held) < WINDOW and first < 0:
                    return
                if first >= WINDOW or first < 0:
                    self._piece(out)
                else:
                    line = bytes(self._held[: first + 1])
                    del self._held[: first + 1]
                    self._lines(line, out)
                continue
            cut = self._whole_lines(ends)
            block = bytes(self._held[:cut])
            del self._held[:cut]
            self._lines(block, out)

    def _whole_lines(self, last: int) -> int:
        """The end of the last line before the first one that is longer than the window."""
        at = 0
        while True:
            limit = self._held[at : at + WINDOW]
            step = max(limit.rfind(end) for end in _LINE_ENDS)
            if step < 0:
                return at
            at += step + 1
            if at > last:
                return at

    def _lines(self, block: bytes, out: list[bytes]) -> None:
        """Whole lines, or the last piece of a line."""
        if self._swallow:
            gone = self._swallow.match(block)
            block = block[gone.end() if gone else 0 :]
            self._swallow, self._context = None, b""
        while block:
            if self._key:
                block = self._inside_key(block)
                continue
            begin = KEY_BEGIN.search(block)
            head = block if begin is None else block[: begin.start()]
            self._frame = b"" if self._in_line else _shape(head[-_FRAME:].rpartition(b"\n")[2])
            self._write(head, out)
            if begin is None:
                break
            self._write_label(PRIVATE_KEY, out)
            self._key = True
            block = block[begin.end() :]
            self._in_line, self._context = True, b""
        self._in_line, self._context = False, b""

    def _inside_key(self, block: bytes) -> bytes:
        """Drop what belongs to the key; returns what follows it."""
        start = 0
        while start < len(block):
            stop = (
                min((e for e in (block.find(end, start) for end in _LINE_ENDS) if e >= 0), default=len(block) - 1) + 1
            )
            end = KEY_END.search(block, start, stop)
            if end is not None:
                self._key = False
                return block[end.end() :]
            if not self._in_line and not self._key_line(block[start:stop]):
                self._key = False
                return block[start:]
            self._in_line = False
            start = stop
        return b""

    def _key_line(self, line: bytes) -> bool:
        """Whether a line carries key material, bare or after the same prefix as the begin marker."""
        if KEY_BODY.match(line):
            return True
        shape = _shape(line)
        return (
            bool(self._frame) and shape.startswith(self._frame) and _MATERIAL.match(shape, len(self._frame)) is not None
        )

    def _piece(self, out: list[bytes]) -> None:
        """A window of a line that is too long to hold."""
        window = bytes(self._held[:WINDOW])
        if self._swallow:
            gone = self._swallow.match(window)
            end = gone.end() if gone else 0
            del self._held[:end]
            if end < len(window):
                self._swallow, self._context = None, b""
            self._in_line = True
            return
        if self._key:
            marker = KEY_END.search(window)
            if marker is not None:
                self._key = False
                del self._held[: marker.end()]
            else:
                del self._held[: WINDOW - _MARKER_REACH]
            self._in_line, self._context = True, b""
            return
        cut = WINDOW - REACH
        begin = KEY_BEGIN.search(window)
        if begin is not None and begin.start() < cut:
            self._write(window[: begin.start()], out)
            self._write_label(PRIVATE_KEY, out)
            self._key = True
            del self._held[: begin.end()]
            self._in_line, self._context = True, b""
            return
        self._cut_piece(window, cut, out)

    def _cut_piece(self, window: bytes, cut: int, out: list[bytes]) -> None:
        """Write the window up to `cut`, or up to the secret that lies across it."""
        lead = len(self._context)
        groups: list[list[int]] = []
        tails = {}
        for hit in find(self._context + window, self._known):
            start, end = hit.start - lead, hit.end - lead
            if start < 0:
                continue
            tails[end] = hit.tail
            if groups and start < groups[-1][1]:
                groups[-1][1] = max(groups[-1][1], end)
            else:
                groups.append([start, end])
        for start, end in groups:
            if start < cut < end:
                cut = start or end
        self._write(window[:cut], out)
        self._swallow = tails.get(cut) if cut == len(window) else None
        self._context = b"" if cut in tails else window[max(cut - _CONTEXT, 0) : cut]
        self._in_line = True
        del self._held[:cut]

    def _write(self, text: bytes, out: list[bytes]) -> None:
        if not text:
            return
        clean, count = _replace(self._context + text, self._known, len(self._context))
        self.count += count
        self._context = b""
        out.append(clean)

    def _write_label(self, rule: str, out: list[bytes]) -> None:
        out.append(_label(rule))
        self.count += 1


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Redactor:
    """Redaction with values of its own besides those registered for the process."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = tuple(values)

    def stream(self) -> StreamRedactor:
        """A stream that knows the values."""
        return StreamRedactor(self._values)

    def redact(self, text: str) -> str:
        """The text with each secret replaced by `‹redacted:rule›`; doing it twice changes nothing more."""
        stream = self.stream()
        raw = _bytes(text)
        clean = stream.feed(raw) + stream.flush()
        return text if clean == raw else clean.decode("utf-8", "surrogatepass")

    def scan(self, text: str, place: str) -> list[SecretHit]:
        """Places of secrets as `place:line`, line from 1, each rule once a line. The value is not in the answer."""
        return self._scan(text, lambda line: f"{place}:{line}")

    def scan_added(self, added_text: str) -> list[SecretHit]:
        """As `scan`, for the added lines of a change, each given as `path:line: text`.

        A line without that form is named by its number as `added:n`.
        """
        places: list[str] = []
        texts: list[str] = []
        for number, line in enumerate(added_text.split("\n"), 1):
            place = _ADDED.match(line)
            places.append(f"{place.group(1)}:{place.group(2)}" if place else f"added:{number}")
            texts.append(line[place.end() :] if place else line)
        return self._scan("\n".join(texts), lambda line: places[line - 1])

    def _scan(self, text: str, place: Callable[[int], str]) -> list[SecretHit]:
        from storage.records import SecretHit

        raw = _bytes(text)
        starts = [0, *(m.end() for m in re.finditer(rb"\n", raw))]
        known = _known_values(self._values)
        spots = [
            (m.start(), PRIVATE_KEY, "-----BEGIN … PRIVATE KEY-----")
            for m in KEY_BEGIN.finditer(raw)
            if KEY_MATERIAL.search(raw, m.end(), m.end() + 400)
        ]
        covered = 0
        for hit in sorted(find(raw, known), key=lambda h: (h.secret, -h.end)):
            if hit.secret >= covered:
                spots.append((hit.secret, hit.rule, f"{hit.prefix.decode('ascii')}… ({hit.end - hit.secret})"))
            covered = max(covered, hit.end)
        return [
            SecretHit(rule=rule, place=place(bisect_right(starts, at)), masked=masked)
            for at, rule, masked in sorted(spots)
        ]


_ADDED = re.compile(r"(.*?):(\d+): ?")


def redact(text: str) -> str:
    """The text with each secret replaced by `‹redacted:rule›`; doing it twice changes nothing more (R82)."""
    return Redactor().redact(text)


def scan(text: str, place: str) -> list[SecretHit]:
    """Places of secrets in a text as `place:line`, line from 1; the value is not in the answer (R82)."""
    return Redactor().scan(text, place)


def scan_added(added_text: str) -> list[SecretHit]:
    """Places of secrets in the added lines of a change, given as `path:line: text` (R82, R92)."""
    return Redactor().scan_added(added_text)
