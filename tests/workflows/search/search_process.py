"""A search by the stub in a process of its own, to be killed: RUNS TRIALS SEEDS [EVENT COUNT].

It prints its memory after each trial. With an event and a count it kills itself as that event comes that many times.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.memory import resident_megabytes
from tests.workflows.search.studies import STUB, stub_experiment
from tfapp.workflows.search import search


def main() -> None:
    runs, trials, seeds, *kill = sys.argv[1:]
    counts = Counter[str]()

    def on_event(event: Mapping[str, Any]) -> None:
        counts[event["event"]] += 1
        if kill and counts[kill[0]] == int(kill[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        if event["event"] == "trial_end":
            print(event["number"], resident_megabytes(), flush=True)

    search(
        stub_experiment(),
        trials=int(trials),
        seeds=int(seeds),
        runs=Path(runs),
        quiet=True,
        on_event=on_event,
        command=STUB,
        storage=os.environ.get("STUB_STORAGE"),
    )
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main()
