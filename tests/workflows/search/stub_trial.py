"""Stands for the training of a trial: it learns nothing, and its score follows from its settings.

Called as the real one: `trial` or `seed`, the folder, and that of shared arrays. STUB_KILL=MODE:NAME:POINT kills the
process that began it at a point of that trial or seed: at its `start`, after its `first` epoch, or at its `end`.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

WEIGHTS = 100_000
MEASURE = {"score_name": "accuracy", "lower_is_better": False}


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def kill_parent_at(point: str, mode: str, folder: Path) -> None:
    if os.environ.get("STUB_KILL") == f"{mode}:{folder.name}:{point}":
        os.kill(os.getppid(), signal.SIGKILL)
        # As a training does: it goes on until it notices.
        sys.stdin.read()
        sys.exit(3)


def score_of(training: dict[str, float], epoch: int) -> float:
    """Returns a score that is highest at a rate of 1e-4; more epochs are better."""
    return 0.9 - 0.1 * abs(math.log10(training["learning_rate"] / 1e-4)) - 0.1 / (1 + epoch)


def learn(mode: str, folder: Path, training: dict[str, float]) -> float:
    """Goes on after the last epoch that it was killed in."""
    epochs = int(training["epochs"])
    checkpoint = folder / "checkpoint.txt"
    last_epoch = int(checkpoint.read_text()) if checkpoint.exists() else 0
    with (folder / "history.jsonl").open("a") as history:
        for epoch in range(last_epoch + 1, epochs + 1):
            time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
            history.write(f"{epoch}\n")
            history.flush()
            checkpoint.write_text(str(epoch))
            if mode == "trial":
                say(event="epoch", epoch=epoch, epochs=epochs, value=score_of(training, epoch), **MEASURE)
                if sys.stdin.readline() != "go\n":
                    say(event="stopped")
                    sys.exit(0)
            if epoch == 1:
                kill_parent_at("first", mode, folder)
    return score_of(training, epochs)


def main() -> None:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    settings = tomllib.loads((folder / "trial.toml").read_text())
    kill_parent_at("start", mode, folder)
    if "STUB_ERROR" in os.environ:
        say(event="error", message=os.environ["STUB_ERROR"])
        sys.exit(2)
    if "STUB_CRASH" in os.environ:
        raise RuntimeError(os.environ["STUB_CRASH"])
    training = settings["training"]
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "weights").write_bytes(bytes(WEIGHTS))
    score = learn(mode, folder, training)
    end = {"event": "end", "value": score, "epochs": 3, **MEASURE}
    if mode == "trial":
        kill_parent_at("end", mode, folder)
        say(**end, interval=[score - 0.1, score + 0.1], fingerprint="data")
        return
    run = folder / settings["name"] / f"20260101-00000{training['seed']}"
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings.toml").write_text((folder / "trial.toml").read_text())
    kill_parent_at("end", mode, folder)
    test = score - 0.01 * training["seed"]
    result = {"test": test, "interval": [test - 0.1, test + 0.1], "score_name": "accuracy", "count": 50, "on": "test"}
    # Of the seeds the second is the best on dev.
    say(**end | {"value": score - abs(training["seed"] - 2)}, test=result)


if __name__ == "__main__":
    main()
