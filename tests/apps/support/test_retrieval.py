from __future__ import annotations

import numpy as np
import pytest

from tests.apps.support.service import REFUND, RETURNS, Service, vector
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.apps.support.retrieval import Passage, count_votes
from tfapp.apps.support.word_index import WordIndex


def search(service: Service, query: str, **options: object) -> list[Passage]:
    return service.retriever().search(query, np.array(vector(query), np.float32), **options)  # type: ignore[arg-type]


def test_an_answer_is_found_by_the_questions_it_had(service: Service) -> None:
    passages = search(service, "How do I send a lamp back?")
    assert passages[0].target.text == RETURNS
    assert (passages[0].source, passages[0].line) in {("faq.csv", 2), ("faq.csv", 3)}
    assert len({passage.target for passage in passages}) == len(passages)
    assert 0.5 < (passages[0].cosine or 0) < 1


def test_an_answer_is_found_by_its_own_words(service: Service) -> None:
    passages = search(service, "Visa and Mastercard?")
    assert passages[0].matched == passages[0].target.text == "We take Visa and Mastercard."


@pytest.mark.parametrize("ways", [("vectors",), ("words",)])
def test_each_way_finds_alone(service: Service, ways: tuple[str, ...]) -> None:
    assert search(service, "a refund for shoes", ways=ways)[0].target.text == REFUND


def test_words_alone_must_do_without_a_vector(service: Service) -> None:
    (first, *_) = service.retriever().search("how long does a refund take", None)
    assert (first.target.text, first.cosine) == (REFUND, None)


def test_a_known_question_gets_its_own_answer_first(service: Service) -> None:
    service.build([QAPair(20, "Cards cards cards", "A pack of cards."), QAPair(21, "cards", "Which?")])
    passages = search(service, "which  CARDS do you take?")
    assert (passages[0].target.text, passages[0].cosine) == ("We take Visa and Mastercard.", 1.0)


def test_answers_that_were_given_can_be_left_out(service: Service) -> None:
    first = search(service, "How do I return a lamp?")[0]
    other_passages = search(service, "How do I return a lamp?", without={first.target.answer_id})
    assert first.target not in {passage.target for passage in other_passages}


def test_a_ranking_model_has_the_last_word(service: Service) -> None:
    service.settings = service.settings.model_copy(update={"ranker": "by-length"})
    texts = [passage.target.text or "" for passage in search(service, "How do I return a lamp?")]
    answers = [text for text in texts if text]
    assert answers == sorted(answers, key=len, reverse=True)
    requests = [call for call in service.server.requests if call.request.model_spec.name == "by-length"]
    assert len(requests) == 1


def test_many_near_questions_outweigh_a_single_one_that_is_little_nearer() -> None:
    cosines = {1: 0.80, 2: 0.79, 3: 0.79}
    leads_to = {1: ["a"], 2: ["b"], 3: ["b"]}
    votes = count_votes(cosines, {}, leads_to, words_share=0.1, temperature=0.05)
    assert votes["b"] > votes["a"]
    sharp = count_votes(cosines, {}, leads_to, words_share=0.1, temperature=0.001)
    assert sharp["a"] > sharp["b"]
    word_votes = count_votes(cosines, {1: 8.0}, leads_to, words_share=0.1, temperature=0.05)
    assert word_votes["a"] > word_votes["b"]


@pytest.mark.parametrize("texts", [[], [(1, "?!"), (2, "")]])
def test_nothing_is_found_where_there_are_no_words(texts: list[tuple[int, str]]) -> None:
    assert WordIndex(texts).search("a word", 5) == []


def test_words_count_by_their_rarity_and_without_case() -> None:
    index = WordIndex([(7, "the kettle"), (8, "the LAMP"), (9, "the the")])
    assert index.search("The Lamp!", 5)[0][0] == 8
    assert index.search("unheard of", 5) == []
