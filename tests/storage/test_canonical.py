from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.canonical import CanonicalError, canonical, digest_of, dump, load, tame, well_formed

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)
wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters() | st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


def test_keys_are_sorted_and_nothing_is_added() -> None:
    assert canonical({"b": [1.0, True, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,true,null]}'.encode()


def test_known_digest() -> None:
    import hashlib

    assert digest_of({"a": 1}, "stas/x/v1") == hashlib.sha256(b'stas/x/v1\n{"a":1}').hexdigest()


def test_the_domain_separates() -> None:
    assert digest_of({"a": 1}, "one") != digest_of({"a": 1}, "two")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {1: 2}, {"a": b"x"}, {1, 2}],
)
def test_what_two_readers_could_read_differently_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical({"x": value})


def test_endless_nesting_is_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(CanonicalError):
        canonical(value)


@given(plain)
def test_the_form_survives_a_round_trip_through_a_column(value: object) -> None:
    assert canonical(load(dump(value))) == canonical(value)
    assert json.loads(canonical(value), parse_int=float) == value


@given(wild)
def test_tamed_values_always_have_a_form(value: object) -> None:
    assert canonical(tame(value))
    assert load(dump(tame(value))) == tame(value)


@given(plain)
def test_taming_leaves_plain_values_alone(value: object) -> None:
    assert tame(value) == value


def test_columns_keep_lone_surrogates() -> None:
    assert load(dump({"x": "a\ud800b\x00"})) == {"x": "a\ud800b\x00"}


def test_columns_refuse_what_is_not_json() -> None:
    for value in (float("nan"), {1, 2}, b"x"):
        with pytest.raises(CanonicalError):
            dump({"x": value})


def test_well_formed_text_can_be_encoded() -> None:
    assert well_formed("a\ud800\U0001f600\udc00") == "a\ufffd\U0001f600\ufffd"
