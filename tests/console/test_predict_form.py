from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import Client, ModelMetadata, Signature, TensorInfo, contract
from tfapp_client.testing import FakeTransport

from tests.console.test_pages import text_of
from tests.console_site import Site, write_model
from tfapp.console import predict_form
from tfapp.console.predict_form import served_task
from tfapp.tasks.registry import all_tasks
from tfapp.workflows.version_catalogue import describe

TONE = contract.Task(
    "tone",
    (contract.TensorSpec("text", "string", 1), contract.TensorSpec("reader_age", "string", 1)),
    (contract.TensorSpec("tone", "string", 1), contract.TensorSpec("weights", "float32", 2)),
)


def tone(inputs: dict[str, Any]) -> dict[str, Any]:
    """A foreign task's model: its words are the text's, in upper case."""
    rows = len(inputs["text"])
    return {"tone": [text.decode().upper() for text in inputs["text"]], "weights": np.full((rows, 14), 0.25, "f4")}


def metadata_client(inputs: dict[str, TensorInfo], outputs: dict[str, TensorInfo]) -> Callable[[], Client]:
    """A client that knows one signature of all models."""

    class MetadataClient(Client):
        def metadata(self, model: str, **_options: Any) -> ModelMetadata:
            return ModelMetadata(
                model, 1, {"serving_default": Signature(inputs, outputs, "tensorflow/serving/predict")}
            )

    return lambda: MetadataClient(transport=FakeTransport())


TEXT, NUMBER = TensorInfo("string", (-1,)), TensorInfo("float32", (-1,))
CLASSES = {"label": TEXT, "score": NUMBER, "probabilities": NUMBER, "labels": TEXT}


def test_a_task_without_a_form_is_asked_by_its_inputs_and_shows_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(all_tasks()["tagging"], contract=TONE, playground=None)
    monkeypatch.setattr(predict_form, "all_tasks", lambda: {**all_tasks(), "tone": spec})
    write_model(tmp_path / "models", "mood", "tone")
    site = Site(tmp_path)
    site.server.model("mood", tone)
    with site.browser:
        form = site.get("/try/models/mood").text
        assert '<textarea id="reader_age" name="reader_age"' in form
        assert "Text Reader age" in text_of(form)
        page = site.post("/try/models/mood", {"text": "<b>ah</b>", "reader_age": "9"})
        assert "tone <B>AH</B> weights 0.2500, 0.2500" in text_of(page.text)
        assert "and 2 more" in text_of(page.text)
        assert "reader_age: must not be empty" in text_of(site.post("/try/models/mood", {"text": "ah"}).text)
        assert "only texts" in text_of(site.post("/try/models/mood/label", {"text": "ah", "label": "b"}).text)


@pytest.mark.parametrize(
    ("inputs", "outputs", "name", "fields"),
    [
        ({"text": TEXT}, {"score": NUMBER, "tag": TEXT, "start": NUMBER, "end": NUMBER}, "tagging", ["text"]),
        ({"query": TEXT, "candidate": TEXT}, {"score": NUMBER}, "ranking", ["query", "candidates"]),
        ({"query": TEXT, "candidate": TEXT}, CLASSES, "pair-classification", ["query", "candidate"]),
        ({"subject": TEXT, "body": TEXT}, {"urgency": NUMBER}, "", ["subject", "body"]),
        ({"pixels": NUMBER}, {"score": NUMBER}, "", None),
        ({"text": TEXT}, {}, "", ["text"]),
    ],
)
def test_a_model_without_a_record_is_asked_by_its_signature(
    tmp_path: Path,
    inputs: dict[str, TensorInfo],
    outputs: dict[str, TensorInfo],
    name: str,
    fields: list[str] | None,
) -> None:
    write_model(tmp_path, "unknown", "")
    (model,) = describe(tmp_path)
    task = served_task(model, metadata_client(inputs, outputs))
    assert task.name == name
    assert (task.form and [field.name for field in task.form.fields]) == fields


def test_texts_can_be_labelled_where_the_client_classifies_them(tmp_path: Path) -> None:
    for task in all_tasks():
        write_model(tmp_path, task, task)
    names = {model.name for model in describe(tmp_path) if served_task(model, Client).labelled}
    assert names == {"classification"}
