"""The values of the parameters: what is known, what is asked, and what changes."""

from collections.abc import Callable, Mapping
from typing import Final

from image_to_video.settings import Settings

from i2v.deploy.parameters import Template, defaults

# A video of five seconds by the usual model.
_COINS_OF_A_VIDEO: Final = 5 * 6
_LIMITS: Final = {
    "DailyCoinLimit": "Most coins spent in a day, for all owners together (0: no limit)",
    "OwnerDailyCoinLimit": "Most coins spent in a day for one owner (0: no limit)",
}

type Ask = Callable[[str, str], str]


def known(
    template: Template,
    previous: Mapping[str, str],
    configured: Mapping[str, str],
    given: Mapping[str, str],
) -> dict[str, str]:
    """What need not be asked: given now, or in samconfig.toml, or what the stack has already.

    A stack that has the very value of this release follows the releases from now on.
    """
    released = released_values(template)
    kept = {
        name: "" if released.get(name) == value else value
        for name, value in previous.items()
        if name in template["Parameters"]
    }
    return kept | dict(configured) | dict(given)


def asked(template: Template, values: Mapping[str, str], ask: Ask) -> dict[str, str]:
    """What nobody else can know: where alarms go, and how much may be spent."""
    answers = {}
    if "AlarmEmail" not in values:
        question = "E-mail address for alarms (Enter: none, and alarms reach nobody)"
        answers["AlarmEmail"] = ask(question, "")
    for name, question in _LIMITS.items():
        default = defaults(template).get(name)
        if default is not None and name not in values:
            answers[name] = ask(f"{question}; {default} is {in_videos(default)}", default)
    return answers


def in_videos(coins: str) -> str:
    """What a limit means: `3000` is 100 videos of 5 seconds a day."""
    if not coins.isdigit() or coins == "0":
        return "no limit"
    return f"{int(coins) // _COINS_OF_A_VIDEO} videos of 5 seconds a day"


def changed(
    template: Template, previous: Mapping[str, str], values: Mapping[str, str]
) -> dict[str, str]:
    """What must be told to CloudFormation; it keeps what a stack has, and knows the defaults."""
    before = defaults(template) | dict(previous)
    return {name: value for name, value in values.items() if before.get(name) != value}


def released_values(template: Template) -> dict[str, str]:
    """The release's value of each parameter that has one."""
    by_name = {name.replace("_", ""): value for name, value in Settings.released().items()}
    return {
        name: by_name[name.upper()] for name in template["Parameters"] if name.upper() in by_name
    }
