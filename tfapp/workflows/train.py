"""Joins data, models and training: a run of an experiment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tfapp.config import Experiment, dump_toml
from tfapp.core.files import sweep_drafts
from tfapp.core.shared_arrays import SharedArrays
from tfapp.data import Splits
from tfapp.evaluation import check_evaluation
from tfapp.models import TaskModel
from tfapp.tasks.models import load_model
from tfapp.tasks.registry import find_task
from tfapp.training import (
    HistoryObserver,
    Observer,
    RunFolder,
    TensorBoardLog,
    TensorBoardObserver,
    TimeBudget,
    TokenizedSplit,
    create_run,
    is_chief,
    make_strategy,
    measure_learning_curve,
    tokenize_split,
    total_over_workers,
    train,
)
from tfapp.workflows.build import Learner, build
from tfapp.workflows.calibrate_run import calibrate
from tfapp.workflows.evaluate import evaluate_test_split
from tfapp.workflows.inference import packed_model
from tfapp.workflows.resume import find_resumable
from tfapp.workflows.run_data import check_same_data, load_splits
from tfapp.workflows.summarize_run import write_learning_curve
from tfapp.workflows.training_progress import TrainingProgress

__all__ = ["finish_run", "run_experiment", "train_weights"]


def run_experiment(
    experiment: Experiment,
    splits: Splits | None,
    runs: Path,
    *,
    resume: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
    shared: SharedArrays | None = None,
) -> RunFolder:
    """Trains, evaluates on the test split, and keeps everything in a run's folder, which is returned.

    Args:
        experiment: What to do.
        splits: Its data; None: they are read.
        runs: The folder of all runs.
        resume: Go on with the newest run of the experiment, or leave it as it is if it is finished.
        quiet: Show no progress.
        observers: Told of steps and epochs, beside the run's own.
        shared: What other trainings on the same data have computed; None: nothing is shared.

    Raises:
        TfappError: Settings, data, preset or training cannot be used, or another process trains the run.
    """
    earlier_run = find_resumable(experiment, runs) if resume else None
    if earlier_run and earlier_run.is_finished:
        return earlier_run
    check_evaluation(find_task(experiment.task).evaluation)
    # Before any op runs: several workers must find each other first.
    strategy = make_strategy(experiment.training.strategy)
    chief = is_chief(strategy)
    with ExitStack() as stack:
        if earlier_run and chief:
            stack.enter_context(earlier_run.locked())
            if earlier_run.is_finished:  # by another process, just now
                return earlier_run
            sweep_drafts(earlier_run.path)
        splits = splits or load_splits(experiment, quiet=quiet)
        # Before there is a folder: a preset that cannot be had leaves no run behind.
        learner = build(experiment, splits, strategy, quiet=quiet)
        home = runs if chief else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = earlier_run or create_run(experiment, home, locks=stack)
        record = train_weights(
            learner,
            experiment,
            splits,
            strategy,
            folder,
            learning_curve=not earlier_run,
            quiet=quiet,
            observers=observers,
            shared=shared,
        )
        # It holds weights that the evaluation does not need.
        del learner
        if chief:
            finish_run(folder, splits, record, quiet=quiet)
        # A worker that leaves early looks to the others like one that crashed.
        total_over_workers(strategy, 0)
    return folder


def train_weights(
    learner: Learner,
    experiment: Experiment,
    splits: Splits,
    strategy: Any,
    folder: RunFolder,
    *,
    learning_curve: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
    budget: TimeBudget | None = None,
    shared: SharedArrays | None = None,
) -> dict[str, Any]:
    """Trains and keeps the best weights in a run's folder; the test split is not looked at.

    Args:
        learner: From `build`.
        experiment: What to do.
        splits: Its data.
        strategy: From `make_strategy`.
        folder: That of the run, which may have been begun before.
        learning_curve: Measure whether more labels pay, before the training.
        quiet: Show no progress.
        observers: Told of steps and epochs, beside the run's own.
        budget: The time that is left for it; None: as long as it takes.
        shared: As in `run_experiment`.

    Returns:
        What `finish_run` writes of the training.

    Raises:
        TfappError: Settings, data, preset or training cannot be used.
    """
    chief = is_chief(strategy)
    model, distillation = learner.model, learner.distillation
    train_split, dev_split = _prepare_splits(learner, splits, folder, shared)
    fits_head = experiment.training.adapt == "head" or experiment.training.head_start == "fitted"
    has_curve = learning_curve and not experiment.model.from_scratch
    frozen = None
    if (has_curve or fits_head) and model.head is not None:
        # What the BERT makes of texts before it has learnt anything is computed as in serving.
        frozen = packed_model(model, bfloat16=learner.precision.rewrite)
    if has_curve:
        batch_size = experiment.training.batch_size
        curve = measure_learning_curve(frozen or model, train_split, dev_split, strategy, batch_size)
        if curve:
            write_learning_curve(folder, curve)
    if not fits_head:
        # It holds the weights a second time.
        frozen = None
    task = find_task(experiment.task)
    with ExitStack() as stack:
        state = train(
            model,
            strategy,
            train_split=distillation.prepare(train_split) if distillation else train_split,
            dev_split=dev_split,
            settings=experiment.training,
            folder=folder,
            evaluate=task.evaluator().fit_and_evaluate,
            precision=learner.precision,
            frozen=frozen,
            objective=distillation,
            observers=[*observers, *_own_watchers(stack, folder, experiment, chief=chief, quiet=quiet)],
            budget=budget,
            shared=shared,
            method=task.classes().find_method(experiment.training),
        )
    if chief:
        _calibrate_best(folder, train_split, dev_split, experiment)
    score = state.best_score if splits.dev.num_rows else None
    counts = {"trained_weights": learner.trained_weights, "weights": model.trainable_weights()}
    return {"epochs": state.epoch, "dev_score": score, **counts, **({"cut": state.cut} if state.cut else {})}


def _prepare_splits(
    learner: Learner, splits: Splits, folder: RunFolder, shared: SharedArrays | None
) -> tuple[TokenizedSplit, TokenizedSplit]:
    """Prepares the networks for a run and its data, records these, and returns train and dev, tokenized."""
    model, distillation = learner.model, learner.distillation
    model.preprocessor.shared = shared
    # A run that goes on divides batches as it began.
    for network in (model, *distillation.teachers) if distillation else (model,):
        network.shards = folder.shards
    _remember_data(folder, splits, model)
    train_split, dev_split = tokenize_split(model, splits.train), tokenize_split(model, splits.dev)
    model.prepare(train_split.targets)
    return train_split, dev_split


def finish_run(folder: RunFolder, splits: Splits, record: dict[str, Any], *, quiet: bool) -> None:
    """Evaluates a trained run on its test split, and completes the files of a finished run.

    Args:
        folder: The run, trained.
        splits: Its data.
        record: Of the training, from `train_weights`.
        quiet: Show no progress.
    """
    best = _load_best(folder)
    evaluate_test_split(folder, best, splits, quiet=quiet)
    _finish(folder, best, record)


def _calibrate_best(
    folder: RunFolder, train_split: TokenizedSplit, dev_split: TokenizedSplit, experiment: Experiment
) -> None:
    """Fits the calibration of the best epoch's weights, such as the temperature, and saves both together."""
    best = _load_best(folder)
    if calibrate(best, folder, train_split, dev_split, temperatures=experiment.training.calibrate):
        best.save(folder.model)


