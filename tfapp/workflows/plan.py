"""Plans the training on a data file without settings: the candidates, each with all of its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfapp.config import Experiment
from tfapp.config.overrides import merge_overrides
from tfapp.data import QUALITIES, Candidate, Pull, Quality, experiment_name
from tfapp.errors import SettingsError, did_you_mean
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.settings_proposal import propose_settings

__all__ = ["Plan", "PlannedCandidate", "make_plan"]


@dataclass(frozen=True)
class PlannedCandidate:
    """A candidate with all of its settings.

    Attributes:
        name: What it does, in a few words.
        reason: Why it may be the best.
        experiment: Its settings.
        seconds: How long it may take on this machine; 0 where nothing was estimated.
        fits: Whether there is time for it, by the estimates.
    """

    name: str
    reason: str
    experiment: Experiment
    seconds: float = 0.0
    fits: bool = True


@dataclass(frozen=True)
class Plan:
    """A plan of the training on a data file: its candidates, and a bound on their time.

    Attributes:
        quality: Which candidates are tried.
        minutes: A bound on the time of all together; None: there is none.
        notes: What was chosen and why, a sentence each.
        candidates: The quickest first; all have the same name, task and data.
        mean_tokens: The tokens of a text that are read, in the mean.
    """

    quality: Quality
    minutes: float | None
    notes: tuple[str, ...]
    candidates: tuple[PlannedCandidate, ...]
    mean_tokens: float

    @property
    def experiment(self) -> Experiment:
        """Returns the settings of the first candidate, whose name, task and data all candidates share."""
        return self.candidates[0].experiment


def make_plan(
    file: str,
    *,
    name: str | None = None,
    task: str | None = None,
    quality: str = "good",
    minutes: float | None = None,
    hints: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    pull: Pull | None = None,
) -> Plan:
    """Looks at a data file and chooses the candidates that are trained on it.

    Args:
        file: A data file, a folder or a data set's name.
        name: The experiment's name; by default the file's.
        task: What the data are for; None: found out.
        quality: Which candidates are tried: "fast", "good" or "best".
        minutes: A bound on the time of all together.
        hints: Values for the section `data` that the user gave.
        model: Values for the section `model`, over those of each candidate.
        training: The same for the section `training`.
        overrides: `section.name=value` items, over all.
        pull: Brings a data set by name.

    Raises:
        TfappError: The file cannot be used, or no candidate goes with the settings that were given.
    """
    known_quality = next((name for name in QUALITIES if name == quality), None)
    if known_quality is None:
        names = ", ".join(QUALITIES)
        raise SettingsError(f"quality is one of {names}, got {quality!r:.80}{did_you_mean(str(quality), QUALITIES)}")
    if minutes is not None and not minutes > 0:
        raise SettingsError(f"minutes must be over 0, got {minutes:g}")
    preset = merge_overrides(Experiment, {"model": model or {}}, overrides, source=file)["model"].get("preset")
    proposal = propose_settings(file, task=task, hints=hints, preset=preset, pull=pull)
    values = {"name": name or experiment_name(file), "task": proposal.task, "data": dict(proposal.data)}
    candidates: list[PlannedCandidate] = []
    notes, problems = list(proposal.notes), []
    for candidate in proposal.candidates_of(known_quality) or (Candidate("proposed settings", "they suit the file"),):
        settings = proposal.with_candidate(candidate)
        sections = {"model": {**settings.model, **(model or {})}, "training": {**settings.training, **(training or {})}}
        try:
            experiment = parse_experiment(values | sections, overrides, source=file)
        except SettingsError as error:
            problems.append(error)
            notes.append(f"{candidate.name}: left out, since {str(error).removeprefix(f'{file}: ')}")
            continue
        # What was given may leave no difference between two.
        if experiment not in [other.experiment for other in candidates]:
            candidates.append(PlannedCandidate(candidate.name, candidate.reason, experiment))
    if not candidates:
        raise problems[-1]
    return Plan(known_quality, minutes, tuple(notes), tuple(candidates), proposal.mean_tokens)
