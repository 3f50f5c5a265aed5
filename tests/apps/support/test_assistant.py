from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from tests.apps.postgres import PostgresServer
from tests.apps.support.service import REFUND, RETURNS, ROWS, Service
from tfapp.apps.shared.store import Store
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.errors import SettingsError

TEMPLATES = {"tracking": "Order {order} is on its way.", "cancel": "Everything is cancelled."}


@pytest.fixture
def tracking(tmp_path: Path) -> Service:
    """A service with an intent model, answers of intents and a tagger."""
    support = Service(Store.open(tmp_path / "intents.sqlite"), tmp_path / "intents", tagger="orders")
    support.build()
    support.knowledge.set_answers(TEMPLATES)
    return support


def test_a_new_question_is_answered_with_its_source(service: Service) -> None:
    reply = service.assistant().ask("How do I send a lamp back?")
    assert (reply.kind, reply.text) == ("passages", RETURNS)
    assert reply.sources[0].source == "faq.csv"
    assert 0.7 <= reply.confidence < 1
    assert (reply.summary, reply.degraded) == ("", "")


def test_what_is_not_known_is_handed_over_with_a_summary(service: Service) -> None:
    assistant = service.assistant()
    assistant.ask("How do I return a lamp?", "c")
    reply = assistant.ask("Do you sell kites in winter?", "c")
    assert reply.kind == "handover"
    lines = reply.summary.splitlines()
    assert lines[0] == "Asked: Do you sell kites in winter?"
    assert lines[1] == f"Before: How do I return a lamp? -> {RETURNS}"
    assert lines[-1].startswith("Why: nothing known is near enough (cosine 0.")
    assert any(line.startswith("Near: ") for line in lines)


def test_a_question_is_understood_with_the_turn_before(service: Service) -> None:
    service.build([QAPair(30, "How long does it take to return shoes?", "Two weeks."), QAPair(31, "q", "a")])
    assistant = service.assistant()
    assert assistant.ask("How do I send shoes back?", "c").text == RETURNS
    reply = assistant.ask("and how long does it take?", "c")
    assert reply.text == "Two weeks."
    assert reply.understood == "How do I send shoes back? how long does it take?"
    assert service.assistant().ask("and how long does it take?").understood == "and how long does it take?"


def test_a_known_question_is_meant_as_it_stands(service: Service) -> None:
    service.build([QAPair(30, "Is it open?", "From nine to six.")])
    assistant = service.assistant()
    assistant.ask("How do I send shoes back?", "c")
    reply = assistant.ask("Is it open?", "c")
    assert (reply.text, reply.understood) == ("From nine to six.", "Is it open?")


def test_an_intent_s_answer_is_filled_from_entities(tracking: Service) -> None:
    reply = tracking.assistant(classifies=True).ask("Where is my order B-1207?")
    assert (reply.kind, reply.intent, reply.text) == ("intent", "tracking", "Order B-1207 is on its way.")
    assert reply.confidence == pytest.approx(0.9)
    assert reply.slots == {"order": "B-1207"}


def test_a_missing_slot_is_asked_for_and_remembered(tracking: Service) -> None:
    assistant = tracking.assistant(classifies=True)
    question = assistant.ask("Where is my order?", "c")
    assert (question.kind, question.text) == ("slot", "Please tell me your order.")
    # The intent model alone would not know what "B-7" is about.
    reply = assistant.ask("B-7", "c")
    assert (reply.kind, reply.text) == ("intent", "Order B-7 is on its way.")
    assert assistant.ask("Where is my order now?", "c").text == "Order B-7 is on its way."


def test_an_unsure_intent_gives_way_to_retrieval(tracking: Service) -> None:
    reply = tracking.assistant(classifies=True).ask("Which cards do you take?")
    assert (reply.kind, reply.text) == ("passages", "We take Visa and Mastercard.")


def test_an_intent_without_an_answer_is_handed_over_and_named(tmp_path: Path) -> None:
    with Store.open(tmp_path / "bare.sqlite") as store:
        service = Service(store, tmp_path / "bare")
        service.build([row for row in ROWS if row.intent])
        reply = service.assistant(classifies=True).ask("Cancel what I bought")
        assert reply.kind == "handover"
        assert "Intent: cancel (0.95)" in reply.summary
        assert "Why: the intent cancel has no answer on file" in reply.summary


