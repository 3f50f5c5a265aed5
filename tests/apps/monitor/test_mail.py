"""Alerts by e-mail."""

from __future__ import annotations

import shutil
import smtplib
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apps.monitor.receivers import PAYLOAD, dribbling
from tfapp.apps.monitor.settings import SmtpSettings
from tfapp.apps.monitor.sinks.deadline import SendDeadline
from tfapp.apps.monitor.sinks.mail import MailSink
from tfapp.apps.monitor.sinks.sink import SinkError
from tfapp.config.overrides import build_settings
from tfapp.errors import SettingsError


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as one mail takes."""

    allow_reuse_address = True
    daemon_threads = True
    mails: list[bytes]
    farewell: threading.Event | None = None
    context: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        caller, address = super().get_request()
        return (self.context.wrap_socket(caller, server_side=True) if self.context else caller), address

    def handle_error(self, *_: object) -> None:
        pass


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while command := self.rfile.readline():
            word = command[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            if word == b"QUIT" and self.server.farewell is not None:
                self.server.farewell.wait()
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer(("127.0.0.1", 0), _Session) as server:
        server.mails = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_mail_is_sent_by_smtp(mail_server: MailServer) -> None:
    host, port = mail_server.server_address[:2]
    settings = SmtpSettings(host=str(host), port=port, sender="a@x.example", to=("b@x.example",), security="none")
    MailSink(settings).send(PAYLOAD, "k1")
    (mail,) = mail_server.mails
    assert b"Subject: phone: negative share from 20% to 80%\r\n" in mail
    assert b"Message-ID: <k1@tfapp.monitor>" in mail
    assert b"To: b@x.example" in mail


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_a_mail_is_sent_encrypted_to_the_server_that_the_certificate_names_alone(
    mail_server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    how = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=x -days 2"
    names = ("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", *how.split(), *names], check=True, capture_output=True)
    mail_server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mail_server.context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    values = {"port": mail_server.server_address[1], "sender": "a@x", "to": ["b@x"], "security": "tls"}
    MailSink(SmtpSettings.model_validate({"host": "localhost", **values})).send(PAYLOAD, "k1")
    with pytest.raises(SinkError, match="certificate"):
        MailSink(SmtpSettings.model_validate({"host": "127.0.0.1", **values})).send(PAYLOAD, "k1")
    assert len(mail_server.mails) == 1


def test_a_mail_server_that_is_away_or_refuses_is_a_sink_that_fails() -> None:
    settings = SmtpSettings(host="127.0.0.1", port=1, sender="a@x.example", to=("b@x.example",), security="none")
    with pytest.raises(SinkError, match=r"127\.0\.0\.1:1"):
        MailSink(settings).send(PAYLOAD, "k1")

    def refuses(*_: object) -> smtplib.SMTP:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    with pytest.raises(SinkError, match="535"):
        MailSink(settings, refuses).send(PAYLOAD, "k1")


@pytest.mark.parametrize(
    ("security", "head"),
    [
        ("none", b"220 "),
        ("none", b"220 here\r\n250 "),
        ("starttls", b"220 here\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n\x16\x03\x03\x40\x00"),
        ("tls", b"\x16\x03\x03\x40\x00"),
    ],
    ids=["greeting", "answer", "starttls", "tls"],
)
def test_a_mail_server_that_answers_a_byte_at_a_time_is_left_at_the_deadline(security: str, head: bytes) -> None:
    with dribbling(head) as (host, port):
        values = {"host": host, "port": port, "sender": "a@x", "to": ["b@x"], "security": security, "timeout": 0.2}
        with pytest.raises(SinkError, match=f"{host}:{port}: no answer within 0.2 s"):
            MailSink(SmtpSettings.model_validate(values)).send(PAYLOAD, "k1")


def test_a_mail_that_was_accepted_is_no_failure_however_the_call_ends(mail_server: MailServer) -> None:
    mail_server.farewell = threading.Event()
    host, port = mail_server.server_address[:2]
    settings = SmtpSettings(
        host=str(host), port=port, sender="a@x.example", to=("b@x.example",), security="none", timeout=0.2
    )
    MailSink(settings).send(PAYLOAD, "k1")
    mail_server.farewell.set()
    assert len(mail_server.mails) == 1


def test_a_name_that_is_looked_up_for_ever_ends_at_the_deadline_and_is_left_alone_then() -> None:
    release, end = threading.Event(), threading.Event()

    def connect(_: SmtpSettings, deadline: SendDeadline) -> smtplib.SMTP:
        release.wait()
        connection = socket.socket()
        with pytest.raises(TimeoutError):
            deadline.watch(connection)
        assert connection.fileno() == -1
        end.set()
        raise TimeoutError

    settings = SmtpSettings(host="h", sender="a@x", to=("b@x",), timeout=0.01)
    with pytest.raises(SinkError, match=r"h:587: no answer within 0\.01 s"):
        MailSink(settings, connect).send(PAYLOAD, "k1")
    release.set()
    assert end.wait(60)


def test_a_password_is_never_sent_in_the_clear() -> None:
    values = {"host": "h", "sender": "a@x", "to": ["b@x"], "user": "u", "security": "none"}
    with pytest.raises(SettingsError, match="a password is not sent unencrypted"):
        build_settings(SmtpSettings, values, [], source="settings")


def test_a_password_is_in_no_error_of_a_mail_server() -> None:
    def refuses(*_: object) -> smtplib.SMTP:
        raise smtplib.SMTPAuthenticationError(535, b"user me, password mailsecret, bWFpbHNlY3JldA==")

    settings = SmtpSettings(host="h", sender="a@x", to=("b@x",), user="me", password="mailsecret")
    with pytest.raises(SinkError, match=r"h:587: .*535") as excinfo:
        MailSink(settings, refuses).send(PAYLOAD, "k1")
    assert "secret" not in str(excinfo.value)
    assert "bWFpbHNlY3JldA" not in str(excinfo.value)
