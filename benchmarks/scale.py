"""Measures what more of everything costs: texts a request, tokens a text, classes, rows, models in a server.

    python benchmarks/scale.py --output scale.json --plots DIR [--quick] [--parts requests data ...]

The models are BERTs of 6 layers with an untrained output layer; texts are made of their vocabulary. Each size of the
first three parts is measured once a round, up and down by turns. A data set goes through a process of its own, as
training reads it. Of several models in a server a ratio to a server of one is that of one round. What each curve says
is told by scale_report.py, from the figures.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import Worker, environment, quiet, write_report
from inference import by_turns
from scale_data import LABELS, write_rows
from scale_report import print_report
from scale_served import serve, start_callers
from scale_texts import WordSample, read_words

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("tensorflow", "tensorflow-text", "keras-hub", "numpy", "pyarrow", "grpcio", "tfapp", "tfapp-client")
LONGEST: Final = 512
ROWS: Final = 32
CALLERS: Final = 4
# Of a turn where their number a request varies.
TEXTS: Final = 512
# As messages have.
FEWEST_WORDS, MOST_WORDS = 4, 24


@dataclass(frozen=True)
class ScalePlan:
    """A plan of how much is measured.

    Attributes:
        requests: Texts a request.
        lengths: Tokens a text, [CLS] and [SEP] included.
        tokens: Of a turn where that number varies.
        classes: Classes of a model.
        data: Rows of a data set.
        models: Models in a server.
        rounds: Turns of each.
        seconds: Of a turn of a server.
    """

    requests: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096)
    lengths: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    tokens: int = 16_384
    classes: tuple[int, ...] = (2, 10, 50, 150)
    data: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    models: tuple[int, ...] = (1, 2, 5, 10, 20)
    rounds: int = 5
    seconds: float = 2.0


QUICK: Final = ScalePlan(
    requests=(1, 16, 256, 1024),
    lengths=(8, 32, 128, 512),
    tokens=8192,
    classes=(2, 150),
    data=(1_000, 10_000, 100_000),
    models=(1, 2, 5),
    rounds=2,
    seconds=1.0,
)


@dataclass(frozen=True)
class Bench:
    """The folder, the plan and the words that all parts share.

    Attributes:
        folder: Holds `model/`, `models/classes-N/1` and `streams.json`.
        plan: How much is measured.
        words: Makes texts.
    """

    folder: Path
    plan: ScalePlan
    words: WordSample

    @property
    def streams(self) -> Path:
        return self.folder / "streams.json"

    def model(self, classes: int) -> Path:
        return self.folder / "models" / f"classes-{classes}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds: a few minutes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them")
    options = parser.parse_args()
    plan = QUICK if options.quick else ScalePlan()
    report: dict[str, Any] = {"environment": environment(*PACKAGES), "rounds": plan.rounds}
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(Path(folder), plan, options.parts)
        for part in options.parts:
            say(f"{part} ...")
            report[part] = PARTS[part](bench)
            if options.output:
                write_report(options.output, report)
    print_report(report)
    if options.plots:
        from scale_plots import draw

        draw(report, options.plots)


def prepare(folder: Path, plan: ScalePlan, parts: Sequence[str]) -> Bench:
    """Leaves models and texts in a folder."""
    classes = dict.fromkeys([LABELS, *(plan.classes if "classes" in parts else ())])
    say(f"making models of {', '.join(map(str, classes))} classes ...")
    command = [sys.executable, str(HERE / "scale_models.py"), str(folder), str(LONGEST), *map(str, classes)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet())
    bench = Bench(folder, plan, read_words(folder / "model"))
    bench.streams.write_text(json.dumps(make_streams(bench)), encoding="utf-8")
    return bench


def make_streams(bench: Bench) -> dict[str, list[str]]:
    """Returns short texts of any length, and texts of each length in tokens."""
    chance = random.Random(1)
    texts = [bench.words.of_words(chance.randint(FEWEST_WORDS, MOST_WORDS)) for _ in range(max(bench.plan.requests))]
    return {"made": texts} | {
        str(length): [bench.words.of_words(length - 2) for _ in range(texts_of(length, bench.plan))]
        for length in bench.plan.lengths
    }


def texts_of(length: int, plan: ScalePlan) -> int:
    return max(plan.tokens // length, ROWS)


def measure_requests(bench: Bench) -> dict[str, Any]:
    """Measures texts a second in process by the number of texts a request."""
    turns = {size: f"pass made {size} {max(size, min(TEXTS, 256 * size))}" for size in bench.plan.requests}
    result = measure_graph(bench, turns)
    for point in result["points"]:
        point["ms"] = [1e3 * point["at"] / rate for rate in point["texts_per_second"]]
    return result


def measure_lengths(bench: Bench) -> dict[str, Any]:
    """Measures texts and tokens a second in process by the number of tokens a text."""
    result = measure_graph(
        bench, {length: f"pass {length} {ROWS} {texts_of(length, bench.plan)}" for length in bench.plan.lengths}
    )
    for point in result["points"]:
        point["tokens_per_second"] = [point["at"] * rate for rate in point["texts_per_second"]]
    return result


def measure_graph(bench: Bench, turns: Mapping[int, str]) -> dict[str, Any]:
    """Measures texts a second of each turn, and the most memory up to the end of its first."""
    with Worker(
        sys.executable, str(HERE / "scale_graph.py"), str(bench.streams), str(bench.model(LABELS) / "1")
    ) as worker:
        model_memory, peaks = worker.ask("memory"), {}
        worker.ask("peak")
        for size, question in turns.items():
            # Each meets the lengths for the first time here; the smaller come first, whose peaks are the lower.
            worker.ask(question)
            peaks[size] = worker.ask("peak")
        rates = by_turns(bench.plan.rounds, map(str, turns), lambda size: worker.ask(turns[int(size)]))
    points = [{"at": size, "texts_per_second": rates[str(size)], "peak_mb": peaks[size]} for size in turns]
    return {"loaded_mb": model_memory, "points": points}


def measure_classes(bench: Bench) -> dict[str, Any]:
    """Measures texts a second of 4 callers by the number of classes, with all models in one server; and the exports."""
    models = {bench.model(count).name: bench.model(count) for count in bench.plan.classes}
    with serve(models) as server, ExitStack() as stack:
        callers = {name: stack.enter_context(start_callers(server, bench.streams, [name])) for name in models}
        ask = asker(bench)
        by_turns(1, callers, lambda name: ask(callers[name]))
        rates = by_turns(bench.plan.rounds, callers, lambda name: ask(callers[name]))
    return {
        "points": [
            {"at": count, "texts_per_second": rates[name], "export_mb": size_of(models[name] / "1")}
            for count, name in zip(bench.plan.classes, models, strict=True)
        ]
    }


def asker(bench: Bench) -> Callable[[Worker], float]:
    question = f"load made {CALLERS} {ROWS} {bench.plan.seconds}"
    return lambda callers: float(callers.ask(question)["rows_per_second"])


def size_of(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def measure_data(bench: Bench) -> dict[str, Any]:
    """Measures seconds and memory of each stage from a file to token ids, by rows."""
    points = []
    for rows in bench.plan.data:
        file = bench.folder / "rows.csv"
        write_rows(file, rows, bench.words)
        say(f"  {rows} rows, {file.stat().st_size / 1e6:.1f} MB")
        with Worker(sys.executable, str(HERE / "scale_data.py"), str(bench.folder / "model"), str(file)) as worker:
            points.append({"at": rows, **worker.ask("go")})
        file.unlink()
    return {"points": points}


def measure_models(bench: Bench) -> dict[str, Any]:
    """Measures start-up, memory and texts a second by the number of models in a server, beside a server of one."""
    names = [f"model-{number}" for number in range(1, max(bench.plan.models) + 1)]
    for name in names:
        (bench.folder / name).mkdir()
        (bench.folder / name / "1").symlink_to(bench.model(LABELS) / "1")
    ask, points = asker(bench), []
    with (
        serve({names[0]: bench.folder / names[0]}) as single_server,
        start_callers(single_server, bench.streams, names[:1]) as lone,
    ):
        ask(lone)
        for count in bench.plan.models:
            say(f"  {count} in a server")
            with (
                serve({name: bench.folder / name for name in names[:count]}) as server,
                start_callers(server, bench.streams, names[:count]) as callers,
            ):
                start_memory = server.memory()
                contenders = {"several": callers, "one": lone}
                ask(callers)
                rates = by_turns(
                    bench.plan.rounds, contenders, lambda name, contenders=contenders: ask(contenders[name])
                )
                took = {"start_seconds": server.seconds, "loaded_mb": start_memory, "memory_mb": server.memory()}
                points.append(
                    {"at": count, **took, "texts_per_second": rates["several"], "of_one_per_second": rates["one"]}
                )
    return {"points": points}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


PARTS: Final[Mapping[str, Callable[[Bench], dict[str, Any]]]] = {
    "requests": measure_requests,
    "lengths": measure_lengths,
    "classes": measure_classes,
    "data": measure_data,
    "models": measure_models,
}


if __name__ == "__main__":
    main()
