"""Measures how fast a BERT classifier learns: `tfapp train` beside Hugging Face's Trainer and KerasHub's fit.

All contenders have the same weights, texts, batch size and number of threads; they work by turns, and a ratio is that
of one round, so that a busy machine slows all. Tokens are counted without padding, [CLS] and [SEP] included.

    python benchmarks/training.py --peer PYTHON --data DIR --to-accuracy 0.97 --output training.json --plots DIR

PYTHON has benchmarks/requirements/accuracy-peer.txt; without it tfapp and KerasHub are measured alone. DIR holds
`sst2/{train,dev}.tsv`; without it the sentences are those of tfapp's own movie-reviews. With --to-accuracy each
is trained once more, by itself, until the dev split of BBC News is answered so well; its evaluations do not count.
On a GPU, with random weights where there are no others:

    python benchmarks/training.py --gpu --preset random-base --batch-size 64 --peak-tflops 989 --peer PYTHON
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import Worker, environment, quiet, write_report
from training_report import compare_with_targets, print_report

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("tensorflow", "keras", "keras-hub", "numpy", "tfapp")
# Long enough for every contender to have compiled and met most lengths; of a quick look: to have compiled.
WARM_STEPS: Final = 10
QUICK_STEPS: Final = 3
NEWS: Final = "bbc-news"


@dataclass(frozen=True)
class TrainingContender:
    """A contender: one way to train.

    Attributes:
        script: Its worker.
        precision: As the worker takes it.
        peer: Whether it runs in the peer's environment.
        gpu: Whether it is measured on a GPU alone.
    """

    script: str
    precision: str
    peer: bool = False
    gpu: bool = False


CONTENDERS: Final = {
    "tfapp float32": TrainingContender("training_ours.py", "float32"),
    "tfapp auto": TrainingContender("training_ours.py", "auto"),
    "Trainer float32": TrainingContender("training_peer.py", "float32", peer=True),
    "Trainer bfloat16": TrainingContender("training_peer.py", "bfloat16", peer=True),
    "KerasHub float32": TrainingContender("training_keras.py", "float32"),
    "KerasHub bfloat16": TrainingContender("training_keras.py", "mixed_bfloat16", gpu=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter with the peer's requirements")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a turn")
    parser.add_argument("--preset", default="minilm-l6", help="as model.preset, or random-base or random-large")
    parser.add_argument("--batch-size", type=int, help="instead of 16 news and 32 sentences")
    parser.add_argument("--to-accuracy", type=float, metavar="SHARE", help="also measure the time to it, as 0.97")
    parser.add_argument("--every", type=int, default=15, help="steps between two evaluations on the way there")
    parser.add_argument("--quick", action="store_true", help="one short round, and no time to an accuracy")
    parser.add_argument("--gpu", action="store_true", help="let the contenders see the GPU")
    parser.add_argument("--peak-tflops", type=float, help="print the share of it that is reached")
    parser.add_argument("--output", type=Path, help="write the figures as JSON, anew when there are more")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.to_accuracy = 1, 2.0, None
    with tempfile.TemporaryDirectory() as folder:
        tasks = prepare(Path(folder), options)
        for report in measure(tasks, options):
            if options.output:
                write_report(options.output, compare_with_targets(report))
    report = compare_with_targets(report)
    print_report(report)
    if options.plots:
        from training_plots import draw

        draw(report, options.plots)


def prepare(folder: Path, options: argparse.Namespace) -> dict[str, Path]:
    """Leaves texts and weights in a folder, and returns the tasks' files by the name of their data."""
    experiments = [experiment(NEWS, {"train": NEWS}, 16, options)]
    if options.data:
        files = {split: str(options.data.resolve() / "sst2" / f"{split}.tsv") for split in ("train", "dev")}
        experiments.append(experiment("sst2", files | {"header": False, "text": "0", "label": "1"}, 32, options))
    else:
        experiments.append(experiment("movie-reviews", {"train": "movie-reviews"}, 32, options))
    (folder / "tasks.json").write_text(json.dumps(experiments), encoding="utf-8")
    command = [sys.executable, str(HERE / "training_data.py"), str(folder), str(folder / "tasks.json")]
    process = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet())
    if process.returncode:
        raise SystemExit(f"the data cannot be prepared:\n{process.stderr[-2000:]}")
    return {experiment["name"]: folder / f"{experiment['name']}.json" for experiment in experiments}


