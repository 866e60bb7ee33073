"""A world whose functions take turns between releases: one table, one stream, same executions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from ipaddress import ip_address
from typing import Any

import httpx
from image_to_video.domain.errors import ImageToVideoError
from pydantic import BaseModel

from i2v.simulator.settings import SimulatorSettings
from tests.faults.interception import InterceptedTransport
from tests.faults.world import A2E_URL, TOKEN, World
from tests.upgrades.other_releases import Release

type Order = Callable[[int], int]
"""Which release the invocation of this number, from 0, runs."""


@dataclass(frozen=True)
class Installed:
    """The services of one release over the world's stack."""

    release: Release
    services: Any
    topic: Any


class MixedWorld(World):
    """One invocation of whatever function runs this release, the next one perhaps another."""

    installed: list[Installed]
    order: Order
    turn: int
    # What was refused because only another release may move the task.
    refused: int

    def install(
        self, releases: list[Release], variables: dict[str, str], changes: dict[str, str]
    ) -> None:
        """Have these releases take turns in place of the world's own services."""
        self.installed = [self._installed(one, variables, changes) for one in releases]
        self.order, self.turn, self.refused = lambda _: 0, 0, 0
        self.tasks = _Turns(self, "video_tasks")  # type: ignore[assignment]
        self.steps = _Turns(self, "workflow_steps")  # type: ignore[assignment]
        self.repair = _Turns(self, "repair")  # type: ignore[assignment]
        self.hints = _Turns(self, "hints")  # type: ignore[assignment]
        self.topic = _Turns(self, "topic")  # type: ignore[assignment]
        self._functions = {
            "${PollTaskFunctionArn}": self.steps.poll_task,
            "${StoreVideoFunctionArn}": self.steps.store_video,
        }

    def begin(self, simulator: SimulatorSettings, order: Order) -> None:
        """An empty stack, and the releases in this order."""
        self.reset(simulator)
        for one in self.installed:
            one.services._learned._known.clear()
            one.services.__dict__.pop("repair", None)
        self.order, self.turn, self.refused = order, 0, 0

    def images(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each change of a record, as the table had it before and after."""
        for item in self._stream():
            change = item.record["dynamodb"]
            if change.get("OldImage"):
                yield self._plain(change["OldImage"]), self._plain(change["NewImage"])

    def _plain(self, image: dict[str, Any]) -> dict[str, Any]:
        return {name: self._deserialize(value) for name, value in image.items()}

    def check_promised(self, event: dict[str, Any]) -> None:
        """What 0.1.1 published had no `test`, which its subscribers did not know of."""
        super().check_promised(event | {"data": {"test": False} | event["data"]})

    def of_this_turn(self) -> Installed:
        """The release of this invocation."""
        one = self.installed[self.order(self.turn)]
        self.turn += 1
        return one

    def _installed(
        self, release: Release, variables: dict[str, str], changes: dict[str, str]
    ) -> Installed:
        downloads = release.module("adapters.safe_download")
        settings = release.settings(variables, changes)
        client = httpx.Client(
            transport=InterceptedTransport(self._a2e, self.interception, "a2e", self._note),
            base_url=A2E_URL,
        )
        guarded = downloads.GuardedTransport(
            InterceptedTransport(self._a2e, self.interception, "result"),
            permit_loopback=False,
            resolve=lambda _host, _port: [ip_address("93.184.215.14")],
        )
        wiring = release.module("wiring")
        # 0.1.1 made the tokens of hints from the generator's own.
        secrets = {"account_token": TOKEN, "signing_key": "key"}
        known = {field.name for field in fields(wiring.Application)}
        services = wiring.Application(
            settings,
            generator=release.module("adapters.a2e_client").A2E(
                client, lambda: TOKEN, start_timeout_seconds=20
            ),
            downloads=downloads.Downloads(
                httpx.Client(transport=guarded, follow_redirects=True), clock=lambda: 0.0
            ),
            now=self.clock,
            **{
                name: (lambda secret=secret: secret)
                for name, secret in secrets.items()
                if name in known
            },
        )
        topic = release.module("adapters.event_topic").EventTopic(
            self.application.client("sns"),
            topic_arn=settings.topic_arn,
            stack_name=settings.stack_name,
            schema_url=settings.event_schema_url or "",
        )
        return Installed(release, services, topic)


class _Turns:
    """A service whose calls the releases answer in turn."""

    def __init__(self, world: MixedWorld, service: str) -> None:
        self._world = world
        self._service = service

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            one = self._world.of_this_turn()
            if self._service == "topic":
                service = one.topic
            else:
                service = getattr(one.services, self._service)
            errors = one.release.module("domain.errors")
            try:
                return getattr(service, method)(
                    *(_of(one.release, value) for value in given),
                    **{name: _of(one.release, value) for name, value in named.items()},
                )
            except errors.TaskNotUnderstoodError as error:
                self._world.refused += 1
                raise ImageToVideoError(str(error)) from error
            except errors.ImageToVideoError as error:
                raise ImageToVideoError(str(error)) from error

        return call


def _of(release: Release, value: Any) -> Any:
    """What is given to a release, as its own types: what came over a wire or out of the table."""
    kind = type(value)
    package, _, module = kind.__module__.partition(".")
    if package != "image_to_video" or package == release.package:
        return value
    own = release.module(module)
    if kind.__name__ == "Task":
        return release.module("adapters.task_table").task_of(value.written())
    if isinstance(value, BaseModel):
        return getattr(own, kind.__name__).model_validate(
            value.model_dump(mode="json", exclude_unset=True)
        )
    if is_dataclass(value):
        return getattr(own, kind.__name__)(
            **{field.name: getattr(value, field.name) for field in fields(value)}
        )
    return value
