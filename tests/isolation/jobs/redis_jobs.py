"""Jobs as celery, arq, rq and dramatiq put them into Redis."""

from __future__ import annotations

import base64
import itertools
import json
import pickle
import zlib
from collections.abc import Callable
from typing import Any

_NUMBERS = itertools.count(1)


def celery(client: Any, *args: object, name: str = "invoice", queue: str = "celery", **kwargs: object) -> None:
    body = base64.b64encode(json.dumps([args, kwargs, {"callbacks": None}]).encode()).decode()
    put_celery(client, body, {"task": name, "lang": "py", "kwargsrepr": repr(kwargs)}, queue=queue)


def put_celery(client: Any, body: str, headers: dict[str, Any], *, queue: str = "celery", **properties: Any) -> None:
    properties = {"body_encoding": "base64", "delivery_mode": 2, **properties}
    message = {"body": body, "content-encoding": "utf-8", "headers": headers, "properties": properties}
    client.lpush(queue, json.dumps(message))


def arq(client: Any, *args: object, name: str = "invoice", **kwargs: object) -> None:
    put_arq(client, pickle.dumps({"t": None, "f": name, "a": args, "k": kwargs, "et": 1_700_000_000_000}))


def put_arq(client: Any, data: bytes) -> None:
    number = next(_NUMBERS)
    client.set(f"arq:job:{number}", data)
    client.zadd("arq:queue", {str(number): number})


def rq(client: Any, *args: object, name: str = "invoice", meta: bytes = b"", **kwargs: object) -> None:
    put_rq(client, zlib.compress(pickle.dumps((name, None, args, kwargs))), meta)


def put_rq(client: Any, data: bytes, meta: bytes = b"", *, queue: str = "mail") -> None:
    number = next(_NUMBERS)
    client.hset(f"rq:job:{number}", mapping={"data": data, "description": "invoice(...)", "meta": meta})
    client.sadd("rq:queues", f"rq:queue:{queue}")
    client.rpush(f"rq:queue:{queue}", str(number))


def dramatiq(client: Any, *args: object, name: str = "invoice", **kwargs: object) -> None:
    number = next(_NUMBERS)
    message = {"queue_name": "default", "actor_name": name, "args": args, "kwargs": kwargs, "options": {}}
    client.hset("dramatiq:default.msgs", str(number), json.dumps(message))
    client.rpush("dramatiq:default", str(number))


KINDS: dict[str, Callable[..., None]] = {"celery": celery, "arq": arq, "rq": rq, "dramatiq": dramatiq}
