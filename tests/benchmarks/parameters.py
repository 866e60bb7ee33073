"""What the template's parameters are where nobody changes them, for the benchmarks."""

from typing import Any

from image_to_video.domain.schedule import Schedule
from samtranslator.yaml_helper import yaml_parse

from tests.conftest import PROJECT


def template() -> dict[str, Any]:
    """The project's template, with its short forms written out."""
    parsed: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text())
    return parsed


def default_schedule(**changes: object) -> Schedule:
    """The schedule of a stack that was deployed with the defaults, but for these changes."""
    return Schedule.model_validate(changes)
