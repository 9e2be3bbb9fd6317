"""Which addresses may be asked: every spelling of one's own walls stays inside them."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.health import targets, words
from stas_tui.health.targets import Allowed, TargetRefused, parse, real_address, resolve

NOBODY = Allowed.of(())
INSIDE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.7"),
    *("::1", "fe80::1", "fe80::1%eth0", "fc00::5", "fd12:3456::1", "fec0::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2002:a00:1::", "64:ff9b::a9fe:a9fe"),
    *("192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1"),
]
NEVER = ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0", "no address"]
OUTSIDE = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


def refused(allowed: Allowed, host: str, *addresses: str) -> str:
    with pytest.raises(TargetRefused) as error:
        allowed.check(host, addresses or (host,))
    assert error.value.mend
    return error.value.word


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused_unless_they_are_listed(address: str) -> None:
    assert refused(NOBODY, address) == words.NOT_ALLOWED
    real = real_address(address)
    assert real is not None
    assert Allowed.of([str(real).partition("%")[0]]).check(address, [address]) == [address]


@pytest.mark.parametrize("address", NEVER)
def test_what_is_no_host_is_refused_even_if_it_is_listed(address: str) -> None:
    assert refused(Allowed.of(["0.0.0.0/0", "::/0", address.replace(" ", "-")]), address) == words.NOT_ALLOWED


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside_need_no_permission(address: str) -> None:
    assert NOBODY.check(address, [address]) == [address]


def test_one_bad_address_among_good_ones_is_enough() -> None:
    assert refused(NOBODY, "shop.example", "8.8.8.8", "10.0.0.1") == words.NOT_ALLOWED
    assert refused(Allowed.of(["10.0.0.0/8"]), "shop.example", "10.0.0.1", "192.168.0.1") == words.NOT_ALLOWED


def test_a_listed_name_may_be_private_but_not_where_clouds_keep_credentials() -> None:
    allowed = Allowed.of(["Shop.Internal"])
    assert allowed.check("shop.internal", ["10.0.0.1", "::1"])
    assert refused(allowed, "shop.internal", "169.254.169.254") == words.NOT_ALLOWED
    assert refused(allowed, "other.internal", "10.0.0.1") == words.NOT_ALLOWED
    assert Allowed.of(["169.254.0.0/16"]).check("any.internal", ["169.254.169.254"])


def test_no_address_and_too_many_are_refused() -> None:
    assert NOBODY.check("x", ["8.8.8.8"] * targets.MOST_ADDRESSES)
    assert refused(NOBODY, "x", *["8.8.8.8"] * (targets.MOST_ADDRESSES + 1)) == words.NOT_ALLOWED
    with pytest.raises(TargetRefused) as error:
        NOBODY.check("x", [])
    assert error.value.word == words.NAME_NOT_FOUND


@given(st.integers(0, 2**32 - 1))
def test_an_address_inside_another_is_judged_like_itself(number: int) -> None:
    plain = str(real_address(socket.inet_ntoa(number.to_bytes(4, "big"))))
    mapped = f"::ffff:{plain}"
    assert str(real_address(mapped)) == plain

    def verdict(address: str) -> bool:
        try:
            return bool(NOBODY.check(address, [address]))
        except TargetRefused:
            return False

    assert verdict(mapped) == verdict(plain)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost", "LOCALHOST.", "0177.0.0.1"])
def test_other_spellings_of_loopback_are_resolved_first(host: str) -> None:
    target = parse(f"http://{host}/")
    try:
        found = resolve(target.host, target.port)
    except TargetRefused as error:
        assert error.word == words.NAME_NOT_FOUND
        return
    assert refused(NOBODY, target.host, *found) == words.NOT_ALLOWED


def test_parts_of_an_address() -> None:
    target = parse("https://Shop.Example.:8443/a b/ü?x=1&y=2")
    assert (target.scheme, target.host, target.port, target.authority) == (
        "https",
        "shop.example",
        8443,
        "shop.example:8443",
    )
    assert target.path == "/a%20b/%C3%BC?x=1&y=2"
    assert parse("http://x.example").path == "/"
    assert (parse("http://x.example").port, parse("https://x.example").port) == (80, 443)
    assert (parse("http://[::1]:80/").host, parse("http://[::1]:80/").authority) == ("::1", "[::1]:80")
    assert parse("https://bücher.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x.example/", "http:///", "http://x:99999/", "http://x:0/", "http://[::1/", "http://./", "file:///etc"),
        *("http://user:secret@x.example/", "http://" + "ü" * 100 + "/", ""),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(TargetRefused) as error:
        parse(url)
    assert error.value.word == words.NOT_AN_ADDRESS
    assert "secret" not in str(error.value)


@given(st.text(max_size=60))
def test_nothing_that_is_written_breaks_the_parser(text: str) -> None:
    try:
        target = parse(f"http://{text}")
    except TargetRefused:
        return
    assert target.path.isascii()
    assert "\n" not in target.authority
    assert " " not in target.path
