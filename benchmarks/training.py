"""How fast a BERT classifier learns: `tfapp train` beside Hugging Face's Trainer and KerasHub's fit.

All sides have the same weights, texts, batch size and number of threads; they work by turns, and a ratio is that of one
round, so that a busy machine slows all. Tokens are counted without padding, [CLS] and [SEP] included.

    python benchmarks/training.py --peer PYTHON --data DIR --to-accuracy 0.97 --output training.json --plots DIR

PYTHON has benchmarks/requirements/accuracy-peer.txt; without it tfapp and KerasHub are measured alone. DIR holds
`sst2/{train,dev}.tsv`; without it the sentences are those of tfapp's own movie-reviews. With --to-accuracy each side
is trained once more, by itself, until the dev split of BBC News is answered so well; its evaluations do not count.
On a GPU, with random weights where there are no others:

    python benchmarks/training.py --gpu --preset random-base --batch-size 64 --peak-tflops 989 --peer PYTHON
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sides import Worker, environment, quiet, write_report
from training_report import judge, print_report

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("tensorflow", "keras", "keras-hub", "numpy", "tfapp")
# Long enough for every side to have compiled and met most lengths; of a quick look: to have compiled.
WARM_STEPS: Final = 10
QUICK_STEPS: Final = 3
NEWS: Final = "bbc-news"


@dataclass(frozen=True)
class Side:
    """One way to train.

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


SIDES: Final = {
    "tfapp float32": Side("training_ours.py", "float32"),
    "tfapp auto": Side("training_ours.py", "auto"),
    "Trainer float32": Side("training_peer.py", "float32", peer=True),
    "Trainer bfloat16": Side("training_peer.py", "bfloat16", peer=True),
    "KerasHub float32": Side("training_keras.py", "float32"),
    "KerasHub bfloat16": Side("training_keras.py", "mixed_bfloat16", gpu=True),
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
    parser.add_argument("--gpu", action="store_true", help="let the sides see the GPU")
    parser.add_argument("--peak-tflops", type=float, help="print the share of it that is reached")
    parser.add_argument("--output", type=Path, help="write the figures as JSON, anew when there are more")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them")
    parsed = parser.parse_args()
    if parsed.quick:
        parsed.rounds, parsed.seconds, parsed.to_accuracy = 1, 2.0, None
    with tempfile.TemporaryDirectory() as folder:
        tasks = prepare(Path(folder), parsed)
        for report in measure(tasks, parsed):
            if parsed.output:
                write_report(parsed.output, judge(report))
    report = judge(report)
    print_report(report)
    if parsed.plots:
        from training_plots import draw

        draw(report, parsed.plots)


def prepare(folder: Path, parsed: argparse.Namespace) -> dict[str, Path]:
    """Leaves texts and weights in a folder, and gives the tasks' files by the name of their data."""
    wanted = [experiment(NEWS, {"train": NEWS}, 16, parsed)]
    if parsed.data:
        files = {side: str(parsed.data.resolve() / "sst2" / f"{side}.tsv") for side in ("train", "dev")}
        wanted.append(experiment("sst2", files | {"header": False, "text": "0", "label": "1"}, 32, parsed))
    else:
        wanted.append(experiment("movie-reviews", {"train": "movie-reviews"}, 32, parsed))
    (folder / "tasks.json").write_text(json.dumps(wanted), encoding="utf-8")
    command = [sys.executable, str(HERE / "training_data.py"), str(folder), str(folder / "tasks.json")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet())
    if done.returncode:
        raise SystemExit(f"the data cannot be prepared:\n{done.stderr[-2000:]}")
    return {one["name"]: folder / f"{one['name']}.json" for one in wanted}


def experiment(name: str, data: dict[str, Any], batch_size: int, parsed: argparse.Namespace) -> dict[str, Any]:
    """A settings file, with what the peers have to know of it spelt out."""
    return {
        "name": name,
        "data": data,
        "model": {"preset": parsed.preset, "max_length": 128},
        "training": {
            "epochs": 2,
            "batch_size": parsed.batch_size or batch_size,
            "learning_rate": 1e-4,
            "warmup_share": 0.1,
            "weight_decay": 0.01,
            "seed": 0,
        },
    }


def measure(tasks: Mapping[str, Path], parsed: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The report, anew whenever there is more of it."""
    sides = {
        name: side for name, side in SIDES.items() if (parsed.peer or not side.peer) and (parsed.gpu or not side.gpu)
    }
    report: dict[str, Any] = {
        "environment": environment(*PACKAGES)
        | {"threads": parsed.threads, "gpu": parsed.gpu, "omp": os.environ.get("OMP_WAIT_POLICY")},
        "preset": parsed.preset,
        "peak_tflops": parsed.peak_tflops,
        "rounds": parsed.rounds,
        "work": {name: work(file) for name, file in tasks.items()},
        "turns": {},
    }
    for name, file in tasks.items():
        report["turns"][name] = take_turns(file, sides, parsed)
        yield report
    if parsed.to_accuracy:
        mode = f"reach:{parsed.to_accuracy}:{parsed.every}"
        report["accuracy"] = {"wanted": parsed.to_accuracy, "data": NEWS, "curves": {}}
        for name, side in sides.items():
            say(f"{name} to {parsed.to_accuracy:.0%}")
            with start(side, tasks[NEWS], mode, parsed) as worker:
                report["accuracy"]["curves"][name] = worker.ask("go")
            yield report


def work(file: Path) -> dict[str, float]:
    """What a token takes: products of 6 operations a weight of the layers, and attention's by length."""
    task = json.loads(file.read_text(encoding="utf-8"))
    sizes, lengths = task["sizes"], [len(ids) for ids in task["train"]["ids"]]
    layers, width = sizes["num_layers"], sizes["hidden_dim"]
    weights = layers * (4 * width**2 + 2 * width * sizes["intermediate_dim"])
    # A token meets as many others as its text has.
    met = sum(length**2 for length in lengths) / sum(lengths)
    return {
        "batch_size": task["experiment"]["training"]["batch_size"],
        "texts": len(lengths),
        "mean_length": sum(lengths) / len(lengths),
        "mflop_a_token": (6 * weights + 12 * layers * width * met) / 1e6,
    }


def take_turns(file: Path, sides: Mapping[str, Side], parsed: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """What each side did in each round; every other round goes the other way."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(start(side, file, "turns", parsed)) for name, side in sides.items()}
        for name, worker in workers.items():
            say(f"{file.stem}: {name} warms up")
            worker.ask(f"{parsed.seconds} {QUICK_STEPS if parsed.quick else WARM_STEPS}")
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
        for number in range(parsed.rounds):
            say(f"{file.stem}: round {number + 1} of {parsed.rounds}")
            for name in list(workers)[:: -1 if number % 2 else 1]:
                turns[name].append(workers[name].ask(f"{parsed.seconds} 1"))
    return turns


def start(side: Side, file: Path, mode: str, parsed: argparse.Namespace) -> Worker:
    python = parsed.peer if side.peer else sys.executable
    arguments = [python, str(HERE / side.script), str(file), str(parsed.threads), side.precision, mode]
    # TensorFlow takes the memory that it needs only, since several sides share a GPU.
    return Worker(*arguments, env={**os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"} if parsed.gpu else None)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
