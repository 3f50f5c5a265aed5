"""The commands that call a model of one task: texts from the arguments or standard input, lines or JSON out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from tfapp_client.client import Client
from tfapp_client.terminal_text import one_line

__all__ = ["COMMANDS", "TaskCommand", "add_texts"]

# What a command makes of its answers: JSON values, one a text, and the same as lines with tabs.
JsonRow = dict[str, Any]


class TaskCommand(NamedTuple):
    """A command that calls a model of one task.

    Attributes:
        summary: What it does, in words.
        texts: What its last arguments are called; without any, the lines of standard input are taken.
        ask: Asks the model; takes what names model and version, the first argument (None without one) and the texts.
        lines: A row, with its number, as lines.
        first: What the argument before the texts is called; None: there is none.
    """

    summary: str
    texts: str
    ask: Callable[[Client, dict[str, Any], Any, Sequence[str]], list[JsonRow]]
    lines: Callable[[int, JsonRow], Iterator[str]]
    first: str | None = None

    def run(self, client: Client, target: dict[str, Any], options: argparse.Namespace) -> list[JsonRow]:
        """Calls the model with the texts of the arguments."""
        texts = options.texts or [line.rstrip("\r\n") for line in sys.stdin]
        return self.ask(client, target, options.first, texts)


def add_texts(parser: argparse.ArgumentParser, command: TaskCommand) -> None:
    """Adds a command's own arguments."""
    if command.first:
        parser.add_argument("first", metavar=command.first)
    else:
        parser.set_defaults(first=None)
    parser.add_argument("texts", nargs="*", metavar=command.texts, help="none: the lines of standard input")


def _classify(client: Client, target: dict[str, Any], _first: None, texts: Sequence[str]) -> list[JsonRow]:
    answers = client.classify(texts=texts, **target)
    return [{"text": text, **asdict(answer)} for text, answer in zip(texts, answers, strict=True)]


def _label_line(_number: int, row: JsonRow) -> Iterator[str]:
    label = row["label"] if row["chosen"] is None else ",".join(row["chosen"])
    yield f"{one_line(label)}\t{row['score']:.4f}\t{one_line(row['text'])}"


def _classify_pairs(client: Client, target: dict[str, Any], query: str, candidates: Sequence[str]) -> list[JsonRow]:
    answers = client.classify_pairs(pairs=[(query, candidate) for candidate in candidates], **target)
    return [{"text": text, **asdict(answer)} for text, answer in zip(candidates, answers, strict=True)]


def _tag(client: Client, target: dict[str, Any], _first: None, texts: Sequence[str]) -> list[JsonRow]:
    spans = client.tag(texts=texts, **target)
    return [
        {"text": text, "entities": [asdict(entity) for entity in entities]}
        for text, entities in zip(texts, spans, strict=True)
    ]


def _entity_lines(number: int, row: JsonRow) -> Iterator[str]:
    for entity in row["entities"]:
        span = f"{entity['start']}-{entity['end']}"
        yield f"{number}\t{span}\t{one_line(entity['tag'])}\t{entity['score']:.4f}\t{one_line(entity['text'])}"


def _rank(client: Client, target: dict[str, Any], query: str, candidates: Sequence[str]) -> list[JsonRow]:
    return [asdict(item) for item in client.rank(query=query, candidates=candidates, **target)]


def _rank_line(_number: int, row: JsonRow) -> Iterator[str]:
    yield f"{row['score']:.4f}\t{one_line(row['candidate'])}"


def _regress(client: Client, target: dict[str, Any], _first: None, texts: Sequence[str]) -> list[JsonRow]:
    scores = client.regress(texts=texts, **target)
    return [{"text": text, "score": score} for text, score in zip(texts, scores, strict=True)]


def _regress_pairs(client: Client, target: dict[str, Any], query: str, candidates: Sequence[str]) -> list[JsonRow]:
    scores = client.regress_pairs(pairs=[(query, candidate) for candidate in candidates], **target)
    return [{"text": text, "score": score} for text, score in zip(candidates, scores, strict=True)]


def _number_line(_number: int, row: JsonRow) -> Iterator[str]:
    yield f"{row['score']:.6g}\t{one_line(row['text'])}"


def _answer(client: Client, target: dict[str, Any], question: str, contexts: Sequence[str]) -> list[JsonRow]:
    answers = client.answer(pairs=[(question, context) for context in contexts], **target)
    return [
        {"context": context, "answer": answer.text, "start": answer.start, "end": answer.end, "score": answer.score}
        for context, answer in zip(contexts, answers, strict=True)
    ]


def _answer_line(number: int, row: JsonRow) -> Iterator[str]:
    span = f"{row['start']}-{row['end']}" if row["start"] >= 0 else "-"
    yield f"{number}\t{span}\t{row['score']:.4f}\t{one_line(row['answer'])}"


def _embed(client: Client, target: dict[str, Any], _first: None, texts: Sequence[str]) -> list[JsonRow]:
    vectors = client.embed(texts=texts, **target).tolist()
    return [{"text": text, "embedding": vector} for text, vector in zip(texts, vectors, strict=True)]


def _vector_line(_number: int, row: JsonRow) -> Iterator[str]:
    yield "\t".join(f"{value:.6g}" for value in row["embedding"])


COMMANDS: Final[dict[str, TaskCommand]] = {
    "classify": TaskCommand("classifies texts", "TEXT", _classify, _label_line),
    "classify-pairs": TaskCommand(
        "classifies pairs of a query and each candidate", "CANDIDATE", _classify_pairs, _label_line, "QUERY"
    ),
    "tag": TaskCommand("finds spans in texts", "TEXT", _tag, _entity_lines),
    "rank": TaskCommand("orders candidates by how well they fit a query", "CANDIDATE", _rank, _rank_line, "QUERY"),
    "answer": TaskCommand("answers a question from contexts", "CONTEXT", _answer, _answer_line, "QUESTION"),
    "regress": TaskCommand("gives texts numbers", "TEXT", _regress, _number_line),
    "regress-pairs": TaskCommand(
        "gives pairs of a query and each candidate numbers", "CANDIDATE", _regress_pairs, _number_line, "QUERY"
    ),
    "embed": TaskCommand("gives texts vectors", "TEXT", _embed, _vector_line),
}
