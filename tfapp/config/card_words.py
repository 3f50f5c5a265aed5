"""The words about a task on the cards of its models."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CardWords"]


@dataclass(frozen=True)
class CardWords:
    """What the model card says of a task's models.

    Attributes:
        takes: What a model takes.
        call: How the client calls it; `{name}` stands for the model's.
        answers: What it answers; `{labels}` stands for its labels.
        knows: What is beyond it; None: what is none of its labels.
        reads: How much of a text it reads; `{max_length}` stands for its tokens.
    """

    takes: str
    call: str
    answers: str = "{labels}"
    knows: str | None = None
    reads: str = "Texts are cut off after {max_length} tokens; the rest is not read."
