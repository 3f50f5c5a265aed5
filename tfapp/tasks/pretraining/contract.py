"""The contract of pretraining: its models are not served, so they have no outputs."""

from __future__ import annotations

from typing import Final

from tfapp_client.contract import Task, TensorSpec

__all__ = ["PRETRAINING_CONTRACT"]

PRETRAINING_CONTRACT: Final = Task("pretraining", (TensorSpec("text", "string", 1),), ())
