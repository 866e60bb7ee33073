"""The sample subscriber, exactly as the README has it."""

import re
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT


def subscriber() -> dict[str, Any]:
    """The template that a reader would save as subscriber.yaml."""
    readme = (PROJECT / "README.md").read_text()
    [block] = re.findall(r"^```yaml\n(# subscriber\.yaml\n.*?)^```$", readme, re.M | re.S)
    template: dict[str, Any] = yaml_parse(block)
    return template
