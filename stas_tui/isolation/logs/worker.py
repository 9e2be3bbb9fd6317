"""A child that counts parts of log files: a question in, an answer out, until its input ends.

Both are msgpack, with their length in eight bytes before them.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any

import msgspec

from stas_tui.isolation.logs.counting import Counted, Form, count

Question = tuple[bytes, int, int, Form, bool]
"""The arguments of `count`."""
Answer = tuple[int, str, Counted | None]
"""(number of the error and what it says, or 0 and nothing; what was counted)."""


def send(pipe: IO[bytes], message: Question | Answer) -> None:
    """Write one message. Raises `OSError`."""
    data = msgspec.msgpack.encode(message)
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def receive(pipe: IO[bytes], kind: Any) -> Any:
    """Read one message. Raises `EOFError` if there is none or only a piece of it."""
    size = int.from_bytes(pipe.read(8), "big")
    data = pipe.read(size)
    if not size or len(data) < size:
        raise EOFError
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_counter)


def _counter(_: Any, value: Any) -> Counter[str]:
    return Counter(value)


def serve(asked: IO[bytes], said: IO[bytes]) -> None:
    """Answer until the input ends."""
    while True:
        try:
            path, start, end, form, join = receive(asked, Question)
        except EOFError:
            return
        try:
            answer: Answer = (0, "", count(Path(os.fsdecode(path)), start, end, form, join=join))
        except OSError as error:
            answer = (error.errno or 0, error.strerror or "it cannot be read", None)
        send(said, answer)


def main() -> None:
    """Serve on standard input and output. Nothing here refers to itself, so nobody needs to look for that."""
    gc.disable()
    serve(sys.stdin.buffer, sys.stdout.buffer)
