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


_MODULES = {
    "STEP_PASSES": "time_budget",
    "Distillation": "distillation",
    "EpochEvent": "observers",
    "HistoryObserver": "observers",
    "Observer": "observers",
    "RunFolder": "run_folder",
    "StepEvent": "observers",
    "StepPrecision": "precision",
    "TensorBoardLog": "tensorboard",
    "TensorBoardObserver": "observers",
    "TimeBudget": "time_budget",
    "TokenizedSplit": "tokenized_split",
    "TrainState": "train_state",
    "calibrate_unknown": "unknown_fit",
    "choose_precision": "precision",
    "count_row_evaluations": "fit_time",
    "count_trained": "adaptation",
    "create_run": "run_folder",
    "cut_teacher": "distillation",
    "held_out_logits": "temperature_fit",
    "is_chief": "strategy",
    "latest_run": "run_folder",
    "make_predictor": "steps",
    "make_run_folder": "run_folder",
    "make_strategy": "strategy",
    "measure_learning_curve": "learning_curve_fit",
    "measure_row_evaluation": "fit_time",
    "predict_logits": "steps",
    "start_run": "run_folder",
    "tokenize_split": "tokenized_split",
    "total_over_workers": "strategy",
    "train": "methods",
    "uses_xla": "strategy",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            if _MODULES[name] != "run_folder":
                from tfapp.core.tensorflow_import import import_tensorflow

                import_tensorflow()
            return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        from tfapp._old_names import missing_name

        raise missing_name(__name__, name)
