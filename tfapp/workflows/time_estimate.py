"""Estimates, before candidates begin, how long they take on this machine, and shortens a plan to its minutes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import numpy as np

from tfapp.config import Experiment
from tfapp.core.wording import pluralize
from tfapp.data import Splits
from tfapp.models import load_preset
from tfapp.tasks.models import build_model
from tfapp.training import STEP_PASSES, count_row_evaluations, measure_row_evaluation, tokenize_split
from tfapp.training.time_budget import step_cost
from tfapp.workflows.plan import Plan, PlannedCandidate

__all__ = ["fit_into_minutes", "has_time_for", "has_time_for_curve", "with_estimates"]

# Tracing graphs, and loading and writing weights.
_SECONDS_AROUND: Final = 12.0
_TEXTS: Final = 16
_CALLS: Final = 3
_ROWS_FITTED: Final = 1024


def with_estimates(plan: Plan, splits: Splits) -> Plan:
    """Returns a plan that says how long each candidate takes; measures a few batches, which takes some seconds.

    Raises:
        ModelError: A preset cannot be used.
    """
    speeds: dict[str, float | None] = {}
    candidates: list[PlannedCandidate] = []
    for candidate in plan.candidates:
        experiment = candidate.experiment
        if experiment.model.preset not in speeds:
            speeds[experiment.model.preset] = _measure_speed(experiment, plan.mean_tokens)
        speed = speeds[experiment.model.preset]
        reading = _passes(experiment, splits) * plan.mean_tokens / speed if speed else 0.0
        seconds = _SECONDS_AROUND + reading + _fit_seconds(experiment, splits)
        candidates.append(replace(candidate, seconds=seconds))
    return replace(plan, candidates=tuple(candidates))


def fit_into_minutes(plan: Plan) -> Plan:
    """Returns a plan as its minutes allow: fewer epochs, as its notes say, or candidates that do not fit.

    The first candidate always fits, with one epoch at the least.
    """
    if plan.minutes is None:
        return plan
    seconds_left, notes = 60 * plan.minutes, list(plan.notes)
    candidates: list[PlannedCandidate] = []
    for candidate in plan.candidates:
        shorter = _shorten(candidate, seconds_left, always=not candidates)
        if shorter is None:
            candidates.append(replace(candidate, fits=False))
            continue
        epochs = shorter.experiment.training.epochs
        if epochs < candidate.experiment.training.epochs:
            count = pluralize(epochs, "epoch")
            notes.append(f"{candidate.name}: {count}, since more do not fit in {pluralize(plan.minutes, 'minute')}")
        candidates.append(shorter)
        seconds_left -= shorter.seconds
    shorter_plan = replace(plan, candidates=tuple(candidates))
    if not has_time_for_curve(shorter_plan):
        notes.append(f"learning curve: left out, since it does not fit in {pluralize(plan.minutes, 'minute')}")
    return replace(shorter_plan, notes=tuple(notes))


def has_time_for_curve(plan: Plan) -> bool:
    """Returns whether the learning curve, for which the texts are read once more, takes no time from a candidate."""
    estimate = sum(candidate.seconds for candidate in plan.candidates if candidate.fits) + plan.candidates[0].seconds
    return plan.minutes is None or estimate <= 60 * plan.minutes


def has_time_for(candidate: PlannedCandidate, seconds_left: float, *, slowdown: float) -> bool:
    """Returns whether a candidate, or an epoch of it, can be trained in the time that is left.

    Args:
        candidate: With its estimate.
        seconds_left: Seconds.
        slowdown: By what the estimates of others had to be multiplied to be right.
    """
    seconds = _SECONDS_AROUND + slowdown * (candidate.seconds - _SECONDS_AROUND)
    return _shorten(replace(candidate, seconds=seconds), seconds_left, always=False) is not None


def _shorten(candidate: PlannedCandidate, seconds_left: float, *, always: bool) -> PlannedCandidate | None:
    """Returns a candidate with as many of its epochs as fit; None: not even one does, and it need not stay."""
    training = candidate.experiment.training
    if candidate.seconds <= seconds_left or (always and training.adapt == "head"):
        return candidate
    an_epoch = (candidate.seconds - _SECONDS_AROUND) / max(training.epochs, 1)
    epochs = int((seconds_left - _SECONDS_AROUND) / an_epoch) if an_epoch else 0
    if epochs < 1 and (not always or training.epochs <= 1):
        return candidate if always else None
    if training.adapt == "head":
        return None
    epochs = max(epochs, 1)
    shorter = candidate.experiment.model_copy(update={"training": training.model_copy(update={"epochs": epochs})})
    return replace(candidate, experiment=shorter, seconds=_SECONDS_AROUND + epochs * an_epoch)


def _passes(experiment: Experiment, splits: Splits) -> float:
    """Returns the duration of a training in forward passes over one text."""
    training, train, dev = experiment.training, splits.train.num_rows, splits.dev.num_rows
    fit = train + dev if training.fits_head else train if training.head_start == "fitted" else 0
    if training.adapt == "head":
        return fit
    epoch = STEP_PASSES * train * step_cost(training) + (dev if training.evaluates_epochs else 0)
    return fit + training.epochs * epoch


def _fit_seconds(experiment: Experiment, splits: Splits) -> float:
    """Returns how long the fits of the output layer take; 0 where none is fitted."""
    train, dev = splits.train.num_rows, splits.dev.num_rows
    evaluations = count_row_evaluations(experiment.training, train, dev)
    if not evaluations or experiment.model.from_scratch:
        return 0.0
    unknown = experiment.data.unknown_label
    model = build_model(experiment.task, experiment.network, splits.labels, unknown_label=unknown)
    if model.head is None:
        return 0.0
    return evaluations * measure_row_evaluation(model, tokenize_split(model, splits.train.slice(0, _ROWS_FITTED)))


def _measure_speed(experiment: Experiment, mean_tokens: float) -> float | None:
    """Returns how many tokens a second a preset reads here; None where nothing of the network is pretrained."""
    import tensorflow as tf

    if experiment.model.from_scratch:
        return None
    backbone = load_preset(experiment.model.preset).backbone()
    ids = np.ones([_TEXTS, max(4, round(mean_tokens))], np.int32)
    batch = {"token_ids": ids, "padding_mask": ids, "segment_ids": 0 * ids}
    encode = tf.function(lambda inputs: tf.reduce_sum(backbone(inputs)["sequence_output"]), autograph=False)
    encode(batch)
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        # Reading the value waits for the device.
        float(encode(batch))
        times.append(time.perf_counter() - start)
    return ids.size / float(np.median(times))