def experiment(name: str, data: dict[str, Any], batch_size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings of an experiment, with what the peers have to know of it spelt out."""
    return {
        "name": name,
        "data": data,
        "model": {"preset": options.preset, "max_length": 128},
        "training": {
            "epochs": 2,
            "batch_size": options.batch_size or batch_size,
            "learning_rate": 1e-4,
            "warmup_share": 0.1,
            "weight_decay": 0.01,
            "seed": 0,
        },
    }


def measure(tasks: Mapping[str, Path], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields the report, anew whenever there is more of it."""
    contenders = {
        name: contender
        for name, contender in CONTENDERS.items()
        if (options.peer or not contender.peer) and (options.gpu or not contender.gpu)
    }
    report: dict[str, Any] = {
        "environment": environment(*PACKAGES)
        | {"threads": options.threads, "gpu": options.gpu, "omp": os.environ.get("OMP_WAIT_POLICY")},
        "preset": options.preset,
        "peak_tflops": options.peak_tflops,
        "rounds": options.rounds,
        "work": {name: work(file) for name, file in tasks.items()},
        "turns": {},
        "products_tflops": {},
    }
    for name, file in tasks.items():
        report["turns"][name] = take_turns(file, contenders, options)
        if not options.gpu:
            report["products_tflops"][name] = measure_products(file, options)
        yield report
    if options.to_accuracy:
        mode = f"reach:{options.to_accuracy}:{options.every}"
        report["accuracy"] = {"wanted": options.to_accuracy, "data": NEWS, "curves": {}}
        for name, contender in contenders.items():
            say(f"{name} to {options.to_accuracy:.0%}")
            with start(contender, tasks[NEWS], mode, options) as worker:
                report["accuracy"]["curves"][name] = worker.ask("go")
            yield report


def work(file: Path) -> dict[str, float]:
    """Returns the work of a token: products of 6 operations a weight of the layers, and attention's by length."""
    task = json.loads(file.read_text(encoding="utf-8"))
    sizes, lengths = task["sizes"], [len(ids) for ids in task["train"]["ids"]]
    layers, width = sizes["num_layers"], sizes["hidden_dim"]
    weights = layers * (4 * width**2 + 2 * width * sizes["intermediate_dim"])
    # A token meets as many others as its text has.
    mean_length = sum(length**2 for length in lengths) / sum(lengths)
    return {
        "batch_size": task["experiment"]["training"]["batch_size"],
        "texts": len(lengths),
        "mean_length": sum(lengths) / len(lengths),
        "mflop_a_token": (6 * weights + 12 * layers * width * mean_length) / 1e6,
        "layers_mflop_a_token": 6 * weights / 1e6,
    }


def measure_products(file: Path, options: argparse.Namespace) -> float:
    """Returns the best rate of a batch's products, forward and backward, in float32 and nothing between them."""
    task = json.loads(file.read_text(encoding="utf-8"))
    sizes, lengths = task["sizes"], [len(ids) for ids in task["train"]["ids"]]
    tokens = round(task["experiment"]["training"]["batch_size"] * statistics.mean(lengths))
    arguments = [str(sizes["hidden_dim"]), str(sizes["intermediate_dim"]), str(options.threads)]
    with Worker(sys.executable, str(HERE / "products.py"), *arguments) as worker:
        return max(worker.ask(f"training float32 {tokens}") for _ in range(options.rounds + 1)) / 1e3


def take_turns(
    file: Path, contenders: Mapping[str, TrainingContender], options: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    """Returns what each contender did in each round; every other round goes the other way."""
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(start(contender, file, "turns", options))
            for name, contender in contenders.items()
        }
        for name, worker in workers.items():
            say(f"{file.stem}: {name} warms up")
            worker.ask(f"{options.seconds} {QUICK_STEPS if options.quick else WARM_STEPS}")
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
        for number in range(options.rounds):
            say(f"{file.stem}: round {number + 1} of {options.rounds}")
            for name in list(workers)[:: -1 if number % 2 else 1]:
                turns[name].append(workers[name].ask(f"{options.seconds} 1"))
    return turns


def start(contender: TrainingContender, file: Path, mode: str, options: argparse.Namespace) -> Worker:
    python = options.peer if contender.peer else sys.executable
    arguments = [python, str(HERE / contender.script), str(file), str(options.threads), contender.precision, mode]
    # TensorFlow takes the memory that it needs only, since several contenders share a GPU.
    return Worker(*arguments, env={**os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"} if options.gpu else None)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
