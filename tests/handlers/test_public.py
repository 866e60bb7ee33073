"""`GET /asyncapi.json`: what events look like, for everyone, where the events say it is."""

import json
from urllib.parse import urlsplit

from tests.conftest import PROJECT, SCHEMA_URL
from tests.handlers.conftest import sample
from tests.support.catalogue import catalogue
from tests.support.rest import send


def test_the_catalogue_needs_no_token_and_no_settings() -> None:
    reply = send(sample("public/get_event_catalogue"))

    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.body == json.loads(
        (PROJECT / "functions" / "public" / "asyncapi.json").read_text()
    )


def test_events_name_their_schema_by_its_place_in_the_catalogue() -> None:
    address = urlsplit(SCHEMA_URL)
    *_, components, schemas, name = address.fragment.split("/")

    assert address.path == "/v1" + sample("public/get_event_catalogue")["path"]
    assert "task_id" in catalogue()[components][schemas][name]["required"]
