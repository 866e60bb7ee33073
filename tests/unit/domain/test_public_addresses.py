"""Which addresses may be contacted, in every disguise that an address can wear."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.domain.public_addresses import is_local_name, literal_address, may_contact

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::200e"]
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fd00:ec2::254",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "64:ff9b:1::a00:1",
    "4000::1",
    "5f00::1",
]
LOOPBACK = ["127.0.0.1", "127.1.2.3", "127.255.255.255", "::1"]
IPV4_ONLY = [text for text in (*PRIVATE, *LOOPBACK) if ":" not in text]


def disguises(ipv4: str) -> list[str]:
    """The IPv6 addresses that carry an IPv4 one: mapped, compatible, 6to4, NAT64."""
    number = int(ip_address(ipv4))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    return [
        f"::ffff:{ipv4}",
        f"::ffff:{high}:{low}",
        f"::{ipv4}",
        f"2002:{high}:{low}::1",
        f"64:ff9b::{ipv4}",
    ]


@pytest.mark.parametrize("permit_loopback", [True, False])
@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_contacted(text: str, permit_loopback: bool) -> None:
    assert may_contact(ip_address(text), permit_loopback=permit_loopback)


@pytest.mark.parametrize("permit_loopback", [True, False])
@pytest.mark.parametrize("text", PRIVATE)
def test_everything_else_is_refused(text: str, permit_loopback: bool) -> None:
    assert not may_contact(ip_address(text), permit_loopback=permit_loopback)


@pytest.mark.parametrize("text", LOOPBACK)
def test_loopback_is_refused_unless_permitted(text: str) -> None:
    assert not may_contact(ip_address(text), permit_loopback=False)
    assert may_contact(ip_address(text), permit_loopback=True)


@pytest.mark.parametrize("text", [d for ipv4 in IPV4_ONLY for d in disguises(ipv4)])
def test_no_disguise_helps_an_inner_address(text: str) -> None:
    assert not may_contact(ip_address(text), permit_loopback=False)


@pytest.mark.parametrize("ipv4", ["169.254.169.254", "10.0.0.1", "192.168.1.1"])
def test_permitted_loopback_permits_nothing_else_in_disguise(ipv4: str) -> None:
    for text in disguises(ipv4):
        assert not may_contact(ip_address(text), permit_loopback=True)


@given(st.ip_addresses(v=4))
def test_an_embedded_ipv4_address_decides(ipv4: object) -> None:
    permitted = may_contact(ip_address(str(ipv4)), permit_loopback=False)
    mapped, _, _, sixtofour, nat64 = disguises(str(ipv4))
    for text in (mapped, sixtofour, nat64):
        assert may_contact(ip_address(text), permit_loopback=False) is permitted


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.1.", "127.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("0", "0.0.0.0"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("2852039166", "169.254.169.254"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("1.1.1.1", "1.1.1.1"),
    ],
)
def test_an_address_is_known_in_every_spelling(host: str, address: str) -> None:
    assert literal_address(host) == ip_address(address)


@pytest.mark.parametrize(
    "host", ["", ".", "example.com", "1.2.3.4.example", "a2e", "0x", "1.2.3.4.5", "256.1.1.1.1"]
)
def test_a_name_is_no_address(host: str) -> None:
    assert literal_address(host) is None


@given(st.text(st.characters(codec=None)) | st.text("0123456789abcdefx.:[]%\0", max_size=20))
def test_any_host_is_an_address_or_none(host: str) -> None:
    address = literal_address(host)
    assert address is None or address.version in (4, 6)
    assert is_local_name(host) in (True, False)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "ip-10-0-0-1.ec2.internal",
        "router.lan",
        "nas.home.arpa",
        "intranet",
        "",
    ],
)
def test_names_of_inner_networks_are_local(host: str) -> None:
    assert is_local_name(host)


@pytest.mark.parametrize(
    "host", ["example.com", "notlocalhost.com", "local.example", "lan.de", "internal.example.com."]
)
def test_names_of_the_world_are_not_local(host: str) -> None:
    assert not is_local_name(host)
