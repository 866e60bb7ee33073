"""Every address that the API gives leads on, wherever the API is mounted."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urldefrag, urljoin

import httpx
import pytest

from tests.e2e.conftest import Running
from tests.support.patience import PATIENCE, get, until

HOST = "videos.example.com"
# The address of the stack, and two that hide its stage: a base path of a domain, and its root.
PLACES = {"stack": "{api_url}", "base path": "http://{host}/films", "root": "http://{host}"}


@pytest.fixture(scope="module")
def domain(running: Running) -> Iterator[None]:
    """A custom domain that leads to the API at two base paths."""
    gateway = running.emulator.client("apigateway")
    gateway.create_domain_name(domainName=HOST, endpointConfiguration={"types": ["REGIONAL"]})
    for base_path in ("films", "(none)"):
        gateway.create_base_path_mapping(
            domainName=HOST,
            basePath=base_path,
            restApiId=running.stack.api_url.split("/")[-2],
            stage="v1",
        )
    yield
    gateway.delete_domain_name(domainName=HOST)


@pytest.fixture(params=PLACES)
def base(request: pytest.FixtureRequest, running: Running, domain: None) -> str:
    place: str = PLACES[request.param]
    return place.format(api_url=running.stack.api_url, host=HOST)


@pytest.fixture
def api(running: Running) -> Iterator[httpx.Client]:
    """A caller for whom the domain's name leads to the emulator."""
    emulator = httpx.URL(running.emulator.endpoint_url)

    class Resolved(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == HOST:
                request.url = request.url.copy_with(host=emulator.host, port=emulator.port)
            return super().handle_request(request)

    headers = {"Authorization": f"Bearer {running.stack.token}"}
    with httpx.Client(transport=Resolved(), headers=headers, timeout=PATIENCE) as client:
        yield client


def seen_at(response: httpx.Response, reference: str, asked: str) -> str:
    """Where a reference of a response leads, by RFC 3986 alone."""
    assert response.is_success, response.text
    return urljoin(asked, reference)


def test_location_and_links_lead_on_from_every_route(
    api: httpx.Client, base: str, running: Running
) -> None:
    asked = f"{base}/tasks"
    created = api.post(asked, json={"image_url": running.sample_url})
    task_id = created.json()["task_id"]
    place = f"{base}/tasks/{task_id}"
    assert seen_at(created, created.headers["Location"], asked) == place
    assert seen_at(created, created.json()["links"]["self"], asked) == place

    running.end_of(task_id)
    for asked in (place, f"{base}/tasks?limit=100", f"{base}/tasks/?limit=100"):
        response = api.get(asked)
        tasks = response.json().get("data", [response.json()])
        [links] = [task["links"] for task in tasks if task["task_id"] == task_id]
        assert seen_at(response, links["self"], asked) == place
        assert api.get(seen_at(response, links["video"], asked)).status_code == 302

    canceled = api.post(f"{place}/cancel")
    assert seen_at(canceled, canceled.json()["links"]["self"], f"{place}/cancel") == place
    assert api.get(place).json()["task_id"] == task_id


def test_the_contract_names_the_address_where_it_is_served(api: httpx.Client, base: str) -> None:
    served = api.get(f"{base}/openapi.json").json()

    here = urljoin(f"{base}/openapi.json", served["servers"][0]["url"])

    assert here == f"{base}/"
    assert api.get(urljoin(here, "health")).status_code == 200


def test_an_event_leads_to_its_schema_and_its_task(running: Running, api: httpx.Client) -> None:
    task_id = api.post(
        f"{running.stack.api_url}/tasks", json={"image_url": running.sample_url}
    ).json()["task_id"]

    def received() -> list[dict[str, Any]]:
        events = running.received(running.stack.queue_url)
        return [event for event in events if event["subject"] == task_id]

    [event, *_] = until(received)

    schema, place = urldefrag(event["dataschema"])
    assert place == "/components/schemas/TaskEventData"
    assert get(schema).json()["components"]["schemas"]["TaskEventData"]
    task = api.get(urljoin(event["dataschema"], event["data"]["links"]["self"]))
    assert task.json()["task_id"] == task_id
