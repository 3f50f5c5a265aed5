"""The models of a customer service, exported or trained here, served here or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp_client import Client

from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.embedding_model import EmbeddingModel
from tfapp.apps.support.intent_splits import split_questions
from tfapp.apps.support.settings import SupportSettings
from tfapp.core.files import write_json_lines
from tfapp.workflows.remote_server import RemoteServer

__all__ = ["SupportModels", "intent_experiment"]


@dataclass(frozen=True)
class SupportModels:
    """Trains and exports the models and connects to them.

    Attributes:
        home: The customer service's folder; its models are in `models`, which a server reads.
        settings: Their names, and how they are made.
        server: The model server; None: one is started when it is needed.
        wait: Longest time to wait until that server has a model, in seconds.
    """

    home: Path
    settings: SupportSettings
    server: RemoteServer | None = None
    wait: float = 60.0

    @property
    def folder(self) -> Path:
        """Returns the models folder."""
        return self.home / "models"

    def client(self) -> AbstractContextManager[Client]:
        """Yields a client of the model server."""
        return self._models.client()

    @property
    def embedder(self) -> EmbeddingModel:
        """Returns the embedding model."""
        return EmbeddingModel(self._models, self.settings.embedder, self.settings.embedder_preset, self.wait)

    def train_intents(self, questions: Sequence[tuple[str, str]], *, quiet: bool = False) -> tuple[int, str]:
        """Trains and exports the intent model.

        Args:
            questions: As (text, intent).
            quiet: Show no progress.

        Returns:
            Its version, and how good it is, in words.

        Raises:
            DataError: There are too few questions.
            TfappError: The training or the export failed.
        """
        folder = self.home / "training" / self.settings.intent_model
        for split, rows in split_questions(questions).items():
            write_json_lines(folder / f"{split}.jsonl", ({"text": text, "label": name} for text, name in rows))
        experiment = intent_experiment(self.settings, folder)
        return self._models.train(experiment, runs=self.home / "runs", of="questions", quiet=quiet)

    @property
    def _models(self) -> ApplicationModels:
        return ApplicationModels(self.folder, self.server)


def intent_experiment(settings: SupportSettings, folder: Path) -> dict[str, Any]:
    """Returns the experiment that trains the intent model.

    Args:
        settings: How.
        folder: The questions, a jsonl file for each split, with text and label.
    """
    few = settings.intent_training == "few-shot"
    split_files = {split: str(folder / f"{split}.jsonl") for split in ("train", "dev", "test")}
    training = {"method": "few-shot", "epochs": 5, "batch_size": 32} if few else {"adapt": "head"}
    return {
        "name": settings.intent_model,
        "data": {**split_files, "on_unseen_label": "drop"},
        "model": {"preset": settings.intent_preset, "max_length": 64, "pooling": "mean"},
        "training": training,
    }
