"""Tokens: shown once, kept as a hash, and nothing but a whole one opens the door."""

import contextlib
import hashlib
import json
from datetime import timedelta
from unittest.mock import MagicMock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_to_video.errors import UnauthorizedError
from image_to_video.tokens import TokenTable

from tests.conftest import Application
from tests.image_to_video.samples import NOW


@pytest.fixture
def tokens(stack: Application) -> TokenTable:
    return TokenTable(stack.table("TOKENS_TABLE"))


def test_a_token_names_its_owner(tokens: TokenTable) -> None:
    anna, boris = (tokens.create(owner=owner, name="ci", now=NOW) for owner in ("anna", "boris"))
    assert tokens.authenticate(f"Bearer {anna}").owner == "anna"
    record = tokens.authenticate(f"Bearer {boris}")
    assert (record.owner, record.name, record.created_at) == ("boris", "ci", NOW)
    assert (record.expires_at, record.revoked_at) == (None, None)


def test_only_the_hash_is_stored(emptied: Application, tokens: TokenTable) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW, expires_at=NOW + timedelta(days=1))
    [item] = emptied.table("TOKENS_TABLE").scan()["Items"]
    assert item["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token.removeprefix("i2v_") not in json.dumps(item)
    assert set(item) == {"token_sha256", "owner", "name", "created_at", "expires_at"}


def test_tokens_are_long_random_and_marked(tokens: TokenTable) -> None:
    made = {tokens.create(owner="anna", name="ci", now=NOW) for _ in range(5)}
    assert len(made) == 5
    for token in made:
        assert token.startswith("i2v_")
        # 32 bytes in base64.
        assert len(token.removeprefix("i2v_")) == 43


def test_a_token_is_valid_until_it_expires(tokens: TokenTable) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW, expires_at=NOW + timedelta(hours=1))
    record = tokens.authenticate(f"Bearer {token}")
    assert record.is_valid(NOW)
    assert record.is_valid(NOW + timedelta(hours=1) - timedelta(milliseconds=1))
    assert not record.is_valid(NOW + timedelta(hours=1))


def test_a_token_without_an_end_is_valid_for_ever_unless_revoked(tokens: TokenTable) -> None:
    record = tokens.authenticate(f"Bearer {tokens.create(owner='anna', name='ci', now=NOW)}")
    assert record.is_valid(NOW + timedelta(days=36500))
    assert not record.model_copy(update={"revoked_at": NOW}).is_valid(NOW)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(tokens: TokenTable, scheme: str) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    assert tokens.authenticate(f"{scheme} {token}").owner == "anna"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "{token}",
        "Basic {token}",
        "Bearer  {token}",
        "Bearer {token} ",
        "Bearer {token}x",
        "Bearer {token}, Bearer {token}",
        "Bearer\t{token}",
        "Bearer {upper}",
        "Bearer {short}",
        "Bearer {bare}",
        "Bearer sk_{bare}",
        "Bearer I2V_{bare}",
        "Bearer {hash}",
        "Bearer i2v_{hash}",
        "Bearer i2v_",
        "Bearer i2v_unknown",
        "Bearer i2v_\ud800",
    ],
)
def test_nothing_but_a_whole_token_opens_the_door(tokens: TokenTable, header: str) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    forms = {
        "{token}": token,
        "{upper}": "i2v_" + token[4:].swapcase(),
        "{short}": token[:-1],
        "{bare}": token[4:],
        "{hash}": hashlib.sha256(token.encode()).hexdigest(),
    }
    for placeholder, form in forms.items():
        header = header.replace(placeholder, form)
    with pytest.raises(UnauthorizedError) as caught:
        tokens.authenticate(header)
    # API Gateway turns this very text into a 401.
    assert str(caught.value) == "Unauthorized"


def test_what_is_no_token_of_ours_is_not_even_looked_up() -> None:
    table = MagicMock()
    for header in ("Bearer sk_of_another_service", "Basic i2v_x", ""):
        with pytest.raises(UnauthorizedError):
            TokenTable(table).authenticate(header)
    table.get_item.assert_not_called()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=st.text(st.characters(codec=None)) | st.from_regex(r"(?i)bearer i2v_(?s:.)*"))
def test_any_header_is_a_token_or_unauthorized(stack: Application, header: str) -> None:
    with contextlib.suppress(UnauthorizedError):
        TokenTable(stack.table("TOKENS_TABLE")).authenticate(header)
        pytest.fail("nobody has a token")
