"""The template's parameters: whether values are permitted, and what functions make of them.

CloudFormation refuses a value by the template's patterns before it changes anything. This asks the
same beforehand, and the very type that a function reads its settings with.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from image_to_video.domain.errors import SettingsError
from image_to_video.settings import Settings
from samtranslator.yaml_helper import yaml_parse

from i2v.deployment import PROJECT

type Template = dict[str, Any]


@cache
def project_template() -> Template:
    """The project's template, with its short forms written out."""
    parsed: Template = yaml_parse((PROJECT / "template.yaml").read_text())
    return parsed


def defaults(template: Template) -> dict[str, str]:
    """The default of each parameter that has one."""
    return {
        name: str(described["Default"])
        for name, described in template["Parameters"].items()
        if "Default" in described
    }


def faults(template: Template, given: Mapping[str, str]) -> list[str]:
    """What CloudFormation, or a function at its start, would not take; one sentence each."""
    found = [
        fault
        for name, value in given.items()
        if (fault := _fault(name, value, template["Parameters"].get(name)))
    ]
    if found:
        return found
    try:
        Settings.read(variables(template, given))
    except SettingsError as error:
        return [str(error)]
    return []


def variables(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """All variables that functions have with these parameters; names of resources are stood in."""
    values = defaults(template) | dict(given)
    environments = [
        template["Globals"]["Function"].get("Environment", {}),
        *(
            resource["Properties"].get("Environment", {})
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::Serverless::Function"
        ),
    ]
    return {
        name: _resolved(value, template, values)
        for environment in environments
        for name, value in environment.get("Variables", {}).items()
    }


def _fault(name: str, value: str, described: dict[str, Any] | None) -> str | None:
    if described is None:
        return f"template.yaml has no parameter {name}."
    rule = described.get("ConstraintDescription", "")
    if "AllowedValues" in described:
        permitted = [str(one) for one in described["AllowedValues"]]
        if value not in permitted:
            return f"{name} cannot be {value!r}; it is one of {', '.join(permitted)}."
    pattern = described.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern.removesuffix("$") + r"\Z", value):
        return f"{name} cannot be {value!r}; it must be {rule or f'as in {pattern}'}."
    if len(value) > int(described.get("MaxLength", len(value))):
        return f"{name} has {len(value)} characters; it may have {described['MaxLength']}."
    return None


def _resolved(value: Any, template: Template, given: Mapping[str, str]) -> str:
    match value:
        case {"Ref": name}:
            return given.get(name, f"a-{name.replace('::', '-')}")
        case {"Fn::If": [condition, yes, no]}:
            branch = yes if holds(template, template["Conditions"][condition], given) else no
            return _resolved(branch, template, given)
        case {"Fn::Sub": text}:
            return str(text)
        case dict():
            return "a-name"
        case _:
            return str(value)


def holds(template: Template, condition: Any, given: Mapping[str, str]) -> bool:
    """Whether a condition of the template holds with these parameters."""
    match condition:
        case {"Fn::Equals": [one, other]}:
            return _resolved(one, template, given) == _resolved(other, template, given)
        case {"Fn::Not": [inner]}:
            return not holds(template, inner, given)
        case {"Fn::And": parts}:
            return all(holds(template, part, given) for part in parts)
        case {"Fn::Or": parts}:
            return any(holds(template, part, given) for part in parts)
        case {"Condition": name}:
            return holds(template, template["Conditions"][name], given)
        case _:
            raise ValueError(f"a condition of a kind that is not read here: {condition}")
