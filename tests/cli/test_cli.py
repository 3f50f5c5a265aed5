"""The command line as a whole: one line and status 2 for a mistake, lines for programs, bars for people."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.processes import Result, call, complaint, run
from tests.toy import TOPICS, toy_experiment
from tfapp import Run, __version__

COMMANDS = ("demo", "init", "assets", "data", "train", "evaluate", "export", "predict", "serve")


@pytest.fixture(scope="session")
def settings(toy_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settings file of the toy data and the small LSTM, which trains fastest."""
    values = toy_experiment(toy_preset, toy_data, model={"kind": "lstm"}, training={"epochs": 1})
    file = tmp_path_factory.mktemp("settings") / "toy.toml"
    file.write_text(tomli_w.dumps(values))
    return file


def test_help_names_every_command() -> None:
    result = run("--help")
    assert (result.code, result.err) == (0, "")
    assert all(command in result.out for command in COMMANDS)
    for command in COMMANDS:
        assert "Usage" in call(command, "--help").out


def test_the_version_is_printed_without_tensorflow() -> None:
    code = "import sys; from tfapp.cli.app import app; app(['--version'], standalone_mode=False); print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = process.stdout.splitlines()
    assert version == f"tfapp {__version__}"
    assert not {"tensorflow", "keras", "pyarrow"} & set(modules.split())


def test_help_and_import_load_nothing_heavy() -> None:
    heavy = {"tensorflow", "keras", "keras_hub", "sklearn", "pyarrow", "matplotlib", "pandas", "grpc", "numpy"}
    for code, spared_modules in (("import tfapp", heavy), ("import tfapp.cli.app", heavy - {"numpy"})):
        process = subprocess.run(
            [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert not spared_modules & set(process.stdout.split())


def test_a_wrong_path_in_a_process_of_its_own(tmp_path: Path) -> None:
    result = run("train", tmp_path / "none.toml")
    assert "no such settings file; `tfapp init DATA_FILE` writes one" in complaint(result)
    assert result.out == ""


@pytest.mark.slow
def test_a_wrong_column_in_a_process_of_its_own(settings: Path, tmp_path: Path) -> None:
    result = run("train", settings, "--runs", tmp_path, "--set", "data.text=txt")
    assert 'did you mean "text"?' in complaint(result)
    assert result.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epocs=2", 'unknown setting training.epocs; did you mean "epochs"?'),
        ("training.epochs=two", "training.epochs should be a valid integer"),
        ("training.epochs", "--set training.epochs: expected section.name=value"),
        ("model.preset=minilm-l5", 'unknown preset minilm-l5; did you mean "minilm-l6"?'),
        ("model.preset=/nowhere/at/all", "unknown preset /nowhere/at/all"),
        ("data.train=/nowhere/toy.jsonl", "/nowhere/toy.jsonl"),
        ("data.label=lable", 'did you mean "label"?'),
        ("training.strategy=mirrored", "training.strategy is mirrored"),
    ],
)
def test_train_refuses_in_one_line(settings: Path, tmp_path: Path, override: str, message: str) -> None:
    assert message in complaint(call("train", settings, "--runs", tmp_path, "--set", override))


def test_train_refuses_files_it_cannot_read(settings: Path, tmp_path: Path) -> None:
    broken_file, latin_file = tmp_path / "broken.toml", tmp_path / "latin.csv"
    broken_file.write_text("name = toy\n[data\n")
    assert f"{broken_file}: not valid TOML" in complaint(call("train", broken_file))
    latin_file.write_bytes("text,label\ncafé au lait,sport\n".encode("latin-1"))
    message = complaint(call("train", settings, "--set", f"data.train={latin_file}", "--runs", tmp_path))
    for part in (str(latin_file), "line 2", "0xe9", "data.encoding"):
        assert part in message
    assert not (tmp_path / "toy").exists()


def test_other_commands_refuse_in_one_line(toy_models: Path, toy_run: Run, tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        (("evaluate", nowhere), "no run there"),
        (("evaluate", toy_run.path.parent.with_name("toi")), 'no run there; did you mean "toy"?'),
        (("evaluate", toy_run.path, "--data", nowhere / "x.csv"), "x.csv"),
        (("export", nowhere), "no run there"),
        (("export", toy_run.path, "--to", toy_models / "toy" / "1" / "saved_model.pb"), "choose another models folder"),
        (("predict", nowhere, "a text"), "neither a run nor an exported model"),
        (("predict", tmp_path, "a text"), "neither a run nor an exported model"),
        (("predict", toy_models / "toy", nowhere / "x.csv"), "x.csv"),
        (("serve", nowhere), "no such models folder; `tfapp export"),
        (("serve", tmp_path), "no model in it"),
        (("serve", toy_models, "--model", "toi"), 'did you mean "toy"?'),
        (("init", nowhere / "x.csv"), "x.csv"),
        (("data", "describe", nowhere / "x.csv"), "x.csv"),
        (("assets", "pull", "minilm"), 'did you mean "minilm-l6"?'),
        (("assets", "path", "bbc-new"), 'did you mean "bbc-news"?'),
    ]
    for arguments, message in cases:
        assert message in complaint(call(*arguments))


