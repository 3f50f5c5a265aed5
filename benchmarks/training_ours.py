"""The worker of training.py for tfapp: what `tfapp train` does, watched by an observer.

    python training_ours.py TASK.json THREADS PRECISION MODE

PRECISION is as `training.precision`; MODE and the answers are those of training_timers.py.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from training_timers import TrainingTimer, make_timer

from tfapp.core.threads import set_training_threads

_EPOCHS = 1000


def main() -> None:
    file, threads, precision, mode = sys.argv[1:]
    # As the command does, of all the processors or, where there are to be fewer threads, of those.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    set_training_threads()
    task = json.loads(Path(file).read_text(encoding="utf-8"))
    task["experiment"]["training"]["precision"] = precision
    with tempfile.TemporaryDirectory() as folder:
        (take_turns if mode == "turns" else reach)(task, mode, Path(folder))


class StepObserver:
    """An observer that reports the steps; what happens between two epochs is no step."""

    def __init__(self, timer: TrainingTimer, tokens: Tokens) -> None:
        self._timer = timer
        self._tokens = tokens

    def on_start(self, step: int, total_steps: int) -> None:
        del step, total_steps
        self._timer.start()

    def on_progress(self, step: int) -> None:
        self._timer.step(self._tokens(step - 1))
        if step % self._tokens.steps == 0:
            self._timer.pause()

    def on_step(self, event: Any) -> None:
        pass

    def on_epoch(self, event: Any) -> None:
        del event
        self._timer.resume()


class Tokens:
    """The numbers of tokens that the steps learn from.

    Args:
        task: The experiment and its rows.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        training = task["experiment"]["training"]
        self._lengths = np.array([len(ids) for ids in task["train"]["ids"]])
        self._batch, self._seed = training["batch_size"], training["seed"]
        self.steps = -(-len(self._lengths) // self._batch)
        self._epoch: tuple[int, np.ndarray] | None = None

    def __call__(self, step: int) -> int:
        from tfapp.data.batches import epoch_batches

        epoch, index = divmod(step, self.steps)
        if self._epoch is None or self._epoch[0] != epoch:
            rows, weights = epoch_batches(self._lengths, self._batch, seed=self._seed, epoch=epoch)
            self._epoch = epoch, (self._lengths[rows] * weights).sum(axis=1)
        return int(self._epoch[1][index])


def take_turns(task: dict[str, Any], mode: str, folder: Path) -> None:
    """Trains as the command does, for more epochs than will be asked for."""
    import tensorflow as tf

    import tfapp
    from tfapp.tasks.experiments import parse_experiment

    task["experiment"]["training"]["epochs"] = _EPOCHS
    timer = make_timer(mode, tf.test.experimental.sync_devices, lambda: 0.0)
    experiment = parse_experiment(task["experiment"])
    tfapp.fit(experiment, runs=folder, quiet=True, observers=[StepObserver(timer, Tokens(task))])


def reach(task: dict[str, Any], mode: str, folder: Path) -> None:
    """Trains in the same way, with the model at hand between two steps."""
    import tensorflow as tf

    from tfapp import training
    from tfapp.data import load
    from tfapp.tasks.experiments import parse_experiment
    from tfapp.tasks.registry import find_task
    from tfapp.workflows.build import build

    experiment = parse_experiment(task["experiment"])
    strategy = training.make_strategy(experiment.training.strategy)
    splits = load(experiment.data, schema=find_task(experiment.task).schema)
    learner = build(experiment, splits, strategy, quiet=True)
    model = learner.model
    train_split, dev_split = (training.tokenize_split(model, table) for table in (splits.train, splits.dev))
    predictor = training.make_predictor(model, dev_split.targets)

    def accuracy() -> float:
        logits = training.predict_logits(predictor, dev_split.texts, dev_split.targets)
        return float((logits.argmax(axis=-1) == dev_split.targets).mean())

    timer = make_timer(mode, tf.test.experimental.sync_devices, accuracy)
    folder = training.create_run(experiment, folder)
    model.shards = folder.shards
    training.train(
        model,
        strategy,
        train_split=train_split,
        dev_split=dev_split,
        settings=experiment.training,
        folder=folder,
        evaluate=find_task("classification").evaluator().fit_and_evaluate,
        precision=learner.precision,
        observers=[StepObserver(timer, Tokens(task))],
    )
    timer.end()


if __name__ == "__main__":
    main()
