"""The base class of evaluators, by which a training and an evaluation score the models of any task."""

from __future__ import annotations

import numpy as np

from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["Evaluator"]


class Evaluator:
    """Evaluates a task's models; a sub-class for each kind of answers."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """Fits the parameters of a model's decisions, such as thresholds, to the dev split; most models have none."""

    def fit_temperatures(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> TemperatureScaling:
        """Fits the temperatures of a model's probabilities to the dev split; only for models with a `calibration`."""
        del logits, split
        return TemperatureScaling(reason=f"the evaluator of {model.task.name} fits no temperature")

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates a model's logits.

        Args:
            model: Knows its labels and its thresholds.
            logits: float32[N, ...], in the order of the texts, as `TaskModel.evaluation_outputs` gives them.
            split: N texts with their targets.
        """
        raise NotImplementedError

    def fit_and_evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates a model on the dev split, to which it is fitted first."""
        self.fit(model, logits, split)
        return self.evaluate(model, logits, split)
