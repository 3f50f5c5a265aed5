"""A search by a stub for the training: bounds, pruning, failures, the winner and its page; and two processes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

import tfapp
from tests.toy import toy_rows
from tests.workflows.search.stub_trial import WEIGHTS
from tests.workflows.search.studies import ROOT, SPACE, STUB, running, start_search, stub_experiment, study_of
from tfapp.config import Experiment
from tfapp.config.search_space import read_search_space
from tfapp.errors import SettingsError, StoreError, TrainingError
from tfapp.tasks.experiments import task_settings
from tfapp.workflows.search import SearchResult, search
from tfapp.workflows.search.open_study import open_study
from tfapp.workflows.search.search_loop import SearchLoop
from tfapp.workflows.search.trial_settings import trial_experiment


def run_search(runs: Path, **options: Any) -> tuple[SearchResult, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    defaults: dict[str, Any] = {"trials": 6, "seeds": 2, "command": STUB, "quiet": True}
    experiment = options.pop("experiment", stub_experiment())
    return search(experiment, runs=runs, on_event=events.append, **defaults | options), events


def enqueue_trials(runs: Path, experiment: Experiment, trials: Sequence[Mapping[str, Any]]) -> None:
    """Says what the first trials of a search are to draw, by the names of its space; the rest is drawn."""
    dimensions = read_search_space(experiment, task_settings()["classification"])
    study = open_study(runs / "toy" / "search", experiment, dimensions, None).study
    for parameters in trials:
        study.enqueue_trial({f"training.{name}": value for name, value in parameters.items()})


@pytest.fixture(scope="module")
def search_result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    runs = tmp_path_factory.mktemp("runs")
    return runs, run_search(runs)[0]


def test_the_best_on_dev_wins_and_is_trained_anew(search_result: tuple[Path, SearchResult]) -> None:
    runs, result = search_result
    assert len(result.trials) == 6
    complete = [trial for trial in result.trials if trial.state == "complete"]
    assert result.best.value == max(trial.value for trial in complete)
    assert [seed.seed for seed in result.seeds] == [1, 2]
    # The stub's second seed is the best on dev, and not on test.
    assert result.winner is not None
    assert (result.winner.seed, result.winner.test < result.seeds[0].test) == (2, True)
    assert result.path == runs / "toy" / "20260101-000002"
    settings = result.run.experiment
    assert settings.training.seed == 2
    assert settings.training.learning_rate == result.best.parameters["training.learning_rate"]
    assert settings.search is None
    assert f"{result.winner.test:.3f}" in result.headline()


def test_only_the_best_keeps_its_weights(search_result: tuple[Path, SearchResult]) -> None:
    runs, result = search_result
    folders = sorted((runs / "toy" / "search" / "trials").iterdir())
    assert len(folders) == 6
    assert [folder.name for folder in folders if (folder / "model").exists()] == [f"{result.best.number:04d}"]
    assert not list(runs.rglob("checkpoint.txt"))
    assert not (runs / "toy" / "search" / "seeds").exists()


def test_the_seeds_of_the_winner_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    options = {"trials": 1, "experiment": stub_experiment(SPACE | {"epochs": [1]})}
    result, _ = run_search(tmp_path, **options, keep_seeds=True)
    assert result.path == tmp_path / "toy" / "20260101-000002"
    (seed_run,) = (tmp_path / "toy-seeds").iterdir()
    assert tfapp.open_run(seed_run).experiment.training.seed == 1
    repeat, events = run_search(tmp_path, **options, keep_seeds=True)
    assert repeat.path == result.path
    assert "seed_end" not in [event["event"] for event in events]
    assert list((tmp_path / "toy-seeds").iterdir()) == [seed_run]


def test_a_finished_search_is_left_as_it_is_and_goes_on_with_more_trials(tmp_path: Path) -> None:
    first, _ = run_search(tmp_path, trials=3, seeds=1)
    resumed_search, events = run_search(tmp_path, trials=3, seeds=1)
    assert [event["event"] for event in events] == ["search", "search_end"]
    assert (resumed_search.best, resumed_search.path, resumed_search.seeds) == (first.best, first.path, first.seeds)
    longer_search, events = run_search(tmp_path, trials=5, seeds=1)
    assert [event["number"] for event in events if event["event"] == "trial"] == [3, 4]
    assert len(longer_search.trials) == 5


def test_a_page_shows_all_of_it_and_needs_nothing_else(search_result: tuple[Path, SearchResult]) -> None:
    _, result = search_result
    page = result.report.read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    assert "training.learning_rate: 1e-05 to 0.001 (log)" in page
    assert f"{result.best.score:.3f}" in page
    assert "<script" not in page
    assert "src=" not in page


def test_poor_trials_are_pruned(tmp_path: Path) -> None:
    experiment = stub_experiment({"learning_rate": SPACE["learning_rate"], "epochs": [6, 7]})
    # The first and the last are poor, the others are better and better.
    rates = [1e-3, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 1e-3]
    enqueue_trials(tmp_path, experiment, [{"learning_rate": rate} for rate in rates])
    result, events = run_search(tmp_path, trials=len(rates), seeds=0, experiment=experiment)
    assert [trial.parameters["training.learning_rate"] for trial in result.trials] == rates
    pruned_trials = [trial for trial in result.trials if trial.state == "pruned"]
    # Not before there is something to compare with, nor at the first epoch.
    assert [(trial.number, trial.epochs) for trial in pruned_trials] == [(6, 2)]
    ends = {event["number"]: event["state"] for event in events if event["event"] == "trial_end"}
    assert ends == {trial.number: trial.state for trial in result.trials}
    assert result.path is None
    with pytest.raises(TrainingError, match="the winner has no run yet; search with seeds over 0"):
        _ = result.run


@pytest.mark.parametrize(
    ("name", "message"),
    [("STUB_ERROR", "the preset is away"), ("STUB_CRASH", "ended with status 1: RuntimeError: the preset is away")],
)
def test_trials_that_fail_in_a_row_end_the_search(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "the preset is away")
    with pytest.raises(TrainingError, match=f"3 trials in a row failed, the last one: .*{message}"):
        run_search(tmp_path)
    monkeypatch.delenv(name)
    result, _ = run_search(tmp_path)
    # Those that failed do not count.
    assert [trial.number for trial in result.trials] == [3, 4, 5, 6, 7, 8]


def test_settings_that_do_not_go_together_fail_a_trial(tmp_path: Path) -> None:
    space = {"adapt": ["head"], "sam_rho": [0.05]}
    with pytest.raises(TrainingError, match=r"in a row failed, the last one: the trial: training\.sam_rho is 0\.05"):
        run_search(tmp_path, experiment=stub_experiment(space))


def test_a_study_goes_on_with_the_same_settings_alone(tmp_path: Path) -> None:
    run_search(tmp_path, trials=1, seeds=0)
    with pytest.raises(SettingsError, match=r"started with other settings \(training\.batch_size\); give them again"):
        run_search(tmp_path, experiment=stub_experiment(batch_size=8))
    with pytest.raises(SettingsError, match=r"other settings \(search\.training\.epochs\)"):
        run_search(tmp_path, experiment=stub_experiment(SPACE | {"epochs": [2, 4]}))


def test_a_study_of_before_goes_on_where_a_setting_is_new_since(tmp_path: Path) -> None:
    run_search(tmp_path, trials=1, seeds=0)
    study = study_of(tmp_path)
    settings = {name: value for name, value in study.user_attrs["settings"].items() if name != "training.weight_decay"}
    assert len(settings) == len(study.user_attrs["settings"]) - 1
    study.set_user_attr("settings", settings)
    run_search(tmp_path, trials=1, seeds=0)
    with pytest.raises(SettingsError, match=r"other settings \(training\.weight_decay\)"):
        run_search(tmp_path, experiment=stub_experiment(weight_decay=0.5))


def test_a_study_of_another_default_space_says_how_to_go_on(tmp_path: Path) -> None:
    experiment = stub_experiment().model_copy(update={"search": None})
    dimensions = read_search_space(experiment, task_settings()["classification"])
    study = open_study(tmp_path, experiment, dimensions, None).study
    # A dimension of today was unknown, and another one had fewer values.
    old_settings = dict(study.user_attrs["settings"])
    del old_settings["search.training.layer_decay"]
    old_settings["search.training.batch_size"] = "training.batch_size: one of 16, 32"
    study.set_user_attr("settings", old_settings)
    message = (
        r"another default space \(search\.training\.batch_size, search\.training\.layer_decay\).* give another name"
    )
    with pytest.raises(SettingsError, match=message):
        open_study(tmp_path, experiment, dimensions, None)


def test_conditions_leave_what_does_not_apply_at_its_default(tmp_path: Path) -> None:
    space = {
        "adapt": ["all", "lora"],
        "lora_rank": {"low": 2, "high": 4, "when": {"adapt": "lora"}},
        "layer_decay": {"values": [0.5], "when": {"adapt": "all"}},
        "lora_targets": [["query"], ["query", "key"]],
        **SPACE,
    }
    experiment = stub_experiment(space, layer_decay=0.9)
    enqueue_trials(tmp_path, experiment, [{"adapt": "all"}, {"adapt": "lora"}])
    result, _ = run_search(tmp_path, trials=8, seeds=0, experiment=experiment)
    dimensions = read_search_space(experiment, task_settings()["classification"])
    kinds = set()
    for trial in result.trials:
        settings = trial_experiment(experiment, dimensions, trial.parameters).training
        kinds.add(settings.adapt)
        assert ("training.lora_rank" in trial.parameters) == (settings.adapt == "lora")
        assert settings.layer_decay == (0.5 if settings.adapt == "all" else 1.0)
        assert settings.lora_rank == trial.parameters.get("training.lora_rank", 8)
        assert settings.lora_targets in (("query",), ("query", "key"))
    assert kinds == {"all", "lora"}


def test_the_minutes_of_all_calls_count(tmp_path: Path) -> None:
    experiment = stub_experiment()
    dimensions = read_search_space(experiment, task_settings()["classification"])
    study = open_study(tmp_path, experiment, dimensions, None)

    def loop(minutes: float) -> int:
        """Searches by a clock that goes on by a second whenever it is looked at; returns how many trials ended."""
        ticks = itertools.count(0.0)
        events: list[Mapping[str, Any]] = []
        options: dict[str, Any] = {"quiet": True, "clock": lambda: next(ticks)}
        SearchLoop(study, experiment, dimensions, 1000, minutes, STUB, events.append, **options).run()
        return sum(event["event"] == "trial_end" for event in events)

    first = loop(1)
    assert 1 <= first < 60
    assert loop(1) <= 1
    assert not running(study.study)
    assert loop(2) >= 1


def test_two_processes_share_one_study(tmp_path: Path) -> None:
    processes = [start_search(tmp_path, 8, 0, STUB_SECONDS="0.05") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    numbers = [[line.split()[0] for line in out.splitlines()] for out, _ in outputs]
    assert sorted(map(int, numbers[0] + numbers[1])) == list(range(8))
    assert all(numbers)
    assert len(study_of(tmp_path).trials) == 8


def test_machines_share_a_study_by_its_url(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    first, _ = run_search(tmp_path / "one", trials=2, seeds=0, storage=storage)
    second, _ = run_search(tmp_path / "two", trials=4, seeds=0, storage=storage)
    assert [trial.number for trial in second.trials] == [0, 1, 2, 3]
    assert list(second.trials[:2]) == list(first.trials)
    assert sorted(folder.name for folder in (tmp_path / "two" / "toy" / "search" / "trials").iterdir()) == [
        "0002",
        "0003",
    ]


def test_a_trial_of_a_machine_that_is_gone_is_tried_again(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    run_search(tmp_path / "one", trials=1, seeds=0, storage=storage)
    study = optuna.load_study(study_name="toy", storage=storage)
    lost_trial = study.ask()
    lost_trial.suggest_float("training.learning_rate", 1e-5, 1e-3, log=True)
    lost_trial.suggest_categorical("training.epochs", [2, 3])
    lost_trial.set_user_attr("folder", "elsewhere")
    backend = study._storage._backend
    backend.record_heartbeat(lost_trial._trial_id)
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    result, _ = run_search(tmp_path / "two", trials=2, seeds=0, storage=storage)
    assert [trial.number for trial in result.trials] == [0, 2]
    assert result.trials[1].parameters == lost_trial.params


def test_a_trial_that_others_took_for_dead_ends_without_a_value(tmp_path: Path) -> None:
    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "epoch" and event["number"] == 0:
            study = study_of(tmp_path)
            study._storage.set_trial_state_values(study.trials[0]._trial_id, optuna.trial.TrialState.FAIL)

    options: dict[str, Any] = {"seeds": 0, "runs": tmp_path, "quiet": True, "command": STUB}
    result = search(stub_experiment(), trials=2, on_event=on_event, **options)
    assert [trial.number for trial in result.trials] == [1, 2]


def test_a_storage_that_cannot_be_used_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Optuna cannot use this database") as problem:
        run_search(tmp_path, storage="nosuch://user:secret@host/name")
    assert "secret" not in str(problem.value)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"trials": 0}, "trials must be 1"),
        ({"minutes": 0}, "minutes must be over 0"),
        ({"seeds": -1}, "seeds must be 0"),
        ({"keep_seeds": True, "seeds": 1}, "with keep_seeds, seeds must be 2 or more, got 1"),
    ],
)
def test_bounds_are_checked(bounds: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        run_search(tmp_path, **bounds)


def test_settings_that_leave_nothing_to_search_are_told(tmp_path: Path) -> None:
    from tfapp.tasks.experiments import parse_experiment

    values = {"name": "toy", "data": {"train": "a.csv"}, "training": {"adapt": "head"}, "model": {"kind": "bert"}}
    pairs = parse_experiment({**values, "task": "embedding", "training": {}})
    assert read_search_space(pairs, task_settings()["embedding"])
    ranking = parse_experiment({**values, "task": "ranking", "search": {}})
    # The section is empty, so the task proposes: with the output layer alone, how texts are pooled.
    assert [dimension.name for dimension in read_search_space(ranking, task_settings()["ranking"])] == ["model.pooling"]


def test_a_data_file_is_searched_by_the_settings_that_suit_it(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    rows = [f"{row['text']},{row['label']}" for row in toy_rows(240)]
    file.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    options: dict[str, Any] = {"trials": 1, "seeds": 1, "runs": tmp_path, "quiet": True, "command": STUB}
    result = search(file, overrides=["training.epochs=4"], **options)
    assert {"training.learning_rate", "training.epochs"} <= result.best.parameters.keys()
    assert 2 <= result.best.parameters["training.epochs"] <= 8
    assert result.path is not None
    assert result.path.parent.name == "messages"
    assert result.run.experiment.data.train == str(file)


def test_without_optuna_a_line_says_how_to_get_it(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["optuna"] = None
import tfapp
from tfapp.tasks.experiments import parse_experiment
try:
    tfapp.search(parse_experiment({{"name": "toy", "data": {{"train": "a.csv"}}}}), runs={str(tmp_path)!r})
except Exception as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out == "tfapp search needs Optuna: pip install tfapp[search]\n"


@pytest.mark.slow
def test_thirty_trials_leave_memory_and_disk_flat(tmp_path: Path) -> None:
    process = start_search(tmp_path, 30, 1)
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    megabytes = [float(line.split()[1]) for line in out.splitlines()]
    assert len(megabytes) == 30
    # The first trials load what all of them need.
    assert megabytes[-1] - megabytes[9] < 10
    trials = tmp_path / "toy" / "search" / "trials"
    size = sum(file.stat().st_size for file in trials.rglob("*") if file.is_file())
    # The weights of one, and some lines of each.
    assert size < WEIGHTS + 30 * 2500
