"""Tests how a signature is recognized as one of a task."""

from __future__ import annotations

from tfapp_client import contract


def test_a_signature_is_called_as_a_task_of_its_inputs_whose_outputs_it_has() -> None:
    task, outputs = contract.CLASSIFICATION, ["label", "score", "probabilities", "labels"]
    assert task.fits(["text"], outputs)
    assert task.fits(["text"], [*outputs, "chosen", "more"])
    assert not task.fits(["text"], outputs[1:])
    assert not task.fits(["text", "query"], outputs)
    assert not task.fits(["query", "candidate"], outputs)
    assert contract.PAIR_CLASSIFICATION.fits(["candidate", "query"], outputs)
