"""Measures `tfapp train FILE` without a setting, beside what others make of the same rows."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from default_baselines import BASELINES, frozen_vectors, measure_baseline
from harness import environment, write_report
from scipy.stats import binomtest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline

__all__ = ["Peers", "measure_defaults"]

HERE: Final = Path(__file__).resolve().parent
# What most examples of Hugging Face's Trainer set.
TRAINER: Final = {"epochs": 3, "batch_size": 16, "warmup_share": 0.0, "weight_decay": 0.0}
TRAINER_RATES: Final = (2e-5, 5e-5)
# SetFit learns from all pairs of texts: it is for few, and these take minutes.
SETFIT_STEPS: Final = 3000
AskPeer = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Peers:
    """The peers, which learn from rows by settings, each in an environment of its own.

    Attributes:
        trainer: Hugging Face's Trainer.
        setfit: SetFit.
    """

    trainer: AskPeer
    setfit: AskPeer


@dataclass
class DefaultScore:
    """The score of one contender on the test rows.

    Attributes:
        name: The contender.
        value: The share of right labels, or what else `tfapp train` scores the task by.
        seconds: Of training and evaluation.
        p: How often a difference to ours as large would come by chance (McNemar's exact test); None without rows.
    """

    name: str
    value: float
    seconds: float
    p: float | None = None


@dataclass
class ComparisonTable:
    """The scores of the contenders on one data file, ours first.

    Attributes:
        data: The file.
        measure: What the contenders are scored by.
        texts: The rows of train, dev and test.
        labels: How many there are.
        way: What `tfapp train` chose.
        calibration_error: Ours on test, after calibration; None where nothing is calibrated.
        scores: The contenders' scores.
        splits: Our score on each split, as `tfapp train` scores the task.
    """

    data: str
    measure: str
    texts: tuple[int, int, int]
    labels: int
    way: str
    calibration_error: float | None
    scores: list[DefaultScore] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)


def measure_defaults(
    data: Sequence[str],
    *,
    quality: str,
    splits: int,
    run_lines: Callable[..., list[Any]],
    peers: Peers | None,
    output: Path | None,
) -> None:
    """Prints a line for each contender and data file, or name of a data set.

    Args:
        data: `TRAIN`, or `TRAIN=TEST` where test is a file of its own.
        quality: As of `tfapp train`.
        splits: On how many splits tfapp is measured; the others are measured on the first one.
        run_lines: Runs a command and returns the lines of JSON that it prints.
        peers: None: they are left out.
        output: Where the figures are written, anew after each data file.
    """
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in data:
            runs = [_train(name, quality, split, run_lines, Path(folder)) for split in range(splits)]
            tables.append(_compare(runs[0], run_lines, peers))
            tables[-1].splits = [run.score.value for run in runs]
            for line in _lines(tables[-1]):
                print(line, flush=True)
            if output:
                write_report(
                    output, {"tables": [asdict(table) for table in tables], "environment": environment("tfapp")}
                )
    for line in _significant(tables):
        print(line)


@dataclass(frozen=True)
class DefaultRun:
    """A training by `tfapp train` on a data file: its run's folder, the file's name, and its score."""

    path: str
    data: str
    score: DefaultScore


def _train(data: str, quality: str, split: int, run_lines: Callable[..., list[Any]], folder: Path) -> DefaultRun:
    import tfapp

    train, _, test = data.partition("=")
    start = time.monotonic()
    options = [
        f"--quality={quality}",
        f"--runs={folder}",
        "--no-publish",
        "--json",
        *([f"--test={test}"] if test else []),
        *([f"--set=data.split_seed={split}"] if split else []),
    ]
    path = run_lines([sys.executable, "-m", "tfapp", "train", train, *options], Path())[-1]["run"]
    score = DefaultScore("tfapp", tfapp.open_run(path).evaluation.main_score, time.monotonic() - start)
    print(f"{train}, split {split}: {score.value:.4f} in {score.seconds:.0f} s", file=sys.stderr, flush=True)
    return DefaultRun(path, train, score)


def _compare(ours: DefaultRun, run_lines: Callable[..., list[Any]], peers: Peers | None) -> ComparisonTable:
    """Measures the others on the very rows of a run."""
    import tfapp

    rows = run_lines([sys.executable, str(HERE / "accuracy_rows.py"), ours.path], Path())[-1]
    run = tfapp.open_run(ours.path)
    way = next(
        (candidate["name"] for candidate in run.folder.read_if_there("candidates", []) if candidate["chosen"]), ""
    )
    table = ComparisonTable(
        ours.data,
        run.evaluation.main_name,
        (len(rows["train"]), len(rows["dev"]), len(rows["test"])),
        len(rows["labels"]),
        f"{way}, {run.experiment.training.epochs} epochs",
        (run.evaluation.to_dict().get("calibration") or {}).get("error"),
        [ours.score],
    )
    train_rows = [*rows["train"], *rows["dev"]]
    if rows["task"] != "classification":
        table.scores += _baseline(rows["task"], train_rows, rows["test"])
        return table
    texts, truth = [row["text"] for row in rows["test"]], np.array([row["label"] for row in rows["test"]])
    answers = np.array(tfapp.predict(run, texts)["label"].tolist())
    table.measure, ours.score.value = "accuracy", float(np.mean(answers == truth))
    for name, predict in (("LR, TF-IDF", _tf_idf), ("LR, frozen vectors", _frozen_vectors)):
        start = time.monotonic()
        baseline_answers = predict([row["text"] for row in train_rows], [row["label"] for row in train_rows], texts)
        p = _mcnemar(answers == truth, baseline_answers == truth)
        table.scores.append(DefaultScore(name, float(np.mean(baseline_answers == truth)), time.monotonic() - start, p))
    table.scores += _peer_scores(rows | {"seed": 0}, peers) if peers else []
    return table


def _peer_scores(task: dict[str, Any], peers: Peers) -> Iterator[DefaultScore]:
    for rate in TRAINER_RATES:
        theirs = peers.trainer(task | TRAINER | {"learning_rate": rate})
        yield DefaultScore(f"Trainer, {rate:g}", theirs["score"], theirs["seconds"])
    theirs = peers.setfit(task | {"most_steps": SETFIT_STEPS})
    if "score" in theirs:
        yield DefaultScore("SetFit", theirs["score"], theirs["seconds"])


def _baseline(task: str, train_rows: list[Any], test: list[Any]) -> list[DefaultScore]:
    """Returns what the preset's vectors alone come to; nothing of a task of other answers."""
    if task not in BASELINES:
        return []
    start = time.monotonic()
    columns = ({name: [row[name] for row in split] for name in test[0]} for split in (train_rows, test))
    name, value = measure_baseline(task, *columns)
    return [DefaultScore(name, value, time.monotonic() - start)]


def _tf_idf(texts: list[str], labels: list[str], test: list[str]) -> Any:
    return (
        make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), _regression(labels))
        .fit(texts, labels)
        .predict(test)
    )


