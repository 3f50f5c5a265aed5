"""Says why a question is handed over to a person, and summarises it for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfapp.apps.support.dialogue import Turn
from tfapp.apps.support.retrieval import IntentPrediction, Passage, best_cosine, nearest_intent
from tfapp.apps.support.settings import SupportSettings

__all__ = ["disagreement", "handover_reason", "summarise"]

_SHOWN = 3
_LONGEST = 160


def handover_reason(
    intent: IntentPrediction | None,
    passages: Sequence[Passage],
    *,
    failures: Sequence[str],
    answers: Mapping[str, str],
    settings: SupportSettings,
) -> str:
    """Returns why none of a question's answers is sure enough.

    Args:
        intent: What the intent model says; None: it is not asked, or cannot be.
        passages: The known questions and answers nearest to the question.
        failures: The models that could not be asked.
        answers: The text of each intent's answer.
        settings: The least confidence of an intent, and the least cosine of an answer.
    """
    if failures:
        return f"{'; '.join(failures)} could not be asked"
    if intent and intent.confidence >= settings.intent_threshold:
        nearest = nearest_intent(passages)
        if intent.name not in answers:
            return f"the intent {intent.name} has no answer on file"
        if nearest and nearest.name != intent.name:
            return disagreement(intent, nearest)
    threshold = settings.answer_threshold
    return f"nothing known is near enough (cosine {best_cosine(passages):.2f}, at least {threshold:.2f})"


def disagreement(prediction: IntentPrediction, nearest: IntentPrediction) -> str:
    """Returns the reason where the intent model has another intent than the nearest known question."""
    return f"the intent model says {prediction.name}, the nearest known questions {nearest.name}"


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
