"""The functions that people call, end to end on toys: data in, a served model out."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

import tfapp
from tests.toy import TOPICS, toy_experiment, toy_rows, toy_text
from tfapp import Run, api, registry
from tfapp.errors import DataError, ModelError, RegistryError, SettingsError, TrainingError
from tfapp.server import ServerSettings
from tfapp.tasks.experiments import parse_experiment

TEXTS = [
    toy_text("sport", 901),
    toy_text("tech", 902),
    toy_text("money", 903),
    "",
    "   ",
    "Crème brûlée 今日は 😍",
    "ball " * 500,
    "[CLS] goal [SEP]",
]


class RunKilledError(Exception):
    """Stands for the end of the process."""


class RunWatcher:
    """Counts what it is told, and ends the process, as it were, when a step is done."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.starts: list[tuple[int, int]] = []

    def on_start(self, step: int, total_steps: int) -> None:
        self.starts.append((step, total_steps))

    def on_progress(self, step: int) -> None:
        if step == self.kill_at:
            raise RunKilledError

    def on_step(self, event: Any) -> None: ...

    def on_epoch(self, event: Any) -> None: ...


class Contender(RunWatcher):
    """Asks for the same run as soon as its training starts."""

    def __init__(self, resume: Callable[[], Any]) -> None:
        super().__init__()
        self._resume = resume
        self.refusals: list[str] = []

    def on_start(self, step: int, total_steps: int) -> None:
        super().on_start(step, total_steps)
        with pytest.raises(TrainingError) as excinfo:
            self._resume()
        self.refusals.append(str(excinfo.value))


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def both_ways(run: Run, models: Path, name: str) -> tuple[dict[str, np.ndarray], list[Any], dict[str, np.ndarray]]:
    """Answers of the run in this process, of a server, and of the exported model in this process."""
    with tfapp.serve(models) as server:
        answers = server.client.classify(name, TEXTS)
    return run.predict(TEXTS), answers, tfapp.predict(models / name, TEXTS)


