"""Q6 beside an OpenAPI document: which routes that look bare it says ask who calls, and which it says do not.

The document is read from the code at the commit that is looked at or from an absolute file, never from the network.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.forges.base import ForgeError
from stas_tui.isolation.code.judge_routes import too_many
from stas_tui.isolation.openapi import LARGEST, Operation, operations, parsed

if TYPE_CHECKING:
    from stas_tui.isolation.base import World
    from storage.check_records import Lead

_ANY = frozenset({"route", "api_route"})
"""Methods of a decorator that names them elsewhere."""
_PARAMETER = re.compile(r"\{[^{}]*\}|<[^<>]*>|(?<=/):\w+")
_SAID = {
    "open": "the OpenAPI document says that anybody may",
    "optional": "the OpenAPI document says that credentials may be left out",
    "undefined": "the OpenAPI document names a scheme that it does not define",
}


@dataclass(slots=True)
class Document:
    """What the document says; without operations, `problem` says why, as a clause, or nothing is declared."""

    operations: list[Operation] = field(default_factory=list)
    where: str = ""
    problem: str = ""


@dataclass(slots=True)
class Settled:
    """The leads that are left, with what is to be said of the others."""

    leads: list[Lead]
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def document_of(world: World) -> Document:
    """The declared document. Raises `Cancelled`."""
    named = world.tenancy.api.openapi if world.tenancy is not None and world.tenancy.api is not None else ""
    if not named:
        return Document()
    world.step(f"reading {named}")
    try:
        data = _content(world, named)
        if data is None:
            return Document(
                problem=f"{named} is no file here, so its `security` entries were not read; name one in the code"
            )
        found = list(operations(parsed(data, name=named)))
    except (ForgeError, OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Document(problem=f"the OpenAPI document {named} could not be read: {why.rstrip('.')}")
    digest = hashlib.sha256(data).hexdigest()
    return Document(found, where=f"OpenAPI document {named}, {len(found)} operations, sha256 {digest[:12]}")


def _content(world: World, named: str) -> bytes | None:
    """The bytes of a document in the code, or of an absolute file; None if there is none. Raises `OSError`."""
    if not named.startswith("/"):
        return world.tree.read(named.removeprefix("./")) if world.tree is not None else None
    if not Path(named).exists():
        return None
    handle = os.open(named, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no file")
        return file.read(LARGEST + 1)


def settled(bare: Sequence[Lead], judged: int, said: Sequence[Operation]) -> Settled:
    """Hold every route that looks bare against the document.

    One that it says asks for credentials is none. If too many are left, how the project asks is not understood: only
    those stay of which the document itself says that nobody is asked.
    """
    secured, left, open_ = 0, [], []
    for lead in bare:
        word = _word(lead, said)
        secured += word == "secured"
        if word in ("open", "optional"):
            open_.append(replace(lead, text=f"{lead.text}; {_SAID[word]}"))
        elif word != "secured":
            left.append(replace(lead, text=f"{lead.text}; {_SAID[word]}") if word in _SAID else lead)
    counts = {"by_document": secured, "open_by_document": len(open_)}
    looks = "route looks" if secured == 1 else "routes look"
    said_of = f"{secured} {looks} bare and the OpenAPI document says that who calls is asked; P1 would settle it"
    notes = [said_of] if secured else []
    if too_many(len(left) + len(open_), judged):
        notes.insert(
            0,
            f"{len(left) + len(open_)} of {judged} routes look bare, more than a third: how this project asks who"
            f" calls is not understood, nor does the OpenAPI document say it of {len(left)}; P1 asks the running API",
        )
        left = []
    order = {lead.fingerprint: number for number, lead in enumerate(bare)}
    return Settled(sorted([*left, *open_], key=lambda lead: order[lead.fingerprint]), notes, counts)


def _word(lead: Lead, said: Sequence[Operation]) -> str:
    """What the document says of a route; empty if it says nothing, or not for sure which it is."""
    method, _, path = lead.code.partition(" ")
    function = lead.anchor.partition(" ")[0].rpartition(".")[2]
    found = [one for one in said if _fits(one, method.lower(), path)]
    named = [one for one in found if _names(one, function)]
    if not named:
        if not _parts(path) or all(part == "{}" for part in _parts(path)):
            return ""
        named = [one for one in found if not _generated(one)]
    words = Counter(one.asks for one in named)
    return next(iter(words)) if len(words) == 1 else ""


def _parts(path: str) -> list[str]:
    return [part for part in _PARAMETER.sub("{}", path).split("/") if part]


def _fits(one: Operation, method: str, path: str) -> bool:
    """Whether a path in the code may be the end of this one: what routers put before it is not known."""
    if one.method != method and method not in _ANY:
        return False
    mine, theirs = _parts(path), _parts(one.path)
    return theirs[len(theirs) - len(mine) :] == mine if len(mine) <= len(theirs) else False


def _names(one: Operation, function: str) -> bool:
    """Whether the id of an operation is made from the function: as FastAPI does, or with a tag or module before it."""
    made = (function, f"{function}{_tail(one)}")
    return one.id in made or one.id.endswith((f"-{function}", f".{function}"))


def _generated(one: Operation) -> bool:
    """Whether the id was made from a function's name, another than the one that was asked for."""
    return one.id.endswith(_tail(one))


def _tail(one: Operation) -> str:
    return re.sub(r"\W", "_", one.path) + f"_{one.method}"
