"""Compares a model's scores on dev by its exported encoder of fewer bits and by its own network."""

from __future__ import annotations

from typing import Any, Final, cast

from tfapp.errors import ExportError, TfappError
from tfapp.models import BertModel, TaskModel
from tfapp.savedmodel import PackedEncoder
from tfapp.training import RunFolder, tokenize_split
from tfapp.workflows.evaluate import evaluate_split
from tfapp.workflows.run_data import load_run_splits

__all__ = ["ALLOWED_LOSS", "check_precision"]

ALLOWED_LOSS: Final = 0.002
"""The largest allowed loss of the main score, 0..1; of an error, in standard deviations of the numbers."""


def check_precision(
    folder: RunFolder, model: TaskModel, encoder: PackedEncoder, *, force: bool, quiet: bool
) -> dict[str, Any] | None:
    """Compares an encoder of fewer bits with the model's own network on the dev split of its run.

    `force` allows any loss, a run without a dev split, and data that are gone or are other ones now.

    Returns:
        `score_name`, `score` and `exact_score`; None where there is no dev split to be had.

    Raises:
        ExportError: More than `ALLOWED_LOSS` is lost, or there is no dev split.
    """
    name = f"export.precision {encoder.precision.name}"
    try:
        splits = load_run_splits(folder)
        if not splits.dev.num_rows:
            raise ExportError(f"{folder.path}: the run has no dev split; train with data.dev_share over 0")
        split = tokenize_split(model, splits.dev)
    except TfappError as error:
        if force:
            return None
        raise ExportError(f"{name} cannot be checked on dev: {error}; export in float32, or with --force") from error
    low, exact = (
        evaluate_split(network, split, "Comparing on dev", quiet=quiet)
        for network in (cast(BertModel, model).with_inference(encoder), model)
    )
    scores = f"{exact.main_name} on dev is {low.main_score:.4f}, {exact.main_score:.4f} in float32"
    if exact.gain_over(low) > ALLOWED_LOSS and not force:
        raise ExportError(
            f"{name}: {scores}, and more than {ALLOWED_LOSS:g} is lost; export in float32, or with --force"
        )
    return {"score_name": exact.main_name, "score": low.main_score, "exact_score": exact.main_score}
