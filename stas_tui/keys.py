"""The one table of everything a key can do. Bindings, help, palette, documentation and keymap check read it.

Keys are written as a person types them (`?`, `[`, `A`) or by name (`enter`, `space`, `ctrl+p`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from stas_tui.config_errors import ConfigError, shown
from stas_tui.keys_scopes import LIVE_TOGETHER, SCOPES
from stas_tui.keys_training import TRAINING


class KeymapError(ConfigError):
    """A keymap that would be ambiguous or dangerous."""


@dataclass(frozen=True, slots=True)
class KeyAction:
    """Something a person can do with one key."""

    id: str
    keys: tuple[str, ...]
    """Default keys, the first of which is shown."""
    label: str
    """One or two words for the footer."""
    tooltip: str
    """One sentence for the help."""
    scope: str = "main"
    """One of `SCOPES`; the part of the id before the dot."""
    danger: bool = False
    """Lets something happen to the world: never a lower-case letter, enter or space."""
    fixed: bool = False
    """The key cannot be changed."""


ACTIONS: tuple[KeyAction, ...] = (
    KeyAction("app.help", ("?",), "help", "Show every key that works here, searchable.", "app"),
    KeyAction("app.pause", ("p",), "pause", "Stop the agent before its next step, at once; again to go on.", "app"),
    KeyAction("app.pause_now", ("f2",), "pause", "Pause at once, also while you type a text or a reason.", "app"),
    KeyAction(
        "app.quit_now", ("ctrl+q",), "quit now", "Leave at once; nothing is decided, runs go on.", "app", fixed=True
    ),
    KeyAction("app.hint", ("f3",), "hint", "In a lesson: show the next hint; what it costs is said before.", "app"),
    KeyAction("app.lesson", ("f6",), "lesson", "In a lesson: ask, write to somebody, mark, reclassify, end.", "app"),
    KeyAction("main.gate", ("g",), "gate", "Open the gate that waits longest; opening it decides nothing."),
    KeyAction("main.step", ("space",), "step", "Let the pulse do one step."),
    KeyAction("main.run", ("r",), "run", "Let the pulse run until a person is needed."),
    KeyAction("main.skip", ("S",), "skip", "Skip the step that is due, with a reason for the summary."),
    KeyAction("main.undo", ("u",), "undo", "Take the last logged change of a task back, if nobody moved it since."),
    KeyAction("main.mode", ("m",), "mode", "Lower the mode one level at once; from Observe up again, by name."),
    KeyAction("main.panel_1", ("1",), "inbox", "Go to the inbox."),
    KeyAction("main.panel_2", ("2",), "queue", "Go to the queue."),
    KeyAction("main.panel_3", ("3",), "infra", "Go to the infrastructure panel."),
    KeyAction("main.panel_4", ("4",), "isolation", "Go to the isolation matrix."),
    KeyAction("main.pulse", ("0",), "pulse", "Show where the pulse itself stands and what happened in it."),
    KeyAction("main.next_panel", ("tab",), "next panel", "Go to the next panel, then to the detail."),
    KeyAction("main.previous_panel", ("shift+tab",), "previous panel", "Go to the previous panel."),
    KeyAction("main.zoom", ("z",), "zoom", "Give the focused panel the whole screen, or give it back."),
    KeyAction("main.evidence", ("e",), "evidence", "Show what Stas itself collected about the row."),
    KeyAction("main.copy", ("y",), "copy", "Copy the row's text, and say where it went."),
    KeyAction("main.open", ("o",), "open in editor", "Open a read-only copy in the editor."),
    KeyAction("main.output", ("x",), "output", "Show what the executor prints, live."),
    KeyAction("main.log", ("L",), "log", "Show everything that happened in this pulse."),
    KeyAction("main.summary", ("s",), "summary", "Show the Pulse Summary as the log has it now."),
    KeyAction("main.back", ("[",), "back", "Show the recorded pulse before this one."),
    KeyAction("main.forward", ("]",), "forward", "Show the recorded pulse after this one."),
    KeyAction("main.palette", ("ctrl+p",), "commands", "Find a command by its name."),
    KeyAction("main.on_call", ("c",), "on call", "Show everything that needs a person, in one ordered list."),
    KeyAction("main.task", ("T",), "draft a task", "Fill in the task that a pattern of the infra panel suggests."),
    KeyAction("main.isolation", ("I",), "isolation", "Show the isolation matrix and its checks on the whole screen."),
    KeyAction(
        "main.cancel_checks", ("X",), "cancel checks", "End the isolation checks that run; what they found stands."
    ),
    KeyAction("main.reviews", ("v",), "reviews", "Show the pull requests that want a review before their merge."),
    KeyAction("main.quit", ("q",), "quit", "Leave Stas; asks if a gate is open. Running executors go on."),
    KeyAction("inbox.acknowledge", ("a",), "acknowledge", "Take the message off the inbox; it is kept.", "inbox"),
    KeyAction("inbox.reply", ("w",), "write back", "Answer the sender; a change it asks for waits as a gate.", "inbox"),
    KeyAction("inbox.accept", ("H",), "accept handoff", "Accept the handoff and tell the sender.", "inbox"),
    KeyAction("inbox.return", ("B",), "return handoff", "Send the handoff back with what it lacks.", "inbox"),
    KeyAction("inbox.review", ("V",), "review", "Review the pull request that the message asks about.", "inbox"),
    KeyAction("inbox.file", ("M",), "file", "Keep the message as a memory of your own.", "inbox"),
    KeyAction(
        "queue.take", ("t",), "take first", "Take this task before the first of the queue, with a reason.", "queue"
    ),
    KeyAction(
        "queue.answered",
        ("i",),
        "answered",
        "Record what the architect answered to a Rule 4 stop of this task.",
        "queue",
    ),
    KeyAction(
        "oncall.own", ("O",), "own", "Take it: yours until the lease runs out; other people are left alone.", "oncall"
    ),
    KeyAction(
        "oncall.own_until",
        ("W",),
        "own until",
        "Take it until a merge, CI or a task's move; 24 hours at most.",
        "oncall",
    ),
    KeyAction("oncall.snooze", ("Z",), "snooze", "Put it aside until a time or an event, with a reason.", "oncall"),
    KeyAction("oncall.escalate", ("E",), "escalate", "Show the ladder of messages and start or stop it.", "oncall"),
    KeyAction("oncall.incident", ("I",), "incident", "Open its state document: impact, roles, timeline.", "oncall"),
    KeyAction(
        "oncall.hand_over", ("H",), "hand over", "Write the hand-over sheet, or take over from another.", "oncall"
    ),
    KeyAction("oncall.mark", ("space",), "mark", "Mark it; the next act is about everything marked.", "oncall"),
    KeyAction("oncall.release", ("R",), "give back", "Give up what is yours; it is unowned again.", "oncall"),
    KeyAction("oncall.group", ("G",), "group", "Put what is marked under one, or accept a suggested group.", "oncall"),
    KeyAction("oncall.ungroup", ("U",), "ungroup", "Take it out of its group, or dissolve the group.", "oncall"),
    KeyAction("oncall.dismiss", ("D",), "dismiss", "Close it with a reason; it comes back if seen again.", "oncall"),
    KeyAction("oncall.undo", ("u",), "undo", "Take your last act here back, if nobody changed it since.", "oncall"),
    KeyAction("oncall.task", ("T",), "draft a task", "Fill a task in from it; you complete and file it.", "oncall"),
    KeyAction(
        "oncall.silence",
        ("S",),
        "silence",
        "Ask for a silence of the alert, extend or end it; each waits as a gate.",
        "oncall",
    ),
    KeyAction("oncall.gate", ("g",), "gate", "Open the gate that waits longest; opening it decides nothing.", "oncall"),
    KeyAction("oncall.acknowledge", ("a",), "acknowledge", "Take the message off the inbox; it is kept.", "oncall"),
    KeyAction("oncall.reply", ("w",), "write back", "Answer the sender of the message.", "oncall"),
    KeyAction(
        "oncall.new", ("n",), "what is new", "Go to the first item that came while you looked elsewhere.", "oncall"
    ),
    KeyAction("oncall.evidence", ("e",), "evidence", "Show what Stas itself collected about it.", "oncall"),
    KeyAction("oncall.views", ("v",), "views", "Use a saved filter, or save this one under a name.", "oncall"),
    KeyAction("oncall.sources", ("s",), "sources", "Show every source with its age and its reason.", "oncall"),
    KeyAction(
        "oncall.numbers", ("N",), "numbers", "Show how well questions are put and answered, with units.", "oncall"
    ),
    KeyAction("oncall.copy", ("y",), "copy", "Copy everything about it, with its links.", "oncall"),
    KeyAction("oncall.zoom", ("z",), "zoom", "Give the list or the detail the whole screen.", "oncall"),
    KeyAction("oncall.detail", ("tab",), "list / detail", "Go to the detail, or back to the list.", "oncall"),
    KeyAction("oncall.back", ("c", "q"), "dashboard", "Go back to the dashboard; the list keeps its place.", "oncall"),
    KeyAction("incident.note", ("n",), "note", "Write a line into the timeline.", "incident"),
    KeyAction("incident.decision", ("d",), "decision", "Write down what was decided.", "incident"),
    KeyAction("incident.question", ("u",), "question", "Write down a question that is open.", "incident"),
    KeyAction("incident.answer", ("a",), "answer", "Answer an open question.", "incident"),
    KeyAction("incident.status", ("s",), "status", "Investigating, identified, monitoring or resolved.", "incident"),
    KeyAction("incident.impact", ("i",), "impact", "Say in one line who is hurt and how.", "incident"),
    KeyAction("incident.roles", ("w",), "who", "Name who commands, operates or writes.", "incident"),
    KeyAction("incident.cause", ("C",), "cause", "Name what caused it, change it or take it back.", "incident"),
    KeyAction("incident.changes", ("c",), "changes", "Show the changes that probably caused it, and why.", "incident"),
    KeyAction("incident.silence", ("S",), "silence", "Extend or end its silence; both wait as a gate.", "incident"),
    KeyAction("incident.runbook", ("b",), "runbook", "Copy the runbook's address; nothing is opened.", "incident"),
    KeyAction("incident.postmortem", ("P",), "postmortem", "Draft a blameless postmortem from the log.", "incident"),
    KeyAction(
        "handover.accept", ("A",), "take over", "Accept the sheet: what was theirs is yours.", "handover", danger=True
    ),
    KeyAction("handover.again", ("W",), "write again", "Write the sheet anew from the log as it is now.", "handover"),
    KeyAction("handover.export", ("e",), "export", "Write the sheet as Markdown into the exports.", "handover"),
    KeyAction("list.details", ("enter",), "details", "Open the row; opening never approves anything.", "list"),
    KeyAction("list.filter", ("/",), "filter", "Show only the rows that hold a text.", "list"),
    KeyAction(
        "list.clear_filter",
        ("escape",),
        "clear filter",
        "Show all rows again; on call, clear marks or go back.",
        "list",
    ),
    KeyAction("matrix.left", ("left", "h"), "left", "Go to the cell on the left.", "matrix"),
    KeyAction("matrix.right", ("right", "l"), "right", "Go to the cell on the right.", "matrix"),
    KeyAction("matrix.open", ("enter",), "details", "Open the cell.", "matrix"),
    KeyAction("isolation.switch", ("tab",), "matrix / checks", "Go to the checks, or back to the matrix.", "isolation"),
    KeyAction("isolation.scan", ("r",), "rescan", "Run the checks whose answers no longer hold.", "isolation"),
    KeyAction("isolation.scan_all", ("R",), "rescan all", "Run every check of the project again.", "isolation"),
    KeyAction(
        "isolation.scan_tenant",
        ("t",),
        "rescan tenant",
        "Run the checks again that answer for each tenant, or are open in this row.",
        "isolation",
    ),
    KeyAction("isolation.scan_check", ("c",), "rescan check", "Run the check under the cursor again.", "isolation"),
    KeyAction("isolation.cancel", ("X",), "cancel", "End the checks that run; what they found stands.", "isolation"),
    KeyAction(
        "isolation.accept",
        ("A",),
        "accept",
        "Accept what is flagged or asked until a day, with a reason; it stays visible.",
        "isolation",
        danger=True,
    ),
    KeyAction(
        "isolation.end", ("E",), "end acceptance", "Take an acceptance back; the flag is open again.", "isolation"
    ),
    KeyAction(
        "isolation.task", ("T",), "draft a task", "Fill a task in from it; you complete and file it.", "isolation"
    ),
    KeyAction(
        "isolation.filter",
        ("v",),
        "flagged / unknown",
        "The cell's checks, or all of the row that is flagged or unknown.",
        "isolation",
    ),
    KeyAction("isolation.moved", ("n",), "what moved", "Show what came, went, got better or worse.", "isolation"),
    KeyAction(
        "isolation.draft", ("D",), "draft tenancy", "Draft the file that says how tenants are kept apart.", "isolation"
    ),
    KeyAction("isolation.project", ("P",), "project", "Show the next project.", "isolation"),
    KeyAction("isolation.copy", ("y",), "copy", "Copy everything that stands behind the cell or check.", "isolation"),
    KeyAction("isolation.back", ("q",), "back", "Go back to where you came from.", "isolation"),
    KeyAction("detail.left", ("left", "h"), "previous tab", "Go to the previous tab.", "detail"),
    KeyAction("detail.right", ("right", "l"), "next tab", "Go to the next tab.", "detail"),
    KeyAction("detail.open", ("enter",), "open evidence", "Open the piece of evidence under the cursor.", "detail"),
    KeyAction("scroll.up", ("up", "k"), "up", "Move up.", "scroll"),
    KeyAction("scroll.down", ("down", "j"), "down", "Move down.", "scroll"),
    KeyAction("scroll.page_up", ("pageup",), "page up", "Move one page up.", "scroll"),
    KeyAction("scroll.page_down", ("pagedown",), "page down", "Move one page down.", "scroll"),
    KeyAction("scroll.first", ("home",), "first", "Move to the beginning.", "scroll"),
    KeyAction("scroll.last", ("end",), "last", "Move to the end.", "scroll"),
    KeyAction("gate.approve", ("A",), "Approve once", "Let exactly what is shown happen, once.", "gate", danger=True),
    KeyAction("gate.edit", ("E",), "Edit", "Change the request; the change is a new request and asks again.", "gate"),
    KeyAction("gate.reject", ("R",), "Reject", "Say no, with a reason that the agent gets back.", "gate"),
    KeyAction("gate.defer", ("escape",), "Defer", "Close the gate undecided; nothing runs.", "gate", fixed=True),
    KeyAction(
        "gate.evidence", ("enter",), "open evidence", "Open the chosen piece of evidence; never an answer.", "gate"
    ),
    KeyAction(
        "gate.evidence_previous", ("left",), "previous evidence", "Choose the previous piece of evidence.", "gate"
    ),
    KeyAction("gate.evidence_next", ("right",), "next evidence", "Choose the next piece of evidence.", "gate"),
    KeyAction("gate.digest", ("d",), "whole digest", "Show the whole digest, or its ends.", "gate"),
    KeyAction("gate.name", ("tab",), "type the name", "Go to the line where a name has to be typed, and back.", "gate"),
    KeyAction("gate.copy", ("y",), "copy", "Copy the whole payload.", "gate"),
    KeyAction("gate.open", ("o",), "open in editor", "Open a read-only copy of the payload in the editor.", "gate"),
    KeyAction(
        "review.accept", ("A",), "accept", "The result is good enough; commit and pull request follow.", "review"
    ),
    KeyAction("review.again", ("R",), "again", "Spawn again with a cause and a changed prompt.", "review"),
    KeyAction("review.park", ("P",), "ask the architect", "Put a Rule 4 question to the architect.", "review"),
    KeyAction("review.give_up", ("G",), "give up", "Leave the task; the workspace keeps everything.", "review"),
    KeyAction("review.diff", ("d",), "diff", "Show everything that changed against the base.", "review"),
    KeyAction("review.output", ("x",), "output", "Show what the executor printed.", "review"),
    *(
        KeyAction(f"review.tick_{n}", (str(n),), "tick", f"Tick deviation {n} after looking at it.", "review")
        for n in range(1, 10)
    ),
    KeyAction("review.leave", ("escape",), "back", "Go back; nothing is decided.", "review"),
    KeyAction(
        "change.verdict", ("V",), "verdict", "Write a comment or a request for changes; it waits as a gate.", "change"
    ),
    KeyAction(
        "change.rehearse", ("R",), "rehearse", "Run its migrations up, down and up on a scratch database.", "change"
    ),
    KeyAction("change.again", ("r",), "look again", "Read it afresh and ask every check again.", "change"),
    KeyAction(
        "change.cancel", ("X",), "cancel", "End the checks that run; what they found stands. Twice: at once.", "change"
    ),
    KeyAction("change.text", ("t",), "its text", "Show what its author wrote.", "change"),
    KeyAction("change.detail", ("tab",), "list / detail", "Go to the detail, or back to the list.", "change"),
    KeyAction("change.copy", ("y",), "copy", "Copy the text of a comment on it.", "change"),
    KeyAction("change.back", ("q",), "back", "Go back to where you came from.", "change"),
    KeyAction("edit.save", ("ctrl+o",), "save", "Keep the text; it is checked again before anything happens.", "edit"),
    KeyAction("edit.editor", ("f4",), "editor", "Continue in your own editor.", "edit"),
    KeyAction("edit.directly", ("f5",), "work directly", "Work in the workspace by hand instead of spawning.", "edit"),
    KeyAction("edit.give_up", ("f8",), "give up", "Give the task up, with a reason.", "edit"),
    KeyAction("edit.back", ("escape",), "back", "Go back; changes ask once more before they are dropped.", "edit"),
    KeyAction("tray.strike", ("space",), "strike out / keep", "Strike a proposal out, or keep it after all.", "tray"),
    KeyAction(
        "summary.confirm", ("C",), "confirm and end the pulse", "Publish the summary and end the pulse.", "summary"
    ),
    KeyAction("summary.form", ("f",), "form / text", "Show fields with evidence, or the routine's text.", "summary"),
    KeyAction("summary.export", ("e",), "export", "Write the summary as Markdown into the exports.", "summary"),
    KeyAction("summary.copy", ("y",), "copy", "Copy the summary.", "summary"),
    KeyAction("summary.open", ("o",), "open in editor", "Open a read-only copy in the editor.", "summary"),
    KeyAction("summary.leave", ("escape",), "back", "Go back; the pulse stays open.", "summary"),
    KeyAction(
        "output.cancel", ("c",), "cancel the run", "Stop the run with everything it started, after asking.", "output"
    ),
    KeyAction("page.back", ("escape", "q"), "back", "Go back to where you came from.", "page"),
    KeyAction("page.copy", ("y",), "copy", "Copy the whole text.", "page"),
    KeyAction("page.open", ("o",), "open in editor", "Open a read-only copy in the editor.", "page"),
    KeyAction("text.search", ("/",), "search", "Find a word in the text.", "text"),
    KeyAction("text.next", ("n",), "next match", "Go to the next match.", "text"),
    KeyAction("text.previous", ("N",), "previous match", "Go to the previous match.", "text"),
    KeyAction("log.left", ("left",), "left", "Show what stands further left in long lines.", "log"),
    KeyAction("log.right", ("right",), "right", "Show what stands further right in long lines.", "log"),
    KeyAction("dialog.back", ("escape",), "back", "Go back; nothing happens.", "dialog"),
    *(KeyAction(*row) for row in TRAINING),
)

BY_ID: dict[str, KeyAction] = {action.id: action for action in ACTIONS}

NEVER_DANGEROUS = frozenset({"enter", "return", "space", "escape", "tab", "shift+tab", "backspace", "ctrl+m", "ctrl+j"})
"""Keys that no keymap can give to a dangerous action."""

RESERVED = frozenset({"ctrl+c"})
"""Keys that belong to the terminal."""

_NAMED = frozenset(
    {"enter", "space", "escape", "tab", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"}
    | {"up", "down", "left", "right", "comma", "plus", "minus"}
    | {f"f{n}" for n in range(1, 25)}
)


def resolve(keymap: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """The keys of every action, defaults replaced by `keymap` (action id -> keys separated by commas).

    Raises `KeymapError` for an unknown id or key, a fixed action, a key used twice where both would be heard,
    and a dangerous action on a key that is pressed without thinking.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    for action_id, text in (keymap or {}).items():
        keys[action_id] = _checked(action_id, text)
    for scopes in LIVE_TOGETHER:
        owner: dict[str, str] = {}
        for action in ACTIONS:
            if action.scope not in scopes:
                continue
            for key in keys[action.id]:
                if key in owner and owner[key] != action.id:
                    raise KeymapError(
                        f"The key {shown(key)} would mean both {owner[key]} and {action.id}.",
                        "Give one of them another key in [keymap].",
                    )
                owner[key] = action.id
    return keys


