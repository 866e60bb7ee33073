"""Tokens: shown once, kept as a hash, and only a whole one is accepted."""

import contextlib
import hashlib
import json
from datetime import timedelta
from unittest.mock import MagicMock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_to_video.adapters.token_table import TokenRecord, TokenTable
from image_to_video.domain.errors import UnauthorizedError
from image_to_video.domain.owner_names import owner_is_valid
from image_to_video.lifecycle.uploads import UploadedObject

from tests.conftest import Application
from tests.support.samples import NOW


@pytest.fixture
def tokens(application: Application) -> TokenTable:
    return TokenTable(application.table("TOKENS_TABLE"))


def test_a_token_names_its_owner(tokens: TokenTable) -> None:
    anna, boris = (tokens.create(owner=owner, name="ci", now=NOW) for owner in ("anna", "boris"))
    assert tokens.authenticate(f"Bearer {anna}").owner == "anna"
    record = tokens.authenticate(f"Bearer {boris}")
    assert (record.owner, record.name, record.created_at) == ("boris", "ci", NOW)
    assert (record.expires_at, record.revoked_at) == (None, None)


def test_only_the_hash_is_stored(application: Application, tokens: TokenTable) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW, expires_at=NOW + timedelta(days=1))
    [item] = application.table("TOKENS_TABLE").scan()["Items"]
    assert item["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token.removeprefix("i2v_") not in json.dumps(item)
    assert set(item) == {"token_sha256", "owner", "name", "test", "created_at", "expires_at"}


def test_tokens_are_long_random_and_marked(tokens: TokenTable) -> None:
    made = {tokens.create(owner="anna", name="ci", now=NOW) for _ in range(5)}
    assert len(made) == 5
    for token in made:
        assert token.startswith("i2v_")
        # 32 bytes in base64.
        assert len(token.removeprefix("i2v_")) == 43


def test_a_test_token_is_marked_in_its_text_and_its_record(tokens: TokenTable) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW, test=True)
    assert token.startswith("i2v_test_")
    assert len(token.removeprefix("i2v_test_")) == 43
    record = tokens.authenticate(f"Bearer {token}")
    assert (record.owner, record.test) == ("anna", True)
    assert tokens.find(token) == [record]


def test_the_mark_alone_makes_no_token(tokens: TokenTable) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    for other in (token.replace("i2v_", "i2v_test_"), token[:4] + "test_" + token[9:]):
        with pytest.raises(UnauthorizedError):
            tokens.authenticate(f"Bearer {other}")


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


# RFC 6750 and RFC 9110: any case, one blank or more.
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer ", "bEARER    "])
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
        "Bearer {token} ",
        " Bearer {token}",
        "Bearer {token}\n",
        "Bearer\u00a0{token}",
        "Bearer {token}=",
        "Bearer {token}x",
        "Bearer i2v_" + "x" * 100_000,
        "Bearer" + " " * 100_000 + "{token}x",
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
def test_only_a_whole_token_is_accepted(tokens: TokenTable, header: str) -> None:
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


def test_a_text_that_is_no_token_is_refused_without_a_read() -> None:
    table = MagicMock()
    long = "Bearer i2v_" + "x" * 44
    for header in ("Bearer sk_of_another_service", "Basic i2v_x", "", "Bearer i2v_ü", long):
        with pytest.raises(UnauthorizedError):
            TokenTable(table).authenticate(header)
    table.get_item.assert_not_called()


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    header=st.text(st.characters(codec=None))
    | st.from_regex(r"(?i)bearer +i2v_(?s:.)*")
    | st.from_regex(r"(?i)\Abearer +i2v_[A-Za-z0-9_-]{43}\Z")
)
def test_any_header_is_a_token_or_unauthorized(application: Application, header: str) -> None:
    with contextlib.suppress(UnauthorizedError):
        TokenTable(application.table("TOKENS_TABLE")).authenticate(header)
        pytest.fail("there is no token")


GOOD_OWNERS = ["anna", "Anna Ö.", "a+b@example.com", "...", "-", "日本", "x" * 255, "ü" * 127]
BAD_OWNERS = [
    *("", ".", "..", "a/b", "/", " anna", "anna ", "x" * 256, "ü" * 128),
    *("an\nna", "an\x00na", "\x7f", "an\u202ena", "an\u200bna", "an\u00a0na", "\ud800"),
]


