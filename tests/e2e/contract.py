"""The published contract as schemathesis reads it, and the few rules that no schema can express."""

import json
import os
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import requests
import schemathesis
from schemathesis import Case, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.conftest import PROJECT
from tests.e2e.conftest import Running
from tests.support.patience import PATIENCE

# How many cases are invented for each operation, beside its examples and the limits of its schema:
# the same ones in every run. With CONTRACT_CASES set, as many as it says, and others each time.
_WANTED: Final = os.environ.get("CONTRACT_CASES")
CASES: Final = int(_WANTED or 250)
SAME_EACH_TIME: Final = _WANTED is None
# The emulator waits 50 ms for log lines after each call of a function, far longer than the
# function works, so several requests go on at once.
_AT_ONCE: Final = 4

CONTRACT: Final = schemathesis.openapi.from_path(
    PROJECT / "functions" / "public" / "openapi.json",
    config=SchemathesisConfig.from_dict(
        {
            "generation": {
                "max-examples": CASES,
                "deterministic": SAME_EACH_TIME,
                "no-shrink": SAME_EACH_TIME,
                "database": "none",
                # The token is ours to send: an invented one would be overwritten, unseen.
                "with-security-parameters": False,
            },
            "request-timeout": PATIENCE,
            # Else inventing cases slowly, on a busy machine, would be an error.
            "suppress-health-check": ["too_slow"],
            "phases": {
                # All that API Gateway's ANY stands for; no TRACE and no QUERY reaches a route.
                "coverage": {
                    "unexpected-methods": ["delete", "get", "options", "patch", "post", "put"]
                },
            },
        }
    ),
)
# Requests that the schemas permit and that are refused all the same: operation, status, code, and
# the fields that the answer names. A cursor must have been handed out, a key belongs to one
# request, an image lies at a public address, a LoRA takes no prompt, and S3 keeps only so much
# beside an object.
_RULES: Final[dict[tuple[str, int, str], set[tuple[str, ...]]]] = {
    ("list_tasks", 400, "malformed_request"): {()},
    ("create_task", 422, "idempotency_key_reused"): {()},
    ("create_task", 422, "invalid_request"): {("/image_url",), ("/end_image_url",), ("/lora",)},
    ("create_upload", 422, "invalid_request"): {
        ("/metadata",),
        ("/prompt",),
        ("/negative_prompt",),
        ("/end_image_url",),
        ("/lora",),
    },
}


class Conversation:
    """Requests to one running stack, each answer checked; counts the cases by their phase."""

    def __init__(self, running: Running) -> None:
        self.cases: Counter[str] = Counter()
        self._running = running
        self._headers = {"Authorization": f"Bearer {running.stack.token}"}
        self._closed: set[str] = set()
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._threads = threading.local()
        self._sessions: list[requests.Session] = []
        self._open: list[Future[None]] = []

    @property
    def transport(self) -> dict[str, Any]:
        """Where requests go, and with which token."""
        return {"base_url": self._running.stack.api_url, "headers": self._headers}

    def begin(self, case: Case[Any]) -> None:
        """Send a case and check its answer, beside others; `finish` tells what was found."""
        assert case.meta is not None
        self.cases[case.meta.phase.name.value] += 1
        self._open.append(self._pool.submit(self._send, case))

    def finish(self) -> None:
        """Wait for all that was begun. Raises what the first case that failed had raised."""
        begun, self._open = self._open, []
        for sent in begun:
            sent.result()

    def end(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _send(self, case: Case[Any]) -> None:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._sessions.append(self._threads.session)
        response = case.call(session=self._threads.session, **self.transport)
        self.check(case, response)

    def name_an_image(self, case: Case[Any], *, there: bool) -> None:
        """Let a task begin, whatever host was invented; without an image it costs no film."""
        positive = case.meta is not None and case.meta.generation.mode.is_positive
        if positive and isinstance(case.body, dict) and "image_url" in case.body:
            nothing = f"{self._running.stack.a2e_url}/_simulator/health"
            case.body["image_url"] = self._running.sample_url if there else nothing

    def check(self, case: Case[Any], response: Response, recorder: Any = None) -> None:
        """Run every check of schemathesis on an answer."""
        excluded: list[Any] = []
        if _is_refused_by_a_rule(case, response):
            excluded.append(positive_data_acceptance)
        # It sends two more requests after each success; once for an operation tells the same, and
        # a token that is refused costs the emulator a new process.
        operation = case.operation
        asked = response.request.method == operation.method.upper()
        if operation.label in self._closed:
            excluded.append(ignored_auth)
        elif asked and 200 <= response.status_code < 300:
            self._closed.add(operation.label)
        try:
            case.validate_response(
                response,
                excluded_checks=excluded,
                headers=self._headers,
                transport_kwargs=self.transport,
                recorder=recorder,
            )
        except FailureGroup as failures:
            # It is no Exception: raised at a fixture's end, it would keep pytest from ending the
            # others, and every later test of this process would run with what they had patched.
            raise AssertionError(str(failures)) from failures


def _texts_of(case: Case[Any]) -> str:
    return json.dumps([case.body, case.query, case.headers], ensure_ascii=False, default=str)


def _is_refused_by_a_rule(case: Case[Any], response: Response) -> bool:
    if response.headers.get("content-type") != ["application/problem+json"]:
        return False
    problem = response.json()
    if any(ord(letter) > 0xFFFF and ord(letter) & 0xFFFE == 0xFFFE for letter in _texts_of(case)):
        # A noncharacter that no pattern can name in every dialect of regular expressions.
        return bool(response.status_code == 422)
    operation = str(case.operation.definition.raw["operationId"])
    fields = tuple(error["pointer"] for error in problem["errors"])
    return fields in _RULES.get((operation, response.status_code, problem["code"]), set())
