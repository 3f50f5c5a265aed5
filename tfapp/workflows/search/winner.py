"""Trains the winner of a search anew over several seeds, and makes the best of these on dev a run."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfapp.config import Experiment, dump_toml
from tfapp.core.files import private_folder, write_json, write_text
from tfapp.core.locks import process_lock
from tfapp.core.progress_bar import progress
from tfapp.errors import TrainingError
from tfapp.workflows.search.result import SeedResult
from tfapp.workflows.search.search_loop import OnSearchEvent
from tfapp.workflows.search.trial_process import run_trial_process

__all__ = ["train_winner"]


def train_winner(
    experiment: Experiment,
    trial: int,
    folder: Path,
    runs: Path,
    *,
    seeds: int,
    keep_seeds: bool,
    command: Sequence[str],
    on_event: OnSearchEvent,
    quiet: bool,
) -> tuple[list[SeedResult], Path]:
    """Trains the winner's settings with other seeds, and evaluates each on the test split.

    The best of them on dev becomes a run of the experiment; the test split chooses nothing. What was done before a
    kill is not done again.

    Args:
        experiment: The winner's settings.
        trial: The winner's number.
        folder: This machine's folder of the study.
        runs: The folder of all runs.
        seeds: How many seeds; those that follow on the trials' own.
        keep_seeds: Make the others runs, too, in the folder `NAME-seeds` beside the experiment's.
        command: What trains; see `TRIAL_COMMAND`.
        on_event: Is told of each training.
        quiet: Show no progress.

    Returns:
        The trainings, and the run.

    Raises:
        TrainingError: A training failed, or another process trains the winner.
    """
    try:
        with process_lock(folder / ".winner.lock"):
            record = _read_record(folder, trial, seeds, keep_seeds=keep_seeds)
            if record is None:
                folders = {seed: folder / "seeds" / f"{trial:04d}-{seed}" for seed in _seeds(experiment, seeds)}
                results = _train_all(experiment, folders, command, on_event, quiet=quiet)
                winner = max(results, key=lambda result: result.dev).seed
                source, target = _destination(folders[winner], runs / experiment.name)
                record = {"trial": trial, "source": source, "run": target, "seeds": list(map(vars, results))}
                if keep_seeds:
                    others = [folders[seed] for seed in folders if seed != winner]
                    record["others"] = [_destination(other, runs / f"{experiment.name}-seeds") for other in others]
                # Before the renames, so that a search that is killed in between finds the runs in either place.
                write_json(folder / "winner.json", record)
            for move in [(record["source"], record["run"]), *record.get("others", [])]:
                _publish(*map(Path, move))
            shutil.rmtree(folder / "seeds", ignore_errors=True)
    except BlockingIOError as error:
        raise TrainingError(f"{folder}: {error} trains the winner; wait until it ends, or give --seeds 0") from error
    return [_read_result(values) for values in record["seeds"]], Path(record["run"])


def _seeds(experiment: Experiment, count: int) -> range:
    """Returns the seeds that follow on the trials' own, which chose the winner."""
    first = experiment.training.seed + 1
    return range(first, first + count)


def _train_all(
    experiment: Experiment,
    folders: Mapping[int, Path],
    command: Sequence[str],
    on_event: OnSearchEvent,
    *,
    quiet: bool,
) -> list[SeedResult]:
    results: list[SeedResult] = []
    with progress("Training the winner", "seeds", quiet=quiet) as advance:
        for seed, folder in folders.items():
            advance(len(results), len(folders))
            results.append(_train_seed(experiment, seed, folder, command))
            on_event({"event": "seed_end", **vars(results[-1])})
    return results


def _read_record(folder: Path, trial: int, seeds: int, *, keep_seeds: bool) -> dict[str, Any] | None:
    """Returns the winner's record; None where it is still to be trained, or the other seeds were not kept."""
    try:
        record: dict[str, Any] = json.loads((folder / "winner.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    is_complete = any((Path(record[name]) / "settings.toml").exists() for name in ("source", "run"))
    is_same = record["trial"] == trial and len(record["seeds"]) == seeds and (not keep_seeds or "others" in record)
    return record if is_same and is_complete else None


def _train_seed(experiment: Experiment, seed: int, folder: Path, command: Sequence[str]) -> SeedResult:
    """Trains one seed, or reads the result of an earlier training of it."""
    file = folder / "result.json"
    if not file.exists():
        private_folder(folder)
        training = experiment.training.model_copy(update={"seed": seed})
        write_text(folder / "trial.toml", dump_toml(experiment.model_copy(update={"training": training})))
        shared_folder = folder.parents[1] / "shared"
        outcome = run_trial_process([*command, "seed", str(folder), str(shared_folder)], folder / "log.txt")
        if outcome["event"] != "end":
            raise TrainingError(f"the winner with seed {seed}: {outcome.get('message', 'it was stopped')}")
        write_json(file, {"seed": seed, "dev": outcome["value"], **outcome["test"]})
    return _read_result(json.loads(file.read_text(encoding="utf-8")))


def _read_result(values: Mapping[str, Any]) -> SeedResult:
    return SeedResult(**{**values, "interval": tuple(values["interval"])})


def _destination(folder: Path, runs: Path) -> tuple[str, str]:
    """Returns the run that a seed's process left in its folder, and where it goes among other runs."""
    source = max(file.parent for file in folder.glob("*/*/settings.toml"))
    return str(source), str(_free_path(runs / source.name))


def _free_path(path: Path) -> Path:
    """Returns the path, or where there is something already, one that follows on it."""
    paths = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], paths) if not candidate.exists())


def _publish(source: Path, target: Path) -> None:
    """Makes a finished training a run by one rename, unless that was done before a kill."""
    if source.exists():
        private_folder(target.parent)
        source.rename(target)
