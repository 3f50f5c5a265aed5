"""A model in the form of a stock class of Transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfapp.models import BertModel

__all__ = ["StockModel", "logit_weights"]


class StockModel(NamedTuple):
    """What a stock class of Transformers reads of a model beside its BERT.

    Attributes:
        architecture: The class, such as "BertForSequenceClassification"; "BertModel" where there is no head, which
            sentence-transformers reads.
        call: Python that asks the model, for people; it runs in the model's folder.
        head: The head's tensors by their names, dense layers' kernels as [output, input].
        config: Further entries of `config.json`.
        pooling: Of a model without a head, which vector of the last layer is the text's: "mean", "max" or "cls".
    """

    architecture: str
    call: str
    head: Mapping[str, np.ndarray] = {}
    config: Mapping[str, Any] = {}
    pooling: str | None = None


def logit_weights(
    model: BertModel, name: str, *, scale: float | np.ndarray = 1.0, shift: float = 0.0
) -> dict[str, np.ndarray]:
    """Returns the tensors of a model's output layer, by a name, so that it gives `logits * scale + shift`.

    Args:
        model: A model with an output layer.
        name: The layer's name in Transformers.
        scale: A number, or one a logit, float[K].
        shift: A number.
    """
    layer = model.output_layer
    kernel, bias = np.asarray(layer.kernel, np.float64), np.asarray(layer.bias, np.float64)
    return {f"{name}.weight": (kernel * scale).T, f"{name}.bias": bias * scale + shift}
