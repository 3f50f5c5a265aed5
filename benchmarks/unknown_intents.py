"""Measures how well a classifier says that a text belongs to none of its labels, by TEXTOIR's protocol, on Banking77.

    python benchmarks/unknown_intents.py --data DIR --output unknown.json --part frozen
    python benchmarks/unknown_intents.py --data DIR --output unknown.json --part trained

Of the 77 intents 25, 50 or 75 % are known, drawn by a seed; the others are left out of train and dev and are one more
class, "open", in test. The figures are those of TEXTOIR (Zhang et al. 2021): accuracy, F1 (the mean over the known
classes and the open one), F1-known (the mean over the known ones) and F1-open. Every way of `model.unknown_by` is
measured on the same logits, for several shares of known texts that may be refused.

The share is chosen before test is looked at: of each draw's known intents 75, 50 or 25 % are held out of train, and the
share with the highest F1 on dev, in the mean of all these, then serves all three settings.

`frozen` fits a logistic regression to vectors of the frozen preset: a minute for the vectors, a minute for the rest.
`trained` fine-tunes with accuracy/banking77.toml, by the shares that `frozen` chose: nine trainings, planned as two
hours on two cores (`--plan` says what is left). Each draw is kept in --output as soon as it is done.
DIR holds `banking77/{train,test}.csv`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import tensorflow as tf
from accuracy import SETTINGS
from accuracy import tfapp as command
from inference_report import print_table
from resumable import Measurement, add_options, read_results, run_measurements
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, roc_auc_score

from tfapp import open_run
from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.models.unknown import Unknown
from tfapp.tasks.models import build_model, load_model
from tfapp.training.features import feature_scale
from tfapp.training.head_solver import DEFAULT_PENALTY
from tfapp.training.unknown_fit import UnknownMethod, choose_references, refer, share_limit
from tfapp.workflows.inference import packed_model

SplitLogits: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Those of train, of dev, and of what is asked."""
WAYS: Final[tuple[UnknownMethod, ...]] = ("energy", "distance", "boundary", "guidance")
RATIOS: Final = (0.25, 0.5, 0.75)
SHARES: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
FIGURES: Final = ("accuracy", "f1", "f1_known", "f1_open", "known_refused")
DEV_SHARE: Final = 0.1
BATCH: Final = 256
OPEN: Final = -1


@dataclass(frozen=True)
class Texts:
    """The texts of a file, and their intents as numbers, int64[N]."""

    texts: list[str]
    intents: np.ndarray


@dataclass(frozen=True)
class Draw:
    """The rows of one training.

    Attributes:
        train, dev: Numbers of train's rows; of those of dev some may be open.
        classes: int64[77], the class of each intent, `OPEN` of those that are not learnt.
    """

    train: np.ndarray
    dev: np.ndarray
    classes: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--part", choices=("frozen", "trained"), default="frozen")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="further settings of `trained`"
    )
    add_options(parser)
    options = parser.parse_args()
    if options.part == "trained" and not choose_shares(read_results(options.output)):
        raise SystemExit("no shares are chosen yet; run --part frozen with the same --output first")
    train, test, names = read(options.data / "banking77")

    @cache
    def measure() -> Callable[[float, int], dict[str, Any]]:
        return frozen_part(train, test) if options.part == "frozen" else trained_part(train, test, names, options.set)

    def measurement(ratio: float, seed: int) -> Measurement:
        minutes = 28 * ratio if options.part == "trained" else 0.3
        kind = f"{options.part} {ratio}"
        return Measurement(f"{options.part}/{ratio}/seed {seed}", kind, minutes, lambda: measure()(ratio, seed))

    measurements = [measurement(ratio, seed) for ratio in RATIOS for seed in range(options.seeds)]
    print_results(run_measurements(measurements, options), options.part)


