"""Tests what guesses of masked tokens come to."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation, write_report
from tfapp.tasks.pretraining.evaluation_result import LanguageEvaluation
from tfapp.tasks.pretraining.evaluator import evaluate_language

# Of each block: the summed loss, right guesses, guesses. The last hid nothing.
SUMS = np.array([[2.0, 3, 4], [12.0, 0, 6], [0.0, 0, 0]], np.float32)


@pytest.fixture
def evaluation() -> LanguageEvaluation:
    return evaluate_language(SUMS)


def test_every_masked_token_counts_the_same(evaluation: LanguageEvaluation) -> None:
    assert (evaluation.count, evaluation.blocks) == (10, 2)
    assert evaluation.loss == pytest.approx(1.4)
    assert evaluation.perplexity == pytest.approx(math.exp(1.4))
    assert evaluation.main_score == evaluation.metrics()["masked accuracy"] == pytest.approx(0.3)
    assert evaluation.spread == (1, 0, 1, 0, 0, 0, 0, 0)
    assert evaluation.headline().startswith("perplexity 4.06 (95 % interval ")


def test_intervals_hold_what_was_measured_and_shrink_with_more_blocks() -> None:
    random = np.random.default_rng(0)
    small, large = (
        evaluate_language(np.stack([random.gamma(4, size=n), random.integers(0, 5, n), np.full(n, 5)], axis=1))
        for n in (20, 2000)
    )
    for evaluation in (small, large):
        assert evaluation.loss_interval[0] < evaluation.loss < evaluation.loss_interval[1]
        assert evaluation.main_interval[0] < evaluation.accuracy < evaluation.main_interval[1]
    assert np.ptp(large.loss_interval) < 0.2 * np.ptp(small.loss_interval)


def test_it_travels_and_shows_itself(evaluation: LanguageEvaluation, tmp_path: Path) -> None:
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation
    page = write_report(evaluation, tmp_path / "report.html", title="lm", metadata={}).read_text()
    assert "perplexity of the block" in page
    assert "4.055" in page
    assert set(evaluation.board().scalars) == {"evaluation/masked accuracy", "evaluation/perplexity", "evaluation/loss"}
    assert "4.055" in evaluation._repr_html_()
    assert evaluation.table().row_count == 3


def test_nothing_was_evaluated(tmp_path: Path) -> None:
    nothing = evaluate_language(np.zeros((0, 3)))
    assert nothing.figures() == {}
    assert "No masked tokens were evaluated" in nothing._repr_html_()


def test_a_loss_that_is_no_number_is_named() -> None:
    with pytest.raises(TrainingError, match="not a number"):
        evaluate_language(np.array([[np.nan, 0, 3]]))
