from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.keys import ACTIONS, BY_ID, LIVE_TOGETHER, NEVER_DANGEROUS, SCOPES, KeymapError, resolve

TAKEN_BY_MULTIPLEXERS = {f"ctrl+{c}" for c in "abscdkz"}


def test_the_table_is_sound() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for action in ACTIONS:
        assert action.id.split(".")[0] == action.scope
        assert action.scope in SCOPES
        assert action.keys
        assert action.label
        assert action.tooltip.endswith(".")
        assert not set(action.keys) & TAKEN_BY_MULTIPLEXERS


def test_defaults_resolve() -> None:
    assert resolve() == {action.id: action.keys for action in ACTIONS}


def test_opening_and_approving_are_different_keys() -> None:
    keys = resolve()
    assert not set(keys["main.gate"]) & set(keys["gate.approve"])
    assert keys["gate.approve"] == ("A",)


def test_a_key_is_replaced() -> None:
    assert resolve({"list.filter": "f, ctrl+f"})["list.filter"] == ("f", "ctrl+f")


@pytest.mark.parametrize("key", [*sorted(NEVER_DANGEROUS - {"return", "ctrl+m", "ctrl+j"}), "a", "y", "1", ".", " "])
def test_no_careless_key_can_approve(key: str) -> None:
    with pytest.raises(KeymapError):
        resolve({"gate.approve": key})


@pytest.mark.parametrize("key", ["Y", "f9", "ctrl+y", "A,Y"])
def test_a_deliberate_key_can_approve(key: str) -> None:
    assert resolve({"gate.approve": key})["gate.approve"] == tuple(key.split(","))


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"list.filtr": "f"}, "nearest is list.filter"),
        ({"main.quit": "ctrl+c"}, "belongs to the terminal"),
        ({"main.quit": ""}, "no key"),
        ({"main.quit": "banana"}, "which is none"),
        ({"main.quit": "\x1b[31m"}, "which is none"),
        ({"gate.defer": "d"}, "always escape"),
        ({"app.pause": "j"}, "both"),
        ({"gate.edit": "R"}, "both"),
        ({"gate.approve": "R"}, "both"),
    ],
)
def test_a_wrong_keymap_is_refused_in_printable_sentences(keymap: dict[str, str], words: str) -> None:
    with pytest.raises(KeymapError, match=words) as caught:
        resolve(keymap)
    assert str(caught.value).isprintable()


def test_scopes_that_are_never_live_together_may_share_a_key() -> None:
    assert resolve({"main.evidence": "E"})["main.evidence"] == ("E",)


@given(st.dictionaries(st.sampled_from(sorted(BY_ID)), st.text(max_size=12)))
def test_whatever_is_accepted_is_unambiguous_and_safe(keymap: dict[str, str]) -> None:
    try:
        keys = resolve(keymap)
    except KeymapError:
        return
    assert keys["gate.defer"] == ("escape",)
    for key in keys["gate.approve"]:
        assert key not in NEVER_DANGEROUS
        assert not (len(key) == 1 and not key.isupper())
    for scopes in LIVE_TOGETHER:
        heard = [key for action in ACTIONS if action.scope in scopes for key in keys[action.id]]
        assert len(heard) == len(set(heard))
