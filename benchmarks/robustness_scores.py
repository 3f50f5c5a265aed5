"""Prints as JSON how many of a run's test texts are answered right: as they are, and perturbed in several ways.

What is answered wrong is told by a bit a text, in hexadecimal.
"""

from __future__ import annotations

import json
import sys
from typing import Final

import numpy as np

import tfapp
from tfapp.data.perturbations import Perturbation, make_perturbation
from tfapp.workflows.run_data import load_run_splits

# The same texts for every model.
SEED: Final = 0
CONDITIONS: Final[dict[str, Perturbation | None]] = {
    "clean": None,
    "typos": make_perturbation("typos"),
    "more typos": make_perturbation("typos", word_share=0.3),
    "case": make_perturbation("case"),
    "full-width": make_perturbation("full-width"),
}


def main() -> None:
    run = tfapp.open_run(sys.argv[1])
    test = load_run_splits(run.folder).test
    texts, labels = test["text"].to_pylist(), np.array(test["label"].to_pylist())
    mistakes = {}
    for name, perturb in CONDITIONS.items():
        random = np.random.default_rng(SEED)
        inputs = texts if perturb is None else [perturb(text, random) for text in texts]
        answers = run.predict(inputs)["label"].astype(str)
        mistakes[name] = answers != labels
    accuracies = {name: round(1 - float(np.mean(bits)), 4) for name, bits in mistakes.items()}
    codes = {name: np.packbits(bits).tobytes().hex() for name, bits in mistakes.items()}
    print(json.dumps({"accuracy": accuracies, "count": len(texts), "wrong": codes}))


if __name__ == "__main__":
    main()
