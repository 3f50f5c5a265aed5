"""The loop of a search: trials one after another, each in a process of its own, until a bound is reached."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tfapp.config import Experiment, dump_toml
from tfapp.config.search_space import SearchDimension
from tfapp.core.files import write_json, write_text
from tfapp.core.progress import Advance
from tfapp.core.progress_bar import progress
from tfapp.core.wording import pluralize
from tfapp.errors import SettingsError, TrainingError
from tfapp.workflows.search.result import TrialResult
from tfapp.workflows.search.study import ClaimedTrial, SearchStudy
from tfapp.workflows.search.trial_process import run_trial_process
from tfapp.workflows.search.trial_settings import trial_experiment

__all__ = ["OnSearchEvent", "SearchLoop"]

OnSearchEvent = Callable[[Mapping[str, Any]], None]
"""Is told what happens: JSON values, with the name of what happened as `event`."""

# As many trials that fail in a row are no accident.
_MOST_FAILURES: Final = 3
# Seconds.
_BEAT_EVERY: Final = 20.0
_NOTE_EVERY: Final = 1.0
_WAIT: Final = 0.5


@dataclass
class SearchLoop:
    """Runs the trials of a study that are this process's.

    Attributes:
        study: The study.
        experiment: The settings that are not searched.
        dimensions: What is searched.
        trials: How many trials the study has at the most, those that failed aside.
        minutes: How long this machine searches at the most, over all calls; None: without a bound.
        command: What trains a trial; see `TRIAL_COMMAND`.
        on_event: Is told of trials.
        quiet: Show no progress.
        clock: Monotonic seconds.
        sleep: Waits so many seconds, for trials of other processes.
    """

    study: SearchStudy
    experiment: Experiment
    dimensions: Sequence[SearchDimension]
    trials: int
    minutes: float | None
    command: Sequence[str]
    on_event: OnSearchEvent
    quiet: bool = False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Trains until there are as many trials as asked for, or the minutes are over.

        Raises:
            TrainingError: Several trials failed in a row; says why the last one did.
        """
        self._started = self.clock() - self._earlier_seconds()
        self._beaten = self._noted = -float("inf")
        self.study.drop_losers()
        with progress("Searching", "trials", quiet=self.quiet) as advance:
            while not self._time_is_over():
                with self.study.next_trial(self.dimensions, self.experiment, self.trials) as trial:
                    if trial:
                        self._train(trial, advance)
                if trial is None:
                    if not self.study.has_running():
                        break
                    # Another process trains the last ones; it may be killed, and then this one goes on with them.
                    self.sleep(_WAIT)

    def _train(self, trial: ClaimedTrial, advance: Advance) -> None:
        parameters = dict(trial.trial.params)
        start_event = {"event": "trial", "number": trial.number, "parameters": parameters, "resumed": trial.resumed}
        self.on_event(start_event)
        self._show(advance)
        start = self.clock()
        try:
            settings = trial_experiment(self.experiment, self.dimensions, parameters)
        except SettingsError as error:
            self._fail(trial, str(error))
            return
        write_text(trial.folder / "trial.toml", dump_toml(settings))
        epochs: list[Mapping[str, Any]] = []
        outcome = run_trial_process(
            [*self.command, "trial", str(trial.folder), str(self.study.folder / "shared")],
            trial.folder / "log.txt",
            on_epoch=lambda event: self._goes_on(trial, event, epochs),
            goes_on=lambda: self._look(trial),
        )
        self._end(trial, outcome, epochs, self.clock() - start)
        self._show(advance)

    def _goes_on(self, trial: ClaimedTrial, event: Mapping[str, Any], epochs: list[Mapping[str, Any]]) -> bool:
        """Records an epoch; returns whether the pruner lets the trial go on."""
        epochs.append(event)
        self.on_event({**event, "number": trial.number})
        stored_trial = trial.trial.storage.get_trial(trial.trial._trial_id)
        if stored_trial.state.is_finished():
            # Another machine took it for dead.
            return False
        if event["epoch"] not in stored_trial.intermediate_values:
            trial.trial.report(event["value"], int(event["epoch"]))
        # After its last epoch a trial is all but done.
        return event["epoch"] >= event["epochs"] or not trial.trial.should_prune()

    def _end(
        self, trial: ClaimedTrial, outcome: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]], seconds: float
    ) -> None:
        if outcome["event"] == "error":
            self._fail(trial, outcome["message"])
            return
        self._failures.clear()
        last = epochs[-1] if epochs else {}
        notes: dict[str, Any] = {"seconds": round(seconds, 1), "epochs": last.get("epoch", 0)}
        notes |= {name: last[name] for name in ("score_name", "lower_is_better") if name in last}
        if outcome["event"] == "stopped":
            is_over = self._time_is_over()
            if is_over:
                notes["note"] = "ended, as the time was over"
            # Without an epoch there is nothing that it could be compared by.
            self.study.end(trial, "PRUNED" if last else "FAIL", **notes)
        else:
            self._check_same_data(outcome.get("fingerprint"))
            names = ("score_name", "lower_is_better", "interval", "epochs")
            notes |= {name: outcome[name] for name in names if name in outcome}
            self.study.end(trial, "COMPLETE", float(outcome["value"]), **notes)
        stored_trial = self.study.study.trials[trial.number]
        result = TrialResult.of(stored_trial)
        scores = {"state": result.state, "score": result.score, "score_name": result.score_name} if result else {}
        self.on_event({"event": "trial_end", "number": trial.number, "seconds": notes["seconds"], **scores})

    def _fail(self, trial: ClaimedTrial, reason: str) -> None:
        self.study.end(trial, "FAIL", note=reason)
        self.on_event({"event": "trial_end", "number": trial.number, "state": "failed", "reason": reason})
        self._failures.append(reason)
        if len(self._failures) >= _MOST_FAILURES:
            raise TrainingError(
                f"{pluralize(len(self._failures), 'trial')} in a row failed, the last one: {reason}; "
                "mend the settings, then search again"
            )

    def _check_same_data(self, fingerprint: str | None) -> None:
        if fingerprint is None:
            return
        study = self.study.study
        earlier = study.user_attrs.get("data")
        if earlier is None:
            study.set_user_attr("data", fingerprint)
        elif earlier != fingerprint:
            raise TrainingError(
                f"{self.study.folder}: the data are not those that the search was started with; "
                "give it another name to start a new one"
            )

    def _look(self, trial: ClaimedTrial) -> bool:
        """Tells that the trial is alive, notes the time, and returns whether there is any left."""
        now = self.clock()
        if now - self._beaten >= _BEAT_EVERY:
            self.study.beat(trial)
            self._beaten = now
        if now - self._noted >= _NOTE_EVERY:
            self._noted = now
            if self.minutes is not None:
                write_json(self._time_file, {"used": now - self._started})
        return not self._time_is_over()

    def _time_is_over(self) -> bool:
        return self.minutes is not None and self.clock() - self._started >= 60 * self.minutes

    @property
    def _time_file(self) -> Path:
        return self.study.folder / "time.json"

    def _earlier_seconds(self) -> float:
        try:
            return float(json.loads(self._time_file.read_text(encoding="utf-8"))["used"])
        except (OSError, ValueError, KeyError):
            return 0.0

    def _show(self, advance: Advance) -> None:
        best = self.study.best()
        result = TrialResult.of(best) if best else None
        note = f"best dev {result.score_name} {result.score:.4f} (trial {result.number})" if result else ""
        advance(len(self.study.finished_trials()), self.trials, note)
