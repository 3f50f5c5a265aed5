"""Evaluates a run on its test split, or on other labelled texts, and writes the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tfapp.core.files import private_folder
from tfapp.core.progress_bar import progress
from tfapp.data import OverlapMasks, Splits, find_overlap, fingerprint_rows, load_table
from tfapp.errors import DataError, TrainingError
from tfapp.evaluation import Evaluation, Overlap, write_report
from tfapp.models import TaskModel
from tfapp.tasks.experiments import read_run_settings
from tfapp.tasks.models import load_model
from tfapp.tasks.registry import find_task
from tfapp.training import (
    RunFolder,
    TensorBoardLog,
    TokenizedSplit,
    count_trained,
    make_predictor,
    predict_logits,
    tokenize_split,
)
from tfapp.workflows.answer_file import write_answers
from tfapp.workflows.inference import packed_model
from tfapp.workflows.run_data import load_run_splits
from tfapp.workflows.summarize_run import read_members, summarize_run

__all__ = ["evaluate_run", "evaluate_split", "evaluate_test_split"]


def evaluate_run(folder: RunFolder, data: str | None, *, quiet: bool) -> Evaluation:
    """Evaluates a run's best weights on its test split, or on all of other labelled texts.

    The evaluation is in the run's folder then, with its page.

    Raises:
        TfappError: The run or the data cannot be used.
    """
    experiment = read_run_settings(folder.path)
    model = load_model(folder.model)
    if data is None:
        return evaluate_test_split(folder, model, load_run_splits(folder), quiet=quiet)
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


def evaluate_test_split(folder: RunFolder, model: TaskModel, splits: Splits, *, quiet: bool) -> Evaluation:
    """Evaluates a run's best weights on its test split, or on dev where it has none; writes evaluation and page.

    Args:
        folder: The run, trained.
        model: Its best weights.
        splits: Its data.
        quiet: Show no progress.
    """
    split = "test" if splits.test.num_rows else "dev"
    table = getattr(splits, split)
    # A split that tfapp made repeats nothing.
    is_own_file = getattr(splits.settings, split) is not None
    overlap = find_overlap(table, splits, on_dev=split == "dev") if is_own_file else None
    evaluation = _evaluate_table(
        folder, model, table, None, f"{split} split", overlap=overlap, on_dev=split == "dev", quiet=quiet
    )
    with TensorBoardLog(folder.tensorboard) as log:
        log.evaluation(evaluation, step=0, split="test")
    return evaluation


def evaluate_split(model: TaskModel, split: TokenizedSplit, description: str, *, quiet: bool) -> Evaluation:
    """Evaluates a model on a tokenized split, with a progress bar, by the model's own way to compute."""
    with progress(description, "texts", quiet=quiet) as advance:
        predictor = make_predictor(model, split.targets)
        logits = predict_logits(predictor, split.texts, split.targets, on_progress=advance)
    return find_task(model.task.name).evaluator().evaluate(model, logits, split)


def _evaluate_overlap(model: TaskModel, table: Any, masks: OverlapMasks | str, *, quiet: bool) -> Overlap | None:
    """Evaluates the rows that repeat neither another row nor the training; `masks` may say why they are unknown."""
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
    rows_left = table.filter(~masks.any)
    if not rows_left.num_rows:
        return overlap
    new = evaluate_split(model, tokenize_split(model, rows_left), "Evaluating what is new", quiet=quiet)
    return replace(overlap, count=new.count, score=new.main_score, interval=new.main_interval)


def _evaluate_table(
    folder: RunFolder,
    model: TaskModel,
    table: Any,
    data: str | None,
    rows_name: str,
    *,
    overlap: OverlapMasks | str | None,
    on_dev: bool = False,
    quiet: bool,
) -> Evaluation:
    model = packed_model(model)
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
    write_answers(RunFolder(target).answers, evaluation)
    RunFolder(target).write("evaluation", {"on": rows_name} | evaluation.to_dict())
    experiment = read_run_settings(folder.path)
    run_metadata = {
        "Run": str(folder.path),
        "Data": data or f"{experiment.data.train}, {rows_name}",
        "Preset": experiment.origin,
        model.limit: f"{experiment.model.max_length} tokens",
        "Trained weights": f"{count_trained(model, experiment.training):,} of {model.trainable_weights():,}",
    }
    if members := read_members(folder):
        run_metadata["Average of"] = ", ".join(members)
    elif experiment.training.adapt != "head":
        run_metadata["Epochs"] = str(experiment.training.epochs)
    if experiment.training.augment.share:
        run_metadata["Changed texts"] = experiment.training.augment.describe()
    summary = summarize_run(folder, evaluation) if data is None else None
    write_report(
        evaluation,
        target / "report.html",
        title=experiment.name,
        metadata=run_metadata,
        summary=summary,
        choices=folder.read_if_there("choices", []),
        candidates=folder.read_if_there("candidates", []),
    )
    return evaluation
