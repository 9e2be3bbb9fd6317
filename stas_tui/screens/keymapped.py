"""Keys that a person changed, in the spelling of the interface."""

from __future__ import annotations

from collections.abc import Mapping

from textual.keys import _character_to_key


def textual_key(key: str) -> str:
    """A key as people write it (`?`, `A`, `ctrl+x`) in Textual's spelling."""
    return _character_to_key(key) if len(key) == 1 else key


def keymap_of(keys: Mapping[str, tuple[str, ...]], changed: Mapping[str, str]) -> dict[str, str]:
    """What `App.set_keymap` takes: of all `keys` by action (`keys.resolve`), those that `[keymap]` changes."""
    return {name: ",".join(map(textual_key, keys[name])) for name in changed}
