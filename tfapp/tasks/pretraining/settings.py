"""The settings of pretraining, and its contract."""

from __future__ import annotations

from typing import Any, Final, Self

from pydantic import Field, model_validator
from tfapp_client.contract import Task, TensorSpec

from tfapp.config import Experiment, ModelSettings, Settings, TaskSettings
from tfapp.config.default_search_spaces import fine_tuning_space

__all__ = ["PRETRAINING_CONTRACT", "SETTINGS", "MaskingSettings", "PretrainingModelSettings", "ScratchSettings"]

# Its models are not served, so they have no outputs.
PRETRAINING_CONTRACT: Final = Task("pretraining", (TensorSpec("text", "string", 1),), ())


class MaskingSettings(Settings):
    """The tokens that are hidden from the model and predicted."""

    share: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="kind bert: the share of tokens to predict; 80 % of them are masked, 10 % replaced.",
    )
    whole_words: bool = Field(
        True, description="Hide all pieces of a word, or none: one piece is too easy to predict from the others."
    )
    pack: bool = Field(
        True, description="Join texts up to max_length tokens, with [SEP] between; false: each text on its own."
    )


class ScratchSettings(Settings):
    """A BERT that starts from nothing, with a vocabulary made from the texts."""

    vocabulary_size: int = Field(8192, ge=8, description="The number of word pieces, including special tokens.")
    lowercase: bool = Field(True, description="Convert texts to lower case and strip accents.")
    layers: int = Field(6, ge=1, description="The number of transformer layers.")
    width: int = Field(256, ge=8, description="The width of a token's vector, a multiple of heads.")
    heads: int = Field(4, ge=1, description="The number of attention heads.")
    feedforward: int | None = Field(None, ge=8, description="The width inside a layer; by default four times width.")
    positions: int = Field(512, ge=8, description="The longest input that the BERT can ever read, in tokens.")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got {self.width} and {self.heads}")
        return self


class PretrainingModelSettings(ModelSettings):
    """The settings of the network that learns the language, and of its start."""

    masking: MaskingSettings = MaskingSettings()
    deletion: float = Field(0.6, gt=0, lt=1, description="kind tsdae: the share of words that are deleted.")
    fresh: ScratchSettings | None = Field(None, description="Start from random weights instead of the preset.")

    @property
    def from_scratch(self) -> bool:
        """Returns whether the network starts from random weights."""
        return self.fresh is not None


def _adapt(experiment: Experiment) -> str | None:
    adapt = experiment.training.adapt
    return f"training.adapt is {adapt}, but pretraining changes every weight; use adapt all" if adapt != "all" else None


def _positions(experiment: Experiment) -> str | None:
    model = PretrainingModelSettings.of(experiment.model)
    if model.fresh and model.fresh.positions < model.max_length:
        return (
            f"model.max_length is {model.max_length}, but model.fresh.positions {model.fresh.positions}; "
            "a BERT reads no more tokens than it has positions"
        )
    return None


def _batch(experiment: Experiment) -> str | None:
    if experiment.model.kind == "simcse" and experiment.training.batch_size == 1:
        return "training.batch_size is 1, but simcse tells each text from the others of its batch; take 2 or more"
    return None


def _search_space(experiment: Experiment) -> dict[str, Any]:
    return {
        "training.learning_rate": fine_tuning_space(experiment)["training.learning_rate"],
        "training.batch_size": [16, 32, 64],
        **({"model.masking.share": {"low": 0.1, "high": 0.4}} if experiment.model.kind == "bert" else {}),
    }


_NO_LABELS: Final = "it learns from hidden words, not from labels; set it where the BERT is trained for its task"
SETTINGS: Final = TaskSettings(
    "pretraining",
    texts=("text",),
    reads=("model.pooling", "model.temperature"),
    model=PretrainingModelSettings,
    rules=(_adapt, _positions, _batch),
    kinds=("bert", "simcse", "tsdae"),
    refusals={
        "training.augment": "it learns what texts are like, and hides words itself (model.masking)",
        "training.fgm_epsilon": _NO_LABELS,
        "training.r_drop_alpha": _NO_LABELS,
    },
    notes={
        "model.kind": "bert guesses masked tokens. For vectors of texts: simcse (Gao et al. 2021) tells texts apart by "
        "two readings with dropout, tsdae (Wang et al. 2021) tells texts from the vectors of what deletions leave.",
        "model.pooling": "simcse and tsdae: the vector that learns, by default the mean.",
        "model.temperature": "For simcse.",
    },
    search=_search_space,
    summary="a BERT, from texts without labels",
)