def test_a_port_in_use_is_one_line(toy_models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = complaint(call("serve", toy_models, "--port", str(port)))
    assert f"cannot listen on 127.0.0.1:{port}" in message
    assert "choose another with --port" in message


def test_a_defect_of_ours_is_no_line_but_a_stack_trace(settings: Path, tmp_path: Path) -> None:
    """Only what a user can mend is cut down to a line."""
    code = (
        "import typer; from tfapp.cli import app as program\n"
        "@program.app.command()\ndef broken(): raise ZeroDivisionError\n"
        "program.main(['broken'])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "Traceback" in process.stderr
    assert "ZeroDivisionError" in process.stderr


def test_an_interrupt_is_a_line_and_its_own_status() -> None:
    code = (
        "from tfapp.cli import app as program\n"
        "@program.app.command()\ndef wait(): raise KeyboardInterrupt\n"
        "program.main(['wait'])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 130
    assert "Traceback" not in process.stderr


def test_train_prints_lines_where_no_one_looks(settings: Path, tmp_path: Path) -> None:
    result = call("train", settings, "--runs", tmp_path)
    events = lines(result)
    assert (result.code, result.err) == (0, "")
    assert [events[0]["event"], events[-2]["event"], events[-1]["event"]] == ["start", "epoch", "end"]
    (folder,) = (tmp_path / "toy").iterdir()
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert events[-1]["run"] == str(folder)
    assert events[-1]["test"]["score"] == evaluation["main_score"]


@pytest.mark.slow
def test_train_shows_a_bar_and_a_table_on_a_terminal(settings: Path, tmp_path: Path) -> None:
    output = on_a_terminal("train", settings, "--runs", tmp_path)
    for part in ("Training", "steps", "loss", "tokens/s", "precision", "recall", "weighted", "Report", "tfapp export"):
        assert part in output
    assert all(topic in output for topic in TOPICS)
    assert '{"event"' not in output
    assert "Traceback" not in output
    for noise in ("oneDNN", "cuda", "rebuild TensorFlow", ".cc:"):
        assert noise not in output
    (folder,) = (tmp_path / "toy").iterdir()
    processors = len(os.sched_getaffinity(0))
    assert json.loads((folder / "environment.json").read_text())["streams"] == min(processors // -(-processors // 4), 4)


def test_predict_prints_answers_and_no_noise(toy_run: Run, toy_models: Path) -> None:
    texts = ["the ball and the goal", "bank  price"]
    result = run("predict", toy_models / "toy", *texts, "--json", "--probabilities")
    assert (result.code, result.err) == (0, "")
    answers = toy_run.predict(texts)
    for row, line in enumerate(lines(result)):
        assert (line["text"], line["label"]) == (texts[row], answers["label"][row])
        expected = dict(zip(sorted(TOPICS), answers["probabilities"][row].tolist(), strict=True))
        assert line["probabilities"] == pytest.approx(expected, abs=1e-4)


def test_predict_scores_a_file_beside_its_columns(toy_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("id,text\n7,the ball\n8,\n")
    result = call("predict", toy_run.path, file)
    assert (result.code, result.err) == (0, "")
    rows = (tmp_path / "new.predictions.csv").read_text().splitlines()
    assert rows[0].startswith("id,text,")
    assert rows[1].startswith("7,the ball,")
    assert len(rows) == 3


def test_evaluate_speaks_json(toy_run: Run) -> None:
    result = call("evaluate", toy_run.path, "--json")
    assert (result.code, result.err) == (0, "")
    assert lines(result) == [json.loads(json.dumps(toy_run.evaluation.to_dict()))]


def test_evaluate_prints_the_table(toy_run: Run) -> None:
    result = call("evaluate", toy_run.path)
    assert result.code == 0
    for part in ("precision", "macro", *TOPICS, "report.html"):
        assert part in result.out


def lines(result: Result) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def on_a_terminal(*arguments: str | Path) -> str:
    """Returns what `tfapp` shows on a terminal of 160 columns."""
    parent_end, child_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
    command = [sys.executable, "-m", "tfapp", *(str(argument) for argument in arguments)]
    with subprocess.Popen(command, stdin=child_end, stdout=child_end, stderr=child_end, env=environment) as process:
        os.close(child_end)
        output = b""
        try:
            while part := os.read(parent_end, 65536):
                output += part
        except OSError:  # Linux's way to say that the other end was closed
            pass
        os.close(parent_end)
    assert process.returncode == 0, output
    return output.decode()
