"""The database itself refuses what must never happen, whoever writes to it."""

from __future__ import annotations

import sqlite3

import pytest

from storage.records import ActionState, GateLevel
from storage.states import PAIRS

S = ActionState


def sql(desk, statement: str, *params: object) -> None:
    with desk.store.write() as conn:
        conn.execute(statement, params)


def refused(desk, statement: str, *params: object, match: str = ".") -> None:
    with pytest.raises(sqlite3.IntegrityError, match=match):
        sql(desk, statement, *params)


def only_the_table_of_moves(desk) -> None:
    """Leave the pairs' trigger alone on the table."""
    with desk.store.write() as conn:
        for row in conn.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            if row["name"] != "action_move":
                conn.execute(f"drop trigger {row['name']}")


def test_exactly_the_22_pairs_of_the_transition_function_pass(desk) -> None:
    action = desk.approved()
    only_the_table_of_moves(desk)
    accepted = set()
    for old in S:
        for new in S:
            with desk.store.write() as conn:
                conn.execute("drop trigger action_move")
                owner = "owner = 'w', lease_until = 1" if old is S.EXECUTING else "owner = null, lease_until = null"
                conn.execute(f"update action set state = ?, {owner} where id = ?", (old, action.id))
                conn.execute(MOVE)
            owner = "owner = 'w', lease_until = 1" if new is S.EXECUTING else "owner = null, lease_until = null"
            try:
                sql(desk, f"update action set state = ?, {owner} where id = ?", new, action.id)
                accepted.add((old, new))
            except sqlite3.IntegrityError as error:
                assert "illegal transition" in str(error)
    assert accepted == PAIRS


def move_trigger() -> str:
    from storage import schema_record

    script = schema_record._V1
    start = script.index("create trigger action_move")
    return script[start : script.index("end;", start) + 4]


MOVE = move_trigger()


@pytest.mark.parametrize("end", ["rejected", "expired", "withdrawn", "succeeded", "failed", "abandoned"])
def test_final_actions_never_change(desk, end: str) -> None:
    action = desk.executing()
    if end in ("succeeded", "failed"):
        desk.journal.finish(action.id, n=1, owner=action.owner, result=end)
    elif end == "abandoned":
        desk.journal.take_over(action.id, owner="me")
        desk.journal.resolve(action.id, by="ann", verdict="abandon", reason="r")
    else:
        action = desk.ask("T-2")
        if end == "rejected":
            desk.decide(action, "reject")
        elif end == "withdrawn":
            desk.journal.withdraw(action.id, by="sre", reason="")
        else:
            desk.clock.advance(10**9)
            desk.journal.sweep_expired()
    assert desk.journal.get(action.id).state == end
    refused(desk, "update action set reason = 'x' where id = ?", action.id, match="final")
    refused(desk, "update action set state = 'approved' where id = ?", action.id)


def test_an_approved_payload_cannot_be_exchanged(desk) -> None:
    action = desk.approved()
    other = "0" * 64
    refused(desk, "update action set digest = ? where id = ?", other, action.id)
    refused(desk, "update action set approved_digest = ? where id = ?", other, action.id, match="CHECK")
    refused(desk, "update action set digest = ?, approved_digest = ? where id = ?", other, other, action.id)
    sql(
        desk,
        "insert into revision select action_id, 2, '{}', args_digest, plan, preconditions, shown, level, ?, author, at "
        "from revision where action_id = ?",
        other,
        action.id,
    )
    refused(
        desk,
        "update action set digest = ?, approved_digest = ?, rev = 2 where id = ?",
        other,
        other,
        action.id,
        match="asks again",
    )


def test_the_digest_check_stands_without_any_trigger(desk) -> None:
    action = desk.approved()
    only_the_table_of_moves(desk)
    refused(desk, "update action set digest = ? where id = ?", "0" * 64, action.id, match="CHECK")


