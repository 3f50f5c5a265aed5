"""A trained model in this process, from a run or from an exported version, without a server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfapp.core.rows import Row, to_columns
from tfapp.core.tensorflow_import import import_tensorflow
from tfapp.data.answer_format import AnswerFormat
from tfapp.errors import ModelError
from tfapp.registry import version_folder, versions

if TYPE_CHECKING:
    from tfapp.models import Preprocessor, TaskModel

__all__ = ["Predictor", "graph_of", "load_predictor"]

# Texts a call of the graph: enough to fill two cores, little enough to bound the memory of long texts.
_BATCH: Final = 32
# What stands for nothing, by the kind of NumPy's type.
_PADDING: Final = {"O": "", "i": -1}


@dataclass(frozen=True, eq=False)
class Predictor:
    """Answers rows of texts with the outputs of a task's contract.

    Attributes:
        source: The run or the version that it was loaded from.
        identity: Changes when the weights do.
        labels: The model's labels; none where the task has none.
        answer: One batch of at most 32 rows to arrays by output name, each with as many rows.
        inputs: The names of the task's inputs; with more than one, a row is a tuple of texts in this order.
        columns: The columns of the file that it learnt from, by input, where their names are others.
        answer_format: Writes its answers, as its task says.
    """

    source: Path
    identity: str
    labels: tuple[str, ...]
    answer: Callable[[Sequence[Any]], Mapping[str, np.ndarray]]
    inputs: tuple[str, ...] = ("text",)
    columns: Mapping[str, str] = field(default_factory=dict)
    answer_format: AnswerFormat = field(default_factory=AnswerFormat)

    def __call__(self, texts: Sequence[Row]) -> dict[str, np.ndarray]:
        """Answers N texts, or tuples of texts, those of similar length together so that little is padding.

        Returns:
            Arrays by output name, N rows each; strings are Python strings in object arrays.
        """
        sizes = [len(row) if isinstance(row, str) else sum(map(len, row)) for row in texts]
        order = np.argsort(sizes, kind="stable")
        # One batch even without texts, so that every output has its name and shape.
        batches = [order[start : start + _BATCH] for start in range(0, max(len(order), 1), _BATCH)]
        parts = [self.answer([texts[row] for row in rows]) for rows in batches]
        return {name: _gather(len(texts), batches, [part[name] for part in parts]) for name in parts[0]}

    def objects(self, texts: Sequence[Row], *, probabilities: bool = False) -> list[dict[str, Any]]:
        """Answers rows by JSON objects; see `AnswerFormat.objects`."""
        columns = to_columns(texts, self.inputs)
        return self.answer_format.objects(self(texts), columns, self.labels, probabilities=probabilities)


def _gather(count: int, batches: Sequence[np.ndarray], parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the answers of all batches, row by row, as wide as the widest: padded as the contract pads."""
    widths = np.max([part.shape[1:] for part in parts], axis=0).astype(int).tolist()
    array = np.full((count, *widths), _PADDING.get(parts[0].dtype.kind, 0), parts[0].dtype)
    for rows, part in zip(batches, parts, strict=True):
        index: Any = (rows, *(slice(size) for size in part.shape[1:]))
        array[index] = part
    return array


def load_predictor(path: Path | str) -> Predictor:
    """Loads a trained model.

    Args:
        path: A run's folder or that of an experiment's runs (the newest), a model's folder (its latest version) or a
            version's folder.

    Raises:
        ModelError: There is no run and no exported model, or it cannot be loaded.
    """
    folder = Path(path)
    import_tensorflow()
    if (folder / "settings.toml").is_file():
        return _from_run(folder)
    if (folder / "saved_model.pb").is_file():
        return _from_version(folder)
    numbers = versions(folder.parent, folder.name)
    if numbers:
        return _from_version(version_folder(folder.parent, folder.name, numbers[-1]))
    from tfapp.training.run_folder import latest_run

    newest = latest_run(folder.name, folder.parent)
    if newest:
        return _from_run(newest.path)
    raise ModelError(
        f"{folder}: neither a run nor an exported model; give runs/NAME, runs/NAME/TIME, MODELS/NAME or MODELS/NAME/N"
    )


def _from_run(folder: Path) -> Predictor:
    from tfapp.tasks.experiments import read_run_settings
    from tfapp.tasks.models import load_model
    from tfapp.tasks.registry import find_task
    from tfapp.training.run_folder import RunFolder
    from tfapp.workflows.inference import packed_model

    if not RunFolder(folder).is_finished:
        raise ModelError(
            f"{folder}: the run is not finished; go on with `tfapp train ... --resume` first, or name another run"
        )
    model = load_model(folder / "model")
    if not model.task.outputs:
        raise ModelError(f"{folder}: a run of {model.task.name} answers nothing; train another task on its preset")
    identity = _identity(folder / "model" / "model.weights.h5")
    data = read_run_settings(folder).data
    # A task that learns from pairs and answers single texts has no column of its input.
    columns = {name: getattr(data, name) for name in model.inputs if name != getattr(data, name, name)}
    answer_format = find_task(model.task.name).answer_format
    answer = graph_of(packed_model(model))
    return Predictor(folder, identity, model.labels, answer, model.inputs, columns, answer_format)


