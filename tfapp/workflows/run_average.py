"""Averages the weights of several runs, or of the epochs of one, and makes the average a run of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tfapp.config import Experiment
from tfapp.core.progress_bar import progress
from tfapp.data import Splits
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.models.unknown import Unknown
from tfapp.tasks.experiments import parse_experiment, read_run_settings
from tfapp.tasks.models import load_model
from tfapp.tasks.registry import find_task
from tfapp.training import (
    EpochEvent,
    HistoryObserver,
    RunFolder,
    count_trained,
    create_run,
    make_predictor,
    predict_logits,
    tokenize_split,
)
from tfapp.training.model_soup import ModelSoup, SoupMethod, Weights, make_soup
from tfapp.workflows.calibrate_run import calibrate
from tfapp.workflows.run import Run, open_run
from tfapp.workflows.run_data import load_run_splits
from tfapp.workflows.run_records import flat_settings
from tfapp.workflows.train import finish_run
from tfapp.workflows.version_catalogue import changed_entries

__all__ = ["AveragedPart", "average_runs"]


@dataclass(frozen=True)
class AveragedPart:
    """A part of an average, as `parts.json` in its run's folder names it.

    Attributes:
        name: `NAME/TIME`, with the epoch where it is one of several.
        run: The folder of the part's run.
        epoch: Which epoch of the run; None: its best one.
        dev: Its score on dev.
        member: Whether it is in the average.
    """

    name: str
    run: str
    epoch: int | None
    dev: float
    member: bool


def average_runs(
    runs: Sequence[Run | str | Path],
    *,
    method: SoupMethod = "greedy",
    epochs: bool = False,
    name: str | None = None,
    to: str | Path = "runs",
    quiet: bool = False,
) -> Run:
    """Averages the weights of runs into a run of its own, which is evaluated, exported and served like any other.

    The dev split chooses the parts of a greedy average and calibrates the result; the test split is evaluated once. The
    settings are those of the member that is best on dev, of those whose `training.adapt` trains the most weights. What
    adapters changed is averaged as merged weights. See `tfapp.training.model_soup`.

    Args:
        runs: Finished runs of the same network on the same data. Their `[training]` may differ in any setting.
        method: "greedy" averages those that do not make the dev score worse, from the best on; "uniform" all.
        epochs: Average the epochs that the runs kept (`training.keep_epochs`), instead of the best one of each.
        name: The experiment's name of the result; None: that of the first run, and "-average".
        to: The folder of all runs.
        quiet: Show no progress.

    Raises:
        TrainingError: The runs cannot be averaged.
    """
    if method not in get_args(SoupMethod):
        raise TrainingError(f"method is {method}; take greedy or uniform")
    folders = _check_runs([run if isinstance(run, Run) else open_run(run) for run in runs])
    parts = [part for folder in folders for part in _parts(folder, epochs=epochs)]
    if len(parts) < 2:
        raise TrainingError(
            f"{folders[0].path}: one {'epoch' if epochs else 'run'} has no average; name two runs, or average the "
            "epochs of one that was trained with training.keep_epochs"
        )
    splits = load_run_splits(folders[0])
    if not splits.dev.num_rows:
        raise TrainingError(
            f"{folders[0].path}: no dev split to evaluate averages on; train with data.dev_share over 0"
        )
    dev = _DevEvaluator(parts[0], splits)
    with progress("Averaging", "evaluations", quiet=quiet) as advance:
        soup = make_soup(method, len(parts), lambda number: parts[number].weights(), dev.make_scorer(advance))
    return _write_run(parts, soup, dev, splits, method=method, name=name, to=Path(to), quiet=quiet)


@dataclass(frozen=True)
class _SoupPart:
    """A run's best weights, or those of one of its epochs."""

    run: RunFolder
    epoch: int | None

    @property
    def name(self) -> str:
        """Returns `NAME/TIME`, with the epoch where it is one of several."""
        path = self.run.path
        return f"{path.parent.name}/{path.name}" + ("" if self.epoch is None else f" epoch {self.epoch}")

    def load(self) -> TaskModel:
        """Loads the model with the part's weights."""
        model = load_model(self.run.model if self.epoch is None else self.run.epoch(self.epoch))
        model.shards = self.run.shards
        return model

    def weights(self) -> Weights:
        """Returns the arrays of the part's weights."""
        arrays: list[np.ndarray] = self.load().network.get_weights()
        return arrays


def _parts(folder: RunFolder, *, epochs: bool) -> Iterator[_SoupPart]:
    if not epochs:
        yield _SoupPart(folder, None)
        return
    numbers = folder.kept_epochs
    if not numbers:
        raise TrainingError(f"{folder.path}: the run kept no epochs; train with training.keep_epochs = true")
    yield from (_SoupPart(folder, number) for number in numbers)


def _check_runs(runs: Sequence[Run]) -> list[RunFolder]:
    """Returns the folders of different runs, after a check that their weights can be averaged.

    Raises:
        TrainingError: They cannot.
    """
    folders = list({run.path.resolve(): run.folder for run in runs}.values())
    if not folders:
        raise TrainingError("no run to average; name two runs, runs/NAME or runs/NAME/TIME each")
    first = _network(folders[0])
    for folder in folders[1:]:
        for setting, (first_value, value) in changed_entries(first, _network(folder)).items():
            raise TrainingError(
                f"{folder.path}: its {setting} is {value}, that of {folders[0].path} {first_value}; only runs of one "
                "network on the same data can be averaged"
            )
    return folders


