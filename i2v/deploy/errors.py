"""What AWS refuses, in one sentence that says what to do."""

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from i2v.errors import CommandError

EXPIRED = "Your AWS credentials have expired; sign in again (aws sso login), then run this again."
NO_CREDENTIALS = (
    "There are no AWS credentials here; sign in (aws configure, or aws sso login) or name a profile"
    " that has some: AWS_PROFILE=name."
)
NO_REGION = "No region is chosen; name one: --region eu-central-1."
_FORBIDDEN = "These credentials may not do {what}; have it allowed, then run this again."
_QUOTA = (
    "A quota of this account is reached ({what}); have it raised in the console under Service"
    " Quotas, or delete what is not needed, then run this again."
)
# By what AWS's own sentences say; the first that fits is told.
_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"not authorized to perform:? (?P<what>[\w-]+:[\w*]+)",
        _FORBIDDEN,
    ),
    (r"(ExpiredToken|token.{0,30} expired|RequestExpired)", EXPIRED),
    (r"Unable to locate credentials", NO_CREDENTIALS),
    (
        r"CloudWatch Logs role ARN must be set",
        "API Gateway has no role for logs in this account and region; run this again with"
        " --parameter SetApiGatewayLogRole=true.",
    ),
    (
        r"(?P<what>[^\n.]*(LimitExceeded|quota|limit exceeded|maximum number)[^\n.]*)",
        _QUOTA,
    ),
)


def explained(error: BotoCoreError | ClientError, doing: str = "") -> CommandError:
    """What a person can do about an error of AWS; `doing` is the operation that met it."""
    match error:
        case ClientError():
            sentence = _refusal(error, doing)
        case NoCredentialsError() | PartialCredentialsError():
            sentence = NO_CREDENTIALS
        case (
            CredentialRetrievalError()
            | SSOTokenLoadError()
            | UnauthorizedSSOTokenError()
            | TokenRetrievalError()
        ):
            sentence = EXPIRED
        case ProfileNotFound():
            sentence = f"{error}; aws configure list-profiles shows those that exist."
        case NoRegionError():
            sentence = NO_REGION
        case EndpointConnectionError() | ConnectTimeoutError():
            sentence = (
                f"AWS cannot be reached ({error}); check the network, and that the region exists."
            )
        case _:
            sentence = f"AWS cannot be used: {error}"
    return CommandError(sentence)


def reason(text: str) -> str | None:
    """What to do about a reason that AWS or SAM gave as a text; None for one that is not known."""
    for pattern, sentence in _REASONS:
        if found := re.search(pattern, text, re.IGNORECASE):
            return sentence.format(**found.groupdict())
    return None


def _refusal(error: ClientError, doing: str) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    operation = doing or error.operation_name
    sentence = f"AWS refused {operation}: {message or code}"
    if code.startswith(("ExpiredToken", "RequestExpired", "TokenRefreshRequired")):
        sentence = EXPIRED
    elif code in {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}:
        sentence = (
            "AWS does not accept these credentials here; check them, and that the region is enabled"
            " for the account."
        )
    elif known := reason(message):
        sentence = known
    elif code.startswith(("AccessDenied", "UnauthorizedOperation")):
        sentence = _FORBIDDEN.format(what=operation)
    elif re.search("LimitExceeded|Quota|TooManyRequests", code):
        sentence = _QUOTA.format(what=message or code)
    return sentence
