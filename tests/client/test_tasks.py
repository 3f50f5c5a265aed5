from __future__ import annotations

import numpy as np
import pytest
from tfapp_client import Answer, AnswerError, Client, Entity, Ranked
from tfapp_client.testing import FakeTransport

from tfapp.server import ModelServer


@pytest.fixture
def client(model_server: ModelServer) -> Client:
    return Client(model_server.address)


@pytest.fixture
def offline_client() -> Client:
    """A client whose requests would be seen."""
    return Client(transport=FakeTransport())


def test_tag(client: Client) -> None:
    assert client.tag("tagger", ["éa", "", "b"]) == [
        [Entity("first", "é", 0, 1, 0.75), Entity("rést", "a", 1, 2, 0.5)],
        [],
        [Entity("first", "b", 0, 1, 0.75)],
    ]


def test_rank_and_score(client: Client) -> None:
    assert client.rank("ranker", "éé", ["abcd", "ab", "a"]) == [
        Ranked("ab", 0.0, 1),
        Ranked("a", -1.0, 2),
        Ranked("abcd", -2.0, 0),
    ]
    assert client.score("ranker", [("a", "abc"), ("a", "b")]) == [-2.0, 0.0]


def test_classify_pairs(client: Client) -> None:
    for _ in range(2):
        answers = client.classify_pairs("pairs", [("a", "b"), ("a", "bc")])
        assert [answer.label for answer in answers] == ["same", "other"]
        assert answers[0].probabilities == {"other": 0.0, "same": 1.0}


def test_regress(client: Client) -> None:
    assert client.regress("regressor", ["", "éé"]) == [0.0, 2.0]
    # By its outputs, a ranker is one of pairs.
    assert client.regress_pairs("ranker", [("a", "abc"), ("a", "b")]) == [-2.0, 0.0]


def test_answer(client: Client) -> None:
    answers = client.answer("answerer", [("ab", "éfgh"), ("", "x")])
    assert answers == [Answer("éf", 0, 2, 0.5), Answer("", 0, 0, 0.5)]


def test_embed(client: Client) -> None:
    vectors = client.embed("embedder", ["", "a"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[0.0, 1.0], pytest.approx([0.5**0.5] * 2)]


def test_no_rows_need_no_server(offline_client: Client) -> None:
    assert offline_client.tag("m", []) == offline_client.rank("m", "q", []) == offline_client.score("m", []) == []
    assert (
        offline_client.regress("m", []) == offline_client.regress_pairs("m", []) == offline_client.answer("m", []) == []
    )
    assert offline_client.classify_pairs("m", []) == []
    assert offline_client.embed("m", []).shape == (0, 0)


def test_wrong_rows_are_said(offline_client: Client) -> None:
    with pytest.raises(TypeError, match=r"texts must be a list of str, got one str; write \[text\]"):
        offline_client.embed("m", "text")
    with pytest.raises(TypeError, match=r"pairs must hold \(query, candidate\) only, got str: 'ab'"):
        offline_client.score("m", "ab")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^pairs must hold \(query, candidate\) only, got NoneType: None$"):
        offline_client.score("m", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"pairs must hold \(question, context\) only, got str: 'ab'"):
        offline_client.answer("m", ["ab"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="pairs must hold str only, got NoneType"):
        offline_client.classify_pairs("m", [("a", None)])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="query must be a str, got list"):
        offline_client.rank("m", ["q"], ["a"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="candidates must be a list of str"):
        offline_client.rank("m", "q", "a")


@pytest.mark.parametrize(
    ("outputs", "rule"),
    [
        ({"other": [1.0]}, "is no embedding model by the contract: it answers other, not embedding; call predict"),
        ({"embedding": [1.0, 2.0]}, r"embedding must be float32 of rank 2 with 2 rows, got float32 of shape \(2,\)"),
        ({"embedding": [[1.0]]}, r"with 2 rows, got float32 of shape \(1, 1\)"),
        ({"embedding": [["a"], ["b"]]}, "must be float32 of rank 2 with 2 rows, got object"),
    ],
)
def test_answers_are_held_against_the_contract(outputs: dict[str, list[object]], rule: str) -> None:
    client = Client(transport=FakeTransport().model("m", lambda _inputs: outputs))
    with pytest.raises(AnswerError, match=rule):
        client.embed("m", ["a", "b"])


def test_fakes_speak_as_the_contract_does() -> None:
    spans = {"ab": [Entity("x", "b", 1, 2, 0.5)], "c": []}
    fake = (
        FakeTransport()
        .tagger("tag", lambda text: spans[text])
        .ranker("rank", lambda query, candidate: float(candidate.count(query)))
        .regressor("regress", len)
        .pair_regressor("similarity", lambda query, candidate: float(len(query) - len(candidate)))
        .answerer("answer", lambda question, context: Answer(context[:1], 0, 1, float(len(question))))
        .embedder("embed", lambda text: [float(len(text)), 0.0])
        .pair_classifier("pairs", lambda query, candidate: {"same": float(query == candidate), "other": 0.5})
    )
    client = Client(transport=fake)
    assert client.tag("tag", ["ab", "c"]) == [spans["ab"], []]
    assert client.tag("tag", ["c"]) == [[]]
    assert [item.candidate for item in client.rank("rank", "a", ["b", "aa", "a"])] == ["aa", "a", "b"]
    assert client.regress("regress", ["abc"]) == [3.0]
    assert client.regress_pairs("similarity", [("abc", "a")]) == [2.0]
    assert client.answer("answer", [("ab", "xyz")]) == [Answer("x", 0, 1, 2.0)]
    assert client.embed("embed", ["a", "ab"]).tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert [a.label for a in client.classify_pairs("pairs", [("a", "a"), ("a", "b")])] == ["same", "other"]
