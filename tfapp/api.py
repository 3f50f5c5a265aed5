"""The plain functions that people call; a notebook and a command use the same.

data = tfapp.load_data("bbc-news")
run = tfapp.fit(data=data, name="bbc-news", training={"epochs": 1})
run.evaluate()
run.export("models")
with tfapp.serve("models") as server:
    server.client.classify("bbc-news", ["Shares fell."])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp.config import Experiment
from tfapp.core.rows import Row, check_rows
from tfapp.errors import SettingsError
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.workflows.plan import Plan, make_plan
from tfapp.workflows.predict import Predictor, load_predictor
from tfapp.workflows.run import ExportFormat, Run, open_run
from tfapp.workflows.run_data import load_splits
from tfapp.workflows.serve import ServedModels, serve

if TYPE_CHECKING:
    import numpy as np

    from tfapp.data import Splits
    from tfapp.evaluation import Evaluation
    from tfapp.training import Observer
    from tfapp.workflows.candidates import OnEvent

__all__ = [
    "Predictor",
    "Run",
    "ServedModels",
    "evaluate",
    "export",
    "export_preset",
    "fit",
    "fit_plan",
    "load_data",
    "load_predictor",
    "make_plan",
    "open_run",
    "predict",
    "serve",
]


def load_data(
    train: str | Path, *, task: str | None = None, multi_label: bool | None = None, **settings: Any
) -> Splits:
    """Reads, cleans and splits labelled texts.

    Args:
        train: A data set's name, a file or a folder.
        task: What the data are for; None: found out.
        multi_label: A text may have several labels; None: found out.
        settings: The fields of the settings file's `[data]` section; what is left out, such as the columns and the
            encoding, is found out.

    Returns:
        The train, dev and test splits; shows itself in Jupyter.

    Raises:
        DataError: The data cannot be used; names file and row.
        SettingsError: A setting has an unknown name or breaks its rule.
    """
    from tfapp.tasks.settings_proposal import propose_settings

    proposal = propose_settings(str(train), task=task, hints=settings)
    several = proposal.model.get("multi_label", False) if multi_label is None else multi_label
    sections = {"data": dict(proposal.data), "model": {"multi_label": several}}
    return load_splits(parse_experiment({"name": "data", "task": proposal.task, **sections}), quiet=False)


def fit(
    experiment: Experiment | str | Path | None = None,
    *,
    data: Splits | None = None,
    name: str | None = None,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    task: str | None = None,
    quality: str = "good",
    minutes: float | None = None,
    runs: str | Path = "runs",
    resume: bool = False,
    quiet: bool = False,
    observers: Sequence[Observer] = (),
    **settings: Any,
) -> Run:
    """Trains a model, evaluates it on the test split and keeps everything in a run's folder.

    Args:
        experiment: A data file, a folder of texts or a data set's name, for which settings are chosen, several where
            they are worth a comparison on dev; or settings, or their file, whose name ends in `.toml`.
        data: From `load_data`, instead of an experiment: trained by the two sections below, without choosing.
        name: With data or a data file: the experiment's name; by default the file's.
        model: With data or a data file: the fields of the `[model]` section.
        training: With data or a data file: the fields of the `[training]` section.
        task: With a data file: what it is for; None: found out.
        quality: With a data file: "fast" fits the output layer alone where it can, "good" does what an expert would,
            "best" compares more.
        minutes: With a data file: a bound on the time of all together.
        runs: The folder of all runs.
        resume: Go on with the experiment's newest run; a finished one is left as it is.
        quiet: Show no progress.
        observers: Told of steps and epochs, beside the run's own.
        settings: With a data file: fields of the `[data]` section, such as `test` and `label`, that are not to be
            found out.

    Returns:
        The run; of several workers, the first one's alone has files.

    Raises:
        TfappError: Settings, data, preset or training cannot be used; says which and what to do.
    """
    if isinstance(experiment, str | Path) and Path(experiment).suffix.lower() != ".toml":
        if data is not None:
            raise SettingsError("fit takes a data file, or data from load_data, not both")
        plan = make_plan(
            str(experiment),
            name=name,
            task=task,
            quality=quality,
            minutes=minutes,
            hints=settings,
            model=model,
            training=training,
        )
        return fit_plan(plan, runs=runs, resume=resume, quiet=quiet, observers=observers)
    if settings or task or minutes or quality != "good":
        option_names = (
            ", ".join([*settings, *(["task"] if task else []), *(["minutes"] if minutes else [])]) or "quality"
        )
        raise SettingsError(f"{option_names}: goes with a data file; set it in the experiment, or in load_data")
    full_experiment = _settings(experiment, data, name or "model", model or {}, training or {})
    from tfapp.workflows.train import run_experiment

    folder = run_experiment(full_experiment, data, Path(runs), resume=resume, quiet=quiet, observers=observers)
    return Run(folder.path)


def fit_plan(
    plan: Plan,
    *,
    runs: str | Path = "runs",
    resume: bool = False,
    quiet: bool = False,
    observers: Sequence[Observer] = (),
    on_event: OnEvent = lambda _: None,
) -> Run:
    """Trains the candidates that `make_plan` chose for a data file, and returns the run of the best one.

    Args:
        plan: From `make_plan`.
        runs: The folder of all runs.
        resume: Go on with the newest run of the name; finished candidates are not trained again.
        quiet: Show no progress.
        observers: Told of the steps and epochs of all candidates.
        on_event: Told of the plan, and of each candidate's start and end, as JSON values.

    Raises:
        TfappError: Settings, data, preset or training cannot be used; says which and what to do.
    """
    from tfapp.workflows.candidates import train_candidates

    progress: dict[str, Any] = {"quiet": quiet, "observers": observers, "on_event": on_event}
    return Run(train_candidates(plan, Path(runs), resume=resume, **progress).path)


def evaluate(run: Run | str | Path, data: str | Path | None = None, *, quiet: bool = False) -> Evaluation:
    """Evaluates a run's best weights.

    Args:
        run: A run, or its folder.
        data: Labelled texts; by default the test split of the run's own data.
        quiet: Show no progress.

    Returns:
        The evaluation. It and its `report.html` are in the run's folder, for other data under `evaluations/`.

    Raises:
        TfappError: The run or the data cannot be used.
    """
    finished_run = run if isinstance(run, Run) else open_run(run)
    return finished_run.evaluate(data, quiet=quiet)


def export(
    run: Run | str | Path,
    to: str | Path | None = None,
    *,
    format: ExportFormat = "savedmodel",  # noqa: A002
    overrides: Sequence[str] = (),
    force: bool = False,
    quiet: bool = False,
) -> Path:
    """Publishes a run's best weights as the next version of a served model, or writes them for other runtimes.

    Args:
        run: A run, or its folder.
        to: The models folder that a server reads, by default "models"; of other formats the folder in which that of
            the model is written, by default "onnx" or "huggingface".
        format: "savedmodel" for TensorFlow Serving and `tfapp serve`; "onnx" for ONNX Runtime and others; "huggingface"
            for Transformers or sentence-transformers. The latter need the extras of their names.
        overrides: Settings of the export, as `export.precision=bfloat16`.
        force: Publish in fewer bits than float32 whatever that loses on the dev split.
        quiet: Show no progress.

    Returns:
        `MODELS/NAME/VERSION`, or `TO/NAME`; it appeared by one rename, and, but for Hugging Face's form, after its
        answers were compared with Keras's.

    Raises:
        ExportError: The comparison failed, or the folder cannot be written; nothing was published.
        SettingsError: A setting has an unknown name, breaks its rule, or is none of the export.
    """
    finished_run = run if isinstance(run, Run) else open_run(run)
    return finished_run.export(to, format=format, overrides=overrides, force=force, quiet=quiet)


def export_preset(
    preset: str,
    to: str | Path = "models",
    *,
    name: str | None = None,
    overrides: Sequence[str] = (),
    force: bool = False,
    quiet: bool = False,
) -> Path:
    """Publishes a preset's embeddings as they are, without data and without training.

    Args:
        preset: As `model.preset`.
        to: The models folder that a server reads.
        name: The served model's name; by default the preset's.
        overrides: Settings of the model and the export, as `model.pooling=cls`.
        force: Publish in fewer bits than float32 without data to check that on.
        quiet: Show no progress.

    Returns:
        `MODELS/NAME/VERSION`, as `export` makes it.

    Raises:
        ModelError: The preset cannot be used.
        ExportError: The comparison failed, or the folder cannot be written; nothing was published.
        SettingsError: A setting has an unknown name or breaks its rule.
    """
    from tfapp.tasks.registry import task_function
    from tfapp.workflows.publish import export_untrained

    experiment = task_function("preset_experiment")(preset, overrides, name=name)
    return export_untrained(experiment, Path(to), force=force, quiet=quiet)


def predict(model: Run | Predictor | str | Path, texts: Sequence[Row]) -> dict[str, np.ndarray]:
    """Answers texts in this process.

    Args:
        model: A run, a predictor, or the folder of a run or an exported model.
        texts: N texts; for a task on pairs N tuples (query, candidate).

    Returns:
        Arrays by output name, N rows each: `label`, `score`, `probabilities`, `labels` of a classifier, `score` of a
        ranker, `tag`, `start`, `end`, `score` [N, spans] of a tagger, `embedding` of an embedding model.

    Raises:
        SettingsError: A row has another form than the task's inputs.
    """
    if isinstance(model, Run):
        return model.predict(texts)
    predictor = model if isinstance(model, Predictor) else load_predictor(model)
    return predictor(check_rows(texts, predictor.inputs))


def _settings(
    experiment: Experiment | str | Path | None,
    data: Splits | None,
    name: str,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
) -> Experiment:
    if experiment is not None:
        if model or training:
            raise SettingsError("model and training go with data; with an experiment, set them there")
        return experiment if isinstance(experiment, Experiment) else load_experiment(experiment)
    if isinstance(data, str | Path):
        raise SettingsError(f'fit(data=...) takes splits, not a file: give data=tfapp.load_data("{data}")')
    if data is None:
        raise SettingsError("fit needs an experiment (settings or their file), or data from load_data")
    sections = {"model": {"multi_label": data.multi_label, **model}, "training": dict(training)}
    values = {"name": name, "task": data.task, "data": data.settings.model_dump(exclude_unset=True)}
    return parse_experiment(values | sections)
