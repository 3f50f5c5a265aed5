from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tfapp_client import codec, messages
from tfapp_client.command_line import main

from tests.client.bare_server import BareServer, Refusal
from tests.terminal_codes import HOSTILE_TEXTS, control_characters
from tfapp.server import ModelServer


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; gives its status and what it printed."""

    def command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        output = capsys.readouterr()
        return status, output.out, output.err

    return command


def test_predict(model_server: ModelServer, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whole numbers become what the signature takes.
    assert run("predict", model_server.address, "numbers", '{"x": [1, 2]}') == (
        0,
        "x2: [2.0, 4.0]\ny: [3.5, 4.0]\n",
        "",
    )
    status, out, _ = run("predict", model_server.address, "words", '{"text": ["é"]}', "--json", "--output", "upper")
    assert (status, json.loads(out)) == (0, {"upper": ["é"]})
    file = tmp_path / "inputs.json"
    file.write_text('{"a": [1], "b": [2]}')
    arguments = ("predict", model_server.address, "numbers", "--signature", "two", "--version", "3")
    assert run(*arguments, f"@{file}")[1] == "sum: [3.0]\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(file.read_text()))
    assert run(*arguments, "-")[1] == "sum: [3.0]\n"


def test_classify(model_server: ModelServer, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, _ = run("classify", model_server.address, "news", "a", "éé")
    assert (status, [line.split("\t")[::2] for line in out.splitlines()]) == (0, [["bé", "a"], ["cc", "éé"]])
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nabc\n"))
    answers = json.loads(run("classify", model_server.address, "news", "--json")[1])
    assert [(answer["text"], answer["label"]) for answer in answers] == [("a", "bé"), ("abc", "aa")]
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert run("classify", model_server.address, "topics", "a")[1].startswith("bé\t")
    # A text takes one column of one line.
    assert run("classify", model_server.address, "topics", "a\tb\nc")[1].endswith("\ta b c\n")


def test_spans(model_server: ModelServer, run: Any) -> None:
    status, out, _ = run("tag", model_server.address, "tagger", "éa", "", "b")
    assert status == 0
    assert out == "1\t0-1\tfirst\t0.7500\té\n1\t1-2\trést\t0.5000\ta\n3\t0-1\tfirst\t0.7500\tb\n"
    rows = json.loads(run("tag", model_server.address, "tagger", "", "b", "--json")[1])
    entity = {"tag": "first", "text": "b", "start": 0, "end": 1, "score": 0.75}
    assert rows == [{"text": "", "entities": []}, {"text": "b", "entities": [entity]}]


def test_candidates_in_order(model_server: ModelServer, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("rank", model_server.address, "ranker", "éé", "abcd", "a") == (0, "-1.0000\ta\n-2.0000\tabcd\n", "")
    monkeypatch.setattr(sys, "stdin", io.StringIO("abcd\nab\n"))
    rows = json.loads(run("rank", model_server.address, "ranker", "éé", "--json")[1])
    assert [row["place"] for row in rows] == [1, 0]


def test_numbers_and_classes_of_pairs(model_server: ModelServer, run: Any) -> None:
    assert run("regress", model_server.address, "regressor", "abcd", "a") == (0, "4\tabcd\n1\ta\n", "")
    # Pairs stay in their order.
    assert run("regress-pairs", model_server.address, "similarity", "éé", "abcd", "a") == (0, "-2\tabcd\n-1\ta\n", "")
    assert (
        run("classify-pairs", model_server.address, "pairs", "éé", "ab", "a")[1]
        == "same\t1.0000\tab\nother\t1.0000\ta\n"
    )
    rows = json.loads(run("regress-pairs", model_server.address, "similarity", "éé", "abcd", "--json")[1])
    assert rows == [{"text": "abcd", "score": -2.0}]


def test_answers_and_vectors(model_server: ModelServer, run: Any) -> None:
    assert run("answer", model_server.address, "answerer", "ab", "éfgh") == (0, "1\t0-2\t0.5000\téf\n", "")
    rows = json.loads(run("answer", model_server.address, "answerer", "ab", "éfgh", "--json")[1])
    assert rows == [{"context": "éfgh", "answer": "éf", "start": 0, "end": 2, "score": 0.5}]
    assert run("embed", model_server.address, "embedder", "", "a") == (0, "0\t1\n0.707107\t0.707107\n", "")
    assert json.loads(run("embed", model_server.address, "embedder", "", "--json")[1])[0]["embedding"] == [0.0, 1.0]


def test_a_model_of_another_task_is_named(model_server: ModelServer, run: Any) -> None:
    status, out, err = run("tag", model_server.address, "embedder", "a")
    assert (status, out) == (1, "")
    assert "model embedder is no tagging model" in err


def test_status_and_metadata(model_server: ModelServer, run: Any) -> None:
    assert run("status", model_server.address, "numbers") == (0, "3\tAVAILABLE\n", "")
    (version,) = json.loads(run("status", model_server.address, "numbers", "--json")[1])
    assert version == {"version": 3, "state": "AVAILABLE", "error": ""}
    status, out, _ = run("metadata", model_server.address, "news")
    assert status == 0
    assert out.startswith("news version 1\n")
    assert "  in  text: string [?]\n" in out
    assert "  out probabilities: float32 [?, 3]\n" in out
    metadata = json.loads(run("metadata", model_server.address, "news", "--json")[1])
    assert metadata["signatures"]["serving_default"]["inputs"]["text"] == {"dtype": "string", "shape": [-1]}


def test_bench(model_server: ModelServer, run: Any) -> None:
    few_requests = ("--requests", "12", "--warm-up", "1")
    arguments = ("bench", model_server.address, "words", "--rows", "5", "--concurrency", "3", *few_requests, "--json")
    figures = json.loads(run(*arguments)[1])
    assert (figures["answered"], figures["errors"], figures["concurrency"], figures["rows_per_request"]) == (
        12,
        {},
        3,
        5,
    )
    assert figures["latency_ms"]["min"] <= figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    status, out, _ = run("bench", model_server.address, "numbers", '{"x": [1, 2, 3]}', "--rate", "200", *few_requests)
    assert (status, "12 requests answered" in out, "p99" in out) == (0, True, True)
    assert "rate" in json.loads(
        run("bench", model_server.address, "words", "--rate", "500", *few_requests, "--json")[1]
    )


def test_failed_calls_end_with_1(model_server: ModelServer, run: Any) -> None:
    status, out, err = run("status", model_server.address, "nope")
    assert (status, out) == (1, "")
    assert err.startswith("tfapp-client: NOT_FOUND: Could not find any versions of model nope")
    assert err.count("\n") == 1
    assert run("classify", model_server.address, "news", "a", "--label", "no")[0] == 1
    assert run("bench", model_server.address, "nope", "--requests", "1")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["predict", "ADDRESS", "numbers", "{"], "INPUTS must be JSON"),
        (["predict", "ADDRESS", "numbers", "[1]"], "INPUTS must be an object of lists by name"),
        (["predict", "ADDRESS", "numbers", "@no such file"], "no such file"),
        (["predict", "ADDRESS", "numbers", '{"x": ["a"]}'], "input x must be float32"),
        (["bench", "ADDRESS", "numbers"], "takes other inputs than texts: give INPUTS"),
        (["bench", "ADDRESS", "words", "--rows", "0"], "--rows must be 1 or more, got 0"),
        (["bench", "ADDRESS", "words", "--rate", "0"], "must be over 0"),
        (["status", "localhost", "m"], "address must be HOST:PORT of the gRPC port"),
        (["status", "http://localhost:8500", "m"], "address must be HOST:PORT of the gRPC port"),
        (["status", "a:1,b:1", "m"], "several addresses must be IP:PORT each"),
        (["status", "ADDRESS", "m", "--tls-key", "key.pem"], "mutual TLS needs both key and certificate"),
    ],
)
def test_wrong_arguments_end_with_2(model_server: ModelServer, run: Any, arguments: list[str], rule: str) -> None:
    status, out, err = run(*(model_server.address if item == "ADDRESS" else item for item in arguments))
    assert (status, out) == (2, "")
    assert rule in err
    assert err.count("\n") == 1


def test_whole_numbers_are_not_cut_to_size() -> None:
    from tfapp_client.command_line import _as_dtype
    from tfapp_client.results import TensorInfo

    assert _as_dtype("n", [1.0, 2], TensorInfo("int32", (-1,))).tolist() == [1, 2]
    for value, dtype in (([1.5], "int32"), ([300], "uint8"), ([2**40], "int32"), ([-1], "uint64")):
        with pytest.raises(ValueError, match=f"input n must be {dtype}"):
            _as_dtype("n", value, TensorInfo(dtype, (-1,)))


def test_the_token_comes_from_a_file_or_the_environment(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    with BareServer() as server:
        status, _, err = run("status", server.address, "m", "--token-file", str(file))
        assert (status, err.count("\n")) == (2, 1)
        assert err.endswith("give --tls, or --allow-plain-token if the network is trusted\n")
        assert run("status", server.address, "m", "--token-file", str(file), "--allow-plain-token")[0] == 0
        monkeypatch.setenv("TFAPP_CLIENT_TOKEN", "other")
        assert run("status", server.address, "m")[0] == 2


def test_runs_as_a_module_and_says_how_it_is_used() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tfapp_client", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("predict", "classify", "status", "metadata", "bench"):
        assert command in process.stdout
    process = subprocess.run(
        [sys.executable, "-m", "tfapp_client", "status"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 2


def answer_echo(request: Any) -> Any:
    """Answers a classifier's outputs, with the texts themselves as labels."""
    texts = codec.decode(request.inputs["text"])
    answer = messages.PredictResponse()
    answer.model_spec.version.value = 1
    codec.write(answer.outputs["label"], texts)
    codec.write(answer.outputs["score"], np.ones(len(texts), np.float32))
    codec.write(answer.outputs["probabilities"], np.ones((len(texts), 1), np.float32))
    codec.write(answer.outputs["labels"], texts.reshape(-1, 1))
    return answer


