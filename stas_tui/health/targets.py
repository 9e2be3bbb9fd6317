"""Which addresses a health endpoint may name: the open internet, and of what lies inside one's own walls only what a
person listed in `[watch] allow_private`. A name is resolved here and judged by every address it has."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stas_tui.health import words
from storage.errors import StasError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
MOST_ADDRESSES = 16
"""A name with more addresses than this is not asked."""


class TargetRefused(StasError):
    """The endpoint may not or cannot be asked; `word` is one of `stas_tui.health.words`."""

    def __init__(self, word: str, what: str, mend: str = "") -> None:
        super().__init__(what, mend)
        self.word = word


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parsed address of an endpoint."""

    scheme: str
    host: str
    """Lower case, in ASCII, without brackets and without a final dot."""
    port: int
    path: str
    """Path and query."""
    authority: str
    """What the `Host` header says."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person listed: networks, and names whose private addresses may be asked."""

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, listed: Iterable[str]) -> Allowed:
        """From `[watch] allow_private`."""
        networks: list[Network] = []
        names: set[str] = set()
        for entry in listed:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                names.add(entry.lower().rstrip("."))
        return cls(tuple(networks), frozenset(names))

    def check(self, host: str, addresses: Sequence[str]) -> list[str]:
        """The addresses themselves, if every one of them may be asked. Raises `TargetRefused`.

        A listed name covers private and loopback addresses. Link-local ones, where clouds keep their credentials,
        need the address or its network itself to be listed.
        """
        if not addresses:
            raise TargetRefused(words.NAME_NOT_FOUND, f"{host} has no address.", "Mend the name.")
        if len(addresses) > MOST_ADDRESSES:
            raise TargetRefused(
                words.NOT_ALLOWED, f"{host} has {len(addresses)} addresses.", "Name one with fewer of them."
            )
        for text in addresses:
            address = real_address(text)
            if address is None or address.is_multicast or address.is_unspecified:
                raise TargetRefused(
                    words.NOT_ALLOWED, f"{host} is {text}, which is no address of a host.", "Name another."
                )
            if _inside(address) and not self._lists(host, address):
                raise TargetRefused(
                    words.NOT_ALLOWED,
                    f"{host} is {text}, inside somebody's own walls.",
                    f'Add "{address}" to allow_private in [watch] if it may be asked.',
                )
        return list(addresses)

    def _lists(self, host: str, address: Address) -> bool:
        if any(address in network for network in self.networks):
            return True
        return host in self.names and not address.is_link_local


def _inside(address: Address) -> bool:
    return not address.is_global or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)


def real_address(text: str) -> Address | None:
    """The address that is meant in the end: IPv4 inside IPv6 is taken out. None if it is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inside = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inside or address


def parse(url: str) -> Target:
    """The parts of an http or https address. Raises `TargetRefused` (`not an address`)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        plain = host.rstrip(".").encode("idna").decode("ascii") if not host.isascii() else host.rstrip(".")
    except (ValueError, UnicodeError):
        host, plain, port = "", "", None
    if not host or not plain or parts.scheme not in ("http", "https") or port == 0 or "@" in parts.netloc:
        raise TargetRefused(words.NOT_AN_ADDRESS, "Its url is no address that can be asked.", "Mend it.")
    shown = f"[{plain}]" if ":" in plain else plain
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        scheme=parts.scheme,
        host=plain,
        port=port or (443 if parts.scheme == "https" else 80),
        path="".join(char if "!" <= char <= "~" else _quoted(char) for char in path),
        authority=shown if port is None else f"{shown}:{port}",
    )


def _quoted(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, without doubles; blocks as long as the system's resolver does.

    Raises `TargetRefused` (`name not found`).
    """
    if real_address(host) is not None:
        return [host]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a name"
        raise TargetRefused(words.NAME_NOT_FOUND, f"{host} was not found: {why}.", "Is the name right?") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES})
"""System errors that mean that there is no way to an address."""