def _frozen_vectors(texts: list[str], labels: list[str], test: list[str]) -> Any:
    train_vectors, test_vectors = frozen_vectors(texts, test)
    return _regression(labels).fit(train_vectors, labels).predict(test_vectors)


def _regression(labels: list[str]) -> LogisticRegressionCV:
    """Returns a regression whose strength is chosen by cross-validation, as most users would have it."""
    folds = int(max(2, min(5, np.unique(labels, return_counts=True)[1].min())))
    return LogisticRegressionCV(
        Cs=10.0 ** np.arange(-1, 3.5, 0.5), cv=folds, max_iter=300, tol=1e-3, scoring="neg_log_loss"
    )


def _mcnemar(ours: Any, theirs: Any) -> float:
    wins, losses = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _lines(table: ComparisonTable) -> Iterator[str]:
    train, dev, test = table.texts
    share = table.measure == "accuracy"
    yield f"{table.data}: {train} + {dev} rows, {table.labels} labels, {test} test rows, {table.measure}"
    for score in table.scores:
        error = "" if table.calibration_error is None else f", ECE {table.calibration_error:.3f}"
        note = f"{table.way}{error}" if score.name == "tfapp" else ""
        note = note or ("" if score.p is None else f"p {score.p:.3f}")
        value = f"{100 * score.value:7.2f}" if share else f"{score.value:7.3f}"
        yield f"  {score.name:22} {value} {score.seconds:7.0f} s  {note}".rstrip()
    if len(table.splits) > 1:
        mean, low, high = np.mean(table.splits), min(table.splits), max(table.splits)
        yield f"  tfapp on {len(table.splits)} splits: {mean:.4f} in the mean, {low:.4f} to {high:.4f}"


def _significant(tables: list[ComparisonTable]) -> Iterator[str]:
    """Yields the contenders that are better than ours, at 95 % after Holm's correction over all tables."""
    pairs = [(score, table) for table in tables for score in table.scores if score.p is not None]
    pairs.sort(key=lambda pair: pair[0].p)
    for index, (score, table) in enumerate(pairs):
        if score.p * (len(pairs) - index) > 0.05:
            break
        if score.value > table.scores[0].value:
            yield f"significantly better than tfapp: {score.name} on {table.data}"
