"""The trainings of the intent model: their record, whether another one is due, its experiment and its splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from tfapp.apps.shared.store import Store
from tfapp.apps.support.settings import SupportSettings
from tfapp.apps.support.tables import TrainingRow
from tfapp.core.clock import Clock
from tfapp.core.files import write_json_lines
from tfapp.core.wording import pluralize
from tfapp.data.stored_texts import text_key

__all__ = ["IntentModel", "LabelledQuestion", "TrainingDecision", "intent_experiment", "split_questions"]

LabelledQuestion = tuple[str, str]
"""A text and its intent."""

_SHARE: Final = 0.1
_LEAST: Final = 3
# A label that a single text has cannot be held out.
_LEAST_QUESTIONS: Final = 2


class TrainingDecision(NamedTuple):
    """A decision whether to train, and its reason."""

    train: bool
    why: str


class IntentModel:
    """Records the trainings of the intent model."""

    def __init__(self, store: Store, clock: Clock, settings: SupportSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    def exists(self) -> bool:
        """Returns whether there is an intent model: trained here, or served by others."""
        return self._settings.intent_training == "none" or self.last() is not None

    def last(self) -> TrainingRow | None:
        """Returns the last training."""
        name = self._settings.intent_model
        query = select(TrainingRow).where(TrainingRow.model == name).order_by(TrainingRow.version.desc()).limit(1)
        return self._store.read(lambda session: session.scalars(query).first())

    def keep(self, version: int, *, questions: int, intents: int) -> None:
        """Records that a version is published, and how many questions and intents it learnt from."""
        content = {"questions": questions, "intents": intents}
        row = TrainingRow(model=self._settings.intent_model, version=version, trained_at=self._clock(), **content)
        self._store.run(lambda session: session.merge(row))

    def reason_to_train(self, questions: Sequence[tuple[str, str]]) -> TrainingDecision:
        """Decides whether the questions that have an intent, as (text, intent), need a training."""
        if self._settings.intent_training == "none":
            return TrainingDecision(False, f"{self._settings.intent_model} is served by others")
        counts = Counter(name for _, name in questions)
        if sum(count >= _LEAST_QUESTIONS for count in counts.values()) < 2:
            return TrainingDecision(False, "none: fewer than two intents have questions")
        last = self.last()
        if last is None:
            return TrainingDecision(True, "there is none yet")
        if len(counts) > last.intents:
            return TrainingDecision(True, "there are new intents")
        growth = len(questions) - last.questions
        if growth > last.questions * self._settings.retrain_share:
            return TrainingDecision(True, pluralize(growth, "new question"))
        return TrainingDecision(False, f"version {last.version} is kept: {_growth_note(growth)}")


def _growth_note(growth: int) -> str:
    if growth <= 0:
        return "there are no new questions"
    return f"there {'is' if growth == 1 else 'are'} {pluralize(growth, 'more question')} than it learnt from"


def intent_experiment(settings: SupportSettings, questions: Sequence[tuple[str, str]], folder: Path) -> dict[str, Any]:
    """Writes the splits of the questions into a folder, and returns the experiment that trains the intent model."""
    for split, rows in split_questions(questions).items():
        write_json_lines(folder / f"{split}.jsonl", ({"text": text, "label": name} for text, name in rows))
    is_few_shot = settings.intent_training == "few-shot"
    split_files = {split: str(folder / f"{split}.jsonl") for split in ("train", "dev", "test")}
    return {
        "name": settings.intent_model,
        "data": {**split_files, "on_unseen_label": "drop"},
        "model": {"preset": settings.intent_preset, "max_length": 64, "pooling": "mean"},
        "training": {"method": "few-shot", "epochs": 5, "batch_size": 32} if is_few_shot else {"adapt": "head"},
    }


def split_questions(questions: Sequence[LabelledQuestion]) -> dict[str, list[LabelledQuestion]]:
    """Splits questions by each text's digest, so that a question stays in its split while others come.

    An intent of three questions or more has one in each split at least; others are for train alone.

    Args:
        questions: All, as (text, intent); of a text that comes again, the last intent holds.

    Returns:
        The splits train, dev and test.
    """
    questions_by_text = {text_key(text): (text, intent) for text, intent in questions}
    questions_by_intent: defaultdict[str, list[tuple[str, LabelledQuestion]]] = defaultdict(list)
    for key, question in sorted(questions_by_text.items()):
        questions_by_intent[question[1]].append((key, question))
    splits: dict[str, list[LabelledQuestion]] = {"train": [], "dev": [], "test": []}
    for group in questions_by_intent.values():
        for index, (key, question) in enumerate(group):
            splits[_split(index, key, len(group))].append(question)
    return splits


def _split(index: int, key: str, count: int) -> str:
    """Returns a question's split: the first two by digest and those below a fifth are held out, but never the last."""
    if count < _LEAST or index == count - 1:
        return "train"
    if index < 2:
        return ("test", "dev")[index]
    share = int(key[:8], 16) / 0x100000000
    return "test" if share < _SHARE else "dev" if share < 2 * _SHARE else "train"
