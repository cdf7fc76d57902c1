"""Which IP addresses and host names a connection may lead to: the rules alone, no network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from brain.domain.errors import Rejected

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SETTING = "EXPERT_ALLOW_HOSTS"
_NAME = re.compile(
    r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?"
)
# The last label of what the system's resolver reads as an IPv4 address: decimal, octal, hexadecimal.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


class Kind(StrEnum):
    METADATA = "the address of a cloud's metadata service"
    LOOPBACK = "this machine itself"
    PRIVATE = "a private address"
    LINK_LOCAL = "a link-local address"
    MULTICAST = "a multicast address"
    EMBEDDED = "an IPv4 address inside an IPv6 one"
    RESERVED = "a reserved address"


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(one) for one in text.split())


# The first that fits. https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sister;
# our own list, as what `ipaddress` calls global differs between the releases of Python.
_KINDS: tuple[tuple[Kind, tuple[Network, ...]], ...] = (
    (
        Kind.METADATA,
        _networks("169.254.169.254 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254 fd20:ce::254"),
    ),
    (Kind.LOOPBACK, _networks("127.0.0.0/8 ::1")),
    (Kind.PRIVATE, _networks("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7")),
    (Kind.LINK_LOCAL, _networks("169.254.0.0/16 fe80::/10 fec0::/10")),
    (Kind.MULTICAST, _networks("224.0.0.0/4 ff00::/8")),
    (
        Kind.EMBEDDED,
        _networks("::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16 ::/96"),
    ),
    (
        Kind.RESERVED,
        _networks(
            "0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24"
            " 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20"
        ),
    ),
)
_ASSIGNED_IPV6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


def kind_of(address: Address) -> Kind | None:
    """None: anybody's address on the internet."""
    for kind, networks in _KINDS:
        if any(address in network for network in networks):
            return kind
    if not address.is_global or (isinstance(address, IPv6Address) and address not in _ASSIGNED_IPV6):
        return Kind.RESERVED
    return None


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that one of these IPv6 addresses really leads to."""
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What an admin opened beyond the public internet.

    A name opens the private addresses it has, and those of this machine; anything stranger (metadata
    services, link-local) is opened by its own address alone, so that no DNS answer can lead there.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        names: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            try:
                networks.append(ip_network(entry.strip("[]")))
            except ValueError:
                name = entry.lower().rstrip(".")
                if not is_name(name):
                    raise Rejected(
                        f"{SETTING}: {entry[:100]!r} is neither a host name, an address nor a network such as"
                        " 10.1.0.0/16; no scheme, port or wildcard belongs there."
                    ) from None
                names.add(name)
        return cls(frozenset(names), tuple(networks))

    def opens(self, host: str, address: Address) -> bool:
        if any(address in network for network in self.networks):
            inner = _inner(address)
            return inner is None or kind_of(inner) is None or self.opens(host, inner)
        by_name = kind_of(address) in (None, Kind.LOOPBACK, Kind.PRIVATE)
        return by_name and host.lower().rstrip(".") in self.names

    def with_entry(self, entry: str) -> str:
        """The whole value of the setting that would open this too."""
        return ",".join([*sorted(self.names), *map(str, self.networks), entry])


def is_literal(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (isinstance(address, IPv6Address) and "%" not in host) or str(address) == host


def is_name(host: str) -> bool:
    last = host.lower().rstrip(".").rsplit(".", 1)[-1]
    return _NAME.fullmatch(host.lower()) is not None and not _NUMBER.fullmatch(last)
