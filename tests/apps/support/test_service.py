"""A customer service from a file to answers, at toy size: its models trained, exported and served."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes import call, complaint, kill_when
from tests.toy import TOPICS, toy_text, write_toy_preset
from tfapp import api
from tfapp.apps.shared.store import Store
from tfapp.apps.support.knowledge import Knowledge
from tfapp.apps.support.service import Support
from tfapp.errors import DataError, ServerError

ANSWERS = {"sport": "We play on Sunday.", "tech": "Press the button.", "money": "It is five {currency}."}


def write(file: Path, rows: Sequence[Sequence[str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("support")


@pytest.fixture(scope="module")
def faq(folder: Path) -> Path:
    """Questions with answers, one row broken."""
    rows = [(toy_text("sport", row), f"Answer {row}.") for row in range(20)]
    return write(folder / "faq.csv", [("question", "answer"), *rows, ("alone",)])


@pytest.fixture(scope="module")
def intents(folder: Path) -> Path:
    """Questions with intents, as Banking77 has them."""
    topics = sorted(TOPICS)
    rows = [(toy_text(topics[row % 3], row), topics[row % 3]) for row in range(120)]
    return write(folder / "intents.csv", [("text", "category"), *rows])


@pytest.fixture(scope="module")
def options(folder: Path) -> list[str]:
    preset = write_toy_preset(folder / "preset", layers=1, max_sequence_length=128)
    return [f"embedder_preset={preset}", f"intent_preset={preset}", "answer_threshold=0.99"]


@pytest.fixture(scope="module")
def service(folder: Path, faq: Path, options: list[str]) -> Support:
    """A service that was built from the questions with answers."""
    support = Support.open(folder / "home", overrides=options)
    result = support.build(str(faq), quiet=True)
    assert (result.addition.rows, result.addition.added, result.addition.rejected) == (21, 20, 1)
    assert (result.embedded, result.indexed, result.texts) == (40, 40, 40)
    return support


def test_a_second_build_adds_what_is_new_and_starts_no_server_for_nothing(
    service: Support, faq: Path, tmp_path: Path
) -> None:
    counts = service.knowledge.counts()
    result = service.build(str(faq), quiet=True)
    assert (result.addition.added, result.embedded, result.indexed) == (0, 0, 0)
    assert service.knowledge.counts()["pairs"] == counts["pairs"]
    more_questions = write(tmp_path / "more.csv", [("question", "answer"), (toy_text("money", 7), "Five.")])
    assert service.build(str(more_questions), quiet=True).embedded == 2
    # The settings of the first build were kept.
    assert Support.open(service.home).settings == service.settings


def test_it_asks_any_server_of_the_contract_and_survives_its_restart(service: Support) -> None:
    question = toy_text("sport", 3)
    with api.serve(service.models.folder) as server:
        port = int(server.address.rpartition(":")[2])
        remote = Support.open(service.home, server=server.address)
        with remote.assistant() as assistant:
            assert assistant.answer(f"{question} !").text == "Answer 3."
    with remote.assistant() as assistant:
        away = assistant.answer(question)
        assert (away.text, away.degraded) == ("Answer 3.", "embedder")
        with api.serve(service.models.folder, port=port):
            answer = assistant.answer(f"{question} !")
            assert (answer.text, answer.degraded) == ("Answer 3.", "")


def test_its_own_server_is_asked_without_the_secrets_of_others(
    service: Support, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TOKEN", "TLS_ROOT", "TLS_KEY"):
        monkeypatch.setenv(f"TFAPP_CLIENT_{name}", "missing.pem")
    with service.assistant() as assistant:
        assert assistant.answer(f"{toy_text('sport', 3)} !").text == "Answer 3."


def test_a_build_without_its_server_says_so_and_goes_on_later(service: Support, tmp_path: Path) -> None:
    more_questions = write(tmp_path / "more.csv", [("question", "answer"), (toy_text("tech", 9), "Nine.")])
    remote = Support.open(service.home, server="localhost:1")
    with pytest.raises(ServerError, match=r"localhost:1: the model minilm-l6 cannot be asked: .*goes on where"):
        replace(remote, wait=0.5).build(str(more_questions), quiet=True)
    result = service.build(str(more_questions), quiet=True)
    assert (result.addition.repeated, result.embedded) == (1, 2)


@pytest.mark.slow
def test_an_intent_model_is_trained_once_and_again_when_questions_have_grown(
    folder: Path, intents: Path, options: list[str], tmp_path: Path
) -> None:
    templates = write(tmp_path / "answers.csv", [("intent", "answer"), *ANSWERS.items()])
    service = Support.open(folder / "intents", overrides=[*options, "intent_threshold=0"])
    first = service.build(str(intents), answers=templates, quiet=True)
    assert first.intent_model.startswith("version 1, accuracy ")
    assert service.build(str(intents), quiet=True).intent_model == "version 1 is kept: there are no new questions"
    with service.assistant() as assistant:
        reply = assistant.ask(toy_text("sport", 500))
        assert reply.kind == "intent"
        assert reply.intent in TOPICS
    rows = [(toy_text("money", row), "money") for row in range(600, 610)]
    more_questions = write(tmp_path / "more.csv", [("text", "category"), *rows])
    assert service.build(str(more_questions), quiet=True).intent_model.startswith("version 2, ")


def test_too_few_questions_of_an_intent_are_told_and_the_rest_is_built(options: list[str], tmp_path: Path) -> None:
    file = write(tmp_path / "few.csv", [("text", "category"), ("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")])
    result = Support.open(tmp_path / "home", overrides=options).build(str(file), quiet=True)
    assert result.intent_model.startswith("not trained: ")
    assert result.embedded == 4


def test_nothing_can_be_asked_before_a_build(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing is known yet; `tfapp support build FILE"):
        Support.open(tmp_path).assistant().__enter__()


def test_answers_of_intents_must_all_be_good(tmp_path: Path, faq: Path) -> None:
    service = Support.open(tmp_path)
    with pytest.raises(DataError, match=r"answers\.csv, line 2: needs an intent and an answer"):
        service.build(str(faq), answers=write(tmp_path / "answers.csv", [("intent", "answer"), ("x", "")]))
    with pytest.raises(DataError, match='the answer of intent "x"'):
        service.build(str(faq), answers=write(tmp_path / "answers.csv", [("intent", "answer"), ("x", "{")]))


def test_the_commands_do_the_same(service: Support) -> None:
    home = ("--home", service.home)
    question = toy_text("sport", 4)
    result = call("support", "ask", question, "zebra zebra ?", *home, "--set", "answer_threshold=1", "--json")
    first, second = (json.loads(line) for line in result.out.splitlines())
    assert (first["text"], first["confidence"], second["kind"]) == ("Answer 4.", 1.0, "handover")
    assert call("support", "correct", second["turn"], "better", "Stripes.", *home).out.startswith("Saved.")
    message = complaint(call("support", "correct", second["turn"], "better", "Spots.", *home))
    assert "somebody answered this hand-over" in message
    (first,) = re.findall(r"Stripes\.; --replaces (\w+) puts", message)
    report = json.loads(call("support", "learn", *home, "--json").out)
    assert report["lesson"] == {"corrections": 1, "added": 1, "refused": 0}
    content = (service.home / "training/ranking.jsonl").read_text()
    assert json.loads(content) == {"query": "zebra zebra ?", "candidate": "Stripes.", "label": 1}
    output = call("support", "ask", "zebra zebra ?", *home).out
    assert "Service   Stripes." in output
    assert "(correction, line 0; cosine 1.00)" in output
    listing = call("support", "show", *home).out
    assert "faq.csv, line 22: 1 field, expected 2: alone" in listing
    correction = ("support", "correct", second["turn"], "better", "Spots.", "--replaces", first)
    assert call(*correction, *home).out.startswith("Saved.")


@pytest.mark.parametrize(
    ("arguments", "complains"),
    [
        (("build", "faq.csv", "--column", "question"), "--column question: expected NAME=VALUE"),
        (("build", "no-such.csv"), "no-such.csv: no such file, folder or data set"),
        (("build", "chatterbot", "--set", "candidate=5"), 'unknown setting candidate; did you mean "candidates"?'),
        (("build", "chatterbot", "--set", "passages=0"), "passages should be greater than or equal to 1, got 0"),
        (("show", "--home", "/dev/null/x"), "cannot be made"),
        (("correct", "t", "right"), "no turn t; `tfapp support ask` prints the turn"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], complains: str) -> None:
    home = () if "--home" in arguments else ("--home", tmp_path / "home")
    assert complains in complaint(call("support", *arguments, *home))


@pytest.mark.slow
def test_the_demo_shows_each_step(tmp_path: Path) -> None:
    result = call("support", "demo", "--home", tmp_path)
    assert result.code == 0, result
    for expected in (
        "2306 rows: 1176 new",
        "Service   Venus",
        "Service   Jupiter",
        "Why: ",
        "Learnt    1 correction: 1 new pair,",
    ):
        assert expected in result.out
    assert result.out.rindex("Service   Parcels arrive") > result.out.rindex("Learnt")


@pytest.mark.slow
def test_a_build_that_is_killed_is_gone_on_with(tmp_path: Path, options: list[str]) -> None:
    rows = [(f"{toy_text('sport', row)} {row}", f"Answer {row}.") for row in range(3000)]
    file = write(tmp_path / "faq.csv", [("question", "answer"), *rows])
    settings = [item for option in options for item in ("--set", option)]
    arguments = ("support", "build", file, "--home", tmp_path / "home", *settings)
    Support.open(tmp_path / "home").store.close()

    def vectors_are_there() -> bool:
        with Store.open(tmp_path / "home/store.sqlite") as store:
            knowledge = Knowledge(store, lambda: None)  # type: ignore[arg-type, return-value]
            return len(knowledge.vectors.ids("minilm-l6/1")) > 256

    kill_when(vectors_are_there, *arguments)
    service = Support.open(tmp_path / "home", overrides=options)
    assert 0 < len(service.knowledge.vectors.texts_without_vectors("minilm-l6/1")) < 6000
    result = service.build(str(file), quiet=True)
    assert (result.texts, service.knowledge.vectors.texts_without_vectors("minilm-l6/1")) == (6000, [])
    assert (result.indexed, result.addition.repeated) == (6000, 3000)
