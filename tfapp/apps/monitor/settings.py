"""The settings of opinion monitoring."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PositiveInt, field_validator, model_validator

from tfapp.apps.monitor.windows import WidthName
from tfapp.apps.shared.settings import ApplicationSettings
from tfapp.config.settings.base import Settings

__all__ = ["MonitorSettings", "SmtpSettings", "WebhookSettings"]


class WebhookSettings(Settings):
    """The section `[webhook]`, which sends alerts as JSON to a web address."""

    url: str = Field(repr=False, description="Where each alert is posted, as JSON.")
    token: str | None = Field(None, repr=False, description="Sent as `Authorization: Bearer TOKEN`.")
    timeout: float = Field(
        10.0, gt=0, le=86_400, description="Longest time that one try may take, from beginning to end, in seconds."
    )

    # The messages of these leave the values out, as they are secrets.
    @field_validator("url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        import httpx2

        try:
            address = httpx2.URL(url)
            is_address = address.scheme in ("http", "https") and address.host and urlsplit(url).hostname
        except (httpx2.InvalidURL, ValueError):
            is_address = False
        if not is_address:
            raise ValueError("is no web address; expected https://HOST/PATH")
        return url

    @field_validator("token")
    @classmethod
    def _goes_into_a_header(cls, token: str | None) -> str | None:
        if token is not None and not (token.isascii() and token.isprintable() and token == token.strip() != ""):
            raise ValueError("must be printable ASCII without spaces around it, as it is sent in a header")
        return token


class SmtpSettings(Settings):
    """The section `[smtp]`, which sends alerts by e-mail."""

    host: str = Field(min_length=1, description="The mail server.")
    port: int = Field(587, ge=1, le=65535, description="The mail server's port.")
    sender: str = Field(min_length=3, description="The sender's address.")
    to: tuple[str, ...] = Field(min_length=1, description="The receivers' addresses.")
    user: str | None = Field(None, description="The user to log in as; unset: no login.")
    password: str | None = Field(None, repr=False, description="The user's password.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is encrypted.")
    timeout: float = Field(
        30.0, gt=0, le=86_400, description="Longest time that one try may take, from beginning to end, in seconds."
    )

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        try:
            host.encode("idna")
        except UnicodeError:
            raise ValueError("is no host's name, such as mail.example.com") from None
        return host

    @field_validator("user", "password")
    @classmethod
    def _can_be_sent(cls, secret: str | None) -> str | None:
        # Python's smtplib writes logins in ASCII.
        if secret is not None and not (secret.isascii() and secret.isprintable()):
            raise ValueError("must be printable ASCII, as logins by SMTP are; ask for another one")
        return secret

    @field_validator("sender", "to")
    @classmethod
    def _are_addresses(cls, addresses: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (addresses,) if isinstance(addresses, str) else addresses:
            if not address.strip() or not address.isprintable():
                raise ValueError(f"{address!r:.100} is no mail address, such as team@example.com")
        return addresses

    @model_validator(mode="after")
    def _sends_no_password_in_clear(self) -> Self:
        if self.user and self.security == "none":
            raise ValueError("a password is not sent unencrypted; set smtp.security to starttls or tls")
        return self


class MonitorSettings(ApplicationSettings):
    """The models of a monitor, its thresholds of alerts, and its sinks."""

    topic_model: str = Field("monitor-topics", min_length=1, description="The served classifier of topics.")
    topic_data: str | None = Field(
        "bbc-news", description="The data that it is trained on if there is none; unset: it is served already."
    )
    sentiment_model: str = Field("monitor-sentiment", min_length=1, description="The served classifier of sentiment.")
    sentiment_data: str | None = Field(
        "tweets", description="The data that it is trained on if there is none; unset: it is served already."
    )
    preset: str = Field("minilm-l6", min_length=1, description="The preset that both classifiers are trained from.")
    max_length: int = Field(128, ge=3, description="The most tokens of a text that both classifiers read.")
    tagger: str | None = Field(
        None, min_length=1, description="A served tagging model that finds entities; unset: none are found."
    )
    negative: str = Field("negative", min_length=1, description="The sentiment whose share is watched.")
    positive: str = Field("positive", min_length=1, description="The opposite sentiment, which is counted, too.")
    batch_size: int = Field(64, ge=1, le=4096, description="The most texts that are classified and stored together.")
    batch_seconds: float = Field(0.2, ge=0, le=86_400, description="How long a batch waits for more texts.")
    longest_text: int = Field(
        20_000, ge=1, description="The most characters that a text may have; a longer one is rejected."
    )
    future_minutes: float = Field(
        60.0,
        ge=0,
        description="How far in the future a text's time may lie, a day at most; a later text is rejected: it would "
        "close windows.",
    )
    set_aside_rows: int = Field(
        5000, ge=1, description="How many of the newest rejected rows are kept; all are counted."
    )
    window: WidthName = Field("hour", description="The length of the windows in which alerts are looked for.")
    lateness_minutes: float = Field(
        10.0,
        ge=0,
        description="How much newer than a window's end a text must be before the window is evaluated; when texts of "
        "the window come later, it is evaluated again.",
    )
    idle_seconds: float = Field(
        60.0, gt=0, description="How long no text must come before windows that are over by the clock are evaluated."
    )
    history: int = Field(
        48, ge=4, description="The most windows with texts from which a topic's usual share is computed."
    )
    least_history: int = Field(
        8, ge=2, description="How many windows with texts a topic must have before it can raise an alert."
    )
    guard: int = Field(
        1,
        ge=0,
        description="How many windows between the history and the tested ones are left out, so that a slow rise stands "
        "out.",
    )
    spans: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8),
        min_length=1,
        description="How many of the last windows are tested together; each number is a test of its own.",
    )
    false_alerts: float = Field(
        1.0, gt=0, le=1000, description="How many false alerts are accepted in 1000 windows, over all topics together."
    )
    least_rise: float = Field(
        0.05,
        ge=0,
        le=1,
        description="The smallest rise of the share that raises an alert; smaller ones raise none, however sure.",
    )
    drift_reference: int = Field(
        500, ge=20, description="Texts that drift is measured against: the first ones, or those since the last drift."
    )
    drift_distance: float = Field(
        0.25,
        gt=0,
        le=1,
        description="The smallest Kolmogorov-Smirnov distance from the reference that raises an alert.",
    )
    drift_texts: int = Field(20, ge=2, description="How many texts a window must have to be tested for drift.")
    texts: int = Field(5, ge=1, le=100, description="How many texts an alert shows.")
    delivery_tries: int = Field(
        84,
        ge=1,
        description="How many times an alert is sent to a sink, at growing intervals, by default over three days, "
        "before it is kept as undeliverable.",
    )
    log: bool = Field(True, description="Alerts are written to alerts.jsonl in the home folder.")
    console: bool = Field(True, description="Alerts are printed by `tfapp monitor run`.")
    listen_token: str | None = Field(
        None, min_length=8, repr=False, description="`--listen`: callers must send `Authorization: Bearer TOKEN`."
    )
    listen_items: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="`--listen`: the most texts that a request may hold; one with more is answered 413.",
    )
    allow_hosts: tuple[str, ...] = Field(
        (),
        description="`--listen` without a token: hosts that it may be called by, beside this machine, and whose pages "
        "may send texts.",
    )
    webhook: WebhookSettings | None = Field(None, description="Where alerts are posted.")
    smtp: SmtpSettings | None = Field(None, description="How alerts are mailed.")

    @model_validator(mode="after")
    def _history_suffices(self) -> Self:
        if self.least_history > self.history:
            raise ValueError(f"least_history {self.least_history} must not be over history {self.history}")
        return self
