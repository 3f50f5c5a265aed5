"""The base class of applications: a folder, settings, a database, and a server of models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.settings import ApplicationSettings, load_settings
from tfapp.apps.shared.store import Store, make_private_folder
from tfapp.core.clock import Clock, utc_now
from tfapp.core.files import narrow, write_text
from tfapp.core.progress import ShowProgress
from tfapp.core.progress_bar import progress
from tfapp.core.remote_server import RemoteServer

__all__ = ["Application"]

S = TypeVar("S", bound=ApplicationSettings)

_SETTINGS = "settings.toml"
_PRIVATE_FOLDERS = ("runs", "training")


@dataclass(frozen=True)
class Application(Generic[S]):
    """An application in a folder; a sub-class names its `kind` of settings and its usual `folder`.

    Attributes:
        home: Its folder: models, runs, what it indexes, and the database unless that is elsewhere. All but `models` is
            its owner's alone; others may pass through the folder, since a server may run as another user.
        settings: Names of models, thresholds, the database.
        store: The database.
        server: The model server; None: one is started when it is needed, on the folder's models.
        clock: Tells the time.
        wait: Longest time to wait until that server has the models, in seconds.
        show_progress: Shows work that takes a while; by default a bar on a terminal or in a notebook.
    """

    kind: ClassVar[type[ApplicationSettings]]
    folder: ClassVar[str]

    home: Path
    settings: S
    store: Store
    server: RemoteServer | None = None
    clock: Clock = utc_now
    wait: float = 60.0
    show_progress: ShowProgress = progress

    @classmethod
    def open(
        cls,
        home: str | Path | None = None,
        *,
        settings: Path | None = None,
        overrides: Iterable[str] = (),
        server: str | None = None,
    ) -> Self:
        """Opens the application, or begins one.

        Args:
            home: Its folder; None: the usual one.
            settings: A settings file; None: `settings.toml` in the folder, or the defaults.
            overrides: Items NAME=VALUE.
            server: HOST:PORT of a model server; certificates and token come from the environment.

        Raises:
            SettingsError: A setting breaks its rule, or the environment has no right certificates.
            StoreError: The database cannot be used.
        """
        directory = Path(cls.folder if home is None else home)
        settings_file = directory / _SETTINGS
        own_settings = load_settings(
            cls.kind, settings or (settings_file if settings_file.is_file() else None), overrides
        )
        remote_server = None if server is None else RemoteServer.at(server)
        for path in (settings_file, *(directory / name for name in _PRIVATE_FOLDERS)):
            narrow(path)
        if own_settings.database is None:
            make_private_folder(directory, passable=True)
        store = Store.open(own_settings.database or directory / "store.sqlite")
        return cls(directory, own_settings, store, remote_server)  # type: ignore[arg-type]  # `kind` is S

    @property
    def models(self) -> ApplicationModels:
        """Returns the application's models."""
        return ApplicationModels(self.home / "models", self.server)

    def keep_settings(self) -> Path:
        """Writes the settings that differ from the defaults into the folder, and returns their file."""
        import tomli_w

        make_private_folder(self.home, passable=True)
        values = self.settings.model_dump(exclude_none=True, exclude_defaults=True, mode="json")
        write_text(self.home / _SETTINGS, tomli_w.dumps(values))
        return self.home / _SETTINGS