def test_a_question_whose_nearest_ones_have_another_intent_goes_to_a_person(tmp_path: Path) -> None:
    with Store.open(tmp_path / "split.sqlite") as store:
        service = Service(store, tmp_path / "split")
        # The model says tracking (0.9) of every order.
        service.build([*ROWS, QAPair(30, "Send my order back again", None, "returning")])
        service.knowledge.set_answers({"tracking": "On its way.", "returning": "Here is a label."})
        reply = service.assistant(classifies=True).ask("Now send my order back please")
        assert reply.kind == "handover"
        assert "Why: the intent model says tracking, the nearest known questions returning" in reply.summary
        # A known question is what it is known as; and a model that is very sure is believed.
        assert service.assistant(classifies=True).ask("Send my order back again").text == "Here is a label."
        service.settings = service.settings.model_copy(update={"intent_alone": 0.85})
        assert service.assistant(classifies=True).ask("Now send my order back please").text == "On its way."


def test_without_an_intent_model_the_nearest_question_s_intent_is_answered(tracking: Service) -> None:
    reply = tracking.assistant().ask("I want to track my order B-5")
    assert (reply.kind, reply.intent, reply.text) == ("intent", "tracking", "Order B-5 is on its way.")


def test_a_question_that_goes_on_is_not_answered_with_the_same_intent_if_it_has_another(tracking: Service) -> None:
    assistant = tracking.assistant(classifies=True)
    assert assistant.ask("Where is my order B-5?", "c").intent == "tracking"
    reply = assistant.ask("and can I cancel it all?", "c")
    assert (reply.intent, reply.text) == ("cancel", "Everything is cancelled.")


def test_slots_without_a_tagger_go_to_a_person(service: Service) -> None:
    service.knowledge.set_answers(TEMPLATES)
    reply = service.assistant(classifies=True).ask("Where is my order B-1?")
    assert "Why: the answer needs order, and no tagger finds them" in reply.summary


def test_it_goes_on_while_the_model_server_is_away_and_after(service: Service) -> None:
    assistant = service.assistant()
    service.server.fail(grpc.StatusCode.UNAVAILABLE, "away")
    answer = assistant.ask("WHICH cards do you take?")
    assert (answer.text, answer.degraded) == ("We take Visa and Mastercard.", "embedder")
    service.server.fail(grpc.StatusCode.UNAVAILABLE, "away")
    new = assistant.ask("How do I send a lamp back?")
    assert (new.kind, new.degraded) == ("handover", "embedder")
    assert "Why: embedder could not be asked" in new.summary
    last_answer = assistant.ask("How do I send a lamp back?")
    assert (last_answer.kind, last_answer.degraded) == ("passages", "")


def test_a_ranker_that_is_away_costs_its_order_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ranked.sqlite") as store:
        service = Service(store, tmp_path / "ranked", ranker="no-such-model")
        service.build()
        reply = service.assistant().ask("How do I send a lamp back?")
        assert (reply.text, reply.degraded) == (RETURNS, "ranker")


def test_of_a_long_answer_the_sentences_nearest_to_the_question_stay(service: Service) -> None:
    long_answer = "We are here. Cats like milk. Dogs like bones. Parrots like seeds. Mice like cheese. Bye."
    service.settings = service.settings.model_copy(update={"sentences": 2})
    service.build([QAPair(40, "What do dogs like, and mice?", long_answer)])
    assert service.assistant().ask("What do dogs like, and mice?").text == "Dogs like bones. Mice like cheese."


def test_a_passage_that_speaks_for_itself_is_added(service: Service) -> None:
    service.build([QAPair(50, "Refunds on your card?", "Yes."), QAPair(51, "x", "Refunds reach your card")])
    reply = service.assistant().ask("Refunds reach your card?")
    assert reply.text == "Refunds reach your card"
    assert REFUND not in reply.text


def test_it_goes_on_after_the_database_was_restarted(postgres: PostgresServer, tmp_path: Path) -> None:
    with Store.open(postgres.new_database()) as store:
        service = Service(store, tmp_path)
        service.build()
        assistant = service.assistant()
        assistant.ask("How do I return a lamp?", "c")
        postgres.stop("immediate")
        postgres.start()
        assert assistant.ask("and how long does a refund take?", "c").text == REFUND


def test_a_question_of_odd_characters_is_kept_as_far_as_it_can_be(service: Service) -> None:
    reply = service.assistant().ask("Which\0 cards\ud800 do you take?")
    assert reply.question == "Which cards? do you take?"


def test_an_empty_question_is_refused(service: Service) -> None:
    with pytest.raises(SettingsError, match="the question is empty"):
        service.assistant().ask(" \0 ")
