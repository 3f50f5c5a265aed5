from __future__ import annotations

import pytest

from tests.apps.support.service import Service
from tfapp.apps.support.conversation_log import ConversationLog
from tfapp.apps.support.dialogue import Turn, interpretations, refers_back
from tfapp.apps.support.slots import check_template, fill, missing_slots
from tfapp.errors import DataError

FIRST = Turn("How do I return shoes?", "How do I return shoes?", "passages", "Print the label.")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("and how long does that take?", True),
        ("What about lamps?", True),
        ("Is it free?", True),
        ("Why?", True),
        ("But where do I print them", True),
        ("How do I pay?", False),
        ("Andrea wrote to me", False),
        ("It is true that the shop in the old town of Zadar is closed on Sundays in winter, isn't it?", False),
    ],
)
def test_some_questions_need_the_one_before(question: str, expected: bool) -> None:
    assert refers_back(question) is expected


def test_a_question_that_refers_back_is_read_with_its_topic() -> None:
    assert interpretations("and how long does that take?", [FIRST]) == [
        "How do I return shoes? how long does that take?",
        "and how long does that take?",
    ]
    assert interpretations("and how long does that take?", []) == ["and how long does that take?"]
    assert interpretations("How do I pay?", [FIRST]) == ["How do I pay?"]


def test_the_topic_is_the_last_question_that_stood_alone() -> None:
    second = Turn("and lamps?", "How do I return shoes? lamps?", "passages", "The same way.")
    assert interpretations("is it free?", [FIRST, second])[0] == "How do I return shoes? is it free?"


def test_slots_are_found_and_filled() -> None:
    template = "{{Order}} {order} leaves {place}; {order} is paid."
    assert missing_slots(template, {"place": "Zadar"}) == ["order"]
    assert fill(template, {"order": "{B-1}", "place": "Zadar"}) == "{Order} {B-1} leaves Zadar; {B-1} is paid."


@pytest.mark.parametrize("template", ["Order {order", "Order {}", "Order {0}", "Order {a.b}", "}"])
def test_a_template_that_is_broken_is_refused(template: str) -> None:
    with pytest.raises(DataError, match=r'the answer of intent "tracking": .*a slot is \{name\}'):
        check_template("tracking", template)


def test_a_conversation_is_kept_turn_by_turn(service: Service) -> None:
    assistant = service.assistant()
    assistant.ask("How do I return a lamp?", "c1")
    assistant.ask("Which cards do you take?", "c2")
    assistant.ask("and how long does a refund take?", "c1")
    second_assistant = service.assistant()
    second_assistant.ask("Why?", "c1")
    turns = ConversationLog(service.store, service.clock).turns("c1")
    assert [turn.question for turn in turns] == [
        "How do I return a lamp?",
        "and how long does a refund take?",
        "Why?",
    ]