def read(folder: Path) -> tuple[Texts, Texts, list[str]]:
    """Returns train, test and the names of the intents."""
    rows: dict[str, list[dict[str, str]]] = {}
    for split in ("train", "test"):
        with (folder / f"{split}.csv").open(newline="", encoding="utf-8") as lines:
            rows[split] = list(csv.DictReader(lines))
    names = sorted({row["category"] for row in rows["train"]})
    numbers = {name: number for number, name in enumerate(names)}
    train, test = (
        Texts([row["text"] for row in split], np.array([numbers[row["category"]] for row in split]))
        for split in rows.values()
    )
    return train, test, names


def draw(intents: np.ndarray, ratio: float, seed: int, *, learnt_ratio: float = 1.0) -> Draw:
    """Draws the known intents and dev's rows; of the known ones only `learnt_ratio` are learnt, but all are in dev."""
    random = np.random.default_rng(seed)
    count = int(intents.max()) + 1
    known_intents = random.choice(count, round(count * ratio), replace=False)
    rows = random.permutation(np.flatnonzero(np.isin(intents, known_intents)))
    dev, train = np.split(rows, [round(len(rows) * DEV_SHARE)])
    learnt_intents = np.sort(known_intents[: round(len(known_intents) * learnt_ratio)])
    classes = np.full(count, OPEN)
    classes[learnt_intents] = np.arange(len(learnt_intents))
    return Draw(train[classes[intents[train]] != OPEN], dev, classes)


def frozen_part(train: Texts, test: Texts) -> Callable[[float, int], dict[str, Any]]:
    """Returns what measures a draw on vectors that are read once."""
    model = build_model("classification", ModelSettings(preset="minilm-l6", pooling="mean", max_length=64), ["a", "b"])
    fast = packed_model(model)
    train_vectors, test_vectors = (compute(fast, fast.features, split.texts) for split in (train, test))
    size = feature_scale(train_vectors)

    def logits(part: Draw) -> SplitLogits:
        vectors = [train_vectors[part.train] / size, train_vectors[part.dev] / size, test_vectors / size]
        head = LogisticRegression(C=1 / DEFAULT_PENALTY, max_iter=1000)
        head.fit(vectors[0], part.classes[train.intents[part.train]])
        of_train, of_dev, of_test = (head.decision_function(rows).astype(np.float32) for rows in vectors)
        return of_train, of_dev, of_test

    def measure(ratio: float, seed: int) -> dict[str, Any]:
        held_out: dict[str, Any] = {}
        for learnt_ratio in RATIOS:
            part = draw(train.intents, ratio, seed, learnt_ratio=learnt_ratio)
            references, dev, _ = logits(part)
            held_out[str(learnt_ratio)] = score(
                part, train, (references, dev, dev), part.classes[train.intents[part.dev]]
            )
        part = draw(train.intents, ratio, seed)
        return {"held_out": held_out, "test": score(part, train, logits(part), part.classes[test.intents])}

    return measure


def trained_part(
    train: Texts, test: Texts, names: Sequence[str], settings: Sequence[str]
) -> Callable[[float, int], dict[str, Any]]:
    """Returns what fine-tunes on a draw and measures it."""

    def measure(ratio: float, seed: int) -> dict[str, Any]:
        part = draw(train.intents, ratio, seed)
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home)
            known_test = np.flatnonzero(part.classes[test.intents] != OPEN)
            for name, split, rows in (
                ("train", train, part.train),
                ("dev", train, part.dev),
                ("test", test, known_test),
            ):
                with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                    texts = [(split.texts[row], names[split.intents[row]]) for row in rows.tolist()]
                    csv.writer(file).writerows([("text", "category"), *texts])
            files = [f"data.{name}={folder / name}.csv" for name in ("train", "dev", "test")]
            changes = [f"--set={setting}" for setting in (*files, f"training.seed={seed}", *settings)]
            toml = str(SETTINGS / "banking77.toml")
            end = command(folder, "train", toml, f"--runs={folder}", "--json", *changes)[-1]
            model = packed_model(load_model(open_run(end["run"]).folder.model))
        assert model.labels == tuple(name for name, number in zip(names, part.classes, strict=True) if number != OPEN)
        of_train, of_dev = ([train.texts[row] for row in rows.tolist()] for rows in (part.train, part.dev))
        logits = (compute(model, model.logits, of_train), compute(model, model.logits, of_dev))
        of_test = compute(model, model.logits, test.texts)
        return {"test": score(part, train, (*logits, of_test), part.classes[test.intents])}

    return measure


