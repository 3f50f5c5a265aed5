"""Learns classes from few texts: first the backbone by contrast, then the head by a fit.

As SetFit (Tunstall et al. 2022) does it, with another loss: SetFit compares texts two by two and asks for a cosine of
1 or 0; here each text is compared with all others of the batch at once (Khosla et al. 2020), which makes many more
comparisons of the same forward pass.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.data.batches import TokenizedTexts
from tfapp.tasks.classification.class_embedder import ClassEmbedder
from tfapp.tasks.classification.model import WindowClassifier
from tfapp.tasks.classification.settings import ClassificationTrainingSettings
from tfapp.training.head_trainer import HeadTrainer
from tfapp.training.loop import FineTuner
from tfapp.training.observers import EpochEvent, Observer, StepEvent
from tfapp.training.run_folder import RunFolder
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.train_state import TrainState

__all__ = ["draw_partners", "find_method", "train_few_shot"]


def find_method(settings: TrainingSettings) -> Callable[..., TrainState] | None:
    """Returns `train_few_shot` where the settings ask for it, else None."""
    return train_few_shot if ClassificationTrainingSettings.of(settings).is_few_shot else None


def train_few_shot(
    *,
    model: WindowClassifier,
    train_split: TokenizedSplit,
    settings: TrainingSettings,
    folder: RunFolder,
    observers: Sequence[Observer],
    clock: Callable[[], float],
    **rest: Any,
) -> TrainState:
    """Trains a classifier in two phases; a killed run goes on in the phase that it was in.

    Args:
        model: The classifier.
        train_split: What is learnt from.
        settings: How; its epochs are the partners that each text meets.
        folder: Where best weights go; the first phase has a folder in it.
        observers: Told of the steps of both phases as of one training.
        clock: Monotonic seconds.
        rest: The other arguments of `train`.

    Returns:
        The second phase's state.
    """
    embedder, first = ClassEmbedder.on(model), TrainState()
    split = _pairs(embedder, train_split, settings)
    phase = RunFolder(folder.first_phase)
    if embedder.is_saved(phase.model):
        embedder.load_weights(phase.model)
    elif settings.epochs:
        phase.model.mkdir(parents=True, exist_ok=True)
        # The pairs of all epochs, once.
        one_epoch = settings.model_copy(update={"epochs": 1})
        no_texts = TokenizedTexts(split.texts.ids[:0], split.texts.splits[:1])
        first = FineTuner(
            model=embedder,
            train_split=split,
            settings=one_epoch,
            folder=phase,
            observers=observers,
            objective=None,
            clock=clock,
            # Both splits are read once, and fits take half as long again; a pair is two texts.
            later_rows=(len(train_split.texts) + len(rest["dev_split"].texts)) * 3 // 4,
            **rest | {"dev_split": replace(split, texts=no_texts, targets=split.targets[:0], rows=split.rows[:0])},
        ).run()
    if phase.adapter.is_file():
        folder.model.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(phase.adapter, folder.adapter)
    offset = -(-len(split.texts) // settings.batch_size)
    later = [_Later(observer, offset) for observer in observers]
    state = HeadTrainer(
        model=model, train_split=train_split, settings=settings, folder=folder, observers=later, **rest
    ).run()
    return replace(state, cut=first.cut or state.cut)


def draw_partners(classes: np.ndarray, seed: int | Sequence[int]) -> np.ndarray:
    """Draws for each text of int[N] classes another of its class; itself where it is alone, or of no class (-1)."""
    random = np.random.default_rng(seed)
    partners = np.arange(len(classes))
    for label in np.unique(classes[classes >= 0]):
        members = np.flatnonzero(classes == label)
        steps = random.integers(1, max(len(members), 2), len(members))
        partners[members] = members[(np.arange(len(members)) + steps) % len(members)]
    return partners


@dataclass(frozen=True)
class _Later:
    """An observer that adds the steps of an earlier phase to those that it passes on."""

    observer: Observer
    offset: int

    def on_start(self, step: int, total_steps: int) -> None:
        self.observer.on_start(self.offset + step, self.offset + total_steps)

    def on_progress(self, step: int) -> None:
        self.observer.on_progress(self.offset + step)

    def on_step(self, event: StepEvent) -> None:
        steps = {"step": self.offset + event.step, "total_steps": self.offset + event.total_steps}
        self.observer.on_step(replace(event, **steps))

    def on_epoch(self, event: EpochEvent) -> None:
        self.observer.on_epoch(replace(event, step=self.offset + event.step))


def _pairs(embedder: ClassEmbedder, split: TokenizedSplit, settings: TrainingSettings) -> TokenizedSplit:
    """Returns each text with a partner of its class, anew for each epoch."""
    texts = tf.RaggedTensor.from_row_splits(*embedder.tokenize(split.columns))
    count = len(split.texts)
    partners = [draw_partners(split.targets, [settings.seed, epoch]) for epoch in range(settings.epochs)]
    first, second = np.tile(np.arange(count), settings.epochs), np.concatenate([np.zeros(0, np.int64), *partners])
    rows = tf.concat([tf.gather(texts, first), tf.gather(texts, second)], axis=1)
    tokens = TokenizedTexts(rows.values.numpy(), rows.row_splits.numpy())
    return TokenizedSplit(tokens, split.targets[first], {}, split.inputs, first)
