"""Scores the pools of the labelling page in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tfapp.apps.feedback.tables import PoolRow
from tfapp.console.console_state import ConsoleState
from tfapp.core.wording import pluralize
from tfapp.errors import RegistryError
from tfapp.tasks.registry import all_tasks
from tfapp.web.background_jobs import BackgroundJob
from tfapp.web.models_endpoint import ModelsEndpoint

__all__ = ["BackgroundScoring"]

_LOOK_SECONDS: Final = 20.0


class BackgroundScoring:
    """Scores pools by classifiers, in the background.

    Args:
        state: Has the models and the pools.
        ticks: Tells the time, in seconds.
    """

    def __init__(self, state: ConsoleState, ticks: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._ticks = ticks
        self._started: dict[str, float] = {}

    def classifiers(self) -> list[str]:
        """Returns the models that can score texts."""
        tasks = {name for name, task in all_tasks().items() if task.classifies_texts}
        return list(dict.fromkeys(model.name for _, model in self._state.models() if model.released.task in tasks))

    def endpoint(self, model: str) -> ModelsEndpoint:
        """Returns the endpoint of a model.

        Raises:
            RegistryError: It is not here.
        """
        for endpoint, entry in self._state.models():
            if entry.name == model:
                return endpoint
        raise RegistryError(
            f"{model}: this model no longer exists, so its pool cannot be scored; publish it again, or "
            "add a pool for another model"
        )

    def start(self, pool: PoolRow) -> None:
        """Starts to score a pool by the released version; where that is running, it runs once more afterwards."""
        self._started[pool.id] = self._ticks()
        self._state.jobs.start(_name(pool), lambda job: self._score(pool, job), again=True)

    def keep_up(self, pool: PoolRow) -> None:
        """Starts to score again once in a while: there may be a new version, or a scoring may have failed."""
        if self._ticks() - self._started.get(pool.id, float("-inf")) >= _LOOK_SECONDS:
            self.start(pool)

    def job(self, pool: PoolRow) -> BackgroundJob | None:
        """Returns the last job of a pool."""
        return self._state.jobs.get(_name(pool))

    def _score(self, pool: PoolRow, job: BackgroundJob) -> str:
        def go_on(count: int) -> bool:
            job.note = pluralize(count, "text")
            return not job.stopping

        count = self._state.feedback.score(pool, self.endpoint(pool.model).client(), go_on=go_on)
        return f"{pluralize(count, 'text')} scored"


def _name(pool: PoolRow) -> str:
    return f"score {pool.id}"
