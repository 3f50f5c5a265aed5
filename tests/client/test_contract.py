"""Tests how a signature is recognized as one of a task."""

from __future__ import annotations

from tfapp_client import contract


def test_a_signature_is_called_as_a_task_of_its_inputs_whose_outputs_it_has() -> None:
    task, needed = contract.CLASSIFICATION, ["label", "score", "probabilities", "labels"]
    assert task.fits(["text"], needed)
    assert task.fits(["text"], [*needed, "chosen", "more"])
    assert not task.fits(["text"], needed[1:])
    assert not task.fits(["text", "query"], needed)
    assert not task.fits(["query", "candidate"], needed)
    assert contract.PAIR_CLASSIFICATION.fits(["candidate", "query"], needed)
