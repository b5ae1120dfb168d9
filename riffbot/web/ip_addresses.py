"""IP addresses: parsing, the network that one belongs to, membership in networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from riffbot.settings import Network

_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]*)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]{7,15}):[0-9]{1,5}")
"""`[2001:db8::1]`, `[2001:db8::1]:567` and `192.0.2.1:567`."""


def parse_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address, without its interface (`fe80::1%eth0`), and IPv4 in IPv6
    (`::ffff:192.0.2.1`) as IPv4; None for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def parse_forwarded_hop(hop: str) -> str | None:
    """Parse one entry of X-Forwarded-For, which some proxies write with a port, or as the header
    Forwarded has it (`for="[2001:db8::1]:567"`); None for what is no address."""
    name, equals, value = hop.partition("=")
    if equals and name.strip().lower() != "for":
        return None
    address = (value if equals else name).strip().strip('"').strip()
    if (found := _WITH_PORT.fullmatch(address)) is not None:
        address = found["v6"] or found["v4"] or ""
    return address if parse_address(address) is not None else None


def get_network(address: str) -> str:
    """The network that an address belongs to: itself, or the /64 of an IPv6 address."""
    found = parse_address(address)
    if found is None:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def is_in_networks(address: str | None, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    found = parse_address(address or "")
    return found is not None and any(found in network for network in networks)
