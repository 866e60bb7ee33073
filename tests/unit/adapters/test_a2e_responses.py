"""How answers of A2E are read: texts fit for a record, and waits that can be waited."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_to_video.adapters.a2e_responses import Answer
from image_to_video.adapters.a2e_values import fit_for_a_record

from tests.support.corrupted_json import BOUNDED, RETRY_AFTER


@pytest.mark.parametrize("text", ["http://" * 200_000, "https://a?" * 100_000, "sk_" * 400_000])
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    # Of our own work alone: what another process does is not counted.
    begun = time.thread_time()
    assert len(fit_for_a_record(text)) <= 300
    assert time.thread_time() - begun < 5


@BOUNDED
@given(wait=RETRY_AFTER | st.binary(max_size=20).filter(lambda b: not set(b) & set(b"\r\n\0")))
def test_any_retry_after_is_a_bounded_wait_or_none(wait: str | bytes) -> None:
    raw = wait.encode() if isinstance(wait, str) else wait
    answer = Answer.read(httpx.Response(429, headers=[(b"Retry-After", raw)]))
    assert answer.retry_after is None or 0 <= answer.retry_after <= 24 * 3600
