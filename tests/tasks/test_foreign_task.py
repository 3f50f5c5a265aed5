"""A task of another distribution, as its package would write it: from a csv file to the console's playground.

Nothing of tfapp knows it: all that it needs stands here, and an installed package's entry point names it.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import tensorflow as tf
from pydantic import Field
from tfapp_client import contract

import tfapp
from tests.console.test_pages import text_of
from tests.console_site import Site
from tests.processes import call, complaint
from tests.toy import TOPICS, toy_text
from tfapp.config import DataSettings, Experiment, ModelSettings, TaskSettings
from tfapp.config.label_settings import CLASS_SETTINGS
from tfapp.console.console_state import ConsoleState
from tfapp.data import DataSample, Proposal
from tfapp.data.classes import ClassTarget
from tfapp.data.proposals.proposal import make_proposal
from tfapp.data.schemas import TABLES, Schema
from tfapp.evaluation import ClassEvaluation
from tfapp.models import TextClassifier
from tfapp.tasks.registry import all_tasks
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec
from tfapp.training.class_evaluator import ClassEvaluator

ENTRY_POINTS: Final = f"[tfapp.tasks]\ntone = {__name__}:TONE\n"

# settings.py


class ToneDataSettings(DataSettings):
    """The source of the messages."""

    message: str = Field("message", description="The column of the messages.")


class ToneModelSettings(ModelSettings):
    """The network that tells the tone."""

    least_confidence: float = Field(0.0, ge=0, le=1, description="Below it, the tone is unclear.")


def _several_labels(experiment: Experiment) -> str | None:
    return "a message has one tone; set model.multi_label = false" if experiment.model.multi_label else None


SETTINGS: Final = TaskSettings(
    "tone",
    texts=("message",),
    reads=CLASS_SETTINGS,
    data=ToneDataSettings,
    model=ToneModelSettings,
    rules=(_several_labels,),
    fits_head=True,
    summary="the tone of messages",
)

# contract.py

CONTRACT: Final = contract.Task(
    "tone",
    (contract.TensorSpec("message", "string", 1),),
    (contract.TensorSpec("tone", "string", 1), contract.TensorSpec("confidence", "float32", 1)),
)

# model.py


class ToneClassifier(TextClassifier):
    """A classifier that says when it is not sure."""

    task = CONTRACT
    config_keys = (*TextClassifier.config_keys, "least_confidence")

    def __init__(self, *args: Any, least_confidence: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.least_confidence = least_confidence

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns what classifiers have, and the confidence."""
        tone_settings = ToneModelSettings.of(settings)
        return super().arguments(labels, settings) | {"least_confidence": tone_settings.least_confidence}

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the answers, by the contract."""
        answers = super().answers(logits)
        unclear = answers["score"] < self.least_confidence
        return {"tone": tf.where(unclear, "unclear", answers["label"]), "confidence": answers["score"]}


# propose.py


def _propose(sample: DataSample) -> Proposal | None:
    """Takes files with a message and its tone."""
    if not {"message", "tone"} <= sample.columns.keys():
        return None
    notes = ["messages with their tone", *sample.notes]
    return make_proposal("tone", sample, sample.columns["message"], notes, columns={"label": "tone"})


# task.py

TONE: Final = TaskSpec(
    CONTRACT,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, ClassTarget(), TABLES, settings=SETTINGS.data),
    classes=lambda: TaskClasses({"bert": ToneClassifier}, ClassEvaluator),
    evaluation=ClassEvaluation,
    card=CardWords("raw messages", 'predict("{name}", {{"message": ["a message"]}})'),
    propose=_propose,
)


@pytest.fixture(autouse=True)
def uninstall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The task's distribution is installed; what removes it."""
    folder = tmp_path / "site-packages" / "tone_of_voice-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tone-of-voice\nVersion: 1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    _forget_tasks()

    def remove() -> None:
        (folder / "entry_points.txt").unlink()
        _forget_tasks()

    yield remove
    all_tasks.cache_clear()


