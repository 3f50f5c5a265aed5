"""Training: strategy, steps, loop and what watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfapp.core.tensorflow_import import import_tensorflow

import_tensorflow()

from tfapp.training.adaptation import count_trained  # noqa: E402
from tfapp.training.distillation import Distillation, cut_teacher, load_teacher  # noqa: E402
from tfapp.training.learning_curve import measure_learning_curve  # noqa: E402
from tfapp.training.loop import TrainState, train  # noqa: E402
from tfapp.training.observers import EpochEvent, HistoryObserver, Observer, StepEvent, TensorBoardObserver  # noqa: E402
from tfapp.training.precision import StepPrecision, choose_precision  # noqa: E402
from tfapp.training.run_folder import (  # noqa: E402
    RunFolder,
    create_run,
    find_resumable,
    latest_run,
    make_run_folder,
    start_run,
)
from tfapp.training.steps import make_predictor, predict_logits  # noqa: E402
from tfapp.training.strategy import is_chief, make_strategy, total_over_workers, uses_xla  # noqa: E402
from tfapp.training.temperature import calibrate  # noqa: E402
from tfapp.training.tensorboard import TensorBoardLog  # noqa: E402
from tfapp.training.time_budget import STEP_PASSES, TimeBudget  # noqa: E402
from tfapp.training.tokenized_split import TokenizedSplit, tokenize_split  # noqa: E402
from tfapp.training.unknown import calibrate_unknown  # noqa: E402

__all__ = [
    "STEP_PASSES",
    "Distillation",
    "EpochEvent",
    "HistoryObserver",
    "Observer",
    "RunFolder",
    "StepEvent",
    "StepPrecision",
    "TensorBoardLog",
    "TensorBoardObserver",
    "TimeBudget",
    "TokenizedSplit",
    "TrainState",
    "calibrate",
    "calibrate_unknown",
    "choose_precision",
    "count_trained",
    "create_run",
    "cut_teacher",
    "find_resumable",
    "is_chief",
    "latest_run",
    "load_teacher",
    "make_predictor",
    "make_run_folder",
    "make_strategy",
    "measure_learning_curve",
    "predict_logits",
    "start_run",
    "tokenize_split",
    "total_over_workers",
    "train",
    "uses_xla",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from tfapp._old_names import missing_name

        raise missing_name(__name__, name)