@pytest.mark.parametrize("owner", GOOD_OWNERS)
def test_an_owner_of_a_token_may_also_upload(tokens: TokenTable, owner: str) -> None:
    token = tokens.create(owner=owner, name="ci", now=NOW)
    assert tokens.authenticate(f"Bearer {token}").owner == owner
    key = f"uploads/{owner}/a.png"
    assert UploadedObject("images", key, None, "e", "s").owner == owner


@pytest.mark.parametrize("owner", BAD_OWNERS)
def test_who_cannot_be_an_owner_gets_no_token_and_no_task(tokens: TokenTable, owner: str) -> None:
    with pytest.raises(ValueError, match="An owner is one segment"):
        tokens.create(owner=owner, name="ci", now=NOW)
    assert UploadedObject("images", f"uploads/{owner}/a.png", None, "e", "s").owner != owner


@given(st.text(st.characters(codec=None)))
def test_every_owner_fits_where_owners_are_written(owner: str) -> None:
    if owner_is_valid(owner):
        key = f"uploads/{owner}/{'n' * 700}.png"
        assert len(key.encode()) <= 1024
        assert UploadedObject("images", key, None, "e", "s").owner == owner


@pytest.mark.parametrize("name", ["", "x" * 121, "a\x1b[2J", "a\nb"])
def test_a_name_is_short_and_printable(tokens: TokenTable, name: str) -> None:
    with pytest.raises(ValueError, match="A token's name"):
        tokens.create(owner="anna", name=name, now=NOW)


def test_tokens_are_listed_oldest_first_and_by_owner(
    application: Application, tokens: TokenTable
) -> None:
    for number, owner in enumerate(["anna", "boris", "anna"]):
        moment = NOW - timedelta(days=number)
        tokens.create(owner=owner, name=f"t{number}", now=moment)
    assert [record.name for record in tokens.records()] == ["t2", "t1", "t0"]
    assert [record.name for record in tokens.records("anna")] == ["t2", "t0"]
    assert tokens.records("carla") == []


def test_no_token_is_missed_where_the_table_answers_in_pages() -> None:
    items = [kept(f"{number:064x}").model_dump(mode="json") for number in range(3)]
    table = MagicMock()
    table.scan.side_effect = [
        {"Items": items[:2], "LastEvaluatedKey": {"token_sha256": "1"}},
        {"Items": [], "LastEvaluatedKey": {"token_sha256": "2"}},
        {"Items": items[2:]},
    ]
    assert len(TokenTable(table).records()) == 3


def kept(sha256: str) -> TokenRecord:
    return TokenRecord(token_sha256=sha256, owner="anna", name="ci", created_at=NOW)


def test_a_token_is_found_by_its_id_a_part_of_its_hash_or_itself(
    application: Application, tokens: TokenTable
) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    tokens.create(owner="anna", name="other", now=NOW)
    [record] = [record for record in tokens.records() if record.name == "ci"]
    whole = record.token_sha256
    for text in (record.token_id, whole, whole[:8], whole[:30].upper(), token):
        assert tokens.find(text) == [record]
    for text in ("", "a", whole[:7], whole + "0", whole[1:20], "not hexadecimal", token[:-1]):
        assert tokens.find(text) == []


def test_ids_that_several_tokens_share_find_them_all(
    application: Application, tokens: TokenTable
) -> None:
    for last in "01":
        item = kept("ab" * 31 + "0" + last).model_dump(mode="json", exclude_none=True)
        application.table("TOKENS_TABLE").put_item(Item=item)
    assert len(tokens.find("abababab")) == 2
    assert len(tokens.find("ab" * 31 + "00")) == 1


def test_a_revoked_token_stays_revoked_since_the_first_time(
    application: Application, tokens: TokenTable
) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    [record] = tokens.find(token)
    assert tokens.revoke(record, NOW + timedelta(hours=1)).revoked_at == NOW + timedelta(hours=1)
    assert tokens.revoke(record, NOW + timedelta(hours=2)).revoked_at == NOW + timedelta(hours=1)
    assert not tokens.authenticate(f"Bearer {token}").is_valid(NOW)


def test_revoking_does_not_bring_back_a_deleted_token(
    application: Application, tokens: TokenTable
) -> None:
    token = tokens.create(owner="anna", name="ci", now=NOW)
    [record] = tokens.find(token)
    application.table("TOKENS_TABLE").delete_item(Key={"token_sha256": record.token_sha256})
    assert tokens.revoke(record, NOW).revoked_at == NOW
    assert tokens.records() == []
