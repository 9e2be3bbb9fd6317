"""Keys of the programs beside a lesson: the list of lessons, the instructor's terminal, going through a log again."""

from __future__ import annotations

Row = tuple[str, tuple[str, ...], str, str, str, bool]
"""Id, keys, label, tooltip, scope, danger: the first fields of `keys.KeyAction`."""

TRAINING: tuple[Row, ...] = (
    ("lessons.progress", ("p",), "progress", "Show your runs over time.", "lessons", False),
    ("lessons.debrief", ("d",), "debrief", "Read the debrief of the last run of this lesson.", "lessons", False),
    ("lessons.new", ("n",), "write one", "Say how to write a lesson.", "lessons", False),
    ("lessons.leave", ("q",), "leave", "Leave; nothing is run.", "lessons", False),
    ("instructor.pause", ("space",), "pause / play", "Let the lesson stand still, or go on.", "instructor", False),
    ("instructor.slow", ("1",), "×1", "One second on the wall is one second of the lesson.", "instructor", False),
    ("instructor.fast", ("2",), "×5", "Five times as fast.", "instructor", False),
    ("instructor.fastest", ("3",), "×20", "Twenty times as fast.", "instructor", False),
    ("instructor.jump", ("n",), "jump", "Go to the next inject that is certain to come.", "instructor", False),
    (
        "instructor.rewind",
        ("b",),
        "back",
        "Go back to a time or a mark; what came after it is undone.",
        "instructor",
        False,
    ),
    ("instructor.inject", ("i",), "inject", "Have something happen now, from a palette.", "instructor", False),
    ("instructor.say", ("s",), "say", "Speak as another agent or as Sky.", "instructor", False),
    ("instructor.hints", ("h",), "hints", "Let hints be asked for, or not.", "instructor", False),
    ("instructor.mark", ("m",), "mark", "Mark this moment for the debrief.", "instructor", False),
    ("instructor.order", (":",), "order", "Type any order.", "instructor", False),
    ("instructor.abort", ("X",), "stop all", "End the lesson at once, without a question.", "instructor", True),
    ("instructor.leave", ("q",), "leave", "Leave this terminal; the lesson goes on.", "instructor", False),
    ("replay.back", ("left",), "back", "One line back.", "replay", False),
    (
        "replay.forward",
        ("right",),
        "forward",
        "One line forward; it stops at a gate that you have not answered.",
        "replay",
        False,
    ),
    ("replay.gate_before", ("[",), "gate before", "Go back to the gate before this line.", "replay", False),
    ("replay.gate_after", ("]",), "next gate", "Go forward to the next gate.", "replay", False),
    ("replay.play", ("space",), "play", "Go on at the recorded pace, or stand still.", "replay", False),
    ("replay.slower", ("-",), "slower", "Play half as fast.", "replay", False),
    ("replay.faster", ("+",), "faster", "Play twice as fast.", "replay", False),
    ("replay.first", ("home",), "beginning", "Go to the first line.", "replay", False),
    ("replay.last", ("end",), "end", "Go as far as you may: to the next unanswered gate, or the end.", "replay", False),
    ("replay.answer", ("enter",), "answer", "Say what you would have done at this gate.", "replay", False),
    ("replay.pass", ("x",), "no answer", "Go past this gate without an answer.", "replay", False),
    ("replay.up", ("pageup",), "page up", "Read upwards in the text of the line.", "replay", False),
    ("replay.down", ("pagedown",), "page down", "Read on in the text of the line.", "replay", False),
    ("replay.compare", ("c",), "compare", "Show both answers side by side, and how often they agree.", "replay", False),
    ("replay.leave", ("q", "escape"), "leave", "Leave; nothing is kept.", "replay", False),
)
"""In the order in which `stas keys` prints them."""
