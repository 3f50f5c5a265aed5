"""The study of a search: Optuna's record of its trials, and the folder of those that this machine trains."""

from __future__ import annotations

import json
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp.config.search_space import SearchDimension
from tfapp.core.clock import utc_now
from tfapp.core.files import private_folder, write_json
from tfapp.core.locks import process_lock
from tfapp.workflows.search.trial_settings import suggest_parameters

if TYPE_CHECKING:
    import optuna

    from tfapp.config import Experiment

__all__ = [
    "GRACE",
    "HEARTBEAT",
    "LOCK_TIMEOUT",
    "MOST_STARTS",
    "ClaimedTrial",
    "SearchStudy",
    "folder_id",
    "quiet_optuna",
]

# What a finished trial leaves; weights, checkpoints and event files of losers would fill the disk.
_KEPT: Final = ("trial.toml", "settings.toml", "history.jsonl", "dev.json", "trained.json", "log.txt")
# With these it is read as a run.
_KEPT_OF_BEST: Final = ("model", "data.json", "environment.json")
MOST_STARTS: Final = 3
# Seconds. A process on another machine that was not heard of for so long has ended.
HEARTBEAT, GRACE = 30, 180
LOCK_TIMEOUT: Final = 600.0


@dataclass(frozen=True)
class ClaimedTrial:
    """A trial that this process trains.

    Attributes:
        trial: Optuna's object of it.
        folder: Its files.
        resumed: Whether another process had begun it, and was killed.
    """

    trial: optuna.trial.Trial
    folder: Path
    resumed: bool

    @property
    def number(self) -> int:
        """Returns its number in the study, from 0."""
        return int(self.trial.number)


