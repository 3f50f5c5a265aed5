"""The process of one trial, or of one training of the winner; see `trial_process` for the lines that they exchange.

python -m tfapp.workflows.search.trial trial|seed FOLDER SHARED
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Final

from tfapp.config import Experiment
from tfapp.core.files import sweep_drafts
from tfapp.core.locks import process_lock
from tfapp.core.shared_arrays import SharedArrays
from tfapp.core.threads import set_training_threads
from tfapp.errors import TfappError
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.registry import find_task, read_evaluation
from tfapp.training import EpochEvent, Observer, RunFolder, make_strategy
from tfapp.workflows.candidate_run import train_candidate
from tfapp.workflows.plan import PlannedCandidate
from tfapp.workflows.run_data import load_splits
from tfapp.workflows.train import run_experiment

__all__ = ["main"]

# Seconds for a process whose search was killed to notice, and to let go of its trial.
_LOCK_TIMEOUT: Final = 60.0


class _StoppedError(Exception):
    """Ends a training between two of its steps, with its files closed."""


class _Dialogue(Observer):
    """An observer that tells the search of each epoch, and ends the training when it is told to."""

    def __init__(self, epochs: int, input_stream: IO[str], output_stream: IO[str]) -> None:
        self._epochs = epochs
        self._outgoing = output_stream
        self._answers: SimpleQueue[str] = SimpleQueue()
        self._stop = threading.Event()
        threading.Thread(target=self._listen, args=(input_stream,), daemon=True).start()

    def _listen(self, input_stream: IO[str]) -> None:
        for line in input_stream:
            if line.strip() == "stop":
                self._stop.set()
            self._answers.put(line.strip())
        # The search is gone. Another one may go on with this trial, and waits for it.
        os._exit(3)

    def say(self, **event: Any) -> None:
        """Writes one event."""
        self._outgoing.write(f"{json.dumps(event)}\n")
        self._outgoing.flush()

    def on_progress(self, step: int) -> None:
        """Ends the training where the time of the search is over."""
        del step
        if self._stop.is_set():
            raise _StoppedError

    def on_epoch(self, event: EpochEvent) -> None:
        """Tells of an epoch, and waits for whether to go on; fits of a head take no time that could be saved."""
        if event.penalty is not None or event.epoch == 0:
            return
        self.say(event="epoch", epoch=event.epoch, epochs=self._epochs, **_dev_value(event.dev))
        if self._answers.get() == "stop":
            raise _StoppedError


def _dev_value(dev: Any) -> dict[str, Any]:
    """Returns the value by which trials are compared, the highest for the best, and its name."""
    if dev.by_loss:
        return {"value": -dev.loss, "score_name": "loss", "lower_is_better": True}
    sign = -1 if dev.lower_is_better else 1
    return {"value": sign * dev.main_score, "score_name": dev.main_name, "lower_is_better": dev.lower_is_better}


def main() -> None:
    """Trains the settings in the folder's `trial.toml`, and prints the result."""
    mode, folder, shared = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # What libraries print must not get between the lines.
    output_stream, sys.stdout = sys.stdout, sys.stderr
    experiment = load_experiment(folder / "trial.toml")
    dialogue = _Dialogue(experiment.training.epochs, sys.stdin, output_stream)
    set_training_threads()
    try:
        with process_lock(folder / ".trial.lock", timeout=_LOCK_TIMEOUT):
            sweep_drafts(folder)
            arrays = SharedArrays(shared, folder)
            train = _train_seed if mode == "seed" else _train_trial
            dialogue.say(event="end", **train(experiment, folder, dialogue, arrays))
    except _StoppedError:
        dialogue.say(event="stopped")
    except TfappError as error:
        dialogue.say(event="error", message=str(error))
        sys.exit(2)


def _train_trial(experiment: Experiment, folder: Path, dialogue: _Dialogue, shared: SharedArrays) -> dict[str, Any]:
    """Trains weights, and looks at no test split."""
    run = RunFolder(folder)
    result = train_candidate(
        PlannedCandidate("trial", "drawn from the space", experiment),
        run,
        load_splits(experiment),
        make_strategy(experiment.training.strategy),
        earlier=[],
        learning_curve=False,
        quiet=True,
        observers=[dialogue],
        budget=None,
        clock=time.monotonic,
        shared=shared,
    )
    dev = result.dev
    kind = find_task(experiment.task).evaluation
    name = "loss" if kind.by_loss else dev["score_name"]
    return {
        "value": result.rank,
        "score_name": name,
        "lower_is_better": kind.by_loss or kind.lower_is_better,
        "epochs": result.record["epochs"],
        "fingerprint": run.read("data")["fingerprint"],
        **({} if kind.by_loss else {"interval": dev["interval"]}),
    }


def _train_seed(experiment: Experiment, folder: Path, dialogue: _Dialogue, shared: SharedArrays) -> dict[str, Any]:
    """Trains a run to its end, evaluation on the test split included."""
    splits = load_splits(experiment)
    run = run_experiment(experiment, splits, folder, resume=True, quiet=True, observers=[dialogue], shared=shared)
    evaluation = read_evaluation(run.read("evaluation"))
    sign = -1 if evaluation.lower_is_better else 1
    low, high = evaluation.main_interval
    test = {
        "test": evaluation.main_score,
        "interval": [low, high],
        "score_name": evaluation.main_name,
        "count": evaluation.count,
        "on": "test" if splits.test.num_rows else "dev",
    }
    return {"value": sign * run.read("finished")["dev_score"], "test": test}


if __name__ == "__main__":
    main()
