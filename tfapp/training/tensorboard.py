"""Writes a run for TensorBoard: curves, settings, and the evaluation's matrix, curves and worst mistakes.

Event files are written with TensorBoard's own record writer, without TensorFlow: a record is on its way to the
disk when the call returns, and the first record of a file can say that a run was restarted, which `tf.summary`
has no words for.
"""

from __future__ import annotations

import io
import os
import re
import socket
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tfapp.core.files import private_folder, private_opener
from tfapp.evaluation import plots

if TYPE_CHECKING:
    from tfapp.evaluation.base import Evaluation
    from tfapp.evaluation.precision_recall import PrecisionRecall

__all__ = ["TensorBoardLog"]

_PATTERN = "events.out.tfevents.*"
_CURVES = 20
_THRESHOLDS = 101


class TensorBoardLog:
    """The event files of one run: a folder, and in it one folder a split (train, dev, test).

    A log that is reopened without `purge_step` adds to what is there. With it, TensorBoard forgets what an earlier
    try, since killed, logged at that step or later; its fast loader does so for each curve that is logged again.

    Args:
        folder: The run's log folder, made when first written to.
        purge_step: The first step that this try logs again.

    Example:
        with TensorBoardLog("runs/bbc-news/logs") as log:
            log.scalars(10, {"loss": 0.31, "learning_rate": 5e-5})
            log.evaluation(evaluation, step=10, split="dev")
    """

    def __init__(self, folder: Path | str, *, purge_step: int | None = None) -> None:
        self._folder = Path(folder)
        self._purge_step = purge_step
        self._files: dict[str, _EventFile] = {}
        if purge_step is not None:
            for split in sorted({path.parent.name for path in self._folder.glob(f"*/{_PATTERN}")}):
                self._open(split)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the event files. Writing again opens new ones."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def scalars(self, step: int, values: Mapping[str, float], *, split: str = "train") -> None:
        """Adds one point to each named curve."""
        self._open(split).add(step, [_scalar(name, value) for name, value in values.items()])

    def settings(self, experiment_toml: str) -> None:
        """Shows the settings as text, and each as a hyperparameter to compare runs by.

        Args:
            experiment_toml: The experiment as TOML, such as `tfapp.config.dump_toml` writes.
        """
        from tensorboard.plugins.hparams import summary_v2

        fence = "`" * (max([2, *map(len, re.findall("`+", experiment_toml))]) + 1)
        flat = _flatten(tomllib.loads(experiment_toml))
        values = [_text("settings", f"{fence}\n{experiment_toml.strip()}\n{fence}"), *summary_v2.hparams_pb(flat).value]
        self._open(".").add(0, values)

    def end(self) -> None:
        """Says that the run came to its end, which the table of hyperparameters shows with the time."""
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        info = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
        content = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info))
        self._open(".").add(0, [_value(metadata.SESSION_END_INFO_TAG, content, np.float32(0))])

    def evaluation(self, evaluation: Evaluation, step: int, split: str) -> None:
        """Writes the scalars, images, curves and texts of an evaluation's `board`.

        Args:
            evaluation: Of the model as it was after `step` steps.
            step: Training steps done.
            split: The split that was evaluated.
        """
        board = evaluation.board()
        values = [_scalar(name, value) for name, value in board.scalars.items()]
        values += [_image(name, figure) for name, figure in board.images.items()]
        curves = sorted(board.curves, key=lambda curve: -curve.support)[:_CURVES]
        values += [_curve(curve, evaluation.count) for curve in curves if curve.support]
        values += [_text(name, markdown) for name, markdown in board.texts.items()]
        self._open(split).add(step, values)

    def _open(self, split: str) -> _EventFile:
        if split not in self._files:
            self._files[split] = _EventFile(self._folder / split, self._purge_step)
        return self._files[split]


class _EventFile:
    """One event file, the last of its folder; it shows texts of the data, so it is private."""

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        private_folder(folder.parent)
        private_folder(folder)
        earlier = sorted(folder.glob(_PATTERN))
        self._events = event_pb2
        file = open(_next_path(folder, earlier), "xb", opener=private_opener)  # noqa: SIM115 - `close` closes it
        self._writer = RecordWriter(file)
        self._write(file_version="brain.Event:2")
        # TensorBoard takes the first start it meets as the run's own, and purges from the step of each later one.
        if not earlier or purge_step is not None:
            session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(session_log=session, step=purge_step or 0)

    def add(self, step: int, values: Sequence[Any]) -> None:
        from tensorboard.compat.proto import summary_pb2

        self._write(summary=summary_pb2.Summary(value=values), step=step)

    def close(self) -> None:
        self._writer.close()

    def _write(self, **fields: Any) -> None:
        self._writer.write(self._events.Event(wall_time=time.time(), **fields).SerializeToString())
        self._writer.flush()


def _next_path(folder: Path, earlier: Sequence[Path]) -> Path:
    """Returns a path that sorts behind all earlier ones, as TensorBoard reads them, even if the clock was set back."""
    seconds = [int(match[1]) for path in earlier if (match := re.match(r"events\.out\.tfevents\.(\d+)", path.name))]
    second = max([int(time.time()), *(number + 1 for number in seconds)])
    return folder / f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}"


def _value(tag: str, metadata: Any, array: Any) -> Any:
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.util import tensor_util

    return summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor_util.make_tensor_proto(array))


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.scalar import metadata

    summary: Any = metadata.create_summary_metadata(display_name="", description="")
    summary.data_class = summary_pb2.DATA_CLASS_SCALAR
    return _value(tag, summary, np.float32(value))


def _text(tag: str, markdown: str) -> Any:
    from tensorboard.plugins.text import metadata

    return _value(tag, metadata.create_summary_metadata(display_name="", description=""), markdown.encode())


def _image(tag: str, figure: Any) -> Any:
    """Returns an image as TensorBoard keeps it: width, height, then a PNG, all strings."""
    from matplotlib.image import imsave
    from tensorboard.plugins.image import metadata

    pixels = plots.to_rgb(figure)
    png = io.BytesIO()
    imsave(png, pixels, format="png")
    height, width = pixels.shape[:2]
    summary = metadata.create_summary_metadata(display_name="", description="")
    return _value(tag, summary, [str(width).encode(), str(height).encode(), png.getvalue()])


def _curve(curve: PrecisionRecall, count: int) -> Any:
    """Returns float32[6, 101] in the order that the pr_curves plugin reads: counts, then precision and recall."""
    from tensorboard.plugins.pr_curve import metadata

    hits, extra = curve.counts_on_grid(_THRESHOLDS)
    misses = curve.support - hits
    precision, recall = hits / np.maximum(hits + extra, 1), hits / max(curve.support, 1)
    rows = np.stack([hits, extra, count - hits - extra - misses, misses, precision, recall]).astype(np.float32)
    summary = metadata.create_summary_metadata(display_name="", description="", num_thresholds=_THRESHOLDS)
    return _value(f"pr_curve/{curve.label}", summary, rows)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns values by dotted names; those that are neither numbers, bools nor strings become strings."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