def test_no_approval_without_a_vote_for_it(desk) -> None:
    action = desk.ask()
    approve = "update action set state = 'approved', approved_digest = digest, approved_until = 9e15 where id = ?"
    approve = approve.replace("9e15", "9000000000000")
    refused(desk, approve, action.id, match="no vote")
    sql(
        desk,
        "insert into vote(action_id, rev, digest, voter, verdict, via, at) values(?, 1, ?, 'eve', 'approve', 'key', 1)",
        action.id,
        "0" * 64,
    )
    refused(desk, approve, action.id, match="no vote")


def test_no_start_without_an_attempt(desk) -> None:
    action = desk.approved()
    start = "update action set state = 'executing', attempts = attempts + 1, owner = 'w', lease_until = 1 where id = ?"
    refused(desk, start, action.id, match="no attempt")


def test_a_gate_is_never_born_approved(desk) -> None:
    action = desk.ask(level=GateLevel.LOG)
    columns = [r["name"] for r in desk.store.read("select name from pragma_table_info('action')")]
    change = {"id": "'a-x'", "seq": "0", "call_key": "'x'", "level": "'G'"}
    values = ", ".join(change.get(name, name) for name in columns)
    refused(desk, f"insert into action select {values} from action where id = ?", action.id, match="starts pending")


@pytest.mark.parametrize("column", ["tool", "effect_class", "requested_by", "call_key", "natural_key", "schema_digest"])
def test_what_an_action_is_never_changes(desk, column: str) -> None:
    action = desk.ask()
    refused(desk, f"update action set {column} = 'key' where id = ?", action.id, match="never changes")


@pytest.mark.parametrize("table", ["event", "vote", "revision"])
def test_the_log_votes_and_revisions_never_change(desk, table: str) -> None:
    desk.approved()
    column = {"event": "actor", "vote": "voter", "revision": "author"}[table]
    refused(desk, f"update {table} set {column} = 'eve'", match="never change")
    refused(desk, f"delete from {table}", match="kept")
    names = ", ".join(r["name"] for r in desk.store.read(f"select name from pragma_table_info('{table}')"))
    for verb in ("insert or replace", "insert"):
        refused(desk, f"{verb} into {table}({names}) select {names} from {table} limit 1")


@pytest.mark.parametrize("table", ["action", "attempt", "pulse", "head", "anchor"])
def test_nothing_is_deleted(desk, table: str) -> None:
    desk.executing()
    desk.journal.anchor("somewhere")
    refused(desk, f"delete from {table}", match="kept")


def test_the_head_follows_the_log(desk) -> None:
    desk.ask()
    for change in ("seq = 0", "seq = seq + 1", "hash = 'x'", "at = at + 1"):
        refused(desk, f"update head set {change}", match="head")
    refused(
        desk, "insert into event select seq + 1, at, actor, kind, null, null, body, prev, 'h' from event where seq = 1"
    )


def test_an_attempt_only_ends_once(desk) -> None:
    action = desk.executing()
    refused(desk, "update attempt set owner = 'eve'", match="only ends")
    refused(desk, "insert into attempt values(?, 2, 'k', 'd', 'eve', 1, null, null, '')", action.id, match="UNIQUE")
    desk.journal.finish(action.id, n=1, owner=action.owner, result="succeeded")
    refused(desk, "update attempt set result = 'failed'", match="only ends")


def test_an_ended_pulse_never_changes_and_there_is_one_open_pulse(desk) -> None:
    insert = (
        "insert into pulse(id, number, agent, operator, mode, policy_digest, started_at) "
        "values('p-2', 2, 'a', 'o', 'observe', '', 1)"
    )
    refused(desk, insert, match="UNIQUE")
    desk.pulses.end(desk.pulse.id, outcome="complete", summary="s", by="ann")
    refused(desk, "update pulse set summary = 'other'", match="never changes")
    sql(desk, insert)
