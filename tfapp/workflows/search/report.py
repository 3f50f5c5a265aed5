"""The page of a search, which needs no script and no other file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfapp.config.search_space import SearchDimension
from tfapp.core.files import write_text
from tfapp.evaluation.search_plots import SearchPoint, draw_history, draw_importances, draw_slice
from tfapp.evaluation.search_report import SearchPage, render_search_page
from tfapp.workflows.search.result import SearchResult, TrialResult

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

__all__ = ["write_search_report"]

# With fewer complete trials an importance is chance.
_FEWEST = 4


def write_search_report(result: SearchResult, study: optuna.Study, dimensions: Sequence[SearchDimension]) -> None:
    """Writes `report.html` into the folder of a search.

    Args:
        result: The results so far.
        study: Optuna's, which says how much each setting matters (PED-ANOVA; Watanabe et al. 2023).
        dimensions: What was searched.
    """
    trials = sorted(result.trials, key=lambda trial: (trial.state != "complete", -trial.value, trial.number))
    page = SearchPage(
        title=f"Search: {study.study_name}",
        headline=result.headline(),
        best=result.best,
        seeds=result.seeds,
        chosen=result.winner,
        run=str(result.path) if result.path else "",
        trials=trials,
        space=[dimension.describe() for dimension in dimensions],
        drawings=_draw(result, _importances(study), dimensions),
    )
    write_text(result.report, render_search_page(page))


def _importances(study: optuna.Study) -> dict[str, float]:
    """Returns each setting's importance for the scores of trials, the largest first; empty where there are too few."""
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < _FEWEST or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(optuna.importance.get_param_importances(study))
        except (ValueError, RuntimeError):
            # Trials whose settings have nothing in common.
            return {}


def _draw(
    result: SearchResult, importances: Mapping[str, float], dimensions: Sequence[SearchDimension]
) -> dict[str, tuple[Figure, str]]:
    """Returns drawings by name, each with its description."""
    best = result.best
    trials = [_point(trial, best) for trial in result.trials]
    history = draw_history(trials, best.score_name, lower_is_better=best.lower_is_better)
    drawings = {"history": (history, f"The dev {best.score_name} of {len(trials)} trials in order")}
    if importances:
        figure = draw_importances(list(importances), list(importances.values()))
        drawings["importances"] = (figure, "How much each setting matters")
    for dimension in dimensions:
        trials_of_it = [trial for trial in result.trials if dimension.name in trial.parameters]
        points = [_point(trial, best, trial.parameters[dimension.name]) for trial in trials_of_it]
        if points:
            figure = draw_slice(dimension.name, points, best.score_name, log=dimension.log)
            drawings[f"slice {dimension.name}"] = (figure, f"The dev {best.score_name} by {dimension.name}")
    return drawings


def _point(trial: TrialResult, best: TrialResult, value: Any = None) -> SearchPoint:
    return SearchPoint(trial.number, trial.score, trial.state == "complete", trial.number == best.number, value)
