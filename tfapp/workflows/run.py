"""A training run, as people hold it in their hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from tfapp.config import Experiment
from tfapp.core.rows import Row, check_rows
from tfapp.errors import SettingsError, TrainingError, did_you_mean
from tfapp.tasks.experiments import read_run_settings
from tfapp.workflows.predict import Predictor, load_predictor

if TYPE_CHECKING:
    import numpy as np

    from tfapp.evaluation import Evaluation
    from tfapp.training import RunFolder

__all__ = ["ExportFormat", "Run", "open_run"]

ExportFormat: TypeAlias = Literal["savedmodel", "onnx", "huggingface"]
"""What a run's model is written for: TensorFlow Serving; ONNX Runtime and others; Transformers and its like."""


@dataclass(frozen=True)
class Run:
    """A training run, finished or not.

    Attributes:
        path: Its folder, `runs/NAME/TIME`.
    """

    path: Path

    @property
    def folder(self) -> RunFolder:
        """Returns the files of the run."""
        from tfapp.training import RunFolder

        return RunFolder(self.path)

    @property
    def experiment(self) -> Experiment:
        """Returns the settings that it was started with."""
        return read_run_settings(self.path)

    @cached_property
    def predictor(self) -> Predictor:
        """Returns a predictor with the best weights."""
        return load_predictor(self.path)

    @property
    def evaluation(self) -> Evaluation:
        """Returns the evaluation on the test split at the end of the training."""
        from tfapp.tasks.registry import read_evaluation

        return read_evaluation(self.folder.read("evaluation"))

    def evaluate(self, data: str | Path | None = None, *, quiet: bool = False) -> Evaluation:
        """Evaluates the best weights, as `tfapp.evaluate`."""
        from tfapp.workflows.evaluate import evaluate_run

        return evaluate_run(self.folder, None if data is None else str(data), quiet=quiet)

    def export(
        self,
        to: str | Path | None = None,
        *,
        format: ExportFormat = "savedmodel",  # noqa: A002
        overrides: Sequence[str] = (),
        force: bool = False,
        quiet: bool = False,
    ) -> Path:
        """Publishes the best weights, or writes them for other runtimes, as `tfapp.export`."""
        if format == "onnx":
            from tfapp.workflows.onnx_export import export_onnx

            return export_onnx(self.folder, Path(to or format), overrides=overrides, quiet=quiet)
        if format == "huggingface":
            from tfapp.workflows.huggingface_export import export_hugging_face

            return export_hugging_face(self.folder, Path(to or format), overrides=overrides, quiet=quiet)
        if format != "savedmodel":
            raise SettingsError(f"format {format}: take {', '.join(get_args(ExportFormat))}")
        from tfapp.workflows.publish import export_run

        return export_run(self.folder, Path(to or "models"), overrides=overrides, force=force, quiet=quiet)

    def save_adapter(self, file: str | Path) -> Path:
        """Writes the trained adapter and head, without the preset: kilobytes, which `tfapp.AdaptedBackbone` loads.

        Args:
            file: Where to, such as "intents.safetensors"; an earlier one is replaced.

        Raises:
            ModelError: The run is not finished, or trained more than an adapter.
        """
        from tfapp.workflows.adapter_export import save_adapter

        return save_adapter(self.folder, self.experiment, Path(file))

    def predict(self, texts: Sequence[Row]) -> dict[str, np.ndarray]:
        """Answers texts in this process, as `tfapp.predict`."""
        return self.predictor(check_rows(texts, self.predictor.inputs))

    def _repr_html_(self) -> str:
        if not self.folder.is_finished:
            return f"<p>Run <code>{self.path}</code>, not finished.</p>"
        return f"<p>Run <code>{self.path}</code></p>{self.evaluation._repr_html_()}"


def open_run(path: str | Path) -> Run:
    """Opens a run.

    Args:
        path: `runs/NAME/TIME`, or `runs/NAME` for the newest one.

    Raises:
        TrainingError: There is no run.
    """
    from tfapp.training.run_folder import latest_run

    folder = Path(path)
    if (folder / "settings.toml").is_file():
        return Run(folder)
    newest = latest_run(folder.name, folder.parent)
    if newest:
        return Run(newest.path)
    siblings = [child.name for child in folder.parent.iterdir()] if folder.parent.is_dir() else []
    raise TrainingError(f"{folder}: no run there{did_you_mean(folder.name, siblings)}")
