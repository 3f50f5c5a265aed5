"""Writes answers that stand in a context."""

from __future__ import annotations

from tfapp.data.answer_format import ScoreAnswerFormat

__all__ = ["ExtractedAnswerFormat"]


class ExtractedAnswerFormat(ScoreAnswerFormat):
    """Writes the answer, its position in the context and its score; see `AnswerFormat`."""

    order = ("answer", "start", "end", "score")
    word = "answer"
