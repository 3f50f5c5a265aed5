"""The lines that a person reads of a plan and of what came of it."""

from __future__ import annotations

import io

from rich.console import Console

from tfapp.cli._training_output import PlanText


def test_a_candidate_that_comes_back_and_a_choice_by_chance_are_told() -> None:
    screen = io.StringIO()
    tell = PlanText(Console(file=screen, width=200))
    candidate = {"name": "head", "reason": "it is quick", "seconds": 100.0, "epochs": 1}
    tell({"event": "plan", "notes": ["texts: column text"], "candidates": [candidate], "seconds": 100.0})
    tell({"event": "candidate_left_out", "name": "deep", "reason": "", "note": "deep: left out"})
    tell({"event": "candidate", "name": "deep", "number": 2, "of": 2, "note": "deep: there is time for it now"})
    dev = {"score_name": "accuracy", "score": 0.75, "interval": [0.5, 1.0]}
    tell({"event": "candidate_end", "name": "deep", "seconds": 7.2, "epochs": 3, "dev": dev})
    tell({"event": "comparison", "note": "comparison: deep and head differ by 1 of 8 texts of dev"})
    assert screen.getvalue().splitlines() == [
        "texts: column text",
        "about 2 min: head, it is quick",
        "deep: left out",
        "deep: there is time for it now",
        "2 of 2: deep",
        "   deep: dev accuracy 0.750 (0.500 to 1.000), 3 epochs, 7 s",
        "comparison: deep and head differ by 1 of 8 texts of dev",
    ]
