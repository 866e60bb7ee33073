"""Checks of the API as its callers meet it; none needs a token, starts a task or costs anything."""

import re
from dataclasses import dataclass, field
from typing import Final

import httpx
from image_to_video import __version__

from i2v.doctor.examined import Examined
from i2v.doctor.findings import Finding, Findings, named, ok, problem, warning

_PROBLEM: Final = "application/problem+json"
_DEPLOY: Final = (
    "Deploy again: the stage must serve a deployment of its own template; then see the logs of "
    "the API and its authorizer."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A request and how it must be answered."""

    method: str
    path: str
    status: int
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    body: dict[str, object] | None = None

    def faults(self, answer: httpx.Response) -> list[str]:
        """What is wrong with an answer."""
        found = []
        if answer.status_code != self.status:
            return [f"{answer.status_code} instead of {self.status}"]
        found += [f"no {name}" for name in self.wanted if name not in answer.headers]
        if self.method == "HEAD" and answer.content:
            found.append("a body")
        if self.code and self.method != "HEAD":
            kind = answer.headers.get("Content-Type", "")
            if kind.partition(";")[0] != _PROBLEM:
                return [*found, f"{kind or 'no type'} instead of a problem document"]
            try:
                document = answer.json()
            except ValueError:
                return [*found, "a problem document that is no JSON"]
            code = document.get("code") if isinstance(document, dict) else None
            if code != self.code:
                found.append(f"the code {code} instead of {self.code}")
        return found


SEE_API: Final = "See the log of the API's function by the request id."
_BEARER: Final = {"Authorization": "Bearer i2v_" + "0" * 43}
_REFUSALS: Final = (
    Expected("GET", "/tasks", 401, "unauthorized", wanted=("WWW-Authenticate",)),
    Expected("GET", "/tasks", 401, "unauthorized", _BEARER, ("WWW-Authenticate",)),
    Expected("HEAD", "/tasks/unknown", 401, wanted=("WWW-Authenticate",)),
    Expected("GET", "/no-such-route", 404, "route_not_found"),
    Expected("GET", "/no-such-route", 404, "route_not_found", _BEARER),
    Expected("PUT", "/tasks", 405, "method_not_allowed", wanted=("Allow",)),
)
_OPEN: Final = (
    Expected("OPTIONS", "/tasks", 204, wanted=("Allow",)),
    Expected("OPTIONS", "/tasks/unknown/video", 204, wanted=("Allow",)),
    Expected("HEAD", "/health", 200),
    Expected("GET", "/openapi.json", 200, wanted=("ETag",)),
    Expected("HEAD", "/openapi.json", 200, wanted=("ETag",)),
    Expected("GET", "/asyncapi.json", 200, wanted=("ETag",)),
)


def asked(api: httpx.Client, expected: tuple[Expected, ...]) -> Findings:
    """One finding for each request that is answered otherwise, or one that all are right."""
    right = 0
    for one in expected:
        answer = api.request(one.method, one.path, headers=one.headers, json=one.body)
        if faults := one.faults(answer):
            yield _wrong(one, faults)
        else:
            right += 1
    if right == len(expected):
        told = {f"{one.method} {one.status}" for one in expected}
        yield ok(f"{right} requests are answered as promised: {', '.join(sorted(told))}")


def _wrong(one: Expected, faults: list[str]) -> Finding:
    told = " with a token" if "Authorization" in one.headers else ""
    return problem(f"{one.method} {one.path}{told} is answered by {named(faults)}", do=_DEPLOY)


def unexpected(what: str, answer: httpx.Response, status: int) -> Finding | None:
    """The finding about an answer of another status than promised."""
    if answer.status_code == status:
        return None
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body.get("detail") or body.get("code") if isinstance(body, dict) else "no JSON"
    return problem(f"{what} answers {answer.status_code} instead of {status}: {told}", do=SEE_API)


def health(stack: Examined) -> Findings:
    """Whether the API answers."""
    with stack.http() as api:
        answer = api.get("/health")
    if answer.status_code == 200:
        yield ok(f"the API answers at {stack.api_url}")
    else:
        yield problem(
            f"{stack.api_url}/health answers {answer.status_code}",
            do="See the log of the API's function; then deploy again.",
        )


def refusals(stack: Examined) -> Findings:
    """Whether the gateway refuses as promised: 401, 404 and 405."""
    with stack.http() as api:
        yield from asked(api, _REFUSALS)


def open_routes(stack: Examined) -> Findings:
    """Whether OPTIONS, HEAD and the contracts are answered without a token."""
    with stack.http() as api:
        yield from asked(api, _OPEN)


def cors(stack: Examined) -> Findings:
    """Whether web pages of the configured origin may call the API, and no others."""
    wanted = stack.parameters.get("CorsOrigin", "")
    origin = wanted if wanted not in ("", "*") else "https://example.com"
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    with stack.http() as api:
        answers = {
            "the preflight of POST /tasks": api.options("/tasks", headers=preflight),
            "GET /health": api.get("/health", headers={"Origin": origin}),
            "the gateway's own 401": api.get("/tasks", headers={"Origin": origin}),
            "the gateway's own 404": api.get("/no-such-route", headers={"Origin": origin}),
        }
    wrong = {
        name: answer.headers.get("Access-Control-Allow-Origin", "")
        for name, answer in answers.items()
        if answer.headers.get("Access-Control-Allow-Origin", "") != wanted
    }
    for name, permitted in wrong.items():
        yield problem(
            f"{name} permits {permitted or 'no origin'} where CorsOrigin is {wanted or 'empty'}",
            do="Deploy again: the stage serves a deployment of before the change.",
        )
    if not wrong:
        yield ok(f"web pages of {wanted or 'no origin'} may call the API")


def contract(stack: Examined) -> Findings:
    """Whether the published contract is the one of the running code."""
    with stack.http() as api:
        info = api.get("/openapi.json").json()["info"]
        running = api.get("/health").json()["version"]
    if info["version"] != running:
        yield problem(
            f"the contract is of {info['version']}, the code of {running}",
            do="Wait until the deployment has ended; then deploy again.",
        )
    elif not re.fullmatch(r"\d+\.\d+\.\d+", running):
        yield warning(f"the version {running} is none of ours", do=f"Deploy {__version__}.")
    else:
        yield ok(f"OpenAPI {running} is published")
