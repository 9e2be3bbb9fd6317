"""J2 in Redis: a sample of the waiting payloads, judged by the names of their keys as they come; none is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from stas_tui.isolation.jobs.counted import LONGEST, MOST_JOBS, QueueUnreadable, Seen
from stas_tui.isolation.jobs.formats import entry_kind, kind_of

if TYPE_CHECKING:
    from stas_tui.isolation.base import World
    from stas_tui.isolation.declared import Jobs
    from stas_tui.isolation.jobs.redis_reader import Reader

AT_ONCE = 20
"""Payloads that are asked for together."""
MOST_QUEUES = 50
_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu puts behind a queue's name for its usual four priorities."""
_COUNTED = ("waiting", "carried", "background", "encoded", "broken", "hidden")
Note = Callable[[str], None]


def count_in_redis(world: World, jobs: Jobs, seen: Seen) -> None:
    """Count what waits in the declared Redis; what stops half-way is `trouble`. Raises `QueueUnreadable`, `Cancelled`.

    In a dry run the commands are listed and nothing is sent.
    """
    from stas_tui.isolation.jobs.redis_reader import open_reader

    def note(text: str) -> None:
        if text not in seen.executed:
            seen.executed.append(text)

    if world.dry:
        for text in _planned(jobs):
            note(text)
        return
    reader = open_reader(world, jobs)
    try:
        keys, shown = _queues(reader, jobs, note), ", ".join(_names(jobs)) or "every queue of rq"
        seen.where.append(f"Redis, {shown}")
        if len(keys) > MOST_QUEUES:
            seen.troubled(f"there are {len(keys)} queues, {MOST_QUEUES} were looked at; name yours in redis_queue")
        for key in keys[:MOST_QUEUES]:
            world.step(f"counting waiting jobs in Redis, {key.partition(chr(6))[0]}")
            _count(world, reader, jobs, key, seen, note)
    except QueueUnreadable as error:
        if not seen.waiting:
            raise
        seen.troubled(str(error))
    finally:
        reader.close()


def _names(jobs: Jobs) -> tuple[str, ...]:
    usual = {"celery": ("celery",), "arq": ("arq:queue",), "dramatiq": ("default",)}
    names = jobs.redis_queue or usual.get(jobs.kind, ())
    return tuple(dict.fromkeys(names))


def _queues(reader: Reader, jobs: Jobs, note: Note) -> list[str]:
    """Keys of the queues. Raises `QueueUnreadable`."""
    names = _names(jobs)
    match jobs.kind:
        case "celery":
            return [name + priority for name in names for priority in _PRIORITIES]
        case "dramatiq":
            return [f"dramatiq:{name}{late}" for name in names for late in ("", ".DQ")]
        case "rq" if names:
            return [name if name.startswith("rq:queue:") else f"rq:queue:{name}" for name in names]
        case "rq":
            note("SMEMBERS rq:queues")
            return sorted(key.decode("utf-8", "replace") for key in reader.texts("SMEMBERS", "rq:queues"))
    if not names:
        raise QueueUnreadable("which keys of Redis hold jobs is not declared; name them as redis_queue in [jobs]")
    return list(names)


def _planned(jobs: Jobs) -> Iterator[str]:
    """What would be sent."""
    names = _names(jobs)
    if jobs.kind == "rq" and not names:
        yield "SMEMBERS rq:queues"
    for name in names or ("QUEUE",):
        yield f"TYPE {name}"
        match jobs.kind:
            case "arq":
                yield from (f"ZRANGE {name} 0 {MOST_JOBS - 1}", f"GETRANGE arq:job:ID 0 {LONGEST}")
            case "rq":
                yield from (f"LRANGE {name} 0 {MOST_JOBS - 1}", "HSTRLEN rq:job:ID data", "HGET rq:job:ID data")
            case "dramatiq":
                yield from (f"LRANGE {name} 0 {MOST_JOBS - 1}", f"HSTRLEN {name}.msgs ID", f"HGET {name}.msgs ID")
            case "celery":
                yield f"LRANGE {name} 0 {MOST_JOBS - 1}"
            case _:
                yield f"LRANGE, ZRANGE or XRANGE of {name}, {MOST_JOBS} entries at most"


# one queue ------------------------------------------------------------------------------------------


def _count(world: World, reader: Reader, jobs: Jobs, key: str, seen: Seen, note: Note) -> None:
    counted = dict.fromkeys(_COUNTED, 0)
    try:
        for kind in _kinds(world, reader, jobs, key, note):
            counted["waiting"] += 1
            if kind != "missing":
                counted[kind] += 1
            if counted["waiting"] >= MOST_JOBS:
                break
    finally:
        seen.add(tuple(counted[name] for name in _COUNTED))


