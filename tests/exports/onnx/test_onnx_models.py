"""Tests that exported ONNX models answer as Keras does, by the modules beside them, in a process without tfapp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.networks import LENGTH, MODELS, build
from tfapp.core.rows import Row, to_columns
from tfapp.exports.onnx.decoder.text_model import TextModel
from tfapp.exports.onnx.write import write_onnx
from tfapp.models import BertModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown
from tfapp.savedmodel.verify import TOLERANCE, answer_difference, hard_rows
from tfapp.tasks.registry import find_task
from tfapp.workflows.predict import graph_of

WORDS = [*("the", "ball", "goal", "don't", "café", "日本", "today", "SAYS", "Report", "iPhone", "x\u0301\u0302")]
WORDS += ["\u200bbank\u00ad,", "tax.", "ﬁne", "ß"]


def export(model: BertModel, folder: Path, max_length: int = LENGTH) -> TextModel:
    find_form = find_task(model.task.name).onnx
    assert find_form is not None
    form = find_form()
    folder.mkdir(exist_ok=True)
    write_onnx(model, folder, form, name="toy", max_length=max_length)
    return form.decoder(folder)


def random_rows(model: BertModel, count: int, seed: int) -> list[Row]:
    """Texts of one word to more than a model reads, of all kinds of writing."""
    random = np.random.default_rng(seed)

    def text() -> str:
        return " ".join(random.choice(WORDS, random.integers(1, 3 * LENGTH)).tolist())

    return [
        text() if len(model.inputs) == 1 else tuple(text() for _ in model.inputs)  # type: ignore[misc]
        for _ in range(count)
    ]


def check(model: BertModel, exported_model: TextModel, rows: Sequence[Row]) -> Mapping[str, np.ndarray]:
    """Compares all outputs on all rows; returns Keras's answers."""
    expected = graph_of(model)(rows)
    compare(exported_model(*to_columns(rows, model.inputs).values()), expected, rows)
    return expected


def compare(answers: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], rows: Sequence[Row]) -> None:
    assert set(answers) == set(expected)
    for name, values in expected.items():
        for row, answer, value in zip(rows, answers[name], values, strict=True):
            answer_difference(name, np.asarray(answer), np.asarray(value), str(row), TOLERANCE)
            if np.asarray(value).dtype.kind in "OU":
                width = np.size(value)
                assert np.atleast_1d(answer).tolist()[:width] == np.atleast_1d(value).tolist()[: np.size(answer)]


@pytest.mark.parametrize("name", MODELS)
def test_every_way_of_reading_answers_as_keras(name: str, shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, name)
    exported_model = export(model, tmp_path / "toy")
    check(model, exported_model, [*hard_rows(len(model.inputs)), *random_rows(model, 40, seed=1)])
    assert exported_model(*([] for _ in model.inputs)).keys() == exported_model(*(["a"] for _ in model.inputs)).keys()


@pytest.mark.parametrize("decoding", ["constrained", "crf", "greedy"])
@pytest.mark.parametrize("words", ["basic", "spaces"])
def test_spans_are_found_as_by_keras(decoding: str, words: str, shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "tagging", decoding=decoding, words=words, max_length=16)
    exported_model = export(model, tmp_path / "toy", max_length=16)
    found = check(model, exported_model, random_rows(model, 40, seed=2))
    assert (found["start"] >= 0).sum() > 40


@pytest.mark.parametrize("no_answer", [True, False])
def test_answers_are_found_as_by_keras(no_answer: bool, shallow_preset: Path, tmp_path: Path) -> None:
    model: Any = build(shallow_preset, "answering", no_answer=no_answer, stride=9, max_answer_length=5)
    model.calibrate(TemperatureScaling((1.7,), 300, ""))
    model.threshold = 2.0
    found = check(model, export(model, tmp_path / "toy"), random_rows(model, 60, seed=3))
    assert (found["start"] >= 0).any()
    assert (found["start"] < 0).any() == no_answer


def test_a_long_text_is_read_in_windows(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "mean", window=12)
    exported_model = export(model, tmp_path / "toy")
    assert exported_model.settings["window"] == 12
    check(model, exported_model, [*hard_rows(1), *random_rows(model, 40, seed=4)])


