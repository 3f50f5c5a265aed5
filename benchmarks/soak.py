"""Whether a server keeps its promises for an hour: good callers beside bad, slow and huge ones, and constant changes.

A BERT classifier is served by `tfapp serve`. Good callers ask all the time; quiet phases, in which they are alone, and
attacks take turns. In an attack, new versions are published and old ones removed, a model is configured and taken away
again, and a process of callers is killed in the middle of its calls. Promised, and else the command ends with 1: no
request of a good caller is lost, none is answered wrongly, the server lives, and its memory and descriptors in the last
quiet phase are what they were in an earlier one. The latency under attack is told, and the aim, but breaks nothing.

    python benchmarks/soak.py --output soak.json
    python benchmarks/soak.py --minutes 10
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from scale_served import serve
from sides import Worker, environment, quiet, write_report
from soak_callers import DEFECT
from soak_changes import MODEL, Changes, Watch, callers_command

HERE: Final = Path(__file__).parent
PACKAGES: Final = ("tensorflow", "grpcio", "protobuf", "uvicorn", "tfapp", "tfapp-client")
ATTACKERS: Final = ("bad", "slow", "huge")
QUIET: Final = "quiet"
ATTACK: Final = "attack"
# How many times the quiet 99th percentile may be under attack.
AIM: Final = 3.0
# What a process takes more in the last quiet phase than in an earlier one.
MOST_GROWTH: Final = 0.1
MOST_DESCRIPTORS: Final = 16
# Minutes of a quiet phase and the attack after it.
ROUND: Final = 5.0
# An attack is three times as long as a quiet phase.
ATTACK_SHARE: Final = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="10 is the short form; in less than 8, memory is not judged"
    )
    parser.add_argument(
        "--model", type=Path, metavar="MODELS/NAME/VERSION", help="a classifier of texts; else one is made"
    )
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = soak(Path(folder), parsed)
    print_report(report)
    if parsed.output:
        write_report(parsed.output, report)
    if report["broken"]:
        raise SystemExit(1)


def soak(folder: Path, parsed: argparse.Namespace) -> dict[str, Any]:
    versions = make_models(folder, parsed.model)
    rest_port = free_port()
    flags = [f"--rest_api_port={rest_port}", "--model_config_file_poll_wait_seconds=1"]
    with serve({MODEL: versions}, *flags) as server, ExitStack() as stack:
        workers = {
            kind: stack.enter_context(Worker(*callers_command(kind, server, rest_port)))
            for kind in ("good", *ATTACKERS)
        }
        changes = Changes(server, rest_port, versions)
        watch = stack.enter_context(Watch.running(server.process))
        rounds = max(1, round(parsed.minutes / ROUND))
        quiet_seconds = 60 * parsed.minutes / (rounds * (1 + ATTACK_SHARE) + 1)
        # The first call loads and compiles what is used once only.
        workers["good"].ask("run 5")
        phases = []
        for kind in [*[QUIET, ATTACK] * rounds, QUIET]:
            phases.append(
                run_phase(kind, quiet_seconds * (ATTACK_SHARE if kind == ATTACK else 1), workers, changes, watch)
            )
            say(f"{len(phases)}: {phase_line(phases[-1])}")
        report = {
            "environment": environment(*PACKAGES),
            "minutes": parsed.minutes,
            "model": str(parsed.model or "untrained minilm-l6"),
            "phases": phases,
            "changes": changes.counts,
            "memory": watch.samples[:: max(1, len(watch.samples) // 500)],
        }
    return {**report, **judge(phases, changes)}


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
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def run_phase(kind: str, seconds: float, workers: dict[str, Worker], changes: Changes, watch: Watch) -> dict[str, Any]:
    """Has the callers ask for a time, and changes things meanwhile if it is an attack."""
    attackers = ATTACKERS if kind == ATTACK else ()
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        others = {name: pool.submit(workers[name].ask, f"run {seconds}") for name in attackers}
        good = pool.submit(workers["good"].ask, f"run {seconds}")
        if kind == ATTACK:
            changes.go_on(seconds, good)
        found = good.result()
        answers = {name: future.result() for name, future in others.items()}
    latencies = found["latencies"] or [float("nan")]
    return {
        "kind": kind,
        "seconds": seconds,
        "requests": len(found["latencies"]) + len(found["lost"]),
        "lost": len(found["lost"]),
        "reasons": sorted(set(found["lost"]))[:20],
        "wrong": found["wrong"],
        "milliseconds": {str(share): float(np.percentile(latencies, share)) for share in (50, 99, 100)},
        "attackers": answers,
        **watch.since(began),
    }


def judge(phases: list[dict[str, Any]], changes: Changes) -> dict[str, Any]:
    """Says what was promised and not kept, and how much slower the attacks made good callers."""
    calm = [phase for phase in phases if phase["kind"] == QUIET]
    totals = {what: sum(phase[what] for phase in phases) for what in ("lost", "wrong")}
    broken = [f"{count} requests {what}" for what, count in totals.items() if count] + changes.failures
    defects = sum(phase["attackers"].get("bad", {}).get(DEFECT, 0) for phase in phases)
    broken += [f"{defects} wrong requests ran into a defect of the server"] if defects else []
    # The first attack takes memory that the process keeps.
    if len(calm) > 2:
        growth = calm[-1]["megabytes"] / calm[1]["megabytes"] - 1
        if growth > MOST_GROWTH:
            broken.append(f"memory grew by {growth:.0%}; at most {MOST_GROWTH:.0%} is flat")
    more = calm[-1]["descriptors"] - calm[0]["descriptors"]
    if more > MOST_DESCRIPTORS:
        broken.append(f"{more} descriptors more at the end than at the beginning; at most {MOST_DESCRIPTORS} are flat")
    p99 = {kind: statistics.median(_p99s(phases, kind)) for kind in (QUIET, ATTACK)}
    return {"p99": p99, "times": p99[ATTACK] / p99[QUIET], "aim": AIM, "broken": broken}


def _p99s(phases: list[dict[str, Any]], kind: str) -> list[float]:
    return [phase["milliseconds"]["99"] for phase in phases if phase["kind"] == kind]


def phase_line(phase: dict[str, Any]) -> str:
    times = phase["milliseconds"]
    return (
        f"{phase['kind']:<8}{phase['seconds']:>6.0f} s{phase['requests']:>9} requests{phase['lost']:>5} lost"
        f"{phase['wrong']:>5} wrong{times['50']:>8.0f}{times['99']:>8.0f}{times['100']:>8.0f} ms"
        f"{phase['megabytes']:>8.0f} MB{phase['descriptors']:>6} descriptors"
    )


def print_report(report: dict[str, Any]) -> None:
    print("\nof good callers: median, 99th percentile and longest; of the server: memory and descriptors, at the end")
    for phase in report["phases"]:
        print(phase_line(phase))
        for reason in phase["reasons"]:
            print(f"    lost: {reason}")
    print("what attackers were answered:")
    for name in ATTACKERS:
        totals: Counter[str] = Counter()
        for phase in report["phases"]:
            totals.update(phase["attackers"].get(name, {}))
        print(f"    {name}: " + ", ".join(f"{answer} {count}" for answer, count in sorted(totals.items())))
    print(", ".join(f"{name}: {count}" for name, count in report["changes"].items()))
    calm, attacked = report["p99"][QUIET], report["p99"][ATTACK]
    missed = "" if report["times"] <= AIM else ", missed"
    print(f"99th percentile: {calm:.0f} ms quiet, {attacked:.0f} ms under attack,", end=" ")
    print(f"{report['times']:.1f} times as long (aim: {AIM:.0f}{missed})")
    print("\n".join(f"BROKEN: {promise}" for promise in report["broken"]) or "all promises kept")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
