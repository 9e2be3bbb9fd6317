"""How celery, arq, rq and dramatiq write a job into Redis. Pickles are read, and never loaded."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from stas_tui.isolation.declared import Jobs
from stas_tui.isolation.jobs.counted import LONGEST, NAMES
from stas_tui.isolation.jobs.payloads import Job, Unclear, judged, judged_whole
from stas_tui.isolation.jobs.pickled import LOOKS_PICKLED, NotPickled, plain_of


class NoJson(Exception):
    """The payload is neither JSON nor a pickle, or it is too large."""


def kind_of(data: bytes, jobs: Jobs, *, notes: bytes = b"") -> str:
    """What a payload is: one of the words of `judged`, or `broken`. `notes` is what rq keeps beside it."""
    if len(data) > LONGEST or len(notes) > LONGEST:
        return "broken"
    try:
        match jobs.kind:
            case "celery":
                return judged(_celery(data), jobs)
            case "arq":
                return judged(_arq(data), jobs)
            case "rq":
                return judged(_rq(data, notes), jobs)
            case "dramatiq":
                return judged(_dramatiq(data), jobs)
            case _:
                return judged_whole(_value(data), jobs)
    except NoJson:
        return "broken"
    except Unclear:
        return "encoded"


def entry_kind(entry: dict[str, bytes], jobs: Jobs) -> str:
    """The same for an entry of a stream, whose fields are keys themselves."""
    if sum(map(len, entry.values())) > LONGEST:
        return "broken"
    whole: dict[str, Any] = {}
    clear = True
    for name, data in entry.items():
        try:
            whole[name] = _value(data)
        except NoJson:
            text = data.isascii() and data.decode().isprintable()
            whole[name] = "text" if text and data else "" if not data else b"bytes"
            clear = clear and text
    try:
        found = judged_whole({**whole, **_named(entry)}, jobs)
        if found == "missing" and len(whole) == 1:
            (only,) = whole.values()
            found = judged_whole(only, jobs)
    except Unclear:
        return "encoded"
    return "encoded" if found == "missing" and not clear else found


def _named(entry: dict[str, bytes]) -> dict[str, str]:
    """Fields that name the job, with their text: these are compared with the declared names."""
    return {name: data.decode("utf-8", "replace") for name, data in entry.items() if name in NAMES}


# what a payload holds -------------------------------------------------------------------------------


def _value(data: bytes) -> Any:
    """JSON, or the plain parts of a pickle. Raises `NoJson`."""
    try:
        if data[:1] == LOOKS_PICKLED:
            return plain_of(data)
        return json.loads(data)
    except (NotPickled, ValueError, RecursionError):
        raise NoJson from None


def _unpressed(data: bytes) -> bytes:
    """What was compressed with zlib, up to `LONGEST`. Raises `NoJson`."""
    try:
        press = zlib.decompressobj()
        out = press.decompress(data, LONGEST + 1)
    except zlib.error:
        raise NoJson from None
    if len(out) > LONGEST:
        raise NoJson
    return out


def _dict(value: Any) -> dict[str, Any]:
    """Raises `Unclear`."""
    if not isinstance(value, dict):
        raise Unclear
    return value


def _celery(data: bytes) -> Job:
    """A message of protocol 1 or 2, as kombu puts it into a list."""
    message = _value(data)
    if not isinstance(message, dict):
        raise NoJson
    headers, properties = message.get("headers") or {}, message.get("properties") or {}
    name = str(_dict(headers).get("task") or "")
    body = message.get("body")
    if _dict(properties).get("body_encoding") == "base64" and isinstance(body, str):
        try:
            body = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise NoJson from None
    held = _body(body, headers)
    match held:
        case [args, kwargs, *_]:
            return Job(name, args, kwargs, (headers,))
        case {"task": str(named)}:
            return Job(named, held.get("args"), held.get("kwargs"), (headers,))
        case _:
            return Job(name, None, None, (headers,))


def _body(body: Any, headers: dict[str, Any]) -> Any:
    """What the body holds; None if it is written in a way that is not known here."""
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if not isinstance(data, bytes):
        return data
    press = headers.get("compression")
    if press not in (None, "", "application/x-gzip"):
        return None
    try:
        return _value(_unpressed(data) if press else data)
    except NoJson:
        return None


def _arq(data: bytes) -> Job:
    job = _dict(_value(data))
    return Job(str(job.get("f") or ""), job.get("a"), job.get("k"))


def _rq(data: bytes, notes: bytes) -> Job:
    """Function, instance, arguments by position and by name, compressed; and the notes of the job."""
    try:
        raw = _unpressed(data)
    except NoJson:
        raw = data
    beside: tuple[Any, ...] = ()
    try:
        beside = (_value(notes),) if notes else ()
        held = _value(raw)
    except NoJson:
        return Job("", None, None, beside)
    if not isinstance(held, list) or len(held) != 4:
        raise Unclear
    function, instance, args, kwargs = held
    if instance is not None and isinstance(args, list):
        args = [*args, instance]
    return Job(str(function or ""), args, kwargs, beside)


def _dramatiq(data: bytes) -> Job:
    message = _dict(_value(data))
    args, kwargs, options = message.get("args"), message.get("kwargs"), message.get("options")
    return Job(str(message.get("actor_name") or ""), args, kwargs, (options,))
