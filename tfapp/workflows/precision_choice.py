"""Chooses the precision of an export by what it brings on this machine, and what it loses on dev."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import tensorflow as tf

from tfapp.config import Experiment, ExportSettings
from tfapp.core.processor import processor_name
from tfapp.core.progress_bar import progress
from tfapp.core.rows import to_columns
from tfapp.errors import TfappError
from tfapp.models import BertModel, TaskModel
from tfapp.savedmodel import PackedEncoder, make_encoder
from tfapp.savedmodel.signatures import ServedModule
from tfapp.training import RunFolder, tokenize_split
from tfapp.workflows.evaluate import evaluate_split
from tfapp.workflows.precision_check import ALLOWED_LOSS
from tfapp.workflows.run_data import load_run_splits

__all__ = ["MeasuredPrecision", "PrecisionChoice", "choose_export_precision", "fastest"]

# The most exact first: a precision is taken if it is faster than those before it by more than one measurement differs
# from the next.
_ORDER: Final = ("float32", "bfloat16", "int8")
_NOISE: Final = 0.05
_ROWS: Final = 256
_REQUEST_ROWS: Final = 32
_ROUNDS: Final = 3


@dataclass(frozen=True)
class MeasuredPrecision:
    """What one precision brings and loses.

    Attributes:
        name: As `export.precision` names it.
        texts_per_second: Of rows of dev in requests of 32; the median of three rounds.
        score: The main score on dev.
        loses_too_much: Whether that is more than `ALLOWED_LOSS` below float32's.
    """

    name: str
    texts_per_second: float
    score: float
    loses_too_much: bool


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision that an export takes, and why.

    Attributes:
        name: As `export.precision` names it.
        reason: Why nothing could be measured; empty: it was.
        processor: The processor's name.
        score_name: The main score's name.
        measured: The precisions that were measured.
    """

    name: str
    reason: str = ""
    processor: str = ""
    score_name: str = ""
    measured: tuple[MeasuredPrecision, ...] = ()

    def metadata(self) -> dict[str, Any]:
        """Returns what the model card and a version's metadata say of it."""
        return asdict(self) | {"sentence": self.sentence()}

    def sentence(self) -> str:
        """Returns the choice with its reason, in one sentence."""
        if self.reason:
            return f"The precision is {self.name}: {self.reason}."
        rates = ", ".join(
            f"{row.name} {row.texts_per_second:.0f}{', but it loses too much on dev' if row.loses_too_much else ''}"
            for row in self.measured
        )
        return f"The precision is {self.name}; texts per second on this machine ({self.processor}): {rates}."

    def check(self) -> dict[str, Any]:
        """Returns what `check_precision` would have returned of the precision."""
        exact, own = (next(row for row in self.measured if row.name == name) for name in (_ORDER[0], self.name))
        return {"score_name": self.score_name, "score": own.score, "exact_score": exact.score}


def choose_export_precision(
    folder: RunFolder, model: TaskModel, experiment: Experiment, *, quiet: bool
) -> PrecisionChoice:
    """Measures each precision on rows of the run's dev split, and takes the fastest that keeps the score.

    Args:
        folder: The run.
        model: Its best weights.
        experiment: Its settings, with those of the export.
        quiet: Show no progress.

    Returns:
        The choice; float32 where the network computes in nothing else, or there is no dev split to check others on.
    """
    settings = experiment.export
    if settings.encoder != "packed" or not isinstance(model, BertModel):
        return PrecisionChoice(_ORDER[0], "only the packed encoder of a BERT has another precision than float32")
    try:
        dev = load_run_splits(folder).dev
    except TfappError as error:
        return PrecisionChoice(_ORDER[0], f"the other precisions cannot be checked on dev: {error}")
    if not dev.num_rows:
        return PrecisionChoice(_ORDER[0], "the run has no dev split to check the other precisions on")
    encoders = {name: _encoder(model, settings, name) for name in _ORDER}
    split = tokenize_split(model, dev)
    evaluations = {
        name: evaluate_split(model.with_inference(encoder), split, f"Evaluating {name} on dev", quiet=quiet)
        for name, encoder in encoders.items()
    }
    exact = evaluations[_ORDER[0]]
    max_length = settings.max_length or experiment.model.max_length
    rates = _measure_rates(
        {name: ServedModule(model, max_length=max_length, encoder=encoder) for name, encoder in encoders.items()},
        to_columns(model.rows(dev.slice(0, _ROWS).to_pydict()), model.inputs),
        quiet=quiet,
    )
    measured = tuple(
        MeasuredPrecision(name, rates[name], evaluation.main_score, exact.gain_over(evaluation) > ALLOWED_LOSS)
        for name, evaluation in evaluations.items()
    )
    return PrecisionChoice(fastest(measured), "", processor_name(), exact.main_name, measured)


def _encoder(model: BertModel, settings: ExportSettings, name: str) -> PackedEncoder:
    encoder = make_encoder(model, settings.model_copy(update={"precision": name}))
    assert encoder is not None
    return encoder


def fastest(measured: Sequence[MeasuredPrecision]) -> str:
    """Returns the fastest precision that keeps the score, or a more exact one that is as fast within the noise."""
    rows = [row for row in measured if not row.loses_too_much]
    enough = max(row.texts_per_second for row in rows) * (1 - _NOISE)
    return next(row.name for row in rows if row.texts_per_second >= enough)


def _measure_rates(
    modules: Mapping[str, ServedModule], columns: Mapping[str, Sequence[str]], *, quiet: bool
) -> dict[str, float]:
    """Returns the texts a second of each module, which answer the same requests by turns."""
    count = len(next(iter(columns.values())))
    requests = [
        {name: tf.constant(texts[start : start + _REQUEST_ROWS], tf.string) for name, texts in columns.items()}
        for start in range(0, count, _REQUEST_ROWS)
    ]
    answers = {name: tf.function(module.answer, autograph=False) for name, module in modules.items()}
    rates: dict[str, list[float]] = {name: [] for name in modules}
    with progress("Measuring precisions", quiet=quiet):
        # Before the first round each meets the lengths for the first time.
        for round_number in range(_ROUNDS + 1):
            for name, answer in answers.items():
                seconds = _time(answer, requests)
                if round_number:
                    rates[name].append(count / seconds)
    return {name: statistics.median(values) for name, values in rates.items()}


def _time(answer: Callable[..., Mapping[str, tf.Tensor]], requests: Sequence[Mapping[str, tf.Tensor]]) -> float:
    start = time.perf_counter()
    for request in requests:
        for value in answer(request).values():
            value.numpy()
    return time.perf_counter() - start
