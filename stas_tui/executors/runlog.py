"""The log files of a run: redacted before the disk, capped, never full of secrets or of noise.

Standard library only, besides Stas' own modules that keep the same rule: a run's shim uses it.
"""

from __future__ import annotations

from pathlib import Path

from storage.redact import StreamRedactor


class Log:
    """A capped log file that takes redacted bytes only, and counts what it drops."""

    def __init__(self, path: Path, limit: int, secrets: list[str]) -> None:
        self._file = path.open("ab", buffering=0)
        self._limit = limit
        self._redactor = StreamRedactor(secrets)
        self._full = False
        self.written = 0
        self.dropped = 0
        self.trouble = ""

    @property
    def redactions(self) -> int:
        """Secrets replaced so far."""
        return self._redactor.count

    def take(self, data: bytes) -> None:
        """Redact and write what is safe now; above the limit, count only."""
        if self._full:
            self.dropped += len(data)
        else:
            self._put(self._redactor.feed(data))

    def close(self) -> None:
        """Write what was held back and close the file."""
        if not self._full:
            self._put(self._redactor.flush())
        self._file.close()

    def _put(self, data: bytes) -> None:
        room = self._limit - self.written
        if len(data) > room:
            kept = data[:room]
            kept = kept[: kept.rfind(b"\n") + 1] or kept
            self.dropped += len(data) - len(kept)
            self._full = True
            data = (
                kept + f"\n[cut here by Stas: more than {self._limit} bytes; the rest is counted, not kept]\n".encode()
            )
        try:
            while data:
                sent = self._file.write(data) or 0
                self.written += sent
                data = data[sent:]
        except OSError as error:
            self._full = True
            self.dropped += len(data)
            self.trouble = f"the log could not be written: {error.strerror}"
