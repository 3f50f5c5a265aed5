"""Run folders without a training: what a finished run leaves, with answers that the test chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.toy import TOPICS
from tfapp.config import dump_toml
from tfapp.evaluation import Evaluation
from tfapp.evaluation.class_scores import evaluate_classes
from tfapp.tasks.experiments import parse_experiment
from tfapp.training import RunFolder
from tfapp.workflows.answer_file import write_answers

__all__ = ["class_evaluation", "write_run"]

LABELS = sorted(TOPICS)


def class_evaluation(wrong_rows: Sequence[int], *, count: int = 60, rows: str = "rows", first: int = 0) -> Evaluation:
    """The evaluation of a classifier that gets these rows wrong; the texts are numbered from `first`."""
    truth = np.arange(count) % len(LABELS)
    answers = truth.copy()
    answers[list(wrong_rows)] = (answers[list(wrong_rows)] + 1) % len(LABELS)
    probabilities = 0.1 + 0.7 * (answers[:, None] == np.arange(len(LABELS)))
    texts = [f"text {number}" for number in range(first, first + count)]
    evaluation = evaluate_classes(LABELS, truth, probabilities, texts=texts, rows=range(1, count + 1))
    return replace(evaluation, rows_fingerprint=rows)


def write_run(
    runs: Path,
    time: str,
    evaluation: Evaluation | None = None,
    *,
    name: str = "toy",
    data: str = "data",
    dev: Sequence[float] = (0.5, 0.8),
    finished: bool = True,
    answers: bool = True,
    **sections: Mapping[str, Any],
) -> Path:
    """Writes a run's folder and returns it.

    Args:
        runs: The folder of all runs.
        time: The folder's name.
        evaluation: That of the test split.
        name: The experiment's name.
        data: The fingerprint of its data.
        dev: The scores on dev, epoch by epoch.
        finished: Whether training came to its end.
        answers: Whether the answers to the test rows are kept, as earlier versions did not.
        sections: Settings by section.
    """
    folder = RunFolder(runs / name / time)
    folder.path.mkdir(parents=True)
    values = {"name": name, "data": {"train": "texts.csv"}}
    folder.write("environment", {"python": "3.11", "packages": {"tfapp": "0.2.0"}})
    (folder.path / "settings.toml").write_text(dump_toml(parse_experiment(values | dict(sections))))
    folder.write("data", {"fingerprint": data, "report": {"rows": {"train": 100, "dev": 20, "test": 60}}})
    folder.history.write_text("".join(json.dumps(line) + "\n" for line in _history(dev)))
    if finished:
        folder.write("finished", {"epochs": len(dev), "dev_score": max(dev, default=None)})
    if evaluation is not None:
        folder.write("evaluation", {"on": "test split"} | evaluation.to_dict())
        if answers:
            write_answers(folder.answers, evaluation)
    return folder.path


def _history(dev: Sequence[float]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for epoch, score in enumerate(dev, start=1):
        lines.append({"event": "step", "step": 10 * epoch, "loss": 1 / epoch, "seconds": 60.0 * epoch - 1})
        lines.append(
            {
                "event": "epoch",
                "epoch": epoch,
                "step": 10 * epoch,
                "best": score == max(dev[:epoch]),
                "loss": 1 - score,
                "score": score,
                "score_name": "accuracy",
                "seconds": 60.0 * epoch,
            }
        )
    return lines
