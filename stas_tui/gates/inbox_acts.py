"""What a person does with a message: answer it, accept or return a handoff, file it, see it (R12, R13, R15, R16).

Each is one or two calls of the door. An answer that asks for a change waits as a gate; the same act repeated is the
same action, so a key pressed twice, or pressed again after the decision, does nothing twice and finishes what waits.
"""

from __future__ import annotations

from stas_tui.gates.contract import Answer, BadCall, deny
from stas_tui.texts.inbox import handoff_label, handoff_missing, return_text
from stas_tui.texts.lines import one_line, redacted
from stas_tui.texts.memory_note import note_from_message
from stas_tui.toolbox import Toolbox
from storage.records import Message, MessageType, Trust


def reply(toolbox: Toolbox, message: Message, text: str, *, pulse_id: str, by: str) -> Answer:
    """Answer a message. Raises a `Refusal` for a sender nobody vouches for (R12), `BadCall` for an empty text."""
    if message.trust is not Trust.KNOWN:
        raise deny(
            "R12",
            f"{one_line(message.sender, 60) or 'The sender'} is not known: no reply can be sent.",
            "Reach them by another way, and name them under [agents] if they belong here.",
        )
    return toolbox.call(
        "message_agent",
        {"agentId": message.sender, "message": text},
        pulse_id=pulse_id,
        caller=by,
        caused_by=message.id,
    )


def accept_handoff(toolbox: Toolbox, message: Message, *, pulse_id: str, by: str) -> Answer:
    """Tell the sender that the handoff is taken, then take the message off the inbox (R13).

    Raises `BadCall` for a handoff that is not complete, naming what is missing.
    """
    missing = _handoff(message)
    if missing:
        raise BadCall(f"The handoff is {handoff_label(missing)}.", "Return it with the ready-made answer.")
    subject = one_line(redacted(message.subject), 100)
    return _answered(toolbox, message, f"Handoff “{subject}” ({message.id}) accepted.", pulse_id, by)


def return_handoff(toolbox: Toolbox, message: Message, *, pulse_id: str, by: str, text: str = "") -> Answer:
    """Send an incomplete handoff back with what it lacks, or with a person's own words (R13)."""
    missing = _handoff(message)
    if not missing and not text.strip():
        raise BadCall("The handoff is complete.", "Say why it comes back.")
    return _answered(toolbox, message, text.strip() or return_text(message, missing), pulse_id, by)


def _handoff(message: Message) -> list[str]:
    if message.type is not MessageType.HANDOFF:
        raise BadCall(f"{message.id} is no handoff.", "Reclassify it first.")
    return handoff_missing(message)


def _answered(toolbox: Toolbox, message: Message, text: str, pulse_id: str, by: str) -> Answer:
    answer = reply(toolbox, message, text, pulse_id=pulse_id, by=by)
    if answer.status == "ok":
        acknowledge(toolbox, message, pulse_id=pulse_id, by=by)
    return answer


def file_info(toolbox: Toolbox, message: Message, *, pulse_id: str, by: str, shared: bool = False) -> Answer:
    """Keep a message as a memory; outside text is quarantined until it is confirmed (R16, D22). Shared asks first."""
    note = note_from_message(message)
    return toolbox.call(
        "remember",
        {
            "type": note.type,
            "title": note.title,
            "text": note.text,
            "tags": list(note.tags),
            "shared": shared,
            "quarantined": note.quarantined,
        },
        pulse_id=pulse_id,
        caller=by,
        caused_by=message.id,
    )


def acknowledge(toolbox: Toolbox, message: Message, *, pulse_id: str, by: str) -> Answer:
    """Take a message off the inbox; it is kept (R15)."""
    return toolbox.call(
        "acknowledge_message", {"messageId": message.id}, pulse_id=pulse_id, caller=by, caused_by=message.id
    )


def mark_shown(toolbox: Toolbox, message: Message, *, by: str, pulse_id: str | None = None) -> Message:
    """Note that a person saw the message, once; an event of the log, no action. Raises `PlatformError`."""
    if message.read_at is not None:
        return message
    seen = toolbox.door.platform.mark_read(message.id)
    toolbox.door.journal.record(
        "message.shown", actor=by, pulse_id=pulse_id, body={"messageId": message.id, "type": message.type.value}
    )
    return seen
