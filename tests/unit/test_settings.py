"""Settings: read whole, or refused with the name of each variable that is invalid."""

import traceback

import pytest
from image_to_video.domain.errors import SettingsError
from image_to_video.settings import Settings

# What only some functions have.
OPTIONAL = {"EVENT_SCHEMA_URL", "TOPIC_ARN", "API_ID", *Settings.released()}


def test_the_templates_defaults_are_good_settings(environment: dict[str, str]) -> None:
    settings = Settings.read(environment)
    assert settings.tasks_table == "tasks"
    assert settings.a2e_url == "https://video.a2e.ai"
    assert settings.permit_loopback is False
    assert settings.schedule.first_poll_seconds == 20


def test_every_variable_is_needed(environment: dict[str, str]) -> None:
    assert Settings.variables() == set(environment) | OPTIONAL
    assert len(set(environment) - OPTIONAL) > 10
    for name in set(environment) - OPTIONAL:
        rest = {key: value for key, value in environment.items() if key != name}
        with pytest.raises(SettingsError, match=rf"\b{name}: Field required"):
            Settings.read(rest)


def test_an_empty_variable_has_the_release_s_value(environment: dict[str, str]) -> None:
    released = Settings.released()
    assert {environment.get(name, "") for name in released} == {""}
    assert Settings.read(environment) == Settings.read(environment | released)
    for name in released:
        rest = {key: value for key, value in environment.items() if key != name}
        assert Settings.read(rest) == Settings.read(environment)


def test_a_model_without_a_price_of_its_own_has_the_release_s(environment: dict[str, str]) -> None:
    settings = Settings.read(environment | {"COINS_PER_SECOND": "a2e=7"})
    assert settings.coins_per_second == {"a2e": 7, "a2e-v2": 12, "a2e-v2-flash": 6}


def test_a_lease_is_shorter_only_on_one_machine(environment: dict[str, str]) -> None:
    local = {"LEASE_SECONDS": "15", "PERMIT_LOOPBACK": "true"}
    assert Settings.read(environment | local).schedule.lease_seconds == 15


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({})
    missing = Settings.variables() - OPTIONAL
    assert all(f"{name}: " in str(caught.value) for name in missing)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A2E_URL", "video.a2e.ai"),
        ("A2E_URL", "ftp://video.a2e.ai"),
        ("START_TIMEOUT_SECONDS", "0"),
        ("START_TIMEOUT_SECONDS", "20s"),
        ("MAX_ATTEMPTS", "0"),
        ("TASK_RETENTION_DAYS", "-1"),
        ("PERMIT_LOOPBACK", "perhaps"),
        ("POLL_PACE", "10"),
        ("POLL_PACE", "5=10"),
        ("COPY_RETRY_PACE", " "),
        ("COPY_RETRY_PACE", "0=10,"),
        ("LEASE_SECONDS", "119"),
        ("SLOT_SECONDS", "59"),
        ("MAX_ATTEMPTS", "6"),
        ("MAX_ATTEMPTS", "2.0"),
        ("WINDOW_SECONDS", "1.5"),
        ("FIRST_POLL_SECONDS", "-20"),
        ("DAILY_COIN_LIMIT", "-1"),
        ("OWNER_DAILY_COIN_LIMIT", "-1"),
        ("COINS_PER_SECOND", "a2e"),
        ("COINS_PER_SECOND", "other=6"),
        ("COINS_PER_SECOND", "a2e=0,a2e-v2=12,a2e-v2-flash=6"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(
    environment: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.read(environment | {name: value})


def test_other_variables_do_not_matter(environment: dict[str, str]) -> None:
    others = {"PATH": "/bin", "SCHEDULE": "x", "_HANDLER": "app.handler", "TZ": ":UTC"}
    assert Settings.read(environment | others) == Settings.read(environment)


@pytest.mark.parametrize("missing", ["TASKS_TABLE", "DAILY_COIN_LIMIT", "A2E_URL"])
def test_no_error_quotes_the_environment(environment: dict[str, str], missing: str) -> None:
    """A Lambda environment holds credentials, and an error is printed with all its causes."""
    secret = "AQoDYXdzEJr-s3cret"
    del environment[missing]
    secrets = {"AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": secret}
    with pytest.raises(SettingsError) as caught:
        Settings.read({"A": secret} | environment | secrets)
    printed = "".join(traceback.format_exception(caught.value))
    assert missing in printed
    assert "s3cret" not in printed


OWN = "https://{api}.execute-api.us-east-1.amazonaws.com/v1"
SIMULATED = {"A2E_URL": "http://127.0.0.1:4000"}


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"HINTS_URL": ""}, None),
        ({"HINTS_URL": OWN, "API_ID": "a1b2c3"}, OWN.replace("{api}", "a1b2c3")),
        ({"HINTS_URL": OWN}, None),
        ({"HINTS_URL": OWN, "API_ID": "evil.example/"}, None),
        ({"HINTS_URL": "https://videos.example.com/v1"}, "https://videos.example.com/v1"),
        ({"HINTS_URL": "http://127.0.0.1:4566/v1"}, None),
        (SIMULATED | {"HINTS_URL": "http://127.0.0.1:4566/v1"}, "http://127.0.0.1:4566/v1"),
    ],
)
def test_hints_are_asked_for_only_at_an_address_that_the_generator_reaches(
    environment: dict[str, str], changes: dict[str, str], address: str | None
) -> None:
    assert Settings.read(environment | changes).hints_address == address


def test_test_tasks_have_no_coins_limits_and_hints_and_waits_of_their_own(
    environment: dict[str, str],
) -> None:
    limits = {"MAX_GENERATING": "3", "DAILY_COIN_LIMIT": "90", "HINTS_URL": "https://api.example"}
    config = Settings.read(environment | limits)
    tests = config.of_tests()
    assert (tests.max_generating, tests.daily_coin_limit, tests.hints_address) == (0, 0, None)
    assert set(tests.coins_per_second.values()) == {0}
    assert tests.schedule.generation_deadline_seconds < config.schedule.window_seconds
    assert tests.tasks_table == config.tasks_table
