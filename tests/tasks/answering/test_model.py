"""The answerer: places of pieces, windows, targets, the best span, saving, padding, the contract."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import contract

from tests.toy import VOCABULARY
from tfapp.config import TrainingSettings
from tfapp.errors import ModelError
from tfapp.models import Preprocessor
from tfapp.savedmodel.verify import HARD_TEXTS
from tfapp.tasks.answering.answer_spans import MASKED_LOGIT
from tfapp.tasks.answering.model import Answerer
from tfapp.tasks.answering.pieces_with_offsets import tokenize_with_offsets
from tfapp.tasks.answering.settings import AnsweringModelSettings
from tfapp.tasks.answering.windows import join_windows, logits_in_chunks, slide_windows, split_contexts
from tfapp.tasks.models import build_model, load_model
from tfapp.training import count_trained

PIECES = [*VOCABULARY, "日", "本", "ж", "##ж"]
# Accents, combining marks, CJK, emoji and their parts, ligatures, letters that folding makes longer, what is dropped.
CHARACTERS = [
    *"aBz ,.!1",
    "é",
    "e\u0301",
    "\u0308",
    "ﬁ",
    "ﬄ",
    "日",
    "本",
    "😀",
    "👍🏽",
    "👩\u200d🔬",
    "ж",
    "ß",
    "İ",
    "…",
]
CHARACTERS += ["\u200b", "\u00a0", "\n", "\0", "\ufeff", "가", "½", "\U0001f1eb\U0001f1f7"]
TEXTS = st.lists(st.sampled_from(CHARACTERS), max_size=24).map("".join)
PREPROCESSOR = Preprocessor(PIECES, lowercase=True, max_length=16)
SHORT = Preprocessor(VOCABULARY, lowercase=True, max_length=9)
place = tf.function(
    lambda texts: tokenize_with_offsets(PREPROCESSOR, texts, 100),
    input_signature=[tf.TensorSpec([None], tf.string)],
    autograph=False,
)


def fold(text: str) -> str:
    """Returns a text as the uncased vocabulary sees it: folded letters without marks, control characters and spaces."""
    decomposition = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    characters = (c for c in decomposition if unicodedata.category(c) not in ("Mn", "Cc", "Cf") and not c.isspace())
    return "".join(characters)


@settings(max_examples=20)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_pieces_stand_where_their_letters_are(texts: list[str]) -> None:
    pieces = place(tf.constant(texts))
    firsts = PREPROCESSOR.pieces(tf.constant(texts)).to_list()
    for text, first, *columns in zip(texts, firsts, *(values.to_list() for values in pieces[:3]), strict=True):
        spans = list(zip(*columns, strict=True))
        assert [piece for piece, *_ in spans] == first
        check_places(text, spans)


def check_places(text: str, spans: list[tuple[int, int, int]]) -> None:
    places: set[int] = set()
    for piece, start, end in spans:
        assert 0 <= start < end <= len(text)
        places |= set(range(start, end))
        letters, token = fold(text[start:end]), PIECES[piece].removeprefix("##")
        # One character may be several pieces, which all stand at it.
        assert piece == PIECES.index("[UNK]") or token == letters or (token in letters and len(fold(text[start])) > 1)
    assert [start for _, start, _ in spans] == sorted(start for _, start, _ in spans)
    assert {place for place, character in enumerate(text) if fold(character)} <= places


def test_invalid_bytes_are_replaced_and_long_texts_cut() -> None:
    pieces = tokenize_with_offsets(PREPROCESSOR, tf.constant([b"a \xff b", b"a " * 5000]), 7)
    assert pieces.texts[0].numpy().decode() == "a \ufffd b"
    assert pieces.starts[0].numpy().tolist()[-1] == 4
    assert pieces.ids[1].shape == 7


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(1, 9)), max_size=6), st.integers(1, 5))
def test_windows_slide_over_every_token(texts: list[tuple[int, int, int]], max_windows: int) -> None:
    rows = np.array([(length, room, min(stride, room)) for length, room, stride in texts], np.int32).reshape(-1, 3)
    windows = slide_windows(*(tf.constant(column) for column in rows.T), max_windows)
    owners, firsts, sizes = (values.numpy() for values in windows)
    for number, (length, room, stride) in enumerate(rows):
        is_of_text = owners == number
        assert 1 <= is_of_text.sum() <= max_windows
        assert (sizes[is_of_text] == min(room, length)).all()
        assert firsts[is_of_text][0] == 0
        assert (np.diff(firsts[is_of_text]) <= stride).all()
        if is_of_text.sum() < max_windows:
            assert firsts[is_of_text][-1] + sizes[is_of_text][-1] == length
    assert (np.diff(owners) >= 0).all()


def test_a_row_is_question_and_window() -> None:
    questions, contexts = ["which ball goal team match win", "a"], ["the new bank price stock tax trade", ""]
    split = split_contexts(
        SHORT,
        tf.constant(questions),
        tf.constant(contexts),
        stride=2,
        max_windows=9,
    )
    rows = [" ".join(VOCABULARY[piece] for piece in row) for row in split.ids.to_list()]
    # Half of the six places at most are the question's.
    assert rows == [
        "[CLS] w ##h ##i [SEP] the new bank [SEP]",
        "[CLS] w ##h ##i [SEP] bank price stock [SEP]",
        "[CLS] w ##h ##i [SEP] stock tax trade [SEP]",
        "[CLS] a [SEP] [SEP]",
    ]
    assert split.windows.owners.numpy().tolist() == [0, 0, 0, 1]
    assert split.windows.offsets.numpy().tolist() == [5, 5, 5, 3]
    assert split.windows.firsts.numpy().tolist() == [0, 2, 4, 0]


def test_windows_of_parts_are_joined() -> None:
    texts = [("ball", "the new goal " * 4), ("tax", ""), ("a", "bank price")]

    def split(rows: list[tuple[str, str]]) -> Any:
        questions, contexts = (tf.constant([row[place] for row in rows]) for place in range(2))
        return split_contexts(PREPROCESSOR, questions, contexts, stride=3, max_windows=9)

    split_texts, parts = split(texts), [split(texts[:1]), split(texts[1:])]
    joined_windows = join_windows([part.windows for part in parts])
    for part, expected in zip(joined_windows, split_texts.windows, strict=True):
        assert (
            tf.reduce_all(tf.equal(part, expected)).numpy()
            if isinstance(part, tf.Tensor)
            else part.to_list() == expected.to_list()
        )


@pytest.mark.parametrize("rows", [0, 1, 4, 7])
def test_chunks_change_nothing(rows: int) -> None:
    ids = tf.RaggedTensor.from_row_lengths(tf.range(rows * (rows + 1) // 2), range(1, rows + 1))
    sizes = []

    def read(chunk: tf.RaggedTensor) -> tf.Tensor:
        sizes.append(chunk.nrows())
        dense = tf.cast(chunk.to_tensor(default_value=-1), tf.float32)
        return tf.pad(tf.stack([dense, dense + 0.5], axis=2), [[0, 0], [0, 1], [0, 0]])

    logits = logits_in_chunks(read, ids, size=3).numpy()
    assert logits.shape == (rows, max(rows, 1), 2)
    for number in range(rows):
        expected = ids[number].numpy()
        np.testing.assert_array_equal(logits[number, : number + 1], np.stack([expected, expected + 0.5], axis=1))
        assert not logits[number, number + 1 :].any()
    assert max(sizes) <= 3


def build(preset: Path, **changes: Any) -> Answerer:
    keras.utils.set_random_seed(3)
    settings = AnsweringModelSettings(preset=str(preset), **{"max_length": 16, "max_answer_length": 4} | changes)
    model = build_model("answering", settings, ["answer", "no answer"])
    assert isinstance(model, Answerer)
    # Random weights say the same of every text; wider ones tell texts apart.
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 4)
    return model


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> Answerer:
    return build(shallow_preset)


ROWS = [("which ball", "the old goal says more " * 5), ("", ""), ("tax?", "bank e\u0301 price ﬁ. 日本 tax")]


def answer_rows(model: Answerer, rows: list[tuple[str, str]]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in model.predict_text(inputs_of(rows)).items()}


def inputs_of(rows: list[tuple[str, str]]) -> dict[str, tf.Tensor]:
    names = ("question", "context")
    return {name: tf.constant([row[place] for row in rows], tf.string) for place, name in enumerate(names)}


@pytest.fixture(scope="module")
def ask(model: Answerer) -> Any:
    """The answers as a graph gives them."""
    spec = tf.TensorSpec([None], tf.string)
    return tf.function(model.predict_text, input_signature=[{"question": spec, "context": spec}], autograph=False)


@settings(max_examples=15)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.data()), min_size=1, max_size=3))
def test_a_window_learns_the_tokens_of_an_answer(model: Answerer, rows: list[tuple[str, str, Any]]) -> None:
    contexts = [context * 2 for _, context, _ in rows]
    spans = []
    for context, (*_, data) in zip(contexts, rows, strict=True):
        start = data.draw(st.integers(0, max(len(context) - 1, 0)))
        spans.append([(start, data.draw(st.integers(start + 1, len(context))))] if context else [])
    split = model.encode({"question": [row[0] for row in rows], "context": contexts, "label": spans})
    windows = split.positions
    assert split.targets.shape == (len(split.splits) - 1, 2)
    for target, owner, offset, first, size in zip(
        split.targets, *(values.numpy() for values in windows[:4]), strict=True
    ):
        starts, ends = (values[owner].numpy() for values in (windows.starts, windows.ends))
        answer_tokens = [
            token
            for token, (start, end) in enumerate(zip(starts, ends, strict=True))
            if any(start < last and end > begin for begin, last in spans[owner])
        ]
        is_inside = bool(answer_tokens) and first <= answer_tokens[0] and answer_tokens[-1] < first + size
        assert target.tolist() == (
            [answer_tokens[0] - first + offset, answer_tokens[-1] - first + offset] if is_inside else [0, 0]
        )


def test_the_first_answer_that_a_window_holds_is_learnt(model: Answerer) -> None:
    context = " ".join(["ball"] * 30)
    label = [[(0, 9), (100, 104)]]
    split = model.encode({"question": ["a"], "context": [context], "label": label})
    first, *_, last = split.targets.tolist()
    assert first == [3, 4]
    assert last[0] == last[1] > 0
    assert [0, 0] in split.targets.tolist()


def test_only_the_window_and_cls_have_a_chance(model: Answerer) -> None:
    split = model.encode({"question": ["the ball", "a"], "context": ["goal team", "tax"], "label": [[], []]})
    logits = model.logits(tf.RaggedTensor.from_row_splits(split.ids, split.splits)).numpy()
    assert ((logits[:, :, 0] > MASKED_LOGIT) == (logits[:, :, 1] > MASKED_LOGIT)).all()
    assert (logits[:, :, 0] > MASKED_LOGIT).tolist() == [
        [True, *[False] * 3, True, True, False],
        [True, *[False] * 2, True, *[False] * 3],
    ]


def test_the_loss_is_that_of_start_and_end(model: Answerer) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 5, 2)).astype(np.float32)
    targets = np.array([[1, 3], [0, 0]], np.int32)
    shares = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    expected = [-(shares[0, 1, 0] + shares[0, 3, 1]) / 2, -(shares[1, 0, 0] + shares[1, 0, 1]) / 2]
    np.testing.assert_allclose(model.loss(tf.constant(targets), tf.constant(logits)), expected, rtol=1e-5)


def test_padding_changes_nothing(ask: Any) -> None:
    batch_answers, single_answers = ask(inputs_of(ROWS)), [ask(inputs_of([row])) for row in ROWS]
    for name, values in batch_answers.items():
        expected = np.concatenate([logits[name] for logits in single_answers])
        if name == "score":
            np.testing.assert_allclose(values, expected, atol=1e-5)
        else:
            assert values.numpy().tolist() == expected.tolist()


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_the_answer_stands_in_the_very_context(ask: Any, rows: list[tuple[str, str]]) -> None:
    check(ask(inputs_of(rows)), [context for _, context in rows])


def test_hard_texts_are_answered(ask: Any) -> None:
    check(ask(inputs_of([(text, text) for text in HARD_TEXTS])), list(HARD_TEXTS))


def check(outputs: dict[str, tf.Tensor], contexts: list[str]) -> None:
    columns = (outputs[name].numpy().tolist() for name in ("answer", "start", "end", "score"))
    for answer, start, end, score, context in zip(*columns, contexts, strict=True):
        assert answer.decode() == (context[start:end] if start >= 0 else "")
        assert (start, end) == (-1, -1) or 0 <= start < end
        assert 0 <= score <= 1


def test_a_threshold_decides_whether_there_is_an_answer(model: Answerer) -> None:
    split = split_contexts(model.preprocessor, *inputs_of(ROWS).values(), stride=None, max_windows=9)
    spans = model.find(logits_in_chunks(model.logits, split.ids), split.windows)
    old_threshold = model.threshold
    try:
        for threshold, is_answered in ((-100.0, [True, False, True]), (100.0, [False] * 3)):
            model.threshold = threshold
            assert model.is_answered(spans).numpy().tolist() == is_answered
        model.no_answer = False
        assert model.is_answered(spans).numpy().tolist() == [True, False, True]
    finally:
        model.threshold, model.no_answer = old_threshold, True


@pytest.mark.parametrize(
    ("labels", "setting", "expected"),
    [(["answer"], None, False), (["answer", "no answer"], None, True), (["answer"], True, True)],
)
def test_no_answer_is_one_where_train_has_such(
    shallow_preset: Path, labels: list[str], setting: bool | None, expected: bool
) -> None:
    settings = AnsweringModelSettings(preset=str(shallow_preset), max_length=16, no_answer=setting)
    assert build_model("answering", settings, labels).config()["no_answer"] is expected


def test_saving_keeps_the_answers(model: Answerer, tmp_path: Path) -> None:
    model.threshold = -1.25
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert isinstance(loaded_model, Answerer)
    assert loaded_model.config() == model.config()
    for name, values in answer_rows(loaded_model, ROWS).items():
        np.testing.assert_array_equal(values, answer_rows(model, ROWS)[name])


@pytest.mark.parametrize("rows", [ROWS, []])
def test_answers_fulfil_the_contract(ask: Any, rows: list[tuple[str, str]]) -> None:
    answers = ask(inputs_of(rows))
    for spec in contract.ANSWERING.outputs:
        assert answers[spec.name].dtype.name == spec.dtype
        assert answers[spec.name].shape == (len(rows),)
    assert set(answers) == {spec.name for spec in contract.ANSWERING.outputs}


def test_contexts_are_read_to_their_end_but_for_a_limit(model: Answerer) -> None:
    inputs = inputs_of([("a", "the " * 200 + "goal")])
    for max_windows, tokens in ((model.max_windows, 201), (3, 5 + 2 * 4)):
        windows = split_contexts(SHORT, *inputs.values(), stride=4, max_windows=max_windows).windows
        assert int(windows.firsts[-1] + windows.sizes[-1]) == tokens


def test_less_than_all_may_learn(model: Answerer) -> None:
    assert count_trained(model, TrainingSettings(adapt="head")) == 2 * (32 + 1)
    lora = count_trained(model, TrainingSettings(adapt="lora", lora_rank=2))
    assert lora == 2 * (32 + 1) + 2 * 2 * (32 + 32)  # query and value of one layer


def test_what_answering_does_not_have_is_named(shallow_preset: Path) -> None:
    with pytest.raises(ModelError, match="there is no lstm model for answering"):
        build(shallow_preset, kind="lstm")
    with pytest.raises(ModelError, match=r"model\.max_length is 99, .* at most 64 tokens at once; take fewer$"):
        build(shallow_preset, max_length=99)
    with pytest.raises(ModelError, match="max_length is 65"):
        build(shallow_preset).check_length(65)
