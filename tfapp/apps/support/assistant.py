"""The assistant, which answers a question within its conversation or hands it over to a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import Final, TypeVar
from uuid import uuid4

import numpy as np
from tfapp_client import Client
from tfapp_client.errors import ClientError

from tfapp.apps.support.answer_composition import choose, compose
from tfapp.apps.support.conversation_log import ConversationLog
from tfapp.apps.support.dialogue import Turn, interpretations
from tfapp.apps.support.handover import disagreement, handover_reason, summarise
from tfapp.apps.support.reply import AnswerSource, Reply, ReplyKind
from tfapp.apps.support.retrieval import IntentPrediction, Passage, Retriever, best_cosine, nearest_intent
from tfapp.apps.support.settings import SupportSettings
from tfapp.apps.support.slots import fill, missing_slots
from tfapp.data.stored_texts import checked_name, tidy
from tfapp.errors import SettingsError

__all__ = ["Assistant"]

T = TypeVar("T")
_HANDED_OVER: Final = "I am not sure about that. A colleague will answer you."
# The cosine from which on two questions are one.
_SAME: Final = 0.9
_log = logging.getLogger(__name__)


@dataclass
class _QuestionState:
    """The working state of one question."""

    question: str
    turns: Sequence[Turn]
    slots: dict[str, str]
    interpretations: list[str]
    intent: IntentPrediction | None = None
    vectors: np.ndarray | None = None
    passages: list[list[Passage]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Assistant:
    """Answers questions from the known questions and answers.

    It goes on while its model server is away: questions that are known word for word are answered, others handed over.
    """

    retriever: Retriever
    client: Client
    log: ConversationLog
    settings: SupportSettings
    _: KW_ONLY
    answers: Mapping[str, str]
    classifies: bool

    def ask(self, question: str, conversation: str | None = None) -> Reply:
        """Answers a question and stores the turn.

        Args:
            question: What is asked.
            conversation: The conversation that it goes on with, or begins; None: one of its own.

        Returns:
            The answer; `handover` where none is sure enough.

        Raises:
            SettingsError: The question is empty, or the conversation's name too long.
            StoreError: The database cannot be used.
        """
        text = tidy(question)
        if text is None:
            raise SettingsError("the question is empty; ask with a word or more")
        name = uuid4().hex if conversation is None else checked_name("the conversation's name", conversation)
        reply = self.answer(text, self.log.turns(name) if conversation else [])
        self.log.keep(name, reply)
        return reply

    def answer(self, question: str, turns: Sequence[Turn] = ()) -> Reply:
        """Answers a question after some turns and stores nothing."""
        slots = dict(turns[-1].slots) if turns else {}
        case = _QuestionState(question, turns, slots, interpretations(question, turns))
        case.vectors = self._embed(case, case.interpretations)
        case.slots |= self._entities(case)
        case.passages = [
            self._search(case, interpretation, index) for index, interpretation in enumerate(case.interpretations)
        ]
        reply = self._by_slot(case) or self._by_intent(case) or self._by_passages(case)
        return replace(reply, degraded="; ".join(case.failures))

    def _by_slot(self, case: _QuestionState) -> Reply | None:
        """Returns the answer that was waiting for a slot, if the question fills one."""
        turn = case.turns[-1] if case.turns and case.turns[-1].kind == "slot" else None
        if turn is None or turn.intent is None or case.slots == turn.slots:
            return None
        case.intent = IntentPrediction(turn.intent, 1.0)
        return self._say(case, case.intent)

    def _by_intent(self, case: _QuestionState) -> Reply | None:
        """Returns the intent's answer, if the model is sure of it and known questions do not contradict it."""
        if self.classifies:
            case.intent = self._ask_model(case, "intent model", lambda: self._classify(case))
        if case.intent is None or case.intent.confidence < self.settings.intent_threshold:
            return None
        nearest = nearest_intent(case.passages[case.intent.interpretation])
        agrees = nearest is None or nearest.name == case.intent.name
        is_sure = (
            case.intent.confidence >= self.settings.intent_alone and nearest is not None and nearest.confidence < _SAME
        )
        return self._say(case, case.intent) if agrees or is_sure else None

    def _by_passages(self, case: _QuestionState) -> Reply:
        """Returns an answer from passages of the first interpretation that finds a sure one, or the hand-over."""
        # A question that is known by itself is meant as it stands, whatever came before.
        for index in sorted(range(len(case.passages)), key=lambda index: best_cosine(case.passages[index]) < _SAME):
            answer = self._choose(case.passages[index])
            if answer and answer[0].target.answer_id is None:
                return self._say_nearest(case, answer[0], index)
            if answer:
                interpretation = case.interpretations[index]
                text = compose(
                    answer, partial(self._embed, case), question=interpretation, max_sentences=self.settings.sentences
                )
                return self._reply(
                    case, "passages", text, best_cosine(answer[:1]), interpretation=interpretation, passages=answer
                )
        reason = handover_reason(
            case.intent, case.passages[0], failures=case.failures, answers=self.answers, settings=self.settings
        )
        return self._hand_over(case, case.passages[0], reason)

    def _say(self, case: _QuestionState, intent: IntentPrediction) -> Reply | None:
        """Returns the intent's answer with its slots filled, or the question for those that are missing."""
        template = self.answers.get(intent.name)
        if template is None:
            return None
        open_slots = missing_slots(template, case.slots)
        if open_slots and self.settings.tagger is None:
            return self._hand_over(case, [], f"the answer needs {', '.join(open_slots)}, and no tagger finds them")
        text = f"Please tell me your {_join_names(open_slots)}." if open_slots else fill(template, case.slots)
        kind: ReplyKind = "slot" if open_slots else "intent"
        return self._reply(case, kind, text, intent.confidence, intent=intent)

    def _say_nearest(self, case: _QuestionState, passage: Passage, index: int) -> Reply:
        """Returns the answer of the nearest question's intent, unless the intent model has another."""
        nearest = IntentPrediction(passage.target.intent or "", best_cosine([passage]), index)
        if case.intent and case.intent.name != nearest.name and nearest.confidence < _SAME:
            return self._hand_over(case, case.passages[index], disagreement(case.intent, nearest))
        no_answer = f"the intent {nearest.name} has no answer on file"
        return self._say(case, nearest) or self._hand_over(case, case.passages[index], no_answer)

    def _choose(self, passages: Sequence[Passage]) -> list[Passage]:
        limits = self.settings
        return choose(
            passages, threshold=limits.answer_threshold, margin=limits.passage_margin, max_passages=limits.passages
        )

    def _search(self, case: _QuestionState, interpretation: str, index: int) -> list[Passage]:
        vector = None if case.vectors is None else case.vectors[index]
        # What was said before is no answer to a question that goes on from it.
        answer_ids = (
            {key for turn in case.turns for key in turn.answer_ids} if interpretation != case.question else set()
        )
        try:
            return self.retriever.search(interpretation, vector, without=answer_ids)
        except ClientError as error:
            self._note(case, "ranker", error)
            return self.retriever.search(interpretation, vector, without=answer_ids, rerank=False)

    def _hand_over(self, case: _QuestionState, passages: Sequence[Passage], reason: str) -> Reply:
        summary = summarise(
            case.question, reason, turns=case.turns, passages=passages, intent=case.intent, slots=case.slots
        )
        return replace(self._reply(case, "handover", _HANDED_OVER, best_cosine(passages)), summary=summary)

    def _reply(
        self,
        case: _QuestionState,
        kind: ReplyKind,
        text: str,
        confidence: float,
        *,
        interpretation: str | None = None,
        intent: IntentPrediction | None = None,
        passages: Sequence[Passage] = (),
    ) -> Reply:
        sources = tuple(AnswerSource(p.target.answer_id, p.matched, p.source, p.line, p.cosine) for p in passages)
        prediction = intent or case.intent
        meaning = interpretation or case.interpretations[prediction.interpretation if prediction else 0]
        name = prediction.name if prediction else None
        return Reply(uuid4().hex[:12], case.question, meaning, kind, text, confidence, name, case.slots, sources)

    def _classify(self, case: _QuestionState) -> IntentPrediction | None:
        """Returns the first sure intent of the interpretations, without the last answer's; else the first intent."""
        answers = self.client.classify(self.settings.intent_model, case.interpretations)
        # "None of these" is an answer, but no intent.
        predictions = [
            IntentPrediction(answer.label, answer.score, index)
            for index, answer in enumerate(answers)
            if answer.label in answer.probabilities
        ]
        last_intent = case.turns[-1].intent if case.turns and case.turns[-1].kind == "intent" else None
        new = (
            prediction
            for prediction in predictions
            if prediction.name != last_intent and prediction.confidence >= self.settings.intent_threshold
        )
        return next(new, predictions[0] if predictions else None)

    def _entities(self, case: _QuestionState) -> dict[str, str]:
        tagger = self.settings.tagger
        if tagger is None:
            return {}
        (entities,) = self._ask_model(case, "tagger", lambda: self.client.tag(tagger, [case.question])) or [[]]
        return {entity.tag: entity.text for entity in sorted(entities, key=lambda entity: entity.score)}

    def _embed(self, case: _QuestionState, texts: Sequence[str]) -> np.ndarray | None:
        return self._ask_model(case, "embedder", lambda: self.retriever.embedder.embed(texts))

    def _ask_model(self, case: _QuestionState, kind: str, ask: Callable[[], T]) -> T | None:
        """Asks a model, and notes the failure and returns None where it cannot be asked."""
        try:
            return ask()
        except ClientError as error:
            self._note(case, kind, error)
            return None

    def _note(self, case: _QuestionState, kind: str, error: ClientError) -> None:
        _log.warning("%s: %s", kind, error)
        case.failures.append(kind)


def _join_names(names: Sequence[str]) -> str:
    *first, last = (name.replace("_", " ") for name in names)
    return f"{', '.join(first)} and {last}" if first else last
