"""Tests how answers are written: of a task that says nothing about it, of scores and of classes."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tfapp.data.answer_format import AnswerFormat, ClassAnswerFormat, ScoreAnswerFormat

CLASSES = {
    "label": np.array(["late", "rude", "rude"], object),
    "score": np.array([0.875, 0.75, 0.5], np.float32),
    "unknown_score": np.zeros(3, np.float32),
    "probabilities": np.array([[0.875, 0.125], [0.25, 0.75], [0.5, 0.5]], np.float32),
    "labels": np.array([["late", "rude"]] * 3, object),
    "chosen": np.array([[True, True], [False, True], [False, False]]),
}
ROWS = ["a", "b", "c"]
LABELS = ("late", "rude")


def _cells(table: Table) -> list[list[str]]:
    return [[str(cell) for cell in column.cells] for column in table.columns]


def test_all_outputs_are_written_where_a_task_says_nothing() -> None:
    answers = {"weights": np.full((1, 2), 0.25, np.float64), "tone": np.array(["[dry]"])}
    columns = AnswerFormat().columns(answers, ["hi"])
    assert {name: column.tolist() for name, column in columns.items()} == {
        "predicted_weights": [[0.25, 0.25]],
        "predicted_tone": ["[dry]"],
    }
    assert [column.dtype for column in columns.values()] == [np.float32, object]
    (values,) = AnswerFormat().objects(answers, {"text": ["hi"]})
    assert values == {"text": "hi", "weights": [0.25, 0.25], "tone": "[dry]"}
    assert _cells(AnswerFormat().table([values], ("text",))) == [["hi"], ["[0.25, 0.25]"], ["[dry]"]]


def test_a_score_has_a_bar_unless_it_has_a_unit() -> None:
    answer_format = ScoreAnswerFormat()
    texts = {"query": ["hot", "hot"], "candidate": ["a hot day", "snow"]}
    objects = answer_format.objects({"score": np.array([1, 0.25], np.float32)}, texts)
    assert objects == [
        {"query": "hot", "candidate": "a hot day", "score": 1.0},
        {"query": "hot", "candidate": "snow", "score": 0.25},
    ]
    expected = [["hot", "hot"], ["a hot day", "snow"], ["1.000", "0.250"]]
    assert _cells(answer_format.table(objects, tuple(texts))) == [*expected, ["█" * 20, "█" * 5]]
    objects[0]["score"] = 7.0
    assert len(answer_format.table(objects, tuple(texts)).columns) == 3


def test_classes_are_columns_and_those_of_wanted_labels() -> None:
    columns = ClassAnswerFormat().columns(CLASSES, ROWS, LABELS)
    assert list(columns) == [
        "predicted_label",
        "predicted_labels",
        "predicted_score",
        "predicted_unknown_score",
        "probability.late",
        "probability.rude",
    ]
    assert columns["predicted_labels"].tolist() == ["late|rude", "rude", ""]
    assert columns["probability.rude"].tolist() == [0.125, 0.75, 0.5]
    assert "probability.late" not in ClassAnswerFormat().columns(CLASSES, ROWS)


def test_classes_are_objects_with_the_chosen_labels_and_wanted_probabilities() -> None:
    objects = ClassAnswerFormat().objects(CLASSES, {"text": ROWS}, LABELS)
    assert objects[0] == {"text": "a", "label": "late", "score": 0.875, "labels": ["late", "rude"]}
    assert [values["labels"] for values in objects] == [["late", "rude"], ["rude"], []]
    single = {name: CLASSES[name] for name in ("label", "score", "probabilities")}
    (values,) = ClassAnswerFormat().objects(
        {name: column[:1] for name, column in single.items()}, {"text": ["a"]}, LABELS, probabilities=True
    )
    assert values == {"text": "a", "label": "late", "score": 0.875, "probabilities": {"late": 0.875, "rude": 0.125}}
    assert _cells(ClassAnswerFormat().table([values], ("text",)))[:3] == [
        ["a", ""],
        ["late", "rude"],
        ["0.875", "0.125"],
    ]
