"""Proposes settings for a file of questions and contexts."""

from __future__ import annotations

from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.proposal import Proposal, make_proposal
from tfapp.errors import DataError

__all__ = ["propose_answering"]


def propose_answering(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file with columns "question" and "context"; None for any other.

    Raises:
        DataError: It has no column of answers.
    """
    columns = sample.columns
    question, context = (sample.named_column(name) or name for name in ("question", "context"))
    if not {question, context} <= columns.keys():
        return None
    answer = sample.named_column("answer") or next((name for name in ("answer", "answers") if name in columns), None)
    if answer is None:
        raise DataError(
            f'{sample.source.name}: there are questions and contexts, but no column "answer" or "answers"; set '
            f"data.answer; columns: {sample.column_list}"
        )
    return make_proposal(
        "answering",
        sample,
        [
            f"{question_text} {context_text}"
            for question_text, context_text in zip(columns[question], columns[context], strict=True)
        ],
        [f'questions with contexts; answers: column "{answer}"', *sample.notes],
        columns={"answer": answer} if answer != "answer" else None,
        longer="with {max_length}, {cut:.0%} of them are read in several windows",
    )
