"""Tests what is proposed for texts with spans, by their words and their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapp.data import Proposal, write_starter
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.settings_proposal import propose_settings


def propose(path: Path, texts: list[str]) -> Proposal:
    """Proposes settings for texts of which the second word is a place; they must be ones that training takes."""
    lines = [
        "\n".join(f"{word} {'B-place' if number == 1 else 'O'}" for number, word in enumerate(text.split()))
        for text in texts
    ]
    file = path / "a.conll"
    file.write_text("\n\n".join(lines) + "\n")
    proposal = propose_settings(str(file))
    load_experiment(write_starter(proposal, path / "a.toml", tasks=task_settings(), force=True))
    return proposal


def test_words_that_bert_would_split_are_read_as_the_file_has_them(tmp_path: Path) -> None:
    assert "words" not in propose(tmp_path, ["in paris today"] * 20).model
    assert propose(tmp_path, ["@in paris today"] * 20).model["words"] == "spaces"


def test_capitals_are_read_where_they_tell_spans_from_other_words(tmp_path: Path) -> None:
    def shapes(text: str) -> Any:
        return propose(tmp_path, [text] * 20).model.get("word_shapes")

    assert shapes("in Paris we eat") is True
    assert shapes("in paris we eat") is None
    assert shapes("IN PARIS WE EAT") is None


def test_many_texts_get_fewer_epochs_and_new_words_hide_words(tmp_path: Path) -> None:
    few_rows_training = propose(tmp_path, ["in paris today"] * 80).training
    assert few_rows_training == {"epochs": 20, "batch_size": 8, "learning_rate": 1e-4, "head_learning_rate": 1e-3}
    many_rows_training = propose(tmp_path, ["in paris today"] * 4800).training
    assert many_rows_training == {"epochs": 8, "batch_size": 16, "learning_rate": 2e-4, "layer_decay": 0.8}
    new = propose(tmp_path, [f"in paris{number} today" for number in range(4800)])
    assert new.training["word_dropout"] == 0.2
    assert any("100% of the spans come once" in note for note in new.notes)


def test_few_rows_say_how_far_their_score_can_be_trusted(tmp_path: Path) -> None:
    small_proposal, large_proposal = (propose(tmp_path, ["in paris today"] * count) for count in (80, 800))
    assert any(
        "16 of them to test on, a score is known to within about 24 points" in note for note in small_proposal.notes
    )
    assert not any("points" in note for note in large_proposal.notes)
