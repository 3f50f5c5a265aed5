"""Measures `tfapp predict MODEL FILES --output-dir`: its rate, its memory, and that kills lose and double no row.

    python benchmarks/bulk.py MODEL --output bulk.json [--rows 100000] [--kills 100]

MODEL is a run or an exported model that reads one text. The rate of the command is compared with calls of the same
predictor in a process that holds its texts already, 1,024 at a time, the two by turns. For the memory, ROWS rows of
about 200 characters are scored in one command, and its memory is read when each tenth of them is done. For the kills,
the command is killed (SIGKILL) after a random time and run again, until it ends by itself; its files are compared with
those of a run that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harness import environment, quiet, write_report
from inference_report import print_table
from scale_memory import own_memory, resident_memory
from scale_texts import WordSample, read_words

FILES: Final = 4
BATCH_ROWS: Final = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--vocabulary", type=Path, required=True, help="a run's model folder, of whose words texts are")
    parser.add_argument("--rows", type=int, default=100_000, help="for the memory")
    parser.add_argument("--rate-rows", type=int, default=8192, help="for the rate, of 8 to 200 words each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    words = read_words(options.vocabulary)
    report: dict[str, Any] = {"environment": environment("tensorflow", "tfapp")}
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in (("rate", measure_rate), ("memory", measure_memory), ("kills", measure_kills)):
            if name == "kills" and not options.kills:
                continue
            report[name] = measure(options, words, Path(folder))
            if options.output:
                write_report(options.output, report)


def measure_rate(options: argparse.Namespace, words: WordSample, folder: Path) -> dict[str, Any]:
    """Compares the command, without its start, with calls in this process."""
    from tfapp.api import load_predictor

    chance = random.Random(1)
    texts = [words.of_words(int(8 * 25 ** chance.random())) for _ in range(options.rate_rows)]
    files = write_files(texts, folder / "rate")
    predictor = load_predictor(options.model)
    predictor(texts[:BATCH_ROWS])
    ratios, rates = [], []
    for number in range(options.rounds):
        start = time.perf_counter()
        for first in range(0, len(texts), BATCH_ROWS):
            predictor(texts[first : first + BATCH_ROWS])
        in_process = len(texts) / (time.perf_counter() - start)
        result = score(options.model, files, folder / f"rate-{number}")
        rates.append(result["rows"] / result["seconds"])
        ratios.append(rates[-1] / in_process)
    rate, ratio = statistics.median(rates), statistics.median(ratios)
    print(f"{rate:.0f} rows/s by the command, {ratio:.2f} of calls in process (aim 0.9)", flush=True)
    return {"rows": len(texts), "rows_per_second": rate, "ratio": ratio, "ratios": ratios}


def measure_memory(options: argparse.Namespace, words: WordSample, folder: Path) -> dict[str, Any]:
    """Reads the command's memory while it scores."""
    texts = (words.of_characters(200) for _ in range(options.rows))
    (file,) = write_files(texts, folder / "memory", count=1)
    target = folder / "memory-out"
    process = subprocess.Popen(command(options.model, [file], target), stdout=subprocess.DEVNULL, env=quiet())
    step, readings = options.rows // 10, []
    while process.poll() is None:
        time.sleep(0.5)
        done = BATCH_ROWS * sum(1 for _ in target.glob("*.parts/0*[0-9]"))
        if done >= step * (len(readings) + 1) and process.poll() is None:
            readings.append((done, resident_memory(process.pid), own_memory(process.pid)))
    rows = [(f"{done:,}", f"{memory:.0f}", f"{own:.0f}") for done, memory, own in readings]
    print_table(("rows done", "MB", "of them no file's"), rows)
    if process.returncode or len((target / file.name).read_text(encoding="utf-8").splitlines()) != options.rows:
        raise SystemExit("the command failed, or lost rows")
    return {"readings": readings}


def measure_kills(options: argparse.Namespace, words: WordSample, folder: Path) -> dict[str, Any]:
    """Kills the command again and again, and compares what it leaves in the end with an undisturbed run's."""
    chance = random.Random(2)
    texts = [words.of_words(chance.randint(1, 40)) for _ in range(max(4096, 256 * options.kills))]
    files = write_files(texts, folder / "kills")
    score(options.model, files, folder / "undisturbed", "--batch-rows=64")
    kills, target = 0, folder / "killed"
    while kills < options.kills:
        process = subprocess.Popen(
            command(options.model, files, target, "--batch-rows=64"), stdout=subprocess.DEVNULL, env=quiet()
        )
        try:
            # From the import of TensorFlow to the middle of the scoring.
            process.wait(chance.uniform(2, 8))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    score(options.model, files, target, "--batch-rows=64")
    equal = all(
        (target / file.name).read_bytes() == (folder / "undisturbed" / file.name).read_bytes() for file in files
    )
    print(
        f"{kills} kills, {len(texts)} rows: the files are {'equal' if equal else 'NOT equal'} to an undisturbed run's"
    )
    return {"kills": kills, "rows": len(texts), "equal": equal}


def write_files(texts: Iterator[str] | Sequence[str], folder: Path, *, count: int = FILES) -> list[Path]:
    """Writes texts into jsonl files, row by row in turn."""
    folder.mkdir()
    files = [folder / f"{number}.jsonl" for number in range(count)]
    streams = [file.open("w", encoding="utf-8") for file in files]
    for row, text in enumerate(texts):
        streams[row % count].write(json.dumps({"text": text}) + "\n")
    for stream in streams:
        stream.close()
    return files


def score(model: Path, files: Sequence[Path], target: Path, *options: str) -> dict[str, Any]:
    """Runs the command to its end, and returns its last line."""
    process = subprocess.run(
        command(model, files, target, *options), stdout=subprocess.PIPE, text=True, check=True, env=quiet()
    )
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result


def command(model: Path, files: Sequence[Path], target: Path, *options: str) -> list[str]:
    arguments = [*map(str, files), f"--output-dir={target}", "--json", *options]
    return [sys.executable, "-m", "tfapp", "predict", str(model), *arguments]


if __name__ == "__main__":
    main()
