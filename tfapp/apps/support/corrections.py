"""Corrections by people, which become knowledge and training data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten
from typing import Final, Literal, get_args
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tfapp.apps.shared.store import Store
from tfapp.apps.support.knowledge import add_pairs
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.apps.support.tables import CorrectionRow, TextRow, TurnRow
from tfapp.core.clock import Clock, after
from tfapp.core.wording import pluralize
from tfapp.data.stored_texts import checked_name, tidy
from tfapp.errors import ConflictError, SettingsError

__all__ = ["CorrectionVerdict", "Corrections", "LearningResult"]

CorrectionVerdict = Literal["right", "wrong", "better"]
_SOURCE: Final = "correction"


@dataclass(frozen=True)
class LearningResult:
    """The outcome of learning.

    Attributes:
        corrections: How many were taken up.
        added: New pairs that fit.
        refused: Pairs that no longer count, because people said that they are wrong.
    """

    corrections: int
    added: int
    refused: int

    @property
    def summary(self) -> str:
        """Returns the outcome in one line."""
        pairs = f"{pluralize(self.added, 'new pair')}, {self.refused} refused"
        return f"{pluralize(self.corrections, 'correction')}: {pairs}"


class Corrections:
    """Stores people's corrections of the assistant's turns."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def give(
        self,
        turn: str,
        verdict: CorrectionVerdict,
        *,
        better: str | None = None,
        intent: str | None = None,
        replaces: str | None = None,
    ) -> str:
        """Stores a correction.

        A hand-over has one answer: who answers it after somebody else must know of that answer, to take its place.
        Of other turns the last word holds.

        Args:
            turn: The turn, as its reply names it.
            verdict: `right`, `wrong`, or `better`: here is what should have been said.
            better: With `better`: the answer.
            intent: The question's intent, where the model was wrong; goes with `better` and `wrong`.
            replaces: The last correction of a hand-over, of which this one takes the place.

        Returns:
            The correction's name; of one that says just what the hand-over's last one says, that one's.

        Raises:
            SettingsError: There is no such turn, or the arguments do not go together.
            ConflictError: Somebody has answered the hand-over, and `replaces` is not that answer.
        """
        text = tidy(better or "")
        intent_name = None if intent is None else checked_name("the intent", intent)
        _check_verdict(verdict, text, intent)
        name, now = uuid4().hex, self._clock()

        def work(session: Session) -> str:
            # Locked, so that of two people who answer at once the second sees the first.
            turn_row = session.get(TurnRow, turn, with_for_update=True)
            if turn_row is None:
                raise SettingsError(f"no turn {turn}; `tfapp support ask` prints the turn of each answer")
            time = after(session.scalar(select(func.max(CorrectionRow.given_at))), now)
            correction = CorrectionRow(
                id=name, turn_id=turn, verdict=verdict, better=text, intent=intent_name, given_at=time
            )
            last = _last_correction(session, turn) if turn_row.kind == "handover" else None
            if last is not None and last.id != replaces:
                if _are_equal(last, correction):
                    return last.id
                raise _conflict(last)
            session.merge(correction)
            return name

        return self._store.run(work)

    def unlearnt_count(self) -> int:
        """Returns how many corrections have not been learnt yet."""
        query = select(CorrectionRow.id).where(CorrectionRow.learnt_at.is_(None))
        return len(self._store.read(lambda session: list(session.scalars(query))))

    def relevance_grades(self) -> list[tuple[str, str, int]]:
        """Returns a ranking model's training rows: question, answer, and 1 where people said that it fits, else 0.

        Of a pair that was reviewed more than once, the latest review counts.
        """
        query = select(CorrectionRow, TurnRow).join(TurnRow, TurnRow.id == CorrectionRow.turn_id)

        def work(session: Session) -> dict[tuple[str, str], int]:
            grades: dict[tuple[str, str], int] = {}
            for correction, turn in session.execute(query.order_by(CorrectionRow.given_at, CorrectionRow.id)):
                for pair in _pairs_of_reply(session, turn):
                    if pair.answer:
                        grades[pair.question, pair.answer] = int(correction.verdict == "right")
                if correction.better:
                    grades[turn.understood, correction.better] = 1
            return grades

        return [(question, answer, grade) for (question, answer), grade in self._store.read(work).items()]

    def learn(self) -> LearningResult:
        """Learns new corrections in one transaction: right and better answers become pairs, wrong ones are refused."""
        return self._store.run(self._learn)

    def _learn(self, session: Session) -> LearningResult:
        now = self._clock()
        query = select(CorrectionRow).where(CorrectionRow.learnt_at.is_(None))
        rows = list(session.scalars(query.order_by(CorrectionRow.given_at, CorrectionRow.id)))
        new_count = wrong_count = 0
        for correction in rows:
            turn = session.get_one(TurnRow, correction.turn_id)
            reply_pairs, correction_pairs = (
                list(_pairs_of_reply(session, turn)),
                list(_pairs_of_correction(correction, turn)),
            )
            fits = reply_pairs if correction.verdict == "right" else correction_pairs
            new_count += add_pairs(session, fits, source=_SOURCE, now=now, verdict=True)
            if correction.verdict != "right":
                wrong_pairs = [pair for pair in reply_pairs if pair not in correction_pairs]
                add_pairs(session, wrong_pairs, source=_SOURCE, now=now, verdict=False)
                wrong_count += len(wrong_pairs)
            correction.learnt_at = now
        return LearningResult(len(rows), new_count, wrong_count)


