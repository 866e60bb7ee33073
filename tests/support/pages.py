"""The documentation as tests read it: its pages, their links, their headings, their examples."""

import re
from pathlib import Path

from tests.conftest import PROJECT

README = PROJECT / "README.md"
DOCS = PROJECT / "docs"


def pages() -> list[Path]:
    """Every page of the repository."""
    below = [path for top in ("docs", "examples", "i2v") for path in (PROJECT / top).rglob("*.md")]
    return sorted([*PROJECT.glob("*.md"), *below])


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)


def quoted(page: Path) -> set[str]:
    """What stands in backticks in the prose of a page."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


def links(page: Path) -> list[str]:
    """The targets of all links and pictures of a page."""
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", prose(page)))


def headings(page: Path) -> list[str]:
    """The headings of a page as they are written."""
    return re.findall(r"^#+ (.+)$", prose(page), re.M)


def anchors(page: Path) -> set[str]:
    """What a link to this page may have behind its `#`, as forges make it of the headings."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings(page)}


def examples(page: Path, heading: str | None = None) -> list[str]:
    """The shell commands of a page, in their order; those below one `## heading` if it is named."""
    text = page.read_text()
    if heading is not None:
        section = re.search(rf"^{re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.S | re.M)
        assert section is not None, f"{page.name} has no heading {heading}"
        text = section[1]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.S | re.M)
