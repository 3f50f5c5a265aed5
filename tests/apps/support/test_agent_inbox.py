from __future__ import annotations

from tests.apps.support.service import Service
from tfapp.apps.support.agent_inbox import AgentInbox


def test_a_hand_over_waits_until_a_person_answers(service: Service) -> None:
    assistant, inbox = service.assistant(), AgentInbox(service.store)
    assistant.ask("How do I send shoes back?", "c")
    first = assistant.ask("Zebra crossing?", "c")
    second_turn = assistant.ask("Quantum chromodynamics?")
    assert [turn.id for turn in inbox.open_handovers()] == [first.turn, second_turn.turn]
    handover = inbox.open_handovers()[0]
    assert (handover.question, handover.conversation_id, handover.summary) == ("Zebra crossing?", "c", first.summary)
    assert handover.summary.startswith("Asked: Zebra crossing?")
    correction = service.corrections.give(first.turn, "wrong")
    service.corrections.give(first.turn, "better", better="Look left and right.", replaces=correction)
    assert inbox.open_count() == 1
    answered_turn, handed_over = inbox.conversation("c")
    assert (answered_turn.review, answered_turn.kind) == (None, "passages")
    assert answered_turn.sources[0]["matched"] == "How do I send shoes back?"
    assert handed_over.review is not None
    assert handed_over.review.better == "Look left and right."
    assert inbox.conversation("none") == []
