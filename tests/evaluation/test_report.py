"""The page: it says everything, stands alone, and lets nothing of the data become markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.errors import ModelError
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_scores import evaluate_classes, evaluate_multi_label
from tfapp.evaluation.learning_curve import LearningCurve
from tfapp.evaluation.report import check_evaluation, render_report, write_report
from tfapp.evaluation.run_summary import RunSummary, TrainingCurves
from tfapp.tasks.registry import all_tasks

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _parse(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser


def _evaluation(labels: tuple[str, str] = ("no", "yes"), text: str = "a text") -> Evaluation:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    return evaluate_classes(labels, np.array([0, 0, 1]), probabilities, texts=["fine", text, "c"], rows=[4, 5, 6])


def test_report_says_what_was_found(tmp_path):
    path = write_report(_evaluation(), tmp_path / "report.html", title="My run", metadata={"Model": "minilm-l6"})

    words = " ".join(" ".join(_parse(path.read_text(encoding="utf-8")).words).split())
    for expected in (
        "My run",
        "33.3 %",
        "accuracy",
        "minilm-l6",
        "Scores by label",
        "Confusion matrix",
        "Calibration",
    ):
        assert expected in words
    assert "Worst mistakes" in words
    assert "row 5" in words
    assert "0.800" in words


def _words(page: str) -> str:
    return " ".join(" ".join(_parse(page).words).split())


def test_report_says_what_the_run_did_and_what_to_do_next():
    summary = RunSummary(
        rows_read={"a.csv": 1200},
        rows={"train": 800, "dev": 100, "test": 3},
        findings=[("a.csv: 2 rows without a label (rows 1, 2)", "dropped")],
        curves=TrainingCurves("accuracy", [(5, 0.9), (10, 0.5)], [(5, 0.8, 0.6, True), (10, 0.7, 0.5, False)]),
        learning_curve=LearningCurve((200, 400, 800), (0.7, 0.8, 0.9), 0.01, 800, 100),
        comparison="accuracy 0.900 of run 1 and 0.333 of this run are apart",
    )
    page = render_report(_evaluation(), title="t", metadata={}, summary=summary)
    words = _words(page)
    for expected in (
        "read from a.csv 1,200",
        "train split 800",
        "a.csv: 2 rows without a label (rows 1, 2) dropped",
        "More labels pay: from 400 to 800 labelled texts",
        "at least 6 must be right in one model alone",
        "Compared with the run before: accuracy 0.900 of run 1",
        "Training curves",
    ):
        assert expected in words
    assert page.count("<svg") == 5
    assert "What to do next" not in _words(render_report(_evaluation(), title="t", metadata={}))


def test_report_shows_texts_of_the_classes_that_are_mixed_up():
    words = _words(render_report(_evaluation(text="taken for yes"), title="t", metadata={}))
    assert "no yes 1 taken for yes" in words
    assert "yes no 1 c" in words


def test_report_needs_nothing_else(tmp_path):
    page = render_report(_evaluation(), title="t", metadata={})

    document = _parse(page)
    assert not {"script", "link", "iframe", "img"} & set(document.tags)
    links = [value for name, value in document.attributes if name in ("src", "href", "xlink:href")]
    assert all(value.startswith("#") for value in links)
    assert not re.search(r"url\((?!#)|@import", page)


def test_an_attack_stays_text():
    evaluation = _evaluation((ATTACK, "yes"), ATTACK)

    page = render_report(evaluation, title=ATTACK, metadata={ATTACK: ATTACK})

    document = _parse(page)
    assert not {"script", "img"} & set(document.tags)
    assert not [name for name, _ in document.attributes if name.startswith("on")]
    assert "<script" not in page
    assert "<script" not in evaluation._repr_html_()


@pytest.fixture(scope="module")
def plain_page() -> str:
    return render_report(_evaluation(), title="t", metadata={"Data": "d"})


@settings(max_examples=10, deadline=None)
@given(text=st.text(min_size=1, max_size=60).map(lambda text: f"<b id=x>{text}</b>\"'"))
def test_no_text_adds_a_tag(plain_page, text):
    page = render_report(_evaluation(text=text), title=text, metadata={"Data": text})

    assert sorted(_parse(page).tags) == sorted(_parse(plain_page).tags)


@pytest.mark.parametrize("count", [0, 1])
def test_almost_nothing_can_be_reported(count):
    single = evaluate_classes(["a"], np.zeros(count, int), np.ones((count, 1)), texts=["x"] * count)
    multiple = evaluate_multi_label(
        ["a", "b"], np.zeros((count, 2), bool), np.ones((count, 2)), [0.5, 0.5], texts=["x"] * count
    )

    for evaluation in (single, multiple):
        page = render_report(evaluation, title="t", metadata={})
        assert ("No texts were evaluated" in page) == (count == 0)


def test_multi_label_report_has_no_confusion_matrix():
    evaluation = evaluate_multi_label(
        ["a", "b"], np.array([[True, False]]), np.array([[0.2, 0.1]]), np.array([0.5, 0.5]), texts=["x"]
    )

    page = render_report(evaluation, title="t", metadata={})

    assert "Confusion matrix" not in page
    assert "micro F1" in page
    assert "(none)" in page


def test_a_report_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")

    with pytest.raises(AttributeError):
        write_report(None, path, title="t", metadata={})
    assert path.read_text() == "old"

    write_report(_evaluation(), path, title="t", metadata={})
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    target = tmp_path / "report.html"
    target.mkdir()

    with pytest.raises(OSError, match=r"report\.html"):
        write_report(_evaluation(), target, title="t", metadata={})

    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("task", sorted(all_tasks()))
def test_the_evaluation_of_every_task_can_be_made_and_shown(task):
    check_evaluation(all_tasks()[task].evaluation)


def test_what_an_evaluation_lacks_is_told_before_the_training(tmp_path):
    incomplete_kind = SimpleNamespace(__name__="Stars", __abstractmethods__={"table", "figures"})
    with pytest.raises(ModelError, match=r"^Stars has no figures, table; an evaluation defines them$"):
        check_evaluation(incomplete_kind)
    bare = SimpleNamespace(__name__="Stars", __abstractmethods__=(), kind="stars", templates=lambda: tmp_path)
    (tmp_path / "stars.report.html.jinja").write_text("")
    with pytest.raises(ModelError, match=r"^Stars has no template stars\.summary\.html\.jinja; expected it in "):
        check_evaluation(bare)
    (tmp_path / "stars.summary.html.jinja").write_text("")
    check_evaluation(bare)