def _check_verdict(verdict: CorrectionVerdict, answer: str | None, intent: str | None) -> None:
    if verdict not in get_args(CorrectionVerdict):
        raise SettingsError(f"verdict {verdict}: must be one of {', '.join(get_args(CorrectionVerdict))}")
    if verdict == "better" and not (answer or intent):
        raise SettingsError("a better answer needs its text, or the question's intent")
    if (verdict != "better" and answer) or (verdict == "right" and intent):
        raise SettingsError(f"verdict {verdict} goes without an answer and an intent; say better instead")


def _last_correction(session: Session, turn: str) -> CorrectionRow | None:
    query = select(CorrectionRow).where(CorrectionRow.turn_id == turn)
    return session.scalars(query.order_by(CorrectionRow.given_at.desc(), CorrectionRow.id.desc()).limit(1)).first()


def _are_equal(first: CorrectionRow, second: CorrectionRow) -> bool:
    """Returns whether both say the same: a form that was sent twice, or a unit of work that ran twice."""
    return (first.verdict, first.better, first.intent) == (second.verdict, second.better, second.intent)


def _conflict(last: CorrectionRow) -> ConflictError:
    answer = shorten(last.better or f"closed as {last.verdict}", 80, placeholder="...")
    time = last.given_at.strftime("%Y-%m-%d %H:%M")
    return ConflictError(
        f"turn {last.turn_id}: somebody answered this hand-over at {time} UTC: {answer}; "
        f"--replaces {last.id} puts your answer in its place"
    )


def _pairs_of_reply(session: Session, turn: TurnRow) -> Iterator[QAPair]:
    """Yields the pairs that a turn's answer implies."""
    if turn.kind in ("intent", "slot") and turn.intent:
        yield QAPair(0, turn.understood, None, turn.intent)
    for source in turn.sources:
        if source["answer_id"] is not None:
            yield QAPair(0, turn.understood, session.get_one(TextRow, source["answer_id"]).text)


def _pairs_of_correction(correction: CorrectionRow, turn: TurnRow) -> Iterator[QAPair]:
    if correction.better:
        yield QAPair(0, turn.understood, correction.better, correction.intent)
    elif correction.intent:
        yield QAPair(0, turn.understood, None, correction.intent)
