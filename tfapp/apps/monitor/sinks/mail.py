"""Alerts by e-mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from typing import TypeAlias

from tfapp.apps.monitor.settings import SmtpSettings
from tfapp.apps.monitor.sinks.redaction import delivering
from tfapp.apps.monitor.sinks.sink import Payload

__all__ = ["MailSink", "compose"]

Connect: TypeAlias = Callable[[SmtpSettings], smtplib.SMTP]


class MailSink:
    """Sends a mail an alert, by SMTP.

    Args:
        settings: By which server, from whom, to whom.
        connect: Opens the connection.
    """

    name = "smtp"

    def __init__(self, settings: SmtpSettings, connect: Connect | None = None) -> None:
        self._settings = settings
        self._connect = connect or _connect

    def send(self, payload: Payload, key: str) -> None:
        """See `Sink.send`."""
        settings = self._settings
        # What AUTH PLAIN sends is user and password together.
        secrets = (settings.password, f"\0{settings.user}\0{settings.password}")
        with delivering(f"{settings.host}:{settings.port}", secrets), self._connect(settings) as server:
            if settings.user is not None:
                server.login(settings.user, settings.password or "")
            server.send_message(compose(payload, key, settings))


def compose(payload: Payload, key: str, settings: SmtpSettings) -> EmailMessage:
    """Writes the mail; mail programs take the same Message-ID for the same mail."""
    alert = payload["alert"]
    over = "Over: " if payload["event"] == "ended" else ""
    mail = EmailMessage()
    # What stands in a subject comes from a model's label; a line break there would begin another header.
    mail["Subject"] = " ".join(f"{over}{alert['headline']}".split())[:200]
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key}@tfapp.monitor>"
    texts = [f"- {text['text']} ({text['source']}, {text['time']})" for text in payload["texts"]]
    mail.set_content("\n".join([f"{over}{alert['headline']}", "", *texts, ""]))
    return mail


def _connect(settings: SmtpSettings) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
    if settings.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
