"""Runs groups of checks one after the other and hands on what they say; a group that breaks or hangs says so itself."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from stas_tui.isolation.base import UNDECLARED, Cancelled, Spec, World, unknown
from stas_tui.isolation.border import WrongResult, checked, line
from stas_tui.isolation.catalog import Group, groups, missing_module
from storage.check_records import ALL_TENANTS, CheckResult, Verdict
from storage.redact import redact

LIMIT_S = 300.0
"""Seconds that one check may take; a group that answers several at once has as long for all of them."""
GRACE_S = 3.0
"""Seconds that a group gets to stop by itself."""
_LOOK_S = 0.2
_MOST_SLOW = 2
_TRACE = 4_000

Log = Callable[[str], None]


def run(
    world: World,
    chosen: Sequence[Group] | None = None,
    *,
    undeclared: str = UNDECLARED,
    limit_s: float = LIMIT_S,
    grace_s: float = GRACE_S,
    log: Log = lambda _: None,
) -> Iterator[CheckResult]:
    """What every wanted check says, as it comes: at least one result for each, whatever happens.

    Without a tenancy file nothing is run, and `undeclared` is the reason of every result. `log` takes what broke, with
    its traceback, redacted. Raises `Cancelled`; what came until then stands.
    """
    for group in groups() if chosen is None else chosen:
        wanted = [spec for spec in group.checks if world.wants(spec.id)]
        if world.tenancy is None:
            yield from (unknown(world, spec.id, undeclared) for spec in wanted)
            continue
        left = []
        for spec in wanted:
            if why := world.tenancy.not_applicable_because(spec.id):
                yield checked(_declared_away(world, spec, why), spec, world)
            else:
                left.append(spec)
        if not left:
            continue
        if group.missing:
            if group.broken:
                log(f"{group.name}: {redact(group.broken)}")
            yield from (unknown(world, spec.id, group.missing) for spec in left)
            continue
        yield from _Asking(group, left, world, limit_s, grace_s, log).results()


def _declared_away(world: World, spec: Spec, why: str) -> CheckResult:
    base = unknown(world, spec.id, f"declared: {why}")
    return replace(base, verdict=Verdict.NOT_APPLICABLE, tool="tenancy file")


@dataclass(frozen=True, slots=True)
class _End:
    """A group came to its end, or to an error."""

    error: BaseException | None = None


class _TooSlow(Exception):
    """A group gave no sign for too long."""


class _Asking:
    """One group, asked until each of its wanted checks has an answer.

    All are asked at once. If that breaks or hangs, those without an answer are asked one by one, so that only what
    is broken says so.
    """

    def __init__(
        self, group: Group, wanted: Sequence[Spec], world: World, limit_s: float, grace_s: float, log: Log
    ) -> None:
        self._group, self._world, self._log = group, world, log
        self._limit_s, self._grace_s = limit_s, grace_s
        self._specs = {spec.id: spec for spec in wanted}
        self._said: dict[str, set[str]] = {spec.id: set() for spec in wanted}
        self._over = threading.Event()
        self._stop: BaseException | None = None
        self._ended = _End()
        self._slow = 0

    def results(self) -> Iterator[CheckResult]:
        """Every result. Raises `Cancelled`."""
        all_ = tuple(self._specs.values())
        yield from self._ask(all_)
        if self._ended.error is None or len(all_) == 1:
            for spec in all_:
                yield from self._rest(spec)
            return
        for spec in all_:
            if self._answered(spec):
                continue
            if self._slow > _MOST_SLOW:
                yield from self._rest(spec, "not asked: other checks of this group took too long")
                continue
            yield from self._ask([spec])
            yield from self._rest(spec)

    def _ask(self, specs: Sequence[Spec]) -> Iterator[CheckResult]:
        """Ask for these checks; how it ended stands in `_ended` then. Raises `Cancelled`."""
        before = {check: frozenset(tenants) for check, tenants in self._said.items()}
        back: queue.SimpleQueue[CheckResult | _End] = queue.SimpleQueue()
        over = self._over = threading.Event()
        self._stop = None
        world = replace(
            self._world,
            only=frozenset(spec.id for spec in specs),
            cancelled=lambda: over.is_set() or self._world.cancelled(),
        )
        name = f"stas-{self._group.name}"
        threading.Thread(target=_work, args=(self._group, world, back), name=name, daemon=True).start()
        while not isinstance(item := self._next(back), _End):
            if item.check not in self._specs and any(spec.id == item.check for spec in self._group.checks):
                continue
            try:
                clean = checked(item, self._specs.get(item.check), self._world)
            except WrongResult as error:
                over.set()
                item = _End(error)
                break
            if clean.tenant not in before[clean.check]:
                self._said[clean.check].add(clean.tenant)
                yield clean
        self._ended = item
        if isinstance(item.error, Cancelled):
            raise item.error
        if item.error is not None:
            self._slow += isinstance(item.error, _TooSlow)
            self._log(f"{self._group.name}, {', '.join(world.only)}: {_traced(item.error)}")

    def _next(self, back: queue.SimpleQueue[CheckResult | _End]) -> CheckResult | _End:
        """The next thing the group says; its end if it hangs, or if a person ended the run."""
        until = time.monotonic() + (self._limit_s if self._stop is None else self._grace_s)
        while True:
            try:
                item = back.get(timeout=_LOOK_S)
            except queue.Empty:
                pass
            else:
                stopped = isinstance(item, _End) and isinstance(item.error, Cancelled)
                return _End(self._stop) if stopped and self._stop is not None else item
            late = time.monotonic() > until
            if self._stop is not None:
                if late:
                    return _End(self._stop)
            elif late or self._world.cancelled():
                self._stop = _TooSlow() if late else Cancelled()
                self._over.set()
                until = time.monotonic() + self._grace_s

    def _answered(self, spec: Spec) -> bool:
        said = self._said[spec.id]
        if spec.per_tenant and ALL_TENANTS not in said:
            return bool(said) and said >= set(self._world.tenants)
        return bool(said)

    def _rest(self, spec: Spec, reason: str = "") -> Iterator[CheckResult]:
        """What is unknown of a check because nothing was said."""
        if self._answered(spec):
            return
        why = reason or self._why(spec)
        said = self._said[spec.id]
        for tenant in [t for t in self._world.tenants if t not in said] if said else [ALL_TENANTS]:
            yield unknown(self._world, spec.id, why, tenant=tenant)

    def _why(self, spec: Spec) -> str:
        error = self._ended.error
        if error is None:
            module = self._group.module
            has = module is None or any(own.id == spec.id for own in module.CHECKS)
            return "the check gave no answer" if has else "this Stas has no such check"
        if isinstance(error, _TooSlow):
            return f"it took longer than {self._limit_s:g} s and was stopped"
        if isinstance(error, ImportError):
            return missing_module(error)
        first = str(error).strip().split("\n", 1)[0]
        return line(f"the check broke ({type(error).__name__}{f': {first}' if first else ''}); the log says more", 300)


def _work(group: Group, world: World, back: queue.SimpleQueue[CheckResult | _End]) -> None:
    try:
        for result in group.run(world):
            back.put(result)
    except BaseException as error:  # noqa: BLE001 - it is handed to the thread that waits, which tells it
        back.put(_End(error))
    else:
        back.put(_End())


def _traced(error: BaseException) -> str:
    return redact("".join(traceback.format_exception(error)).strip()[-_TRACE:])
