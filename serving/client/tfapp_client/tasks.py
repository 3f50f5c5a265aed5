"""Writes rows of the contract's tasks as columns to send, and reads outputs as typed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tfapp_client import codec, contract
from tfapp_client.errors import AnswerError
from tfapp_client.results import Answer, Entity, Ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Columns",
    "Outputs",
    "check_outputs",
    "pair_columns",
    "rank",
    "rank_columns",
    "read_answers",
    "read_entities",
    "read_scores",
    "read_vectors",
    "text_column",
]

# The rows of a request, by the names of the task's inputs.
Columns: TypeAlias = Mapping[str, Any]
Outputs: TypeAlias = "Mapping[str, NDArray[Any]]"

_KINDS: Final = {"string": "O", "float32": "f", "int32": "i", "bool": "b"}


def text_column(task: contract.Task, texts: Sequence[str], name: str = "texts") -> Columns:
    """Checks texts, and names them as the task does.

    Raises:
        TypeError: It is a single str, or holds anything other than str.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{name} must be a list of str, got one {type(texts).__name__}; write [text]")
    if not isinstance(texts, Iterable):
        raise TypeError(f"{name} must be a list of str, got {type(texts).__name__}: {texts!r:.80}")
    return {task.inputs[0].name: _only_str(list(texts), name)}


def pair_columns(task: contract.Task, pairs: Sequence[tuple[str, str]]) -> Columns:
    """Checks pairs of texts, and names their columns as the task does.

    Raises:
        TypeError: There is something else than pairs of str.
    """
    first, second = (spec.name for spec in task.inputs)
    rows = [pairs] if isinstance(pairs, (str, bytes)) or not isinstance(pairs, Iterable) else list(pairs)
    for row in rows:
        if isinstance(row, (str, bytes)) or not isinstance(row, Sequence) or len(row) != 2:
            raise TypeError(f"pairs must hold ({first}, {second}) only, got {type(row).__name__}: {row!r:.80}")
    return {
        first: _only_str([row[0] for row in rows], "pairs"),
        second: _only_str([row[1] for row in rows], "pairs"),
    }


def rank_columns(query: str, candidates: Sequence[str]) -> Columns:
    """Checks a query and its candidates, and makes a row of each candidate.

    Raises:
        TypeError: The query is no str, or the candidates are no list of str.
    """
    if not isinstance(query, str):
        raise TypeError(f"query must be a str, got {type(query).__name__}: {query!r:.80}")
    first, second = (spec.name for spec in contract.RANKING.inputs)
    (texts,) = text_column(contract.RANKING, candidates, "candidates").values()
    return {first: [query] * len(texts), second: texts}


def check_outputs(model: str, task: contract.Task, outputs: Outputs, count: int) -> None:
    """Checks outputs against the contract: names, kinds, ranks, and one row for each that was sent.

    Raises:
        AnswerError: They differ.
    """
    missing_outputs = [spec.name for spec in task.outputs if spec.name not in outputs and not spec.optional]
    if missing_outputs:
        raise AnswerError(
            f"model {model} is no {task.name} model by the contract: it answers {', '.join(sorted(outputs))}, "
            f"not {', '.join(missing_outputs)}; call predict instead"
        )
    for spec in task.outputs:
        array = outputs.get(spec.name)
        if array is None:
            continue
        if array.dtype.kind != _KINDS[spec.dtype] or array.ndim != spec.rank or len(array) != count:
            raise AnswerError(
                f"model {model} is no {task.name} model by the contract: output {spec.name} must be "
                f"{spec.dtype} of rank {spec.rank} with {count} rows, got {array.dtype} of shape {array.shape}"
            )


def read_scores(_columns: Columns, outputs: Outputs) -> list[float]:
    """Reads the outputs of a ranking or regression model: one number per row."""
    return outputs["score"].tolist()


def rank(candidates: Sequence[str], scores: Sequence[float]) -> list[Ranked]:
    """Orders candidates by their scores, best first."""
    items = [Ranked(text, score, index) for index, (text, score) in enumerate(zip(candidates, scores, strict=True))]
    return sorted(items, key=lambda item: -item.score)


def read_vectors(_columns: Columns, outputs: Outputs) -> NDArray[np.float32]:
    """Reads the outputs of an embedding model: one vector per row."""
    return outputs["embedding"]


def read_entities(columns: Columns, outputs: Outputs) -> list[list[Entity]]:
    """Reads the outputs of a tagger: the spans in each text."""
    (texts,) = columns.values()
    entities: list[list[Entity]] = [[] for _ in texts]
    # Rows are padded with positions of -1.
    rows, indices = np.nonzero(outputs["start"] >= 0)
    tags, starts, ends, scores = (outputs[name][rows, indices] for name in ("tag", "start", "end", "score"))
    spans = zip(rows.tolist(), codec.decode_text(tags), starts.tolist(), ends.tolist(), scores.tolist(), strict=True)
    for row, tag, start, end, score in spans:
        entities[row].append(Entity(tag, texts[row][start:end], start, end, score))
    return entities


def read_answers(_columns: Columns, outputs: Outputs) -> list[Answer]:
    """Reads the outputs of an answering model: one answer per row."""
    values = (outputs[name].tolist() for name in ("start", "end", "score"))
    return [Answer(*fields) for fields in zip(codec.decode_text(outputs["answer"]), *values, strict=True)]


def _only_str(rows: list[str], name: str) -> list[str]:
    if set(map(type, rows)) <= {str}:
        return rows
    other = next((row for row in rows if not isinstance(row, str)), None)
    if other is not None or None in rows:
        raise TypeError(f"{name} must hold str only, got {type(other).__name__}: {other!r:.80}")
    return rows
