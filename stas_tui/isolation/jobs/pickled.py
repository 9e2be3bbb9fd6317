"""The plain parts of a pickled payload, read from its opcodes: nothing is imported, built or called.

Dicts, lists and texts come out as they are. Everything that loading would have to make, an instance or what a function
returns, is an `Object`: its class is a name here and stays one.
"""

from __future__ import annotations

import pickletools
import struct
from dataclasses import dataclass
from typing import Any

MOST_OPCODES = 50_000
"""Opcodes of one payload; a longer one is not understood."""
LOOKS_PICKLED = b"\x80"
"""First byte of every pickle from protocol 2 on."""

_VALUES = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
_TEXTS = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_BYTES = frozenset({"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "STRING", "BINSTRING", "SHORT_BINSTRING"})
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PLAIN = frozenset({"datetime", "uuid", "decimal", "fractions", "ipaddress", "pathlib", "zoneinfo", "enum"})
"""Modules whose instances are single values: they hold no tenant beside themselves."""


class NotPickled(Exception):
    """This is no pickle, a broken one, or one that is too long."""


@dataclass(frozen=True, slots=True)
class Object:
    """Something that only loading could make."""

    module: str = ""

    @property
    def single(self) -> bool:
        """Whether it is a value such as a date or a UUID."""
        return self.module in _PLAIN


class _Mark:
    pass


def plain_of(data: bytes) -> Any:
    """What a pickle holds. Raises `NotPickled`."""
    if data[:1] != LOOKS_PICKLED:
        raise NotPickled
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for number, (opcode, arg, _) in enumerate(pickletools.genops(data)):
            if number >= MOST_OPCODES:
                raise NotPickled
            if opcode.name == "STOP":
                break
            _step(opcode.name, arg, stack, memo)
        (value,) = stack
    except (ValueError, IndexError, KeyError, OverflowError, struct.error, TypeError, AttributeError):
        raise NotPickled from None
    return value


def _step(name: str, arg: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """One opcode. Raises what a stack or memo raises that does not hold what the opcode needs."""
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _VALUES or name in _TEXTS:
        stack.append(arg)
    elif name in _BYTES:
        stack.append(b"bytes" if len(arg) else b"")
    elif name == "MARK":
        stack.append(_Mark)
    elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET", "EMPTY_TUPLE"):
        stack.append({} if name == "EMPTY_DICT" else [])
    elif name in ("LIST", "TUPLE", "FROZENSET"):
        stack.append(_to_mark(stack))
    elif name in _TUPLES:
        count = _TUPLES[name]
        stack[-count:] = [stack[-count:]]
    elif name == "DICT":
        stack.append(_pairs({}, _to_mark(stack)))
    elif name in ("APPEND", "SETITEM"):
        taken = [stack.pop()] if name == "APPEND" else [stack.pop(-2), stack.pop()]
        _put(stack[-1], taken)
    elif name in ("APPENDS", "SETITEMS", "ADDITEMS"):
        taken = _to_mark(stack)
        _put(stack[-1], taken)
    elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
        memo[len(memo) if name == "MEMOIZE" else int(arg)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[int(arg)])
    elif name in ("POP", "DUP"):
        stack.append(stack[-1]) if name == "DUP" else stack.pop()
    elif name == "POP_MARK":
        _to_mark(stack)
    elif name not in ("PROTO", "FRAME"):
        _made(name, arg, stack)


def _made(name: str, arg: Any, stack: list[Any]) -> None:
    """Opcodes that would import, make or call something."""
    if name == "GLOBAL":
        stack.append(Object(_module(str(arg).partition(" ")[0])))
    elif name == "STACK_GLOBAL":
        stack.pop()
        stack.append(Object(_module(stack.pop())))
    elif name in ("REDUCE", "NEWOBJ", "BUILD"):
        stack.pop()
        stack.append(_object(stack.pop()))
    elif name == "NEWOBJ_EX":
        del stack[-2:]
        stack.append(_object(stack.pop()))
    elif name == "OBJ":
        stack.append(_object(_to_mark(stack)[0]))
    elif name == "INST":
        _to_mark(stack)
        stack.append(Object(_module(str(arg).partition(" ")[0])))
    elif name in ("EXT1", "EXT2", "EXT4", "PERSID", "NEXT_BUFFER"):
        stack.append(Object())
    elif name == "BINPERSID":
        stack[-1] = Object()
    elif name != "READONLY_BUFFER":
        raise NotPickled


def _module(name: object) -> str:
    return name.partition(".")[0] if isinstance(name, str) else ""


def _object(of: Any) -> Object:
    return of if isinstance(of, Object) else Object()


def _to_mark(stack: list[Any]) -> list[Any]:
    """What lies above the last mark, which goes too."""
    taken: list[Any] = []
    while (top := stack.pop()) is not _Mark:
        taken.append(top)
    return taken[::-1]


def _put(into: Any, taken: list[Any]) -> None:
    if isinstance(into, dict):
        _pairs(into, taken)
    elif isinstance(into, list):
        into += taken
    elif not isinstance(into, Object):
        raise NotPickled


def _pairs(into: dict[str, Any], taken: list[Any]) -> dict[str, Any]:
    """Pairs with a text as key; no other key could name a tenant."""
    if len(taken) % 2:
        raise NotPickled
    into.update({key: value for key, value in zip(taken[::2], taken[1::2], strict=True) if isinstance(key, str)})
    return into
