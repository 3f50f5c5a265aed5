"""A classifier of pairs of texts over a pretrained BERT: entailment, paraphrase, whether an answer fits."""

from __future__ import annotations

from typing import ClassVar

from tfapp_client import contract

from tfapp.models.classifier import TextClassifier

__all__ = ["PairClassifier"]


class PairClassifier(TextClassifier):
    """`TextClassifier` on [CLS] query [SEP] candidate [SEP], as Devlin et al. 2019 read pairs; never in windows."""

    task: ClassVar[contract.Task] = contract.PAIR_CLASSIFICATION
