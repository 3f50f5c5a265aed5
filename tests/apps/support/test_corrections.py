from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.apps.support.service import RETURNS, ROWS, Service
from tfapp.apps.shared.store import Store
from tfapp.apps.support.corrections import Corrections, LearningResult
from tfapp.errors import ConflictError, SettingsError

BETTER = "Kites are in stock from April."


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Service:
    """A service on each kind of database."""
    support = Service(store, tmp_path / "home")
    support.build()
    return support


def learn(service: Service) -> LearningResult:
    lesson = service.corrections.learn()
    service.build(())
    return lesson


def test_a_better_answer_is_given_from_then_on(service: Service) -> None:
    turn = service.assistant().ask("Do you sell kites in winter?").turn
    service.corrections.give(turn, "better", better=f"  {BETTER} ")
    assert service.assistant().ask("Do you sell kites in winter?").kind == "handover"
    assert service.corrections.unlearnt_count() == 1
    assert learn(service) == LearningResult(corrections=1, added=1, refused=0)
    assert learn(service) == LearningResult(0, 0, 0)
    reply = service.assistant().ask("Do you sell kites in the winter?")
    assert (reply.text, reply.sources[0].source) == (BETTER, "correction")


def test_a_wrong_answer_is_not_given_to_that_question_again(service: Service) -> None:
    question = "How do I send a lamp back?"
    turn = service.assistant().ask(question)
    assert turn.text == RETURNS
    service.corrections.give(turn.turn, "wrong")
    assert learn(service) == LearningResult(corrections=1, added=0, refused=1)
    assert service.assistant().ask(question).text != RETURNS
    assert service.assistant().ask("How do I return a lamp?").text == RETURNS


def test_a_right_answer_makes_its_question_a_known_one(service: Service) -> None:
    question = "How do I send a lamp back?"
    reply = service.assistant().ask(question)
    service.corrections.give(reply.turn, "right")
    assert learn(service).added == 1
    assert service.assistant().ask(question).confidence == 1.0


def test_a_hand_over_that_somebody_answered_is_not_answered_over(service: Service) -> None:
    turn = service.assistant().ask("Do you sell kites in winter?").turn
    first = service.corrections.give(turn, "better", better=BETTER)
    with pytest.raises(ConflictError, match=rf"answered this hand-over .*: {BETTER}; --replaces {first} puts"):
        service.corrections.give(turn, "better", better="No.")
    with pytest.raises(ConflictError):
        service.corrections.give(turn, "wrong", replaces="another")
    assert service.corrections.give(turn, "better", better=f" {BETTER}") == first
    assert service.corrections.unlearnt_count() == 1
    second = service.corrections.give(turn, "better", better="No.", replaces=first)
    with pytest.raises(ConflictError, match=second):
        service.corrections.give(turn, "better", better="Yes.", replaces=first)


def test_of_two_people_who_answer_at_once_one_is_told(service: Service) -> None:
    turn = service.assistant().ask("Do you sell kites in winter?").turn
    barrier = threading.Barrier(4)

    def answer(text: str) -> bool:
        barrier.wait(30)
        try:
            service.corrections.give(turn, "better", better=text)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as people:
        assert sum(people.map(answer, "abcd")) == 1
    assert service.corrections.unlearnt_count() == 1


def test_what_is_said_last_holds(service: Service) -> None:
    question = "How do I send a lamp back?"
    turn = service.assistant().ask(question).turn
    for verdict in ("wrong", "right"):
        service.corrections.give(turn, verdict)  # type: ignore[arg-type]
        learn(service)
    assert service.assistant().ask(question).text == RETURNS


def test_what_is_said_last_holds_though_the_clock_was_set_back(service: Service) -> None:
    question = "How do I send a lamp back?"
    turn = service.assistant().ask(question).turn
    handed_over = service.assistant().ask("Do you sell kites in winter?").turn
    now = service.clock()
    corrections = Corrections(service.store, lambda: now)
    first = corrections.give(handed_over, "better", better="Yes.")
    corrections.give(turn, "right")
    now -= timedelta(hours=1)
    second = corrections.give(handed_over, "better", better="No.", replaces=first)
    corrections.give(turn, "wrong")
    with pytest.raises(ConflictError, match=second):
        corrections.give(handed_over, "wrong", replaces=first)
    assert (question, RETURNS, 0) in corrections.relevance_grades()
    now += timedelta(hours=2)
    corrections.give(turn, "right")
    assert (question, RETURNS, 1) in corrections.relevance_grades()


def test_the_right_intent_becomes_what_the_model_learns_from(service: Service) -> None:
    service.knowledge.set_answers({"tracking": "On its way.", "cancel": "Cancelled."})
    reply = service.assistant(classifies=True).ask("Stop my order please")
    assert reply.text == "On its way."
    service.corrections.give(reply.turn, "better", intent="cancel")
    assert learn(service) == LearningResult(corrections=1, added=1, refused=1)
    questions = service.knowledge.labelled_questions()
    assert questions[-1] == ("Stop my order please", "cancel")
    assert len(questions) == sum(row.intent is not None for row in ROWS) + 1


def test_a_follow_up_is_learnt_as_it_was_understood(service: Service) -> None:
    assistant = service.assistant()
    assistant.ask("How do I return a lamp?", "c")
    turn = assistant.ask("and what about kites?", "c")
    service.corrections.give(turn.turn, "better", better=BETTER)
    learn(service)
    new_assistant = service.assistant()
    new_assistant.ask("How do I return a lamp?", "d")
    assert new_assistant.ask("and what about kites?", "d").text == BETTER
    assert new_assistant.ask("What about kites?").kind == "handover"


def test_what_was_judged_is_what_a_ranking_model_learns_from(service: Service) -> None:
    question = "How do I send a lamp back?"
    turn = service.assistant().ask(question).turn
    service.corrections.give(turn, "right")
    assert service.corrections.relevance_grades() == [(question, RETURNS, 1)]
    service.corrections.give(turn, "better", better=BETTER)
    learn(service)
    assert service.corrections.relevance_grades() == [(question, RETURNS, 0), (question, BETTER, 1)]


@pytest.mark.parametrize(
    ("arguments", "complains"),
    [
        ({"verdict": "good"}, "verdict good: must be one of right, wrong, better"),
        ({"verdict": "better"}, "a better answer needs its text, or the question's intent"),
        ({"verdict": "better", "better": "  "}, "a better answer needs its text"),
        ({"verdict": "wrong", "better": "x"}, "verdict wrong goes without an answer"),
        ({"verdict": "right", "intent": "x"}, "verdict right goes without an answer and an intent"),
        ({"verdict": "wrong", "intent": "x" * 201}, "the intent: must have from 1 to 200 characters, got 201"),
        ({"verdict": "right", "turn": "nowhere"}, "no turn nowhere; `tfapp support ask` prints"),
    ],
)
def test_corrections_that_say_nothing_are_refused(service: Service, arguments: dict[str, str], complains: str) -> None:
    turn = service.assistant().ask("How do I return a lamp?").turn
    with pytest.raises(SettingsError, match=complains):
        service.corrections.give(**({"turn": turn} | arguments))  # type: ignore[arg-type]
    assert service.corrections.unlearnt_count() == 0
