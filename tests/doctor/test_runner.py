"""Checks are run whatever happens in one of them."""

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from i2v.doctor.findings import Check, Findings, Level, named, ok
from i2v.doctor.runner import run


def fine(_: None) -> Findings:
    """All is well."""
    yield ok("fine")


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetRole")


DENIED = "User: arn:aws:iam::1:user/a is not authorized to perform: iam:GetRole on resource: x"


@pytest.mark.parametrize(
    ("error", "level", "words"),
    [
        (refused("AccessDenied", DENIED), Level.SKIPPED, "you may not call iam:GetRole"),
        (refused("AccessDeniedException", "no"), Level.SKIPPED, "you may not call GetRole"),
        (refused("Throttling", "slow down"), Level.PROBLEM, "slow down"),
        (EndpointConnectionError(endpoint_url="https://x"), Level.PROBLEM, "could not be examined"),
        (httpx.ConnectError("no way"), Level.PROBLEM, "no answer (ConnectError: no way)"),
        (LookupError("no output X"), Level.PROBLEM, "no output X"),
        (ZeroDivisionError("odd"), Level.PROBLEM, "ZeroDivisionError: odd"),
    ],
)
def test_what_a_check_dies_of_is_a_finding(error: Exception, level: Level, words: str) -> None:
    def broken(_: None) -> Findings:
        """It dies after its first finding."""
        yield ok("first")
        raise error

    found = list(run([Check(broken), Check(fine)], None))
    assert [one.level for one in found] == [Level.OK, level, Level.OK]
    assert [one.check for one in found] == ["broken", "broken", "fine"]
    assert words in found[1].says
    assert found[1].do


def test_what_an_error_quotes_is_cut() -> None:
    def leaky(_: None) -> Findings:
        """It quotes a token."""
        yield ok("first")
        raise RuntimeError("asked with sk_" + "CANARY at https://x.example/a?X=CANARY")

    assert "CANARY" not in str(list(run([Check(leaky)], None)))


def test_of_many_names_the_first_are_told() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(list("abcdefg"), most=3) == "a, b, c and 4 more"
