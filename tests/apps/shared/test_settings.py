"""Tests what the settings of the applications refuse, and how."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.shared.settings import ApplicationSettings, load_settings
from tfapp.apps.support.settings import SupportSettings
from tfapp.errors import SettingsError

KINDS = {"monitor": MonitorSettings, "recommend": RecommendSettings, "support": SupportSettings}
SINKS = ("webhook.url=https://h/", "smtp.host=h", "smtp.sender=a@x", 'smtp.to=["b@x"]')


def refusal(kind: type[ApplicationSettings], *items: str) -> str:
    with pytest.raises(SettingsError) as excinfo:
        load_settings(kind, overrides=items)
    assert "\n" not in str(excinfo.value)
    return str(excinfo.value)


@pytest.mark.parametrize(
    ("kind", "item", "complains"),
    [
        ("monitor", "spans=[1, 0]", "spans.1 should be greater than 0, got 0"),
        ("monitor", "spans=[-2]", "spans.0 should be greater than 0, got -2"),
        ("monitor", "spans=[]", "spans Tuple should have at least 1 item"),
        ("monitor", "history=7", "least_history 8 must not be over history 7"),
        (
            "monitor",
            "history=9223372036854775807",
            "history: must be 1,000,000,000,000 at most, got 9223372036854775807",
        ),
        ("monitor", "spans=[1, 1_000_000_000_001]", "spans: must be 1,000,000,000,000 at most, got 1000000000001"),
        ("monitor", "lateness_minutes=1e13", "lateness_minutes: must be 1,000,000,000,000 at most, got 1000000000000"),
        ("monitor", "batch_seconds=1e10", "batch_seconds should be less than or equal to 86400, got 1000000000"),
        ("monitor", "webhook.timeout=1e10", "webhook.timeout should be less than or equal to 86400, got 1000000000"),
        ("monitor", "smtp.timeout=1e10", "smtp.timeout should be less than or equal to 86400, got 1000000000"),
        ("monitor", "tagger=", "tagger should have at least 1 character, got ''"),
        ("recommend", "popular_days=[3, 0]", "popular_days.1 should be greater than 0, got 0"),
        ("recommend", "popular_days=[-1.5]", "popular_days.0 should be greater than 0, got -1.5"),
        ("recommend", "ranker=", "ranker should have at least 1 character, got ''"),
        ("support", "agents=[]", "agents Tuple should have at least 1 item"),
        ("support", "tagger=", "tagger should have at least 1 character, got ''"),
        ("support", "ranker=", "ranker should have at least 1 character, got ''"),
    ],
)
def test_a_value_that_an_application_cannot_work_with_is_refused_in_one_line(
    kind: str, item: str, complains: str
) -> None:
    section = item.partition(".")[0]
    beside = [sink for sink in SINKS if section in ("webhook", "smtp") and sink.startswith(section)]
    assert refusal(KINDS[kind], *beside, item).startswith(f"settings: {complains}")


@pytest.mark.parametrize(
    "items",
    [
        ("listen_token=s3cret",),
        ("listen_token.x=s3cret-s3cret",),
        ("listen_token=s3cret-s3cret", "history=7"),
        ("listen_token=s3cret-s3cret", "history=0"),
        ("listen_token: s3cret",),
        ("listen_token=s3cret", "listen_token.x=s3cret"),
        ("database.x=s3cret",),
        ("webhook=https://h/s3cret",),
        ('webhook=["https://h/s3cret"]',),
        ("webhook.url.x=https://h/s3cret",),
        ("webhook.url=s3cret",),
        ("webhook.token=s3cret",),
        ("webhook.token.x=s3cret", "webhook.url=https://h/"),
        ("webhook.tokn=s3cret", "webhook.url=https://h/"),
        ('smtp=[{password = "s3cret"}]',),
        ("smtp.password.x=s3cret", *SINKS[1:]),
        ("smtp.password=s3cret", "smtp.user=u", "smtp.security=none", *SINKS[1:]),
        ("smtp.password=s3cret", "smtp.port=0", *SINKS[1:]),
    ],
    ids=str,
)
def test_no_secret_is_in_an_error_or_in_its_trace(items: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as excinfo:
        load_settings(MonitorSettings, overrides=items)
    assert "s3cret" not in "".join(traceback.format_exception(excinfo.value))


def test_the_settings_show_no_secret() -> None:
    secrets = ("listen_token=s3cret-s3cret", "database=s3cret", "webhook.url=https://h/s3cret", "webhook.token=s3cret")
    items = (*secrets, "smtp.password=s3cret", "smtp.user=u", *SINKS[1:])
    settings = load_settings(MonitorSettings, overrides=items)
    assert "s3cret" not in f"{settings!r} {settings}"
    assert "history=48" in repr(settings)


def test_a_value_that_is_no_secret_is_shown() -> None:
    assert refusal(MonitorSettings, "history=0").endswith("got 0")
    assert refusal(MonitorSettings, "smtp.port=0", *SINKS[1:]).endswith("got 0")


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_no_number_is_negative_but_ratings(kind: type[ApplicationSettings]) -> None:
    names = []
    for name, field in kind.model_fields.items():
        with suppress(ValidationError):
            kind.model_validate({name: [-2] if isinstance(field.default, tuple) else -2})
            names.append(name)
    assert set(names) <= {"like_from", "dislike_below"}


@pytest.mark.parametrize("content", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = " + "{b = " * 2000])
def test_a_file_that_is_nested_without_end_or_has_endless_numbers_is_refused_in_one_line(
    content: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(MonitorSettings, file)


def test_names_that_are_nested_without_end_are_refused_in_one_line() -> None:
    assert "nested too deeply" in refusal(MonitorSettings, f"history{'.a' * 3000}=1")
