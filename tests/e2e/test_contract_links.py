"""The links of the published contract: each answer leads on to the operations that it names."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, Response

from i2v.simulator.sample import SAMPLE_PATH
from tests.e2e.conftest import Running
from tests.e2e.contract import CASES, CONTRACT, SAME_EACH_TIME, Conversation
from tests.support.patience import post, until

SEQUENCES = CASES // 10
# So many requests, and as many forms, come with an image that is there; more say nothing new.
IMAGES = 3
MACHINE: Any = CONTRACT.as_state_machine()


def test_links(resting: Running, record_property: Callable[[str, object], None]) -> None:
    conversation = Conversation(resting)
    answers: Counter[tuple[str, int]] = Counter()

    class Links(MACHINE):  # type: ignore[misc]
        """Sequences of requests, each made from the answers before it."""

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return conversation.transport

        def before_call(self, case: Case[Any]) -> None:
            there = answers["POST /tasks", 202] < IMAGES
            conversation.name_an_image(case, there=there)

        def after_call(self, response: Response, case: Case[Any]) -> None:
            super().after_call(response, case)
            answer = case.operation.label, response.status_code
            answers[answer] += 1
            if answer == ("POST /uploads", 201) and answers[answer] <= IMAGES:
                send(resting, response.json())

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            conversation.check(case, response, self.recorder)
            conversation.cases["links"] += 1

    Links.run(
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=8,
            derandomize=SAME_EACH_TIME,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
    )
    record_property("contract cases", ("links", conversation.cases.total()))
    # What the sequences reached: none of it is possible with invented ids.
    reached = {("GET /tasks/{task_id}", 200), ("POST /tasks/{task_id}/cancel", 200)}
    assert reached <= set(answers)


def send(resting: Running, ticket: dict[str, Any]) -> None:
    """Send the form that a response gave, so that the task it leads to exists."""
    files = {"file": ("a.png", SAMPLE_PATH.read_bytes(), "image/png")}
    sent = post(ticket["url"], data=ticket["fields"], files=files)
    assert sent.status_code == 204, sent.text
    with resting.api() as api:
        until(lambda: api.get(f"/tasks/{ticket['task_id']}").status_code == 200)
