"""Opinion monitoring in a folder: connects the stream with the models that it trains, exports and asks.

monitor = Monitor.open("monitor")
monitor.run(["reviews.jsonl"], follow=False)
for alert in monitor.queries.alerts():
    print(alert.headline, monitor.queries.texts_of(alert))
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfapp_client import Client

from tfapp import api
from tfapp._old_names import refuse_old_arguments
from tfapp.apps.monitor.batches import IngestCounts, Reader
from tfapp.apps.monitor.classifier_client import ClassifierClient
from tfapp.apps.monitor.deliveries import Deliveries
from tfapp.apps.monitor.message import MessageColumns
from tfapp.apps.monitor.message_store import MessageStore
from tfapp.apps.monitor.pipeline import Pipeline
from tfapp.apps.monitor.queries import MonitorQueries
from tfapp.apps.monitor.readers.folder import FolderReader
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.pipe import PipeReader
from tfapp.apps.monitor.readers.push import PushReader
from tfapp.apps.monitor.readers.table import TableReader
from tfapp.apps.monitor.security_warnings import security_warnings
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.sinks.log import LogSink
from tfapp.apps.monitor.sinks.mail import MailSink
from tfapp.apps.monitor.sinks.sink import Sink
from tfapp.apps.monitor.sinks.webhook import WebhookSink
from tfapp.apps.monitor.window_evaluator import WindowEvaluator
from tfapp.apps.shared.application import Application
from tfapp.data import Splits
from tfapp.errors import DataError, SettingsError

__all__ = ["Monitor"]

_log = logging.getLogger(__name__)

_TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class Monitor(Application[MonitorSettings]):
    """A monitor of opinions."""

    kind = MonitorSettings
    folder = "monitor"

    @property
    def queries(self) -> MonitorQueries:
        """Returns the queries of trends, alerts and texts."""
        return MonitorQueries(self.store, self.settings)

    def prepare(self, *, quiet: bool = False) -> list[str]:
        """Stores the settings and trains the models that are missing, and returns a line on the quality of each.

        Raises:
            TfappError: Data, training or export.
        """
        self.keep_settings()
        settings = self.settings
        data_sets = {settings.topic_model: settings.topic_data, settings.sentiment_model: settings.sentiment_data}
        return [
            self._train(name, data, quiet=quiet)
            for name, data in data_sets.items()
            if data is not None and not self.models.has(name)
        ]

    @refuse_old_arguments(told="on_progress", trained="on_trained")
    def run(
        self,
        inputs: Sequence[str | Path] = (),
        *,
        listen: str | None = None,
        allow_hosts: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        follow: bool = True,
        sinks: Sequence[Sink] = (),
        stop: threading.Event | None = None,
        on_progress: Callable[[IngestCounts], None] = lambda _: None,
        on_trained: Callable[[str], None] = lambda _: None,
        quiet: bool = False,
    ) -> IngestCounts:
        """Reads texts, classifies and stores them, and notifies the sinks of alerts.

        Args:
            inputs: Files of json lines, which may grow; csv and tsv files; folders of such; `-`: standard input.
            listen: HOST:PORT, where texts may be posted.
            allow_hosts: Hosts by which `listen` may be called, beside those of the settings and of this machine.
            columns: Columns by what they hold: text, time, id, source; those that are missing are found by name.
            follow: Wait for more; else end with the inputs.
            sinks: Who is told, beside those of the settings.
            stop: Ends it, when it is set.
            on_progress: Is told what was taken so far.
            on_trained: Is told of each model that had to be trained, and how good it is.
            quiet: Show no progress while models are trained.

        Returns:
            The result.

        Raises:
            TfappError: Settings, inputs, models or database; says which, and what to do. A run that ended in any way is
                gone on with by the same call.
        """
        ending = stop or threading.Event()
        mapping = MessageColumns(columns or {}, self.settings.longest_text)
        readers = [self._reader(str(item), follow=follow) for item in inputs]
        readers += self._listeners(listen, allow_hosts)
        if not readers:
            raise SettingsError("nothing to read; name a file or a folder, - for standard input, or --listen HOST:PORT")
        for warning in security_warnings(self.settings):
            _log.warning(warning)
        for line in self.prepare(quiet=quiet):
            on_trained(line)
        all_sinks = [*self._sinks(), *sinks]
        deliveries = Deliveries(self.store, all_sinks, self.clock, self.settings.delivery_tries)
        with self.models.client() as client:
            for name in (self.settings.topic_model, self.settings.sentiment_model, self.settings.tagger):
                if name is not None:
                    self.models.wait_until_ready(client, name, self.wait)
            with deliveries.delivery_threads():
                return self._pipeline(client, mapping, ending, all_sinks).run(readers, on_progress)

    @staticmethod
    def load_data(data: str) -> Splits:
        """Reads, cleans and splits labelled texts by the name of their data set, for a stream that is replayed.

        Raises:
            TfappError: They cannot be brought or used.
        """
        return api.load_data(data)

    def resend(self, alert: int | None = None) -> int:
        """Queues undeliverable notifications again, for `run` to send, and returns how many.

        Args:
            alert: What tells of the alert of this number; None: all.

        Raises:
            SettingsError: There is no such alert.
        """
        number = None if alert is None else self.queries.alert(alert).id
        return Deliveries(self.store, (), self.clock).resend(number)

    def _train(self, name: str, data: str, *, quiet: bool) -> str:
        """Trains a classifier's output layer on a frozen BERT, and returns a line on its quality."""
        experiment = {
            "name": name,
            "data": {"train": data},
            "model": {"preset": self.settings.preset, "max_length": self.settings.max_length, "pooling": "mean"},
            "training": {"adapt": "head"},
        }
        version, score = self.models.train(experiment, runs=self.home / "runs", quiet=quiet)
        return f"{name}/{version} learnt from {data}: {score}"

    def _pipeline(
        self, client: Client, columns: MessageColumns, stop: threading.Event, sinks: Sequence[Sink]
    ) -> Pipeline:
        classifiers = ClassifierClient(client, self.settings, stop)
        classifiers.check()
        return Pipeline(
            MessageStore(self.store, self.settings, self.clock),
            classifiers,
            WindowEvaluator(self.store, self.settings, self.clock, [sink.name for sink in sinks]),
            settings=self.settings,
            columns=columns,
            clock=self.clock,
            stop=stop,
        )

    def _reader(self, item: str, *, follow: bool) -> Reader:
        size = self.settings.batch_size
        if item == "-":
            return PipeReader(sys.stdin.buffer, size=size)
        message_store, path = MessageStore(self.store, self.settings, self.clock), Path(item)
        if path.is_dir():
            positions = message_store.checkpoints(FileFollower.name(path))
            return FolderReader(path, positions, follow=follow, size=size)
        if not path.exists() and not (follow and path.parent.is_dir()):
            raise DataError(f"{path}: no such file or folder; check the path")
        position = message_store.checkpoint(FileFollower.name(path))
        if path.suffix.lower() in _TABLES:
            return TableReader(path, position, size=size)
        return FileFollower(path, position, follow=follow, size=size)

    def _listeners(self, listen: str | None, allow_hosts: Sequence[str]) -> list[Reader]:
        if listen is None:
            return []
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise SettingsError(f"--listen {listen}: expected HOST:PORT, as 127.0.0.1:8700")
        settings = self.settings
        hosts = (*settings.allow_hosts, *allow_hosts)
        bounds = {"most_items": settings.listen_items, "size": settings.batch_size}
        return [PushReader(host.strip("[]"), int(port), settings.listen_token, allow_hosts=hosts, **bounds)]

    def _sinks(self) -> list[Sink]:
        """Returns the sinks of the settings."""
        settings = self.settings
        log: list[Sink] = [LogSink(self.home / "alerts.jsonl")] if settings.log else []
        webhook: list[Sink] = [WebhookSink(settings.webhook)] if settings.webhook else []
        mail: list[Sink] = [MailSink(settings.smtp)] if settings.smtp else []
        return [*log, *webhook, *mail]
