"""Holds the training of any task: strategy, steps, loop, optimizer, the methods of papers, and the run's folder.

What needs TensorFlow is imported when it is first asked for: whoever looks at run folders alone does without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfapp.training.adaptation import count_trained
    from tfapp.training.distillation import Distillation, cut_teacher
    from tfapp.training.fit_time import count_row_evaluations, measure_row_evaluation
    from tfapp.training.learning_curve_fit import measure_learning_curve
    from tfapp.training.methods import train
    from tfapp.training.observers import EpochEvent, HistoryObserver, Observer, StepEvent, TensorBoardObserver
    from tfapp.training.precision import StepPrecision, choose_precision
    from tfapp.training.run_folder import RunFolder, create_run, latest_run, make_run_folder, start_run
    from tfapp.training.steps import make_predictor, predict_logits
    from tfapp.training.strategy import is_chief, make_strategy, total_over_workers, uses_xla
    from tfapp.training.temperature_fit import held_out_logits
    from tfapp.training.tensorboard import TensorBoardLog
    from tfapp.training.time_budget import STEP_PASSES, TimeBudget
    from tfapp.training.tokenized_split import TokenizedSplit, tokenize_split
    from tfapp.training.train_state import TrainState
    from tfapp.training.unknown_fit import calibrate_unknown

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
    "calibrate_unknown",
    "choose_precision",
    "count_row_evaluations",
    "count_trained",
    "create_run",
    "cut_teacher",
    "held_out_logits",
    "is_chief",
    "latest_run",
    "make_predictor",
    "make_run_folder",
    "make_strategy",
    "measure_learning_curve",
    "measure_row_evaluation",
    "predict_logits",
    "start_run",
    "tokenize_split",
    "total_over_workers",
    "train",
    "uses_xla",
]


_NAMES = {
    "adaptation": ("count_trained",),
    "distillation": ("Distillation", "cut_teacher"),
    "fit_time": ("count_row_evaluations", "measure_row_evaluation"),
    "learning_curve_fit": ("measure_learning_curve",),
    "methods": ("train",),
    "observers": ("EpochEvent", "HistoryObserver", "Observer", "StepEvent", "TensorBoardObserver"),
    "precision": ("StepPrecision", "choose_precision"),
    "run_folder": ("RunFolder", "create_run", "latest_run", "make_run_folder", "start_run"),
    "steps": ("make_predictor", "predict_logits"),
    "strategy": ("is_chief", "make_strategy", "total_over_workers", "uses_xla"),
    "temperature_fit": ("held_out_logits",),
    "tensorboard": ("TensorBoardLog",),
    "time_budget": ("STEP_PASSES", "TimeBudget"),
    "tokenized_split": ("TokenizedSplit", "tokenize_split"),
    "train_state": ("TrainState",),
    "unknown_fit": ("calibrate_unknown",),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            if _MODULES[name] != "run_folder":
                from tfapp.core.tensorflow_import import import_tensorflow

                import_tensorflow()
            return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        from tfapp._old_names import missing_name

        raise missing_name(__name__, name)