def _network(folder: RunFolder) -> dict[str, Any]:
    """Returns the entries that must be equal in all runs that are averaged, by name.

    Raises:
        TrainingError: The run has no average with others.
    """
    if not folder.is_finished:
        raise TrainingError(f"{folder.path}: the run is not finished; go on with `tfapp train ... --resume` first")
    experiment = read_run_settings(folder.path)
    if experiment.model.from_scratch:
        raise TrainingError(
            f"{folder.path}: it began at random weights, and networks without a common start have no useful average; "
            "average runs of one preset"
        )
    if experiment.training.head_penalty == "cross-validation":
        raise TrainingError(
            f"{folder.path}: it learnt from dev, too (training.head_penalty is cross-validation), which would have to "
            "choose the average; train with head_penalty = dev"
        )
    data = folder.read("data")
    settings = flat_settings(experiment.network.model_dump(mode="json"), "model.")
    origin = {"task": experiment.task, "preset": experiment.origin, **dict(settings)}
    origin["data.unknown_label"] = experiment.data.unknown_label
    labels = ", ".join(data["labels"])
    return origin | {"list of labels": labels, "data fingerprint": data["fingerprint"][:12]}


class _DevEvaluator:
    """Evaluates weights on the dev split, all in one network, which is compiled once."""

    def __init__(self, part: _SoupPart, splits: Splits) -> None:
        self.folder = part.run
        self.model = part.load()
        if self.model.unknown is not None:
            # What it measures by is of this part's weights: as in a training, it is chosen for the best weights alone.
            settings = read_run_settings(self.folder.path).model
            self.model.unknown = Unknown(self.model.unknown.label, settings.unknown_share, settings.unknown_by)
        self.train_split, self.dev_split = (tokenize_split(self.model, table) for table in (splits.train, splits.dev))
        self._evaluator = find_task(self.model.task.name).evaluator()
        self._predictor = make_predictor(self.model, self.dev_split.targets)
        self.evaluations: list[Evaluation] = []

    def evaluate(self, weights: Weights) -> Evaluation:
        """Gives the model weights, fits its answers to dev, and evaluates it there."""
        try:
            self.model.network.set_weights(weights)
        except ValueError as error:
            raise TrainingError(
                f"{self.folder.path}: another run's weights have other shapes: {str(error).splitlines()[0]}; average "
                "runs of one preset, whose files are the same"
            ) from error
        logits = predict_logits(self._predictor, self.dev_split.texts, self.dev_split.targets)
        self.evaluations.append(self._evaluator.fit_and_evaluate(self.model, logits, self.dev_split))
        return self.evaluations[-1]

    def make_scorer(self, advance: Callable[[int, int | None], None]) -> Callable[[Weights], float]:
        """Returns the function by which `make_soup` scores weights, higher is better; it also moves a progress bar."""

        def score(weights: Weights) -> float:
            evaluation = self.evaluate(weights)
            advance(len(self.evaluations), None)
            if evaluation.by_loss:
                return -evaluation.loss
            return -evaluation.main_score if evaluation.lower_is_better else evaluation.main_score

        return score


def _write_run(
    parts: Sequence[_SoupPart],
    soup: ModelSoup,
    dev: _DevEvaluator,
    splits: Splits,
    *,
    method: str,
    name: str | None,
    to: Path,
    quiet: bool,
) -> Run:
    """Writes the folder of an average's run, evaluates it on the test split, and returns it."""
    first = parts[0].run
    scores = [evaluation.main_score for evaluation in dev.evaluations[: len(parts)]]
    records = [
        AveragedPart(part.name, str(part.run.path), part.epoch, scores[number], number in soup.members)
        for number, part in enumerate(parts)
    ]
    evaluation = dev.evaluate(soup.weights)
    experiment = _experiment(_run_of_settings(parts, soup), name or f"{read_run_settings(first.path).name}-average")
    with ExitStack() as stack:
        folder = create_run(experiment, to, locks=stack)
        folder.write("data", first.read("data"))
        parts_record = {"method": method, "score_name": evaluation.main_name, "dev": evaluation.main_score}
        folder.write("parts", {**parts_record, "parts": [asdict(record) for record in records]})
        history = HistoryObserver(folder.history)
        history.on_start(0, 0)
        history.on_epoch(EpochEvent(0, 0, evaluation, best=True))
        calibrate(dev.model, folder, dev.train_split, dev.dev_split, temperatures=experiment.training.calibrate)
        dev.model.save(folder.model)
        counts = {"trained_weights": count_trained(dev.model, experiment.training)}
        counts["weights"] = dev.model.trainable_weights()
        finish_run(folder, splits, {"epochs": 0, "dev_score": evaluation.main_score, **counts}, quiet=quiet)
    return Run(folder.path)


def _run_of_settings(parts: Sequence[_SoupPart], soup: ModelSoup) -> RunFolder:
    """Returns the run whose settings describe the average: of those that trained the most weights, the best on dev."""

    def order(number: int) -> tuple[int, float]:
        adapt = read_run_settings(parts[number].run.path).training.adapt
        return {"head": 0, "all": 2}.get(adapt, 1), soup.values[number]

    return parts[max(soup.members, key=order)].run


def _experiment(folder: RunFolder, name: str) -> Experiment:
    """Returns the settings of a run with another name, which is checked."""
    values = read_run_settings(folder.path).model_dump(exclude_none=True, exclude_unset=True)
    return parse_experiment(values | {"name": name}, source=str(folder.path))
