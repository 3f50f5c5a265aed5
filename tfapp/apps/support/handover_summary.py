"""Summarises a question for the person who takes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfapp.apps.support.dialogue import Turn
from tfapp.apps.support.retrieval import IntentPrediction, Passage

__all__ = ["summarise"]

_SHOWN = 3
_LONGEST = 160


def summarise(
    question: str,
    reason: str,
    *,
    turns: Sequence[Turn],
    passages: Sequence[Passage],
    intent: IntentPrediction | None,
    slots: Mapping[str, str],
) -> str:
    """Writes the summary of a hand-over, one fact per line."""
    before = [f"Before: {_shorten(turn.question)} -> {_shorten(turn.answer)}" for turn in turns[-_SHOWN:]]
    passage_lines = [
        f"Near: {_shorten(p.matched)} -> {_shorten(p.target.text or p.target.intent or '')}" for p in passages[:_SHOWN]
    ]
    return "\n".join(
        [
            f"Asked: {question}",
            *before,
            *([f"Known: {', '.join(f'{name} {value}' for name, value in slots.items())}"] if slots else []),
            *([f"Intent: {intent.name} ({intent.confidence:.2f})"] if intent else []),
            *passage_lines,
            f"Why: {reason}",
        ]
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
