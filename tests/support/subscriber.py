"""The sample subscriber, as `examples/subscriber` has it."""

from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT

TEMPLATE = PROJECT / "examples" / "subscriber" / "template.yaml"


def subscriber() -> dict[str, Any]:
    """The template as it is deployed."""
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return template