def graph_of(
    model: TaskModel, *, preprocessor: Preprocessor | None = None
) -> Callable[[Sequence[Row]], dict[str, np.ndarray]]:
    """Returns a function that answers a batch of rows by a model, compiled for any number of them.

    Args:
        model: The model.
        preprocessor: One with another limit than the model's own.
    """
    import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name=name) for name in model.inputs], autograph=False
    )
    def answer(*texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.predict_text(dict(zip(model.inputs, texts, strict=True)), preprocessor=preprocessor)

    return _as_arrays(answer, model.inputs)


def _from_version(folder: Path) -> Predictor:
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tfapp_client import contract

    from tfapp.registry.version_metadata import input_columns, input_names, read_metadata
    from tfapp.server.request_errors import RequestError
    from tfapp.server.servables.servable import check_version
    from tfapp.tasks.registry import all_tasks

    try:
        check_version(folder)
        exported_model = tf.saved_model.load(str(folder))
    except RequestError as error:
        raise ModelError(f"{folder}: {error.message}") from error
    except (OSError, ValueError, KeyError, DecodeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder}: the exported model cannot be loaded: {reason}; export it again") from error
    function = exported_model.signatures.get(contract.DEFAULT_SIGNATURE)
    served_inputs = set() if function is None else set(function.structured_input_signature[1])
    task_inputs = (tuple(tensor.name for tensor in task.contract.inputs) for task in all_tasks().values())
    metadata = read_metadata(folder)
    own_inputs = input_names(metadata)
    inputs = next((names for names in (own_inputs, *task_inputs) if names and set(names) == served_inputs), None)
    if inputs is None:
        raise ModelError(
            f"{folder}: its {contract.DEFAULT_SIGNATURE} does not take the texts of a task; was it exported by tfapp?"
        )

    def answer(*texts: Any) -> Any:
        # The signature alone does not keep the loaded model alive.
        return exported_model.signatures[contract.DEFAULT_SIGNATURE](**dict(zip(inputs, texts, strict=True)))

    names = answer(*[tf.constant([""])] * len(inputs)).get("labels")
    labels = () if names is None else tuple(name.decode() for name in names.numpy()[0])
    columns = input_columns(metadata, inputs)
    identity = _identity(folder / "saved_model.pb")
    answer_format = _answer_format(
        metadata, inputs, exported_model.signatures[contract.DEFAULT_SIGNATURE].structured_outputs
    )
    return Predictor(folder, identity, labels, _as_arrays(answer, inputs), inputs, columns, answer_format)


def _answer_format(metadata: Mapping[str, Any], inputs: Sequence[str], outputs: Collection[str]) -> AnswerFormat:
    """Returns how a version's answers are written: as its task says, else one of the same inputs and outputs."""
    from tfapp.tasks.registry import all_tasks

    tasks = all_tasks()
    spec = tasks.get(str(metadata.get("task")))
    if spec:
        return spec.answer_format
    tasks_that_fit = (task for task in tasks.values() if task.contract.outputs and task.contract.fits(inputs, outputs))
    # Classes have a score, too: the most outputs tell the most of what a model answers.
    best = max(tasks_that_fit, key=lambda task: len(task.contract.outputs), default=None)
    return best.answer_format if best else AnswerFormat()


def _as_arrays(
    function: Callable[..., Mapping[str, Any]], inputs: Sequence[str]
) -> Callable[[Sequence[Any]], dict[str, np.ndarray]]:
    import tensorflow as tf

    def answer(rows: Sequence[Row]) -> dict[str, np.ndarray]:
        columns = to_columns(rows, inputs).values()
        # Half of a surrogate pair, as JSON may hold one, is no UTF-8.
        byte_columns = ([text.encode("utf-8", "replace") for text in texts] for texts in columns)
        outputs = function(*(tf.constant(texts, tf.string, shape=[len(rows)]) for texts in byte_columns))
        return {name: _decode(value.numpy()) for name, value in outputs.items()}

    return answer


def _decode(values: np.ndarray) -> np.ndarray:
    if values.dtype != object:
        return values
    return np.array([value.decode("utf-8", "replace") for value in values.flat], object).reshape(values.shape)


def _identity(file: Path) -> str:
    status = file.stat()
    return f"{file.resolve()}:{status.st_size}:{status.st_mtime_ns}"
