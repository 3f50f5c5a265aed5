"""Embedding of texts as vectors, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from tfapp_client import contract

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.schemas import TABLES, Schema
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import NoLabels
from tfapp.errors import DataError, SettingsError
from tfapp.tasks.embedding.answer_format import VectorAnswerFormat
from tfapp.tasks.embedding.default_hyperparameters import choose_embedding
from tfapp.tasks.embedding.evaluation_result import RetrievalEvaluation
from tfapp.tasks.embedding.experiment import preset_experiment
from tfapp.tasks.embedding.settings import SETTINGS
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["EMBEDDING"]

_LEAST: Final = 2
_MOST_TEXTS: Final = 12


class PairTarget(NoLabels):
    """The target of an embedding: pairs without a label."""

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Gives each split two different candidates, since a query's own is told apart from those of other rows."""
        findings = fill_splits(splits, from_files, settings, lambda _, rows: _candidates(rows) >= _LEAST)
        shares = {"train": 1.0, "dev": settings.dev_share, "test": settings.test_share}
        for split, rows in splits.items():
            if _candidates(rows) < _LEAST and (split in from_files or shares[split]):
                name = from_files[split].name if split in from_files else settings.train
                raise DataError(
                    f"{name}: {split} needs at least two different candidates, it has {len(rows)} "
                    f"{'row' if len(rows) == 1 else 'rows'}; add rows, set another data.split_seed, or give files with "
                    "data.dev and data.test"
                )
        return findings


def _candidates(rows: Rows) -> int:
    return len(np.unique(rows.table["candidate"].to_numpy(zero_copy_only=False)))


def _embed(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    texts = form.lines("texts", fewest=2)
    if len(texts) > _MOST_TEXTS:
        raise SettingsError(f"texts: at most {_MOST_TEXTS} lines are compared here, got {len(texts)}")
    vectors = model.client.embed(model.name, texts, **model.routing)
    return {"texts": texts, "cosines": (vectors @ vectors.T).tolist(), "width": vectors.shape[1]}


_FORM: Final = PlaygroundForm(
    (FormField("texts", "Texts", rows=7, hint=f"One per line, from 2 to {_MOST_TEXTS}"),),
    _embed,
    Path(__file__).parent / "templates" / "embedding.playground.html.jinja",
    Path(__file__).parent / "static" / "embedding.playground.css",
)


def _classes() -> TaskClasses:
    from tfapp.tasks.embedding.evaluator import RetrievalEvaluator
    from tfapp.tasks.embedding.model import TextEmbedder

    return TaskClasses({"bert": TextEmbedder}, RetrievalEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.tasks.embedding.hugging_face import stock_model

    return stock_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.embedding.onnx_form import ONNX_FORM

    return ONNX_FORM


EMBEDDING: Final = TaskSpec(
    contract.EMBEDDING,
    settings=SETTINGS,
    schema=Schema(
        SETTINGS.name, SETTINGS.texts, PairTarget(), TABLES, extra=("negative",), group="query", settings=SETTINGS.data
    ),
    classes=_classes,
    evaluation=RetrievalEvaluation,
    answer_format=VectorAnswerFormat(),
    card=CardWords(
        "raw text",
        'embed("{name}", ["a text"])',
        answers="a vector of length 1; the vectors of similar texts point in similar directions",
        knows="No fixed cosine separates texts that fit from texts that do not: find a threshold on your own texts.",
    ),
    choose=choose_embedding,
    preset_experiment=preset_experiment,
    playground=_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
