"""What the console shows: models folders with their servers, the applications in a folder, and the feedback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from tfapp import api
from tfapp.api import ServedModels
from tfapp.apps.feedback.service import Feedback
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.recommend.session import RecommendRoom
from tfapp.apps.shared.clock import Clock, utc_now
from tfapp.apps.support.session import SupportRoom
from tfapp.core.tensorflow_import import import_tensorflow
from tfapp.errors import RegistryError
from tfapp.web.jobs import Jobs
from tfapp.web.models_endpoint import Connect, Place
from tfapp.workflows.remote_server import RemoteServer
from tfapp.workflows.version_catalogue import ModelFacts

__all__ = ["Workplace"]

T = TypeVar("T")
# One server after another: modules that several threads import at once are seen half made.
_STARTING: Final = threading.Lock()
_APPLICATIONS: Final = ("support", "monitor", "recommend")


class Workplace:
    """Opens what there is when it is first looked at.

    Args:
        home: The folder with the applications' folders, by their names.
        models: A models folder; None: `models` in it.
        server: HOST:PORT of the server that is asked about all models; None: one is started for each folder.
        database: URL of the feedback's database; None: a file in `feedback` in the folder.
        connect: Reaches a folder's server; None: as `server` says.
        clock: Tells the time.
    """

    def __init__(
        self,
        home: Path,
        *,
        models: Path | None = None,
        server: str | None = None,
        database: str | None = None,
        connect: Connect | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.home = home
        self.clock = clock
        self.jobs = Jobs()
        self._database = database
        self._lock = threading.RLock()
        self._remote = None if server is None else RemoteServer.named(server)
        reach = connect or (lambda folder: _reach(folder, self._remote))
        folders = {"models": models or home / "models", **{name: home / name / "models" for name in _APPLICATIONS}}
        self.places = {name: Place(name, _title(folder, home), folder, reach) for name, folder in folders.items()}
        self._feedback: Feedback | None = None
        self._opened: dict[str, Any] = {}
        self._closing = ExitStack()

    @property
    def server(self) -> str | None:
        """HOST:PORT of the server that is asked about all models, if one was named."""
        return self._remote.address if self._remote else None

    @property
    def feedback(self) -> Feedback:
        """The feedback, which is begun where there is none."""
        with self._lock:
            if self._feedback is None:
                made = Feedback.open(self.home / "feedback", database=self._database, clock=self.clock)
                self._closing.callback(made.store.close)
                self._feedback = made
            return self._feedback

    @property
    def begun_feedback(self) -> Feedback | None:
        """The feedback, if anything was kept: looking at the console makes no folder."""
        begun = self._database is not None or self._feedback is not None or _was_begun(self.home / "feedback")
        return self.feedback if begun else None

    @property
    def support(self) -> SupportRoom | None:
        """The customer service, if one was built."""
        return self._open("support", self._support_room, SupportRoom.close)

    @property
    def recommend(self) -> RecommendRoom | None:
        """The recommender, if one was begun."""
        return self._open("recommend", lambda home, place: RecommendRoom(home, place, self.clock), RecommendRoom.close)

    @property
    def monitor(self) -> Monitor | None:
        """The monitor, if one was begun."""
        return self._open("monitor", lambda home, _: Monitor.open(home), lambda monitor: monitor.store.close())

    def start(self) -> None:
        """Begins to start the servers of what there is."""
        for place in self.places.values():
            place.start()

    def models(self) -> list[tuple[Place, ModelFacts]]:
        """All models, folder by folder."""
        return [(place, model) for place in self.places.values() for model in place.models()]

    def model(self, place: str, name: str) -> tuple[Place, ModelFacts]:
        """A model.

        Raises:
            RegistryError: There is none.
        """
        found = self.places.get(place)
        facts = next((model for model in found.models() if model.name == name), None) if found else None
        if found is None or facts is None:
            raise RegistryError(f"no model {name[:80]} in {place[:40]}; the models page lists what there is")
        return found, facts

    def close(self) -> None:
        """Ends work and servers, and closes databases."""
        self.jobs.stop()
        self._closing.close()
        for place in self.places.values():
            place.close()

    def _support_room(self, home: Path, place: Place) -> SupportRoom:
        return SupportRoom(home, place, self.clock, self._remote)

    def _open(self, name: str, make: Callable[[Path, Place], T], close: Callable[[T], None]) -> T | None:
        home = self.home / name
        with self._lock:
            if name not in self._opened and _was_begun(home):
                self._opened[name] = made = make(home, self.places[name])
                self._closing.callback(close, made)
            return self._opened.get(name)


@contextmanager
def _reach(folder: Path, remote: RemoteServer | None) -> Iterator[ServedModels]:
    if remote is None:
        with ExitStack() as running:
            with _STARTING:
                import_tensorflow()
                served = running.enter_context(api.serve(folder))
            yield served
    else:
        with remote.client() as client:
            yield ServedModels(remote.address, client)


def _title(folder: Path, home: Path) -> str:
    return str(folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)


def _was_begun(home: Path) -> bool:
    return (home / "store.sqlite").is_file() or (home / "settings.toml").is_file()
