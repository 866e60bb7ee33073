"""What a start tells A2E: its own decisions are never left to it, and nothing else is sent."""

from dataclasses import replace
from typing import Any

import pytest
from image_to_video.adapters.a2e_requests import start_body
from image_to_video.domain.generator import HintRequest

from i2v.simulator.start_body import StartBody
from tests.support.fake_a2e import REQUEST


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"extend_prompt": True}, {"extend_prompt": True}),
        (
            {"end_image_url": "https://images.example/last.png"},
            {"end_image_url": "https://images.example/last.png", "model_type": "FLF2V"},
        ),
        ({"skip_face_enhance": True}, {"skip_face_enhance": True}),
        (
            {"lora": "66b1f0", "prompt": "", "negative_prompt": ""},
            {"lora": "66b1f0", "prompt": None, "negative_prompt": None},
        ),
        (
            {"hint": HintRequest("https://api.example.com/v1/hints/1", "1.secret")},
            {"webhook_url": "https://api.example.com/v1/hints/1", "webhook_token": "1.secret"},
        ),
    ],
    ids="+".join,
)
def test_an_option_is_sent_by_the_rules_of_the_contract(
    options: dict[str, Any], expected: dict[str, Any]
) -> None:
    plain, sent = start_body(REQUEST), start_body(replace(REQUEST, **options))
    wanted = {name: value for name, value in (plain | expected).items() if value is not None}
    assert sent == wanted
    # The simulated service, which ignores what it does not know, knows all of it.
    assert StartBody.model_validate(sent).model_fields_set == sent.keys()