def _checked(action_id: str, text: str) -> tuple[str, ...]:
    action = BY_ID.get(action_id)
    if action is None:
        near = difflib.get_close_matches(action_id, BY_ID, n=1)
        raise KeymapError(
            f"[keymap] names {shown(action_id)}, which no action has"
            + (f"; the nearest is {near[0]}." if near else "."),
            "`stas keys` lists every action.",
        )
    keys = tuple(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
    if action.fixed:
        raise KeymapError(f"The key of {action_id} is always {action.keys[0]}.", "Remove it from [keymap].")
    if not keys:
        raise KeymapError(f"[keymap] gives {action_id} no key.", "Name one, or remove the line.")
    for key in keys:
        if not _is_key(key):
            raise KeymapError(
                f"[keymap] gives {action_id} the key {shown(key)}, which is none.",
                "Write a single character, or a name such as f5, enter or ctrl+x.",
            )
        if key in RESERVED:
            raise KeymapError(f"{key} belongs to the terminal and cannot be {action_id}.", "Choose another key.")
        if action.danger and (key in NEVER_DANGEROUS or (len(key) == 1 and not key.isupper())):
            raise KeymapError(
                f"{shown(key)} cannot be {action_id}: it is pressed without thinking.",
                "Choose a capital letter, a function key or a ctrl combination.",
            )
    return keys


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    *modifiers, last = key.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"}:
        return False
    return last in _NAMED or (bool(modifiers) and len(last) == 1 and last.isprintable())


__all__ = [
    "ACTIONS",
    "BY_ID",
    "LIVE_TOGETHER",
    "NEVER_DANGEROUS",
    "RESERVED",
    "SCOPES",
    "KeyAction",
    "KeymapError",
    "resolve",
]
