from __future__ import annotations

import numpy as np
import pytest
import tfapp_client
from tfapp_client import AnswerError, Client, ConnectionSettings, Retries, TlsFiles
from tfapp_client.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    StatusError,
    UnavailableError,
)
from tfapp_client.testing import FakeTransport
from tfapp_client.transport import PREDICT

from tfapp.server import ModelServer


@pytest.fixture
def client(model_server: ModelServer) -> Client:
    return Client(model_server.address)


def test_classify_answers_by_the_contract(client: Client) -> None:
    # The toy's label is the one whose place is the text's length, modulo three.
    answers = client.classify("news", ["", "a", "éé", "abc"])
    assert [answer.label for answer in answers] == ["aa", "bé", "cc", "aa"]
    assert list(answers[1].probabilities) == ["aa", "bé", "cc"]
    assert answers[1].probabilities["bé"] == pytest.approx(answers[1].score)
    assert sum(answers[1].probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert answers[1].chosen is None
    assert client.classify("news", ["a"], version=1) == client.classify("news", ["a"])


def test_multi_label_models_tell_what_they_chose(client: Client) -> None:
    for _ in range(2):
        assert client.classify("topics", ["a"])[0].chosen == ("bé",)


def test_predict_takes_and_gives_arrays(client: Client) -> None:
    answer = client.predict("numbers", {"x": np.array([1.0, 2.0], np.float32)})
    assert answer["y"].tolist() == [3.5, 4.0]
    assert client.predict("numbers", {"a": [1.0], "b": [2.0]}, "two")["sum"].tolist() == [3.0]
    assert set(client.predict("words", {"text": ["é"]}, outputs=["upper"])) == {"upper"}
    assert client.predict("words", {"text": [["a", "b"]]})["upper"].tolist() == [[b"A", b"B"]]


def test_status_metadata_and_health(client: Client) -> None:
    (status,) = client.status("numbers")
    assert (status.version, status.state, status.available, status.error) == (3, "AVAILABLE", True, "")
    metadata = client.metadata("news")
    assert metadata.version == 1
    signature = metadata.signatures["serving_default"]
    assert signature.inputs["text"] == tfapp_client.TensorInfo("string", (-1,))
    assert signature.outputs["probabilities"] == tfapp_client.TensorInfo("float32", (-1, 3))
    assert client.metadata("numbers").signatures["classify"].method == "tensorflow/serving/classify"
    assert client.health()
    with pytest.raises(NotFoundError):
        client.health("no such service")


def test_errors_are_told_apart_and_keep_the_servers_text(client: Client) -> None:
    with pytest.raises(NotFoundError) as excinfo:
        client.classify("nope", ["a"])
    assert excinfo.value.details == "Servable not found for request: Latest(nope)"
    assert excinfo.value.__cause__ is not None
    with pytest.raises(NotFoundError, match=r"Specific\(news, 9\)"):
        client.classify("news", ["a"], version=9)
    with pytest.raises(InvalidArgumentError, match="Unrecognized servable version label: stable"):
        client.classify("news", ["a"], label="stable")
    with pytest.raises(FailedPreconditionError, match='Serving signature key "no" not found'):
        client.predict("numbers", {"x": [1.0]}, "no")
    with pytest.raises(AnswerError, match="model words is no classification model by the contract: it answers"):
        client.classify("words", ["a"])


def test_wrong_arguments_are_said_before_a_call() -> None:
    fake = FakeTransport()
    client = Client(transport=fake)
    with pytest.raises(TypeError, match=r"texts must be a list of str, got one str; write \[text\]"):
        client.classify("news", "a text")
    with pytest.raises(TypeError, match=r"^texts must be a list of str, got NoneType: None$"):
        client.classify("news", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^timeout must be a number of seconds, got str: '3'$"):
        client.classify("news", ["a"], timeout="3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="texts must hold str only, got NoneType: None"):
        client.classify("news", ["a", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="texts must hold str only, got list"):
        client.classify("news", [["a"]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="give a version or a label, not both"):
        client.classify("news", ["a"], version=1, label="stable")
    with pytest.raises(TypeError, match="outputs must be a list of names"):
        client.predict("m", {"x": [1.0]}, outputs="y")
    with pytest.raises(TypeError, match=r"^timeout must be a number of seconds, got str: '3'$"):
        Client("localhost:1", timeout="3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout must be over 0"):
        Client(transport=fake, timeout=0)
    with pytest.raises(ValueError, match="mutual TLS needs both"):
        TlsFiles(key="key.pem")
    assert client.classify("news", []) == []
    assert fake.requests == []


def _two(_text: str) -> dict[str, float]:
    return {"a": 0.25, "b": 0.75}


def test_labels_are_asked_for_once_a_version() -> None:
    fake = FakeTransport().classifier("news", _two)
    client = Client(transport=fake)
    for _ in range(3):
        assert client.classify("news", ["x"])[0].probabilities == {"a": 0.25, "b": 0.75}
    assert [list(call.request.output_filter) for call in fake.requests] == [
        [],
        ["label", "score", "probabilities"],
        ["label", "score", "probabilities"],
    ]
    fake.classifier("news", lambda _text: {"b": 0.5, "c": 0.25, "d": 0.25}, version=2)
    assert client.classify("news", ["x"])[0].probabilities == {"b": 0.5, "c": 0.25, "d": 0.25}
    # One answer by the old layout, thrown away, then one in full.
    assert len(fake.requests) == 5
    assert client.classify("news", ["x"])[0].label == "b"
    assert len(fake.requests) == 6


def test_a_newer_version_may_lack_an_output_of_the_last() -> None:
    def multi_label(inputs: dict[str, np.ndarray]) -> dict[str, object]:
        return {
            **{"label": ["a"], "score": [0.5], "probabilities": [[0.5]], "labels": [["a"]]},
            "chosen": np.array([[True]]),
        }

    fake = FakeTransport().model("news", multi_label)
    client = Client(transport=fake)
    assert client.classify("news", ["x"])[0].chosen == ("a",)
    fake.classifier("news", _two, version=2)
    assert client.classify("news", ["x"])[0].chosen is None


def test_two_versions_behind_one_address_are_not_mixed_up() -> None:
    fake = FakeTransport()
    client = Client(transport=fake)
    for turn in range(6):
        version = 1 + turn % 2
        labels = {"a": 0.75, "b": 0.25} if version == 1 else {"b": 0.75, "c": 0.25}
        fake.classifier("news", lambda _text, labels=labels: labels, version=version)
        assert client.classify("news", ["x"])[0].probabilities == labels


def test_each_call_has_a_deadline() -> None:
    fake = FakeTransport().classifier("news", _two)
    client = Client(transport=fake, timeout=30, clock=lambda: 0.0)
    client.classify("news", ["x"])
    client.classify("news", ["x"], timeout=5)
    assert [call.timeout for call in fake.requests] == [30, 5]


def test_one_deadline_covers_all_requests_of_a_call() -> None:
    fake = FakeTransport().classifier("news", _two)
    ticks = iter(range(0, 1000, 20))
    client = Client(transport=fake, timeout=30, clock=lambda: float(next(ticks)))
    client.classify("news", ["x"])
    fake.classifier("news", _two, version=2)
    with pytest.raises(DeadlineExceededError, match="no answer within 30 s"):
        client.classify("news", ["x"])
    assert [(call.method, call.timeout) for call in fake.requests] == [(PREDICT, 10), (PREDICT, 10)]


def test_waits_until_a_model_is_there() -> None:
    now = [0.0]
    fake = FakeTransport()

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 1:
            fake.model("late", lambda inputs: inputs)

    client = Client(transport=fake, clock=lambda: now[0], sleep=sleep)
    client.wait_until_ready("late", 10, interval=0.25)
    assert now[0] == 1.25
    with pytest.raises(DeadlineExceededError):
        client.wait_until_ready("never", 10)


def test_a_server_that_is_not_there() -> None:
    quick = ConnectionSettings(retries=Retries(initial_backoff=0.01))
    with Client("localhost:1", timeout=10, connection=quick) as client, pytest.raises(UnavailableError) as excinfo:
        client.status("news")
    assert isinstance(excinfo.value, StatusError)


def test_closing_closes_the_transport() -> None:
    fake = FakeTransport()
    with Client(transport=fake) as client:
        assert not fake.closed
    assert fake.closed
    with pytest.raises(ValueError, match="this client is closed; make a new one"):
        client.health()


def test_versions_and_labels_are_asked_for() -> None:
    fake = FakeTransport().model("m", lambda _inputs: {"y": [1.0]}, version=1, label="stable")
    fake.model("m", lambda _inputs: {"y": [2.0]}, version=2)
    client = Client(transport=fake)
    answers = [client.predict("m", {}, **target)["y"].tolist() for target in ({}, {"version": 1}, {"label": "stable"})]
    assert answers == [[2.0], [1.0], [1.0]]
    with pytest.raises(NotFoundError, match=r"Specific\(m, 9\)"):
        client.predict("m", {}, version=9)
    with pytest.raises(InvalidArgumentError, match="Unrecognized servable version label: no"):
        client.predict("m", {}, label="no")
    assert [version.version for version in client.status("m")] == [2, 1]


def test_waiting_says_what_is_missing(model_server: ModelServer, client: Client) -> None:
    with pytest.raises(DeadlineExceededError, match=r"model news is not ready: .*label: stable.*no answer within"):
        client.wait_until_ready("news", 0.5, label="stable", interval=0.1)
    with pytest.raises(DeadlineExceededError, match=r"model news is not ready: .*version 9 of model news"):
        client.wait_until_ready("news", 0.5, version=9, interval=0.1)
    client.wait_until_ready("news", 20, version=1)
