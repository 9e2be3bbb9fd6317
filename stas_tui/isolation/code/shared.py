"""Keys of caches, stores and locks, and jobs: what carries the tenant from one place to another."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.shapes import SHOWN, arguments, dotted, names_in, speaks_of, tail, text_of
from stas_tui.isolation.code.words import Words, snake

_STORES = re.compile(
    r"(^|[._])(redis\w*|cache|caches|\w*redis\w*_cache|memcached?|rdb|kv|kv_store|s3\w*|bucket|storage|blob\w*|gcs|minio)(\(\))?$"
)
_CACHED = listed("lru_cache cache cached memoize ttl_cache alru_cache cached_result redis_cache")
_KEYED = listed(
    "get set setex setnx getset getdel mget incr decr expire ttl hget hset hgetall hmget hmset sadd smembers"
    " lpush rpush zadd exists lock aget aset get_or_set get_lock put_object get_object upload_file upload_fileobj"
    " download_file download_fileobj head_object delete_object generate_presigned_url put upload download"
)
_KEY_NAMES = ("Key", "key", "name", "object_name", "object_key", "blob_name", "path", "cache_key")
_OPAQUE = re.compile(
    r"(^|_)(id|ids|uuid|guid|pk|hash|digest|sha\w*|md5|token|nonce|secret|fingerprint|signature|sid|etag)$"
)
_TASKS = listed("task shared_task actor job periodic_task celery_task background_task cron")
_ENQUEUES = listed("delay apply_async send_with_options enqueue enqueue_job enqueue_in enqueue_at")
_BINDER = re.compile(
    r"^(set|bind|use|with|enter|activate|push|switch)_?.*(tenant|org|organization|workspace|context|scope|ctx)"
    r"|^(tenant|org|organization|workspace)_(context|scope)$"
)


def is_store(name: str) -> bool:
    """Whether a name is one of a cache, an object store or a lock server."""
    return bool(_STORES.search(snake(name.rpartition(".")[2])))


def key_of(call: ast.Call, made: Mapping[str, ast.expr], words: Words) -> dict[str, Any] | None:
    """The key expression of a call to a store: `{l, k, t, o}`: line, code, whether it carries the tenant, or an id."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _KEYED:
        return None
    owner = call.func.value
    if isinstance(owner, ast.Call):
        owner = owner.func
    store = dotted(owner) or tail(owner)
    named = next((k.value for name in _KEY_NAMES for k in call.keywords if k.arg == name), None)
    if not is_store(store) or (named is None and not call.args):
        return None
    node = named if named is not None else call.args[0]
    if (field := text_of(node)) is not None and field.isidentifier() and not re.search(r"redis|s3|bucket", store):
        return None
    return {"l": call.lineno, "w": f"{store.rpartition('.')[2]}.{call.func.attr}", **_key(node, made, words, 0)}


def _key(node: ast.expr, made: Mapping[str, ast.expr], words: Words, depth: int) -> dict[str, Any]:
    if isinstance(node, ast.Name) and node.id in made and depth < 4 and made[node.id] is not node:
        inner = _key(made[node.id], made, words, depth + 1)
        inner["t"] = inner["t"] or words.holds(node.id)
        return inner
    names = list(names_in(node))
    tenant = bool(speaks_of(node, words)) or any(_from_tenant(name, made, words) for name in names)
    text = "".join(
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    opaque = any(_OPAQUE.search(snake(name)) for name in names)
    unseen = not text and not isinstance(node, ast.Constant)
    return {"k": ast.unparse(node)[:SHOWN], "t": tenant, "o": opaque or unseen}


def _from_tenant(name: str, made: Mapping[str, ast.expr], words: Words) -> bool:
    value = made.get(name)
    return value is not None and bool(speaks_of(value, words))


def cached_function(node: ast.FunctionDef | ast.AsyncFunctionDef, words: Words) -> dict[str, Any] | None:
    """A function whose answers are kept by its arguments, as `key_of` writes it."""
    for decorator in node.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if tail(call) not in _CACHED:
            continue
        names = [argument.arg for argument, _ in arguments(node) if argument.arg not in ("self", "cls")]
        spoken = any(words.holds(name) for name in names) or bool(
            speaks_of(ast.Tuple([ast.Name(n) for n in names]), words)
        )
        opaque = any(_OPAQUE.search(snake(name)) for name in names)
        key = f"{node.name}({', '.join(names)})"
        return {"l": node.lineno, "w": f"@{tail(call)}", "k": key[:SHOWN], "t": spoken, "o": opaque}
    return None


def task_of(node: ast.FunctionDef | ast.AsyncFunctionDef, words: Words) -> dict[str, Any] | None:
    """What a job function gets: `{n, l, t, b}`: name, line, argument with the tenant, function that sets it."""
    made = ""
    for decorator in node.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if tail(call) in _TASKS:
            made = next(
                (
                    text
                    for k in getattr(decorator, "keywords", [])
                    if k.arg in ("name", "actor_name") and (text := text_of(k.value))
                ),
                node.name,
            )
    names = [argument.arg for argument, _ in arguments(node)]
    if not made:
        return None
    tenant = next((name for name in names if words.holds(name) or name in words.arguments), "")
    bound = next((name for name in names_in(ast.Module(node.body, [])) if is_binder(name, words)), "")
    return {"n": made, "f": node.name, "l": node.lineno, "t": tenant, "b": bound, "a": names}


def is_binder(name: str, words: Words) -> bool:
    """Whether a function sets the tenant for what follows."""
    return name in words.binders or bool(_BINDER.search(snake(name)))


def enqueued(call: ast.Call, words: Words) -> dict[str, Any] | None:
    """A call that puts a job into a queue: `{n, l, t}`: name of the job, line, whether the tenant goes with it."""
    name = tail(call.func)
    given = [*call.args, *(k.value for k in call.keywords)]
    if name in ("delay", "apply_async", "send", "send_with_options") and isinstance(call.func, ast.Attribute):
        job = tail(call.func.value)
    elif name in _ENQUEUES and call.args:
        job = text_of(call.args[0]) or tail(call.args[0])
    else:
        return None
    if not job:
        return None
    return {"n": job, "l": call.lineno, "t": bool(any(speaks_of(item, words) for item in given))}
