"""The state behind a web application's pages: models folders, their servers, and applications."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from starlette.routing import BaseRoute

from tfapp import api
from tfapp.api import ServedModels
from tfapp.core.clock import Clock, utc_now
from tfapp.core.remote_server import RemoteServer
from tfapp.core.tensorflow_import import import_tensorflow
from tfapp.errors import RegistryError
from tfapp.web.background_jobs import BackgroundJobs
from tfapp.web.models_endpoint import ModelsConnector, ModelsEndpoint
from tfapp.web.views import Views
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["AppState", "OverviewTile", "Pages", "StatePages", "UnlabelledTexts", "WebApplication", "has_files"]

S = TypeVar("S", bound="AppState")
T = TypeVar("T")
# One server after another: modules that several threads import at once are seen half made.
_STARTING: Final = threading.Lock()


class Pages(Protocol):
    """A group of pages with their routes."""

    def routes(self) -> list[BaseRoute]:
        """Returns their routes."""


class StatePages(Generic[S]):
    """The base class of pages that show an application's state."""

    def __init__(self, views: Views, state: S) -> None:
        self._views = views
        self._state = state


@dataclass(frozen=True)
class OverviewTile:
    """An application in a few words.

    Attributes:
        title: Its heading.
        link: The page to look at next.
        count: The number that matters most; None: the application is not set up.
        caption: What is counted, and what else there is.
        urgent: Whether somebody has to look.
    """

    title: str
    link: str
    count: int | None = None
    caption: str = "not set up yet"
    urgent: bool = False


@dataclass(frozen=True)
class UnlabelledTexts:
    """Texts of an application for people to label.

    Attributes:
        title: What the pool of them is called.
        models: The served classifiers whose labels they may get.
        texts: The texts.
    """

    title: str
    models: Sequence[str]
    texts: Sequence[str]


@dataclass(frozen=True)
class WebApplication(Generic[T]):
    """An application as pages show it.

    Attributes:
        name: Its folder's name, and the first part of its pages' addresses.
        title: Its name in the menu.
        icon: Its picture there, one of those in `parts.html`.
        open_session: Opens what its pages are about, in its folder.
        close_session: Closes that.
        make_pages: Makes its pages.
        templates: The folder of their templates.
        make_tile: Sums up its session for the overview; None stands for an application that was not begun.
        unlabelled_texts: Returns its newest texts for people to label, at most so many; None: it has none.
        static: The folder of their stylesheets, served below `/static/NAME`; None: they have none of their own.
    """

    name: str
    title: str
    icon: str
    open_session: Callable[[Path, AppState], T]
    close_session: Callable[[T], None]
    make_pages: Callable[[Views, AppState], Pages]
    templates: Path
    make_tile: Callable[[T | None], OverviewTile]
    unlabelled_texts: Callable[[T, int], UnlabelledTexts] | None = None
    static: Path | None = None


class AppState:
    """Opens models folders and applications when they are first used.

    Args:
        home: The folder with the applications' folders, by their names.
        applications: Those that may be there.
        models: A models folder; None: `models` in the home folder.
        server: HOST:PORT of the server that is asked about all models; None: one is started for each folder.
        connect: Reaches a folder's server; None: as `server` says.
        clock: Tells the time.

    Attributes:
        endpoints: The models folders: `models`, and one of each application by its name.
        jobs: Work that takes longer than a page may.
        remote: The server that was named.
    """

    def __init__(
        self,
        home: Path,
        applications: Sequence[WebApplication[Any]] = (),
        *,
        models: Path | None = None,
        server: str | None = None,
        connect: ModelsConnector | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.home = home
        self.applications = tuple(applications)
        self.clock = clock
        self.jobs = BackgroundJobs()
        self.remote = None if server is None else RemoteServer.at(server)
        reach = connect or (lambda folder: _reach(folder, self.remote))
        folders = {"models": models or home / "models"}
        folders |= {application.name: home / application.name / "models" for application in applications}
        titles = {
            name: str(folder.relative_to(home) if folder.is_relative_to(home) else folder)
            for name, folder in folders.items()
        }
        self.endpoints = {name: ModelsEndpoint(name, titles[name], folder, reach) for name, folder in folders.items()}
        self._lock = threading.RLock()
        self._sessions: dict[str, Any] = {}
        self._closing = ExitStack()

    def application(self, name: str) -> WebApplication[Any] | None:
        """Returns the application of a name, if there is one."""
        return next((application for application in self.applications if application.name == name), None)

    @property
    def server(self) -> str | None:
        """Returns the address, HOST:PORT, of the server that is asked about all models, if one was named."""
        return self.remote.address if self.remote else None

    def session(self, application: WebApplication[T]) -> T | None:
        """Returns an application's session, which is opened once; None where the application was not begun."""
        name, home = application.name, self.home / application.name
        if not has_files(home):
            return self._sessions.get(name)
        return self.shared_session(name, lambda: application.open_session(home, self), application.close_session)

    def shared_session(self, name: str, make: Callable[[], T], close: Callable[[T], None]) -> T:
        """Returns the session of a name; it is opened on the first call, and closed with all others."""
        with self._lock:
            if name not in self._sessions:
                self._sessions[name] = session = make()
                self._closing.callback(close, session)
            return self._sessions[name]

    def start(self) -> None:
        """Starts the servers of all models folders in the background."""
        for endpoint in self.endpoints.values():
            endpoint.start()

    def models(self) -> list[tuple[ModelsEndpoint, CatalogueEntry]]:
        """Returns all models, folder by folder."""
        return [(endpoint, model) for endpoint in self.endpoints.values() for model in endpoint.models()]

    def model(self, endpoint: str, name: str) -> tuple[ModelsEndpoint, CatalogueEntry]:
        """Returns a model's endpoint and its catalogue entry.

        Raises:
            RegistryError: There is none.
        """
        target = self.endpoints.get(endpoint)
        entry = next((model for model in target.models() if model.name == name), None) if target else None
        if target is None or entry is None:
            raise RegistryError(f"no model {name[:80]} in {endpoint[:40]}; the Models page lists the models")
        return target, entry

    def close(self) -> None:
        """Ends work and servers, and closes databases."""
        self.jobs.stop()
        self._closing.close()
        for endpoint in self.endpoints.values():
            endpoint.close()


def has_files(home: Path) -> bool:
    """Returns whether an application has a database or settings in a folder."""
    return (home / "store.sqlite").is_file() or (home / "settings.toml").is_file()


@contextmanager
def _reach(folder: Path, remote: RemoteServer | None) -> Iterator[ServedModels]:
    if remote is None:
        with ExitStack() as stack:
            with _STARTING:
                import_tensorflow()
                server = stack.enter_context(api.serve(folder))
            yield server
    else:
        with remote.client() as client:
            yield ServedModels(remote.address, client)
