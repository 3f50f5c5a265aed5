"""Tests whether a server keeps its promises for an hour, under good, bad, slow and huge callers and constant changes.

A BERT classifier is served by `tfapp serve`. Good callers ask all the time; quiet phases, in which they are alone, and
attacks take turns. In an attack, new versions are published and old ones removed, models are configured and taken away
again, by the file and by HandleReloadConfigRequest, and a process of callers is killed in the middle of its calls.

Each aim is printed with what was found: no request of a good caller is lost or answered wrongly, the server lives, its
memory and descriptors in the last quiet phase are what they were in the first, and good callers wait at most three
times as long under attack. Where one is missed, the command ends with 1; the last, which depends on the machine, counts
only with `--strict`.

Before the first quiet phase, a warm-up with the same callers takes what a process takes once and keeps.

    python benchmarks/soak.py --output soak.json
    python benchmarks/soak.py --minutes 10 --strict
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from harness import Worker, environment, quiet, write_report
from scale_served import serve
from soak_changes import MODEL, Changes, ProcessSampler, callers_command
from soak_report import ATTACK, ATTACKERS, QUIET, WARM_UP, aims, failures, phase_line, print_report

HERE: Final = Path(__file__).parent
PACKAGES: Final = ("tensorflow", "grpcio", "protobuf", "uvicorn", "tfapp", "tfapp-client")
# Minutes of a quiet phase and the attack after it.
ROUND: Final = 5.0
# An attack is three times as long as a quiet phase.
ATTACK_SHARE: Final = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="10 is the short form")
    parser.add_argument(
        "--model", type=Path, metavar="MODELS/NAME/VERSION", help="a classifier of texts; else one is made"
    )
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument(
        "--strict", action="store_true", help="end with 1 also where good callers wait too long under attack"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = soak(Path(folder), options)
    results = aims(report["phases"], report["failed changes"])
    print_report(report, results)
    if options.output:
        write_report(options.output, {**report, "aims": [{**asdict(aim), "met": aim.is_met} for aim in results]})
    if failures(results, strict=options.strict):
        raise SystemExit(1)


def soak(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    versions = make_models(folder, options.model)
    rest_port = free_port()
    flags = [f"--rest_api_port={rest_port}", "--model_config_file_poll_wait_seconds=1", "--allow_reload"]
    with serve({MODEL: versions}, *flags) as server, ExitStack() as stack:
        workers = {
            kind: stack.enter_context(Worker(*callers_command(kind, server, rest_port)))
            for kind in ("good", *ATTACKERS)
        }
        changes = Changes(server, rest_port, versions)
        sampler = stack.enter_context(ProcessSampler.sample_in_background(server.process))
        rounds = max(1, round(options.minutes / ROUND))
        quiet_seconds = 60 * options.minutes / (rounds * (1 + ATTACK_SHARE) + 1 + ATTACK_SHARE)
        # The first call loads and compiles what is used once only.
        workers["good"].ask("run 5")
        phases = []
        for kind in [WARM_UP, *[QUIET, ATTACK] * rounds, QUIET]:
            phases.append(
                run_phase(kind, quiet_seconds * (1 if kind == QUIET else ATTACK_SHARE), workers, changes, sampler)
            )
            say(f"{len(phases)}: {phase_line(phases[-1])}")
        return {
            "environment": environment(*PACKAGES),
            "minutes": options.minutes,
            "model": str(options.model or "untrained minilm-l6"),
            "phases": phases,
            "changes": changes.counts,
            "failed changes": changes.failures,
            "memory": sampler.samples[:: max(1, len(sampler.samples) // 500)],
        }


def make_models(folder: Path, model: Path | None) -> Path:
    """Leaves a version in a folder of versions."""
    versions = folder / "models" / MODEL
    if model is None:
        say("making a model ...")
        command = [sys.executable, str(HERE / "scale_models.py"), str(folder), "128", "5"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet())
        (folder / "models" / "classes-5").rename(versions)
    else:
        shutil.copytree(model, versions / "1")
    return versions


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def run_phase(
    kind: str, seconds: float, workers: dict[str, Worker], changes: Changes, sampler: ProcessSampler
) -> dict[str, Any]:
    """Has the callers ask for a time, and changes things meanwhile unless it is quiet."""
    attackers = () if kind == QUIET else ATTACKERS
    start_time = time.monotonic()
    with ThreadPoolExecutor() as pool:
        attacks = {name: pool.submit(workers[name].ask, f"run {seconds}") for name in attackers}
        steady_calls = pool.submit(workers["good"].ask, f"run {seconds}")
        if kind != QUIET:
            changes.go_on(seconds, steady_calls)
        outcome = steady_calls.result()
        answers = {name: future.result() for name, future in attacks.items()}
    latencies = outcome["latencies"] or [float("nan")]
    return {
        "kind": kind,
        "seconds": seconds,
        "requests": len(outcome["latencies"]) + len(outcome["lost"]),
        "lost": len(outcome["lost"]),
        "reasons": sorted(set(outcome["lost"]))[:20],
        "wrong": outcome["wrong"],
        "milliseconds": {str(share): float(np.percentile(latencies, share)) for share in (50, 99, 100)},
        "attackers": answers,
        **sampler.since(start_time),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
