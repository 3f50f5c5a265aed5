"""Measures what the model server adds to calling its SavedModel in the same process.

One process calls the loaded SavedModel, another serves the same files, a third asks the server over gRPC. The two
ways work by turns on the same texts, and a figure is that of one round, so that a busy machine slows both. The caller's
work counts against the server, as it shares the processors with it; its CPU time is shown beside. Each way has its
own threads: the direct calls as many as are fastest and TensorFlow's choice within a call, the server its defaults.
TF_NUM_INTRAOP_THREADS sets those within a call for both.

    python benchmarks/serving_overhead.py --rounds 7 --output serving.json

Without --model an untrained MiniLM classifier is exported first: its answers are of no use, its work is the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from callers import CALLERS, measures, texts
from harness import Worker, environment, serve_lines, write_report
from served import start_client, start_server

DIRECT: Final = "direct"
SERVER: Final = "server"
CLIENT: Final = "client"
SERVED: Final = "served"
PACKAGES: Final = ("tensorflow", "tensorflow-text", "grpcio", "protobuf", "numpy", "tfapp", "tfapp-client")
_NAME: Final = "overhead"


@dataclass(frozen=True)
class Traffic:
    """Callers that ask without a pause.

    Attributes:
        callers: How many.
        rows: Texts of one request.
        batch: Texts of one direct call, which the server's merged batches are compared with.
        target: The least share of the direct throughput.
    """

    callers: int
    rows: int
    batch: int
    target: float


TRAFFIC: Final = {
    "4 callers of 32 texts": Traffic(callers=4, rows=32, batch=32, target=0.93),
    "32 callers of 1 text": Traffic(callers=32, rows=1, batch=32, target=0.80),
}
MOST_ADDED_MS: Final = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one turn under load")
    parser.add_argument("--model", type=Path, metavar="MODELS/NAME/VERSION", help="a classifier that was exported")
    parser.add_argument("--batching_parameters_file", default="", help="the server's, as for `tfapp serve`")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        run_direct(options.worker)
        return
    with ExitStack() as stack:
        folder = options.model or stack.enter_context(untrained_model())
        report = compare(folder.resolve(), options)
    print_table(report)
    if options.output:
        write_report(options.output, report)


# The process that compares.


@dataclass(frozen=True)
class OverheadProcesses:
    """The three processes, and the number of threads that call the model directly."""

    direct: Worker
    server: Worker
    client: Worker
    threads: int


def compare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        direct = stack.enter_context(Worker(sys.executable, __file__, "--worker", str(folder)))
        server = stack.enter_context(start_server(folder, options.batching_parameters_file))
        client = stack.enter_context(start_client(server, folder.parent.name))
        processes = OverheadProcesses(direct, server, client, fastest_threads(direct, options.seconds))
        return {
            "environment": environment(*PACKAGES),
            "model": str(options.model or "untrained minilm-l6"),
            "rounds": options.rounds,
            "turn_seconds": options.seconds,
            "direct_threads": processes.threads,
            "one_text": measure_one(processes, options.rounds),
            "traffic": {name: measure_traffic(traffic, processes, options) for name, traffic in TRAFFIC.items()},
        }


def fastest_threads(direct: Worker, seconds: float) -> int:
    """Returns how many threads call the model best: TensorFlow computes one call on all processors, too."""
    choices = sorted({1, 2, os.cpu_count() or 1})
    rates = {threads: direct.ask(f"load made {threads} 32 {seconds}")["rows_per_second"] for threads in choices}
    return max(choices, key=lambda threads: rates[threads])


def measure_one(processes: OverheadProcesses, rounds: int) -> dict[str, Any]:
    """Measures the median latency of one short text, in milliseconds."""
    workers = {DIRECT: processes.direct, SERVED: processes.client}
    values: dict[str, list[float]] = {way: [] for way in workers}
    for number in range(rounds):
        for way in (DIRECT, SERVED)[:: -1 if number % 2 else 1]:
            values[way].append(workers[way].ask("one one"))
    overheads = [server_seconds - direct for direct, server_seconds in zip(values[DIRECT], values[SERVED], strict=True)]
    return {
        "unit": "ms",
        **{way: spread(runs) for way, runs in values.items()},
        "added": spread(overheads),
        "target": MOST_ADDED_MS,
        "met": statistics.median(overheads) < MOST_ADDED_MS,
    }


def measure_traffic(traffic: Traffic, processes: OverheadProcesses, options: argparse.Namespace) -> dict[str, Any]:
    """Measures the texts a second of both ways, and the CPU time of all three processes."""
    turns: dict[str, list[dict[str, float]]] = {DIRECT: [], SERVED: []}
    for number in range(options.rounds):
        for way in (DIRECT, SERVED)[:: -1 if number % 2 else 1]:
            turn = direct_turn if way == DIRECT else served_turn
            turns[way].append(turn(traffic, processes, options.seconds))
    rates = {way: [turn["rows_per_second"] for turn in way_turns] for way, way_turns in turns.items()}
    shares = [server_rate / direct for direct, server_rate in zip(rates[DIRECT], rates[SERVED], strict=True)]
    cpu = {DIRECT: (DIRECT, CALLERS), SERVER: (SERVED, SERVER), CLIENT: (SERVED, CALLERS)}
    return {
        **asdict(traffic),
        "rows_per_second": {way: spread(way_turns) for way, way_turns in rates.items()},
        "cpu_ms_per_row": {name: spread([turn[key] for turn in turns[way]]) for name, (way, key) in cpu.items()},
        "share": spread(shares),
        "met": statistics.median(shares) >= traffic.target,
    }


def direct_turn(traffic: Traffic, processes: OverheadProcesses, seconds: float) -> dict[str, float]:
    return dict(processes.direct.ask(f"load made {processes.threads} {traffic.batch} {seconds}"))


def served_turn(traffic: Traffic, processes: OverheadProcesses, seconds: float) -> dict[str, float]:
    cpu_seconds = processes.server.ask("cpu")
    turn = dict(processes.client.ask(f"load made {traffic.callers} {traffic.rows} {seconds}"))
    return {**turn, SERVER: (processes.server.ask("cpu") - cpu_seconds) / turn["rows"] * 1e3}


def spread(values: Sequence[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "values": list(values)}


def print_table(report: dict[str, Any]) -> None:
    one_text = report["one_text"]
    print(f"{'':<24}{'direct':>10}{'served':>10}      added (lowest - highest)")
    print(
        f"{'one short text':<24}{one_text[DIRECT]['median']:>10.2f}{one_text[SERVED]['median']:>10.2f} ms "
        f"{spread_text(one_text['added'])}{miss_note(one_text, 'under 2 ms')}"
    )
    print(
        f"\n{'':<24}{'direct':>10}{'served':>10}      share (lowest - highest)   CPU ms a text: direct, server, client"
    )
    for name, figures in report["traffic"].items():
        rates, cpu = figures["rows_per_second"], figures["cpu_ms_per_row"]
        print(
            f"{name:<24}{rates[DIRECT]['median']:>10.0f}{rates[SERVED]['median']:>10.0f} /s "
            f"{spread_text(figures['share'])}{'':<9}{cpu[DIRECT]['median']:>8.2f}{cpu[SERVER]['median']:>8.2f}{cpu[CLIENT]['median']:>8.2f}"
            f"{miss_note(figures, figures['target'])}"
        )


def spread_text(values: dict[str, Any]) -> str:
    return f"{values['median']:>6.2f} ({values['lowest']:.2f} - {values['highest']:.2f})"


def miss_note(figures: dict[str, Any], target: Any) -> str:
    return "" if figures["met"] else f"   target {target} missed"


@contextmanager
def untrained_model() -> Iterator[Path]:
    from tfapp.config import ModelSettings
    from tfapp.savedmodel import export_model
    from tfapp.tasks.models import build_model
    from tfapp.tasks.registry import find_task

    model = build_model("classification", ModelSettings(), ["business", "entertainment", "politics", "sport", "tech"])
    with tempfile.TemporaryDirectory() as models:
        folder = Path(models, _NAME, "1")
        folder.mkdir(parents=True)
        export_model(
            model,
            folder,
            name=_NAME,
            metadata=_METADATA,
            texts=texts()["made"][:16],
            max_length=128,
            warmup_requests=8,
            words=find_task("classification").card,
        )
        yield folder


# The process that calls the model directly.


def run_direct(folder: str) -> None:
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    model = tf.saved_model.load(folder)
    function = model.signatures["serving_default"]

    def call(rows: list[str]) -> None:
        for value in function(text=tf.constant(rows)).values():
            value.numpy()

    serve_lines(measures(call, texts()))


_METADATA: Final[dict[str, Any]] = {
    "preset": "minilm-l6",
    "tfapp_version": "",
    "data": {"source": "none", "train_rows": 0},
    "metrics": {},
    "settings": "",
}


if __name__ == "__main__":
    main()
