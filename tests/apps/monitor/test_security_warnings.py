"""Each setting of a monitor that is less safe than the default is a line in the log."""

from __future__ import annotations

from typing import Any

import pytest

from tfapp.apps.monitor.security_warnings import LIMITS, security_warnings
from tfapp.apps.monitor.settings import MonitorSettings

_SMTP = {"host": "mail.example", "sender": "a@x.example", "to": ["b@x.example"]}


def _warnings(**settings: Any) -> list[str]:
    return list(security_warnings(MonitorSettings.model_validate(settings)))


def test_the_defaults_are_the_safe_ones() -> None:
    assert _warnings(smtp=_SMTP, webhook={"url": "https://hook.example/secret"}) == []
    assert _warnings(smtp={**_SMTP, "host": "localhost", "security": "none"}) == []
    assert _warnings(webhook={"url": "http://127.0.0.1:9/"}) == []


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_above_its_default_is_named_with_both(name: str) -> None:
    default = MonitorSettings.model_fields[name].default
    (line,) = _warnings(**{name: 2 * default})
    assert line.startswith(f"{name} = {2 * default} (by default {default}): ")
    assert _warnings(**{name: default / 2}) == []


def test_alerts_in_plain_text_are_named_without_their_secrets() -> None:
    (mail, hook) = _warnings(smtp={**_SMTP, "security": "none"}, webhook={"url": "http://hook.example/secret"})
    assert mail.startswith("smtp.security = none: ")
    assert hook.startswith("webhook.url with http: ")
    assert "secret" not in hook
