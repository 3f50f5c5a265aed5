from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.support.service import ticking_clock
from tfapp.apps.shared.settings import load_settings
from tfapp.apps.shared.store import Store
from tfapp.apps.support.intent_model import IntentModel
from tfapp.apps.support.settings import SupportSettings

TEN = [(f"question {number}", "ab"[number % 2]) for number in range(10)]


def model(store: Store, **settings: object) -> IntentModel:
    return IntentModel(store, ticking_clock(), SupportSettings.model_validate({"retrain_share": 0.2, **settings}))


@pytest.mark.parametrize(
    ("questions", "train", "why"),
    [
        ([], False, "none: fewer than two intents have questions"),
        ([("q", "a"), ("r", "b"), ("s", "b")], False, "none: fewer than two intents have questions"),
        (TEN, True, "there is none yet"),
    ],
)
def test_the_first_training_needs_two_intents(
    store: Store, questions: list[tuple[str, str]], train: bool, why: str
) -> None:
    assert model(store).reason_to_train(questions) == (train, why)
    assert not model(store).exists()


@pytest.mark.parametrize(
    ("more_questions", "train", "why"),
    [
        ([], False, "version 3 is kept: there are no new questions"),
        ([("x", "a")], False, "version 3 is kept: there is 1 more question than it learnt from"),
        ([("x", "a")] * 2, False, "version 3 is kept: there are 2 more questions than it learnt from"),
        ([("x", "a")] * 3, True, "3 new questions"),
        ([("x", "c")], True, "there are new intents"),
    ],
)
def test_it_is_trained_again_when_questions_have_grown(
    store: Store, more_questions: list[tuple[str, str]], train: bool, why: str
) -> None:
    intent_model = model(store)
    for version, questions in ((2, 5), (3, 10)):
        intent_model.keep(version, questions=questions, intents=2)
    last = intent_model.last()
    assert last is not None
    assert (last.version, last.questions, last.intents) == (3, 10, 2)
    assert intent_model.exists()
    assert intent_model.reason_to_train([*TEN, *more_questions]) == (train, why)


def test_another_s_model_is_asked_and_not_trained(store: Store) -> None:
    foreign_model = model(store, intent_training="none")
    assert foreign_model.exists()
    assert foreign_model.reason_to_train(TEN) == (False, "support-intents is served by others")


def test_settings_are_read_from_a_file_and_overridden(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('tagger = "orders"\npassages = 1\n', encoding="utf-8")
    settings = load_settings(SupportSettings, file, ["passages=3", "embedder=1"])
    assert (settings.tagger, settings.passages, settings.embedder) == ("orders", 3, "1")
