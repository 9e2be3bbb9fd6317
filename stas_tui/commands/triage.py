"""`stas triage`: what needs a person as plain lines, and the acts of the desk for scripts and screen readers."""

from __future__ import annotations

import dataclasses
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from storage.clock import DAY, HOUR, MINUTE, SECOND, age, hhmm, iso

if TYPE_CHECKING:
    from stas_tui.wiring import Application
    from storage.records import Json
    from storage.triage_records import HandOver, TriageItem, TriageList

TITLE = 200
SHOWN_DIGEST = 12
"""So many characters of a sheet's digest have to be typed to accept it."""
_SPAN = re.compile(r"(\d{1,4})\s*([smhd])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


class WrongWords(common.CommandRefused):
    """The words after `stas triage` are no act."""


def run(args: Namespace) -> int:
    """Print the list, or do one act. Raises `StasError`."""
    words: list[str] = list(args.words)
    act = _ACTS.get(words[0]) if words else None
    profile, settings = common.profile(args), common.settings(args)
    if act is not None and act not in _READS and not (act is _cause and len(words) <= 2) and args.read_only:
        raise common.ReadOnly("--read-only changes nothing.", "Leave the flag out.")
    with common.application(profile, settings) as app:
        if act is None:
            return _list(app, args, " ".join(words))
        return act(app, args, words[1:])


# the list ------------------------------------------------------------------------------------------


def _list(app: Application, args: Namespace, query: str) -> int:
    shown = app.desk.look(query)
    if args.json:
        common.print_json(as_json(shown))
        return exit_codes.OK
    _print(lines(shown, app.person))
    return exit_codes.OK


def lines(shown: TriageList, person: str) -> Iterator[str]:
    """The list as sentences: what there is, what cannot be believed, the items in order, what is put aside."""
    from stas_tui.triage.arrange import calm

    yield ", ".join(shown.words) + "." if shown.words else "Nothing is counted."
    for doubt in shown.doubts:
        yield f"Not to be believed as calm: {doubt}."
    if shown.never:
        yield f"Nobody was asked about: {', '.join(shown.never)}."
    above = [item for item in shown.items if not item.suppressed]
    aside = [item for item in shown.items if item.suppressed]
    for n, item in enumerate(above, 1):
        yield f"{n}. {_sentence(item, person, shown.at)}"
    if not above:
        yield calm(shown)
    if aside:
        yield f"Put aside: {len(aside)}."
        for item in aside:
            yield f"- {item.suppressed}: {_sentence(item, person, shown.at)}"


def _sentence(item: TriageItem, person: str, now: int) -> str:
    """One item: what, how bad, whose, until when, and its key last."""
    head = f"{item.priority.value if item.priority else 'P?'} {item.item_class.value}, {item.word or 'no state'}"
    parts = [f"{head}{f', times {item.count}' if item.count > 1 else ''}: {item.title[:TITLE]}"]
    parts.append(_whose(item, person, now))
    if item.deadline is not None:
        left = item.deadline - now
        parts.append(f"Due in {age(left)}" if left > 0 else f"Overdue for {age(-left)}")
    if item.tenants:
        parts.append(f"Tenants {', '.join(item.tenants[:10])}")
    if item.members:
        parts.append(f"Holds {len(item.members)} more")
    if item.note is not None and item.note.escalation is not None and item.note.escalation.next_at is not None:
        parts.append(f"Escalated, next at {hhmm(item.note.escalation.next_at)}")
    if item.replayed:
        parts.append("REPLAYED, not the world")
    return ". ".join([*parts, f"Key {item.key}"])


def _whose(item: TriageItem, person: str, now: int) -> str:
    from stas_tui.triage.events import event_words

    note = item.note
    if note is not None and note.lease is not None:
        lease = note.lease
        until = f"until {hhmm(lease.until)}"
        if lease.waits_for:
            until = f"until {event_words(lease.waits_for)}, at most {until}"
        return f"Owned by {'you' if lease.owner == person else lease.owner} {until}"
    lapsed = "in review since a lease ran out, " if note is not None and note.lapsed_at is not None else ""
    return f"{lapsed}unowned for {age(now - item.first_seen)}".capitalize()


def as_json(shown: TriageList) -> Json:
    """The list for scripts; the keys are stable, times are RFC 3339 in UTC."""
    return {
        "schema": "stas.triage/1",
        "at": iso(shown.at),
        "words": list(shown.words),
        "dead": list(shown.dead),
        "never": list(shown.never),
        "doubts": list(shown.doubts),
        "needs_a_person": shown.total,
        "items": [_item_json(item, shown.at) for item in shown.items],
    }


def _item_json(item: TriageItem, now: int) -> Json:
    lease = item.note.lease if item.note else None
    return {
        "key": item.key,
        "class": item.item_class.value,
        "priority": item.priority.value if item.priority else None,
        "title": item.title,
        "state": item.word,
        "put_aside": _put_aside(item, now),
        "count": item.count,
        "first_seen": iso(item.first_seen),
        "last_seen": iso(item.last_seen),
        "deadline": iso(item.deadline) if item.deadline is not None else None,
        "owner": item.owner,
        "owned_until": iso(lease.until) if lease else None,
        "version": item.note.version if item.note else 0,
        "tenants": list(item.tenants),
        "service": item.service,
        "members": list(item.members),
        "links": list(item.links),
        "trusted": item.trusted,
        "replayed": item.replayed,
        "project": item.project_id,
        "ref": item.ref,
        "evidence": [dataclasses.asdict(proof) for proof in item.evidence],
    }


def _put_aside(item: TriageItem, now: int) -> str:
    """Why it is put aside, with an event as it is written and not as a person says it."""
    from stas_tui.triage.identity import snoozed

    words = snoozed(item.note, item.priority, now)
    return snoozed(item.note, item.priority, now, say=str) if item.suppressed == words else item.suppressed


# acts ----------------------------------------------------------------------------------------------


def _own(app: Application, args: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    app.desk.own(keys, by=app.person, reason=args.reason, waits_for=args.event)
    notes = {item.key: item.note for item in app.desk.look().items}
    for key in keys:
        note = notes.get(key)
        until = f" until {hhmm(note.lease.until)}" if note is not None and note.lease is not None else ""
        _print([f"{key} is yours{until}."])
    return exit_codes.OK


def _release(app: Application, _: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    app.desk.release(keys, by=app.person)
    return _done(keys, "is nobody's now")


def _snooze(app: Application, args: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    until = app.clock.now() + _span(args.span) if args.span else None
    app.desk.snooze(keys, by=app.person, reason=args.reason, until=until, event=args.event)
    return _done(keys, "is put aside")


def _wake(app: Application, _: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    app.desk.wake(keys, by=app.person)
    return _done(keys, "is back")


def _escalate(app: Application, _: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    for key in keys:
        app.desk.escalate(key, by=app.person)
    _done(keys, "is escalated")
    common.say("Messages go out while a dashboard runs on this profile and a pulse is open.")
    return exit_codes.OK


def _stop(app: Application, _: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    for key in keys:
        app.desk.stop_escalation(key, by=app.person)
    return _done(keys, "is not escalated any more")


def _dismiss(app: Application, args: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    app.desk.dismiss(keys, by=app.person, reason=args.reason)
    return _done(keys, "is closed until it is seen again")


def _group(app: Application, args: Namespace, words: Sequence[str]) -> int:
    if not args.under:
        raise WrongWords("Say under which item.", "stas triage group KEY… --under KEY")
    keys, [head] = _keys(app, words), _keys(app, [args.under])
    app.desk.group(keys, under=head, by=app.person)
    return _done(keys, f"stands under {head}")


def _ungroup(app: Application, _: Namespace, words: Sequence[str]) -> int:
    keys = _keys(app, words)
    for key in keys:
        app.desk.ungroup(key, by=app.person)
    return _done(keys, "stands alone")


def _undo(app: Application, _: Namespace, words: Sequence[str]) -> int:
    if words:
        raise WrongWords("undo takes back your last act and no other.", "stas triage undo")
    _print([app.desk.undo(by=app.person)])
    return exit_codes.OK


def _hand_over(app: Application, args: Namespace, words: Sequence[str]) -> int:
    if words and words[0] == "accept":
        return _accept(app, args, words[1:])
    if words:
        raise WrongWords(f"handover does not know «{words[0]}».", "stas triage handover, or handover accept ID")
    sheet = app.desk.hand_over(by=app.person, tried=args.tried, questions=args.questions)
    return _show(sheet, args)


def _accept(app: Application, args: Namespace, words: Sequence[str]) -> int:
    if len(words) != 1:
        raise WrongWords("Say which sheet.", "stas triage handover accept ID --digest DIGEST")
    sheet = app.desk.pending_hand_over()
    given = args.digest.strip().lower()
    if sheet is None or sheet.id != words[0] or len(given) < SHOWN_DIGEST or not sheet.digest.startswith(given):
        if sheet is not None and sheet.id == words[0] and not given:
            _show(sheet, args)
            return exit_codes.USAGE
        app.desk.accept(words[0], digest=given, by=app.person)
        return exit_codes.FAILED
    done = app.desk.accept(sheet.id, digest=sheet.digest, by=app.person)
    _print([f"Taken over from {done.made_by}: what was theirs is yours."])
    return exit_codes.OK


def _show(sheet: HandOver, args: Namespace) -> int:
    if args.json:
        common.print_json({**dataclasses.asdict(sheet), "made_at": iso(sheet.made_at)})
    elif args.write is not None:
        _write(args.write, sheet.markdown)
    else:
        _print(sheet.markdown.rstrip("\n").split("\n"))
    common.say(
        f"To take over, the next person types: stas triage handover accept {sheet.id} --digest "
        f"{sheet.digest[:SHOWN_DIGEST]}"
    )
    return exit_codes.OK


def _cause(app: Application, args: Namespace, words: Sequence[str]) -> int:
    from stas_tui.commands.triage_cause import cause

    [key] = _keys(app, words[:1])
    return cause(app, key, words[1:], reason=args.reason, as_json=args.json)


def _postmortem(app: Application, args: Namespace, words: Sequence[str]) -> int:
    text = app.desk.postmortem(_one(words, "postmortem"))
    if args.write is not None:
        _write(args.write, text)
    else:
        _print(text.rstrip("\n").split("\n"))
    return exit_codes.OK


def _task(app: Application, args: Namespace, words: Sequence[str]) -> int:
    [key] = _keys(app, [_one(words, "task")])
    draft = app.desk.draft_task(key)
    if args.json:
        common.print_json(draft)
        return exit_codes.OK
    _print([draft["title"], f"Project {draft['projectId']}, priority {draft['priority']}"])
    _print(f"    {line}" for line in draft["description"].split("\n"))
    _print(f"Says the same: {task['id']} {task['title']}" for task in draft["duplicates"])
    return exit_codes.OK


def _numbers(app: Application, args: Namespace, words: Sequence[str]) -> int:
    if words:
        raise WrongWords("numbers takes no further words.", "stas triage numbers --for 7d")
    hours = max(_span(args.span) // HOUR, 1) if args.span else 24
    if args.json:
        common.print_json(app.desk.numbers(hours=hours))
    else:
        _print(app.desk.numbers_text(hours, plain=True).split("\n"))
    return exit_codes.OK


_Act = Callable[["Application", Namespace, Sequence[str]], int]
_ACTS: dict[str, _Act] = {
    "own": _own,
    "release": _release,
    "snooze": _snooze,
    "wake": _wake,
    "escalate": _escalate,
    "stop": _stop,
    "dismiss": _dismiss,
    "group": _group,
    "ungroup": _ungroup,
    "undo": _undo,
    "handover": _hand_over,
    "cause": _cause,
    "postmortem": _postmortem,
    "task": _task,
    "numbers": _numbers,
}
_READS = frozenset({_postmortem, _task, _numbers})


# words ---------------------------------------------------------------------------------------------


def _keys(app: Application, words: Sequence[str]) -> list[str]:
    """Whole keys from whole keys or their beginnings. Raises `WrongWords` for none, or one that fits several."""
    if not words:
        raise WrongWords("Say which item.", "`stas triage` prints the keys.")
    known = [item.key for item in app.desk.look().items]
    found = []
    for word in words:
        fits = [word] if word in known else [key for key in known if key.startswith(word)]
        if len(fits) > 1:
            raise WrongWords(f"{word} fits {len(fits)} items: {', '.join(fits[:3])} …", "Type more of the key.")
        found.append(fits[0] if fits else word)
    return list(dict.fromkeys(found))


def _one(words: Sequence[str], verb: str) -> str:
    if len(words) != 1:
        raise WrongWords(f"{verb} is about one item.", f"stas triage {verb} KEY")
    return words[0]


def _span(text: str) -> int:
    """Milliseconds of `90s`, `15m`, `2h` or `1d`. Raises `WrongWords`."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise WrongWords(f"«{text[:20]}» is no span of time.", "Such as 15m, 2h or 1d.")
    return int(match[1]) * _UNITS[match[2]]


def _write(path: Path, text: str) -> None:
    from stas_tui.locations import write_private

    write_private(path, text)
    common.say(f"Written to {path}.")


def _done(keys: Sequence[str], words: str) -> int:
    _print(f"{key} {words}." for key in keys)
    return exit_codes.OK


def _print(rows: Iterator[str] | Sequence[str]) -> None:
    from widgets.printable import flat

    for row in rows:
        blanks = len(row) - len(row.lstrip(" "))
        sys.stdout.write(" " * blanks + flat(row.lstrip(" ")) + "\n")
