"""Joins data, models and training: a run of an experiment, and its evaluation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfapp.config import Experiment, dump_toml
from tfapp.core.files import private_folder, sweep_drafts
from tfapp.core.terminal import progress
from tfapp.data import OverlapMasks, Splits, find_overlap, fingerprint_rows, load_table
from tfapp.errors import DataError, TrainingError
from tfapp.evaluation import Evaluation, Overlap, check_evaluation, write_report
from tfapp.models import TaskModel
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.models import load_model
from tfapp.tasks.registry import find_task
from tfapp.training import (
    HistoryObserver,
    Observer,
    RunFolder,
    TensorBoardLog,
    TensorBoardObserver,
    TokenizedSplit,
    calibrate,
    calibrate_unknown,
    choose_precision,
    count_trained,
    create_run,
    find_resumable,
    is_chief,
    make_predictor,
    make_strategy,
    measure_learning_curve,
    predict_logits,
    tokenize_split,
    total_over_workers,
    train,
)
from tfapp.workflows.build import build
from tfapp.workflows.run_data import check_same_data, load_run_splits
from tfapp.workflows.run_summary import summarize_run, write_learning_curve
from tfapp.workflows.training_output import TrainingProgress

__all__ = ["evaluate_run", "evaluate_split", "finish_run", "run_experiment", "train_weights"]


def run_experiment(
    experiment: Experiment,
    data: Splits | Callable[[], Splits],
    runs: Path,
    *,
    resume: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
) -> RunFolder:
    """Trains, evaluates on the test split, and keeps everything in a run's folder, which is returned.

    Args:
        experiment: What to do.
        data: The splits, or what loads them.
        runs: The folder of all runs.
        resume: Go on with the newest run of the experiment, or leave it as it is if it is finished.
        quiet: Show no progress.
        observers: Told of steps and epochs, beside the run's own.

    Raises:
        TfappError: Settings, data, preset or training cannot be used, or another process trains the run.
    """
    resumed = find_resumable(experiment, runs, load_experiment) if resume else None
    if resumed and resumed.finished:
        return resumed
    check_evaluation(find_task(experiment.task).evaluation)
    # Before any op runs: several workers must find each other first.
    strategy = make_strategy(experiment.training.strategy)
    chief = is_chief(strategy)
    with ExitStack() as stack:
        if resumed and chief:
            stack.enter_context(resumed.locked())
            if resumed.finished:  # by another process, just now
                return resumed
            sweep_drafts(resumed.path)
        splits = data() if callable(data) else data
        home = runs if chief else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder, record = train_weights(
            experiment,
            splits,
            strategy,
            lambda: resumed or create_run(experiment, home, held=stack),
            learning_curve=not resumed,
            quiet=quiet,
            observers=observers,
        )
        if chief:
            finish_run(folder, splits, record, quiet=quiet)
        # A worker that leaves early looks to the others like one that crashed.
        total_over_workers(strategy, 0)
    return folder


def train_weights(
    experiment: Experiment,
    splits: Splits,
    strategy: Any,
    open_folder: Callable[[], RunFolder],
    *,
    learning_curve: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
) -> tuple[RunFolder, dict[str, Any]]:
    """Trains and keeps the best weights in a run's folder; the test split is not looked at.

    Args:
        experiment: What to do.
        splits: Its data.
        strategy: From `make_strategy`.
        open_folder: Makes the folder, or returns that of a run to go on with, once the model is built: a preset that
            cannot be had leaves no run behind.
        learning_curve: Measure whether more labels pay, before the training.
        quiet: Show no progress.
        observers: Told of steps and epochs, beside the run's own.

    Returns:
        The folder, and what `finish_run` writes of the training.

    Raises:
        TfappError: Settings, data, preset or training cannot be used.
    """
    _seed(experiment)
    chief = is_chief(strategy)
    precision = choose_precision(experiment.training.precision)
    model, lesson = build(experiment, splits, strategy, precision, quiet=quiet)
    trained = count_trained(model, experiment.training)
    folder = open_folder()
    # A run that goes on divides batches as it began.
    for learner in (model, lesson.teacher) if lesson else (model,):
        learner.shards = folder.shards
    _remember_data(folder, splits, model)
    train_split, dev_split = tokenize_split(model, splits.train), tokenize_split(model, splits.dev)
    model.prepare(train_split.targets)
    if learning_curve and not experiment.model.from_scratch:
        curve = measure_learning_curve(model, train_split, dev_split, strategy, experiment.training.batch_size)
        if curve:
            write_learning_curve(folder, curve)
    with ExitStack() as watching:
        state = train(
            model,
            strategy,
            train_split=lesson.prepare(train_split) if lesson else train_split,
            dev_split=dev_split,
            settings=experiment.training,
            folder=folder,
            evaluate=find_task(experiment.task).evaluator().fit_and_evaluate,
            precision=precision,
            objective=lesson,
            observers=[*observers, *_own_watchers(watching, folder, experiment, chief=chief, quiet=quiet)],
        )
    if chief:
        best = load_model(folder.model)
        best.shards = folder.shards
        fit = find_task(experiment.task).evaluator().fit_temperatures
        changed = calibrate_unknown(best, train_split, dev_split)
        wanted = experiment.training.calibrate
        if calibrate(best, folder, train_split, dev_split, fit, enabled=wanted) or changed:
            best.save(folder.model)
    score = state.best_score if splits.dev.num_rows else None
    counts = {"trained_weights": trained, "weights": model.trainable_weights()}
    return folder, {"epochs": state.epoch, "dev_score": score, **counts}


def finish_run(folder: RunFolder, splits: Splits, record: dict[str, Any], *, quiet: bool) -> None:
    """Evaluates a trained run on its test split, and leaves what a finished run has.

    Args:
        folder: The run, trained.
        splits: Its data.
        record: Of the training, from `train_weights`.
        quiet: Show no progress.
    """
    best = load_model(folder.model)
    best.shards = folder.shards
    _evaluate_split(folder, best, splits, quiet=quiet)
    _finish(folder, best, record)


def evaluate_run(folder: RunFolder, data: str | None, *, quiet: bool) -> Evaluation:
    """Evaluates a run's best weights on its test split, or on all of other labelled texts.

    The evaluation is in the run's folder then, with its page.

    Raises:
        TfappError: The run or the data cannot be used.
    """
    experiment = folder.experiment(load_experiment)
    model = load_model(folder.model)
    if data is None:
        return _evaluate_split(folder, model, load_run_splits(folder), quiet=quiet)
    table = load_table(
        data,
        experiment.data,
        labels=model.labels,
        schema=find_task(experiment.task).schema,
        multi_label=experiment.model.multi_label,
    )
    overlap: OverlapMasks | str
    try:
        overlap = find_overlap(table, load_run_splits(folder))
    except (DataError, TrainingError) as error:
        overlap = str(error)
    return _evaluate_table(folder, model, table, data, data, overlap=overlap, quiet=quiet)


def evaluate_split(model: TaskModel, split: TokenizedSplit, description: str, *, quiet: bool) -> Evaluation:
    """Evaluates a model on a tokenized split, with a progress bar."""
    with progress(description, "texts", quiet=quiet) as advance:
        predictor = make_predictor(model, split.targets)
        logits = predict_logits(predictor, split.texts, split.targets, on_progress=advance)
    return find_task(model.task.name).evaluator().evaluate(model, logits, split)


def _evaluate_overlap(model: TaskModel, table: Any, masks: OverlapMasks | str, *, quiet: bool) -> Overlap | None:
    """Evaluates what neither repeats a row nor is one of the training; `masks` may say why nothing is known of that."""
    if isinstance(masks, str):
        return Overlap(table.num_rows, problem=masks)
    if not masks.any.any():
        return None
    overlap = Overlap(
        table.num_rows,
        repeated=int(masks.repeated.sum()),
        learnt=int(masks.learnt.sum()),
        left_out=int(masks.left_out.sum()),
        chosen=int(masks.chosen.sum()),
    )
    rest = table.filter(~masks.any)
    if not rest.num_rows:
        return overlap
    new = evaluate_split(model, tokenize_split(model, rest), "Evaluating what is new", quiet=quiet)
    return replace(overlap, count=new.count, score=new.main_score, interval=new.main_interval)


def _finish(folder: RunFolder, best: TaskModel, facts: dict[str, Any]) -> None:
    """Writes what a finished run leaves, and removes what only a resumed one would need."""
    best.write_products(folder.path)
    folder.write("finished", facts)
    for file in (folder.checkpoint, folder.held_out, folder.lock):
        file.unlink(missing_ok=True)
    for leftover in (folder.features, folder.contrast):
        shutil.rmtree(leftover, ignore_errors=True)


def _seed(experiment: Experiment) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(experiment.training.seed)
    if experiment.training.deterministic and not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


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
    """Remembers the data of a new run; compares those of an old one with what it remembers."""
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


def _evaluate_split(folder: RunFolder, model: TaskModel, splits: Splits, *, quiet: bool) -> Evaluation:
    split = "test" if splits.test.num_rows else "dev"
    table = getattr(splits, split)
    # A split that tfapp made repeats nothing.
    whole = getattr(splits.settings, split) is not None
    overlap = find_overlap(table, splits, on_dev=split == "dev") if whole else None
    evaluation = _evaluate_table(
        folder, model, table, None, f"{split} split", overlap=overlap, on_dev=split == "dev", quiet=quiet
    )
    with TensorBoardLog(folder.tensorboard) as log:
        log.evaluation(evaluation, step=0, split="test")
    return evaluation


def _evaluate_table(
    folder: RunFolder,
    model: TaskModel,
    table: Any,
    data: str | None,
    what: str,
    *,
    overlap: OverlapMasks | str | None,
    on_dev: bool = False,
    quiet: bool,
) -> Evaluation:
    evaluation = evaluate_split(model, tokenize_split(model, table), "Evaluating", quiet=quiet)
    evaluation = replace(
        evaluation,
        overlap=None if overlap is None else _evaluate_overlap(model, table, overlap, quiet=quiet),
        rows_fingerprint=fingerprint_rows({"rows": table}, find_task(model.task.name).schema),
    )
    if on_dev:
        evaluation = evaluation.on_dev()
    target = folder.evaluation_folder(data)
    private_folder(target)
    RunFolder(target).write("evaluation", {"on": what} | evaluation.to_dict())
    experiment = folder.experiment(load_experiment)
    facts = {
        "Run": str(folder.path),
        "Data": data or f"{experiment.data.train}, {what}",
        "Preset": experiment.origin,
        model.limit: f"{experiment.model.max_length} tokens",
        "Trained weights": f"{count_trained(model, experiment.training):,} of {model.trainable_weights():,}",
    }
    if experiment.training.adapt != "head":
        facts["Epochs"] = str(experiment.training.epochs)
    summary = summarize_run(folder, evaluation) if data is None else None
    write_report(
        evaluation,
        target / "report.html",
        title=experiment.name,
        facts=facts,
        summary=summary,
        choices=folder.read_if_there("choices", []),
        candidates=folder.read_if_there("candidates", []),
    )
    return evaluation