@pytest.mark.parametrize("by", ["energy", "distance", "guidance", "boundary"])
def test_none_of_these_is_said_alike(by: Any, shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "pooler")
    assert isinstance(model, ClassificationModel)
    random = np.random.default_rng(5)
    references = random.normal(size=(7, 3)).astype(np.float32)
    unknown = Unknown("none", by=by, limit=0.0, scale=0.5, references=None if by == "energy" else references)
    if by == "boundary":
        unknown = replace(unknown, references=references / np.linalg.norm(references, axis=1, keepdims=True))
        unknown = replace(unknown, radii=np.full(7, 0.4, np.float32))
    rows = random_rows(model, 40, seed=6)
    model.unknown = replace(unknown, limit=None)
    logits = model.logits(model.preprocessor(rows))
    model.unknown = replace(unknown, limit=float(np.median(unknown.novelty(logits))))
    labels = check(model, export(model, tmp_path / "toy"), rows)["label"]
    assert 0 < (labels == "none").sum() < len(rows)


def test_several_labels_are_chosen_alike(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "pooler", multi_label=True)
    assert isinstance(model, ClassificationModel)
    model.calibrate(TemperatureScaling((0.6, 1.5, 2.5), 300, ""))
    model.thresholds = (0.3, 0.5, 0.7)
    chosen = check(model, export(model, tmp_path / "toy"), random_rows(model, 40, seed=7))["chosen"]
    assert 0 < chosen.sum() < chosen.size


TEXTS = st.text(
    st.one_of(st.sampled_from("ab .,x\u0301ﬁß日\u00ad\u200b\nA"), st.characters(codec="utf-8")), max_size=80
)


@pytest.fixture(scope="module", params=["tagging by shapes", "answering"])
def graph_and_export(
    request: pytest.FixtureRequest, shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, TextModel]:
    model = build(shallow_preset, request.param, max_length=16)
    return graph_of(model), export(model, tmp_path_factory.mktemp("onnx") / "toy", max_length=16)


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_positions_in_any_text_are_those_of_keras(
    graph_and_export: tuple[Any, TextModel], pairs: list[tuple[str, str]]
) -> None:
    answer, exported_model = graph_and_export
    rows: list[Row] = [first for first, _ in pairs] if len(exported_model.settings["inputs"]) == 1 else [*pairs]
    compare(exported_model(*to_columns(rows, exported_model.settings["inputs"]).values()), answer(rows), rows)


@pytest.mark.parametrize("name", ["pooler", "tagging", "answering"])
def test_the_folder_is_all_that_is_needed(name: str, shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, name)
    expected = export(model, tmp_path / "toy")
    readme = (tmp_path / "toy" / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    # What installs packages from elsewhere stays; tfapp itself is nowhere to be found.
    path = os.pathsep.join(entry for entry in sys.path if Path(entry).name == "site-packages" or "onnx" in entry)
    lines = [
        *code.replace("print(", "answers = (").splitlines(),
        "import json, sys",
        "assert 'tfapp' not in sys.modules",
    ]
    lines.append("print(json.dumps({name: values.tolist() for name, values in answers.items()}))")
    process = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path / "toy",
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    inputs = ([f"a {name}"] for name in model.inputs)
    assert json.loads(process.stdout) == {name: values.tolist() for name, values in expected(*inputs).items()}


def test_a_graph_is_valid_and_names_its_inputs(shallow_preset: Path, tmp_path: Path) -> None:
    export(build(shallow_preset, "pairs"), tmp_path / "toy")
    graph = onnx.load(tmp_path / "toy" / "model.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert [value.name for value in graph.graph.input] == ["input_ids", "attention_mask", "token_type_ids"]


def test_columns_of_different_lengths_are_refused(shallow_preset: Path, tmp_path: Path) -> None:
    exported_model = export(build(shallow_preset, "pairs"), tmp_path / "toy")
    with pytest.raises(ValueError, match="query and candidate"):
        exported_model(["a"])
    with pytest.raises(ValueError, match="equal lengths"):
        exported_model(["a"], ["b", "c"])
