"""Which network addresses may be contacted: public ones, and loopback only where permitted."""

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

type Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAME: Final = re.compile(r"[a-z0-9._-]+", re.I)


def fault_of_address(url: str, *, permit_loopback: bool) -> str | None:
    """Why the generator could not, or should not, fetch from an address; None where it may.

    The words follow the name of the field. Names are judged by themselves: nothing is resolved.
    """
    try:
        parts = urlsplit(url)
        host, _ = _plain_host(unquote(parts.hostname or "")), parts.port
    except ValueError:
        # Without the error's words, which may quote a password.
        return "is not an address"
    if not host:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "must not carry credentials"
    address = literal_address(host)
    if address is None:
        # A backslash or an escape in a name: clients disagree where such a host ends.
        is_name = _NAME.fullmatch(host) is not None and "[" not in parts.netloc
        permitted = is_name and (
            not is_local_name(host) or (permit_loopback and host == "localhost")
        )
    else:
        permitted = may_contact(address, permit_loopback=permit_loopback)
    return None if permitted else "must be a public address"


def may_contact(address: Address, *, permit_loopback: bool) -> bool:
    """True for a globally routable unicast address.

    IPv4 addresses carried inside IPv6 ones (mapped, 6to4, NAT64) are judged by what they carry.
    """
    if isinstance(address, IPv6Address):
        carried = _carried_ipv4(address)
        if carried is not None:
            return may_contact(carried, permit_loopback=permit_loopback)
    if permit_loopback and address.is_loopback:
        return True
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def literal_address(host: str) -> Address | None:
    """The address a host spells out, in any form a resolver would take, or None for a name.

    The C library also reads `2130706433`, `0x7f.1` and `0177.0.0.1` as IPv4 addresses, and web
    clients `127.0.0.1.` too.
    """
    bare = host.strip("[]").partition("%")[0].removesuffix(".")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(bare))
    except (OSError, ValueError):
        return None


def is_local_name(host: str) -> bool:
    """True for names that mean this machine or an inner network by convention (RFC 6761, 6762)."""
    name = host.rstrip(".").lower()
    suffixes = ("localhost", "local", "internal", "lan", "home.arpa")
    return "." not in name or any(name == s or name.endswith(f".{s}") for s in suffixes)


def _plain_host(host: str) -> str:
    """The host that clients read: full-width digits and dots are plain ones, what is invisible
    counts for nothing. Raises `ValueError` for what is no name.
    """
    host = unicodedata.normalize("NFKC", host)
    return host if ":" in host else host.encode("idna").decode("ascii")


def _carried_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