def _kinds(world: World, reader: Reader, jobs: Jobs, key: str, note: Note) -> Iterator[str]:
    """What each waiting payload of a queue is, by the words of `kind_of`."""
    note(f"TYPE {_shown(key)}")
    type_ = reader.one("TYPE", key)
    match type_, jobs.kind:
        case b"none", _:
            return
        case b"list" | b"zset", "arq" | "rq" | "dramatiq":
            yield from _by_id(world, reader, jobs, key, type_.decode(), note)
        case b"list" | b"zset", _:
            for batch in _batches(world, reader, key, type_.decode(), note):
                for data in batch:
                    yield kind_of(data, jobs)
        case b"stream", _:
            yield from _stream(world, reader, jobs, key, note)
        case _:
            raise QueueUnreadable(f"{_shown(key)} is no list, sorted set or stream")


def _batches(world: World, reader: Reader, key: str, type_: str, note: Note) -> Iterator[list[bytes]]:
    command = "LRANGE" if type_ == "list" else "ZRANGE"
    note(f"{command} {_shown(key)} 0 {MOST_JOBS - 1}")
    for start in range(0, MOST_JOBS, AT_ONCE):
        world.step(f"waiting job {start + 1}")
        batch = reader.texts(command, key, str(start), str(start + AT_ONCE - 1))
        if batch:
            yield batch
        if len(batch) < AT_ONCE:
            return


def _by_id(world: World, reader: Reader, jobs: Jobs, key: str, type_: str, note: Note) -> Iterator[str]:
    """Payloads that stand elsewhere under the id of their job. Ids without a payload are gone, and do not wait."""
    for batch in _batches(world, reader, key, type_, note):
        ids = [one.decode("utf-8", "surrogateescape") for one in batch if _is_text(one)]
        if jobs.kind == "arq":
            note(f"GETRANGE arq:job:ID 0 {LONGEST}")
            found = reader.many([("GETRANGE", f"arq:job:{one}", "0", str(LONGEST)) for one in ids])
            yield from (kind_of(data, jobs) for data in found if isinstance(data, bytes) and data)
        elif jobs.kind == "rq":
            places = [[(f"rq:job:{one}", "data"), (f"rq:job:{one}", "meta")] for one in ids]
            yield from _hashed(reader, jobs, places, "rq:job:ID data, meta", note)
        else:
            yield from _hashed(reader, jobs, [[(f"{key}.msgs", one)] for one in ids], f"{_shown(key)}.msgs ID", note)


def _hashed(reader: Reader, jobs: Jobs, places: list[list[tuple[str, str]]], shown: str, note: Note) -> Iterator[str]:
    """Payloads in fields of hashes, none of which is asked for before it is known to be short."""
    note(f"HSTRLEN {shown}")
    flat = [place for one in places for place in one]
    sizes = dict(zip(flat, reader.many([("HSTRLEN", *place) for place in flat]), strict=True))
    there = [one for one in places if isinstance(sizes[one[0]], int) and sizes[one[0]]]
    short = [one for one in there if all(isinstance(sizes[place], int) and sizes[place] <= LONGEST for place in one)]
    yield from ["broken"] * (len(there) - len(short))
    note(f"HGET {shown}")
    flat = [place for one in short for place in one]
    answers = reader.many([("HGET", *place) for place in flat]) if flat else []
    found = {place: data if isinstance(data, bytes) else b"" for place, data in zip(flat, answers, strict=True)}
    for first, *rest in short:
        if found[first]:
            yield kind_of(found[first], jobs, notes=found[rest[0]] if rest else b"")


def _stream(world: World, reader: Reader, jobs: Jobs, key: str, note: Note) -> Iterator[str]:
    note(f"XRANGE {_shown(key)} - + COUNT {MOST_JOBS}")
    start = "-"
    for number in range(0, MOST_JOBS, AT_ONCE):
        world.step(f"waiting job {number + 1}")
        answer = reader.one("XRANGE", key, start, "+", "COUNT", str(AT_ONCE))
        entries = [_entry(one) for one in answer] if isinstance(answer, list) else []
        for _, fields in entries:
            yield entry_kind(fields, jobs)
        if len(entries) < AT_ONCE:
            return
        first, _, second = entries[-1][0].partition("-")
        start = f"{first}-{int(second) + 1}"


def _entry(answer: object) -> tuple[str, dict[str, bytes]]:
    """An entry's id and its fields. Raises `QueueUnreadable` for anything else."""
    match answer:
        case [bytes() as id_, list() as flat] if len(flat) % 2 == 0 and all(isinstance(one, bytes) for one in flat):
            text = id_.decode("ascii", "replace")
            if text.replace("-", "", 1).isdecimal() and "-" in text:
                names = (name.decode("utf-8", "replace") for name in flat[::2])
                return text, dict(zip(names, flat[1::2], strict=True))
    raise QueueUnreadable("Redis answered XRANGE with something that is no entry of a stream")


def _is_text(data: bytes) -> bool:
    return len(data) <= 512


def _shown(key: str) -> str:
    return key.replace("\x06\x16", " priority ")
