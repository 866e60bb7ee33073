"""Every operation keeps the published contract: examples, limits of its schema, invented cases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from image_to_video.adapters.token_table import TokenTable
from schemathesis import Case
from schemathesis.core.result import Ok

from tests.e2e.conftest import Running
from tests.e2e.contract import CONTRACT, Conversation


@pytest.fixture(scope="module")
def task_ids(resting: Running) -> list[str]:
    """Tasks that exist, one of them canceled."""
    with resting.api() as api:
        created = [api.post("/tasks", json={"image_url": resting.sample_url}) for _ in range(3)]
        ids = [str(answer.json()["task_id"]) for answer in created]
        assert api.post(f"/tasks/{ids[0]}/cancel").status_code == 200
    return ids


@pytest.fixture(scope="module")
def conversation(resting: Running) -> Iterator[Conversation]:
    conversation = Conversation(resting)
    yield conversation
    conversation.end()


@pytest.fixture(autouse=True)
def _counted(
    conversation: Conversation,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> Iterator[None]:
    conversation.cases.clear()
    yield
    conversation.finish()
    for phase, number in conversation.cases.items():
        record_property("contract cases", (f"{request.node.name} {phase}", number))


@CONTRACT.parametrize()
def test_operation(case: Case[Any], conversation: Conversation, task_ids: list[str]) -> None:
    assert case.meta is not None
    if case.meta.phase.name.value == "fuzzing":
        conversation.name_an_image(case, there=False)
        # An invented id is nobody's; every other time it is one that exists.
        number = conversation.cases["fuzzing"]
        if number % 2 and case.meta.generation.mode.is_positive and case.path_parameters:
            case.path_parameters["task_id"] = task_ids[number // 2 % len(task_ids)]
    conversation.begin(case)


def test_strangers(resting: Running, conversation: Conversation) -> None:
    """Without a token, and with one that is over: refused as the contract says, wherever closed."""
    moment = datetime.now(UTC)
    operations = [found.ok() for found in CONTRACT.get_all_operations() if isinstance(found, Ok)]
    closed = [each for each in operations if each.definition.raw.get("security") != []]
    assert len(closed) >= 6
    tokens = TokenTable(resting.emulator.table(resting.stack.tokens_table))
    over = tokens.create(owner="demo", name="over", now=moment, expires_at=moment)
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {over}"}, 403)):
        for operation in closed:
            case = operation.Case(path_parameters={"task_id": "0" * 32})
            response = case.call(base_url=resting.stack.api_url, headers=headers)
            assert response.status_code == status, case
            case.validate_response(response, headers=headers)
            conversation.cases["strangers"] += 1
