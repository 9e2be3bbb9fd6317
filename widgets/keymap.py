"""Checks a person's keymap and says in sentences what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FORBIDDEN = frozenset(f"ctrl+{letter}" for letter in "absdkz")
"""Keys that terminals, tmux and screen keep for themselves or that people press by habit."""

_NEVER_APPROVE = frozenset({"enter", "return", "space", "escape", "tab", "backspace", "ctrl+m", "ctrl+j", "ctrl+i"})


def keymap_problems(
    keymap: Mapping[str, str],
    defaults: Mapping[str, str],
    *,
    approve: Iterable[str] = ("gate.approve",),
    open_gate: Iterable[str] = ("gate.open",),
) -> list[str]:
    """What is wrong with a keymap for one scope, one sentence each; an empty list if it may be applied.

    `keymap` and `defaults` map binding ids to keys (`"j,down"`). `approve` are the ids that approve, `open_gate` those
    that open a gate: the two must never share a key, and approving takes a capital letter.
    """
    problems = [f"No action is called {name!r}." for name in keymap if name not in defaults]
    chosen = {**defaults, **{name: keys for name, keys in keymap.items() if name in defaults}}
    owner: dict[str, str] = {}
    for name, keys in chosen.items():
        names = split_keys(keys)
        if not names:
            problems.append(f"{name} has no key.")
        for key in names:
            if key in owner and owner[key] != name:
                problems.append(f"{key} is bound to both {owner[key]} and {name}.")
            owner.setdefault(key, name)
            if key in FORBIDDEN:
                problems.append(f"{key} cannot be used for {name}: terminals and tmux keep it for themselves.")
    opening = {key for name in open_gate for key in split_keys(chosen.get(name, ""))}
    for name in approve:
        for key in split_keys(chosen.get(name, "")):
            problem = _approve_problem(key, opening)
            if problem:
                problems.append(f"{key} cannot approve ({name}): {problem}.")
    return problems


def _approve_problem(key: str, opening: set[str]) -> str:
    if key in _NEVER_APPROVE:
        return "it is pressed too easily, or by a paste"
    if key in opening or key.lower() in opening:
        return "it also opens the gate, so that a repeated key would approve"
    if len(key) == 1 and key.isalpha() and key.islower():
        return "a lower-case letter is typed too easily; use a capital"
    if not (len(key) == 1 and key.isalpha() and key.isupper()):
        return "only a capital letter approves"
    return ""


def split_keys(keys: str) -> list[str]:
    """`"j, down"` as a list; capitals also in the spelling `shift+a`."""
    found = []
    for key in (part.strip() for part in keys.split(",")):
        if key.startswith("shift+") and len(key) == 7 and key[6].isalpha():
            found.append(key[6].upper())
        elif key:
            found.append(key)
    return found
