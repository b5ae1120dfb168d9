"""The page's URL, as it is printed and shared."""

from __future__ import annotations

import ipaddress
import socket

from riffbot.settings import Settings

ANY_HOST = frozenset({"", "0.0.0.0", "::"})
"""Hosts that mean all addresses of a machine; none of them is in a URL."""


def get_page_url(settings: Settings, port: int) -> str:
    """The URL at which browsers open the page, for example `http://127.0.0.1:8765/`.

    Args:
        port: the one that the server listens on.
    """
    if settings.public_url is not None:
        return settings.public_url
    host = settings.host
    if host in ANY_HOST:
        host = get_own_address(socket.AF_INET6 if host == "::" else socket.AF_INET)
    return f"http://{_bracketed(host)}:{port}/"


def get_local_url(settings: Settings, port: int) -> str:
    """The URL at which programs of this machine reach the page."""
    local = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
    return f"http://{_bracketed(local.get(settings.host, settings.host))}:{port}/"


def get_own_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """This machine's address in its network; the loopback one where it is in none.

    Nothing is sent: a UDP socket that is connected only has a route chosen for it.
    """
    # Addresses kept for documentation: routed like any other, and nobody's.
    somewhere = "2001:db8::1" if family is socket.AF_INET6 else "192.0.2.1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as route:
            route.connect((somewhere, 9))
            found = str(route.getsockname()[0])
    except OSError:
        found = ""
    if found in ANY_HOST:
        return "::1" if family is socket.AF_INET6 else "127.0.0.1"
    return found


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