def _forget_tasks() -> None:
    importlib.invalidate_caches()
    all_tasks.cache_clear()


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    file = tmp_path / "messages.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["message", "tone"])
        rows.writerows([toy_text(topic, number), topic] for number in range(60) for topic in sorted(TOPICS))
    return file


def test_a_foreign_task_goes_from_a_file_to_the_playground(
    messages: Path, shallow_preset: Path, tmp_path: Path, uninstall: Callable[[], None]
) -> None:
    assert call("init", messages, "-o", tmp_path / "tone.toml", "--name", "mood").code == 0
    starter = (tmp_path / "tone.toml").read_text(encoding="utf-8")
    assert "One of tone (the tone of messages), answering (" in starter
    assert 'task = "tone"' in starter
    assert "stride" not in starter
    assert "# Below it, the tone is unclear.\n# least_confidence = 0.0\n" in starter

    changes = (
        f"model.preset={shallow_preset}",
        "model.max_length=32",
        "model.pooling=mean",
        "model.least_confidence=0.35",
        "training.epochs=2",
        "training.batch_size=8",
        "training.learning_rate=5e-3",
        "export.warmup_requests=2",
    )
    settings = [part for change in changes for part in ("--set", change)]
    result = call("train", tmp_path / "tone.toml", "--runs", tmp_path / "runs", *settings)
    assert result.code == 0, result.err
    run = tfapp.open_run(tmp_path / "runs" / "mood")
    assert isinstance(run.experiment.model, ToneModelSettings)
    assert run.evaluation.main_score > 0.8
    assert run.evaluation.main_name in run.folder.report.read_text(encoding="utf-8")
    assert run.evaluate(messages).count == 180

    score_result = call("predict", run.path, messages, "--output", tmp_path / "scored.csv", "--json")
    assert score_result.code == 0, score_result.err
    header = (tmp_path / "scored.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert header == "message,tone,predicted_tone,predicted_confidence"

    export_result = call("export", run.path, "--to", tmp_path / "models")
    assert export_result.code == 0, export_result.err
    card = (tmp_path / "models" / "mood" / "1" / "README.md").read_text(encoding="utf-8")
    assert 'predict("mood", {"message": ["a message"]})' in card

    texts = [toy_text("sport", 901), toy_text("tech", 902), ""]
    with tfapp.serve(tmp_path / "models") as server:
        answers = server.client.predict("mood", {"message": texts})
    assert answers.keys() == {"tone", "confidence"}
    assert [tone.decode() for tone in answers["tone"]][:2] == ["sport", "tech"]
    for model in (run.path, tmp_path / "models" / "mood"):
        exported_answers = tfapp.predict(model, texts)
        np.testing.assert_allclose(exported_answers["confidence"], answers["confidence"], atol=1e-4)

    site = Site(tmp_path, state=ConsoleState(tmp_path))
    with site.browser:
        assert '<textarea id="message" name="message"' in site.get("/try/models/mood").text
        page = text_of(site.post("/try/models/mood", {"message": texts[0]}).text)
    assert "tone sport" in page

    # Elsewhere its package may be missing: what was exported says what it takes.
    uninstall()
    assert "tone" not in all_tasks()
    assert tfapp.predict(tmp_path / "models" / "mood", texts)["tone"].tolist() == [
        tone.decode() for tone in answers["tone"]
    ]


def test_its_settings_are_its_own(messages: Path, tmp_path: Path) -> None:
    assert call("init", messages, "-o", tmp_path / "tone.toml").code == 0

    def refused(*changes: str) -> str:
        settings = [part for change in changes for part in ("--set", change)]
        return complaint(call("train", tmp_path / "tone.toml", *settings))

    assert "least_confidence should be less than or equal to 1" in refused("model.least_confidence=2")
    assert "model.stride is not read by the task tone; remove it" in refused("model.stride=4")
    assert "its columns of texts are data.message; remove it" in refused("data.text=body")
    assert "a message has one tone" in refused("model.multi_label=true")
    foreign = ("task=classification", "model.least_confidence=0.5")
    assert "model.least_confidence is not read by the task classification" in refused(*foreign)
    assert "there is no task 'tome'; did you mean \"tone\"?" in refused("task=tome")
