"""A sink that sends alerts by e-mail."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from typing import TypeAlias

from tfapp.apps.monitor.settings import SmtpSettings
from tfapp.apps.monitor.sinks.deadline import SendDeadline
from tfapp.apps.monitor.sinks.redaction import delivery
from tfapp.apps.monitor.sinks.sink import Payload, SinkError

__all__ = ["MailSink", "compose"]

SmtpConnector: TypeAlias = Callable[[SmtpSettings, SendDeadline], smtplib.SMTP]


class MailSink:
    """Sends a mail for each alert, by SMTP; a try ends at its deadline, however slowly the server answers."""

    name = "smtp"

    def __init__(self, settings: SmtpSettings, connect: SmtpConnector | None = None) -> None:
        self._settings = settings
        self._connect = connect or _connect

    def send(self, payload: Payload, key: str) -> None:
        """Mails an alert, as `Sink.send` says."""
        settings = self._settings
        # What AUTH PLAIN sends is user and password together.
        secrets = (settings.password, f"\0{settings.user}\0{settings.password}")
        deadline, acceptance = SendDeadline(settings.timeout), threading.Event()
        with delivery(f"{settings.host}:{settings.port}", secrets):
            mail = compose(payload, key, settings)
            try:
                deadline.run(lambda: self._mail(mail, deadline, acceptance))
            except OSError as error:
                # Once it is accepted, what goes wrong is no failure.
                if acceptance.is_set():
                    return
                if isinstance(error, TimeoutError):
                    raise SinkError(f"no answer within {settings.timeout:g} s") from None
                raise

    def _mail(self, mail: EmailMessage, deadline: SendDeadline, acceptance: threading.Event) -> None:
        with self._connect(self._settings, deadline) as server:
            if self._settings.user is not None:
                server.login(self._settings.user, self._settings.password or "")
            server.send_message(mail)
            acceptance.set()


def compose(payload: Payload, key: str, settings: SmtpSettings) -> EmailMessage:
    """Writes the mail; mail programs take the same Message-ID for the same mail."""
    alert = payload["alert"]
    prefix = "Ended: " if payload["event"] == "ended" else ""
    mail = EmailMessage()
    # What stands in a subject comes from a model's label; a line break there would begin another header.
    mail["Subject"] = " ".join(f"{prefix}{alert['headline']}".split())[:200]
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key}@tfapp.monitor>"
    texts = [f"- {text['text']} ({text['source']}, {text['time']})" for text in payload["texts"]]
    mail.set_content("\n".join([f"{prefix}{alert['headline']}", "", *texts, ""]))
    return mail


class _Connection(smtplib.SMTP):
    """A connection that ends at a deadline."""

    def __init__(self, settings: SmtpSettings, deadline: SendDeadline) -> None:
        self._context = ssl.create_default_context() if settings.security == "tls" else None
        self._deadline = deadline
        # It connects, and reads the greeting.
        super().__init__(settings.host, settings.port, timeout=settings.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connects, as `smtplib.SMTP_SSL` does where it begins encrypted."""
        connection = socket.create_connection((host, port), timeout)
        self._deadline.watch(connection)
        connection.settimeout(None)
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_hostname=host)


def _connect(settings: SmtpSettings, deadline: SendDeadline) -> smtplib.SMTP:
    server = _Connection(settings, deadline)
    if settings.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