def compute(model: TaskModel, network: Callable[[Any], tf.Tensor], texts: Sequence[str]) -> np.ndarray:
    """Returns what a network of a model makes of texts."""
    signature = [tf.TensorSpec([None], tf.string)]
    function = tf.function(lambda batch: network(model.preprocessor(batch)), input_signature=signature, autograph=False)
    batches = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
    return np.concatenate([function(tf.constant(list(batch))).numpy() for batch in batches])


def score(part: Draw, train: Texts, logits_by_split: SplitLogits, targets: np.ndarray) -> dict[str, Any]:
    """Returns the figures of each way and share on the last logits, of texts of these classes; the limits are dev's."""
    train_logits, dev, logits = logits_by_split
    train_targets, dev_targets = (part.classes[train.intents[rows]] for rows in (part.train, part.dev))
    references = choose_references(train_targets)
    results: dict[str, Any] = {}
    for way in WAYS:
        unknown = refer(Unknown("open", by=way), train_logits[references], train_targets[references])
        dev_measures, distances = (
            unknown.novelty(split_logits).numpy() for split_logits in (dev[dev_targets != OPEN], logits)
        )
        results[way] = {"auroc": float(roc_auc_score(targets == OPEN, distances))} | {
            str(share): textoir_figures(targets, np.where(distances >= limit, OPEN, logits.argmax(axis=1)))
            for share in SHARES
            for limit in (share_limit(dev_measures.astype(np.float64), share),)
        }
    return results


def textoir_figures(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Returns TEXTOIR's figures, and the share of known texts that were refused."""
    # Sorted, the open class is the first.
    counts = confusion_matrix(targets, predictions, labels=[OPEN, *range(int(targets.max()) + 1)])
    right = np.diag(counts)
    f1 = 2 * right / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)
    values = (right.sum() / counts.sum(), f1.mean(), f1[1:].mean(), f1[0], counts[1:, 0].sum() / counts[1:].sum())
    return {figure: float(value) for figure, value in zip(FIGURES, values, strict=True)}


def choose_shares(results: dict[str, Any]) -> dict[str, str]:
    """Returns each way's share with the highest F1 on intents held out of train, in the mean of the frozen draws."""
    held_out = held_out_figures(results)
    if not held_out:
        return {}
    return {
        way: max(map(str, SHARES), key=lambda share: statistics.mean(figures[way][share]["f1"] for figures in held_out))
        for way in WAYS
    }


def held_out_figures(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [held_out for figures in results.values() for held_out in figures.get("held_out", {}).values()]


def print_results(results: dict[str, Any], part: str) -> None:
    """Prints what chose the shares, and a line for each setting and way: the means over the seeds."""
    shares = choose_shares(results)
    if not shares:
        return

    def lines() -> Iterator[tuple[str, ...]]:
        for ratio in RATIOS:
            test_figures = [figures["test"] for key, figures in results.items() if key.startswith(f"{part}/{ratio}/")]
            for way in WAYS if test_figures else ():
                means = [
                    statistics.mean(figures[way][shares[way]][figure] for figures in test_figures) for figure in FIGURES
                ]
                means.append(statistics.mean(figures[way]["auroc"] for figures in test_figures))
                yield f"{ratio:.0%}", way, shares[way], *(f"{100 * mean:.1f}" for mean in means)

    held_out = held_out_figures(results)
    for way in WAYS:
        means = [
            f"{share} {100 * statistics.mean(figures[way][str(share)]['f1'] for figures in held_out):.1f}"
            for share in SHARES
        ]
        print(f"F1 on intents held out of train by share, {way}: {', '.join(means)}")
    print_table(("known", "by", "share", *FIGURES, "auroc"), list(lines()))


if __name__ == "__main__":
    main()
