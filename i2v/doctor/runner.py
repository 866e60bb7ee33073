"""Runs checks one after the other; whatever happens in one, the others are run."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from image_to_video.observability import without_secrets

from i2v.doctor.findings import Check, Finding, problem, skipped

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
    | {"AuthorizationErrorException"}
)


def run[Subject](checks: Iterable[Check[Subject]], subject: Subject) -> Iterator[Finding]:
    """What the checks find, in their order."""
    for check in checks:
        try:
            for finding in check.examine(subject):
                yield replace(finding, check=finding.check or check.name)
        except Exception as error:  # noqa: BLE001 - one check's fault is a finding, not the end
            yield replace(_of(error), check=check.name)


def _of(error: Exception) -> Finding:
    """What an error that a check did not expect means. It may quote addresses and tokens."""
    told = without_secrets(str(error)) or "it says nothing more"
    match error:
        case ClientError() if error.response.get("Error", {}).get("Code") in _DENIED:
            action = _action_of(error)
            return skipped(
                f"not examined: you may not call {action}",
                do=f"Allow {action} to whoever runs the doctor.",
            )
        case ClientError() | BotoCoreError():
            return problem(f"could not be examined: {told}", do="Mend what AWS says, and repeat.")
        case httpx.HTTPError() | httpx.InvalidURL():
            return problem(
                f"could not be examined: no answer ({type(error).__name__}: {told})",
                do="See whether this machine reaches the address, and repeat.",
            )
        case LookupError():
            return problem(f"could not be examined: {told}", do="Deploy this release, and repeat.")
        case _:
            return problem(
                f"could not be examined: {type(error).__name__}: {told}",
                do="Repeat; if it stays, report it with this sentence.",
            )


def _action_of(error: ClientError) -> str:
    """The action that AWS refused: as its message says, or by the call's name."""
    words = str(error).split("perform: ", 1)
    if len(words) == 2:
        return words[1].split()[0].strip(".,")
    return error.operation_name
