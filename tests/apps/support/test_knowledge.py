from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.apps.support.service import REFUND, ROWS, Service, fake_server, ticking_clock, vector
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_index import VectorIndex, embed_new, index_file, open_index
from tfapp.apps.support.knowledge import Knowledge
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.apps.support.tables import PairRow


@pytest.fixture
def knowledge(store: Store) -> Knowledge:
    return Knowledge(store, ticking_clock())


def test_rows_are_counted_as_new_known_or_rejected(knowledge: Knowledge) -> None:
    bad_rows = [RejectedRow(9, "no text", "?\0"), RejectedRow(9, "no text", "!"), RejectedRow(11, "other \ud800", "")]
    first = knowledge.add("a.csv", [*ROWS, *bad_rows, QAPair(12, "CANCEL  it all", None, "cancel")])
    assert (first.rows, first.added, first.repeated, first.rejected) == (11, 7, 1, 3)
    assert dict(first.reasons) == {"no text": 2, "other ?": 1}
    repeat = knowledge.add("a.csv", ROWS)
    assert (repeat.rows, repeat.added, repeat.repeated, repeat.rejected) == (7, 0, 7, 0)
    assert knowledge.counts() == {"texts": 10, "pairs": 7, "intents": 2, "rejected": 3}
    rejected_rows = knowledge.rejected_rows()
    assert [(row["line"], row["reason"]) for row in rejected_rows] == [(9, "no text"), (9, "no text"), (11, "other ?")]
    assert rejected_rows[0]["content"] == "?\N{REPLACEMENT CHARACTER}"


def test_a_build_that_is_cut_off_keeps_what_it_had_and_is_gone_on_with(knowledge: Knowledge) -> None:
    rows = [QAPair(line, f"question {line}", "answer") for line in range(1200)]

    def cut_off() -> object:
        yield from rows[:1100]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        knowledge.add("a.csv", cut_off())  # type: ignore[arg-type]
    assert knowledge.counts()["pairs"] == 1000
    addition = knowledge.add("a.csv", rows)
    assert (addition.added, addition.repeated) == (200, 1000)


def test_an_answer_of_an_intent_may_come_before_its_questions(knowledge: Knowledge) -> None:
    knowledge.set_answers({"tracking": "It is on its way."})
    knowledge.add("a.csv", ROWS)
    knowledge.set_answers({"tracking": "Order {order} is on its way."})
    assert knowledge.answers() == {"tracking": "Order {order} is on its way."}
    assert knowledge.labelled_questions()[-1] == ("Cancel it all", "cancel")


def test_what_people_refused_is_not_learnt_from_and_a_file_does_not_bring_it_back(store: Store) -> None:
    knowledge = Knowledge(store, ticking_clock())
    knowledge.add("a.csv", ROWS)

    def refuse(session: Session) -> None:
        for pair in session.scalars(select(PairRow).where(PairRow.intent_id.is_not(None))):
            pair.fits = False

    store.run(refuse)
    knowledge.add("a.csv", ROWS)
    assert knowledge.labelled_questions() == []


def test_only_what_is_new_is_embedded(store: Store, tmp_path: Path) -> None:
    service = Service(store, tmp_path)
    assert service.build() == 10
    assert service.build() == 0
    texts = list(service.embedded_texts())
    assert len(texts) == len(set(texts)) == 10
    more_pairs = [QAPair(line, f"Is shop {line} open?", "It is.") for line in range(100)]
    assert service.build(more_pairs) == 101
    assert set(list(service.embedded_texts())[10:]) == {"It is.", *(row.question for row in more_pairs)}
    index, count = open_index(tmp_path, service.knowledge.vectors, service.embedder.identity)
    assert (len(index), count) == (111, 111)
    service.build([QAPair(1, "One more?", "It is.")])
    index, count = open_index(tmp_path, service.knowledge.vectors, service.embedder.identity)
    assert (len(index), count) == (112, 1)


def test_embedding_that_was_cut_off_goes_on(store: Store, tmp_path: Path) -> None:
    service = Service(store, tmp_path)
    service.knowledge.add("a.csv", [QAPair(line, f"question {line}", "answer") for line in range(300)])

    def stop(count: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_new(service.knowledge.vectors, service.embedder, stop)
    assert embed_new(service.knowledge.vectors, service.embedder) == 301 - 256


def test_another_version_of_the_embedder_embeds_all_anew(store: Store, tmp_path: Path) -> None:
    service = Service(store, tmp_path)
    service.build()
    newer = fake_server().embedder("minilm-l6", lambda text: vector(text)[::-1], version=2)
    second_service = Service(store, tmp_path, newer)
    assert second_service.embedder.identity == "minilm-l6/2"
    assert second_service.build() == 10
    assert service.knowledge.vectors.ids("minilm-l6/1") == []
    assert second_service.knowledge.vectors.embedder() == "minilm-l6/2"


@pytest.mark.parametrize("damage", [b"", b"no index", None])
def test_a_damaged_or_missing_index_is_made_again_without_a_model(service: Service, damage: bytes | None) -> None:
    identity = service.embedder.identity
    open_index(service.folder, service.knowledge.vectors, identity)
    file = index_file(service.folder, identity)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    count = len(service.server.requests)
    index, embedded_count = open_index(service.folder, service.knowledge.vectors, identity)
    assert (len(index), embedded_count, len(service.server.requests)) == (10, 10, count)
    assert len(VectorIndex.load(file)) == 10


def test_the_index_finds_what_a_full_comparison_finds() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(500, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = VectorIndex()
    index.sync(range(500), lambda ids: vectors[list(ids)])
    index.sync(range(100, 500), lambda ids: vectors[list(ids)])
    shares = []
    for query in vectors[:50] + 0.1 * random.normal(size=(50, 16)).astype(np.float32):
        cosines = vectors @ query / np.linalg.norm(query)
        cosines[:100] = -2
        best = np.argsort(-cosines)[:10]
        neighbours = index.search(query, 10)
        shares.append(len({key for key, _ in neighbours} & set(best.tolist())) / 10)
        assert neighbours[0][1] == pytest.approx(cosines[neighbours[0][0]], abs=1e-5)
        assert index.cosine(query, neighbours[0][0]) == pytest.approx(neighbours[0][1], abs=1e-5)
    assert np.mean(shares) > 0.95
    assert index.cosine(vectors[0], 7) is None


def test_vectors_come_back_as_they_were_kept(store: Store) -> None:
    knowledge = Knowledge(store, ticking_clock())
    knowledge.add("a.csv", [QAPair(1, "q", REFUND)])
    ids = [key for key, _ in knowledge.vectors.texts_without_vectors("m/1")]
    vectors = np.array([[1.5, -2.0], [0.1, 1e-30]], np.float32)
    knowledge.vectors.keep("m/1", ids, vectors)
    np.testing.assert_array_equal(knowledge.vectors.read("m/1", ids[::-1]), vectors[::-1])
