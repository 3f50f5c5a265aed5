"""Answers texts with an exported ONNX model, without TensorFlow.

    from text_model import TextModel

    model = TextModel("FOLDER")
    answers = model(["a text", "another one"])

FOLDER holds `model.onnx`, `tokenizer.json` and `model.json`. It needs numpy, tokenizers and onnxruntime; `run` takes
another runtime, of which this is OpenVINO's:

    compiled = openvino.compile_model("FOLDER/model.onnx")

    def run(inputs):
        return {name: values for output, values in compiled(inputs).items() for name in output.names}

    model = TextModel("FOLDER", run=run)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

__all__ = ["TextModel", "padded"]

ArraysByName = Mapping[str, np.ndarray]
Pieces = Sequence[int]

# Rows at a time, of about the same length, so that little is padding.
BATCH_ROWS = 32
# More of a text is never read for a token.
BYTES_PER_TOKEN = 256


class TextModel:
    """A model that answers each text, or each tuple of texts, with numbers and, where it classifies, labels.

    Args:
        folder: The exported folder; by default that of this file.
        run: From inputs by name to outputs by name, others beside them or not; by default ONNX Runtime, with `threads`.
        threads: Threads of ONNX Runtime; 0: one a core.

    Attributes:
        settings: What `model.json` says.
        labels: The names of the columns of `probabilities`; none where there are none.
    """

    def __init__(
        self, folder: str | Path | None = None, *, run: Callable[[Any], ArraysByName] | None = None, threads: int = 0
    ) -> None:
        folder = Path(folder or Path(__file__).parent)
        self.settings = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.labels = self.settings["labels"]
        self.run = run or onnx_runtime(folder / "model.onnx", threads)

    def __call__(self, *columns: Sequence[str]) -> dict[str, np.ndarray]:
        """Answers N texts, or N texts of each of the model's inputs.

        Returns:
            Arrays by output name, N rows each, as the served model has them; strings are Python's.

        Raises:
            ValueError: There are more or fewer columns than inputs, or columns of different lengths.
        """
        inputs = self.settings["inputs"]
        if len(columns) != len(inputs) or len({len(column) for column in columns}) != 1:
            raise ValueError(f"the model takes lists of equal lengths for {' and '.join(inputs)}")
        texts = [tuple(row) for row in zip(*columns, strict=True)]
        if not texts:
            return {name: values[:0] for name, values in self.answer([("",) * len(inputs)]).items()}
        order = np.argsort([sum(map(len, row)) for row in texts], kind="stable")
        batches = [order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS)]
        parts = [self.answer([texts[row] for row in batch]) for batch in batches]
        return {name: gather(len(texts), batches, [part[name] for part in parts]) for name in parts[0]}

    def answer(self, texts: Sequence[tuple[str, ...]]) -> dict[str, np.ndarray]:
        """Answers a batch of texts."""
        rows = [self.rows(row) for row in texts]
        values = self.run(self.inputs(rows))
        outputs = {name: values[name] for name in self.settings["outputs"]}
        if self.labels:
            names = np.array(self.labels, object)
            best = outputs["probabilities"].argmax(axis=-1)
            outputs["label"] = names[best]
            outputs["score"] = outputs["probabilities"].max(axis=-1)
            outputs["labels"] = np.tile(names, (len(texts), 1))
            if "unknown_score" in outputs:
                is_unknown = outputs["unknown_score"] >= 0.5
                outputs["label"] = np.where(is_unknown, self.settings["unknown_label"], outputs["label"])
                outputs["score"] = np.where(is_unknown, outputs["unknown_score"], outputs["score"])
        return outputs

    def rows(self, texts: tuple[str, ...]) -> list[tuple[list[int], list[int]]]:
        """Returns the rows that the network reads of one text, or of one tuple: token ids and segments of each."""
        limit = self.settings["max_length"]
        pieces = [self.pieces(text, limit) for text in texts]
        if len(pieces) == 1:
            window = self.settings.get("window")
            if window:
                return [self.frame(part) for part in split_windows(pieces[0][: limit - 2], window - 2)]
            return [self.frame(pieces[0][: limit - 2])]
        first, second = pieces
        first_share, second_share = shares(len(first), len(second), max(limit - 3, 0))
        if self.settings["pairs"] == "apart":
            return [self.frame(first[:first_share]), self.frame(second[:second_share])]
        return [self.frame(first[:first_share], second[:second_share])]

    def pieces(self, text: str, most: int) -> list[int]:
        """Returns the word pieces of a text's beginning, which is long enough for so many."""
        pieces: list[int] = self.tokenizer.encode(self.beginning(text, most), add_special_tokens=False).ids
        return pieces

    def beginning(self, text: str, most: int) -> str:
        """Returns the beginning of a text that is long enough for so many word pieces."""
        return text.encode("utf-8", "replace")[: most * BYTES_PER_TOKEN].decode("utf-8", "replace")

    def frame(self, *texts: Pieces) -> tuple[list[int], list[int]]:
        """Returns a row of one or two texts, [CLS] ... [SEP] ... [SEP], and its segments, 1 from the second text on."""
        ids, segments = [self.settings["cls_id"]], [0]
        for segment, pieces in enumerate(texts):
            ids += [*pieces, self.settings["sep_id"]]
            segments += [segment] * (len(pieces) + 1)
        return ids, segments

    def inputs(self, texts: Sequence[Sequence[tuple[Pieces, Pieces]]]) -> dict[str, np.ndarray]:
        """Returns the network's inputs for the rows of some texts, padded to the longest."""
        rows = [row for text in texts for row in text]
        shape = (len(rows), max(2, *(len(ids) for ids, _ in rows)))
        inputs = {
            "input_ids": np.full(shape, self.settings["padding_id"], np.int64),
            "attention_mask": np.zeros(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for number, (ids, segments) in enumerate(rows):
            inputs["input_ids"][number, : len(ids)] = ids
            inputs["attention_mask"][number, : len(ids)] = 1
            inputs["token_type_ids"][number, : len(ids)] = segments
        owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        return {name: inputs.get(name, owners) for name in self.settings["network_inputs"]}


def onnx_runtime(file: Path, threads: int) -> Callable[[Any], ArraysByName]:
    """Returns a function that computes a model by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def split_windows(pieces: Pieces, room: int) -> Iterator[Pieces]:
    """Splits the pieces of a text into as few windows as hold them, of about equal sizes."""
    count = max(-(-len(pieces) // room), 1)
    start = 0
    for number in range(count):
        end = start + len(pieces) // count + (number < len(pieces) % count)
        yield pieces[start:end]
        start = end


def shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Returns how much of each of two texts stays: the longer is cut down to the other, then both to a half."""
    half = room // 2 + (room % 2 if first > second else 0)
    return min(first, max(room - second, half)), min(second, max(room - first, room - half))


def gather(count: int, batches: Sequence[np.ndarray], parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the answers of all batches, row by row, as wide as the widest; behind a row's end is nothing."""
    padding: Any = {"O": "", "i": -1}.get(parts[0].dtype.kind, 0)
    widths = np.max([part.shape[1:] for part in parts], axis=0).astype(int).tolist()
    array = np.full((count, *widths), padding, parts[0].dtype)
    for rows, part in zip(batches, parts, strict=True):
        index: Any = (rows, *(slice(size) for size in part.shape[1:]))
        array[index] = part
    return array


def padded(rows: Sequence[Sequence[Any]], dtype: Any, padding: Any) -> np.ndarray:
    """Returns rows of different lengths as one array, padded at their ends."""
    array = np.full((len(rows), max(map(len, rows), default=0)), padding, dtype)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array