def _load_best(folder: RunFolder) -> TaskModel:
    best = load_model(folder.model)
    best.shards = folder.shards
    return best


def _finish(folder: RunFolder, best: TaskModel, results: dict[str, Any]) -> None:
    """Writes the files that mark a run as finished, and removes those that only a resumed one would need."""
    best.write_products(folder.path)
    with TensorBoardLog(folder.tensorboard) as log:
        log.end()
    folder.write("finished", results)
    folder.remove_leftovers()


def _own_watchers(
    stack: ExitStack, folder: RunFolder, experiment: Experiment, *, chief: bool, quiet: bool
) -> Iterator[Observer]:
    """Yields history and TensorBoard's files, which the chief writes, and the progress bar."""
    if chief:
        yield HistoryObserver(folder.history)
        yield stack.enter_context(TensorBoardObserver(folder.tensorboard, dump_toml(experiment)))
    if not quiet:
        yield stack.enter_context(TrainingProgress())


def _remember_data(folder: RunFolder, splits: Splits, model: TaskModel) -> None:
    """Records the data of a new run; checks that those of an old one are as recorded."""
    if (folder.path / "data.json").exists():
        check_same_data(folder, splits)
        return
    first = (splits.dev if splits.dev.num_rows else splits.train).slice(0, 16)
    folder.write(
        "data",
        {
            "fingerprint": splits.fingerprint,
            "labels": splits.labels,
            "report": splits.report.to_dict(),
            "samples": model.rows(first.to_pydict()),
        },
    )
