"""What an instructor orders: from words or JSON to what it means, or to a sentence that says what is wrong. Pure.

    what, body = split(["inject", "metric", "http_5xx_ratio{tenant=acme}", "0.31"])
    meant(what, body, present)                  # Meant(order=Order(...), clock=None)

Every order is a line of the log; some of them also move the clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stas_tui.training import grammar
from stas_tui.training.engine import Engine, Order
from stas_tui.training.injects import AnyInject
from stas_tui.training.scenario import Scenario
from stas_tui.training.words import ORDERS
from storage.errors import StasError
from storage.records import Json
from storage.redact import redact

SLOWEST, FASTEST = 0.1, 100.0
"""Seconds of the lesson for one second on the wall."""
LONGEST_TEXT = 4_000
LONGEST_MARK = 120
PALETTE = ("message", "down", "recovered", "metric", "result")
"""What can be injected that no lesson has written down."""
OUTCOMES = ("SUCCESS", "PARTIAL", "FAILURE", "BLOCKED")
CHIEF = "Sky"
"""Who answers on Slack; every other name speaks through the inbox."""

USAGE: dict[str, str] = {
    "pause": "pause",
    "play": "play",
    "speed": "speed N",
    "jump": "jump",
    "rewind": "rewind +2m, or rewind and the text of a mark",
    "inject": "inject REF; inject message FROM TEXT; inject down SOURCE [REASON]; inject recovered SOURCE; "
    "inject metric SERIES VALUE; inject result TASK OUTCOME [REPORT]",
    "say": "say NAME TEXT",
    "hints": "hints on, or hints off",
    "mark": "mark TEXT",
    "end": "end",
    "state": "state",
}
"""How each order is written."""

_INJECT: TypeAdapter[AnyInject] = TypeAdapter(AnyInject)


class OrderWrong(StasError):
    """Nothing happened: there is no such order, or it cannot be done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What an order is checked against."""

    scenario: Scenario
    now: int
    """Milliseconds since the start of the lesson."""
    next_at: int | None = None
    """When the next inject comes that is certain to come."""
    came: Mapping[str, int] = field(default_factory=dict)
    """When each inject came, by ref."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """Moments that were marked, by their text."""
    ended: str = ""

    @classmethod
    def of(cls, engine: Engine) -> Present:
        """The present of a run."""
        marks = {
            str(event.body.get("text", "")): event.at - engine.scenario.started_at
            for event in engine.lines
            if event.kind == "training.instructed" and event.body.get("what") == "mark"
        }
        return cls(
            scenario=engine.scenario,
            now=engine.now,
            next_at=engine.next_inject_at,
            came=engine.came,
            marks=marks,
            ended=engine.ended,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAct:
    """What happens to the clock: `pause`, `play`, `speed` (a factor), `jump` or `rewind` (both to a time)."""

    what: str
    speed: float = 1.0
    to: int = 0
    """Milliseconds since the start of the lesson."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """An order that can be done."""

    order: Order
    """The line of the log. For `rewind` its time is the one that is gone back to."""
    clock: ClockAct | None = None
    said: str = ""
    """One sentence that answers it."""


# from words -------------------------------------------------------------------------------------------


def split(words: Sequence[str]) -> tuple[str, Json]:
    """The order and its body from what was typed: `["speed", "5"]`. Raises `OrderWrong`."""
    if not words:
        raise OrderWrong("No order was given.", f"Known: {', '.join(USAGE)}.")
    what, rest = words[0].lower(), list(words[1:])
    if what not in USAGE:
        raise OrderWrong(f"{words[0][:40]!a} is no order.", f"Known: {', '.join(USAGE)}.")
    if what in ("pause", "play", "jump", "end", "state"):
        _count(what, rest, 0, 0)
        return what, {}
    if what == "inject":
        return what, _inject_words(rest)
    if what == "say":
        _count(what, rest, 2)
        return what, {"name": rest[0], "text": " ".join(rest[1:])}
    _count(what, rest, 1, 1 if what in ("speed", "hints") else None)
    text = " ".join(rest)
    if what == "speed":
        return what, {"times": _number(text.removeprefix("x").removeprefix("×"), "speed")}
    if what == "hints":
        if text not in ("on", "off"):
            raise _usage("hints")
        return what, {"on": text == "on"}
    return what, {"to": text} if what == "rewind" else {"text": text}


def _inject_words(rest: list[str]) -> Json:
    _count("inject", rest, 1)
    which, more = rest[0], rest[1:]
    if which not in PALETTE:
        _count("inject", more, 0, 0)
        return {"ref": which}
    least = {"message": 2, "metric": 2, "result": 2}.get(which, 1)
    _count("inject", more, least, {"metric": 2, "recovered": 1}.get(which))
    first, others = more[0], more[1:]
    if which == "message":
        return {"new": which, "from": first, "text": " ".join(others)}
    if which == "metric":
        return {"new": which, "series": first, "value": _number(others[0], "inject")}
    if which == "result":
        return {"new": which, "task": first, "outcome": others[0].upper(), "text": " ".join(others[1:])}
    return {"new": which, "source": first} | ({"reason": " ".join(others)} if others else {})


def _count(what: str, rest: Sequence[str], least: int, most: int | None = None) -> None:
    if len(rest) < least or (most is not None and len(rest) > most):
        raise _usage(what)


def _usage(what: str) -> OrderWrong:
    return OrderWrong(f"This is not how {what} is ordered.", f"Write: {USAGE[what]}.")


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _usage(what) from None
    if not abs(value) < 1e15:
        raise OrderWrong(f"{text[:40]!a} is no number that can be used.", f"Write: {USAGE[what]}.")
    return int(value) if value.is_integer() else value


# what it means ----------------------------------------------------------------------------------------


def meant(what: str, body: Json, present: Present) -> Meant:
    """What an order means now. Raises `OrderWrong`: then nothing happens, and the lesson goes on."""
    if what not in ORDERS:
        raise OrderWrong(f"{str(what)[:40]!a} is no order.", f"Known: {', '.join(USAGE)}.")
    if present.ended:
        raise OrderWrong(f"The lesson is over: {present.ended}.", "Nothing can be ordered any more.")
    if not isinstance(body, dict):
        raise _usage(what)
    now = present.now
    match what:
        case "pause" | "play":
            said = "The lesson stands still." if what == "pause" else "The lesson goes on."
            return Meant(order=Order(at=now, what=what), clock=ClockAct(what=what), said=said)
        case "end":
            return Meant(order=Order(at=now, what=what), said="The lesson is ended.")
        case "speed":
            return _speed(body, present)
        case "jump":
            return _jump(present)
        case "rewind":
            return _rewind(body, present)
        case "hints":
            return _hints(body, present)
        case "mark":
            text = _line(body, "text", what, LONGEST_MARK)
            at = grammar.offset_text(now)
            return Meant(order=Order(at=now, what=what, body={"text": text}), said=f"Marked at {at}: {text}.")
        case "say":
            return _say(body, present)
        case _:
            return _inject(body, present)


def _speed(body: Json, present: Present) -> Meant:
    times = body.get("times")
    if isinstance(times, bool) or not isinstance(times, int | float) or not SLOWEST <= times <= FASTEST:
        raise OrderWrong("The speed is a number.", f"Between {SLOWEST:g} and {FASTEST:g}, e.g. speed 5.")
    return Meant(
        order=Order(at=present.now, what="speed", body={"times": times}),
        clock=ClockAct(what="speed", speed=float(times)),
        said=f"One second on the wall is {times:g} s of the lesson.",
    )


def _jump(present: Present) -> Meant:
    if present.next_at is None:
        raise OrderWrong("Nothing more is certain to come, so there is nowhere to jump to.", "Nothing was changed.")
    to = max(present.next_at, present.now)
    return Meant(
        order=Order(at=present.now, what="jump", body={"to": to}),
        clock=ClockAct(what="jump", to=to),
        said=f"Jumped to {grammar.offset_text(to)}.",
    )


def _rewind(body: Json, present: Present) -> Meant:
    where = _line(body, "to", "rewind", LONGEST_MARK)
    if where in present.marks:
        to = present.marks[where]
    else:
        try:
            to = grammar.offset_ms(where)
        except ValueError:
            known = ", ".join(sorted(present.marks)) or "none yet"
            raise OrderWrong(
                f"{where!a} is no time and no mark.", f"Write rewind +2m, or a mark; known marks: {known}."
            ) from None
    if to > present.now:
        raise OrderWrong(
            f"{grammar.offset_text(to)} has not come yet; the lesson is at {grammar.offset_text(present.now)}.",
            "jump goes forward.",
        )
    return Meant(
        order=Order(at=to, what="rewind", body={"from": present.now, "to": to}),
        clock=ClockAct(what="rewind", to=to),
        said=f"Back at {grammar.offset_text(to)}; what was done after it is undone.",
    )


def _hints(body: Json, present: Present) -> Meant:
    on = body.get("on")
    if not isinstance(on, bool):
        raise _usage("hints")
    said = "Hints can be asked for." if on else "No hints are given."
    return Meant(order=Order(at=present.now, what="hints", body={"on": on}), said=said)


def _say(body: Json, present: Present) -> Meant:
    name = _line(body, "name", "say", 100)
    text = _text(body, "text", "say")
    facts: Json = {"kind": "slack", "from": name} if name == CHIEF else {"kind": "inbox", "from": name, "type": "info"}
    inject = _made({**facts, "text": text}, "say")
    order = Order(at=present.now, what="say", body={"name": name}, inject=inject)
    return Meant(order=order, said=f"{name} said it.")


def _inject(body: Json, present: Present) -> Meant:
    if "ref" in body:
        ref = _line(body, "ref", "inject", 60)
        planned = {inject.ref: inject for inject in present.scenario.inject if inject.ref}
        if ref not in planned:
            known = ", ".join(name for name in planned if name not in present.came) or "none"
            raise OrderWrong(f"This lesson has no {ref!a}.", f"Still to come: {known}. Or: {USAGE['inject']}.")
        if ref in present.came:
            raise OrderWrong(
                f"{ref} came already at {grammar.offset_text(present.came[ref])}.", "Rewind to have it come again."
            )
        order = Order(at=present.now, what="inject", body={"ref": ref}, inject=planned[ref])
        return Meant(order=order, said=f"{ref} came now.")
    facts = _new(body, present)
    order = Order(at=present.now, what="inject", body={"new": body["new"]}, inject=_made(facts, "inject"))
    return Meant(order=order, said="It came now.")


def _new(body: Json, present: Present) -> Json:
    """Something that no lesson has written down, as a table of a lesson."""
    match body.get("new"):
        case "message":
            kind = str(body.get("type", "info"))
            return {
                "kind": "inbox",
                "from": _line(body, "from", "inject", 100),
                "text": _text(body, "text", "inject"),
                "type": kind,
            }
        case "down" | "recovered" as state:
            reason = str(body.get("reason", "")) or "no answer"
            return {"kind": "source_fault", "source": _source(body, present), "state": state, "reason": redact(reason)}
        case "metric":
            sources = [source.name for source in present.scenario.world.source if source.kind == "metrics"]
            series = _line(body, "series", "inject", 200)
            value = body.get("value")
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise _usage("inject")
            return {"kind": "metric", "series": series, "value": value} | ({"source": sources[0]} if sources else {})
        case "result":
            return _result(body, present)
        case other:
            raise OrderWrong(f"{str(other)[:40]!a} is nothing that can be injected.", f"Write: {USAGE['inject']}.")


def _source(body: Json, present: Present) -> str:
    name = _line(body, "source", "inject", 60)
    known = sources_of(present.scenario)
    if name not in known:
        raise OrderWrong(f"This lesson has no source {name!a}.", f"Its sources: {', '.join(known) or 'none'}.")
    return name


def sources_of(scenario: Scenario) -> list[str]:
    """The sources that a lesson speaks of, in its order."""
    named = [source.name for source in scenario.world.source]
    named += [str(name) for inject in scenario.inject if (name := getattr(inject, "source", ""))]
    return list(dict.fromkeys(named))


def _result(body: Json, present: Present) -> Json:
    task = _line(body, "task", "inject", 40)
    known = {each.id: each.project for each in present.scenario.world.task}
    if task not in known:
        raise OrderWrong(f"This lesson has no task {task!a}.", f"Its tasks: {', '.join(known) or 'none'}.")
    outcome = str(body.get("outcome", "")).upper()
    if outcome not in OUTCOMES:
        raise OrderWrong(f"{outcome[:40]!a} is no outcome.", f"Known: {', '.join(OUTCOMES)}.")
    report = str(body.get("text", "")) or f"{outcome}: nothing more was said."
    return {"kind": "executor", "task": task, "project": known[task], "outcome": outcome, "report": redact(report)}


def _made(facts: Json, what: str) -> AnyInject:
    try:
        return _INJECT.validate_python({"at": "+0s", **facts})
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or what
        raise OrderWrong(f"{place}: {first['msg'].removeprefix('Value error, ')}.", f"Write: {USAGE[what]}.") from None


def _line(body: Json, name: str, what: str, limit: int) -> str:
    value = body.get(name)
    text = " ".join(redact(value).split()) if isinstance(value, str) else ""
    if not text:
        raise _usage(what)
    if len(text) > limit:
        raise OrderWrong(f"This {name} is longer than {limit} characters.", f"Write: {USAGE[what]}.")
    return text


def _text(body: Json, name: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _usage(what)
    if len(value) > LONGEST_TEXT:
        raise OrderWrong(f"This text is longer than {LONGEST_TEXT} characters.", "Shorten it.")
    return redact(value).strip()
