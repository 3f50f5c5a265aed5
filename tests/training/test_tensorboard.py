"""The event files, read back by TensorBoard's own readers."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugin_util import markdown_to_safe_html
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups, plugin_data_pb2
from tensorboard.plugins.pr_curve import metadata as pr_metadata
from tensorboard.util import tensor_util

from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_scores import evaluate_classes, evaluate_multi_label
from tfapp.training.tensorboard import TensorBoardLog


def _read(folder: Path) -> plugin_event_accumulator.EventAccumulator:
    return plugin_event_accumulator.EventAccumulator(str(folder)).Reload()


def _points(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in _read(folder).Tensors(tag)]


def _strings(folder: Path, tag: str) -> list[bytes]:
    return list(tensor_util.make_ndarray(_read(folder).Tensors(tag)[-1].tensor_proto).ravel())


def _evaluation(text: str = "a text", classes: int = 3) -> Evaluation:
    rng = np.random.default_rng(0)
    targets = np.arange(60) % classes
    logits = rng.normal(size=(60, classes)) + 1.0 * (targets[:, None] == np.arange(classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return evaluate_classes(
        [f"c{k}" for k in range(classes)], targets, probabilities, texts=[text] * 60, rows=range(60)
    )


def test_scalars_come_back_by_side(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.scalars(10, {"loss": 0.5, "learning_rate": 1e-5})
        log.scalars(20, {"loss": 0.25})
        log.scalars(20, {"loss": 0.75}, split="dev")

    assert _points(tmp_path / "train", "loss") == [(10, 0.5), (20, 0.25)]
    assert _points(tmp_path / "train", "learning_rate") == [(10, pytest.approx(1e-5))]
    assert _points(tmp_path / "dev", "loss") == [(20, 0.75)]
    assert _read(tmp_path / "train").SummaryMetadata("loss").plugin_data.plugin_name == "scalars"


def test_a_point_can_be_read_at_once(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.scalars(1, {"loss": 0.5})

    assert _points(tmp_path / "train", "loss") == [(1, 0.5)]
    log.close()


def test_a_log_reopened_goes_on(tmp_path):
    for step in (1, 2):
        with TensorBoardLog(tmp_path) as log:
            log.scalars(step, {"loss": step})

    assert _points(tmp_path / "train", "loss") == [(1, 1.0), (2, 2.0)]


def test_a_resumed_log_drops_the_killed_trys_later_steps(tmp_path):
    killed_log = TensorBoardLog(tmp_path)
    for step in (10, 20, 30, 40):
        killed_log.scalars(step, {"loss": float(step)})
    killed_log.scalars(40, {"accuracy": 0.9}, split="dev")

    with TensorBoardLog(tmp_path, purge_step=30) as resumed_log:
        # Before anything is logged again, and on sides that are not logged to again.
        assert _points(tmp_path / "train", "loss") == [(10, 10.0), (20, 20.0)]
        assert _points(tmp_path / "dev", "accuracy") == []
        resumed_log.scalars(30, {"loss": -1.0})

    assert _points(tmp_path / "train", "loss") == [(10, 10.0), (20, 20.0), (30, -1.0)]


def test_a_run_killed_twice_is_purged_twice(tmp_path):
    for purge_step, value in ((None, 0.0), (3, 1.0), (2, 2.0)):
        log = TensorBoardLog(tmp_path, purge_step=purge_step)
        for step in range(purge_step or 0, 5):
            log.scalars(step, {"loss": value})

    assert _points(tmp_path / "train", "loss") == [(0, 0.0), (1, 0.0), (2, 2.0), (3, 2.0), (4, 2.0)]


def test_a_clock_set_back_does_not_reorder_the_files(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.scalars(5, {"loss": 5.0})
    (first,) = (tmp_path / "train").iterdir()
    first.rename(first.with_name("events.out.tfevents.9000000000.host.1"))

    with TensorBoardLog(tmp_path, purge_step=3) as log:
        log.scalars(3, {"loss": 3.0})

    assert _points(tmp_path / "train", "loss") == [(3, 3.0)]


def test_a_half_written_record_does_not_hide_the_rest(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.scalars(1, {"loss": 1.0})
    (first,) = (tmp_path / "train").iterdir()
    first.write_bytes(first.read_bytes() + b"\x40\0\0\0")

    with TensorBoardLog(tmp_path, purge_step=2) as log:
        log.scalars(2, {"loss": 2.0})

    assert _points(tmp_path / "train", "loss") == [(1, 1.0), (2, 2.0)]


def test_settings_are_text_and_hyperparameters(tmp_path):
    toml = 'name = "a``` b"\n[training]\nepochs = 2\nlearning_rate = 5e-5\ndeterministic = true\n'
    with TensorBoardLog(tmp_path) as log:
        log.settings(toml)

    page = markdown_to_safe_html(_strings(tmp_path, "settings")[0].decode())
    assert "learning_rate = 5e-5" in html.unescape(page)
    assert "<code>" in page
    metadata = _read(tmp_path).SummaryMetadata("_hparams_/session_start_info")
    hparams = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info.hparams
    assert hparams["training.epochs"].number_value == 2
    assert hparams["training.deterministic"].bool_value is True
    assert hparams["name"].string_value == "a``` b"


def test_evaluation_shows_scores_and_the_matrix(tmp_path):
    evaluation = _evaluation()
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(evaluation, 7, "dev")

    assert _points(tmp_path / "dev", "evaluation/accuracy") == [(7, pytest.approx(evaluation.accuracy))]
    assert _points(tmp_path / "dev", "class_f1/c1") == [(7, pytest.approx(evaluation.classes[1].f1))]
    width, height, png = _strings(tmp_path / "dev", "confusion_matrix")
    assert imread(io.BytesIO(png), format="png").shape[:2] == (int(height), int(width))


def test_curves_are_in_the_plugins_form(tmp_path):
    evaluation = _evaluation()
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(evaluation, 7, "dev")

    events = _read(tmp_path / "dev")
    data = events.SummaryMetadata("pr_curve/c0").plugin_data
    assert data.plugin_name == "pr_curves"
    assert pr_metadata.parse_plugin_metadata(data.content).num_thresholds == 101
    rows = tensor_util.make_ndarray(events.Tensors("pr_curve/c0")[0].tensor_proto)
    assert rows.shape == (6, 101)
    np.testing.assert_array_equal(rows[:4].sum(axis=0), 60)
    assert rows[pr_metadata.TRUE_POSITIVES_INDEX, 0] == evaluation.classes[0].support
    assert rows[pr_metadata.RECALL_INDEX, 0] == 1
    assert rows[pr_metadata.PRECISION_INDEX, 0] == pytest.approx(evaluation.classes[0].support / 60)
    assert (np.diff(rows[pr_metadata.RECALL_INDEX]) <= 0).all()


def test_at_most_twenty_curves_those_with_most_rows(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(_evaluation(classes=25), 1, "dev")

    tags = set(_read(tmp_path / "dev").Tags()["tensors"])
    # 60 rows over 25 classes: the first ten have three, the others two.
    assert {f"pr_curve/c{k}" for k in range(10)} <= tags
    assert sum(tag.startswith("pr_curve/") for tag in tags) == 20
    assert sum(tag.startswith("class_f1/") for tag in tags) == 25


@pytest.mark.parametrize(
    "text", ["a | b `c` *d* _e_", "<script>alert(1)</script>", "[x](http://y) # z \\", "~~s~~ &amp;"]
)
def test_mistakes_keep_their_text_and_their_cells(tmp_path, text):
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(_evaluation(text), 7, "test")

    tensor = _read(tmp_path / "test").Tensors("worst_mistakes")[0].tensor_proto
    # TensorBoard shows a tensor of any other rank as a table of texts.
    assert tensor_util.make_ndarray(tensor).shape == ()
    page = markdown_to_safe_html(_strings(tmp_path / "test", "worst_mistakes")[0].decode())
    rows = re.findall(r"<tr>\s*(<td.*?)</tr>", page, flags=re.DOTALL)
    assert len(rows) == len(_evaluation().mistakes)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rows[0], flags=re.DOTALL)
    assert len(cells) == 5
    assert html.unescape(cells[0]) == text


def test_multi_label_and_empty_evaluations_are_logged(tmp_path):
    empty = evaluate_classes("ab", np.array([], int), np.zeros((0, 2)), texts=[])
    evaluation = evaluate_multi_label(
        "ab", np.array([[True, False]]), np.array([[0.9, 0.1]]), np.full(2, 0.5), texts=["x"]
    )
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(empty, 1, "dev")
        log.evaluation(evaluation, 1, "test")

    assert _points(tmp_path / "dev", "evaluation/accuracy") == [(1, 0.0)]
    assert "confusion_matrix" not in _read(tmp_path / "test").Tags()["tensors"]
    assert _strings(tmp_path / "test", "worst_mistakes") == [b"No mistakes."]


def test_files_are_plain_event_files(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.scalars(1, {"loss": 1.0})

    (file,) = (tmp_path / "train").iterdir()
    assert next(event.file_version for event in EventFileLoader(str(file)).Load()) == "brain.Event:2"


def test_hyperparameters_come_with_the_scores_of_the_runs(tmp_path):
    for name, rate, classes in (("first", 0.5, 3), ("second", 0.25, 2)):
        with TensorBoardLog(tmp_path / name) as log:
            log.settings(f'name = "news"\n\n[training]\nlearning_rate = {rate}\n')
            log.scalars(10, {"loss": 0.5})
            log.evaluation(_evaluation(classes=classes), step=0, split="test")
            if name == "first":
                log.end()

    groups = {group.sessions[0].name: group for group in _session_groups(tmp_path)}
    assert set(groups) == {"first", "second"}
    assert groups["first"].hparams["training.learning_rate"].number_value == 0.5
    scores = {(value.name.group, value.name.tag): value.value for value in groups["second"].metric_values}
    assert scores["test", "evaluation/accuracy"] == pytest.approx(_evaluation(classes=2).main_score)
    (ended_session,), (going_on,) = groups["first"].sessions, groups["second"].sessions
    assert (ended_session.status, going_on.status) == (api_pb2.STATUS_SUCCESS, api_pb2.STATUS_UNKNOWN)
    assert ended_session.end_time_secs >= ended_session.start_time_secs > 0


def _session_groups(folder: Path) -> list[api_pb2.SessionGroup]:
    """Returns what TensorBoard's table of hyperparameters shows of the runs in a folder."""
    events = EventMultiplexer(tensor_size_guidance={"scalars": 100}).AddRunsFromDirectory(str(folder)).Reload()
    context = backend_context.Context(TBContext(data_provider=MultiplexerDataProvider(events, str(folder))))
    request, query = RequestContext(), api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=9)
    query.allowed_statuses.extend([api_pb2.STATUS_SUCCESS, api_pb2.STATUS_UNKNOWN])
    response = list_session_groups.Handler(request, context, "", query).run()
    return list(response.session_groups)
