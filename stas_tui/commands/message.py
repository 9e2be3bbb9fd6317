"""`stas message`: the inbox of the agent on the embedded platform."""

from __future__ import annotations

import sys
import uuid
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from storage.world import World

SUBJECT_CHARACTERS = 200


class MessageRefused(common.CommandRefused):
    """Nothing was delivered."""


def run(args: Namespace) -> int:
    """Put a message into the inbox, or list what nobody has acknowledged. Raises `StasError`."""
    with common.world(args) as (world, settings):
        return _add(args, world, settings) if args.what == "add" else _list(args, world, settings)


def _add(args: Namespace, world: World, settings: Settings) -> int:
    from stas_tui.config import person_for
    from stas_tui.locations import os_user
    from storage.records import Message, MessageType, Trust

    subject = " ".join(args.subject.split())
    if not subject or len(subject) > SUBJECT_CHARACTERS:
        raise MessageRefused(f"A subject has 1 to {SUBJECT_CHARACTERS} characters.", "Put the rest into --body.")
    person = person_for(settings, os_user())
    sender = args.sender or (person.name if person else os_user())
    known = {*settings.agents.values(), *settings.agents, *(p.name for p in settings.person)}
    message = world.deliver(
        Message(
            id=f"M-{uuid.uuid4().hex[:12]}",
            type=MessageType(args.type),
            sender=sender,
            subject=subject,
            body=common.text_from(args.body, "message"),
            at=world.clock.now(),
            trust=Trust.KNOWN if sender in known else Trust.EXTERNAL,
            task_id=args.task,
        ),
        to=settings.agent_name,
    )
    if args.json:
        common.print_json({"id": message.id, "type": message.type.value, "trust": message.trust.value})
    else:
        sys.stdout.write(f"{message.id}\n")
        if message.trust is Trust.EXTERNAL:
            common.say(f"{sender} is neither under [agents] nor a [[person]]: the message counts as external.")
    return exit_codes.OK


def _list(args: Namespace, world: World, settings: Settings) -> int:
    from stas_tui.texts.inbox import triage_order
    from storage.clock import age, iso
    from widgets.printable import flat

    messages = triage_order(world.inbox(settings.agent_name))
    if args.json:
        common.print_json(
            [
                {
                    "id": message.id,
                    "type": message.type.value,
                    "from": message.sender,
                    "trust": message.trust.value,
                    "subject": message.subject,
                    "body": message.body,
                    "at": iso(message.at),
                }
                for message in messages
            ]
        )
        return exit_codes.OK
    now = world.clock.now()
    for message in messages:
        sys.stdout.write(
            f"{flat(message.id)}  {message.type.value}  {flat(message.sender)} ({message.trust.value})  "
            f"{flat(message.subject)}  {age(now - message.at)} ago\n"
        )
    if not messages:
        sys.stdout.write("The inbox is empty.\n")
    return exit_codes.OK