def refuse(request: Any) -> Any:
    """Refuses a call with its first text as the reason."""
    raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, codec.decode_text(codec.decode(request.inputs["text"]))[0])


# What UTF-8 cannot hold reaches no client.
_ARRIVING = HOSTILE_TEXTS.map(lambda text: text.encode("utf-8", "replace").decode())


@given(texts=st.lists(_ARRIVING, min_size=1, max_size=6))
@example(["\x1b]0;owned\x07\x9b2J\u202e"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_nothing_of_a_hostile_server_is_obeyed(hostile: tuple[str, str], run: Any, texts: list[str]) -> None:
    echo, refusal = hostile
    arguments = [f"a{text}" for text in texts]
    results = [
        run("classify", echo, "m", *arguments),
        run("classify", echo, "m", *arguments, "--json"),
        run("classify", refusal, "m", *arguments),
    ]
    assert [status for status, *_ in results] == [0, 0, 1]
    assert not control_characters("".join(part for _, *parts in results for part in parts))
    assert [row["label"] for row in json.loads(results[1][1])] == arguments
    assert all(len(line.split("\t")) == 3 for line in results[0][1].split("\n")[:-1])


def test_a_hostile_argument_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["classify", "a:1", "m", "--\x1b[2J\u202e"])
    err = capsys.readouterr().err
    assert "unrecognized arguments: --[2J" in err
    assert not control_characters(err)


def test_options_may_stand_between_and_after_the_arguments(model_server: ModelServer, run: Any) -> None:
    label = '"label": "bé"'
    arguments = ["classify", model_server.address, "news", "a"]
    for place in range(1, 5):
        status, out, _ = run(*arguments[:place], "--json", "--timeout", "20", *arguments[place:])
        assert (status, label in out) == (0, True)
    status, out, _ = run(
        "rank", model_server.address, "--json", "ranker", "--timeout", "20", "a", "--version", "1", "b", "cd"
    )
    assert (status, [row["candidate"] for row in json.loads(out)]) == (0, ["b", "cd"])
    assert run("classify", model_server.address, "news", "--json", "--", "-x")[0] == 0
    assert run("metadata", model_server.address, "numbers", "--json")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["classify", "a:1", "m", "text", "--wrong"], "unrecognized arguments: --wrong"),
        (["--timeout", "5", "classify", "a:1", "m", "text"], "invalid choice"),
        (["classify", "a:1"], "the following arguments are required: MODEL"),
        (["classify", "a:1", "m", "--timeout", "x"], "argument --timeout: invalid float value: 'x'"),
    ],
)
def test_a_wrong_option_shows_the_commands_own_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str], rule: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert rule in err
    assert ("usage: tfapp-client classify [-h] [--version N | --label NAME] [--json]" in err) == (
        rule != "invalid choice"
    )


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[str, str]]:
    """The addresses of a server that answers with what it is sent, and of one that refuses with it."""
    with BareServer(answer_echo) as echo, BareServer(refuse) as refusal:
        yield echo.address, refusal.address
