"""Chooses the models that `tfapp serve` serves: a folder, a model config file, or one model's own folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.server import ModelServer, ServerSettings

__all__ = ["ServedChoice"]


@dataclass(frozen=True)
class ServedChoice:
    """The choice of the models to serve, in one of three ways.

    Attributes:
        folder: A models folder.
        names: With a folder: the models to serve; none: all.
        config: A model config file.
        base_path: One model's own folder.
        name: That model's name.
    """

    folder: Path | None
    names: tuple[str, ...]
    config: Path | None
    base_path: Path | None
    name: str

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.folder, self.config, self.base_path)) != 1:
            raise SettingsError(
                "give one of these to serve: a models folder, --model_config_file FILE, or --model_base_path FOLDER"
            )
        if self.names and self.folder is None:
            raise SettingsError("--model chooses from a models folder; the model config file names its own models")

    def server(self, settings: ServerSettings) -> ModelServer:
        """Makes the server, not started."""
        from tfapp.server import configured_server, folder_server, single_server

        if self.config is not None:
            return configured_server(self.config, settings)
        if self.base_path is not None:
            return single_server(self.name, self.base_path, settings)
        assert self.folder is not None
        return folder_server(self.folder, self.names, settings)

    def warnings(self, server: ModelServer) -> list[str]:
        """Returns a line for each model whose callers without a label get another version than labels name."""
        from tfapp.registry import CONFIG_FILE
        from tfapp.registry.unlabelled_versions import unlabelled_warnings

        if self.base_path is not None:
            return self._base_path_warnings(self.base_path.absolute(), server)
        file = self.folder / CONFIG_FILE if self.folder is not None else self.config
        if file is None or not file.exists():
            return []
        try:
            lines = unlabelled_warnings(file, server.manager.available(), self.folder)
        except SettingsError:
            # It was good a moment ago: whoever follows the file tells what it has become.
            return []
        settings, of_folder = server.settings, self.folder is not None
        interval = settings.file_system_poll_wait_seconds if of_folder else settings.model_config_file_poll_wait_seconds
        return lines if interval > 0 else [f"{line} (this server reads the file at its start alone)" for line in lines]

    def _base_path_warnings(self, base_path: Path, server: ModelServer) -> list[str]:
        """Returns a line where the model config file beside the model's folder gives `stable` another version."""
        from tfapp.registry import STABLE, LabelStore

        try:
            store = LabelStore.open(base_path.parent)
            stable = store.model(base_path.name).labels.get(STABLE)
        except SettingsError:
            # The server reads no such file, so it may be as it likes.
            return []
        newest = max(server.manager.available().get(self.name, ()), default=None)
        if stable is None or newest in (None, stable):
            return []
        return [
            f"{self.name}: this server loads version {newest}, though stable names version {stable} in {store.config}; "
            f"--model_base_path reads no labels, --model_config_file={store.config} does"
        ]
