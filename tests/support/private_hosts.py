"""Hosts that lead inward, in the spellings that have fooled others; and a watch at the socket."""

import socket
from collections.abc import Mapping
from typing import Any, Final

import pytest

PUBLIC: Final = "93.184.216.34"
# As they are written in an address, brackets included.
LOOPBACK: Final = (
    *("127.0.0.1", "127.0.0.1.", "127.1", "127.1.", "127.0.1", "127.255.255.254", "2130706433"),
    *("0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F.0x0.0x0.0x1", "0177.0.0.1", "017700000001"),
    *("0177.0x0.0.1", "00000177.0.0.01", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::127.0.0.1]"),
    *("localhost", "LOCALHOST", "localhost."),
    *("１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.⓪.⓪.①", "𝟏𝟐𝟕.𝟎.𝟎.𝟏"),  # noqa: RUF001
    *("127.0.0\u00ad.1", "127.0.0.1\ufe0f", "1\u200b27.0.0.1", "ⅼocalhost", "loc\u00adalhost"),  # noqa: RUF001
    *("%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%6c%6f%63%61%6c%68%6f%73%74"),
)
INNER: Final = (
    *("0.0.0.0", "0", "0x0", "[::]", "10.0.0.1", "10.1", "0xa000001", "172.16.0.1", "192.168.1.1"),
    *("3232235777", "0300.0250.1.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *("169.254.170.2", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]"),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]", "[::127.0.0.1]"),
    *("[::ffff:0:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:a9fe:a9fe::1]"),
    *("[2001:0:53aa:64c::80ff:fffe]", "[2001:db8::1]", "[ff02::1]", "[100::1]", "[5f00::1]"),
    *("１６９.２５４.１６９.２５４", "169。254。169。254", "169.254.169.254\u200b"),  # noqa: RUF001
    *("%31%30.0.0.1", "169.254.169%2e254"),
)
# Clients disagree where the host of these begins or ends.
DISPUTED: Final = (
    *(
        "cdn.example@127.0.0.1",
        "cdn.example:443@127.0.0.1",
        "@127.0.0.1",
        "127.0.0.1\\.cdn.example",
    ),
    *("127.0.0.1%00.cdn.example", "127.0.0.1%2f.cdn.example", "127.0.0.1%23.cdn.example"),
    *("127.0.0.1%5c.cdn.example", "cdn.example\\@127.0.0.1", "cdn.example%40127.0.0.1"),
    *(
        "127.0.0.1%20.cdn.example",
        "127.0.0.1|.cdn.example",
        "[::1]cdn.example",
        "[::1].cdn.example",
    ),
    *("/127.0.0.1", "\\127.0.0.1", "[127.0.0.1]", "127.0.0.1:80:443", "::1", "[v1.a]"),
)


class Watch:
    """Every name asked for and every address connected to, from whatever library.

    Names answer what is written down, each answer once, the last one for ever. Nothing leaves the
    machine: a connection ends at the port that was given for its address, or is refused.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.connected: list[str] = []
        self.names: dict[str, list[list[str]]] = {}
        self.ports: dict[str, int] = {}
        lookup, connect = socket.getaddrinfo, socket.socket.connect

        def getaddrinfo(host: Any, port: Any, *args: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name not in self.names:
                # An address in any spelling is its own answer; no name server is asked.
                return lookup(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            self.asked.append(name)
            answers = self.names[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            return [
                entry for text in answer for entry in lookup(text, port, type=socket.SOCK_STREAM)
            ]

        def watched(self_: socket.socket, address: Any) -> None:
            self.connected.append(str(address[0]))
            if address[0] not in self.ports:
                raise ConnectionRefusedError(f"the watch lets no request reach {address[0]}")
            connect(self_, ("127.0.0.1", self.ports[address[0]]))

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", watched)
        monkeypatch.setattr(socket.socket, "connect_ex", watched)

    def answer(self, names: Mapping[str, list[list[str]]]) -> None:
        """Let these names be known."""
        self.names |= names
