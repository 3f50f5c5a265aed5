"""Sinks, which are notified of alerts, one file for each."""

from __future__ import annotations

from tfapp.apps.monitor.sinks.console import ConsoleSink
from tfapp.apps.monitor.sinks.log import LogSink
from tfapp.apps.monitor.sinks.mail import MailSink
from tfapp.apps.monitor.sinks.sink import Sink, SinkError
from tfapp.apps.monitor.sinks.webhook import WebhookSink

__all__ = ["ConsoleSink", "LogSink", "MailSink", "Sink", "SinkError", "WebhookSink"]