class SearchStudy:
    """A study, as one of the processes that work on it sees it.

    Args:
        study: Optuna's.
        folder: This machine's folder of the study; the processes of a machine share it.
    """

    def __init__(self, study: optuna.Study, folder: Path) -> None:
        self.study = study
        self.folder = folder
        self._owner = folder_id(folder)

    def finished_trials(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the trials that came to their end or were pruned, in order."""
        from optuna.trial import TrialState

        return list(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))

    def best(self) -> optuna.trial.FrozenTrial | None:
        """Returns the best of the trials that came to their end, the first of equals; None: there is none."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return max(trials, key=lambda trial: trial.value or 0.0) if trials else None

    def has_running(self) -> bool:
        """Returns whether other processes train trials."""
        from optuna.trial import TrialState

        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    @contextmanager
    def next_trial(
        self, dimensions: Sequence[SearchDimension], experiment: Experiment, bound: int
    ) -> Iterator[ClaimedTrial | None]:
        """Claims a trial whose process was killed, or begins one, and holds its lock during the block.

        Args:
            dimensions: What a new trial draws.
            experiment: The settings that are not searched.
            bound: The trials of the study at the most, those that failed aside.

        Yields:
            The trial; None where there are as many as the bound says.
        """
        with ExitStack() as stack:
            with process_lock(self.folder / ".ask.lock", timeout=LOCK_TIMEOUT), quiet_optuna():
                trial = self._claim_killed(stack) or self._begin(stack, dimensions, experiment, bound)
            yield trial

    def beat(self, trial: ClaimedTrial) -> None:
        """Tells other machines that a trial is alive."""
        from optuna.storages._heartbeat import BaseHeartbeat

        storage = self.study._storage
        if isinstance(storage, BaseHeartbeat):
            storage.record_heartbeat(trial.trial._trial_id)

    def end(self, trial: ClaimedTrial, state: str, value: float | None = None, **notes: Any) -> None:
        """Records how a trial ended, and removes the files that nobody needs any more.

        Args:
            trial: The trial.
            state: COMPLETE, PRUNED or FAIL.
            value: What is highest for the best trial, of a complete one.
            notes: JSON values that are kept with it.
        """
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        # Another machine may have taken it for dead, and have begun it anew.
        with quiet_optuna(), suppress(UpdateFinishedTrialError):
            for name, note in notes.items():
                trial.trial.set_user_attr(name, note)
            self.study.tell(trial.trial, value, state=TrialState[state], skip_if_finished=True)
        self.drop_losers()

    def drop_losers(self) -> None:
        """Removes the weights and working files of this machine's ended trials, but for the weights of the best."""
        best = self.best()
        for trial in self.study.get_trials(deepcopy=False):
            folder = self.trial_folder(trial.number)
            if trial.state.is_finished() and folder.is_dir():
                is_best = best is not None and trial.number == best.number
                _clear(folder, keep=(*_KEPT, *_KEPT_OF_BEST) if is_best else _KEPT)

    def trial_folder(self, number: int) -> Path:
        """Returns where the files of a trial are."""
        return self.folder / "trials" / f"{number:04d}"

    def _claim_killed(self, stack: ExitStack) -> ClaimedTrial | None:
        """Claims a trial of this machine whose process is gone, and fails those that nobody can go on with."""
        import optuna
        from optuna.trial import TrialState

        for stored_trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            owner = stored_trial.user_attrs.get("folder")
            if owner is None and self._is_orphan(stored_trial):
                self.study.tell(stored_trial.number, state=TrialState.FAIL, skip_if_finished=True)
            if owner != self._owner or not self._lock(stored_trial.number, stack):
                continue
            starts = int(stored_trial.user_attrs.get("starts", 1))
            trial = optuna.trial.Trial(self.study, stored_trial._trial_id)
            claim = ClaimedTrial(trial, self.trial_folder(stored_trial.number), resumed=True)
            if starts >= MOST_STARTS:
                claim.trial.set_user_attr("note", f"its process was killed {starts} times")
                self.study.tell(claim.trial, state=TrialState.FAIL, skip_if_finished=True)
                continue
            claim.trial.set_user_attr("starts", starts + 1)
            self.beat(claim)
            return claim
        # What is left was begun on other machines.
        optuna.storages.fail_stale_trials(self.study)
        return None

    def _is_orphan(self, stored_trial: optuna.trial.FrozenTrial) -> bool:
        """Returns whether a trial that no machine has put its name to was left by a process that was killed just then.

        A study of this folder's own has no other processes beside those that wait for this one.
        """
        if self.study.user_attrs.get("home") == self._owner:
            return True
        start_time = stored_trial.datetime_start
        return start_time is not None and utc_now() - start_time.astimezone() > timedelta(seconds=GRACE)

    def _begin(
        self, stack: ExitStack, dimensions: Sequence[SearchDimension], experiment: Experiment, bound: int
    ) -> ClaimedTrial | None:
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        if len(self.study.get_trials(deepcopy=False, states=states)) >= bound:
            return None
        trial = self.study.ask()
        suggest_parameters(trial, dimensions, experiment)
        folder = self.trial_folder(trial.number)
        private_folder(folder.parent)
        private_folder(folder)
        self._lock(trial.number, stack)
        trial.set_user_attr("starts", 1)
        # Last: from here on a process that finds it can go on with it.
        trial.set_user_attr("folder", self._owner)
        claim = ClaimedTrial(trial, folder, resumed=False)
        self.beat(claim)
        return claim

    def _lock(self, number: int, stack: ExitStack) -> bool:
        try:
            private_folder(self.trial_folder(number))
            stack.enter_context(process_lock(self.trial_folder(number) / ".search.lock"))
        except BlockingIOError:
            return False
        return True


def folder_id(folder: Path) -> str:
    """Returns the identifier of this machine's folder of a study; it is made on the first call."""
    file = folder / "owner.json"
    if not file.exists():
        write_json(file, {"id": uuid.uuid4().hex})
    return str(json.loads(file.read_text(encoding="utf-8"))["id"])


def _clear(folder: Path, *, keep: Sequence[str]) -> None:
    for path in folder.iterdir():
        if path.name in keep or path.name == ".search.lock":
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Silences Optuna's warnings of heartbeats outside of its own loop, and of experimental features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
