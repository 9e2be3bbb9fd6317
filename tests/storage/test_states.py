"""Every path of the state machine with two executors, crashes and the end of time, against the invariants."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace

import pytest

from storage.journal_errors import JournalError
from storage.records import TERMINAL, ActionState, EffectClass, GateLevel
from storage.states import BY_SOFTWARE, PAIRS, Facts, Move, after

S = ActionState
HUMAN = frozenset(Move) - BY_SOFTWARE


def every_fact() -> list[Facts]:
    flags = list(itertools.product((False, True), repeat=7))
    return [
        Facts(
            level=level,
            effect=effect,
            matches=f[0],
            ask_over=f[1],
            approval_over=f[2],
            halted=f[3],
            intact=f[4],
            owns=f[5],
            owner_gone=f[6],
            attempts=attempts,
            max_attempts=2,
        )
        for level in GateLevel
        for effect in EffectClass
        for f in flags
        for attempts in (0, 2)
    ]


FACTS = every_fact()


def outcomes(state: ActionState | None, move: Move) -> list[tuple[Facts, ActionState]]:
    found = []
    for facts in FACTS:
        try:
            found.append((facts, after(state, move, facts)))
        except JournalError:
            continue
    return found


ALL = {(state, move): outcomes(state, move) for state in (None, *S) for move in Move}


def test_every_move_stays_inside_the_table_of_pairs() -> None:
    reached = {(state, to) for (state, _), results in ALL.items() for _, to in results if state is not None}
    assert reached <= PAIRS
    assert len(PAIRS) == 22
    assert reached | {(S.EXECUTING, S.EXECUTING), (S.UNKNOWN, S.UNKNOWN)} == PAIRS


def test_final_states_are_final() -> None:
    assert not [key for key, results in ALL.items() if key[0] in TERMINAL and results]


def test_the_default_facts_let_nothing_start_or_be_approved() -> None:
    for state, move in ALL:
        try:
            to = after(state, move, Facts())
        except JournalError:
            continue
        assert to not in (S.APPROVED, S.EXECUTING), (state, move)


def test_only_a_matching_timely_vote_or_level_l_approves() -> None:
    for (state, move), results in ALL.items():
        for facts, to in results:
            if to is not S.APPROVED:
                continue
            if state is S.PENDING:
                assert move is Move.APPROVE
                assert facts.matches
                assert not facts.ask_over
            elif state is None or move is Move.STALE:
                assert facts.level is GateLevel.LOG
                assert not facts.halted
            else:
                assert move in (Move.NOT_DONE, Move.NOT_FOUND)
                assert not facts.approval_over
                assert not facts.halted


def test_only_a_living_intact_approval_starts() -> None:
    for (state, move), results in ALL.items():
        for facts, to in results:
            if to is S.EXECUTING:
                assert (state, move) == (S.APPROVED, Move.CLAIM)
                assert facts.intact
                assert not (facts.halted or facts.approval_over)
                assert facts.attempts < facts.max_attempts


def test_software_never_settles_an_opaque_unknown() -> None:
    for (state, move), results in ALL.items():
        if state is S.UNKNOWN and move in BY_SOFTWARE:
            assert all(facts.effect is not EffectClass.OPAQUE for facts, _ in results)


def test_silence_is_neither_yes_nor_no() -> None:
    assert {to for (_, move), results in ALL.items() if move is Move.EXPIRE for _, to in results} == {S.EXPIRED}


def test_refusals_say_something() -> None:
    with pytest.raises(JournalError, match="rejected, which is final"):
        after(S.REJECTED, Move.WITHDRAW, Facts())
    with pytest.raises(JournalError, match="no such action"):
        after(None, Move.APPROVE, Facts())


# the whole life, explored -------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """One action, its approval, two executors, and what really happened outside."""

    effect: EffectClass
    level: GateLevel
    state: ActionState | None = None
    rev: int = 1
    approved_rev: int = 0
    """The revision a person, or the policy at level L, allowed."""
    approval_over: bool = True
    ask_over: bool = False
    halted: bool = False
    attempts: int = 0
    owner: int = 0
    """The executor holding the current attempt; 0 is nobody."""
    runs: tuple[tuple[int, int, int], ...] = ()
    """(executor, attempt, revision) of processes between claim and report."""
    effects: tuple[tuple[int, int], ...] = ()
    """(attempt, revision) of effects that really happened."""
    reruns_by_person: int = 0
    sure: bool = True
    """False once a person has answered without knowing."""


def facts_of(w: World, **more: bool) -> Facts:
    return Facts(
        level=w.level,
        effect=w.effect,
        ask_over=w.ask_over,
        approval_over=w.approval_over,
        halted=w.halted,
        attempts=w.attempts,
        max_attempts=2 + w.reruns_by_person,
        **more,
    )


def moved(w: World, move: Move, **more: bool) -> World | None:
    try:
        to = after(w.state, move, facts_of(w, **more))
    except JournalError:
        return None
    changes: dict[str, object] = {"state": to}
    if to is S.APPROVED and w.state in (None, S.PENDING):
        changes |= {"approved_rev": w.rev, "approval_over": False}
    if move is Move.REVISE or (to is S.PENDING and w.state in (S.APPROVED, S.UNKNOWN)):
        changes |= {"rev": w.rev + 1, "approved_rev": 0, "approval_over": True, "ask_over": False}
    if move is Move.STALE and to is S.APPROVED:
        changes |= {"rev": w.rev + 1, "approved_rev": w.rev + 1, "approval_over": False}
    if to is not S.EXECUTING:
        changes["owner"] = 0
    return replace(w, **changes)  # type: ignore[arg-type]


def steps(w: World) -> list[World]:
    found: list[World | None] = []
    if w.state is None:
        return [x for x in (moved(w, Move.REQUEST),) if x]
    if w.rev < 3:
        found += [moved(w, Move.REVISE, matches=True), moved(w, Move.STALE)]
    found += [moved(w, Move.APPROVE, matches=True), moved(w, Move.APPROVE), moved(w, Move.REJECT, matches=True)]
    found += [moved(w, Move.EXPIRE), moved(w, Move.WITHDRAW), moved(w, Move.REVOKE)]
    found += [replace(w, ask_over=True), replace(w, approval_over=True), replace(w, halted=not w.halted)]
    for executor in (1, 2):
        claimed = moved(w, Move.CLAIM, intact=w.approved_rev == w.rev)
        if claimed and w.attempts < 3 and executor not in {run[0] for run in w.runs}:
            n = w.attempts + 1
            found.append(replace(claimed, attempts=n, owner=executor, runs=(*w.runs, (executor, n, w.rev))))
    for run in w.runs:
        executor, n, rev = run
        rest = tuple(other for other in w.runs if other != run)
        found.append(replace(w, runs=rest))
        owns = w.state is S.EXECUTING and w.owner == executor and w.attempts == n
        done = (n, rev) in w.effects
        if owns and not done:
            found.append(replace(w, effects=(*w.effects, (n, rev))))
        base = replace(w, runs=rest)
        found.append(moved(base, Move.LOSE, owns=owns))
        if done:
            found.append(moved(base, Move.SUCCEED, owns=owns))
        else:
            found += [moved(base, Move.NOT_DONE, owns=owns), moved(base, Move.FAIL, owns=owns)]
    if w.state is S.EXECUTING and w.owner not in {run[0] for run in w.runs}:
        found.append(moved(w, Move.LOSE, owner_gone=True))
    if w.state is S.UNKNOWN:
        happened = any(n == w.attempts for n, _ in w.effects)
        found.append(moved(w, Move.FOUND if happened else Move.NOT_FOUND))
        if w.reruns_by_person < 1:
            again = moved(w, Move.RUN_AGAIN)
            if again:
                found.append(replace(again, reruns_by_person=w.reruns_by_person + 1))
        found += [
            replace(x, sure=False)
            for move in (Move.HAPPENED, Move.DID_NOT, Move.ABANDON)
            if (x := moved(w, move)) is not None
        ]
    return [x for x in found if x is not None and x != w]


def check(w: World, came_from: World) -> None:
    assert len(w.effects) <= 1 + w.reruns_by_person, "an effect happened twice"
    if w.state in (S.APPROVED, S.EXECUTING, S.UNKNOWN):
        assert w.approved_rev == w.rev, "it may run a version nobody approved"
    if w.state is S.SUCCEEDED and w.sure:
        assert w.effects, "success without an effect"
    if w.state in (S.REJECTED, S.EXPIRED, S.WITHDRAWN, S.FAILED) and w.sure and not w.reruns_by_person:
        assert not w.effects, "an effect although the record says there was none"
    if len(w.effects) > len(came_from.effects):
        assert came_from.approved_rev != 0
    if w.state is S.EXECUTING and came_from.state is not S.EXECUTING:
        assert not came_from.halted


@pytest.mark.parametrize("effect", list(EffectClass))
@pytest.mark.parametrize("level", [GateLevel.LOG, GateLevel.GATE])
def test_no_path_runs_twice_or_without_approval(effect: EffectClass, level: GateLevel) -> None:
    start = World(effect=effect, level=level)
    seen, todo, final = {start}, deque([start]), set()
    while todo:
        world = todo.popleft()
        for nxt in steps(world):
            check(nxt, world)
            final.add(nxt.state)
            if nxt not in seen:
                seen.add(nxt)
                todo.append(nxt)
    assert final == set(S), "some state is never reached"
    assert len(seen) > 500
