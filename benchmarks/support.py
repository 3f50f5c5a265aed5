"""Measures how often a customer service answers right, hands over, or errs, beside BM25 and embeddings alone.

python benchmarks/support.py --banking77 FOLDER --output build/bench/support.json

FOLDER holds Banking77's train.csv and test.csv (text, category), of which an intent's answer is made; without it, the
chatterbot data alone are measured, with one wording held out of each question that has several.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import home_folder

from tfapp import assets
from tfapp.apps.support.assistant import Assistant
from tfapp.apps.support.retrieval import Passage, RetrievalMethod, Retriever
from tfapp.apps.support.service import Support
from tfapp.core.files import write_json

WAYS: dict[str, tuple[tuple[RetrievalMethod, ...], bool]] = {
    "BM25 alone": (("words",), False),
    "embeddings alone": (("vectors",), False),
    "both, fused": (("vectors", "words"), False),
    "both, weighed": (("vectors", "words"), True),
}
RANKS = (1, 3)


@dataclass(frozen=True)
class Case:
    """A held-out question, and the answers that are right."""

    question: str
    right: frozenset[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banking77", type=Path, help="a folder with train.csv and test.csv")
    parser.add_argument("--dev-share", type=float, default=0.0, help="measure on this share of train instead of test")
    parser.add_argument("--limit", type=int, help="at most so many held-out questions")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--home", type=Path, help="keeps what is built; a later run goes on from it")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with home_folder(options.home) as home:
        results = {"chatterbot": _chatterbot(home / "chatterbot", options)}
        if options.banking77:
            results["banking77"] = _banking77(home / "banking77", options)
    for name, result in results.items():
        _print(name, result)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.output, results)


def _chatterbot(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    file = assets.pull("chatterbot") / "data.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    pairs = [(row["question"], row["answer"]) for row in rows if row["language"] == "english"]
    wordings: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for question, answer in pairs:
        wordings[answer][question] = None
    # The last wording is held out, with all that it is answered; its answer stays, by the other wordings.
    held_out = {list(questions)[-1] for questions in wordings.values() if len(questions) > 1}
    train_pairs = [(question, answer) for question, answer in pairs if question not in held_out]
    answers: defaultdict[str, set[str]] = defaultdict(set)
    for question, answer in pairs:
        if question in held_out:
            answers[question].add(answer)
    known_answers = {answer for _, answer in train_pairs}
    cases = [
        Case(question, frozenset(right & known_answers)) for question, right in answers.items() if right & known_answers
    ]
    data = _write(home / "kept.csv", ("question", "answer"), train_pairs)
    return _measure(home, data, None, cases, options)


def _banking77(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    train, test = (_read(options.banking77 / name) for name in ("train.csv", "test.csv"))
    if options.dev_share:
        order = np.random.default_rng(0).permutation(len(train))
        border = round(len(train) * options.dev_share)
        train, test = [train[row] for row in order[border:]], [train[row] for row in order[:border]]
    answers = sorted({(intent, f"Our page on {intent.replace('_', ' ')} tells you.") for _, intent in train})
    texts = dict(answers)
    data = _write(home / "kept.csv", ("question", "intent"), train)
    templates = _write(home / "answers.csv", ("intent", "answer"), answers)
    return _measure(home, data, templates, [Case(text, frozenset({texts[name]})) for text, name in test], options)


def _measure(
    home: Path, data: Path, templates: Path | None, cases: Sequence[Case], options: argparse.Namespace
) -> dict[str, Any]:
    start_time = time.perf_counter()
    service = Support.open(home, overrides=options.set)
    outcome = service.build(str(data), answers=templates, quiet=True)
    seconds = time.perf_counter() - start_time
    sample = cases[: options.limit]
    with service.models.client() as client:
        identity = service.knowledge.vectors.embedder() or ""
        retriever = service.retriever(client, identity)
        vectors = retriever.embedder.embed([case.question for case in sample])
        scores = {name: _right_at(retriever, sample, vectors, way) for name, way in WAYS.items()}
        replies = _replies(service.assistant_on(client, identity), sample)
    return {
        "questions": len(sample),
        "known": outcome.addition.added,
        "build_seconds": round(seconds, 1),
        "intent_model": outcome.intent_model,
        "retrieval": scores,
        "assistant": replies,
    }


def _right_at(
    retriever: Retriever, cases: Sequence[Case], vectors: Any, way: tuple[tuple[RetrievalMethod, ...], bool]
) -> dict[str, float]:
    ranks, (ways, rerank) = [], way
    for case, vector in zip(cases, vectors, strict=True):
        passages = retriever.search(case.question, vector, ways=ways, rerank=rerank)
        ranks.append(_rank(passages, case.right))
    return {f"right at {rank_limit}": float(np.mean([rank <= rank_limit for rank in ranks])) for rank_limit in RANKS}


def _rank(passages: Sequence[Passage], right: frozenset[str]) -> float:
    return next((rank for rank, passage in enumerate(passages, start=1) if passage.target.text in right), float("inf"))


def _replies(assistant: Assistant, cases: Sequence[Case]) -> dict[str, Any]:
    outcomes: list[str] = []
    start_time = time.perf_counter()
    for case in cases:
        reply = assistant.answer(case.question)
        right = any(reply.text.startswith(answer) for answer in case.right)
        outcomes.append("handed over" if reply.kind == "handover" else "right" if right else "wrong")
    answer_count = len(outcomes) - outcomes.count("handed over")
    shares = {name: outcomes.count(name) / len(outcomes) for name in ("right", "wrong", "handed over")}
    milliseconds = 1000 * (time.perf_counter() - start_time) / len(cases)
    return {
        **shares,
        "right of answered": outcomes.count("right") / max(answer_count, 1),
        "ms a question": milliseconds,
    }


def _read(file: Path) -> list[tuple[str, str]]:
    with file.open(newline="", encoding="utf-8") as rows:
        return [(row["text"], row["category"]) for row in csv.DictReader(rows)]


def _write(file: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([columns, *rows])
    return file


def _print(name: str, result: dict[str, Any]) -> None:
    print(f"{name}: {result['questions']} held-out questions, {result['known']} known pairs")
    print(f"  built in {result['build_seconds']} s; intent model: {result['intent_model']}")
    for way, scores in result["retrieval"].items():
        print(f"  {way:18}" + "  ".join(f"{measure} {value:.3f}" for measure, value in scores.items()))
    print(
        "  assistant         " + "  ".join(f"{measure} {value:.3f}" for measure, value in result["assistant"].items())
    )


if __name__ == "__main__":
    main()
