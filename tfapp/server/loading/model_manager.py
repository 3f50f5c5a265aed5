"""Loads and unloads versions: follows folders and configuration, and swaps versions without a gap."""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from tfapp.server.loading.model_source import ModelSource, ServedModel
from tfapp.server.loading.served_versions import ServedVersions, check_labels
from tfapp.server.loading.version_state import LoadRetries, State, VersionState
from tfapp.server.malloc import release_memory
from tfapp.server.request_errors import RequestError, load_error

if TYPE_CHECKING:
    from tfapp.server.servables.servable import Servable

__all__ = ["Loader", "ModelManager"]

# Loads and warms up one version: its model's name, its number, its folder.
Loader: TypeAlias = "Callable[[str, int, Path], Servable]"

# What large requests leave behind would otherwise stay until a version is unloaded.
_RELEASE_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class ModelManager(ServedVersions):
    """Loads and unloads versions, and finds the one that a request asks for.

    A new version is loaded and warmed up before an old one is taken away, so a model that is served stays served. A
    version that does not load leaves the old one in place, and is tried again.

    Args:
        source: Tells the models to serve.
        load: Loads and warms up one version.
        max_load_retries: Times that a version is tried again after it failed.
        retry_seconds: Time between two tries; 0 or less: it is tried again at once.
        drain_seconds: How long the last requests of an old version are waited for.
    """

    def __init__(
        self,
        source: ModelSource,
        load: Loader,
        *,
        max_load_retries: int = 5,
        retry_seconds: float = 0.0,
        drain_seconds: float = 10.0,
    ) -> None:
        super().__init__()
        self._source = source
        self._load = load
        self._retries = LoadRetries(max_load_retries, retry_seconds)
        self._drain_seconds = drain_seconds
        # Held by whoever loads and unloads.
        self._polling = threading.Lock()
        self._wanted: dict[str, set[int]] = {}
        self._stopped = False
        self._thread: threading.Thread | None = None

    def poll(self) -> None:
        """Looks once for versions: loads new ones, then unloads those that are not wanted any more."""
        with self._polling:
            self._update_targets()
            self._load_and_unload()

    def reload(
        self,
        models: Sequence[ServedModel] | Callable[[], Sequence[ServedModel]],
        *,
        allow_unavailable: bool = False,
        seconds: float | None = None,
    ) -> None:
        """Replaces the configuration, and waits for the models that it names for the first time.

        Args:
            models: The models to serve from now on, or what reads them while no other configuration is applied, so
                that what was read before another one came cannot replace it.
            allow_unavailable: Whether a new label may point at a version that is not loaded yet.
            seconds: Longest time to wait; None: until the last retry failed.

        Raises:
            RequestError: A label points at a version that takes no requests, and the configuration stays as it was;
                or a new model did not become available.
        """
        end = math.inf if seconds is None else time.monotonic() + seconds
        with self._polling:
            configuration = models() if callable(models) else models
            with self._changed:
                check_labels(configuration, self._models, self._available, allow_unavailable=allow_unavailable)
                new = [model for model in configuration if model.name not in self._models]
                self._source = lambda: configuration
            self._update_targets()
            self._load_and_unload()
        self._wait_for(new, end)

    def start(self, interval: float) -> None:
        """Polls after each interval in seconds, and retries versions that did not load, in a thread until `stop`.

        With an interval of 0 or less it only retries. The thread also gives free memory back, once a minute.
        """
        self._thread = threading.Thread(target=self._keep_polling, args=(interval,), name="poll", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Ends the polling and unloads everything; returns False where a version still loads, or a request runs."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if not self._polling.acquire(timeout=max(self._drain_seconds, 1.0)):
            return False
        try:
            results = [self._unload(name, self._available(name), 0.0) for name in list(self._version_states)]
            gc.collect()
            return all(results)
        finally:
            self._polling.release()

    def _update_targets(self) -> None:
        models = {model.name: model for model in self._source()}
        # A missing base path changes nothing.
        on_disk = {name: model.versions_to_serve() for name, model in models.items()}
        self._wanted = {
            name: self._wanted.get(name, set()) if versions is None else versions for name, versions in on_disk.items()
        }
        with self._changed:
            self._models = models
            self._labels = {name: labels for name, labels in self._labels.items() if name in models}
            for model in models.values():
                self._point_labels(model)

    def _load_and_unload(self) -> None:
        """Loads versions that are wanted, then unloads those that are not wanted any more."""
        for model in list(self._models.values()):
            self._update_model(model, self._wanted[model.name])
        for name in set(self._version_states) - set(self._models):
            self._unload_unwanted(name, set())

    def _update_model(self, model: ServedModel, versions: set[int]) -> None:
        with self._changed:
            self._version_states.setdefault(model.name, {})
            missing_versions = sorted(versions - self._available(model.name))
        for version in missing_versions:
            self._try_load(model, version)
        if missing_versions:
            self._point_labels(model)
        if not versions or self._available(model.name) & versions:
            # A label that waits for its new version to load is answered by the old one until then.
            self._unload_unwanted(model.name, versions | self._awaited_versions(model))
        else:
            # Nothing new takes requests yet: the old version stays.
            self._forget(model.name, versions)

    def _unload_unwanted(self, name: str, versions: set[int]) -> None:
        self._forget(name, versions)
        if surplus := self._available(name) - versions:
            self._unload(name, surplus, self._drain_seconds)
            # Loaded models are full of reference cycles; their memory comes back only with a collection.
            gc.collect()
            release_memory()

    def _forget(self, name: str, versions: set[int]) -> None:
        with self._changed:
            for version, version_state in self._version_states[name].items():
                if version not in versions:
                    version_state.forget()

    def _try_load(self, model: ServedModel, version: int) -> None:
        with self._changed:
            version_state = self._version_states[model.name].setdefault(version, VersionState())
            if not self._retries.is_due(version_state):
                return
            version_state.state = State.LOADING
            self._changed.notify_all()
        start = time.monotonic()
        try:
            servable = self._load(model.name, version, model.folder(version))
        except Exception as error:  # noqa: BLE001 - whatever a model's file does, the server goes on
            self._note_failure(model.name, version, version_state, error)
            return
        with self._changed:
            version_state.note_load(servable)
            self._changed.notify_all()
        _log.info("model %s version %d: loaded in %.1f s", model.name, version, time.monotonic() - start)

    def _note_failure(self, name: str, version: int, version_state: VersionState, error: Exception) -> None:
        reason = load_error(error)
        with self._changed:
            last = self._retries.note_failure(version_state, reason)
            self._changed.notify_all()
        outcome = "given up" if last else "it is tried again"
        _log.error("model %s version %d: does not load, %s: %s", name, version, outcome, reason.message)

    def _unload(self, name: str, versions: set[int], drain_seconds: float) -> bool:
        all_idle = True
        for version in sorted(versions):
            is_idle = self._retire(self._version_states[name][version], drain_seconds)
            all_idle = all_idle and is_idle
            note = "" if is_idle else "; a request still works on it"
            _log.info("model %s version %d: unloaded%s", name, version, note)
        return all_idle

    def _retire(self, version_state: VersionState, drain_seconds: float) -> bool:
        with self._changed:
            version_state.state = State.UNLOADING
            self._changed.notify_all()
            is_idle = self._changed.wait_for(lambda: version_state.users == 0, drain_seconds)
            # A request that takes longer keeps the servable by itself.
            version_state.servable, version_state.state = None, State.END
            self._changed.notify_all()
        return is_idle

    def _wait_for(self, models: Sequence[ServedModel], end: float) -> None:
        """Waits until each of the models is available or given up."""

        def is_settled() -> bool:
            return not any(state.is_retried for model in models for state in self._version_states[model.name].values())

        with self._changed:
            if self._thread is not None:
                seconds_left = None if end == math.inf else max(0.0, end - time.monotonic())
                self._changed.wait_for(lambda: self._stopped or is_settled(), seconds_left)
            missing_models = [model for model in models if not self._available(model.name)]
            if missing_models:
                text = ", ".join(self._load_problem(model) for model in missing_models)
                raise RequestError(
                    grpc.StatusCode.UNKNOWN, f"{len(missing_models)} model(s) did not become available: {{{text}, }}"
                )

    def _load_problem(self, model: ServedModel) -> str:
        errors = {version: state.error for version, state in self._version_states[model.name].items() if state.error}
        if not errors:
            return f"{{{{name: {model.name}}} due to error: no version in {model.base_path}}}"
        version, error = max(errors.items())
        return f"{{{{name: {model.name} version: {version}}} due to error: {error.code.name}: {error.message}}}"

    def _keep_polling(self, interval: float) -> None:
        look = time.monotonic() + interval if interval > 0 else math.inf
        release = time.monotonic() + _RELEASE_SECONDS
        while self._sleep_until(min(look, release)):
            try:
                if time.monotonic() >= release:
                    release = time.monotonic() + _RELEASE_SECONDS
                    release_memory()
                elif time.monotonic() >= look:
                    look = time.monotonic() + interval
                    self.poll()
                else:
                    with self._polling:
                        self._load_and_unload()
            except Exception:  # noqa: BLE001 - the next poll may go better
                _log.exception("the models could not be looked for; what is loaded stays in service")

    def _sleep_until(self, look: float) -> bool:
        """Sleeps until it is time to look for versions or to try one again; False: the server stops."""
        with self._changed:
            while not self._stopped:
                states = (state for states in self._version_states.values() for state in states.values())
                wake_time = min(look, self._retries.next_time(states))
                seconds = wake_time - time.monotonic()
                if seconds <= 0:
                    return True
                self._changed.wait(None if seconds == math.inf else seconds)
        return False