@pytest.fixture(scope="module")
def lstm_run(shallow_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the small baseline, from a settings file."""
    folder = tmp_path_factory.mktemp("lstm")
    (folder / "toy.toml").write_text(tomli_w.dumps(toy_experiment(shallow_preset, toy_data, model={"kind": "lstm"})))
    return tfapp.fit(folder / "toy.toml", runs=folder, quiet=True)


def test_a_run_learns_and_keeps_everything_that_explains_it(toy_run: Run) -> None:
    assert toy_run.folder.is_finished
    assert toy_run.path.parent.name == "toy"
    assert toy_run.evaluation.main_score > 0.6
    names = {path.name for path in toy_run.path.iterdir()}
    files = ("settings.toml", "environment.json", "data.json", "history.jsonl", "evaluation.json", "report.html")
    # The checkpoint, three times the size of the model, goes when it has done its work.
    assert {*files, "answers.parquet", "finished.json", "tensorboard", "model"} == names
    data = toy_run.folder.read("data")
    assert len(data["fingerprint"]) == 64
    assert data["labels"] == sorted(TOPICS)
    report = toy_run.folder.report.read_text()
    for section in ("What to do next", "What was done with the data", "Training curves"):
        assert section in report


def test_a_report_compares_with_the_run_before(toy_run: Run, tmp_path: Path) -> None:
    earlier_run = tmp_path / "toy" / toy_run.path.name
    later_run = tmp_path / "toy" / f"{toy_run.path.name}9"
    for folder in (earlier_run, later_run):
        shutil.copytree(toy_run.path, folder)
    evaluation = json.loads((earlier_run / "evaluation.json").read_text())
    (earlier_run / "evaluation.json").write_text(
        json.dumps(evaluation | {"wrong_rows": [*evaluation["wrong_rows"], 10**6]})
    )
    Run(later_run).evaluate(quiet=True)
    report = Run(later_run).folder.report.read_text()
    assert (
        f"run {earlier_run.name} alone is right on 0 texts, this run alone on 1: too few to tell which is better"
        in report
    )


def test_a_notebook_s_steps_give_what_a_settings_file_gives(lstm_run: Run, toy_data: Path, tmp_path: Path) -> None:
    """The same seed gives the same metrics twice, too."""
    settings = lstm_run.experiment
    data = tfapp.load_data(str(toy_data))
    sections = {name: getattr(settings, name).model_dump(exclude_unset=True) for name in ("model", "training")}
    run = tfapp.fit(data=data, name="toy", runs=tmp_path, quiet=True, **sections)
    assert run.experiment.model == settings.model
    assert run.experiment.training == settings.training
    assert (run.path / "evaluation.json").read_text() == (lstm_run.path / "evaluation.json").read_text()


def test_evaluate_repeats_the_evaluation_of_the_training(toy_run: Run) -> None:
    content = (toy_run.path / "evaluation.json").read_text()
    assert toy_run.evaluate() == toy_run.evaluation
    assert (toy_run.path / "evaluation.json").read_text() == content
    assert tfapp.evaluate(toy_run.path.parent, quiet=True) == toy_run.evaluation


def test_evaluate_on_another_file_leaves_the_run_s_own_alone(toy_run: Run, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "new.jsonl", [r for r in toy_rows(330)[300:] if r["label"] != "tech"])
    content = (toy_run.path / "evaluation.json").read_text()
    evaluation = toy_run.evaluate(file)
    assert evaluation.count == 20
    assert evaluation.labels == tuple(sorted(TOPICS))
    assert {row.name: row.support for row in evaluation.classes} == {"money": 10, "sport": 10, "tech": 0}
    folder = toy_run.folder.evaluation_folder(str(file))
    assert json.loads((folder / "evaluation.json").read_text())["on"] == str(file)
    assert str(file) in (folder / "report.html").read_text()
    assert (toy_run.path / "evaluation.json").read_text() == content


def test_predict_answers_in_order_and_by_the_contract(toy_run: Run) -> None:
    answers = toy_run.predict(TEXTS)
    assert set(answers) == {"label", "score", "probabilities", "labels"}
    assert answers["probabilities"].shape == (len(TEXTS), 3)
    assert answers["labels"].tolist() == [sorted(TOPICS)] * len(TEXTS)
    np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(answers["score"], answers["probabilities"].max(axis=1))
    # Alone or among others, in any order, a text has the same answer.
    rows = [toy_run.predict([text])["probabilities"][0] for text in TEXTS]
    np.testing.assert_allclose(answers["probabilities"], rows, atol=1e-5)
    backwards = toy_run.predict(TEXTS[::-1] * 9)["probabilities"]
    np.testing.assert_allclose(backwards[: len(TEXTS)], rows[::-1], atol=1e-5)
    assert toy_run.predict([])["probabilities"].shape == (0, 3)


def test_one_string_is_not_a_list_of_texts(toy_run: Run) -> None:
    with pytest.raises(SettingsError, match="give a list of texts"):
        tfapp.predict(toy_run, "the ball")


def test_run_version_and_server_answer_alike(toy_run: Run, toy_models: Path) -> None:
    answers, served_answers, exported_answers = both_ways(toy_run, toy_models, "toy")
    for answer, label, probabilities in zip(served_answers, answers["label"], answers["probabilities"], strict=True):
        assert answer.label == label
        assert list(answer.probabilities) == sorted(TOPICS)
        np.testing.assert_allclose(list(answer.probabilities.values()), probabilities, atol=1e-4)
    np.testing.assert_allclose(exported_answers["probabilities"], answers["probabilities"], atol=1e-4)
    assert exported_answers["label"].tolist() == answers["label"].tolist()
    for path in (toy_run.path, toy_models / "toy" / "1"):
        np.testing.assert_allclose(tfapp.predict(path, TEXTS)["score"], answers["score"], atol=1e-4)


def test_the_next_export_is_the_next_version_and_whole_when_it_is_first_seen(
    toy_run: Run, toy_models: Path, tmp_path: Path
) -> None:
    models = Path(shutil.copytree(toy_models, tmp_path / "models"))
    contents: dict[str, bytes] = {}
    stop = threading.Event()

    def look() -> None:
        while not contents:
            is_exported = stop.wait(0.001)
            if registry.versions(models, "toy") == [1, 2]:
                contents.update(files(models / "toy" / "2"))
            elif is_exported:
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        assert api.export(toy_run.path, models) == models / "toy" / "2"
    finally:
        stop.set()
        watcher.join(60)
    assert contents == files(models / "toy" / "2")
    assert {"saved_model.pb", "README.md", "variables/variables.index"} <= contents.keys()
    assert [path.name for path in models.iterdir()] == ["toy"]
    facts = json.loads(contents["assets.extra/tfapp.json"])
    assert facts["labels"] == sorted(TOPICS)
    assert facts["metrics"]["accuracy"] == toy_run.evaluation.accuracy
    assert facts["data"]["fingerprint"] == toy_run.folder.read("data")["fingerprint"]
    assert facts["verified_difference"] <= 1e-4


def test_a_server_s_settings_are_taken(toy_models: Path) -> None:
    with tfapp.serve(toy_models, settings=ServerSettings(batching=None)) as server:
        assert server.address.startswith("127.0.0.1:")
        port = int(server.address.rsplit(":", 1)[1])
        assert server.client.classify("toy", ["the ball"])[0].label in TOPICS
    assert port > 0


def test_a_folder_without_models_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no model in it"), tfapp.serve(tmp_path):
        pass


@pytest.mark.slow
def test_the_lstm_goes_the_same_way(lstm_run: Run, tmp_path: Path) -> None:
    assert lstm_run.experiment.model.kind == "lstm"
    lstm_run.export(tmp_path)
    answers, served_answers, exported_answers = both_ways(lstm_run, tmp_path, "toy")
    assert (
        [answer.label for answer in served_answers] == answers["label"].tolist() == exported_answers["label"].tolist()
    )
    for row, answer in enumerate(served_answers):
        np.testing.assert_allclose(list(answer.probabilities.values()), answers["probabilities"][row], atol=1e-4)
    np.testing.assert_allclose(exported_answers["probabilities"], answers["probabilities"], atol=1e-4)
    assert lstm_run.evaluate() == lstm_run.evaluation


@pytest.mark.slow
def test_multi_label_goes_the_same_way(shallow_preset: Path, tmp_path: Path) -> None:
    topics = sorted(TOPICS)
    rows: list[dict[str, Any]] = [{"text": row["text"], "label": [row["label"]]} for row in toy_rows(150)]
    for number in range(90):
        pair = [topics[number % 3], topics[(number + 1) % 3]]
        rows.append({"text": " ".join(toy_text(topic, 500 + number) for topic in pair), "label": pair})
    data = tfapp.load_data(str(write_rows(tmp_path / "toy.jsonl", rows)), multi_label=True)
    assert data.multi_label
    sections = toy_experiment(shallow_preset, tmp_path)
    run = tfapp.fit(
        data=data,
        name="toy",
        model=sections["model"],
        training=sections["training"],
        runs=tmp_path / "runs",
        quiet=True,
    )
    assert run.experiment.model.multi_label
    assert run.evaluation.main_name == "micro F1"
    thresholds = run.evaluation.thresholds
    assert thresholds is not None
    assert set(thresholds) != {0.5}

    run.export(tmp_path / "models")
    answers, served_answers, exported_answers = both_ways(run, tmp_path / "models", "toy")
    np.testing.assert_allclose(exported_answers["probabilities"], answers["probabilities"], atol=1e-4)
    expected = answers["probabilities"] >= np.float32(thresholds)
    assert answers["chosen"].tolist() == exported_answers["chosen"].tolist() == expected.tolist()
    for row, answer in enumerate(served_answers):
        np.testing.assert_allclose(list(answer.probabilities.values()), answers["probabilities"][row], atol=1e-4)
        assert tuple(answer.chosen or ()) == tuple(np.array(topics)[expected[row]])


def test_without_a_test_split_dev_is_evaluated_and_patience_ends_a_run(
    shallow_preset: Path, toy_data: Path, tmp_path: Path
) -> None:
    training = {"epochs": 9, "patience": 1, "learning_rate": 1e-12}
    values = toy_experiment(shallow_preset, toy_data, training=training, model={"kind": "lstm"})
    run = tfapp.fit(parse_experiment(values, ["data.test_share=0"]), runs=tmp_path, quiet=True)
    assert run.folder.read("evaluation")["on"] == "dev split"
    facts = run.folder.read("finished")
    assert facts["epochs"] < 9
    assert facts["dev_score"] == run.evaluation.main_score
    epochs = [line for line in run.folder.history.read_text().splitlines() if '"epoch"' in line]
    assert len(epochs) == facts["epochs"]
    assert "dev split" in run.folder.report.read_text()


def test_a_killed_run_goes_on_and_a_finished_one_is_left_alone(lstm_run: Run, tmp_path: Path) -> None:
    experiment = lstm_run.experiment
    contender = Contender(lambda: tfapp.fit(experiment, runs=tmp_path, quiet=True, resume=True))
    with pytest.raises(RunKilledError):
        tfapp.fit(experiment, runs=tmp_path, quiet=True, observers=[contender, RunWatcher(kill_at=17)])
    killed_run = tfapp.open_run(tmp_path / "toy")
    assert not killed_run.folder.is_finished
    assert killed_run.folder.checkpoint.is_file()
    assert "not finished" in killed_run._repr_html_()
    with pytest.raises(TrainingError, match="not finished; go on with `tfapp train"):
        killed_run.export(tmp_path / "models")
    with pytest.raises(ModelError, match=r"not finished; go on with `tfapp train \.\.\. --resume`"):
        killed_run.predict(["a"])
    with pytest.raises(TrainingError, match="did its training finish"):
        _ = killed_run.evaluation

    other_experiment = experiment.model_copy(update={"training": experiment.training.model_copy(update={"seed": 7})})
    with pytest.raises(TrainingError, match=r"other settings \(training\.seed\)"):
        tfapp.fit(other_experiment, runs=tmp_path, quiet=True, resume=True)

    resumed_run = tfapp.fit(
        experiment, runs=tmp_path, quiet=True, resume=True, observers=[contender, watcher := RunWatcher()]
    )
    # Both the run as it began and as it went on.
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    assert (
        contender.refusals
        == [f"{killed_run.path}: {holder} trains this run; wait until it ends, or start a new run without --resume"] * 2
    )
    assert resumed_run.path == killed_run.path
    assert watcher.starts == [(15, 42)]
    assert (resumed_run.path / "evaluation.json").read_text() == (lstm_run.path / "evaluation.json").read_text()

    last_run = tfapp.fit(experiment, runs=tmp_path, quiet=True, resume=True, observers=[watcher])
    assert last_run.path == killed_run.path
    assert watcher.starts == [(15, 42)]


def test_data_that_changed_are_noticed(toy_run: Run, toy_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.jsonl"
    shutil.copy(toy_data, file)
    run = Run(shutil.copytree(toy_run.path, tmp_path / "runs" / "toy" / toy_run.path.name))
    settings = toy_run.experiment.model_copy(
        update={"data": toy_run.experiment.data.model_copy(update={"train": str(file)})}
    )
    (run.path / "settings.toml").write_text(tfapp.config.dump_toml(settings))
    # The same rows in another place are the same data.
    assert run.evaluate() == toy_run.evaluation
    with file.open("a") as out:
        out.write(json.dumps({"text": "one more ball", "label": "sport"}) + "\n")
    with pytest.raises(TrainingError, match=r"not those that the run was started with; .* --data FILE"):
        run.evaluate()
    (run.path / "finished.json").unlink()
    with pytest.raises(TrainingError, match="not those that the run was started with; start a new run"):
        tfapp.fit(settings, runs=tmp_path / "runs", quiet=True, resume=True)


def test_runs_are_opened_by_folder_or_by_name(toy_run: Run, tmp_path: Path) -> None:
    assert tfapp.open_run(toy_run.path) == toy_run
    assert tfapp.open_run(toy_run.path.parent) == toy_run
    with pytest.raises(TrainingError, match='no run there; did you mean "toy"'):
        tfapp.open_run(toy_run.path.parent.with_name("toi"))
    with pytest.raises(TrainingError, match=f'no run there; did you mean "{toy_run.path.name}"'):
        tfapp.open_run(toy_run.path.with_name(toy_run.path.name[:-1]))
    for empty in (tmp_path, tmp_path / "none" / "at" / "all"):
        with pytest.raises(TrainingError, match="no run there"):
            tfapp.open_run(empty)


def test_data_run_and_evaluation_show_themselves(toy_run: Run, toy_data: Path) -> None:
    data = tfapp.load_data(str(toy_data))
    assert data.train.num_rows + data.dev.num_rows + data.test.num_rows == len(toy_rows())
    assert repr(data).splitlines() == [
        f"classification data of {toy_data}:",
        "  train 166 rows: money 54, sport 59, tech 53",
        "  dev    22 rows: money 6, sport 4, tech 12",
        "  test   52 rows: money 20, sport 17, tech 15",
    ]
    evaluation = toy_run.evaluation
    assert str(evaluation).startswith(evaluation.headline())
    assert ".figures()" in str(evaluation)
    pages = [data._repr_html_(), toy_run._repr_html_(), toy_run.evaluation._repr_html_()]
    assert all(topic in page for page in pages for topic in TOPICS)
    assert str(toy_run.path) in pages[1]


def test_what_fit_and_load_data_cannot_use(toy_data: Path, toy_run: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fit needs an experiment"):
        tfapp.fit()
    with pytest.raises(SettingsError, match=r'takes splits, not a file: give data=tfapp\.load_data\("a\.csv"\)'):
        tfapp.fit(data="a.csv")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no such settings file"):
        tfapp.fit(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"training\.epocs; did you mean"):
        tfapp.fit(data=tfapp.load_data(str(toy_data)), training={"epocs": 1}, runs=tmp_path)
    with pytest.raises(SettingsError, match="model and training go with data"):
        tfapp.fit(toy_run.experiment, training={"epochs": 1}, runs=tmp_path)
    with pytest.raises(SettingsError, match='max_row; did you mean "max_rows"'):
        tfapp.load_data(str(toy_data), max_row=3)
    with pytest.raises(DataError, match='did you mean "text"'):
        tfapp.load_data(str(toy_data), text="txt")
    with pytest.raises(DataError, match=r"none\.csv"):
        tfapp.load_data(str(tmp_path / "none.csv"))
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_are_there_and_others_are_not() -> None:
    for name in tfapp.__all__:
        assert getattr(tfapp, name) is not None
    assert set(dir(tfapp)) >= set(tfapp.__all__)
    assert tfapp.fit is api.fit
    # A package of the same name would take the function's place as soon as it is imported.
    assert not [name for name in tfapp.__all__ if (Path(tfapp.__file__).parent / name).exists()]
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = tfapp.fitt  # type: ignore[attr-defined]
