"""Every call to the outside is numbered, and one of them can be made to go wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import httpx
import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError


class Died(BaseException):
    """The process is gone. Nothing in the product catches this, as nothing survives a kill."""


class Kind(StrEnum):
    """What can go wrong with one call."""

    DIED_BEFORE = "died before the call"
    DIED_AFTER = "died after it took effect"
    ANSWER_LOST = "answer lost"


class Plan(Protocol):
    """Decides at each call of the product whether it goes wrong, and how."""

    def fault_of(self, number: int, call: str, *, is_first: bool) -> Kind | None:
        """The fault of the call of this number, from 0; `is_first` of its process."""


@dataclass(frozen=True)
class Point:
    """A plan of one fault: the call of this number goes wrong in this way."""

    number: int
    kind: Kind

    def fault_of(self, number: int, call: str, *, is_first: bool) -> Kind | None:
        """The fault, where the call is the one of the plan."""
        return self.kind if number == self.number else None


@dataclass
class Interception:
    """Counts the product's calls, and only those, and injects the fault that is planned."""

    plan: Plan | None = None
    meanwhile: Callable[[], object] | None = None
    calls: list[str] = field(default_factory=list)
    injected: list[Kind] = field(default_factory=list)
    watching: bool = False
    reached: bool = False
    is_first: bool = False
    dead: bool = False

    def begin(self, plan: Plan | None, *, meanwhile: Callable[[], object] | None = None) -> None:
        """Start over, with another plan; `meanwhile` is what somebody else does at its point."""
        self.plan, self.meanwhile, self.calls, self.reached = plan, meanwhile, [], False

    def forget(self) -> None:
        """A new world begins: nothing has gone wrong in it yet."""
        self.begin(None)
        self.injected = []

    @contextmanager
    def product(self) -> Iterator[None]:
        """What happens inside is the product's, in a new process; all else is the world's."""
        self.watching, self.is_first, self.dead = True, True, False
        try:
            yield
        finally:
            self.watching = False

    def inject(self, name: str) -> Kind | None:
        """Number a call, and say what goes wrong with it."""
        if not self.watching:
            return None
        if self.dead:
            # Python still runs `finally` and `except` blocks; a killed process does not.
            raise Died
        self.calls.append(name)
        is_first, self.is_first = self.is_first, False
        number = len(self.calls) - 1
        kind = self.plan.fault_of(number, name, is_first=is_first) if self.plan else None
        if kind is None:
            return None
        self.reached = True
        if self.meanwhile is not None:
            # Somebody else comes in between: two actors, interleaved at exactly this call.
            self.watching = False
            self.meanwhile()
            self.watching = True
            return None
        self.injected.append(kind)
        self.dead = kind is not Kind.ANSWER_LOST
        if kind is Kind.DIED_BEFORE:
            raise Died
        return kind

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between botocore's retries and the network, where real answers get lost too."""
        real = getattr(Endpoint, "_do_get_response")  # noqa: B009 - unknown to the stubs

        def intercepted(endpoint: Endpoint, request: Any, model: Any, context: Any) -> Any:
            kind = self.inject(f"{model.service_model.service_name}.{model.name}")
            answer = real(endpoint, request, model, context)
            if kind is Kind.DIED_AFTER:
                raise Died
            if kind is Kind.ANSWER_LOST:
                return None, ReadTimeoutError(endpoint_url="aws")
            return answer

        monkeypatch.setattr(Endpoint, "_do_get_response", intercepted)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


class InterceptedTransport(httpx.BaseTransport):
    """The same for HTTP: to the generator, and to its result links."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        interception: Interception,
        name: str,
        seen: Callable[[str, httpx.Request, httpx.Response], object] = lambda *_: None,
    ) -> None:
        self._inner = inner
        self._interception = interception
        self._name = name
        self._seen = seen

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        call = last if last in ("start", "allRecords", "batchDetail") else request.method
        kind = self._interception.inject(f"{self._name}.{call}")
        try:
            answer = self._inner.handle_request(request)
        except httpx.HTTPError:
            self._seen(call, request, httpx.Response(0))
            raise
        lost = kind in (Kind.DIED_AFTER, Kind.ANSWER_LOST)
        self._seen(call, request, httpx.Response(0) if lost else answer)
        if kind is Kind.DIED_AFTER:
            raise Died
        if kind is Kind.ANSWER_LOST:
            raise httpx.ReadTimeout("answer lost", request=request)
        return answer
