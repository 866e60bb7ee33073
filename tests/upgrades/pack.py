"""Keep the package of a release for the tests of upgrades: `make release-archive`.

An archive holds the package as the revision has it, and the variables that its template gave to the
functions. The same revision makes the same bytes. A checkout without history needs none of it.
"""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT, deployed_variables

RELEASES = Path(__file__).with_name("releases")
PACKAGE = "layers/core/image_to_video"
_MOMENT = (1980, 1, 1, 0, 0, 0)


def packed(revision: str) -> bytes:
    """The archive of a revision."""
    names = _git("ls-tree", "-r", "--name-only", revision, PACKAGE).decode().split()
    files = {
        name.removeprefix(f"{PACKAGE}/"): _git("show", f"{revision}:{name}")
        for name in sorted(names)
        if name.endswith(".py")
    }
    template: dict[str, Any] = yaml_parse(_git("show", f"{revision}:template.yaml").decode())
    variables = json.dumps(deployed_variables(template), indent=2, sort_keys=True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in [*files.items(), ("variables.json", variables.encode())]:
            entry = zipfile.ZipInfo(name, _MOMENT)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=PROJECT, check=True, stdout=subprocess.PIPE
    ).stdout


if __name__ == "__main__":
    _, given, release = sys.argv
    (RELEASES / f"{release}.zip").write_bytes(packed(given))
