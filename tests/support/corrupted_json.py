"""JSON that is almost right: valid values with a few places corrupted."""

import json
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# The same cases on every run, and none kept on disk.
BOUNDED: Final = settings(
    max_examples=700,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

DEEP: Final = json.loads("[" * 900 + "]" * 900)
ODD: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**18), 0, -1, 2**63]),
    st.floats(),
    st.text(st.characters(codec=None), max_size=30),
    st.sampled_from(
        [
            *("", " ", "0", "completed", "FAILED ", "expired", "deleted", "error", "\ud800"),
            *("http://a.example/v", "https://", "https:///v", "https://?q", "ftp://a/v", "//a/v"),
            *("javascript:alert(1)", "file:///etc/passwd", " https://a/v", "HTTPS://a.example/v"),
            *("https://a.example/" + "v" * 500_000, "http://" * 50_000, "../../admin", "a/b"),
            "66f0c1a2b3c4d5e6f7a8b9c0",
        ]
    ),
    st.just(DEEP),
    st.lists(st.integers(), max_size=2),
    st.just({}),
    st.just([{"_id": "66f0c1a2b3c4d5e6f7a8b9c0"}]),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


MOSTLY: Final = st.sampled_from([True] * 6 + [False])
CHANGES: Final = st.sampled_from(["deeper"] * 4 + ["remove", "rename"])


@st.composite
def corrupted(draw: st.DrawFn, whole: Any) -> Any:
    """A copy of a JSON value with one or two of its places changed, removed or wrapped."""
    value = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 2))):
        value = _corrupt(draw, value)
    return value


def _corrupt(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(MOSTLY):
        key = draw(st.sampled_from(sorted(value)))
        match draw(CHANGES):
            case "deeper":
                return value | {key: _corrupt(draw, value[key])}
            case "remove":
                return {other: inner for other, inner in value.items() if other != key}
            case _:
                return {other + "_" * (other == key): inner for other, inner in value.items()}
    if isinstance(value, list) and value and draw(MOSTLY):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _corrupt(draw, value[place]), *value[place + 1 :]]
    return draw(ODD | ODD | st.sampled_from([[value], {"data": value}]))


RETRY_AFTER: Final = st.one_of(
    st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=30),
    st.sampled_from(
        ["0", "1e9", "-5", "9" * 5000, "\u0663", "Wed, 21 Oct 2026 07:28:00 GMT", "inf"]
    ),
)
