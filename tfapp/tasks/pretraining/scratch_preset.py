"""A BERT from scratch: a vocabulary made from texts, and random weights."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import keras_hub

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models.presets import Preset
from tfapp.tasks.pretraining.settings import PretrainingModelSettings, ScratchSettings

__all__ = ["ScratchPreset", "make_preset", "train_vocabulary"]

_SPECIAL: Final = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@dataclass(frozen=True)
class ScratchPreset(Preset):
    """A BERT with random weights and a vocabulary made from texts.

    Attributes:
        sizes: Its sizes.
    """

    sizes: ScratchSettings

    def backbone(self, dtype: str = "float32") -> Any:
        """Returns a new `keras_hub.models.BertBackbone` with random weights."""
        sizes = self.sizes
        return keras_hub.models.BertBackbone(
            vocabulary_size=len(self.vocabulary),
            num_layers=sizes.layers,
            num_heads=sizes.heads,
            hidden_dim=sizes.width,
            intermediate_dim=sizes.feedforward or 4 * sizes.width,
            max_sequence_length=sizes.positions,
            dtype=dtype,
        )


def make_preset(settings: ModelSettings, texts: Iterable[str]) -> Preset:
    """Makes a BERT of the sizes of `model.fresh`, with a vocabulary of the texts; raises as `train_vocabulary` does."""
    sizes = PretrainingModelSettings.of(settings).fresh or ScratchSettings()
    vocabulary = train_vocabulary(texts, size=sizes.vocabulary_size, lowercase=sizes.lowercase)
    return ScratchPreset("from scratch", "", tuple(vocabulary), sizes.lowercase, sizes)


def train_vocabulary(texts: Iterable[str], *, size: int, lowercase: bool) -> Sequence[str]:
    """Makes a WordPiece vocabulary in the order of its ids; the same texts give the same.

    The library `tokenizers` makes it, in Rust, and splits words as BERT does; tensorflow-text's own tool does it in
    Python, for minutes where this takes seconds. The special tokens count in `size`; `lowercase` also strips accents.

    Raises:
        ModelError: The texts do not make so many pieces.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The served tokenizer folds compatibility characters.
    lines = [tokenizer.normalizer.normalize_str(unicodedata.normalize("NFKC", text)) for text in texts]
    first = [
        *_SPECIAL,
        *_continuations(word for line in lines for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(line)),
    ]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    pieces = tokenizer.get_vocab()
    if len(pieces) != size:
        raise ModelError(
            f"model.fresh.vocabulary_size is {size}, but the texts make {len(pieces)} word pieces "
            f"({'their characters alone' if len(pieces) > size else 'that come twice'}); set it to {len(pieces)}"
        )
    return sorted(pieces, key=lambda piece: pieces[piece])


def _continuations(words: Iterable[str]) -> list[str]:
    """Returns the characters that go on with a word, as pieces.

    The trainer numbers pieces that it is not given in an order of chance, which decides between merges of the same
    count, too.
    """
    characters: set[str] = set()
    for word in words:
        characters.update(word[1:])
    return [f"##{character}" for character in sorted(characters)]
