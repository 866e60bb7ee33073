"""What tells one deployment from another: its code, and the values of its parameters.

SAM publishes a version of a function where its template has changed, and sees no other value of a
parameter; the template's parameter `Revision` tells it. See docs/upgrade.md.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_CODE: Final = ("template.yaml", "functions", "layers/core")
_DIGITS: Final = 10  # so many of them SAM puts into the name of a version


def revision_of(project: Path, parameters: Mapping[str, str]) -> str:
    """The same for the same code and parameters, whatever else has changed since."""
    found = hashlib.sha256()
    for place in _CODE:
        root = project / place
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                found.update(f"{path.relative_to(project).as_posix()} {content}\n".encode())
    for name, value in sorted(parameters.items()):
        if name != "Revision":
            # A secret may be among them, and a short text is found by its hash: with the code's.
            found.update(f"{name}={hashlib.sha256(value.encode()).hexdigest()}\n".encode())
    return found.hexdigest()[:_DIGITS]
