"""`[model]`: which network is trained."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tfapp.config.settings.base import Settings

__all__ = ["FreshSettings", "MaskingSettings", "ModelSettings"]


class MaskingSettings(Settings):
    """Pretraining: what is hidden from the model, and guessed."""

    share: float = Field(
        0.15, gt=0, lt=1, description="Share of the tokens that are guessed; of them 80 % are masked, 10 % replaced."
    )
    whole_words: bool = Field(
        True, description="Hide all pieces of a word or none: a piece beside the rest of its word is too easy to guess."
    )
    pack: bool = Field(
        True, description="Texts follow one another up to max_length tokens, [SEP] between; false: each for itself."
    )


class FreshSettings(Settings):
    """Pretraining: a BERT that starts from nothing, with a vocabulary made from the texts."""

    vocabulary_size: int = Field(8192, ge=8, description="Word pieces, special tokens included.")
    lowercase: bool = Field(True, description="Lower the texts and strip their accents.")
    layers: int = Field(6, ge=1, description="Transformer layers.")
    width: int = Field(256, ge=8, description="Width of a token's vector; a multiple of heads.")
    heads: int = Field(4, ge=1, description="Attention heads.")
    feedforward: int | None = Field(None, ge=8, description="Width inside a layer; unset: four times width.")
    positions: int = Field(512, ge=8, description="Longest input in tokens that it can ever read.")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got {self.width} and {self.heads}")
        return self


class ModelSettings(Settings):
    """Which network is trained."""

    kind: Literal["bert", "lstm"] = Field(
        "bert", description="bert: a pretrained BERT with a head; lstm: a small baseline that learns from nothing."
    )
    preset: str = Field(
        "minilm-l6",
        description="A preset's name, a KerasHub handle, hf://OWNER/NAME, or a KerasHub or Hugging Face BERT's folder.",
    )
    max_length: int = Field(
        128,
        ge=4,
        description="Longest input in tokens, [CLS] and [SEP] included; the rest is cut, in tagging and answering read "
        "in further windows of this length.",
    )
    window: int | None = Field(
        None,
        ge=4,
        description="BERT reads longer texts in windows of at most this many tokens and takes the mean; unset: whole.",
    )
    pooling: Literal["cls", "mean", "max"] | None = Field(
        None,
        description="What the head reads: BERT's pooled [CLS] vector, or the tokens' mean or maximum. An embedding is "
        "the [CLS] token's own vector, the mean or the maximum. Unset: mean for embedding and few-shot, else cls.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate before the output layer.")
    multi_label: bool = Field(False, description="A text may have any number of labels, none included.")
    unknown_share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="With data.unknown_label, and no rows of that label in dev: the share of dev that may be answered "
        "so by mistake.",
    )
    unknown_by: Literal["distance", "energy"] = Field(
        "distance",
        description="With data.unknown_label: what tells that no label fits. distance: how far a text's logits are "
        "from the nearest of those of train; energy: how little any label claims it.",
    )
    decoding: Literal["constrained", "crf", "greedy"] = Field(
        "constrained",
        description="Tagging: how a text's tags are chosen. constrained: the best sequence that is legal; crf: the "
        "same, and what follows what is learnt too; greedy: each word's best tag.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Tagging: the loss counts words alike, or each tag's words by how rare the tag is."
    )
    word_shapes: bool = Field(
        False,
        description="Tagging, by a preset that reads lower case: it is told which words have capitals, and where.",
    )
    words: Literal["basic", "spaces"] = Field(
        "basic",
        description="Tagging: what has a tag. basic: words and signs as BERT's basic tokenizer sets them apart; "
        "spaces: what stands between two spaces, for texts whose signs have spaces around them.",
    )
    no_answer: bool | None = Field(
        None, description="Answering: the model may say that a context does not answer. Unset: if train has such."
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="Answering: tokens from the start of one window of the context to that of the next, at most. "
        "Unset: half a window.",
    )
    max_windows: int = Field(64, ge=1, description="Answering: windows of a context that are read; the rest is cut.")
    max_answer_length: int = Field(30, ge=1, description="Answering: longest answer in tokens.")
    masking: MaskingSettings = MaskingSettings()
    fresh: FreshSettings | None = Field(None, description="Pretraining: start from nothing instead of from preset.")
    temperature: float = Field(
        0.05, gt=0, description="Embedding and few-shot: cosines are divided by it in the loss; lower is sharper."
    )
    symmetric: bool = Field(
        False, description="Embedding: each candidate has to find its query, too, not only the query its candidate."
    )
    embedding_dim: int = Field(64, ge=1, description="Width of the lstm baseline's embedding.")
    lstm_units: int = Field(64, ge=1, description="Width of the lstm baseline's hidden state.")
