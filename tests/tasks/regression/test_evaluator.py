"""The measures of a regression, held against scikit-learn and SciPy."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation, write_report
from tfapp.tasks.registry import read_evaluation
from tfapp.tasks.regression.evaluation_result import RegressionEvaluation
from tfapp.tasks.regression.evaluator import evaluate_numbers
from tfapp.tasks.regression.metrics import NAMES, measure_numbers, scores

COARSE = st.integers(-20, 20).map(lambda number: number / 4)
ROWS = st.lists(st.tuples(COARSE, COARSE), min_size=2, max_size=40)


def made_up(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = 50 + 20 * random.normal(size=count)
    return truth, truth + 10 * random.normal(size=count) + 3


def evaluate(truth: np.ndarray, predictions: np.ndarray, **changes: object) -> RegressionEvaluation:
    texts = [f"text <{n}>" for n in range(len(truth))]
    arguments: dict[str, object] = {"deviation": 20.0, "texts": texts, "rows": range(100, 100 + len(truth))}
    return evaluate_numbers(truth, predictions, **arguments | changes)  # type: ignore[arg-type]


@given(ROWS)
def test_values_are_those_of_scikit_learn_and_scipy(rows: list[tuple[float, float]]) -> None:
    truth, predictions = np.array(rows).T
    measures = dict(zip(NAMES, scores(truth, predictions), strict=True))
    assert measures["RMSE"] == pytest.approx(mean_squared_error(truth, predictions) ** 0.5)
    assert measures["MAE"] == pytest.approx(mean_absolute_error(truth, predictions))
    if np.ptp(truth):
        assert measures["R²"] == pytest.approx(r2_score(truth, predictions))
    if np.ptp(truth) and np.ptp(predictions):
        assert measures["Pearson"] == pytest.approx(pearsonr(truth, predictions).statistic, abs=1e-9)
        assert measures["Spearman"] == pytest.approx(spearmanr(truth, predictions).statistic, abs=1e-9)


def test_what_is_undefined_is_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scores(np.array([0.1] * 3), np.array([1.0, 2.0, 4.0]))[2:].tolist() == [0, 0, 0]
        assert scores(np.array([1.0, 2.0, 4.0]), np.array([0.1] * 3))[3:].tolist() == [0, 0]
        assert evaluate(np.zeros(0), np.zeros(0)).measures == ()
        assert evaluate(np.ones(1), np.zeros(1)).main_score == 1


def test_intervals_hold_what_many_samples_give() -> None:
    truth, predictions = made_up(400)
    evaluation = evaluate(truth, predictions)
    samples = [scores(*made_up(400, seed)) for seed in range(1, 201)]
    for measure, values in zip(evaluation.measures, np.array(samples).T, strict=True):
        low, high = measure.interval
        assert low < measure.value < high
        # About as wide as the middle 95 % of fresh samples.
        expected = np.diff(np.quantile(values, [0.025, 0.975]))[0]
        assert 0.6 < (high - low) / expected < 1.6
    assert evaluation.main_interval == evaluation.measures[0].interval


def test_rows_of_a_group_are_drawn_together() -> None:
    truth, predictions = made_up(60)
    copies = np.repeat(np.arange(60), 10)
    row_interval, group_interval = (
        measure_numbers(truth[copies], predictions[copies], groups)[0].interval for groups in (np.arange(600), copies)
    )
    # Ten copies of a row say no more than one.
    plain_interval = measure_numbers(truth, predictions, np.arange(60))[0].interval
    assert group_interval[1] - group_interval[0] == pytest.approx(plain_interval[1] - plain_interval[0], rel=0.2)
    assert row_interval[1] - row_interval[0] < 0.5 * (group_interval[1] - group_interval[0])


def test_ranges_and_the_worst_rows_say_where_it_fails() -> None:
    truth = np.arange(100.0)
    predictions = np.where(truth < 50, truth + 2, truth - 4)
    predictions[7] = -90
    evaluation = evaluate(truth, predictions)
    assert sum(part.count for part in evaluation.ranges) == evaluation.count == 100
    assert [part.low for part in evaluation.ranges] == sorted(part.low for part in evaluation.ranges)
    assert (evaluation.ranges[-1].bias, evaluation.ranges[-1].mae) == (-4, 4)
    assert len(evaluation.ranges) == 8
    worst = evaluation.worst[0]
    assert (worst.text, worst.truth, worst.predicted, worst.row) == ("text <7>", 7, -90, 107)
    assert len(evaluation.worst) == 20
    assert len(evaluate(np.repeat([1.0, 2.0], 50), np.zeros(100)).ranges) == 2


def test_it_travels_as_json_and_is_drawn(tmp_path: object) -> None:
    truth, predictions = made_up(3000)
    evaluation = evaluate(truth, predictions)
    assert len(evaluation.points) == 2000
    assert read_evaluation(json.loads(json.dumps(evaluation.to_dict()))) == evaluation
    page = write_report(evaluation, f"{tmp_path}/report.html", title="minutes", metadata={}).read_text()
    assert "2,000 of 3,000 rows" in page
    assert "text &lt;" in page
    assert evaluation.headline().startswith("RMSE 10.")
    assert "3000 rows" in evaluation.headline()
    assert set(evaluation.board().images) == {"scatter"}
    assert evaluation.metrics()["RMSE"] == evaluation.main_score


def test_a_lower_error_is_a_gain_in_deviations() -> None:
    truth, predictions = made_up(100)
    better, worse = evaluate(truth, predictions), evaluate(truth, predictions + 10)
    assert better.lower_is_better
    assert not better.by_loss
    assert Evaluation.gain_over(better, worse) > 0 > Evaluation.gain_over(worse, better)
    assert better.gain_over(worse) == pytest.approx((worse.main_score - better.main_score) / 20)


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(TrainingError, match="row 101: the score is not a number"):
        evaluate(np.arange(3.0), np.array([0, np.nan, 1]))
