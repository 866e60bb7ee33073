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
# By what AWS's own sentences say; the first that fits is told.
_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"not authorized to perform:? (?P<what>[\w-]+:[\w*]+)",
        "These credentials may not do {what}; have that action allowed, then run this again.",
    ),
    (r"(ExpiredToken|token.{0,30} expired|RequestExpired)", EXPIRED),
    (r"Unable to locate credentials", NO_CREDENTIALS),
    (
        r"CloudWatch Logs role ARN must be set",
        "API Gateway has no role for logs in this account and region; run this again with"
        " --parameter SetApiGatewayLogRole=true.",
    ),
    (
        r"(?P<what>[^\n.]*(LimitExceeded|quota|limit exceeded|Limit Exceeded|maximum number)[^\n.]*)",
        "A quota of this account is reached ({what}); have it raised in the console under Service"
        " Quotas, or delete what is not needed, then run this again.",
    ),
)


def explained(error: BotoCoreError | ClientError, doing: str = "") -> CommandError:
    """What a person can do about an error of AWS; `doing` is the operation that met it."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return CommandError(NO_CREDENTIALS)
        case CredentialRetrievalError() | SSOTokenLoadError():
            return CommandError(EXPIRED)
        case UnauthorizedSSOTokenError() | TokenRetrievalError():
            return CommandError(EXPIRED)
        case ProfileNotFound():
            return CommandError(f"{error}; aws configure list-profiles shows those that exist.")
        case NoRegionError():
            return CommandError("No region is chosen; name one: --region eu-central-1.")
        case EndpointConnectionError() | ConnectTimeoutError():
            return CommandError(
                f"AWS cannot be reached ({error}); check the network, and that the region exists."
            )
        case ClientError():
            return _refusal(error, doing)
    return CommandError(f"AWS cannot be used: {error}")


def reason(text: str) -> str | None:
    """What to do about a reason that AWS or SAM gave as a text; None for one that is not known."""
    for pattern, sentence in _REASONS:
        if found := re.search(pattern, text, re.IGNORECASE):
            return sentence.format(**found.groupdict())
    return None


def _refusal(error: ClientError, doing: str) -> CommandError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code.startswith(("ExpiredToken", "RequestExpired", "TokenRefreshRequired")):
        return CommandError(EXPIRED)
    if code in {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}:
        return CommandError(
            "AWS does not accept these credentials here; check them, and that the region is"
            " enabled for the account."
        )
    if known := reason(message):
        return CommandError(known)
    if code.startswith(("AccessDenied", "UnauthorizedOperation")):
        return CommandError(
            f"These credentials may not do {doing or error.operation_name}; have that action"
            " allowed, then run this again."
        )
    if re.search("LimitExceeded|Quota|TooManyRequests", code):
        return CommandError(
            f"A quota of this account is reached ({message or code}); have it raised in the console"
            " under Service Quotas, then run this again."
        )
    return CommandError(f"AWS refused {doing or error.operation_name}: {message or code}")
