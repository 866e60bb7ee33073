"""A result host on this machine, and what is fetched from it."""

from collections.abc import Callable

from image_to_video.adapters.safe_download import Downloads

from tests.support.loopback import Exchange

VIDEO = bytes(range(256)) * 1000


def fetch(opened: Downloads, url: str) -> bytes:
    """All that a download gives."""
    with opened.open(url) as chunks:
        return b"".join(chunks)


def replying(
    status: int = 200, body: bytes = VIDEO, headers: dict[str, str] | None = None
) -> Callable[[Exchange], None]:
    """What answers each request alike."""

    def answer(exchange: Exchange) -> None:
        exchange.reply(status, body, headers)

    return answer
