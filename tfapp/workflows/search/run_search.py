"""`tfapp.search`: searches the settings of an experiment, trains the winner anew and writes the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfapp.config import Experiment
from tfapp.config.search_space import read_search_space
from tfapp.errors import SettingsError, TrainingError
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.registry import find_task
from tfapp.workflows.search.open_study import open_study
from tfapp.workflows.search.report import write_search_report
from tfapp.workflows.search.result import SearchResult, TrialResult
from tfapp.workflows.search.search_loop import OnSearchEvent, SearchLoop
from tfapp.workflows.search.study import SearchStudy
from tfapp.workflows.search.trial_process import TRIAL_COMMAND
from tfapp.workflows.search.trial_settings import trial_experiment
from tfapp.workflows.search.winner import train_winner

__all__ = ["search"]


def search(
    experiment: Experiment | str | Path,
    *,
    trials: int = 20,
    minutes: float | None = None,
    seeds: int = 3,
    keep_seeds: bool = False,
    storage: str | None = None,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    quiet: bool = False,
    on_event: OnSearchEvent = lambda _: None,
    command: Sequence[str] = TRIAL_COMMAND,
) -> SearchResult:
    """Searches settings: trains trials, compares them on dev, trains the best anew, and evaluates that on test.

    A search that was killed goes on when it is called again with the same settings; one that is finished, too, where
    more trials or minutes are given. Several processes, and with a `storage` several machines, may work on one study
    at the same time.

    Args:
        experiment: Settings, or their file, whose section `search` says what is tried; without one, what the task
            proposes. Or a data file, for which settings are chosen as `tfapp init` does.
        trials: How many trials the study has at the most, over all calls and machines, those that failed aside.
        minutes: How long this machine searches at the most, over all calls; the winner's trainings come after.
        seeds: With how many other seeds the winner is trained; 0: it is not, as on all machines but one.
        keep_seeds: Keep the runs of all these seeds, to average them: those beside the winner in `RUNS/NAME-seeds`.
        storage: The URL of a database of Optuna's, such as `postgresql://HOST/NAME`; by default a SQLite file.
        overrides: `section.name=value` items, over the file.
        runs: The folder of all runs; the study is in `RUNS/NAME/search`, the run of the winner in `RUNS/NAME`.
        quiet: Show no progress.
        on_event: Is told of trials, epochs and seeds, as JSON values.
        command: What trains a trial, in a process of its own.

    Returns:
        Trials, winner and run; shows itself in Jupyter. Its page is `RUNS/NAME/search/report.html`.

    Raises:
        SettingsError: A setting breaks its rule, is none of the task's, or differs from those of a study that goes on.
        StoreError: The storage cannot be used.
        TrainingError: Several trials failed in a row, or none came to its end.
    """
    _check_bounds(trials, minutes, seeds, keep_seeds=keep_seeds)
    settings = _load(experiment, overrides)
    if not (settings.data.dev or settings.data.dev_share):
        raise SettingsError(f"{settings.name}: data.dev_share is 0, but trials are compared on dev; set it over 0")
    dimensions = read_search_space(settings, find_task(settings.task).settings)
    if not dimensions:
        raise SettingsError(f"{settings.name}: there is nothing to search; name settings in a section [search]")
    folder = Path(runs) / settings.name / "search"
    study = open_study(folder, settings, dimensions, storage)
    on_event(
        {
            "event": "search",
            "study": str(folder),
            "trials": trials,
            "minutes": minutes,
            "space": [dimension.describe() for dimension in dimensions],
        }
    )
    SearchLoop(study, settings, dimensions, trials, minutes, command, on_event, quiet=quiet).run()
    result = _collect(study)
    write_search_report(result, study.study, dimensions)
    if seeds:
        winner_settings = trial_experiment(settings, dimensions, result.best.parameters)
        options: dict[str, Any] = {
            "seeds": seeds,
            "keep_seeds": keep_seeds,
            "command": command,
            "on_event": on_event,
            "quiet": quiet,
        }
        trainings, path = train_winner(winner_settings, result.best.number, folder, Path(runs), **options)
        result = replace(result, seeds=trainings, path=path)
        write_search_report(result, study.study, dimensions)
    if not study.has_running():
        shutil.rmtree(folder / "shared", ignore_errors=True)
    on_event({"event": "search_end", **result.to_dict()})
    return result


def _collect(study: SearchStudy) -> SearchResult:
    """Returns the results of the trials so far."""
    best = study.best()
    winner = TrialResult.of(best) if best else None
    if winner is None:
        raise TrainingError(f"{study.folder}: no trial came to its end by now; give more minutes, and it goes on")
    return SearchResult(
        study.folder, [result for result in map(TrialResult.of, study.finished_trials()) if result], winner
    )


def _check_bounds(trials: int, minutes: float | None, seeds: int, *, keep_seeds: bool) -> None:
    if "TF_CONFIG" in os.environ:
        raise SettingsError(
            "each trial is trained by one machine; unset TF_CONFIG, and give --storage to share a study"
        )
    if trials < 1:
        raise SettingsError(f"trials must be 1 or more, got {trials}")
    if minutes is not None and not minutes > 0:
        raise SettingsError(f"minutes must be over 0, got {minutes:g}")
    if seeds < 0:
        raise SettingsError(f"seeds must be 0 or more, got {seeds}")
    if keep_seeds and seeds < 2:
        raise SettingsError(
            f"with keep_seeds, seeds must be 2 or more, got {seeds}; leave keep_seeds out, or raise seeds"
        )


def _load(experiment: Experiment | str | Path, overrides: Sequence[str]) -> Experiment:
    if isinstance(experiment, Experiment):
        if overrides:
            raise SettingsError("overrides go with a settings file; set them in the experiment")
        return experiment
    if Path(experiment).suffix.lower() == ".toml":
        return load_experiment(experiment, overrides)
    from tfapp.workflows.plan import make_plan

    # What `tfapp init` writes.
    return make_plan(str(experiment), overrides=overrides).candidates[-1].experiment
