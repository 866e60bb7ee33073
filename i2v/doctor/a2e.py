"""Checks of the way to A2E: its token, whether it answers, and the coins."""

import re
from typing import Any, Final

import httpx
from botocore.exceptions import ClientError
from image_to_video.adapters.a2e_responses import Answer, Verdict

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Findings, ok, problem, skipped, warning

_BALANCE: Final = "/api/v1/user/remainingCoins"
# A video of five seconds by the cheapest model.
_ONE_VIDEO: Final = 30
# A real one begins so and has no spaces; what stands there before one was set does not.
_TOKEN: Final = re.compile(r"sk_[!-~]+")
_SET_IT: Final = "Set it: .venv/bin/i2v a2e-token set"


def secrets(stack: Examined) -> Findings:
    """Whether the secrets can be read and are set."""
    name = stack.variable("A2E_TOKEN_SECRET")
    for secret in stack.of_kind("AWS::SecretsManager::Secret"):
        is_token = secret.physical == name or secret.name == "A2ETokenSecret"
        do = _SET_IT if is_token else "Put a random text of 64 letters into it."
        try:
            text = _secret(stack, secret.physical)
        except ClientError as error:
            if error.response["Error"].get("Code") not in _GONE:
                raise
            yield problem(f"the secret {secret.name} has no value or is deleted", do=do)
            continue
        if not text.strip():
            yield problem(f"the secret {secret.name} is empty", do=do)
        elif is_token and not _TOKEN.fullmatch(text.strip()):
            yield problem("the secret with A2E's token holds no token of A2E's", do=do)
        else:
            yield ok(f"{secret.name} can be read and is set")


_GONE: Final = ("ResourceNotFoundException", "InvalidRequestException")


def _secret(stack: Examined, name: str) -> str:
    reply = stack.client("secretsmanager").get_secret_value(SecretId=name)
    return str(reply.get("SecretString", ""))


def a2e_account(stack: Examined) -> Findings:
    """Whether A2E answers, accepts the token, and has coins left; asking is free."""
    url, secret = stack.variable("A2E_URL").rstrip("/"), stack.variable("A2E_TOKEN_SECRET")
    try:
        token = _secret(stack, secret).strip()
    except ClientError as error:
        if error.response["Error"].get("Code") not in _GONE:
            raise
        token = ""
    if not re.fullmatch(r"[!-~]+", token):
        yield skipped("A2E was not asked: there is no token to ask with", do=_SET_IT)
        return
    try:
        with stack.http() as client:
            response = client.get(url + _BALANCE, headers={"Authorization": f"Bearer {token}"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield problem(
            f"A2E cannot be reached from here at {url} ({type(error).__name__}): tasks wait",
            do="See whether A2E is up, and whether the parameter A2EUrl is its address.",
        )
        return
    answer = Answer.read(response)
    match answer.verdict():
        case Verdict.SUCCESS:
            yield _balance(answer.data)
        case Verdict.ACCESS:
            yield problem(
                f"A2E refuses the token ({answer.describe()}): tasks wait",
                do=f"{_SET_IT}; its plan must include the API.",
            )
        case Verdict.THROTTLED:
            yield warning("A2E answers that it is asked too often", do="Repeat in a minute.")
        case _:
            yield problem(
                f"A2E did not tell the balance: {answer.describe()}",
                do="See whether A2E is up, and whether the parameter A2EUrl is its address.",
            )


def _balance(data: Any) -> Any:
    """The finding about `coins`, by the name that clients of A2E report."""
    coins = data.get("coins") if isinstance(data, dict) else None
    if not isinstance(coins, int | float):
        return ok("A2E answers and accepts the token; it does not tell the coins in a known way")
    if coins < _ONE_VIDEO:
        return problem(
            f"A2E has {coins:g} coins left, less than a video costs: tasks wait",
            do="Buy coins at A2E; waiting tasks start by themselves.",
        )
    return ok(f"A2E answers and accepts the token; {coins:g} coins are left")
