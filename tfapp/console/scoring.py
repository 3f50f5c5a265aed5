"""Scores the pools of the labelling page in the background."""

from __future__ import annotations

from tfapp.apps.feedback.pools import Pool
from tfapp.console.jobs import Job
from tfapp.console.places import Place
from tfapp.console.workplace import Workplace
from tfapp.errors import RegistryError

__all__ = ["Scoring"]


class Scoring:
    """Asks classifiers about pools.

    Args:
        workplace: Has the models and the pools.
    """

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

    def classifiers(self) -> list[str]:
        """The models that can be asked."""
        found = (model.name for _, model in self._workplace.models() if model.versions[-1].task == "classification")
        return list(dict.fromkeys(found))

    def place(self, model: str) -> Place:
        """Where a model is.

        Raises:
            RegistryError: It is not here.
        """
        found = next((place for place, known in self._workplace.models() if known.name == model), None)
        if found is None:
            raise RegistryError(f"{model}: this model is not here any more, so its pool cannot be scored")
        return found

    def start(self, pool: Pool) -> None:
        """Begins to score what was not scored, unless that goes on already."""
        self._workplace.jobs.start(_name(pool), lambda job: self._score(pool, job))

    def job(self, pool: Pool) -> Job | None:
        """The scoring that was started last."""
        return self._workplace.jobs.get(_name(pool))

    def _score(self, pool: Pool, job: Job) -> str:
        def go_on(done: int) -> bool:
            job.note = f"{done} texts"
            return not job.stopping

        done = self._workplace.feedback.score(pool, self.place(pool.model).client(), go_on=go_on)
        return f"{done} texts scored"


def _name(pool: Pool) -> str:
    return f"score {pool.id}"
